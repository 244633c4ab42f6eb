import { Body, Controller, Get, Param, Post, Res } from '@nestjs/common';
import { CommandBus, QueryBus } from '@nestjs/cqrs';
import {
  ApiBearerAuth,
  ApiCreatedResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiProperty,
  ApiPropertyOptional,
  ApiTags,
} from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsBoolean, IsDefined, IsIn, IsObject, IsOptional, ValidateNested } from 'class-validator';
import type { FastifyReply } from 'fastify';
import { type Certificate, ErasureCertificate, LIMITS } from '../ledger/erasure/certificate.ts';
import { type ErasedSubject, EraseSubject } from '../ledger/erasure/erase-subject.ts';
import type { ErasureUnfinished } from '../ledger/erasure/parts.ts';
import type { OnLegalHold } from '../ledger/erasure/unfinished.ts';
import { IsText } from '../ledger/record/rules.ts';
import { Caller, Needs } from './auth.ts';
import { PersonDto } from './people.controller.ts';
import { answerError, HttpProblem } from './problem.ts';

answerError('UnknownSubject', {
  type: 'unknown-subject',
  detail: 'The ledger knows nobody by this. Who was erased is known by the reference alone.',
});
answerError<OnLegalHold>('OnLegalHold', {
  type: 'legal-hold',
  detail: ({ holds }) => `Nobody was erased, and the refusal is recorded. ${holds.map(inWords).join(' ')}`,
});
answerError('ErasureCopyUnavailable', {
  type: 'unavailable',
  detail: 'The file of erasures or its copy cannot be written, so that nobody can be erased for good now. Look at LIGGARE_ERASURE_COPY.',
  retryAfterSeconds: () => 30,
});
answerError<ErasureUnfinished>('ErasureUnfinished', {
  type: 'unavailable',
  detail: ({ id }) =>
    `The erasure is recorded (${id}) and will be completed: a part that it needs is away now. Send it again, or look at /v1/erasures/${id}.`,
  retryAfterSeconds: () => 30,
});
answerError('OwnErasure', { type: 'forbidden', detail: 'Nobody erases themselves: somebody else has to.' });
answerError('AdminNeeded', {
  type: 'forbidden',
  detail:
    'This person holds an API key that works, which only an admin may take away: erase with a key of scope admin, or revoke it before.',
});
answerError('ErasureUnknown', { type: 'not-found', detail: 'The ledger knows no erasure of this id.' });
answerError('ApiKeyHeld', {
  type: 'conflict',
  detail: 'A key of the environment belongs to this person, and only whoever set it can take it away. Start without it, then erase.',
});

/** Codes and dates alone: nothing that somebody wrote. */
function inWords({ ground, exception, reviewBy }: OnLegalHold['holds'][number]): string {
  return `A legal hold (${ground}${exception === undefined ? '' : `, Art. ${exception}`}) covers the person; its review is due by ${reviewBy}.`;
}

const GROUNDS = ['17(1)(a)', '17(1)(b)', '17(1)(c)', '17(1)(d)', '17(1)(e)', '17(1)(f)'];
const ERASURE = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const ID = '0199f2d1-6f4e-7c1a-9d33-2f5b8a6c4e10';
const REFERENCE = 'q83vEjRWeJCrze8SNFZ4kA';

class EraseDto {
  @ApiProperty({
    description: 'Who is erased, with everybody linked to them: `{scheme, value}`, with scheme `actor` for staff, or `{reference}`.',
    type: PersonDto,
    example: { scheme: 'customer-number', value: '10027' },
  })
  @IsDefined()
  @IsObject()
  @ValidateNested()
  @Type(() => PersonDto)
  subject!: PersonDto;

  @ApiProperty({ description: 'Ground of the erasure (Art. 17(1)).', enum: GROUNDS, example: '17(1)(b)' })
  @IsIn(GROUNDS)
  ground!: string;

  @ApiProperty({ description: 'Why, in words; kept sealed in the file of the case.', example: 'Asked for by letter.', maxLength: 1024 })
  @IsText('free')
  reason!: string;

  @ApiPropertyOptional({ description: "The request's number; kept sealed, found again by its digest.", example: 'request-31' })
  @IsOptional()
  @IsText('identifier')
  requestRef?: string;

  @ApiPropertyOptional({
    description: 'Whether nobody may contact the person again: keyed digests of the identifiers survive, and nothing else.',
    default: false,
    example: true,
  })
  @IsOptional()
  @IsBoolean()
  suppress?: boolean;
}

class DestroyedDto {
  @ApiProperty({ description: 'Keys; one a reference.', example: 1 })
  keys!: number;

  @ApiProperty({ description: 'Identifiers.', example: 3 })
  identifiers!: number;

  @ApiProperty({ description: 'Sessions and credentials that belonged to the person.', example: 0 })
  sessions!: number;

  @ApiProperty({ description: 'Items in quarantine that named the person, and whose content was ended.', example: 0 })
  quarantined!: number;

  @ApiPropertyOptional({
    description: 'Whether the bytes were overwritten in every file at once. False: another program read the key store; absent: not known.',
    example: true,
  })
  overwritten?: boolean;
}

class RemainingType {
  @ApiProperty({ description: 'Type of the events.', example: 'PersonalDataDisclosed' })
  type!: string;

  @ApiProperty({ description: 'How many.', example: 12 })
  events!: number;

