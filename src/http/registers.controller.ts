import { Body, Controller, HttpCode, Post, Req, Res } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiProduces, ApiPropertyOptional, ApiTags, PickType } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsBoolean, IsIn, IsObject, IsOptional, ValidateNested } from 'class-validator';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AccessGrants, type GrantQuestion, type GrantStanding } from '../../projections/registers/grants/query.ts';
import { Instruction, type InstructionStanding } from '../../projections/registers/instruction/query.ts';
import { ProcessingRegister } from '../../projections/registers/processing/query.ts';
import { Processors } from '../../projections/registers/processors/query.ts';
import { Vocabulary } from '../vocabulary/vocabulary.ts';
import { answerAs, FORMS, formOf } from './answer-form.ts';
import { Caller, Needs } from './auth.ts';
import { About, QuestionDto } from './question.dto.ts';
import { Questions } from './questions.ts';
import { linkedDataOf, type ToldRegister } from './register-linked-data.ts';
import { PAGE_POLICY, pageOf } from './register-page.ts';
import { REGISTER_COLUMNS, registerRow } from './register-rows.ts';

class RegisterAbout extends PickType(About, ['purpose', 'from', 'to'] as const) {}

class RegisterDto extends PickType(QuestionDto, ['asOf', 'reason', 'limit', 'cursor', 'after'] as const) {
  @ApiPropertyOptional({ description: 'A window of time in which to observe, and purposes; all when absent.', type: RegisterAbout })
  @IsOptional()
  @IsObject()
  @ValidateNested()
  @Type(() => RegisterAbout)
  about?: RegisterAbout;
}

class GrantsAbout extends PickType(About, ['actor', 'purpose', 'category', 'system'] as const) {}

const GRANT_STANDINGS = ['current', 'not-yet', 'ended', 'revoked'] as const satisfies readonly GrantStanding[];

class GrantsDto extends PickType(QuestionDto, ['asOf', 'reason', 'limit', 'cursor', 'after'] as const) {
  @ApiPropertyOptional({
    description: 'Who may see (`actor`), for which purpose, which category, in which system; what a grant does not limit it reaches.',
    type: GrantsAbout,
  })
  @IsOptional()
  @IsObject()
  @ValidateNested()
  @Type(() => GrantsAbout)
  about?: GrantsAbout;

  @ApiPropertyOptional({ description: 'Only grants that stand so; all when absent.', enum: GRANT_STANDINGS, example: 'current' })
  @IsOptional()
  @IsIn(GRANT_STANDINGS)
  standing?: GrantStanding;

  @ApiPropertyOptional({
    description: 'Whether to tell when each current grant was last used, and to count what was looked up without any. It takes longer.',
    default: false,
    example: true,
  })
  @IsOptional()
  @IsBoolean()
  usage?: boolean;
}

class InstructionAbout extends PickType(About, ['actor', 'purpose', 'system', 'from', 'to'] as const) {}

const INSTRUCTION_STANDINGS = ['never', 'overdue', 'current'] as const satisfies readonly InstructionStanding[];

class InstructionDto extends PickType(QuestionDto, ['asOf', 'reason', 'limit', 'cursor', 'after'] as const) {
  @ApiPropertyOptional({
    description: 'Who processed, for what, where and when; everybody who ever did when absent.',
    type: InstructionAbout,
  })
  @IsOptional()
  @IsObject()
  @ValidateNested()
  @Type(() => InstructionAbout)
  about?: InstructionAbout;

  @ApiPropertyOptional({ description: 'Only those who stand so; all when absent.', enum: INSTRUCTION_STANDINGS, example: 'overdue' })
  @IsOptional()
  @IsIn(INSTRUCTION_STANDINGS)
  standing?: InstructionStanding;
}

class ProcessorsAbout extends PickType(About, ['recipient', 'purpose', 'category', 'from', 'to'] as const) {}

class ProcessorsDto extends PickType(QuestionDto, ['asOf', 'reason', 'limit', 'cursor', 'after'] as const) {
  @ApiPropertyOptional({
    description: 'Which processors (`recipient`), and which disclosures to count: all when absent.',
    type: ProcessorsAbout,
  })
  @IsOptional()
  @IsObject()
  @ValidateNested()
  @Type(() => ProcessorsAbout)
  about?: ProcessorsAbout;
}

