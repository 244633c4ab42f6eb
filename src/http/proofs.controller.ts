import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import {
  ApiBearerAuth,
  ApiExtraModels,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiOperation,
  ApiProperty,
  ApiPropertyOptional,
  ApiTags,
  getSchemaPath,
  PickType,
} from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsInt, IsObject, IsOptional, IsString, Length, Matches, Max, Min, ValidateNested } from 'class-validator';
import { Proof, type ProvenItem, type RecordUnknown, type ToProve } from '../../projections/proofs/query.ts';
import { Config } from '../config.ts';
import { Caller, Needs } from './auth.ts';
import { answerError, HttpProblem } from './problem.ts';
import { QuestionDto } from './question.dto.ts';
import { Questions } from './questions.ts';
import { EXAMPLE, TreeHeadDto, treeHeadOf } from './tree-head.dto.ts';

const UNKNOWN = {
  record: 'The ledger knows no record of this source and id. What is in quarantine is no record before it is released.',
  position: 'There is no event at this position.',
  erasure: 'The ledger knows no erasure of this id.',
};
answerError<RecordUnknown>('RecordUnknown', { type: 'not-found', detail: ({ by }) => UNKNOWN[by] });
answerError('HeadUnknown', { type: 'not-found', detail: 'No tree head of this size was published: GET /v1/tree-heads lists them.' });
answerError('HeadTooSmall', {
  type: 'invalid',
  detail: 'See errors for each field and its rule.',
  errors: () => [{ path: '/head', rule: 'too-small', message: 'the tree head is older than what is to be proven: leave it out' }],
});
answerError('LeafDiffers', {
  type: 'not-as-sealed',
  detail: 'The event is not the one that was sealed, so that nothing can be proven of it. `liggare verify` says where.',
});

const ID = '0199f2d1-6f4e-7c1a-9d33-2f5b8a6c4e10';
const HASH = 'PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=';
const LEAF = 'AQAAABJ1cm46bWFpbGl0OmJpbGxpbmc=';
export const PROOF_EXAMPLE = `c2sp.org/tlog-proof@v1\nindex 411\n${HASH}\n\n${EXAMPLE.note}`;

/** A record as its source names it (CloudEvents 1.0, 3.1). */
export class RecordDto {
  @ApiProperty({ description: 'Who reported it.', example: 'urn:mailit:billing' })
  @IsString()
  @Length(1, 1024)
  source!: string;

  @ApiProperty({ description: 'Its id within the source.', example: '2026-03-02-000412' })
  @IsString()
  @Length(1, 1024)
  id!: string;
}

class ProofDto extends PickType(QuestionDto, ['reason'] as const) {
  @ApiPropertyOptional({
    description: 'The record, by source and id. One of `record`, `position` and `erasure` is needed.',
    type: RecordDto,
  })
  @IsOptional()
  @IsObject()
  @ValidateNested()
  @Type(() => RecordDto)
  record?: RecordDto;

  @ApiPropertyOptional({ description: 'Instead: the position of the event in the log.', minimum: 1, example: 412 })
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(Number.MAX_SAFE_INTEGER)
  position?: number;

  @ApiPropertyOptional({
    description:
      'Instead: the id of an erasure, as its certificate has it, or of the refusal of one. Everything that makes it up is proven.',
    example: ID,
  })
  @IsOptional()
  @IsString()
  @Matches(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/)
  erasure?: string;

  @ApiPropertyOptional({
    description: 'Size of an older tree head to prove it under, such as the one that somebody keeps. Without it: one that covers it.',
    minimum: 1,
    example: 415,
  })
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(Number.MAX_SAFE_INTEGER)
  head?: number;
}

class LeafDto {
  @ApiProperty({ description: 'Its place in the tree, from 0.', example: 411 })
  index!: number;

  @ApiProperty({ description: "The leaf's bytes, base64: what the hash is of.", example: LEAF })
  bytes!: string;

  @ApiProperty({ description: 'SHA-256 of a zero byte and the bytes (RFC 6962), base64.', example: HASH })
  hash!: string;
}

class InclusionDto {
  @ApiProperty({ description: "The leaf's place in the tree, from 0.", example: 411 })
  index!: number;

  @ApiProperty({ description: 'Leaves of the tree.', example: 415 })
  size!: number;

  @ApiProperty({
    description: "From the leaf's sibling up to the root's child (RFC 6962, 2.1.1), base64.",
    type: [String],
    example: [HASH],
  })
  hashes!: string[];
}

const RECORD_EXAMPLE = {
  ...{ position: 412, recordedAt: '2026-03-02T09:14:08.001Z', source: 'urn:mailit:billing', id: '2026-03-02-000412' },
  ...{ type: 'PersonalDataDisclosed', time: '2026-03-02T09:14:07.120Z', version: 1, late: false, skew: false, purpose: 'tax-reporting' },
  actor: { reference: 'mK3nq0aZx5Yt1RbLw8PdVg', kind: 'human', role: 'accountant', capacity: 'controller' },
  subjects: [{ scheme: 'customer-number', value: '10027', category: 'customer' }],
  subjectCount: 1,
};

