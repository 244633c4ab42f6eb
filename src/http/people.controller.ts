import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiProperty, ApiPropertyOptional, ApiTags } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { ArrayMaxSize, ArrayMinSize, IsArray, IsDefined, IsObject, IsString, Matches, ValidateIf, ValidateNested } from 'class-validator';
import { REFERENCE_PATTERN } from '../ledger/entry.ts';
import {
  type Linked,
  type LinkOfErased,
  LinkSubjects,
  type NamedPerson,
  type PersonUnknown,
  type Separated,
  SeparateSubjects,
  type ShownLink,
} from '../ledger/people/commands.ts';
import { MAX_LINKED } from '../ledger/people/decider.ts';
import { IsText } from '../ledger/record/rules.ts';
import { SOURCE_PATTERN } from '../vocabulary/source.ts';
import { Caller, Needs } from './auth.ts';
import { answerError } from './problem.ts';

answerError<PersonUnknown>('PersonUnknown', {
  type: 'unknown-subject',
  detail: 'The ledger knows nobody of whom this speaks.',
  errors: ({ index }) =>
    index === undefined ? [] : [{ path: `/subjects/${index}/reference`, rule: 'unknown', message: 'is a reference that an answer showed' }],
});
answerError<LinkOfErased>('LinkOfErased', {
  type: 'conflict',
  detail: 'Who was erased is not joined to anybody any more; nothing was recorded.',
  errors: ({ index }) => [
    { path: `/subjects/${index}/reference`, rule: 'erased', message: 'is the reference of somebody who was not erased' },
  ],
});
answerError('LinkUnknown', {
  type: 'not-found',
  detail: 'There is no such link: the target is the SubjectsMerged that joined two or more references, by its source and id.',
});
answerError('TooManyLinked', {
  type: 'conflict',
  detail: `More than ${MAX_LINKED} references would be one person; nothing was recorded.`,
});
answerError('OwnApproval', {
  type: 'invalid',
  detail: 'See errors for each field and its rule.',
  errors: () => [{ path: '/approver', rule: 'own-approval', message: 'is somebody else than the person to whom the key belongs' }],
});

const REFERENCE = 'q83vEjRWeJCrze8SNFZ4kA';
const OTHER_REFERENCE = 'wXyz0aBcDeFgHiJkLmNoPQ';
const LINK = '0199f2d1-6f4e-7c1a-9d33-2f5b8a6c4e10';

/** Somebody whom the ledger knows, or an identifier that is to be theirs. */
export class PersonDto {
  @ApiPropertyOptional({ description: 'The scheme of the identifier; `actor` for staff.', example: 'customer-number' })
  @ValidateIf(({ reference }: PersonDto) => reference == null)
  @IsString()
  @Matches(/^[a-z0-9-]{1,40}$/)
  scheme?: string;

  @ApiPropertyOptional({ description: 'The identifier.', example: '10027', minLength: 1, maxLength: 1024 })
  @ValidateIf(({ reference }: PersonDto) => reference == null)
  @IsText('identifier')
  value?: string;

  @ApiPropertyOptional({ description: 'Instead of an identifier: the reference, as an answer showed it.', example: REFERENCE })
  @ValidateIf(({ reference }: PersonDto) => reference != null)
  @IsString()
  @Matches(REFERENCE_PATTERN)
  reference?: string;
}

class LinkDto {
  @ApiProperty({
    description:
      'Who is one person: two or more, each by `{scheme, value}` or `{reference}`. An identifier that nobody has becomes one of the first who is known.',
    type: [PersonDto],
    minItems: 2,
    maxItems: MAX_LINKED,
    example: [
      { scheme: 'customer-number', value: '10027' },
      { scheme: 'email', value: 'kim.lind@example.com' },
    ],
  })
  @IsArray()
  @ArrayMinSize(2)
  @ArrayMaxSize(MAX_LINKED)
  @IsObject({ each: true })
  @ValidateNested({ each: true })
  @Type(() => PersonDto)
  subjects!: PersonDto[];

