import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import {
  ApiBearerAuth,
  ApiBody,
  ApiExtraModels,
  ApiOkResponse,
  ApiOperation,
  ApiProperty,
  ApiPropertyOptional,
  ApiTags,
  getSchemaPath,
} from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsDefined, IsInt, IsObject, IsOptional, Max, Min, ValidateNested } from 'class-validator';
import { Decide, type DecisionsAnswer } from '../../projections/decisions/query.ts';
import { Beforehand, type Intended, type InvalidIntention, type NotPermittedToIntend } from '../ledger/record/beforehand.ts';
import { CheckSuppression } from '../ledger/suppression/check.ts';
import { Caller, Needs } from './auth.ts';
import { BATCH_BYTES } from './body.ts';
import { answerError, type FieldProblem, HttpProblem } from './problem.ts';
import { ReasonDto } from './question.dto.ts';
import { Questions } from './questions.ts';
import { Takes } from './route.ts';
import { checked } from './validation.ts';

const MAX_DECISIONS = 100;
/** Of one decision there are as many as one event may name. */
const MAX_SUBJECTS = 10_000;

answerError<InvalidIntention>('InvalidIntention', {
  type: 'invalid',
  detail: 'What is asked about is no event that could follow. See errors for each field and its rule.',
  errors: (error) => error.problems,
});
answerError<NotPermittedToIntend>('NotPermittedToIntend', {
  type: 'forbidden',
  detail: 'This key may ask about nothing but what it may record. See errors.',
  errors: (error) => error.problems,
});

/** What every request has beside what it asks about. */
class FrameDto {
  @ApiProperty({ description: 'Why it is asked. It is recorded with the question.', type: ReasonDto })
  @IsDefined()
  @IsObject()
  @ValidateNested()
  @Type(() => ReasonDto)
  reason!: ReasonDto;

  @ApiPropertyOptional({
    description: 'Wait, at most the configured time, until the read side has reached this position.',
    minimum: 0,
    example: 412,
  })
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(Number.MAX_SAFE_INTEGER)
  after?: number;
}

/** The event that would follow. Documented here, and judged by the schema of its type. */
class IntentionDto {
  @ApiProperty({ description: 'The type of the event that would follow: processing, other than an erasure.', example: 'PersonalDataUsed' })
  type!: string;

  @ApiProperty({
    description: 'Whose data it would be, as in the event; at most 1,000.',
    type: 'array',
    items: { type: 'object' },
    example: [{ scheme: 'customer-number', value: '10027', category: 'customer' }],
  })
  subjects!: object[];

  @ApiProperty({ description: 'What for.', example: 'direct-marketing' })
  purpose!: string;

  @ApiPropertyOptional({
    description: 'The system that would report it. Needed of a key that reports for several sources.',
    example: 'urn:mailit:mailer',
  })
  source?: string;

  @ApiPropertyOptional({
    description: 'When it would happen, at most 24 hours ahead; absent: now. What is past is recorded, and judged then.',
    example: '2026-03-02T12:00:00Z',
  })
  time?: string;

  @ApiPropertyOptional({
    description: 'Who would do it, as in the event. Left out, nothing that is asked of people at work can be told.',
    type: 'object',
    additionalProperties: true,
    example: { id: 'newsletter-service', kind: 'service', role: 'mailer', capacity: 'controller' },
  })
  actor?: object;

  @ApiPropertyOptional({
    description: 'Categories of personal data. Left out, it cannot be told whether the purpose needs them.',
    type: [String],
    example: ['name', 'work-email'],
  })
  categories?: string[];

  @ApiPropertyOptional({ description: 'The legal basis it would rest on.', example: '6(1)(f)' })
  legalBasis?: string;

  @ApiPropertyOptional({ description: 'The system in which it would be done.', example: 'mailer' })
  system?: string;

  @ApiPropertyOptional({ description: 'The country in which it would be done (ISO 3166-1 alpha-2).', example: 'SE' })
  country?: string;

  @ApiPropertyOptional({
    description: 'To whom it would go, as in the event.',
    type: 'object',
    additionalProperties: true,
    example: { id: 'fakturabud', role: 'independent-controller', country: 'SE' },
  })
  recipient?: object;

  @ApiPropertyOptional({ description: 'The case that needs it.', example: 'VAT-2026-02' })
  caseRef?: string;
}

