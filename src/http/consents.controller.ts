import { Body, Controller, HttpCode, Post, Req, Res } from '@nestjs/common';
import {
  ApiBearerAuth,
  ApiExtraModels,
  ApiOkResponse,
  ApiOperation,
  ApiProduces,
  ApiPropertyOptional,
  ApiTags,
  OmitType,
} from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsObject, IsOptional, IsString, Matches, ValidateNested } from 'class-validator';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Consents } from '../../projections/consents/query.ts';
import { answerAs, formOf } from './answer-form.ts';
import { Caller, Needs } from './auth.ts';
import { About, MOMENT, QuestionDto } from './question.dto.ts';
import { Questions } from './questions.ts';

/** Of all axes, those that a consent has. */
class ConsentsAbout extends OmitType(About, [
  ...(['actor', 'recipient', 'system', 'source', 'category', 'type', 'legalBasis', 'caseRef', 'country', 'from', 'to'] as const),
]) {}

class ConsentsDto extends OmitType(QuestionDto, ['about', 'order']) {
  @ApiPropertyOptional({
    description: 'Whose consents, and on which purposes; without any everybody of whom something was said.',
    type: ConsentsAbout,
  })
  @IsOptional()
  @IsObject()
  @ValidateNested()
  @Type(() => ConsentsAbout)
  about?: ConsentsAbout;

  @ApiPropertyOptional({
    description:
      'What was so then, as far as it was known `asOf`: a date-time with an offset, or a date (its end in UTC). Absent: the moment of `asOf`.',
    example: '2026-03-31',
  })
  @IsOptional()
  @IsString()
  @Matches(MOMENT)
  at?: string;
}

const EVENT = { source: 'urn:mailit:mailer', id: 'consent-1187', position: 212, time: '2026-01-12T08:00:00.000Z' };
const GIVEN = {
  ...{ state: 'given', time: '2026-01-12T08:00:00.000Z', recordedAt: '2026-01-12T08:00:01.004Z' },
  ...{ textVersion: 'newsletter-4', method: 'web', event: EVENT },
};

const ITEM = {
  subject: { scheme: 'customer-number', value: '10027' },
  purpose: 'newsletter',
  consent: GIVEN,
  history: [GIVEN],
  objections: [
    {
      ...{ kind: '21(2)', purposes: ['direct-marketing'], time: '2026-02-01T10:00:00.000Z', recordedAt: '2026-02-01T10:00:00.512Z' },
      ...{ event: { source: 'urn:mailit:crm', id: 'objection-9', position: 300, time: '2026-02-01T10:00:00.000Z' }, decision: null },
    },
  ],
  directMarketing: {
    ...{ allowed: false, because: 'objection', clause: 35, article: '21(3)', policyVersion: '1' },
    event: { source: 'urn:mailit:crm', id: 'objection-9', position: 300, time: '2026-02-01T10:00:00.000Z' },
  },
};

/** Columns as CSV; history and objections stand as JSON in the last one. */
const COLUMNS = [
  ...['subject.scheme', 'subject.value', 'subject.reference', 'subject.erased', 'purpose', 'consent.state', 'consent.time'],
  ...['consent.recordedAt', 'consent.textVersion', 'consent.method', 'consent.event.source', 'consent.event.id', 'consent.event.position'],
  ...['directMarketing.allowed', 'directMarketing.because', 'directMarketing.clause', 'directMarketing.article'],
  ...['directMarketing.policyVersion', 'directMarketing.event.source', 'directMarketing.event.id', 'directMarketing.event.position'],
];

@ApiTags('ask')
@ApiBearerAuth()
@ApiProduces('application/json', 'application/x-ndjson', 'text/csv')
@ApiExtraModels(ConsentsAbout)
@Controller('v1/queries/consents')
export class ConsentsController {
  constructor(private readonly questions: Questions) {}

  @Post()
  @HttpCode(200)
  @Needs('ask')
  @ApiOperation({
    summary: 'Consents and objections by person and purpose, as they stood at a moment, with what proves each',
    description:
      '`consent` is the last statement that stands, null where nothing was ever said; `history` all of them in the order in which they were made, with what was corrected or ' +
      'retracted marked as such. `objections` concern the purpose: an objection to direct marketing concerns all of it. Of purposes that the policy calls direct marketing, ' +
      '`directMarketing` says whether it is allowed (null: that cannot be told), why, and what proves it, by what is recorded alone: whether an identifier is on the ' +
      'suppression list is told by `POST /v1/suppression/check`. About people, purposes of which nothing was said are shown too.',
  })
  @ApiOkResponse({
    description:
      '`next` is the cursor of the next page, null on the last; a page may have fewer items than asked for where more follow. `position` and `asOf` say which state of the ledger was asked. ' +
      'Whoever was erased shows as `{reference, erased: true}`. References that were linked are one person.',
    schema: { example: { items: [ITEM], next: null, position: 412, asOf: '2026-03-02T09:14:08.001Z' } },
  })
  async consents(
    @Body() body: ConsentsDto,
    @Caller() caller: Caller,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<unknown> {
    const form = formOf(request);
    // The moment asked about goes with the question as it came.
    const { items, next, position, asOf } = await this.questions.ask('consents', (question) => new Consents(question), body, caller);
    return answerAs(form, { items, next, position, asOf }, COLUMNS, reply);
  }
}
