import { Body, Controller, Get, HttpCode, Post, Query, Req, Res } from '@nestjs/common';
import { QueryBus, type Query as QueryOf } from '@nestjs/cqrs';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiProduces, ApiPropertyOptional, ApiTags } from '@nestjs/swagger';
import { IsOptional, Matches } from 'class-validator';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ActorActivity } from '../../projections/actor-activity/query.ts';
import { Sources } from '../../projections/completeness/query.ts';
import { Disclosures } from '../../projections/disclosures/query.ts';
import type { Completeness } from '../../projections/entries/concerning.ts';
import type { Answer, Question } from '../../projections/question.ts';
import { Timeline } from '../../projections/timeline/query.ts';
import { answerAs, formOf } from './answer-form.ts';
import { Caller, Needs } from './auth.ts';
import { QuestionDto, TimelineDto } from './question.dto.ts';
import { Questions } from './questions.ts';
import { EXAMPLE, treeHeadOf } from './tree-head.dto.ts';

class SourcesQuery {
  @ApiPropertyOptional({ description: 'Wait, at most the configured time, until the read side has reached this position.', example: '412' })
  @IsOptional()
  @Matches(/^\d{1,15}$/, { message: 'after must be a position' })
  after?: string;
}

/** Columns of the answers as CSV: the same on every page. */
const COLUMNS = {
  timeline: [
    ...['position', 'recordedAt', 'time', 'late', 'skew', 'source', 'id', 'sequence', 'type', 'version'],
    ...['actor.id', 'actor.reference', 'actor.name', 'actor.kind', 'actor.role', 'actor.capacity', 'actor.onBehalfOf'],
    ...['actor.credentialRef', 'actor.sessionRef', 'actor.erased', 'actor.keyMissing'],
    ...['controller', 'subjects', 'subjectCount', 'categories', 'purpose', 'legalBasis', 'caseRef'],
    ...['statuteRef', 'assessmentRef', 'consentRef', 'contractRef', 'requestRef', 'system', 'country', 'clientAddress', 'mode', 'outcome'],
    ...[
      'origin',
      'channel',
      'recipient.id',
      'recipient.role',
      'recipient.country',
      'method',
      'consideration',
      'decisionRef',
      'agreementRef',
    ],
    ...['transferTool', 'ground', 'scope', 'fields', 'note', 'target.source', 'target.id', 'reason', 'correlationId', 'decisionId'],
    ...['corrected.by.source', 'corrected.by.id', 'corrected.by.recordedAt', 'corrected.replacement.source', 'corrected.replacement.id'],
    ...['retracted.by.source', 'retracted.by.id', 'retracted.by.recordedAt', 'leafIndex'],
  ],
  disclosures: [
    ...['recipient.id', 'recipient.role', 'recipient.country', 'purpose', 'events', 'subjects', 'categories', 'legalBases', 'countries'],
    ...['decisions', 'firstAt', 'lastAt'],
  ],
  'actor-activity': [
    ...['actor.id', 'actor.reference', 'actor.name', 'actor.erased', 'actor.keyMissing', 'day', 'events', 'accesses', 'hours', 'subjects'],
    ...['categories', 'cases', 'denied'],
    ...['searches', 'searchesWithoutCase'],
  ],
};
const SOURCE_COLUMNS = [
  ...[
    'source',
    'events',
    'firstHeardAt',
    'lastHeardAt',
    'nextBy',
    'highestSequence',
    'missing',
    'missingCount',
    'late',
    'outOfOrder',
    'quarantined',
  ],
];

/** What every answer has beside its items. */
const PAGE = { next: null, position: 412, asOf: '2026-03-02T09:14:08.001Z' };

const STATE = '`next` is the cursor of the next page, null on the last; `position` and `asOf` say which state of the ledger was asked.';
const PEOPLE =
  'Whoever was erased shows as `{reference, erased: true}`, an actor also as `name: former staff` to whoever may name actors; somebody whose key is missing without an erasure as `{reference, keyMissing: true}`. References that were linked are one person.';

const LEAVES =
  "With `leaves`, `leafIndex` is the item's leaf in the log's tree, null while it is not sealed. Asked about one person the first page tells in `completeness`, " +
  'in JSON, how many of the first `size` leaves of the newest tree head name any of `subjects`: whoever has the leaves can count them again. ' +
  'Items with a smaller `leafIndex` than that size are just as many, where nothing but the person is asked about.';

const answered = (item: object, description = `${STATE} ${PEOPLE}`, further: object = {}) =>
  ApiOkResponse({
    description,
    schema: { example: { items: [item], ...PAGE, ...further } },
  });

const COMPLETENESS = {
  subjects: ['q83vEjRWeJCrze8SNFZ4kA'],
  leaves: 12,
  treeHead: {
    ...{ origin: EXAMPLE.origin, size: 415, root: EXAMPLE.root },
    ...{ signedAt: '2026-03-02T09:14:10.000Z', note: EXAMPLE.note, witnesses: ['witness.example/w1'] },
  },
};

