/**
 * The log as the world of transparency logs reads it (C2SP tlog-tiles): a signed tree head, its keys, hashes in tiles, and the leaves
 * themselves. Heads, keys and hashes are open to everybody: who has them alone learns how much was recorded and when, and nothing
 * of anybody; who is to keep watch must not have to ask for a key. Leaves name sources, types and references, and need one.
 */
import { createHash } from 'node:crypto';
import { setImmediate as othersTurn } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { Controller, Get, Req, Res } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiParam, ApiProduces, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { EventStore, type RecordedEvent } from '../eventstore/event-store.ts';
import { HASH_BYTES, leafHash } from '../integrity/merkle.ts';
import { entryBundle, hashesAt, parseTilePath, TILE_WIDTH, type Tile } from '../integrity/tiles.ts';
import { leafBytesIfAny } from '../ledger/leaf.ts';
import { NotSealedYet, type PublishedHead, type SealingRefused, TransparencyLog } from '../transparency/transparency-log.ts';
import { Needs, Public } from './auth.ts';
import { answerError, HttpProblem } from './problem.ts';
import { EXAMPLE } from './tree-head.dto.ts';

answerError<NotSealedYet>('NotSealedYet', {
  type: 'unavailable',
  detail: 'No tree head covers it yet: asking again in a moment is safe.',
  retryAfterSeconds: ({ retryAfterSeconds }) => retryAfterSeconds,
});
answerError<SealingRefused>('SealingRefused', {
  type: 'not-as-sealed',
  detail: ({ refusal: { reason } }) =>
    `No tree head is signed any more (${reason}); recording goes on. Whoever runs the ledger has to look.`,
});
answerError('TileMissing', { type: 'not-as-sealed', detail: 'Hashes of the tree that were published are not there any more.' });

/** A head changes every few seconds: whoever caches it may be that far behind. */
const HEAD_CACHED = 'public, max-age=2';
/** Not for ever: where a ledger goes on from an older state, other tiles have the same addresses. */
const FOREVER = 'max-age=604800, immutable';
const TEXT = 'text/plain; charset=utf-8';
const BYTES = 'application/octet-stream';

/** Entry bundles made at the same time: the largest takes some 50 MiB while it is made. */
const MAX_RUNNING = 4;
/** Events, and about how many bytes of them, that are read and hashed before others get their turn. */
const TURN = 32;
const TURN_BYTES = 1024 * 1024;

const INDEX =
  'The index is written in groups of three digits, all but the last behind an `x`: 1234067 is `x001/x234/067`. ' +
  '`.p/<width>` asks for the first 1 to 255 alone. There is one spelling of each.';
const pathParam = (description: string, example: string) =>
  ApiParam({ name: 'path', description: `${description} ${INDEX}`, schema: { type: 'string', example } });
const textOf = (description: string, example: string) =>
  ApiOkResponse({ description, content: { 'text/plain': { schema: { type: 'string', example } } } });
const bytesOf = (description: string, layout: string) =>
  ApiOkResponse({ description, content: { [BYTES]: { schema: { type: 'string', format: 'binary', description: layout } } } });
const NOTHING_THERE = ApiResponse({
  status: 404,
  description: 'The newest tree head does not cover it, or the address is spelt otherwise.',
});

const gzipped = promisify(gzip);

@ApiTags('transparency log')
@Controller('tlog')
export class TlogController {
  #running = 0;

  constructor(
    private readonly log: TransparencyLog,
    private readonly store: EventStore,
  ) {}

  @Get('checkpoint')
  @Public()
  @ApiOperation({
    summary: 'The newest signed tree head (C2SP tlog-checkpoint)',
    description: 'With the cosignatures of witnesses that have come so far. 503 before the first head is signed.',
  })
  @ApiProduces('text/plain')
  @textOf('The signed note.', EXAMPLE.note)
  @ApiResponse({ status: 304, description: 'The head is the one that `If-None-Match` names.' })
  async checkpoint(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply): Promise<string> {
    const { published } = await newestOf(this.log);
    const etag = `"${createHash('sha256').update(published).digest('base64url')}"`;
    reply.header('cache-control', HEAD_CACHED).header('etag', etag).type(TEXT);
    if (request.headers['if-none-match'] === etag) reply.code(304);
    return published;
  }

