import { Body, Controller, HttpCode, Post, Req, Res } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiProduces, ApiPropertyOptional, ApiTags, PickType } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsObject, IsOptional, ValidateNested } from 'class-validator';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ProcessingRegister } from '../../projections/registers/processing/query.ts';
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
  ...{ next: null, position: 412, asOf: '2026-03-02T09:14:08.001Z' },
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

  private told(form: 'text/html' | 'application/ld+json', told: ToldRegister, next: string | null, reply: FastifyReply): string {
    reply.header('liggare-position', String(told.position)).header('liggare-as-of', told.asOf);
    if (next !== null) reply.header('liggare-next', next);
    reply.type(`${form}; charset=utf-8`);
    if (form === 'application/ld+json') return JSON.stringify(linkedDataOf(told, this.vocabulary));
    reply.header('content-security-policy', PAGE_POLICY);
    return pageOf(told, this.vocabulary);
  }
}
