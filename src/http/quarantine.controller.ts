import { Body, Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { CommandBus, QueryBus } from '@nestjs/cqrs';
import { ApiBearerAuth, ApiOperation, ApiParam, ApiProperty, ApiPropertyOptional, ApiTags, getSchemaPath } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsDefined, IsIn, IsObject, IsOptional, IsString, Matches, MaxLength, ValidateNested } from 'class-validator';
import { QuarantineList } from '../../projections/quarantine/query.ts';
import type { RecordAnswer } from '../ledger/record/record-events.ts';
import { type NotReleasable, OpenQuarantined, ReleaseQuarantined } from '../ledger/record/release.ts';
import { SOURCE_PATTERN } from '../vocabulary/source.ts';
import { Caller, Needs } from './auth.ts';
import { answerError, HttpProblem } from './problem.ts';
import { ReasonDto } from './question.dto.ts';
import { Questions } from './questions.ts';
import { ForeignJson } from './validation.ts';

answerError('NotInQuarantine', { type: 'not-found', detail: 'No item of this id was ever in quarantine.' });
answerError('QuarantineEnded', {
  type: 'not-found',
  detail: 'The content of this item was destroyed; what remains is that it was received, and why it was kept.',
});
answerError<NotReleasable>('NotReleasable', {
  type: 'invalid',
  detail: 'The corrected event cannot be recorded; the item stays as it was. See errors.',
  errors: (error) => error.problems,
});

const ITEM = /^[A-Za-z0-9_-]{22}$/;
const ITEM_PARAM = ApiParam({ name: 'id', description: 'Of the item.', example: 'q83vEjRWeJCrze8SNFZ4kA' });

class QuarantineQuery {
  @ApiPropertyOptional({ description: 'Only items of this source.', example: 'urn:mailit:billing' })
  @IsOptional()
  @Matches(SOURCE_PATTERN)
  source?: string;

  @ApiPropertyOptional({ enum: ['open', 'released', 'corrected'], example: 'open' })
  @IsOptional()
  @IsIn(['open', 'released', 'corrected'])
  state?: 'open' | 'released' | 'corrected';

  @ApiPropertyOptional({ description: 'Items a page, 1 to 1,000.', default: '50', example: '50' })
  @IsOptional()
  @Matches(/^([1-9]\d{0,2}|1000)$/)
  limit?: string;

  @ApiPropertyOptional({ description: 'The `next` of the page before.', example: 'eyJwIjo0MTJ9.q83vEjRWeJA' })
  @IsOptional()
  @IsString()
  @MaxLength(4096)
  cursor?: string;

  @ApiPropertyOptional({ description: 'Wait until the read side has reached this position.', example: '412' })
  @IsOptional()
  @Matches(/^\d{1,15}$/)
  after?: string;
}

class OpenDto {
  @ApiProperty({ description: 'Why it is opened; recorded.', type: ReasonDto })
  @IsDefined()
  @IsObject()
  @ValidateNested()
  @Type(() => ReasonDto)
  reason!: ReasonDto;
}

class ReleaseDto {
  @ApiProperty({
    description: 'The corrected CloudEvent. What was well-formed of its source, id and type stays.',
    type: 'object',
    additionalProperties: true,
    example: { specversion: '1.0' },
  })
  @IsDefined()
  @IsObject()
  @ForeignJson()
  event!: Record<string, unknown>;

  @ApiProperty({
    description: 'Why it is released so: in words, which are kept sealed, or as a purpose and a case.',
    oneOf: [{ type: 'string', minLength: 1, maxLength: 1024 }, { $ref: getSchemaPath(ReasonDto) }],
    example: 'The purpose was misspelt; corrected with the sender.',
  })
  @IsDefined()
  reason!: string | ReasonDto;
}

@ApiTags('quarantine')
@ApiBearerAuth()
@Controller('v1/quarantine')
export class QuarantineController {
  constructor(
    private readonly commands: CommandBus,
    private readonly queries: QueryBus,
    private readonly questions: Questions,
  ) {}

  @Get()
  @Needs('quarantine')
  @ApiOperation({ summary: 'What was kept because it breaks the schema: identity, times and problems, never a value' })
  list(@Query() { limit, after, ...query }: QuarantineQuery, @Caller() caller: Caller) {
    return this.queries.execute(
      new QuarantineList({
        ...query,
        limit: Number(limit ?? 50),
        after: after === undefined ? undefined : Number(after),
        keyId: caller.keyId,
      }),
    );
  }

  @Post(':id/open')
  @HttpCode(200)
  @Needs('quarantine')
  @ApiOperation({ summary: 'The content of an item as it came; the opening is recorded first' })
  @ITEM_PARAM
  async open(@Param('id') id: string, @Body() { reason }: OpenDto, @Caller() caller: Caller) {
    this.known(id);
    await this.questions.recordOpening(id, reason, caller);
    return this.commands.execute(new OpenQuarantined(id));
  }

  @Post(':id/release')
  @HttpCode(200)
  @Needs('release')
  @ApiOperation({ summary: 'Record the corrected event and close the item' })
  @ITEM_PARAM
  release(@Param('id') id: string, @Body() { event, reason }: ReleaseDto, @Caller() caller: Caller): Promise<RecordAnswer> {
    this.known(id);
    return this.commands.execute(new ReleaseQuarantined(id, event, this.questions.reasonOf(reason), caller, Date.now()));
  }

  private known(id: string): void {
    if (!ITEM.test(id)) throw new HttpProblem('not-found', { detail: 'No item of this id was ever in quarantine.' });
  }
}