  @Get('vkey')
  @Public()
  @ApiOperation({ summary: 'The key in force (C2SP signed-note), one line' })
  @ApiProduces('text/plain')
  @textOf('`<origin>+<id>+<base64>`', `${EXAMPLE.vkey}\n`)
  async key(@Res({ passthrough: true }) reply: FastifyReply): Promise<string> {
    return this.keyLines(reply, 1);
  }

  @Get('vkeys')
  @Public()
  @ApiOperation({
    summary: 'Every key that was ever in force, oldest first, one a line',
    description: 'What a retired key signed still verifies. Whoever trusts one learns the next from a tree head that both signed.',
  })
  @ApiProduces('text/plain')
  @textOf('`<origin>+<id>+<base64>`, one a line.', `${EXAMPLE.vkey}\n`)
  async keys(@Res({ passthrough: true }) reply: FastifyReply): Promise<string> {
    return this.keyLines(reply);
  }

  @Get('tile/entries/*')
  @Needs('entries')
  @ApiBearerAuth()
  @pathParam('`<index>[.p/<width>]`.', 'x001/x234/067.p/112')
  @NOTHING_THERE
  @ApiOperation({
    summary: 'The leaves of a tile (C2SP tlog-tiles, entry bundle)',
    description:
      'Each leaf with its length in front (2 bytes, big endian). No identities: people are references, sealed values are digests.',
  })
  @ApiProduces(BYTES)
  @bytesOf(
    'The leaves; compressed where the request accepts gzip.',
    'Leaf after leaf: its length, 2 bytes, then its bytes. `000.p/2` of leaves of 300 and 280 bytes is `01 2c …` and `01 18 …`, 584 bytes.',
  )
  @ApiResponse({
    status: 503,
    description: 'Too many bundles are made now (see `Retry-After`), or an event is not the one that was sealed.',
  })
  async entries(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply): Promise<Buffer> {
    const tile = await this.covered(request, 'entries');
    const isGzip = acceptsGzip(request.headers['accept-encoding']);
    const body = await this.bundleOf(tile, isGzip);
    reply.header('cache-control', `private, ${FOREVER}`).header('vary', 'accept-encoding').type(BYTES);
    if (isGzip) reply.header('content-encoding', 'gzip');
    return body;
  }

  @Get('tile/*')
  @Public()
  @pathParam('`<level>/<index>[.p/<width>]`.', '0/x001/x234/067.p/112')
  @NOTHING_THERE
  @ApiOperation({
    summary: 'A tile: up to 256 hashes of the tree, one behind the other (C2SP tlog-tiles)',
    description:
      'Level 0 holds the hashes of leaves, each level above it the roots of the full tiles below. Nothing beyond the newest tree head.',
  })
  @ApiProduces(BYTES)
  @bytesOf('32 bytes a hash.', 'Hash after hash, with nothing between them: `0/000.p/3` is 96 bytes, the hashes of the leaves 0, 1 and 2.')
  async tile(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply): Promise<Buffer> {
    const tile = await this.covered(request, 'hashes');
    const hashes = await this.hashesOf(tile);
    reply.header('cache-control', `public, ${FOREVER}`).type(BYTES);
    return hashes;
  }

  private async keyLines(reply: FastifyReply, last?: number): Promise<string> {
    const keys = await this.log.keys();
    if (keys.length === 0) throw noHead();
    reply.header('cache-control', HEAD_CACHED).type(TEXT);
    return keys
      .slice(last === undefined ? 0 : -last)
      .map(({ vkey }) => `${vkey}\n`)
      .join('');
  }