  @ApiProperty({
    description: 'Why they stay.',
    example: 'Art. 5(2): that and why personal data was processed; of whom can no longer be told.',
  })
  why!: string;
}

class StaysDto {
  @ApiProperty({ description: 'Events counted: the answer to the erasure itself counts the first thousand.', example: 12 })
  counted!: number;

  @ApiProperty({ description: 'Whether these are all there are.', example: true })
  complete!: boolean;

  @ApiProperty({ description: 'By type, the most frequent first.', type: [RemainingType] })
  byType!: RemainingType[];
}

class CaseFileDto {
  @ApiProperty({ description: 'Until when the reason and the request can be opened, UTC.', example: '2029-03-01T09:14:07.120Z' })
  until!: string;
}

class AcknowledgedDto {
  @ApiProperty({ description: 'Name of the read model.', example: 'entries' })
  name!: string;

  @ApiProperty({ description: 'Whether it has seen the erasure.', example: true })
  acknowledged!: boolean;

  @ApiProperty({ description: 'How far it has come.', example: 415 })
  position!: number;
}

class CertificateDto implements Certificate {
  @ApiProperty({ description: 'Of the erasure.', example: ID })
  id!: string;

  @ApiProperty({
    description:
      'What was stopped is in progress; it is completed at the next start at the latest. Withdrawn: a legal hold stood, and nothing was erased.',
    enum: ['completed', 'in-progress', 'withdrawn'] as const,
    example: 'completed',
  })
  state!: 'completed' | 'in-progress' | 'withdrawn';

  @ApiProperty({
    description: 'What the log knows the person by, and what questions find the records by.',
    type: [String],
    example: [REFERENCE],
  })
  references!: string[];

  @ApiProperty({ description: 'Ground (Art. 17(1)).', example: '17(1)(b)' })
  ground!: string;

  @ApiProperty({ description: 'When it was decided, UTC.', example: '2026-03-02T09:14:07.120Z' })
  erasedAt!: string;

  @ApiPropertyOptional({ description: 'When the log confirmed it, UTC.', example: '2026-03-02T09:14:07.163Z' })
  completedAt?: string;

  @ApiPropertyOptional({ description: 'What is gone.', type: DestroyedDto })
  destroyed?: DestroyedDto;

  @ApiProperty({ description: 'What stays, under the reference alone.', type: StaysDto })
  stays!: StaysDto;

  @ApiProperty({ description: 'The file of the case.', type: CaseFileDto })
  caseFile!: CaseFileDto;

  @ApiProperty({ description: 'Whether the identifiers are on the suppression list.', example: true })
  suppressed!: boolean;

  @ApiProperty({ description: 'The read models.', type: [AcknowledgedDto] })
  projections!: AcknowledgedDto[];

  @ApiProperty({ description: 'What the erasure does not reach.', type: [String], example: [LIMITS[0]] })
  limits!: readonly string[];
}

@ApiTags('people')
@ApiBearerAuth()
@Controller('v1')
export class ErasuresController {
  constructor(
    private readonly commands: CommandBus,
    private readonly queries: QueryBus,
  ) {}

  @Post('subjects/erase')
  @Needs('erase')
  @ApiOperation({
    summary: 'Erase a data subject or an actor (Art. 17)',
    description:
      'Destroys the key and every identifier: from then on nobody can tell who the person was, and nothing that was sealed for them opens. ' +
      'What was recorded stays as evidence without a person. Refused (409) while a legal hold covers the person. Whoever holds an API key is erased by an admin, and nobody by themselves. There is no way back.',
  })
  @ApiCreatedResponse({ description: 'Erased: the certificate.', type: CertificateDto })
  @ApiOkResponse({ description: 'Had been erased before: the certificate of that erasure.', type: CertificateDto })
  async erase(@Body() body: EraseDto, @Caller() caller: Caller, @Res({ passthrough: true }) reply: FastifyReply): Promise<Certificate> {
    const { ground, reason, requestRef, suppress } = body;
    const { certificate, isNew } = await this.commands.execute(
      new EraseSubject({
        ...{ subject: subjectOf(body.subject), ground, reason, author: caller, now: Date.now() },
        ...(requestRef != null && { requestRef }),
        ...(suppress != null && { suppress }),
      }),
    );
    reply.code(isNew ? 201 : 200).header('location', `/v1/erasures/${certificate.id}`);
    return certificate;
  }

  @Get('erasures/:id')
  @Needs('erase')
  @ApiOperation({ summary: 'The certificate of an erasure, with everything counted that stays' })
  @ApiParam({ name: 'id', description: 'Of the erasure.', example: ID })
  @ApiOkResponse({ type: CertificateDto })
  certificate(@Param('id') id: string): Promise<Certificate> {
    if (!ERASURE.test(id)) throw new HttpProblem('not-found', { detail: 'The ledger knows no erasure of this id.' });
    return this.queries.execute(new ErasureCertificate(id));
  }
}

/** @throws HttpProblem where both are given: which one is meant? */
function subjectOf({ scheme, value, reference }: PersonDto): ErasedSubject {
  if (reference == null) return { scheme: scheme as string, value: value as string };
  if (scheme == null && value == null) return { reference };
  const error = { path: '/subject', rule: 'ambiguous', message: 'is either {scheme, value} or {reference}' };
  throw new HttpProblem('invalid', { detail: 'See errors for each field and its rule.', errors: [error] });
}
