import { Body, Controller, HttpCode, Param, Post, Req, Res } from '@nestjs/common';
import { CommandBus, QueryBus } from '@nestjs/cqrs';
import {
  ApiBearerAuth,
  ApiConflictResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiProduces,
  ApiProperty,
  ApiPropertyOptional,
  ApiTags,
  OmitType,
  PickType,
} from '@nestjs/swagger';
import { Transform, Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayMinSize,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsObject,
  IsOptional,
  IsString,
  Matches,
  Max,
  Min,
  ValidateNested,
} from 'class-validator';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type SourceCompleteness, Sources } from '../../projections/completeness/query.ts';
import { findingsOfSources, type SourceFinding } from '../../projections/findings/of-sources.ts';
import { FindingNow, Findings, type FindingsQuestion, FindingsSummary, type SummaryQuestion } from '../../projections/findings/query.ts';
import { RULE_NAMES } from '../../projections/findings/titles.ts';
import { REFERENCE_PATTERN } from '../ledger/entry.ts';
import { RemarkOnFinding } from '../ledger/finding/commands.ts';
import { MAX_REMARKS } from '../ledger/finding/decider.ts';
import { IsText } from '../ledger/record/rules.ts';
import { answerAs, formOf } from './answer-form.ts';
import { Caller, forbidden, Needs } from './auth.ts';
import { answerError, HttpProblem } from './problem.ts';
import { About, Axis, asList, MAX_VALUES, MOMENT, QuestionDto } from './question.dto.ts';
import { Questions } from './questions.ts';

const UNKNOWN = 'Nothing was ever found by this id, or it is not due yet.';
answerError('FindingUnknown', { type: 'not-found', detail: UNKNOWN });
answerError('FindingCleared', { type: 'conflict', detail: 'The finding was cleared: there is nothing to see to. Nothing was recorded.' });
answerError('FindingAcknowledgedAlready', {
  type: 'conflict',
  detail: 'Somebody has acknowledged the finding already, or explained it. Nothing was recorded.',
});
answerError('FindingExplainedAlready', {
  type: 'conflict',
  detail: 'Somebody has explained the finding already. To add to the explanation that stands, say `again`. Nothing was recorded.',
});
answerError('TooManyRemarks', {
  type: 'conflict',
  detail: `More than ${MAX_REMARKS} things were said of this finding. Nothing was recorded.`,
});

/** 16 bytes in base64url, in one spelling. */
const ID = REFERENCE_PATTERN;
const FINDING = 'AAAAAAGcH7Zx0qL5mK3nqQ';
const DAY = /^\d{4}-\d{2}-\d{2}$/;
const STATES = ['open', 'acknowledged', 'explained', 'cleared'] as const;
const EACH = { each: true } as const;

/** Numbers of clauses: one, or up to 100. */
function Clauses(): PropertyDecorator {
  return (target, property) => {
    ApiPropertyOptional({
      description: `The clause of the policy, by its number. One, or up to ${MAX_VALUES}.`,
      oneOf: [{ type: 'integer' }, { type: 'array', items: { type: 'integer' }, maxItems: MAX_VALUES }],
      example: 21,
    })(target, property);
    IsOptional()(target, property);
    Transform(asList)(target, property);
    IsArray()(target, property);
    ArrayMinSize(1)(target, property);
    ArrayMaxSize(MAX_VALUES)(target, property);
    IsInt(EACH)(target, property);
    Min(1, EACH)(target, property);
    Max(999, EACH)(target, property);
  };
}

class FindingsAboutDto extends About {
  @Axis('The finding, by the id that an answer showed.', FINDING)
  @Matches(ID, EACH)
  finding?: string[];

  @Axis('The rule that was found broken, or could not be judged.', 'R7')
  @IsIn(RULE_NAMES, EACH)
  rule?: string[];

  @Axis('`violates`, or `undeterminable` where a fact is missing.', 'violates')
  @IsIn(['violates', 'undeterminable'], EACH)
  verdict?: string[];

  @Axis('How grave a violation is: critical, high, medium, low, or gap (the policy says nothing where it should).', 'critical')
  @IsIn(['critical', 'high', 'medium', 'low', 'gap'], EACH)
  severity?: string[];

  @Clauses()
  clause?: number[];

  @Axis('The article of the GDPR.', '5(1)(b)')
  article?: string[];

  @Axis('The version of the policy that it was judged by.', '1')
  policyVersion?: string[];

  @Axis('How it stands: open, acknowledged, explained, or cleared.', 'open')
  @IsIn(STATES, EACH)
  state?: (typeof STATES)[number][];