  /** The tile that is asked for, where the newest published head covers all of it. @throws HttpProblem 404 */
  private async covered(request: FastifyRequest, kind: 'entries' | 'hashes'): Promise<Tile> {
    // The address as it was sent: decoded, other spellings would lead here too.
    const path = request.raw.url?.startsWith('/tlog/') ? request.raw.url.slice('/tlog/'.length) : '';
    const asked = parseTilePath(path);
    if (asked === undefined || (asked.level === 'entries') !== (kind === 'entries')) throw nothingThere();
    const tile: Tile = { ...asked, level: asked.level === 'entries' ? 0 : asked.level };
    const head = await this.log.reader.lastHead();
    if (head === undefined || tile.index * TILE_WIDTH + tile.width > hashesAt(tile.level, head.size)) throw nothingThere();
    return tile;
  }

  private async hashesOf(tile: Tile): Promise<Buffer> {
    const [hashes] = await this.log.reader.read([tile]);
    return (hashes as Buffer).subarray(0, tile.width * HASH_BYTES);
  }

  private async bundleOf(tile: Tile, isGzip: boolean): Promise<Buffer> {
    if (this.#running >= MAX_RUNNING) throw tooMany();
    this.#running++;
    try {
      const bundle = entryBundle(await this.leavesOf(tile));
      return isGzip ? await gzipped(bundle) : bundle;
    } finally {
      this.#running--;
    }
  }

  /** The leaves of a tile, made again from the events and compared with what was sealed. Leaves follow each other as events do: page by page. */
  private async leavesOf(tile: Tile): Promise<Buffer[]> {
    const [first = 1] = await this.log.reader.positionsOf(tile.index * TILE_WIDTH, 1);
    const hashes = await this.hashesOf(tile);
    const leaves: Buffer[] = [];
    for (let after = first - 1; leaves.length < tile.width; await othersTurn()) {
      const page = await this.store.readAll(after, Math.min(TURN, tile.width - leaves.length), TURN_BYTES);
      if (page.length === 0) throw notAsSealed();
      for (const event of page) leaves.push(sealedLeaf(event, hashes, leaves.length));
      after = (page.at(-1) as RecordedEvent).position;
    }
    return leaves;
  }
}

/** The newest head. @throws NotSealedYet before the first */
export async function newestOf(log: TransparencyLog): Promise<PublishedHead> {
  const head = await log.head();
  if (head === undefined) throw noHead();
  return head;
}

const noHead = (): NotSealedYet => new NotSealedYet('no tree head is signed yet');

const nothingThere = (): HttpProblem =>
  new HttpProblem('not-found', { detail: 'The newest tree head covers no tile of this address, or it is spelt otherwise.' });

const notAsSealed = (): HttpProblem =>
  new HttpProblem('not-as-sealed', { detail: 'An event of this bundle is not the one that was sealed. `liggare verify` names it.' });

const tooMany = (): HttpProblem =>
  new HttpProblem('unavailable', { detail: 'Other entry bundles are being made; ask again in a moment.', retryAfterSeconds: 1 });

/** The leaf of an event, whose hash is the one that stands at this place. @throws HttpProblem 503 `not-as-sealed` */
function sealedLeaf(event: RecordedEvent, hashes: Buffer, at: number): Buffer {
  const leaf = leafBytesIfAny(event);
  if (!leaf || !leafHash(leaf).equals(hashes.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES))) throw notAsSealed();
  return leaf;
}

/** Whether `Accept-Encoding` names gzip, with a weight above zero (RFC 9110, 12.5.3). */
function acceptsGzip(header: string | string[] | undefined): boolean {
  const named = String(header ?? '')
    .split(',')
    .map((part) =>
      part
        .trim()
        .toLowerCase()
        .split(/\s*;\s*q=/),
    );
  return named.some(([coding, weight]) => coding === 'gzip' && Number(weight ?? 1) > 0);
}