class BatchDto extends FrameDto {
  @ApiProperty({
    description: `What is asked about: at most ${MAX_DECISIONS}, with at most ${MAX_SUBJECTS} subjects in all.`,
    type: [IntentionDto],
    maxItems: MAX_DECISIONS,
  })
  decisions!: IntentionDto[];
}

class WhyDto {
  @ApiProperty({ description: 'The rule.', example: 'R13' })
  rule!: string;

  @ApiProperty({ description: 'What it would be.', enum: ['violates', 'undeterminable'], example: 'violates' })
  verdict!: string;

  @ApiPropertyOptional({
    description: 'What would be broken, as a code. `suppressed`: somebody is on the list of those who must not be contacted.',
    example: 'after-objection',
  })
  what?: string;

  @ApiPropertyOptional({ description: 'What would have to be known.', type: [String], example: ['consent'] })
  missing?: string[];

  @ApiProperty({ description: 'Clause of the policy; null where none covers it.', type: Number, nullable: true, example: 35 })
  clause!: number | null;

  @ApiProperty({ description: 'Article of the GDPR.', example: '21(3)' })
  article!: string;

  @ApiPropertyOptional({
    description: 'How grave it would be. A `gap` of the policy is told, and denies nothing.',
    enum: ['critical', 'high', 'medium', 'low', 'gap'],
    example: 'critical',
  })
  severity?: string;

  @ApiProperty({ description: 'The version that judged.', type: String, nullable: true, example: '1' })
  policyVersion!: string | null;

  @ApiPropertyOptional({
    description: 'A duty that would follow, due then: it denies nothing, and is a finding from then on unless it was done.',
    example: '2026-04-02T09:14:07.120Z',
  })
  dueAt?: string;

  @ApiPropertyOptional({ description: 'Which recipient it is about, where that is not the one of the request.', example: 'skatteverket' })
  recipient?: string;

  @ApiPropertyOptional({
    description: 'Whom it is about: places in `subjects` of the request, from 0. Absent: everybody.',
    type: [Number],
    example: [0],
  })
  subjects?: number[];
}

class DecisionDto {
  @ApiProperty({
    description: 'Of this answer. The event that follows may carry it as `decisionId`, so that the answer is recorded with it.',
    example: '019cadf0-8a3e-7c11-b2aa-0d7f1c9e5b10.0',
  })
  id!: string;

  @ApiProperty({
    description:
      'Whether it may be done. `denied`: it would violate something. `undeterminable`: nothing that is known stands against it, and not all is known. `allowed`: neither.',
    enum: ['allowed', 'denied', 'undeterminable'],
    example: 'denied',
  })
  decision!: string;

  @ApiProperty({ description: 'The version that judged; null before the first began.', type: String, nullable: true, example: '1' })
  policyVersion!: string | null;

  @ApiProperty({ description: 'When it would happen: rules and versions of then.', example: '2026-03-02T09:14:07.120Z' })
  time!: string;

  @ApiProperty({ description: 'First what stands against it, then what cannot be told, then what else is to be known.', type: [WhyDto] })
  reasons!: WhyDto[];
}

class StateDto {
  @ApiProperty({ description: 'Everything recorded up to here was considered.', example: 412 })
  position!: number;

  @ApiProperty({ description: 'When that was recorded.', example: '2026-03-02T09:14:08.001Z' })
  asOf!: string;
}

class ManyDecisionsDto extends StateDto {
  @ApiProperty({ description: 'One for each of `decisions`, in its order.', type: [DecisionDto] })
  items!: DecisionDto[];
}

@ApiTags('decide')
@ApiBearerAuth()
@ApiExtraModels(FrameDto, IntentionDto, BatchDto, DecisionDto, StateDto, ManyDecisionsDto)
@Controller('v1/decisions')
export class DecisionsController {
  constructor(
    private readonly beforehand: Beforehand,
    private readonly questions: Questions,
    private readonly commands: CommandBus,
  ) {}