  @ApiPropertyOptional({
    description: 'Detected at or after: a date-time with an offset, or a date (its start in UTC). `from` and `to` are of the event.',
    example: '2026-03-01',
  })
  @IsOptional()
  @IsString()
  @Matches(MOMENT)
  detectedFrom?: string;

  @ApiPropertyOptional({ description: 'Detected before (exclusive): a date-time with an offset, or a date.', example: '2026-04-01' })
  @IsOptional()
  @IsString()
  @Matches(MOMENT)
  detectedTo?: string;
}

class FindingsDto extends OmitType(QuestionDto, ['about', 'order'] as const) {
  @ApiPropertyOptional({
    description: 'What it is about: the event, on any axes of a timeline, and what was found. All axes combine.',
    type: FindingsAboutDto,
  })
  @IsOptional()
  @IsObject()
  @ValidateNested()
  @Type(() => FindingsAboutDto)
  about?: FindingsAboutDto;

  @ApiPropertyOptional({ description: 'By the time of detection.', enum: ['asc', 'desc'], default: 'desc', example: 'desc' })
  @IsOptional()
  @IsIn(['asc', 'desc'])
  order?: 'asc' | 'desc';
}

class SummaryAboutDto extends PickType(FindingsAboutDto, ['rule', 'clause', 'policyVersion'] as const) {
  @ApiPropertyOptional({ description: 'Happened in the week of this day, or later.', example: '2026-03-02' })
  @IsOptional()
  @IsString()
  @Matches(DAY)
  from?: string;

  @ApiPropertyOptional({ description: 'Happened before this day (exclusive), or in its week.', example: '2026-03-30' })
  @IsOptional()
  @IsString()
  @Matches(DAY)
  to?: string;
}

class SummaryDto extends PickType(QuestionDto, ['reason', 'limit', 'cursor', 'after'] as const) {
  @ApiPropertyOptional({ description: 'Which findings. Without it: all.', type: SummaryAboutDto })
  @IsOptional()
  @IsObject()
  @ValidateNested()
  @Type(() => SummaryAboutDto)
  about?: SummaryAboutDto;

  @ApiPropertyOptional({
    description: 'By what they are counted, beside the week.',
    enum: ['rule', 'clause'],
    default: 'rule',
    example: 'rule',
  })
  @IsOptional()
  @IsIn(['rule', 'clause'])
  by?: 'rule' | 'clause';

  @ApiPropertyOptional({
    description:
      'As the ledger stood then: a date-time with an offset, or a date (its end in UTC). `conforms` is counted by whole days (UTC): within a day, with all of it.',
    example: '2026-03-31',
  })
  @IsOptional()
  @IsString()
  @Matches(MOMENT)
  asOf?: string;
}

class AcknowledgeDto {
  @ApiProperty({ description: 'What is done about it, in words; kept sealed.', example: 'Billing is asked why.', maxLength: 1024 })
  @IsText('free')
  reason!: string;

  @ApiPropertyOptional({ description: 'Wait, at most the configured time, until the read side has reached this position.', example: 412 })
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(Number.MAX_SAFE_INTEGER)
  after?: number;
}

class ExplainDto extends AcknowledgeDto {
  @ApiProperty({
    description: 'How it came about, in words; kept sealed.',
    example: 'The bank had changed its name; the policy follows on Monday.',
    maxLength: 1024,
  })
  @IsText('free')
  override reason!: string;

  @ApiPropertyOptional({ description: 'Add to an explanation that stands.', default: false, example: false })
  @IsOptional()
  @IsBoolean()
  again?: boolean;
}

class RemarkedDto {
  @ApiProperty({ description: 'The finding.', example: FINDING })
  finding!: string;

  @ApiProperty({ description: 'How it stands now.', enum: ['acknowledged', 'explained'], example: 'explained' })
  state!: 'acknowledged' | 'explained';

  @ApiProperty({ description: 'When, UTC.', example: '2026-03-02T09:14:07.120Z' })
  at!: string;

  @ApiProperty({ description: 'Where it stands in the log, for `after`.', example: 413 })
  position!: number;
}

const COLUMNS = [
  ...['finding', 'detectedAt', 'dueAt', 'state', 'rule', 'title', 'verdict', 'what', 'severity', 'clause', 'clauseTitle', 'article'],
  ...['policyVersion', 'missing', 'cleared.at', 'cleared.why', 'remarks'],
  ...['event.source', 'event.id', 'event.position', 'event.type', 'event.time', 'recipient'],
  ...['actor.id', 'actor.reference', 'actor.name', 'actor.kind', 'actor.role', 'actor.capacity', 'actor.onBehalfOf', 'actor.erased'],
  ...['actor.keyMissing', 'subjects', 'subjectCount'],
];
const COUNTS = [
  ...['violates', 'undeterminable', 'open', 'acknowledged', 'explained', 'cleared', 'notYetDue'],
  ...['critical', 'high', 'medium', 'low', 'gap'],
];
const SUMMARY_COLUMNS = {
  rule: ['week', 'rule', 'title', 'conforms', ...COUNTS],
  clause: ['week', 'clause', 'clauseTitle', ...COUNTS],
};

