import { Body, Controller, Get, HttpCode, Param, Post, Query, Req, Res } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import {
  ApiBearerAuth,
  ApiBody,
  ApiConsumes,
  ApiCreatedResponse,
  ApiExtraModels,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiProduces,
  ApiProperty,
  ApiPropertyOptional,
  ApiTags,
  getSchemaPath,
} from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsBoolean, IsDefined, IsIn, IsInt, IsOptional, IsString, Matches, Max, MaxLength, Min } from 'class-validator';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { momentOf } from '../../projections/moment.ts';
import { PublishPolicy, type Reviewed, ReviewPolicy } from '../ledger/policy/commands.ts';
import { MAX_DOCUMENT_BYTES, type PolicyRefused, type PolicyTooLarge, PolicyUnknown } from '../ledger/policy/decider.ts';
import { isPublishedText, Policies, type Published, type Review, reviewDue } from '../ledger/policy/policies.ts';
import type { Publication, PublicationWarning } from '../ledger/policy/publish.ts';
import { IsText } from '../ledger/record/rules.ts';
import { type Difference, differences } from '../policy/differences.ts';
import { effectiveAt, inForceAt } from '../policy/in-force.ts';
import type { InvalidPolicy } from '../policy/parse.ts';
import { asWritten, policyText } from '../policy/text.ts';
import { Caller, Needs } from './auth.ts';
import { mediaTypeOf } from './body.ts';
import { answerError, HttpProblem } from './problem.ts';
import { Accepts } from './route.ts';
import { checked, ForeignJson } from './validation.ts';

/** Characters of a policy as it is sent. In normal form it has at most 48 KiB; the rest is comments and the width of the page. */
export const MAX_TEXT = 128 * 1024;

answerError<InvalidPolicy>('InvalidPolicy', {
  type: 'invalid',
  detail: 'This is not a policy that can be used. See errors for each mistake, by line and column.',
  errors: ({ mistakes }) =>
    mistakes.map(({ line, column, message }) => ({
      path: '/document',
      rule: 'policy',
      message: `line ${line}, column ${column}: ${message}`,
      line,
      column,
    })),
});
answerError<PolicyRefused>('PolicyRefused', {
  type: 'conflict',
  detail: 'The policy cannot be published like this; nothing was recorded.',
  errors: ({ rule, message }) => [{ path: '/document', rule, message }],
});
answerError<PolicyTooLarge>('PolicyTooLarge', { type: 'too-large', detail: ({ message }) => `${message}.` });
answerError('PolicyUnknown', { type: 'not-found', detail: 'There is no such version of the policy; GET /v1/policies lists them.' });
answerError<Error>('PolicyNotInForce', { type: 'conflict', detail: ({ message }) => `Nothing was recorded: ${message}.` });

const DIGEST = /^[0-9a-f]{64}$/;
const VERSION = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,79}$/;
const MANY = 1000;

const EXAMPLE = {
  digest: '6f1c2d3e4a5b60718293a4b5c6d7e8f96f1c2d3e4a5b60718293a4b5c6d7e8f9',
  textDigest: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  reference: 'q83vEjRWeJCrze8SNFZ4kA',
};

/** A policy to be published. As `application/yaml` the body is the text itself. */
export class PolicyToPublish {
  @ApiProperty({
    description:
      'The policy: its text in YAML, or the document as a JSON object, as GET shows it. Mistakes are told by line and column of the text; of an object, of its JSON with an indent of two.',
    oneOf: [
      { type: 'string', maxLength: MAX_TEXT },
      { type: 'object', additionalProperties: true },
    ],
    example: "format: 1\npolicy: mailit\nversion: '2'\neffectiveFrom: 2027-01-01\n…",
  })
  @ForeignJson()
  @IsDefined()
  document!: unknown;

  @ApiPropertyOptional({ description: 'Says what would change for whom, and records nothing.', example: true, default: false })
  @IsOptional()
  @IsBoolean()
  dryRun?: boolean | null;

  @ApiPropertyOptional({ description: 'Why, in words; kept sealed.', example: 'A distributor was added.', maxLength: 1024 })
  @IsOptional()
  @IsText('free')
  reason?: string | null;
}

