import { Body, Controller, HttpCode, Post, Req, Res } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiProduces, ApiPropertyOptional, ApiTags, OmitType, PickType } from '@nestjs/swagger';
import { Transform, Type } from 'class-transformer';
import { ArrayMaxSize, ArrayMinSize, IsArray, IsIn, IsObject, IsOptional, IsString, Matches, ValidateNested } from 'class-validator';
import type { FastifyReply, FastifyRequest } from 'fastify';
import {
  type RetentionAbout as AskedAbout,
  type InvalidUntil,
  RetentionCalendar,
  RetentionItems,
  type RetentionQuestion,
  RetentionSummary,
} from '../../projections/retention/query.ts';
import { RETENTION_STATES, type RetentionState } from '../../projections/retention/standing.ts';
import { LedgerSettings } from '../ledger/settings.ts';
import { answerAs, FORMS, formOf } from './answer-form.ts';
import { Caller, Needs } from './auth.ts';
import { answerError } from './problem.ts';
import { About, Axis, asList, QuestionDto } from './question.dto.ts';
import { Questions } from './questions.ts';
import { calendarOf } from './retention-calendar.ts';

answerError<InvalidUntil>('InvalidUntil', {
  type: 'invalid',
  detail: 'See errors for each field and its rule.',
  errors: ({ message }) => [{ path: '/until', rule: 'window', message }],
});

const DAY = /^\d{4}-\d{2}-\d{2}$/;

class RetentionAbout extends PickType(About, ['subject', 'purpose', 'caseRef'] as const) {
  @Axis('The rule, by its key in the policy.', 'accounts')
  rule?: string[];

  @ApiPropertyOptional({
    description:
      'What became of it on the day: one, or several. `overdue`: the last day has passed. `due`: it comes until `until`. `on-hold`: a legal hold keeps it. ' +
      '`no-trigger`: what the period runs from has not come. `no-rule`: no rule of the policy speaks of it. `within-period`: the last day comes later; shown only if asked for.',
    oneOf: [{ enum: [...RETENTION_STATES] }, { type: 'array', items: { enum: [...RETENTION_STATES] }, maxItems: RETENTION_STATES.length }],
    example: ['overdue', 'due'],
  })
  @IsOptional()
  @Transform(asList)
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(RETENTION_STATES.length)
  @IsIn(RETENTION_STATES, { each: true })
  state?: RetentionState[];
}

class RetentionDto extends OmitType(QuestionDto, ['about', 'order']) {
  @ApiPropertyOptional({ description: 'Whose data, and for what; without any everybody’s.', type: RetentionAbout })
  @IsOptional()
  @IsObject()
  @ValidateNested()
  @Type(() => RetentionAbout)
  about?: RetentionAbout;

  @ApiPropertyOptional({
    description:
      'The day (UTC) on which is judged, of all that was known `asOf`; absent: the day of `asOf`. It may lie ahead: what is overdue by then unless it is erased.',
    example: '2026-03-02',
  })
  @IsOptional()
  @IsString()
  @Matches(DAY)
  on?: string;

  @ApiPropertyOptional({
    description:
      'The last day (UTC) of what is `due`, not before `on`; absent: a month after `on`. Counts and calendars for which it is given are of the days from `on` to `until` alone.',
    example: '2026-04-02',
  })
  @IsOptional()
  @IsString()
  @Matches(DAY)
  until?: string;

  @ApiPropertyOptional({
    description: 'By the last day, then as they became known.',
    enum: ['asc', 'desc'],
    default: 'asc',
    example: 'asc',
  })
  @IsOptional()
  @IsIn(['asc', 'desc'])
  order?: 'asc' | 'desc';
}

class RetentionSummaryDto extends OmitType(RetentionDto, ['order']) {}

const COLUMNS = [
  ...[
    'state',
    'subject.scheme',
    'subject.value',
    'subject.reference',
    'subject.erased',
    'subject.keyMissing',
    'purpose',
    'rule',
    'dueOn',
    'openUntil',
  ],
  ...['trigger', 'period', 'event.type', 'event.time', 'event.source', 'event.id', 'event.position', 'systems', 'lastProcessedOn'],
  ...[
    'policyVersion',
    'clause',
    'article',
    'statute',
    'hold.source',
    'hold.id',
    'hold.position',
    'hold.ground',
    'hold.reviewBy',
    'hold.reviewOverdue',
    'missing',
  ],
];
const COUNTS = ['purpose', 'rule', 'state', 'items', 'subjects', 'firstDueOn', 'lastDueOn'];