const TIMELINE_ITEM = {
  position: 412,
  leafIndex: 411,
  recordedAt: '2026-03-02T09:14:08.001Z',
  source: 'urn:mailit:billing',
  id: '2026-03-02-000412',
  type: 'PersonalDataDisclosed',
  time: '2026-03-02T09:14:07.120Z',
  sequence: '412',
  version: 1,
  late: false,
  skew: false,
  controller: 'mailit',
  categories: ['name', 'organisation-number'],
  purpose: 'tax-reporting',
  legalBasis: '6(1)(c)',
  statuteRef: 'SFS 2011:1244',
  caseRef: 'VAT-2026-02',
  system: 'billing',
  country: 'SE',
  recipient: { id: 'skatteverket', role: 'independent-controller', country: 'SE' },
  method: 'api',
  consideration: 'none',
  actor: { id: 'anna.berg', kind: 'human', role: 'accountant', capacity: 'controller' },
  subjects: [{ scheme: 'customer-number', value: '10027', category: 'customer' }],
  subjectCount: 1,
};

const DISCLOSURE = {
  recipient: { id: 'skatteverket', role: 'independent-controller', country: 'SE' },
  purpose: 'tax-reporting',
  events: 12,
  subjects: 11,
  categories: ['name', 'organisation-number'],
  legalBases: ['6(1)(c)'],
  countries: ['SE'],
  decisions: 0,
  firstAt: '2026-01-12T08:00:00.000Z',
  lastAt: '2026-03-02T09:14:07.120Z',
};

const ACTOR_DAY = {
  actor: { id: 'anna.berg' },
  day: '2026-03-02',
  events: 14,
  accesses: 9,
  hours: [0, 0, 0, 0, 0, 0, 0, 2, 4, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  subjects: 7,
  categories: ['name'],
  cases: 4,
  denied: 1,
  searches: 2,
  searchesWithoutCase: 1,
};

const SOURCE = {
  source: 'urn:mailit:billing',
  events: 411,
  firstHeardAt: '2026-01-02T08:00:00.000Z',
  lastHeardAt: '2026-03-02T09:14:08.001Z',
  nextBy: '2026-03-02T10:14:08.000Z',
  highestSequence: 412,
  missing: [[17, 17]],
  missingCount: 1,
  late: 0,
  outOfOrder: 2,
  quarantined: 0,
};

@ApiTags('ask')
@ApiBearerAuth()
@ApiProduces('application/json', 'application/x-ndjson', 'text/csv')
@Controller('v1')
export class QuestionsController {
  constructor(
    private readonly questions: Questions,
    private readonly queries: QueryBus,
  ) {}

  @Post('queries/timeline')
  @HttpCode(200)
  @Needs('ask')
  @ApiOperation({ summary: 'Who processed what, of whom, when and why, on any axes, as of a day (Q9)' })
  @answered(TIMELINE_ITEM, `${STATE} ${PEOPLE} ${LEAVES}`, { completeness: COMPLETENESS })
  timeline(
    @Body() body: TimelineDto,
    @Caller() caller: Caller,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    return this.answer('timeline', (question) => new Timeline(question), { body, caller, request, reply });
  }

  @Post('queries/disclosures')
  @HttpCode(200)
  @Needs('ask')
  @ApiOperation({ summary: 'What was disclosed and transferred, counted by recipient and purpose (Q7)' })
  @answered(DISCLOSURE)
  disclosures(
    @Body() body: QuestionDto,
    @Caller() caller: Caller,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    return this.answer('disclosures', (question) => new Disclosures(question), { body, caller, request, reply });
  }

  @Post('queries/actor-activity')
  @HttpCode(200)
  @Needs('ask')
  @ApiOperation({ summary: 'What actors did by day: accesses by hour, people, cases, denied attempts, searches without a case (Q8)' })
  @answered(ACTOR_DAY)
  actorActivity(
    @Body() body: QuestionDto,
    @Caller() caller: Caller,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    return this.answer('actor-activity', (question) => new ActorActivity(question), { body, caller, request, reply });
  }

  @Get('sources')
  @Needs('sources')
  @ApiOperation({ summary: 'Whether anything of an emitting source is missing: gaps, last heard, lateness, quarantine (Q10)' })
  @answered(SOURCE, STATE)
  async sources(@Query() { after }: SourcesQuery, @Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply) {
    const answer = await this.queries.execute(new Sources(after === undefined ? {} : { after: Number(after) }));
    return answerAs(formOf(request), { next: null, ...answer }, SOURCE_COLUMNS, reply);
  }

  private async answer<Item extends object>(
    name: keyof typeof COLUMNS,
    make: (question: Question) => QueryOf<Answer<Item> & { completeness?: Completeness }>,
    { body, caller, request, reply }: { body: QuestionDto; caller: Caller; request: FastifyRequest; reply: FastifyReply },
  ): Promise<unknown> {
    const form = formOf(request);
    const { items, next, position, asOf, completeness } = await this.questions.ask(name, make, body, caller);
    const further = completeness && { completeness: { ...completeness, treeHead: treeHeadOf(completeness.treeHead) } };
    return answerAs(form, { items, next, position, asOf, ...(further && { further }) }, COLUMNS[name], reply);
  }
}