class PublishQuery {
  @ApiPropertyOptional({ description: 'For a body in YAML, as `dryRun` in JSON.', enum: ['true', 'false'], example: 'true' })
  @IsOptional()
  @IsIn(['true', 'false'])
  dryRun?: 'true' | 'false';
}

export class DifferenceDto implements Difference {
  @ApiProperty({ description: 'The key of the document under which it stands.', example: 'retention' })
  section!: string;

  @ApiProperty({ description: 'What happened to it.', enum: ['added', 'removed', 'changed'], example: 'changed' })
  kind!: 'added' | 'removed' | 'changed';

  @ApiProperty({
    description: 'Categories of data subjects whom it concerns; none: everybody.',
    type: [String],
    example: ['job-applicant'],
  })
  whom!: string[];

  @ApiProperty({ description: 'In words.', example: 'Data for recruitment is kept for 6 months instead of 12 months (shorter)' })
  words!: string;
}

class WarningDto implements PublicationWarning {
  @ApiProperty({ description: 'The key of the document.', example: 'controller.contact' })
  path!: string;

  @ApiProperty({
    description: 'What it looks like.',
    enum: ['address-of-a-person', 'email-in-clear', 'personal-identity-number-in-clear'],
    example: 'address-of-a-person',
  })
  rule!: PublicationWarning['rule'];

  @ApiProperty({
    description: 'In words.',
    example: 'does not look like the address of a function, such as privacy@…; a published policy stands in the log in clear, for ever',
  })
  message!: string;
}

class ReviewDto {
  @ApiProperty({ description: 'When, UTC, by the log’s clock.', example: '2027-02-01T09:00:00.000Z' })
  reviewedAt!: string;

  @ApiProperty({ description: 'Who, by reference.', example: EXAMPLE.reference })
  reviewer!: string;

  @ApiProperty({ description: 'Where it stands in the log.', example: 90_211 })
  position!: number;

  @ApiPropertyOptional({ description: 'SHA-256 of the text that was found where people read it.', example: EXAMPLE.textDigest })
  textDigest?: string;

  @ApiProperty({
    description: 'Whether that text is the one that the policy names; null where either is not known.',
    nullable: true,
    type: Boolean,
    example: true,
  })
  isPublishedText!: boolean | null;
}

const STATES = ['in-force', 'to-come', 'replaced'] as const;

export class VersionDto {
  @ApiProperty({ description: 'Which policy it is.', example: 'mailit' })
  policy!: string;

  @ApiProperty({ description: 'Which version; findings name it.', example: '1' })
  version!: string;

  @ApiProperty({ description: 'From when: a day, which means its beginning in UTC, or a moment.', example: '2018-05-25' })
  effectiveFrom!: string;

  @ApiProperty({
    description: 'Whether it is in force now, will be, or another one took its place.',
    enum: STATES,
    example: 'in-force',
  })
  state!: (typeof STATES)[number];

  @ApiProperty({ description: 'SHA-256 of the document in RFC 8785 form, hexadecimal.', example: EXAMPLE.digest })
  digest!: string;

  @ApiProperty({ description: 'Where the text that people read is found.', example: 'https://www.mailit.se/' })
  url!: string;

  @ApiPropertyOptional({ description: 'SHA-256 of that text, hexadecimal.', example: EXAMPLE.textDigest })
  textDigest?: string;

  @ApiProperty({ description: 'When it was published, UTC, by the log’s clock.', example: '2026-03-02T09:14:07.120Z' })
  publishedAt!: string;

  @ApiProperty({ description: 'Who published it, by reference.', example: EXAMPLE.reference })
  publisher!: string;

  @ApiProperty({ description: 'Where it stands in the log.', example: 2 })
  position!: number;

  @ApiProperty({ description: 'Who went through it, and when.', type: [ReviewDto] })
  reviews!: ReviewDto[];

  @ApiPropertyOptional({
    description: 'When it has to be gone through next, UTC; of the one in force.',
    example: '2027-03-02T23:59:59.999Z',
  })
  reviewDue?: string;
}

