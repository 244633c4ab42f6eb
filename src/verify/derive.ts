/** Leaves made anew from events, and compared with the tiles of the same leaves. */
import { HASH_BYTES } from '../integrity/merkle.ts';
import { TILE_WIDTH, tileRoot } from '../integrity/tiles.ts';
import { COUNTED, Counter, type Counts, type Limits } from './counts.ts';
import { type Derived, derived, FIRST, type LogFile, placeOf } from './log-file.ts';
import { CannotTell, type Finding, type Hindrance } from './result.ts';
import { NumberTooLarge } from './sqlite-file.ts';
import type { TreeFile } from './tree-file.ts';

/** Leaves from one (where a tile begins) up to, but not including, another one. */
export interface Range {
  from: number;
  to: number;
}

/** A tile whose hashes are not those of its events, or whose leaves are not at their positions. */
export interface Differing {
  tile: number;
  /** Over the leaves made anew; absent where the tile is not whole or its events are not all there. */
  derivedRoot?: Uint8Array;
  /** The events could not be read. */
  isUnread?: boolean;
}

export interface DerivedRange extends Range {
  /** Over the stored hashes of each whole tile, one after the other; zeros where a tile is missing. */
  roots: Uint8Array;
  differing: Differing[];
  counts: Counts;
  /** Whether every read model has come beyond the range, so that all of it was counted. */
  isCounted: boolean;
  /** Events whose leaf is as it was sealed and whose row is not; positions that are not told. */
  odd: Finding[];
  hindrances: Hindrance[];
}

/** What all ranges of a run have in common. */
export interface Deriving {
  generation: number;
  /** Leaves of the whole tree. */
  size: number;
  limits: Limits;
}

const BROKEN_POSITIONS = 'where the leaves of its tile stand in the log is not told, or not for all of them';

/** Rows with something beside the leaf that are told of one range. */
const MAX_ODD = 20;

/**
 * Makes the leaves of a range anew. What cannot be read is told tile by tile; what differs is looked at more closely later.
 */
export function deriveRange(log: LogFile, tree: TreeFile, of: Deriving, range: Range): DerivedRange {
  try {
    return new RangeWalk(log, tree, of, range).run();
  } catch (error) {
    if (!(error instanceof CannotTell)) throw error;
    if (range.to - range.from > TILE_WIDTH)
      return joined(
        range,
        tilesOf(range).map((tile) => deriveRange(log, tree, of, tile)),
      );
    return unread(tree, of, range, error);
  }
}

/** Numbers that were never written stand in a row that can be read: which one it is, is looked at more closely. */
const isReadable = (error: CannotTell): boolean => error instanceof NumberTooLarge;

/** The leaves of one tile made anew; undefined where its events are not all there, or cannot be read. */
export function leavesOf(log: LogFile, tree: TreeFile, generation: number, range: Range): Buffer | undefined {
  try {
    return new RangeWalk(log, tree, { generation, size: range.to, limits: {} }, range).leaves();
  } catch (error) {
    if (error instanceof CannotTell) return undefined;
    throw error;
  }
}

class RangeWalk {
  readonly #log: LogFile;
  readonly #tree: TreeFile;
  readonly #of: Deriving;
  readonly #range: Range;
  readonly #positions: number[];
  readonly #leaves: Buffer;
  readonly #counter: Counter;
  readonly #odd: Finding[] = [];
  /** Tiles, from the first of the range, of which some leaf has no event, or some event no leaf. */
  readonly #broken = new Set<number>();