const ITEM = {
  ...{
    state: 'overdue',
    subject: { scheme: 'customer-number', value: '10027' },
    purpose: 'tax-reporting',
    rule: 'accounts',
    policyVersion: '1',
  },
  ...{ clause: 26, article: '5(1)(e)', statute: 'SFS 1999:1078', trigger: 'last-processing', period: 'P7Y', dueOn: '2025-12-31' },
  event: {
    source: 'urn:mailit:billing',
    id: '2018-11-02-000412',
    position: 412,
    type: 'PersonalDataDisclosed',
    time: '2018-11-02T09:14:07.120Z',
  },
  ...{ systems: ['billing'], lastProcessedOn: '2018-11-02' },
};
const COUNT = {
  purpose: 'tax-reporting',
  rule: 'accounts',
  state: 'overdue',
  items: 12,
  subjects: 12,
  firstDueOn: '2024-12-31',
  lastDueOn: '2025-12-31',
};
const PAGE = { next: null, position: 412, asOf: '2026-03-02T09:14:08.001Z' };

const CALENDAR = 'text/calendar';
const WITH_CALENDAR = [...FORMS, CALENDAR] as const;

/** How long the sources keep data, by the policy. How long the ledger keeps its own keys is another matter: `RetentionController`. */
@ApiTags('ask')
@ApiBearerAuth()
@Controller('v1/queries')
export class RetentionQuestionController {
  constructor(
    private readonly questions: Questions,
    private readonly settings: LedgerSettings,
  ) {}

  @Post('retention')
  @HttpCode(200)
  @Needs('ask')
  @ApiProduces(...WITH_CALENDAR)
  @ApiOperation({
    summary: 'What is kept too long, falls due, is on hold, or has no day, by person and purpose, as of a day (Q6)',
    description:
      'By the policy’s rules of retention. `asOf` says what is known, `on` the day on which that is judged: `asOf` alone is what stood on that day by what was known then; `on` alone a ' +
      'forecast by what is known now; `until` is the last day of what is `due` then (`about.state` `due` shows that alone). An item is a person’s data for a purpose under a rule, and of a case where the rule follows cases; it is judged by the version of the policy that was in ' +
      'force when its trigger came. It is gone once `PersonalDataErased` reports it erased in every system in which it was processed (`systems`: those that are left). `event` is what the period runs from; without a trigger, what it ' +
      'would have to end; without a rule, the first processing. `text/calendar` has an entry for each day, purpose and rule, with the number of items and some references, and never a name: holds ' +
      'by the day of their review, processes that never closed by the day from which that is told of. With `until` it holds the days from `on` to `until` and no other, so nothing that is overdue on `on`; without it everything that has a day. What the ledger keeps of its own keys is told by `GET /v1/retention`.',
  })
  @ApiOkResponse({
    description:
      '`next` is the cursor of the next page, null on the last; in other forms than JSON it is the header `Liggare-Next`. `position` and `asOf` say which state of the ledger was asked. ' +
      'Whoever was erased shows as `{reference, erased: true}`. References that were linked are one person.',
    schema: { example: { items: [ITEM], ...PAGE } },
  })
  async retention(
    @Body() body: RetentionDto,
    @Caller() caller: Caller,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<unknown> {
    const form = formOf(request, WITH_CALENDAR);
    if (form !== CALENDAR) {
      const { items, next, position, asOf } = await this.questions.ask(
        'retention',
        (question) => new RetentionItems(asked(question)),
        body,
        caller,
      );
      return answerAs(form, { items, next, position, asOf }, COLUMNS, reply);
    }
    const make = (question: object) => new RetentionCalendar(asked(question));
    const { items, next, position, asOf } = await this.questions.ask('retention', make, body, caller);
    reply.header('liggare-position', String(position)).header('liggare-as-of', asOf).type(`${CALENDAR}; charset=utf-8`);
    if (next !== null) reply.header('liggare-next', next);
    reply.header('content-disposition', 'attachment; filename="retention.ics"');
    return calendarOf(items, asOf, `retention.${this.settings.controller}.liggare`);
  }

  @Post('retention-summary')
  @HttpCode(200)
  @Needs('ask')
  @ApiProduces(...FORMS)
  @ApiOperation({
    summary: 'How many of them there are, by purpose, rule and state',
    description:
      'All states unless `about.state` names some, or `until` is given: then it is the forecast of how many fall due from `on` to `until`, both included, by what is known `asOf`; ' +
      'what is on hold does not fall due, and what is overdue on `on` already is not among them. It names nobody.',
  })
  @ApiOkResponse({
    description: 'By purpose, rule and state. `next` is the cursor of the next page, null on the last.',
    schema: { example: { items: [COUNT], ...PAGE } },
  })
  async summary(
    @Body() body: RetentionSummaryDto,
    @Caller() caller: Caller,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<unknown> {
    const form = formOf(request);
    const make = (question: object) => new RetentionSummary(asked(question));
    const { items, next, position, asOf } = await this.questions.ask('retention-summary', make, body, caller);
    return answerAs(form, { items, next, position, asOf }, COUNTS, reply);
  }
}

/** The question as it was validated; what it asks by beyond the common axes has passed with it. */
const asked = (question: object): RetentionQuestion & { about?: AskedAbout } => question as RetentionQuestion;