class DocumentDto extends VersionDto {
  @ApiProperty({
    description: 'The document in normal form: `digest` is of this. As one would write it, with `Accept: application/yaml`.',
    type: 'object',
    additionalProperties: true,
    example: { format: 1, policy: 'mailit', version: '1' },
  })
  document!: object;
}

class VersionsQuery {
  @ApiPropertyOptional({ description: 'Versions a page.', minimum: 1, maximum: MANY, default: 100, example: 100 })
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(MANY)
  limit?: number;

  @ApiPropertyOptional({ description: 'The `next` of the page before.', example: '2' })
  @IsOptional()
  @Matches(/^\d{1,15}$/)
  cursor?: string;

  @ApiPropertyOptional({ description: 'As it was known then: a date-time, or a date meaning its end in UTC.', example: '2026-12-31' })
  @IsOptional()
  @IsString()
  @MaxLength(40)
  asOf?: string;
}

class VersionsDto {
  @ApiProperty({ description: 'In the order of publication.', type: [VersionDto] })
  items!: VersionDto[];

  @ApiProperty({ description: 'For the next page; null on the last.', nullable: true, type: String, example: null })
  next!: string | null;

  @ApiProperty({ description: 'As of when, UTC.', example: '2026-12-31T23:59:59.999Z' })
  asOf!: string;
}

class PublicationDto {
  @ApiProperty({
    description: '`unchanged`: it was published before, with just this content. `would-publish`: this is what would be.',
    enum: ['published', 'unchanged', 'would-publish'],
    example: 'published',
  })
  outcome!: Publication['outcome'];

  @ApiProperty({ description: 'Which policy it is.', example: 'mailit' })
  policy!: string;

  @ApiProperty({ description: 'Which version.', example: '2' })
  version!: string;

  @ApiProperty({ description: 'From when it is in force.', example: '2027-01-01' })
  effectiveFrom!: string;

  @ApiProperty({ description: 'SHA-256 of the document in RFC 8785 form, hexadecimal.', example: EXAMPLE.digest })
  digest!: string;

  @ApiPropertyOptional({ description: 'When it was published, UTC; absent with `would-publish`.', example: '2026-11-02T09:14:07.120Z' })
  publishedAt?: string;

  @ApiPropertyOptional({ description: 'Where it stands in the log, for `after`; absent with `would-publish`.', example: 90_211 })
  position?: number;

  @ApiPropertyOptional({ description: 'The version whose place it takes; absent for the first of all.', example: '1' })
  replaces?: string;

  @ApiProperty({ description: 'What changes from that version, in words, and for whom.', type: [DifferenceDto] })
  differences!: readonly Difference[];

  @ApiProperty({
    description: 'What nothing forbids, and somebody may regret: a published policy is never forgotten.',
    type: [WarningDto],
  })
  warnings!: readonly PublicationWarning[];
}

class DifferencesQuery {
  @ApiPropertyOptional({ description: 'The version to compare with; the one published before unless told.', example: '1' })
  @IsOptional()
  @Matches(VERSION)
  from?: string;
}

class DifferencesDto {
  @ApiProperty({ description: 'The version before; null where this is the first.', nullable: true, type: String, example: '1' })
  from!: string | null;

  @ApiProperty({ description: 'The version after.', example: '2' })
  to!: string;

  @ApiProperty({ description: 'In the order of the document.', type: [DifferenceDto] })
  items!: Difference[];
}

class ReviewedDto extends ReviewDto {
  @ApiProperty({ description: 'The version that was gone through.', example: '1' })
  version!: string;

  @ApiProperty({ description: 'When it has to be gone through next, UTC.', example: '2028-02-01T23:59:59.999Z' })
  reviewDue!: string;
}

class ReviewToRecord {
  @ApiPropertyOptional({
    description: 'SHA-256 of the text that was found where people read it, hexadecimal.',
    example: EXAMPLE.textDigest,
  })
  @IsOptional()
  @Matches(DIGEST)
  textDigest?: string | null;

  @ApiPropertyOptional({ description: 'What was found, in words; kept sealed.', example: 'The list of distributors is complete.' })
  @IsOptional()
  @IsText('free')
  note?: string | null;
}

