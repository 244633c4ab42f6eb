import { Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import {
  ApiBearerAuth,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiProperty,
  ApiPropertyOptional,
  ApiTags,
} from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsInt, IsOptional, Matches, Max, Min } from 'class-validator';
import { EventStore } from '../eventstore/event-store.ts';
import { EMPTY_ROOT } from '../integrity/merkle.ts';
import { type PublishedHead, TransparencyLog } from '../transparency/transparency-log.ts';
import type { StoredHead } from '../transparency/tree.ts';
import { Needs, Public } from './auth.ts';
import { HttpProblem } from './problem.ts';
import { TakesNothing } from './route.ts';
import { newestOf } from './tlog.controller.ts';
import { EXAMPLE } from './tree-head.dto.ts';

/** Heads on a page. */
const MAX_PAGE = 200;
/** How long somebody who wants a head now waits for it. */
const SIGN_MS = 5000;

class PageQuery {
  @ApiPropertyOptional({ description: 'Where the page begins: `next` of the one before.', example: '100' })
  @IsOptional()
  @Matches(/^\d{1,15}$/, { message: 'cursor must be the next of a page' })
  cursor?: string;

  @ApiPropertyOptional({ description: 'Heads at most.', default: 100, maximum: MAX_PAGE, example: 100 })
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(MAX_PAGE)
  limit?: number;

  @ApiPropertyOptional({
    description: 'Of an earlier generation: the tree under an origin line that was left when the ledger went on from an older state.',
    example: 1,
  })
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(1_000_000)
  generation?: number;
}

class StoredHeadDto {
  @ApiProperty({ description: 'Which tree: one begins anew where the ledger goes on from an older state.', example: 1 })
  generation!: number;

  @ApiProperty({ description: 'Of the head in its generation, from 1 without gaps.', example: 42 })
  number!: number;

  @ApiProperty({ description: 'Leaves: events that it covers.', example: 415 })
  size!: number;

  @ApiProperty({ description: 'Position of the last event that it covers.', example: 415 })
  position!: number;

  @ApiProperty({ description: 'When it was signed, UTC.', example: '2026-03-02T09:14:10.000Z' })
  signedAt!: string;

  @ApiProperty({
    description: 'The signed note (C2SP tlog-checkpoint), with the cosignatures that have come so far.',
    example: EXAMPLE.note,
  })
  note!: string;
}

class HeadsDto {
  @ApiProperty({ description: 'By number, the oldest first.', type: [StoredHeadDto] })
  items!: StoredHeadDto[];

  @ApiProperty({ description: 'Cursor of the next page; null on the last.', type: String, nullable: true, example: '142' })
  next!: string | null;
}

class HeadDto extends StoredHeadDto {
  @ApiProperty({ description: 'Origin line: whose tree it is.', example: EXAMPLE.origin })
  origin!: string;

  @ApiProperty({ description: 'Root of the tree, base64.', example: EXAMPLE.root })
  root!: string;

  @ApiProperty({ description: 'Names of the witnesses that cosigned it.', type: [String], example: ['witness.example/w1'] })
  witnesses!: string[];
}

class TreeDto {
  @ApiProperty({ description: 'Leaves of the tree.', example: 400 })
  size!: number;

  @ApiProperty({ description: 'Its root, base64.', example: EXAMPLE.root })
  root!: string;

  @ApiPropertyOptional({ description: 'The tree head of exactly this size, where one was signed.', example: EXAMPLE.note })
  note?: string;
}

class ConsistencyDto {
  @ApiProperty({ description: 'The smaller tree.', type: TreeDto })
  first!: TreeDto;

  @ApiProperty({ description: 'The larger one.', type: TreeDto })
  second!: TreeDto;

  @ApiProperty({
    description:
      'Hashes that lead from the one to the other (RFC 9162, 2.1.4), base64. None where both are the same, or the first is empty.',
    type: [String],
    example: ['PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw='],
  })
  proof!: string[];

  @ApiProperty({ description: 'The newest tree head.', example: EXAMPLE.note })
  treeHead!: string;
}

@ApiTags('transparency log')
@Controller('v1/tree-heads')
export class TreeHeadsController {
  constructor(
    private readonly log: TransparencyLog,
    private readonly store: EventStore,
  ) {}