const ITEM = {
  ...{ finding: FINDING, rule: 'R7', title: 'Recipient registered, and bound to the purpose', verdict: 'violates' },
  ...{
    what: 'recipient-not-registered',
    severity: 'critical',
    clause: 21,
    clauseTitle: 'Data is never sold, traded or passed on to outsiders',
  },
  ...{ article: '5(1)(b)', policyVersion: '1', detectedAt: '2026-03-02T09:14:08.001Z', state: 'explained' },
  remarks: [
    {
      ...{ kind: 'explained', at: '2026-03-03T08:00:00.000Z', by: { id: 'maria.ek', kind: 'human', role: 'case' } },
      ...{ reason: 'The bank had changed its name; the policy follows on Monday.', position: 420 },
    },
  ],
  recipient: 'adtech-ab',
  event: {
    ...{ source: 'urn:mailit:billing', id: '2026-03-02-000412', position: 412 },
    ...{ type: 'PersonalDataDisclosed', time: '2026-03-02T09:14:07.120Z' },
  },
  actor: { id: 'anna.berg', kind: 'human', role: 'accountant', capacity: 'controller' },
  subjects: [{ scheme: 'customer-number', value: '10027', category: 'customer' }],
  subjectCount: 1,
};
const SOURCE_ITEM = {
  ...{ source: 'urn:mailit:billing', rule: 'R28', title: 'Nothing is missing', verdict: 'violates', what: 'sequence-gap', severity: 'low' },
  ...{ clause: null, article: '5(2)', detectedAt: '2026-03-02T09:14:08.001Z', state: 'open' },
};
const SUMMARY_ITEM = {
  ...{
    rule: 'R7',
    title: 'Recipient registered, and bound to the purpose',
    week: '2026-W10',
    conforms: 1204,
    violates: 3,
    undeterminable: 1,
  },
  ...{ open: 2, acknowledged: 1, explained: 1, cleared: 5, notYetDue: 0, critical: 1, high: 2, medium: 0, low: 0, gap: 0 },
};
const PAGE = { next: null, position: 420, asOf: '2026-03-03T08:00:01.000Z' };

/** What else is asked for of a source as a whole nothing can be said. */
const OF_SOURCES = new Set(['rule', 'verdict', 'severity', 'article', 'source', 'state']);

@ApiTags('findings')
@ApiBearerAuth()
@Controller('v1')
export class FindingsController {
  constructor(
    private readonly questions: Questions,
    private readonly commands: CommandBus,
    private readonly queries: QueryBus,
  ) {}

  @Post('queries/findings')
  @HttpCode(200)
  @Needs('findings')
  @ApiProduces('application/json', 'application/x-ndjson', 'text/csv')
  @ApiOperation({
    summary: 'What was found by the policy: what it was promised otherwise, and what cannot be told (Q11)',
    description:
      'A finding names its rule, clause, article, the version it was judged by, and the event that proves it. It is cleared where that was corrected, retracted, or is ' +
      'judged otherwise by what was learnt since, and never disappears. What has to be done by some day becomes one when that day is over. Scope `audit` sees ' +
      'people by reference alone, and asks by references alone.',
  })
  @ApiOkResponse({
    description:
      '`next` is the cursor of the next page, null on the last; `position` and `asOf` say which state of the ledger was asked. `remarks` stay when a finding goes and comes ' +
      'back; the state is by those since it appeared. `sources`, in JSON, on the first page, and of now alone: what is found of sources as a whole (gaps, silence).',
    schema: { example: { items: [ITEM], ...PAGE, sources: [SOURCE_ITEM] } },
  })
  async findings(
    @Body() body: FindingsDto,
    @Caller() caller: Caller,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const form = formOf(request);
    const asked = caller.may('ask') ? body : byReference(body);
    const { items, next, position, asOf } = await this.questions.ask(
      'findings',
      (question) => new Findings(question as FindingsQuestion),
      asked as QuestionDto,
      caller,
    );
    const sources = await this.ofSources(body);
    return answerAs(form, { items, next, position, asOf, ...(sources && { further: { sources } }) }, COLUMNS, reply);
  }