const YAML = 'application/yaml';

@ApiTags('policies')
@ApiBearerAuth()
@Controller('v1/policies')
export class PoliciesController {
  constructor(
    private readonly commands: CommandBus,
    private readonly policies: Policies,
  ) {}

  @Post()
  @Needs('policies')
  @Accepts('application/json', YAML)
  @ApiOperation({
    summary: 'Publish a version of the policy, or ask what it would change',
    description: `The body is the text of the policy as \`${YAML}\`, or JSON. The first version of all may name the earlier day from which its text applied; every later one begins at or after its publication. Sending the same again changes nothing. In RFC 8785 form a policy has at most ${MAX_DOCUMENT_BYTES / 1024} KiB.`,
  })
  @ApiExtraModels(PolicyToPublish)
  @ApiConsumes('application/json', YAML)
  @ApiBody({
    required: true,
    schema: {
      oneOf: [{ $ref: getSchemaPath(PolicyToPublish) }, { type: 'string', description: `As \`${YAML}\`: the text of the policy.` }],
    },
  })
  @ApiCreatedResponse({ description: 'It was published.', type: PublicationDto })
  @ApiOkResponse({ description: 'Nothing was recorded: it was published before, or this was a dry run.', type: PublicationDto })
  async publish(
    @Body() body: unknown,
    @Query() { dryRun }: PublishQuery,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Caller() author: Caller,
  ): Promise<PublicationDto> {
    const wanted = wantedOf(body, mediaTypeOf(request) === YAML);
    const options = { author, now: Date.now(), dryRun: dryRun === 'true' || wanted.dryRun };
    const publication = await this.commands.execute(
      new PublishPolicy(wanted.text, { ...options, ...(wanted.reason !== undefined && { reason: wanted.reason }) }),
    );
    reply.code(publication.outcome === 'published' ? 201 : 200);
    return publicationShown(publication);
  }

  @Get()
  @Needs('findings')
  @ApiOperation({ summary: 'Every version of the policy that was published' })
  @ApiOkResponse({ type: VersionsDto })
  async list(@Query() { limit = 100, cursor = '0', asOf }: VersionsQuery): Promise<VersionsDto> {
    const moment = asOf === undefined ? Date.now() : momentOf(asOf, 'end');
    const versions = await this.policies.versions(moment);
    const rest = versions.filter(({ position }) => position > Number(cursor));
    const page = rest.slice(0, limit);
    return {
      items: page.map((version) => versionShown(version, versions, moment)),
      next: rest.length > page.length ? String(page.at(-1)?.position) : null,
      asOf: new Date(moment).toISOString(),
    };
  }