/** Columns of the answers as CSV: the same on every page. */
const COLUMNS = {
  'access-grants': [
    ...[
      'grantee.id',
      'grantee.reference',
      'grantee.name',
      'grantee.erased',
      'grantee.keyMissing',
      'standing',
      'purposes',
      'categories',
      'systems',
    ],
    ...['scope', 'from', 'until', 'grantedBy.id', 'grantedBy.reference', 'granted.source', 'granted.id'],
    ...['revoked.at', 'revoked.by.id', 'revoked.by.reference', 'revoked.record.source', 'revoked.record.id', 'revokedInPart'],
    ...['lastUsedAt'],
  ],
  instruction: [
    ...['staff.id', 'staff.reference', 'staff.name', 'staff.erased', 'staff.keyMissing', 'standing', 'instructedAt', 'textVersion'],
    ...['record.source', 'record.id', 'dueAt', 'processed.events', 'processed.firstAt', 'processed.lastAt'],
  ],
  processors: [
    ...['id', 'name', 'role', 'service', 'clauses', 'current', 'agreements', 'disclosed.events', 'disclosed.firstAt', 'disclosed.lastAt'],
    ...['disclosed.withoutAgreement', 'disclosed.notCurrent', 'disclosed.beyondScope', 'disclosed.beyondCountries'],
  ],
};

const PAGE = { next: null, position: 412, asOf: '2026-03-02T09:14:08.001Z' };
const RECORD = { source: 'urn:mailit:staff', id: '2026-01-10-7', position: 17 };

const GRANT = {
  ...{ grantee: { id: 'anna.berg' }, standing: 'current', purposes: ['tax-reporting'], categories: ['name', 'tax'], systems: ['billing'] },
  ...{
    scope: ['accounts'],
    from: '2026-01-10T08:00:00.000Z',
    until: '2026-12-31T23:59:59.999Z',
    grantedBy: { id: 'maria.ek' },
    granted: RECORD,
  },
  ...{ revokedInPart: [{ at: '2026-02-01T08:00:00.000Z', categories: ['tax'] }], lastUsedAt: '2026-02-09T15:02:11.000Z' },
};
const REVOKED = {
  ...{ grantee: { id: 'erik.sandberg' }, standing: 'revoked', from: '2026-01-10T08:00:00.000Z', until: '2026-02-10T08:00:00.000Z' },
  ...{ grantedBy: { id: 'maria.ek' }, granted: { ...RECORD, id: '2026-01-10-8', position: 18 } },
  revoked: { at: '2026-02-10T08:00:00.000Z', by: { id: 'maria.ek' }, record: { ...RECORD, id: '2026-02-10-1', position: 301 } },
};

const STAFF = {
  ...{ staff: { id: 'anna.berg' }, standing: 'overdue', instructedAt: '2025-01-10T08:00:00.000Z', textVersion: 'instruction-privacy-7' },
  ...{ record: RECORD, dueAt: '2026-01-10T23:59:59.999Z' },
  processed: { events: 412, firstAt: '2025-01-12T08:00:00.000Z', lastAt: '2026-03-02T09:14:07.120Z' },
};

const PROCESSOR = {
  ...{ id: 'norrdrift', name: 'Norrdrift', role: 'processor', service: 'Operates the IT systems.', clauses: [22], current: true },
  agreements: [
    {
      ...{
        standing: 'current',
        reference: 'PUB-2018-01',
        from: '2018-05-25',
        purposes: ['security'],
        categories: ['usage'],
        countries: ['FI', 'SE'],
      },
    },
    { standing: 'ended', from: '2026-01-10T08:00:00.000Z', until: '2026-01-31T23:59:59.999Z', engaged: RECORD },
  ],
  disclosed: {
    ...{ events: 12, firstAt: '2026-01-12T08:00:00.000Z', lastAt: '2026-03-02T09:14:07.120Z' },
    ...{ withoutAgreement: 0, notCurrent: 1, beyondScope: 2, beyondCountries: 0 },
  },
};

const answered = (items: object[], description: string, further: object = {}) =>
  ApiOkResponse({ description: `${description} ${STATE}`, schema: { example: { items, ...PAGE, ...further } } });

const STATE = '`next` is the cursor of the next page, null on the last; `position` and `asOf` say which state of the ledger was asked.';

const REGISTER_FORMS = [...FORMS, 'text/html', 'application/ld+json'] as const;