  @Post()
  @HttpCode(200)
  @Needs('decide')
  @Takes(BATCH_BYTES)
  @ApiOperation({
    summary: 'May I? Asked before processing, with the fields of the event that would follow',
    description:
      'Judged by the rules and the version by which the event would be judged. Only `type`, `subjects`, `purpose` and `reason` are needed; what else is left out can make ' +
      'the answer `undeterminable`. Answers name people by their place in the request alone, and are the same for somebody unknown as for somebody of whom nothing is known. ' +
      'A key that reports may ask about nothing but what it may record. One entry of the log for each request says who asked about whom, why, and what was answered.',
  })
  @ApiBody({
    schema: {
      oneOf: [{ allOf: [{ $ref: getSchemaPath(FrameDto) }, { $ref: getSchemaPath(IntentionDto) }] }, { $ref: getSchemaPath(BatchDto) }],
    },
  })
  @ApiOkResponse({
    description: 'A single decision, or `items` in the order of the batch.',
    schema: {
      oneOf: [
        { allOf: [{ $ref: getSchemaPath(DecisionDto) }, { $ref: getSchemaPath(StateDto) }] },
        { $ref: getSchemaPath(ManyDecisionsDto) },
      ],
    },
  })
  async decide(@Body() body: unknown, @Caller() caller: Caller): Promise<unknown> {
    const { decisions, isBatch, frame } = requestOf(body);
    const intended = await this.read(decisions, isBatch, caller);
    const now = Date.now();
    const question = new Decide({
      asked: intended.map(({ type, source, time, data, ...rest }) => ({ event: { type, source, time, data }, ...rest })),
      suppressed: (identifiers) => this.commands.execute(new CheckSuppression(identifiers, now)),
      ...(frame.after != null && { after: frame.after }),
    });
    const axes = [...new Set(decisions.flatMap((each) => Object.keys(each)))];
    const answer = await this.questions.recorded('decisions', () => question, { axes, reason: frame.reason }, caller);
    return answerOf(answer, isBatch);
  }

  /** Paths lead into the request. @throws HttpProblem */
  private async read(decisions: readonly Record<string, unknown>[], isBatch: boolean, caller: Caller): Promise<Intended[]> {
    const options = { author: caller, sources: caller.sources, onlyReports: caller.scope === 'emit', now: Date.now() };
    try {
      return await this.beforehand.read(decisions, options);
    } catch (error) {
      const { problems } = error as Partial<InvalidIntention>;
      if (problems) Object.assign(error as object, { problems: problems.map((one) => inRequest(one, isBatch)) });
      throw error;
    }
  }
}

function inRequest({ index, path, ...problem }: FieldProblem & { index: number }, isBatch: boolean): FieldProblem {
  return isBatch ? { path: `/decisions/${index}${path}`, ...problem, index } : { path, ...problem };
}

function answerOf({ items, position, asOf }: DecisionsAnswer, isBatch: boolean): object {
  return isBatch ? { items, position, asOf } : { ...items[0], position, asOf };
}

/**
 * A batch, or the fields of one event with the reason beside them.
 * @throws HttpProblem for what is neither, or beyond a limit
 */
function requestOf(body: unknown): { decisions: Record<string, unknown>[]; isBatch: boolean; frame: FrameDto } {
  if (!isObject(body)) throw invalid('', 'object', 'a JSON object is expected');
  const { reason, after, decisions, ...fields } = body;
  const frame = checked(FrameDto, { ...(reason !== undefined && { reason }), ...(after !== undefined && { after }) });
  const isBatch = decisions !== undefined;
  if (!isBatch) return { decisions: [fields], isBatch, frame };
  if (Object.keys(fields).length > 0)
    throw invalid('', 'unknown-property', 'a batch has reason, decisions and after, and nothing beside them');
  if (!Array.isArray(decisions)) throw invalid('/decisions', 'array', 'a list is expected');
  if (decisions.length === 0) throw invalid('/decisions', 'too-few', 'at least one decision is asked for');
  if (decisions.length > MAX_DECISIONS) throw invalid('/decisions', 'too-many', `at most ${MAX_DECISIONS} decisions are asked for at once`);
  const other = decisions.findIndex((each) => !isObject(each));
  if (other >= 0) throw invalid(`/decisions/${other}`, 'object', 'a JSON object is expected');
  const subjects = decisions.reduce((sum, { subjects: some }) => sum + (Array.isArray(some) ? some.length : 0), 0);
  if (subjects > MAX_SUBJECTS) throw invalid('/decisions', 'too-many-subjects', `at most ${MAX_SUBJECTS} subjects in all`);
  return { decisions, isBatch, frame };
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

function invalid(path: string, rule: string, message: string): HttpProblem {
  return new HttpProblem('invalid', { detail: 'See errors for each field and its rule.', errors: [{ path, rule, message }] });
}
