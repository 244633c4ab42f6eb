import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiProperty, ApiPropertyOptional, ApiTags } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsDefined, IsInt, IsObject, IsOptional, IsString, Matches, Max, Min, ValidateNested } from 'class-validator';
import { type InvalidWindow, MAX_DAYS, Simulate, type Simulation } from '../../projections/simulation/query.ts';
import type { RetentionChanges } from '../../projections/simulation/retention.ts';
import type { SimulationTooLong } from '../../projections/simulation/simulate.ts';
import { type ChangeExample, type ChangesOfRule, MAX_EXAMPLES } from '../../projections/simulation/tally.ts';
import { Config } from '../config.ts';
import { policyOf } from '../ledger/policy/commands.ts';
import { Vocabulary } from '../vocabulary/vocabulary.ts';
import { Caller, Needs } from './auth.ts';
import { MAX_TEXT, policyTextOf } from './policies.controller.ts';
import { answerError } from './problem.ts';
import { ReasonDto } from './question.dto.ts';
import { Questions } from './questions.ts';
import { ForeignJson } from './validation.ts';

answerError<InvalidWindow>('InvalidWindow', {
  type: 'invalid',
  detail: 'See errors for each field and its rule.',
  errors: ({ message }) => [{ path: '/to', rule: 'window', message }],
});
answerError<SimulationTooLong>('SimulationTooLong', {
  type: 'too-broad',
  detail: ({ events }) => `The simulation took too long, and was ended after ${events} events: take a narrower window.`,
});
answerError<Error & { retryAfterSeconds: number }>('SimulationRunning', {
  type: 'unavailable',
  detail: 'Another simulation is running; ask again when it has ended.',
  retryAfterSeconds: ({ retryAfterSeconds }) => retryAfterSeconds,
});

const MOMENT = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2}))?$/;
const EXAMPLES_EACH = 10;

class SimulationToRun {
  @ApiProperty({
    description:
      'The draft, as for `POST /v1/policies`: its text in YAML, or the document as a JSON object. Its `effectiveFrom` does not count.',
    oneOf: [
      { type: 'string', maxLength: MAX_TEXT },
      { type: 'object', additionalProperties: true },
    ],
    example: 'format: 1\npolicy: mailit\nversion: draft\neffectiveFrom: 2027-01-01\n…',
  })
  @ForeignJson()
  @IsDefined()
  document!: unknown;

  @ApiProperty({
    description: 'Events that happened at or after: a date-time with an offset, or a date (its start in UTC).',
    example: '2026-01-01',
  })
  @IsString()
  @Matches(MOMENT)
  from!: string;

  @ApiProperty({ description: `Events that happened before; at most ${MAX_DAYS} days after \`from\`.`, example: '2026-04-01' })
  @IsString()
  @Matches(MOMENT)
  to!: string;

  @ApiProperty({ description: 'Why it is asked.', type: ReasonDto })
  @IsDefined()
  @IsObject()
  @ValidateNested()
  @Type(() => ReasonDto)
  reason!: ReasonDto;

  @ApiPropertyOptional({
    description: `Examples of each sort of finding that would appear, and that would go; ${MAX_EXAMPLES} in all.`,
    minimum: 0,
    maximum: EXAMPLES_EACH,
    default: 3,
    example: 3,
  })
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(EXAMPLES_EACH)
  examples?: number | null;

  @ApiPropertyOptional({ description: 'Wait until the read side has reached this position.', example: 412 })
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(Number.MAX_SAFE_INTEGER)
  after?: number | null;
}

class ChangedSubjectsDto {
  @ApiProperty({ description: 'People whom findings that appear are about.', example: 12 })
  appear!: number;

  @ApiProperty({ description: 'People whom findings that go are about.', example: 0 })
  go!: number;
}

class TotalDto {
  @ApiProperty({ description: 'Findings that would appear.', example: 14 })
  appear!: number;

  @ApiProperty({ description: 'Findings that would go.', example: 0 })
  go!: number;

  @ApiProperty({ description: 'Findings that would stay as they are.', example: 3 })
  stay!: number;

  @ApiProperty({ description: 'So many people are concerned.', type: ChangedSubjectsDto })
  subjects!: ChangedSubjectsDto;
}

class ChangesDto extends TotalDto implements ChangesOfRule {
  @ApiProperty({ description: 'The rule.', example: 'R4' })
  rule!: string;

  @ApiProperty({ description: 'The rule in a few words.', example: 'Categories are those of the purpose' })
  title!: string;

  @ApiProperty({ description: 'What would be found.', enum: ['violates', 'undeterminable'], example: 'violates' })
  verdict!: ChangesOfRule['verdict'];

  @ApiPropertyOptional({ description: 'What is broken, as a code.', example: 'category-not-for-purpose' })
  what?: string;
}

class ExampleEventDto {
  @ApiProperty({ description: 'Source of the record.', example: 'urn:mailit:billing' })
  source!: string;

  @ApiProperty({ description: 'Its id.', example: '2026-03-02-000412' })
  id!: string;

  @ApiProperty({ description: 'Where it stands in the log.', example: 412 })
  position!: number;

  @ApiProperty({ description: 'Its type.', example: 'PersonalDataUsed' })
  type!: string;

  @ApiProperty({ description: 'When it happened, UTC.', example: '2026-03-02T09:14:07.120Z' })
  time!: string;
}

class ExampleDto implements ChangeExample {
  @ApiProperty({ description: 'Whether the finding would appear, or go.', enum: ['appears', 'goes'], example: 'appears' })
  change!: ChangeExample['change'];

  @ApiProperty({ description: 'The rule.', example: 'R4' })
  rule!: string;