const SEEN = { events: 12, firstAt: '2026-01-12T08:00:00.000Z', lastAt: '2026-03-02T09:14:07.120Z' };
const REGISTER = {
  items: [
    {
      capacity: 'controller',
      purpose: 'tax-reporting',
      declared: {
        about: 'Reporting to the tax agency.',
        legalBases: [{ basis: '6(1)(c)', statutes: ['SFS 2011:1244'] }],
        data: [{ subjectCategory: 'customer', categories: ['name', 'tax'] }],
        recipients: [{ id: 'skatteverket', name: 'Skatteverket', role: 'independent-controller', country: 'SE', clauses: [25] }],
        processors: [],
        thirdCountries: [],
        retention: [
          {
            ...{ rule: 'accounts', trigger: 'last-processing', countedFrom: 'end-of-financial-year', period: 'P7Y' },
            ...{ statute: 'SFS 1999:1078', clauses: [26] },
          },
        ],
        withoutRetention: [],
        clauses: [25],
      },
      observed: {
        ...SEEN,
        operations: [{ code: 'PersonalDataDisclosed', ...SEEN }],
        legalBases: [{ code: '6(1)(c)', ...SEEN }],
        data: [{ subjectCategory: 'customer', category: 'name', ...SEEN }],
        subjectCategories: [{ code: 'customer', ...SEEN }],
        recipients: [{ id: 'skatteverket', role: 'independent-controller', country: 'SE', ...SEEN }],
        countries: [{ code: 'SE', ...SEEN }],
        thirdCountries: [],
        systems: [{ code: 'billing', ...SEEN }],
      },
      differences: [{ direction: 'declared-not-observed', of: 'dataCategory', value: 'tax', subjectCategory: 'customer', clauses: [25] }],
    },
  ],
  ...PAGE,
  controller: {
    ...{ id: 'mailit', name: 'MAILIT AB', registrationNumber: '556532-9496', address: 'Sjöbodavägen 2, 145 03 Norsborg', country: 'SE' },
    ...{ contact: 'info@mailit.se', supervisoryAuthority: { id: 'imy', name: 'Integritetsskyddsmyndigheten' } },
  },
  policy: {
    ...{
      policy: 'mailit',
      version: '1',
      effectiveFrom: '2018-05-25',
      title: 'Integritetspolicy, MAILIT AB',
      url: 'https://www.mailit.se/',
    },
    ...{ digest: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08', publishedAt: '2026-01-02T08:00:00.000Z' },
  },
  earlierVersions: [],
  window: { from: '2026-01-01T00:00:00.000Z' },
  security: { declared: ['IT infrastructure'], recorded: [{ measure: 'disk-encryption', ...SEEN, events: 1 }] },
  territory: { area: 'EEA-30', countries: [] },
  statutes: { 'SFS 2011:1244': 'Skatteförfarandelagen' },
  totals: { activities: 1, declared: 1, observed: 1, differences: 1 },
};

@ApiTags('ask')
@ApiBearerAuth()
@Controller('v1/queries')
export class RegistersController {
  constructor(
    private readonly questions: Questions,
    private readonly vocabulary: Vocabulary,
  ) {}

  @Post('processing-register')
  @HttpCode(200)
  @Needs('findings')
  @ApiProduces(...REGISTER_FORMS)
  @ApiOperation({
    summary: 'The records of processing activities (Art. 30): declared beside observed, with the differences (Q2)',
    description:
      'What the policy that was in force at `asOf` declares of each purpose, beside what was recorded in the window, and how both differ: what was declared and never ' +
      'observed, and what was observed and not declared. As controller (Art. 30(1)), and on behalf of each other controller (Art. 30(2)), where the agreements that were recorded ' +
      '(`ProcessorEngaged` with that controller, and the own one as recipient) are what is declared. What was denied, retracted, or corrected since does not count; an erasure is ' +
      'no processing. It counts events and names nobody. `text/html` is a page to print; `application/ld+json` uses the terms of the Data Privacy Vocabulary 2.3.',
  })
  @ApiOkResponse({
    description:
      'Activities by purpose, 1,000 a page unless `limit` says otherwise. Of differences, recipients and systems of an activity 500 are listed at most, and the others counted. ' +
      '`next` is the cursor of the next page, null on the last; in other forms than JSON it is the header `Liggare-Next`.',
    schema: { example: REGISTER },
  })
  async processingRegister(
    @Body() body: RegisterDto,
    @Caller() caller: Caller,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<unknown> {
    const form = formOf(request, REGISTER_FORMS);
    const answer = await this.questions.ask('processing-register', (question) => new ProcessingRegister(question), body, caller);
    const { items, next, position, asOf, head } = answer;
    if (form === 'text/html' || form === 'application/ld+json') {
      return this.told(form, { head, items, position, asOf, hasMore: next !== null }, next, reply);
    }
    const isTable = form === 'text/csv';
    const page = { items: isTable ? items.map(registerRow) : items, next, position, asOf, further: { ...head } };
    return answerAs(form, page, REGISTER_COLUMNS, reply);
  }

  @Post('access-grants')
  @HttpCode(200)
  @Needs('ask')
  @ApiProduces(...FORMS)
  @ApiOperation({
    summary: 'Who may see what, for which purpose, in which system, from when until when, and by whom it was granted',
    description:
      'Grants as they stood at `asOf` (Art. 29, 32(4)), by when they begin. What a grant leaves out it does not limit. A revocation that names some purposes, categories or systems takes ' +
      'back only those (`revokedInPart`). With `usage`, each current grant tells the last access that it covers, and the answer counts those by people whom no grant ever covered for them.',
  })
  @answered([GRANT, REVOKED], 'Actors by id for whoever may name them, else by reference.', {
    usage: { accessesWithoutGrant: 3, peopleWithoutGrant: 1, grantsNeverUsed: 4 },
  })
  async accessGrants(
    @Body() body: GrantsDto,
    @Caller() caller: Caller,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<unknown> {
    const form = formOf(request);
    const make = (question: GrantQuestion) => new AccessGrants(question);
    const { items, next, position, asOf, usage } = await this.questions.ask('access-grants', make, body, caller);
    return answerAs(form, { items, next, position, asOf, ...(usage && { further: { usage } }) }, COLUMNS['access-grants'], reply);
  }

  @Post('instruction')
  @HttpCode(200)
  @Needs('ask')
  @ApiProduces(...FORMS)
  @ApiOperation({
    summary: 'When everybody who processed personal data was last instructed: never, overdue, or not yet due again',
    description:
      'People (`kind` human) who processed anything in the window, as controller or as processor, with their last `StaffInstructed` by `asOf` (Art. 29, 39(1)(b)). The policy in force says how often; without one ' +
      'nothing is overdue. Whoever was never instructed comes first, then by when it is due.',
  })
  @answered([STAFF], 'Actors by id for whoever may name them, else by reference.')
  async instruction(
    @Body() body: InstructionDto,
    @Caller() caller: Caller,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<unknown> {
    const form = formOf(request);
    const { items, next, position, asOf } = await this.questions.ask('instruction', (question) => new Instruction(question), body, caller);
    return answerAs(form, { items, next, position, asOf }, COLUMNS.instruction, reply);
  }

  @Post('processors')
  @HttpCode(200)
  @Needs('findings')
  @ApiProduces(...FORMS)
  @ApiOperation({
    summary: 'Processors, their agreements on that day, and what was disclosed to them beyond these',
    description:
      'Agreements (Art. 28(3)) that the policy declares and those that were recorded (`ProcessorEngaged`, `ProcessorTerminated`), current or not at `asOf`. Disclosures are held ' +
      'against the agreements as they stood when they happened. It counts events and names nobody.',
  })
  @answered([PROCESSOR], 'By id. `disclosed` is null where nothing was.')
  async processors(
    @Body() body: ProcessorsDto,
    @Caller() caller: Caller,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<unknown> {
    const form = formOf(request);
    const { items, next, position, asOf } = await this.questions.ask('processors', (question) => new Processors(question), body, caller);
    return answerAs(form, { items, next, position, asOf }, COLUMNS.processors, reply);
  }

  private told(form: 'text/html' | 'application/ld+json', told: ToldRegister, next: string | null, reply: FastifyReply): string {
    reply.header('liggare-position', String(told.position)).header('liggare-as-of', told.asOf);
    if (next !== null) reply.header('liggare-next', next);
    reply.type(`${form}; charset=utf-8`);
    if (form === 'application/ld+json') return JSON.stringify(linkedDataOf(told, this.vocabulary));
    reply.header('content-security-policy', PAGE_POLICY);
    return pageOf(told, this.vocabulary);
  }
}