  @Post('queries/findings-summary')
  @HttpCode(200)
  @Needs('findings')
  @ApiProduces('application/json', 'application/x-ndjson', 'text/csv')
  @ApiOperation({
    summary: 'How many findings there are, by rule or clause and by the week of their events',
    description:
      '`violates` and `undeterminable` are findings that were not cleared, `open`, `acknowledged` and `explained` are the same ones by what was said of them, `critical` to ' +
      '`gap` those that violate. `conforms` counts events on which a rule found nothing. Weeks are those of ISO 8601 in UTC, newest first. Nobody is named.',
  })
  @ApiOkResponse({
    description: '`next` is the cursor of the next page, null on the last.',
    schema: { example: { items: [SUMMARY_ITEM], ...PAGE } },
  })
  async summary(
    @Body() body: SummaryDto,
    @Caller() caller: Caller,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const form = formOf(request);
    const { items, next, position, asOf } = await this.questions.ask(
      'findings-summary',
      (question) => new FindingsSummary(question as SummaryQuestion),
      body as QuestionDto,
      caller,
    );
    return answerAs(form, { items, next, position, asOf }, SUMMARY_COLUMNS[body.by ?? 'rule'], reply);
  }

  @Post('findings/:id/acknowledge')
  @HttpCode(200)
  @Needs('explain')
  @ApiParam({ name: 'id', description: 'Of the finding.', example: FINDING })
  @ApiOperation({
    summary: 'Say that somebody has seen a finding, and sees to it',
    description: 'Recorded with whoever says it. It stays a finding.',
  })
  @ApiOkResponse({ type: RemarkedDto })
  @ApiNotFoundResponse({ description: UNKNOWN })
  @ApiConflictResponse({ description: 'It was cleared, or somebody has acknowledged or explained it already.' })
  acknowledge(@Param('id') id: string, @Body() body: AcknowledgeDto, @Caller() caller: Caller): Promise<RemarkedDto> {
    return this.remark('acknowledge', id, body, caller);
  }

  @Post('findings/:id/explain')
  @HttpCode(200)
  @Needs('explain')
  @ApiParam({ name: 'id', description: 'Of the finding.', example: FINDING })
  @ApiOperation({ summary: 'Say how a finding came about', description: 'Recorded with whoever says it. It stays a finding.' })
  @ApiOkResponse({ type: RemarkedDto })
  @ApiNotFoundResponse({ description: UNKNOWN })
  @ApiConflictResponse({ description: 'It was cleared, or somebody has explained it already.' })
  explain(@Param('id') id: string, @Body() body: ExplainDto, @Caller() caller: Caller): Promise<RemarkedDto> {
    return this.remark('explain', id, body, caller);
  }

  private async remark(
    what: 'acknowledge' | 'explain',
    finding: string,
    { reason, after, again }: ExplainDto,
    caller: Caller,
  ): Promise<RemarkedDto> {
    if (!ID.test(finding)) throw new HttpProblem('not-found', { detail: UNKNOWN });
    const seen = await this.queries.execute(new FindingNow(finding, after ?? undefined));
    const said = { do: what, finding, seen, reason, again: again ?? false, author: caller, now: Date.now() };
    const { at, position } = await this.commands.execute(new RemarkOnFinding(said));
    return { finding, state: what === 'explain' ? 'explained' : 'acknowledged', at, position };
  }

  /** Undefined where it is not asked about sources, or not of now. */
  private async ofSources({ about, asOf, cursor, after }: FindingsDto): Promise<SourceFinding[] | undefined> {
    const given = Object.entries(about ?? {}).filter(([, values]) => values != null);
    if (asOf != null || cursor != null || given.some(([axis]) => !OF_SOURCES.has(axis))) return undefined;
    const { items } = await this.queries.execute(new Sources(after == null ? {} : { after }));
    const found = findingsOfSources(items.map(heardOf), Date.now());
    return found.filter((one) => given.every(([axis, values]) => (values as unknown[]).includes(one[axis as keyof SourceFinding])));
  }
}

function heardOf({ source, highestSequence, missingCount, lastHeardAt, nextBy }: SourceCompleteness) {
  const at = (moment: string) => Date.parse(moment);
  return { source, highestSequence, missingCount, lastHeardAt: at(lastHeardAt), nextBy: nextBy === null ? null : at(nextBy) };
}

/**
 * Whoever may not see who somebody is does not get to try out names either: what is found, or not, would tell.
 * @throws HttpProblem 403 where somebody is named by an identifier, or a case by its number
 */
function byReference(body: FindingsDto): object {
  const { about } = body;
  const isNamed =
    about?.subject?.some(({ reference }) => reference == null) || about?.actor?.some((actor) => !REFERENCE_PATTERN.test(actor));
  if (isNamed || about?.caseRef != null) throw forbidden('ask');
  return about?.actor ? { ...body, about: { ...about, actor: about.actor.map((reference) => ({ reference })) } } : body;
}