  @ApiProperty({ description: 'Why, in words; kept sealed.', example: 'Confirmed by phone that both are hers.', maxLength: 1024 })
  @IsText('free')
  reason!: string;
}

class LinkShown implements ShownLink {
  @ApiProperty({ description: 'With `id`: the SubjectsMerged that joins them.', example: 'urn:liggare:people' })
  source!: string;

  @ApiProperty({ description: 'To separate them again.', example: LINK })
  id!: string;

  @ApiProperty({ description: 'Whom it joins.', type: [String], example: [REFERENCE, OTHER_REFERENCE] })
  references!: string[];

  @ApiProperty({ description: 'Since when, UTC.', example: '2026-03-02T09:14:07.120Z' })
  linkedAt!: string;
}

class LinkedDto implements Linked {
  @ApiProperty({ description: 'All references that are one person now.', type: [String], example: [REFERENCE, OTHER_REFERENCE] })
  references!: string[];

  @ApiProperty({ description: 'What joins them.', type: [LinkShown] })
  links!: LinkShown[];

  @ApiProperty({ description: 'Identifiers that were not known before and are this person’s from now on.', example: 0 })
  identifiersAdded!: number;

  @ApiPropertyOptional({ description: 'Where it stands in the log, for `after`; absent where everything was so already.', example: 413 })
  position?: number;
}

class LinkPointer {
  @ApiProperty({ description: 'Source of the SubjectsMerged.', example: 'urn:liggare:people' })
  @IsString()
  @Matches(SOURCE_PATTERN)
  source!: string;

  @ApiProperty({ description: 'Its id.', example: LINK })
  @IsText('identifier', 200)
  id!: string;
}

class SeparateDto {
  @ApiProperty({ description: 'The SubjectsMerged that was wrong.', type: LinkPointer })
  @IsDefined()
  @IsObject()
  @ValidateNested()
  @Type(() => LinkPointer)
  target!: LinkPointer;

  @ApiProperty({ description: 'Why, in words; kept sealed.', example: 'Two people of one name.', maxLength: 1024 })
  @IsText('free')
  reason!: string;

  @ApiProperty({ description: 'Who approved it, by their id: somebody else than the person to whom the key belongs.', example: 'maria.ek' })
  @IsText('identifier', 200)
  approver!: string;
}

class SeparatedDto implements Separated {
  @ApiProperty({
    description: 'Those whom it had joined, as they belong together now.',
    type: 'array',
    items: { type: 'array', items: { type: 'string' } },
    example: [[REFERENCE], [OTHER_REFERENCE]],
  })
  groups!: string[][];

  @ApiPropertyOptional({ description: 'Where it stands in the log, for `after`; absent where it was so already.', example: 414 })
  position?: number;
}

@ApiTags('people')
@ApiBearerAuth()
@Controller('v1/subjects')
export class PeopleController {
  constructor(private readonly commands: CommandBus) {}

  @Post('link')
  @HttpCode(200)
  @Needs('link')
  @ApiOperation({
    summary: 'Say that several identifiers or references are one person',
    description:
      'Questions answer about all of them from then on, and erasure reaches all of them. Doing it again changes nothing. Who was erased cannot be linked.',
  })
  @ApiOkResponse({ type: LinkedDto })
  link(@Body() { subjects, reason }: LinkDto, @Caller() caller: Caller): Promise<Linked> {
    return this.commands.execute(new LinkSubjects(subjects.map(namedPerson), reason, caller, Date.now()));
  }

  @Post('separate')
  @HttpCode(200)
  @Needs('link')
  @ApiOperation({
    summary: 'Retract a link',
    description: 'Removes exactly that link: whom another one joins stays joined, and identifiers that were added stay with their person.',
  })
  @ApiOkResponse({ type: SeparatedDto })
  separate(@Body() { target, reason, approver }: SeparateDto, @Caller() caller: Caller): Promise<Separated> {
    return this.commands.execute(new SeparateSubjects(target, reason, approver, caller, Date.now()));
  }
}

function namedPerson({ scheme, value, reference }: PersonDto): NamedPerson {
  return reference != null ? { reference } : { scheme: scheme as string, value: value as string };
}