  @Get(':version')
  @Needs('findings')
  @ApiOperation({ summary: 'A version of the policy, with its document' })
  @ApiParam({ name: 'version', example: '1' })
  @ApiProduces('application/json', YAML)
  @ApiOkResponse({ type: DocumentDto })
  async one(
    @Param('version') name: string,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<DocumentDto | string> {
    const [version, versions] = await this.found(name);
    const document = version.promises.policy;
    if (wantsYaml(request)) {
      reply.type(`${YAML}; charset=utf-8`);
      return policyText(document);
    }
    return { ...versionShown(version, versions, Date.now()), document };
  }

  @Get(':version/differences')
  @Needs('findings')
  @ApiOperation({ summary: 'What changed to a version of the policy, in words, and for whom' })
  @ApiParam({ name: 'version', example: '2' })
  @ApiOkResponse({ type: DifferencesDto })
  async differences(@Param('version') name: string, @Query() { from }: DifferencesQuery): Promise<DifferencesDto> {
    const [version, versions] = await this.found(name);
    const before = from === undefined ? versions[versions.indexOf(version) - 1] : (await this.found(from))[0];
    const items = before === undefined ? [] : differences(before.promises.policy, version.promises.policy);
    return { from: before?.version ?? null, to: version.version, items };
  }

  @Post(':version/review')
  @HttpCode(200)
  @Needs('policies')
  @ApiOperation({
    summary: 'Say that the version in force was gone through',
    description: 'The next review is due one period of review later. A version that is not in force cannot be reviewed in its place.',
  })
  @ApiParam({ name: 'version', example: '1' })
  @ApiOkResponse({ type: ReviewedDto })
  async review(
    @Param('version') version: string,
    @Body() { textDigest, note }: ReviewToRecord,
    @Caller() author: Caller,
  ): Promise<ReviewedDto> {
    const found = { ...(textDigest != null && { textDigest }), ...(note != null && { reason: note }) };
    const reviewed: Reviewed = await this.commands.execute(new ReviewPolicy(version, { author, now: Date.now(), ...found }));
    return {
      version: reviewed.version.version,
      ...reviewShown(reviewed.version, reviewed.review),
      reviewDue: new Date(reviewDue(reviewed.version)).toISOString(),
    };
  }

  /** @throws PolicyUnknown */
  private async found(name: string): Promise<[version: Published, versions: readonly Published[]]> {
    const versions = await this.policies.versions();
    const version = versions.find((each) => each.version === name);
    if (version === undefined) throw new PolicyUnknown('there is no such version of the policy');
    return [version, versions];
  }
}

interface Wanted {
  text: string;
  dryRun: boolean;
  reason?: string;
}

function wantedOf(body: unknown, isYaml: boolean): Wanted {
  if (isYaml) return { text: policyTextOf(body, ''), dryRun: false };
  const { document, dryRun, reason } = checked(PolicyToPublish, body);
  return { text: policyTextOf(document, '/document'), dryRun: dryRun === true, ...(reason != null && { reason }) };
}

/** The text of a policy that was sent as such, or as an object: of that, JSON in lines is text like any other. @throws HttpProblem */
export function policyTextOf(document: unknown, path: string): string {
  const isObject = typeof document === 'object' && document !== null && !Array.isArray(document);
  const text = isObject ? JSON.stringify(asWritten(document), null, 2) : document;
  if (typeof text === 'string' && text.length <= MAX_TEXT) return text;
  if (typeof text === 'string') throw new HttpProblem('too-large', { detail: `The text of a policy may have ${MAX_TEXT} characters.` });
  const error = { path, rule: 'object', message: 'is the text of a policy, or the document as an object' };
  throw new HttpProblem('invalid', { detail: 'See errors for each field and its rule.', errors: [error] });
}

/** Somebody who names it wants it; whoever takes anything gets JSON. */
function wantsYaml({ headers }: FastifyRequest): boolean {
  return (headers.accept ?? '').split(',').some((range) => range.split(';', 1)[0]?.trim().toLowerCase() === YAML);
}

function publicationShown({ outcome, document, digest, published, replaces, ...told }: Publication): PublicationDto {
  const { policy, version, effectiveFrom } = document;
  return {
    ...{ outcome, policy, version, effectiveFrom, digest },
    ...(published && { publishedAt: published.publishedAt, position: published.position }),
    ...(replaces && { replaces: replaces.version }),
    differences: told.differences,
    warnings: told.warnings,
  };
}

function versionShown(published: Published, versions: readonly Published[], now: number): VersionDto {
  const { policy, version, effectiveFrom, digest, url, textDigest, publishedAt, publisher, position, reviews } = published;
  const state = stateOf(published, versions, now);
  return {
    ...{ policy, version, effectiveFrom, state, digest, url, ...(textDigest !== undefined && { textDigest }) },
    ...{ publishedAt, publisher, position },
    reviews: reviews.map((review) => reviewShown(published, review)),
    ...(state === 'in-force' && { reviewDue: new Date(reviewDue(published)).toISOString() }),
  };
}

function stateOf(version: Published, versions: readonly Published[], now: number): VersionDto['state'] {
  if (inForceAt(versions, now) === version) return 'in-force';
  const begins = effectiveAt(version);
  return begins > now && inForceAt(versions, begins) === version ? 'to-come' : 'replaced';
}

function reviewShown(version: Published, review: Review): ReviewDto {
  const { reviewedAt, reviewer, position, textDigest } = review;
  return {
    ...{ reviewedAt, reviewer, position, ...(textDigest !== undefined && { textDigest }) },
    isPublishedText: isPublishedText(version, review) ?? null,
  };
}
