/** The head that was signed last, as the ledger keeps it beside its tree: a tree that was put back from an earlier day does not have it. */
import { HASH_BYTES } from '../integrity/merkle.ts';
import { NoteRefused, parseNote } from '../integrity/signed-note.ts';
import { TILE_WIDTH, tileRoot } from '../integrity/tiles.ts';
import { parseTreeHead, type TreeHead } from '../integrity/tree-head.ts';
import { KEPT_HEAD } from '../transparency/kept-head.ts';
import type { Settled } from './arbitrate.ts';
import type { Context } from './context.ts';
import type { Tail } from './derive.ts';
import { HashLevels } from './hash-levels.ts';
import { keysOf, readHead } from './heads.ts';
import { isGoingOn } from './published.ts';
import type { Finding } from './result.ts';

export interface OwnHead extends TreeHead {
  generation: number;
}

/**
 * What was kept, where it is a head of the tree in force or of a later one, signed by a key of the ring or by one that the log tells of. Anything
 * else is no evidence, and is told of in a note.
 */
export function ownHeadOf(context: Context): OwnHead | undefined {
  const { keptNote, gathered } = context;
  if (keptNote === undefined) return undefined;
  try {
    return signedOf(keptNote, context);
  } catch (error) {
    if (!(error instanceof NoteRefused)) throw error;
    gathered.notes.push(`${KEPT_HEAD} was passed over: ${error.message}.`);
    return undefined;
  }
}

/** @throws NoteRefused */
function signedOf(note: string, { generation, snapshot, recorded }: Context): OwnHead | undefined {
  const { origin } = parseTreeHead(parseNote(note).text);
  const name = generation.origin.slice(0, generation.origin.lastIndexOf('/') + 1);
  const number = origin.startsWith(name) ? Number(origin.slice(name.length)) : Number.NaN;
  if (!Number.isSafeInteger(number)) throw new NoteRefused('it is the head of another tree');
  // Until the first head of a tree, that of the one before is kept.
  if (number < generation.number) return undefined;
  const ring = [...snapshot.keys, ...recorded.keys].filter((key) => key.generation === number);
  const { size, root } = readHead(note, keysOf(ring));
  return { origin, size, root, generation: number };
}

/** @param tail what stands behind the last leaf; absent where nothing does */
export function checkOwnHead(context: Context, settled: Settled, head: OwnHead | undefined, tail: Tail | undefined): void {
  if (head === undefined) return;
  for (const wrong of [wrongTree(context, head), wrongEvents(context, settled, head, tail)]) {
    if (wrong === undefined) continue;
    const what = `${wrong.what} (${KEPT_HEAD})`;
    context.findings.add({ generation: head.generation, size: head.size, ...wrong, what });
  }
}

function wrongTree({ generation, tree }: Context, { size, generation: number }: OwnHead): Finding | undefined {
  if (number > generation.number)
    return { kind: 'rolled-back', what: 'tree.db is older than the head that was signed last: it does not have its tree' };
  if (size > generation.size) {
    const what = `tree.db is older than the head that was signed last: it has ${generation.size} leaves, and that covers ${size}`;
    return { kind: 'rolled-back', index: generation.size, what };
  }
  if (tree.headOfSize(generation.number, size) !== undefined) return undefined;
  return { kind: 'head', what: 'the head that was signed last is not among those of the tree any more' };
}

function wrongEvents(context: Context, settled: Settled, head: OwnHead, tail: Tail | undefined): Finding | undefined {
  const { generation } = context;
  const { size, root } = head;
  const what = `the first ${size} events do not lead to the head that was signed last: they are others than those that were signed`;
  if (size <= generation.size) return isGoingOn(context, settled, head) ? undefined : { kind: 'rolled-back', what };
  // What could not be read is told, and nothing comes of it here.
  if (tail !== undefined && tail.hindrances.length > 0) return undefined;
  const events = generation.size + (tail?.events ?? 0);
  if (events < size) {
    const short = `the log has ${events} events, and the head that was signed last covers ${size}: the last ones are missing`;
    return { kind: 'rolled-back', index: events, what: short };
  }
  const made = rootBeyond(context, settled, size, tail?.leaves ?? new Uint8Array(0));
  return made?.equals(root) ? undefined : { kind: 'rolled-back', index: generation.size, what };
}

/** Root of more leaves than the tree has: of those that it has, and of events behind them. Undefined where some of these can be no leaf. */
function rootBeyond({ tree, generation }: Context, { levels, contents }: Settled, size: number, beyond: Uint8Array): Buffer | undefined {
  const tiles = Math.floor(generation.size / TILE_WIDTH);
  const rest = (generation.size % TILE_WIDTH) * HASH_BYTES;
  const last = rest === 0 ? Buffer.alloc(0) : (contents(tiles) ?? tree.tile(generation.number, 0, tiles, TILE_WIDTH) ?? Buffer.alloc(0));
  const hashes = Buffer.concat([last.subarray(0, rest), beyond]);
  if (hashes.length !== (size - tiles * TILE_WIDTH) * HASH_BYTES) return undefined;
  const roots = Array.from({ length: tiles }, (_, tile) => levels.hash(0, tile));
  let at = 0;
  for (const bytes = TILE_WIDTH * HASH_BYTES; at + bytes <= hashes.length; at += bytes)
    roots.push(tileRoot(hashes.subarray(at, at + bytes)));
  return HashLevels.of(Buffer.concat(roots)).root(size, hashes.subarray(at));
}