  @Get()
  @Public()
  @ApiOperation({ summary: 'Every tree head that was signed' })
  @ApiOkResponse({ type: HeadsDto })
  async list(@Query() { cursor = '0', limit = 100, generation }: PageQuery): Promise<HeadsDto> {
    // One more than is shown tells whether there is a next page.
    const heads = await this.log.reader.headsAfter(Number(cursor), limit + 1, generation);
    const items = await Promise.all(heads.slice(0, limit).map((head) => this.listed(head)));
    return { items, next: heads.length > limit ? String(items.at(-1)?.number) : null };
  }

  @Get('latest')
  @Public()
  @ApiOperation({
    summary: 'The newest tree head',
    description: 'The same as `/tlog/checkpoint`, in JSON. 503 before the first head is signed.',
  })
  @ApiOkResponse({ type: HeadDto })
  async latest(): Promise<HeadDto> {
    return shown(await newestOf(this.log));
  }

  @Get(':range')
  @Public()
  @ApiOperation({
    summary: 'Proof that one tree goes on from another',
    description:
      'Between any two sizes up to that of the newest head; that nothing was taken away or changed follows for whoever knows the first root. ' +
      'Every tree goes on from the empty one: from 0 there is nothing to prove, and the proof is empty.',
  })
  @ApiParam({ name: 'range', description: 'Two sizes, the smaller one first.', example: '400..415' })
  @ApiOkResponse({ type: ConsistencyDto })
  @ApiNotFoundResponse({ description: 'The newest tree head has fewer leaves.' })
  async consistency(@Param('range') range: string): Promise<ConsistencyDto> {
    const [first, second] = sizesOf(range);
    const newest = await newestOf(this.log);
    if (second > newest.size) {
      throw new HttpProblem('not-found', { detail: `The newest tree head has ${newest.size} leaves: nothing beyond it is proven yet.` });
    }
    const proof = first === 0 ? [] : await this.log.consistency(first, second);
    return {
      first: await this.tree(first),
      second: await this.tree(second),
      proof: proof.map((hash) => hash.toString('base64')),
      treeHead: newest.published,
    };
  }

  @Post()
  @HttpCode(200)
  @Needs('prove')
  @TakesNothing()
  @ApiBearerAuth()
  @ApiOperation({
    summary: 'Sign the tree now',
    description:
      'Answers a tree head that covers all that is recorded by now: the newest one where it does, else one that is signed for this. ' +
      'Heads are signed every few seconds anyway. 503 `not-as-sealed` where the ledger signs no more, because what is stored is not what was published.',
  })
  @ApiOkResponse({ type: HeadDto })
  async sign(): Promise<HeadDto> {
    return shown(await this.log.covering(await this.store.head(), SIGN_MS));
  }

  private async listed(head: StoredHead): Promise<StoredHeadDto> {
    const { generation, number, size, position, signedAt } = head;
    return { generation, number, size, position, signedAt, note: (await this.log.published(head)).published };
  }

  private async tree(size: number): Promise<TreeDto> {
    if (size === 0) return { size, root: EMPTY_ROOT.toString('base64') };
    const head = await this.log.reader.headCovering(size);
    const note = head?.size === size ? (await this.log.published(head)).published : undefined;
    return { size, root: (await this.log.root(size)).toString('base64'), ...(note !== undefined && { note }) };
  }
}

function shown({ generation, number, origin, size, root, position, signedAt, witnesses, published }: PublishedHead): HeadDto {
  return { generation, number, origin, size, root: root.toString('base64'), position, signedAt, witnesses, note: published };
}

/** @throws HttpProblem for what is not two sizes, the smaller one first */
function sizesOf(range: string): [number, number] {
  const [, first, second] = /^(0|[1-9]\d{0,15})\.\.(0|[1-9]\d{0,15})$/.exec(range) ?? [];
  const sizes: [number, number] = [Number(first), Number(second)];
  if (first === undefined || !sizes.every(Number.isSafeInteger) || sizes[0] > sizes[1]) {
    const error = { path: '/range', rule: 'range', message: 'must be two sizes such as 400..415, the smaller one first' };
    throw new HttpProblem('invalid', { detail: 'See errors for each field and its rule.', errors: [error] });
  }
  return sizes;
}