  @ApiProperty({ description: 'What would be found.', enum: ['violates', 'undeterminable'], example: 'violates' })
  verdict!: ChangeExample['verdict'];

  @ApiPropertyOptional({ description: 'What is broken, as a code.', example: 'category-not-for-purpose' })
  what?: string;

  @ApiPropertyOptional({ description: 'How grave a violation is.', example: 'high' })
  severity?: string;

  @ApiProperty({
    description: 'Clause of the policy by which it is found; null where none covers it.',
    type: Number,
    nullable: true,
    example: 9,
  })
  clause!: number | null;

  @ApiProperty({ description: 'Article of the GDPR.', example: '5(1)(c)' })
  article!: string;

  @ApiPropertyOptional({ description: 'What would have to be known.', type: [String], example: ['subjects.category'] })
  missing?: string[];

  @ApiPropertyOptional({ description: 'Which recipient it is about, where that is not the event’s own.', example: 'one-bank' })
  recipient?: string;

  @ApiPropertyOptional({ description: 'When what was due had not been done, UTC.', example: '2026-04-02T23:59:59.999Z' })
  dueAt?: string;

  @ApiProperty({ description: 'The event that is judged.', type: ExampleEventDto })
  event!: ExampleEventDto;
}

class OverdueDto {
  @ApiProperty({ description: 'Now.', example: 3 })
  before!: number;

  @ApiProperty({ description: 'Under the draft.', example: 41 })
  after!: number;
}

class RetentionChangesDto implements RetentionChanges {
  @ApiProperty({ description: 'Key of the rule under `retention`.', example: 'recruitment' })
  rule!: string;

  @ApiProperty({
    description: 'Items (a person and a purpose, and a case where the rule follows one) whose day is known now.',
    example: 120,
  })
  items!: number;

  @ApiProperty({ description: 'Of them, due sooner.', example: 120 })
  sooner!: number;

  @ApiProperty({ description: 'Of them, due later.', example: 0 })
  later!: number;

  @ApiProperty({
    description: 'Of them, those whose day cannot be told: the rule is gone, or counts from something else, or speaks of other data.',
    example: 0,
  })
  untold!: number;

  @ApiProperty({ description: 'Of them, overdue, legal holds aside.', type: OverdueDto })
  overdue!: OverdueDto;
}

class DraftDto {
  @ApiProperty({ description: 'Which policy it is.', example: 'mailit' })
  policy!: string;

  @ApiProperty({ description: 'Its version.', example: 'draft' })
  version!: string;

  @ApiProperty({
    description: 'SHA-256 of the draft in RFC 8785 form, hexadecimal.',
    example: '6f1c2d3e4a5b60718293a4b5c6d7e8f96f1c2d3e4a5b60718293a4b5c6d7e8f9',
  })
  digest!: string;
}

class SimulationDto implements Omit<Simulation, 'people' | 'correlationId'> {
  @ApiProperty({ description: 'What was judged by.', type: DraftDto })
  draft!: DraftDto;

  @ApiProperty({ description: 'Beginning of the window, UTC.', example: '2026-01-01T00:00:00.000Z' })
  from!: string;

  @ApiProperty({ description: 'End of the window, UTC.', example: '2026-04-01T00:00:00.000Z' })
  to!: string;

  @ApiProperty({ description: 'Everything recorded up to here was considered.', example: 90_211 })
  position!: number;

  @ApiProperty({ description: 'What is due later is no finding: UTC.', example: '2026-11-02T09:00:00.000Z' })
  asOf!: string;

  @ApiProperty({ description: 'Events that were judged.', example: 12_400 })
  events!: number;

  @ApiProperty({ description: 'Of all rules together.', type: TotalDto })
  total!: TotalDto;

  @ApiProperty({ description: 'By what would be found, in the order of the rules.', type: [ChangesDto] })
  items!: ChangesDto[];

  @ApiProperty({ description: 'Some of the findings that would appear, or go.', type: [ExampleDto] })
  examples!: ExampleDto[];

  @ApiProperty({
    description:
      'Rules of retention under which days would change, for everything that is kept now, whatever the window; null while that is not known.',
    type: [RetentionChangesDto],
    nullable: true,
  })
  retention!: RetentionChangesDto[] | null;
}

@ApiTags('policies')
@ApiBearerAuth()
@Controller('v1/policies/simulate')
export class SimulationController {
  constructor(
    private readonly questions: Questions,
    private readonly vocabulary: Vocabulary,
    private readonly config: Config,
  ) {}

  @Post()
  @HttpCode(200)
  @Needs('findings')
  @ApiOperation({
    summary: 'What a draft would have found',
    description:
      'Judges what happened in a window of the past as if the draft had been in force throughout, and tells which findings would appear, go and stay. Nothing is published or changed. ' +
      'One simulation runs at a time, for as long as a question may (`LIGGARE_QUERY_MS`); a longer one ends with 422.',
  })
  @ApiOkResponse({ type: SimulationDto })
  async simulate(
    @Body() { document, reason, from, to, examples, after }: SimulationToRun,
    @Caller() caller: Caller,
  ): Promise<SimulationDto> {
    const draft = policyOf(policyTextOf(document, '/document'), this.vocabulary);
    const wanted = { ...(examples != null && { examples }), ...(after != null && { after }) };
    const question = new Simulate({ draft, from, to, ...wanted, limitMs: this.config.queryMs });
    const {
      people: _,
      correlationId: __,
      ...answer
    } = await this.questions.recorded('simulate', () => question, { axes: ['from', 'to'], reason }, caller);
    return answer;
  }
}
