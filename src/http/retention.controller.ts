import { Controller, Get, HttpCode, Post, Query } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiProperty, ApiPropertyOptional, ApiTags } from '@nestjs/swagger';
import { IsOptional, Matches } from 'class-validator';
import { type DuePerson, type EndOfKeep, EraseDue } from '../retention.ts';
import { Needs } from './auth.ts';
import { answerError } from './problem.ts';
import { TakesNothing } from './route.ts';

answerError('NoKeepSet', {
  type: 'conflict',
  detail: 'Keys are kept without end: LIGGARE_SUBJECT_KEY_KEEP is not set. Nobody was erased.',
});

class PageQuery {
  @ApiPropertyOptional({ description: 'The `next` of the page before.', example: '1000' })
  @IsOptional()
  @Matches(/^\d{1,15}$/)
  cursor?: string;
}

class DueDto implements DuePerson {
  @ApiProperty({ description: 'All references that are one person.', type: [String], example: ['q83vEjRWeJCrze8SNFZ4kA'] })
  references!: string[];

  @ApiProperty({ description: 'When the last event about them happened, UTC.', example: '2019-03-02T09:14:07.120Z' })
  lastAt!: string;

  @ApiPropertyOptional({
    description: 'Why they are not erased: a legal hold, or an API key of theirs that works.',
    enum: ['legal-hold', 'api-key'],
    example: 'legal-hold',
  })
  exception?: 'legal-hold' | 'api-key';

  @ApiPropertyOptional({
    description: 'Id of the erasure, for its certificate; absent on a dry run and with an exception.',
    example: '0199f2d1-6f4e-7c1a-9d33-2f5b8a6c4e10',
  })
  erasure?: string;
}

class EndOfKeepDto {
  @ApiProperty({ description: 'The period that is kept (LIGGARE_SUBJECT_KEY_KEEP).', example: 'P7Y' })
  keep!: string;

  @ApiProperty({ description: 'Whose last event happened before this is due, UTC.', example: '2019-11-22T14:00:00.000Z' })
  before!: string;

  @ApiProperty({ description: 'Somebody who is linked may stand on several pages. Never an identifier.', type: [DueDto] })
  items!: DueDto[];

  @ApiPropertyOptional({ description: 'For the next page; absent on the last. A page may be empty and not the last.', example: '1000' })
  next?: string;
}

@ApiTags('people')
@ApiBearerAuth()
@Controller('v1/retention')
export class RetentionController {
  constructor(private readonly commands: CommandBus) {}

  @Get()
  @Needs('retention')
  @ApiOperation({
    summary: 'A page of the data subjects whose keys the ledger is due to destroy, because nothing was recorded about them for long enough',
    description:
      'What the ledger itself keeps (LIGGARE_SUBJECT_KEY_KEEP). How long the sources may keep data is told by `POST /v1/queries/retention`.',
  })
  @ApiOkResponse({ type: EndOfKeepDto })
  list(@Query() { cursor }: PageQuery): Promise<EndOfKeepDto> {
    return this.page(cursor, true);
  }

  @Post()
  @HttpCode(200)
  @Needs('retention')
  @TakesNothing()
  @ApiOperation({
    summary: 'Erase a page of them',
    description:
      'On ground 17(1)(a), in the ledger’s own name; legal holds are excepted. The service does the same once a day with all of them.',
  })
  @ApiOkResponse({ type: EndOfKeepDto })
  erase(@Query() { cursor }: PageQuery): Promise<EndOfKeepDto> {
    return this.page(cursor, false);
  }

  private async page(cursor: string | undefined, dryRun: boolean): Promise<EndOfKeepDto> {
    const after = cursor === undefined ? {} : { after: Number(cursor) };
    const { next, ...page }: EndOfKeep = await this.commands.execute(new EraseDue({ now: Date.now(), dryRun, ...after }));
    return { ...page, ...(next !== undefined && { next: String(next) }) };
  }
}