  constructor(log: LogFile, tree: TreeFile, of: Deriving, range: Range) {
    [this.#log, this.#tree, this.#of, this.#range] = [log, tree, of, range];
    this.#counter = new Counter(of.limits);
    const { positions, broken } = tree.positions(of.generation, range.from, range.to);
    this.#positions = positions;
    this.#leaves = Buffer.alloc(positions.length * HASH_BYTES);
    for (const tile of broken) this.#odd.push({ kind: 'position', index: tile * TILE_WIDTH, what: BROKEN_POSITIONS });
  }

  leaves(): Buffer | undefined {
    this.#derive();
    return this.#broken.size > 0 ? undefined : this.#leaves;
  }

  run(): DerivedRange {
    this.#derive();
    const { from, to } = this.#range;
    const last = this.#positions.at(-1) as number;
    const stored = this.#tree.tiles(this.#of.generation, 0, from / TILE_WIDTH, Math.ceil(to / TILE_WIDTH) - 1);
    const roots = new Uint8Array(Math.floor((to - from) / TILE_WIDTH) * HASH_BYTES);
    const differing = tilesOf(this.#range).flatMap((tile) => this.#compare(tile, stored.get(tile.from / TILE_WIDTH), roots));
    const isCounted = last <= Math.min(...COUNTED.map((name) => this.#of.limits[name] ?? 0));
    return { from, to, roots, differing, counts: this.#counter.counts, isCounted, odd: this.#odd, hindrances: [] };
  }

  #derive(): void {
    const { from } = this.#range;
    const before = from === 0 ? FIRST : this.#tree.positionOf(this.#of.generation, from - 1);
    const last = this.#positions.at(-1) as number;
    if (!isAscending([before, ...this.#positions])) {
      // Where leaves stand is not known: every tile is looked at more closely.
      for (let i = 0; i < this.#positions.length; i += TILE_WIDTH) this.#breakAt(i);
    } else this.#walk(before, last);
  }

  #walk(after: number, upTo: number): void {
    let i = 0;
    for (const event of this.#log.events(after, upTo)) {
      for (; (this.#positions[i] as number) < event.position; i++) this.#breakAt(i);
      if (this.#positions[i] !== event.position) {
        this.#breakAt(i);
        continue;
      }
      this.#leaf(i, derived(event));
      i++;
    }
    for (; i < this.#positions.length; i++) this.#breakAt(i);
  }

  #leaf(i: number, of: Derived): void {
    const { leaf, entry, event, oddity } = of;
    if (leaf === undefined || entry === undefined) {
      this.#breakAt(i);
      return;
    }
    leaf.copy(this.#leaves, i * HASH_BYTES);
    this.#counter.add(event.position, event.type, entry);
    if (oddity !== undefined && this.#odd.length < MAX_ODD) {
      this.#odd.push({ kind: 'event-form', index: this.#range.from + i, ...placeOf(of), what: oddity });
    }
  }

  #breakAt(i: number): void {
    this.#broken.add(Math.floor(i / TILE_WIDTH));
  }

  #compare(tile: Range, stored: Buffer | undefined, roots: Uint8Array): Differing[] {
    const at = tile.from - this.#range.from;
    const width = tile.to - tile.from;
    const leaves = this.#leaves.subarray(at * HASH_BYTES, (at + width) * HASH_BYTES);
    const hashes = stored?.subarray(0, width * HASH_BYTES);
    const isWhole = width === TILE_WIDTH;
    const isStored = hashes !== undefined && hashes.length === width * HASH_BYTES;
    if (isWhole && isStored) roots.set(tileRoot(hashes), (at / TILE_WIDTH) * HASH_BYTES);
    const isBroken = this.#broken.has(at / TILE_WIDTH);
    if (!isBroken && isStored && leaves.equals(hashes)) return [];
    return [{ tile: tile.from / TILE_WIDTH, ...(isWhole && !isBroken && { derivedRoot: tileRoot(leaves) }) }];
  }
}

/** A tile whose events cannot be read: its stored hashes may yet be. */
function unread(tree: TreeFile, { generation, limits }: Deriving, { from, to }: Range, error: CannotTell): DerivedRange {
  const tile = from / TILE_WIDTH;
  const roots = new Uint8Array(to - from === TILE_WIDTH ? HASH_BYTES : 0);
  const isUnread = !isReadable(error);
  const hindrances = isUnread
    ? [{ obstacle: error.obstacle, what: `${error.message}; leaves ${from} to ${to - 1} were not made anew` }]
    : [];
  try {
    const hashes = tree.tile(generation, 0, tile, TILE_WIDTH);
    if (roots.length > 0 && hashes?.length === TILE_WIDTH * HASH_BYTES) roots.set(tileRoot(hashes));
  } catch (cause) {
    if (!(cause instanceof CannotTell)) throw cause;
    hindrances.push(cause.hindrance);
  }
  return {
    from,
    to,
    roots,
    differing: [{ tile, ...(isUnread && { isUnread }) }],
    counts: new Counter(limits).counts,
    isCounted: false,
    odd: [],
    hindrances,
  };
}

function joined({ from, to }: Range, parts: readonly DerivedRange[]): DerivedRange {
  const counter = new Counter({});
  for (const { counts } of parts) counter.addAll(counts);
  return {
    ...{ from, to },
    roots: Buffer.concat(parts.map(({ roots }) => roots)),
    differing: parts.flatMap(({ differing }) => differing),
    counts: counter.counts,
    isCounted: parts.every(({ isCounted }) => isCounted),
    odd: parts.flatMap(({ odd }) => odd).slice(0, MAX_ODD),
    hindrances: parts.flatMap(({ hindrances }) => hindrances),
  };
}

export function tilesOf({ from, to }: Range): Range[] {
  const tiles: Range[] = [];
  for (let at = from; at < to; at += TILE_WIDTH) tiles.push({ from: at, to: Math.min(to, at + TILE_WIDTH) });
  return tiles;
}

const isAscending = (numbers: readonly number[]): boolean =>
  numbers.every((number, i) => !Number.isNaN(number) && (i === 0 || number > (numbers[i - 1] as number)));

/** Leaves of whole or partial tiles that threads take at once. */
export const RANGE = 16 * TILE_WIDTH;

/** What stands behind the last leaf: counted, and compared with nothing. */
export interface Tail {
  events: number;
  counts: Counts;
  odd: Finding[];
  hindrances: Hindrance[];
  /** Of the first of them, as many as were asked for, one after the other; without those that can be no leaf. */
  leaves: Uint8Array;
}

/**
 * Events after one position, up to another: whether they can be leaves at all.
 * @param wanted of how many the leaves are answered
 */
export function readTail(log: LogFile, limits: Limits, { after, upTo, wanted }: { after: number; upTo: number; wanted: number }): Tail {
  const counter = new Counter(limits);
  const tail: Tail = { events: 0, counts: counter.counts, odd: [], hindrances: [], leaves: new Uint8Array(0) };
  const leaves: Buffer[] = [];
  try {
    for (const of of log.derive(after, upTo)) {
      tail.events++;
      const { leaf, entry, event, oddity } = of;
      if (leaf !== undefined && entry !== undefined) counter.add(event.position, event.type, entry);
      if (leaf !== undefined && tail.events <= wanted) leaves.push(leaf);
      const what = leaf === undefined ? 'it is none that this program writes; it is not sealed yet' : oddity;
      if (what !== undefined && tail.odd.length < MAX_ODD) tail.odd.push({ kind: 'event-form', ...placeOf(of), what });
    }
  } catch (error) {
    if (!(error instanceof CannotTell)) throw error;
    tail.hindrances.push({
      obstacle: error.obstacle,
      what: `${error.message}; events after position ${after} are not sealed yet, and were not all read`,
    });
  }
  return { ...tail, counts: counter.counts, leaves: Buffer.concat(leaves) };
}