class ProvenDto {
  @ApiProperty({
    description:
      'What was recorded, as an item of a timeline: as much of it as the asker may see. Scope `audit` sees people by reference alone.',
    type: 'object',
    additionalProperties: true,
    example: RECORD_EXAMPLE,
  })
  record!: object;

  @ApiProperty({ description: 'The leaf that it is.', type: LeafDto })
  leaf!: LeafDto;

  @ApiProperty({ description: 'That the leaf stands in the tree.', type: InclusionDto })
  inclusion!: InclusionDto;

  @ApiProperty({
    description: 'The same, with the tree head, as it is carried away and checked offline (C2SP tlog-proof).',
    example: PROOF_EXAMPLE,
  })
  proof!: string;
}

class RecordProofDto extends ProvenDto {
  @ApiProperty({ description: 'The tree head that it is proven under.', type: TreeHeadDto })
  treeHead!: TreeHeadDto;
}

class ProvenErasureDto {
  @ApiProperty({ description: 'Of the erasure, or of its refusal.', example: ID })
  id!: string;

  @ApiProperty({
    description:
      'What is in progress is completed at the next start at the latest. Withdrawn, refused: a legal hold stood, and nothing was erased.',
    enum: ['completed', 'in-progress', 'withdrawn', 'refused'],
    example: 'completed',
  })
  state!: string;
}

class ErasureProofDto {
  @ApiProperty({ description: 'Which erasure.', type: ProvenErasureDto })
  erasure!: ProvenErasureDto;

  @ApiProperty({
    description: 'Every event that makes it up, in the order of the log: what was intended, and that each key was destroyed.',
    type: [ProvenDto],
  })
  chain!: ProvenDto[];

  @ApiProperty({ description: 'The tree head that all of it is proven under.', type: TreeHeadDto })
  treeHead!: TreeHeadDto;
}

@ApiTags('ask')
@ApiBearerAuth()
@ApiExtraModels(RecordProofDto, ErasureProofDto)
@Controller('v1/queries')
export class ProofsController {
  constructor(
    private readonly questions: Questions,
    private readonly config: Config,
  ) {}

  @Post('proof')
  @HttpCode(200)
  @Needs('prove')
  @ApiOperation({
    summary: 'That what was recorded stands in the signed tree (Q12)',
    description:
      'A record with its leaf and the way from it to a signed tree head; of an erasure everything that makes it up. What no tree head covers yet is ' +
      'waited for, at most `LIGGARE_AFTER_MS`; then 503 with Retry-After. Erasing people breaks no proof: leaves hold digests of what is sealed.',
  })
  @ApiOkResponse({
    description: 'Of `record` and `position` the one, of `erasure` the other.',
    schema: { oneOf: [{ $ref: getSchemaPath(RecordProofDto) }, { $ref: getSchemaPath(ErasureProofDto) }] },
  })
  @ApiNotFoundResponse({ description: 'No such record, event or erasure is known, or no tree head of this size was published.' })
  async proof(@Body() body: ProofDto, @Caller() caller: Caller): Promise<RecordProofDto | ErasureProofDto> {
    const of = wantedIn(body);
    const { reason, head } = body;
    const answer = await this.questions.recorded(
      'proof',
      (viewer) => new Proof({ of, viewer, waitMs: this.config.afterMs, ...(head != null && { head }) }),
      { axes: Object.keys(of), reason },
      caller,
    );
    const { size } = answer.head;
    const chain = answer.items.map((item) => shown(item, size));
    const treeHead = treeHeadOf(answer.head);
    if (!('erasure' in of)) return { ...(chain[0] as ProvenDto), treeHead };
    return { erasure: { id: of.erasure, state: String(answer.state) }, chain, treeHead };
  }
}

/** @throws HttpProblem where not exactly one thing is to be proven */
function wantedIn({ record, position, erasure }: ProofDto): ToProve {
  const wanted: ToProve[] = [
    ...(record == null ? [] : [{ record: { source: record.source, id: record.id } }]),
    ...(position == null ? [] : [{ position }]),
    ...(erasure == null ? [] : [{ erasure }]),
  ];
  const [only] = wanted;
  if (only && wanted.length === 1) return only;
  const error = { path: '', rule: only ? 'ambiguous' : 'required', message: 'exactly one of record, position and erasure is needed' };
  throw new HttpProblem('invalid', { detail: 'See errors for each field and its rule.', errors: [error] });
}

function shown({ record, index, bytes, hash, hashes, proof }: ProvenItem, size: number): ProvenDto {
  return {
    record,
    leaf: { index, bytes: bytes.toString('base64'), hash: hash.toString('base64') },
    inclusion: { index, size, hashes: hashes.map((each) => each.toString('base64')) },
    proof,
  };
}
