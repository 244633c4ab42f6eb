/** Where events, tiles and heads do not agree: what was changed, and where. */
import { HASH_BYTES } from '../integrity/merkle.ts';
import { hashesAt, TILE_HEIGHT, TILE_WIDTH } from '../integrity/tiles.ts';
import { type Differing, leavesOf } from './derive.ts';
import { tellDifferences } from './difference.ts';
import type { Findings } from './findings.ts';
import { HashLevels } from './hash-levels.ts';
import { type HeadsTask, keysOf, readOf, rootAt } from './heads.ts';
import type { LogFile } from './log-file.ts';
import { nameOf, type TreeFile } from './tree-file.ts';
import { type Trusted, Vouched } from './vouched.ts';

/** A hash of a tile above level 0 that is not made of the tile below it. */
export interface UpperMismatch {
  level: number;
  index: number;
}

/** Compares every tile above level 0 with what the tiles of level 0 make of it. */
export function upperMismatches(tree: TreeFile, generation: number, size: number, levels: HashLevels): UpperMismatch[] {
  const mismatches: UpperMismatch[] = [];
  for (let level = 1; hashesAt(level, size) > 0; level++) {
    const count = hashesAt(level, size);
    for (let tile = 0; tile * TILE_WIDTH < count; tile++) {
      const stored = tree.tile(generation, level, tile, TILE_WIDTH);
      for (let index = tile * TILE_WIDTH; index < Math.min(count, (tile + 1) * TILE_WIDTH); index++) {
        if (!hashIn(stored, index)?.equals(levels.hash(TILE_HEIGHT * (level - 1), index))) mismatches.push({ level, index });
      }
    }
  }
  return mismatches;
}

function hashIn(tile: Buffer | undefined, index: number): Buffer | undefined {
  const at = (index % TILE_WIDTH) * HASH_BYTES;
  return tile && tile.length >= at + HASH_BYTES ? tile.subarray(at, at + HASH_BYTES) : undefined;
}

export interface Disputed {
  log: LogFile;
  tree: TreeFile;
  generation: number;
  origin: string;
  keys: HeadsTask['keys'];
  /** Leaves of the tree, and its last head. */
  size: number;
  lastHead: number;
  /** The newest head that was signed; absent where none was. */
  trusted: Trusted | undefined;
  /** Of whole tiles of level 0 as they are stored. */
  roots: Buffer;
  differing: readonly Differing[];
  upper: readonly UpperMismatch[];
  findings: Findings;
  pause(): Promise<void>;
}

export interface Settled {
  /** The tree that was sealed, as far as that can be told. */
  levels: HashLevels;
  /** Tiles of level 0 whose stored hashes are not to be believed. */
  doubtful: number[];
  /** What a tile of level 0 was, as far as it is known. */
  contents(tile: number): Buffer | undefined;
  /** Whether what is there leads to the signed root in any way: else the heads tell where it does not. */
  isVouched: boolean;
  /** Events do not stand where they stood. */
  areEventsWrong: boolean;
}

export async function arbitrate(of: Disputed): Promise<Settled> {
  return new Arbitration(of).run();
}

class Arbitration {
  readonly #of: Disputed;
  readonly #differing: ReadonlyMap<number, Differing>;
  readonly #stored: HashLevels;
  readonly #vouched: Vouched | undefined;
  /** Tiles of which neither events nor stored hashes are what was sealed. */
  readonly #rewritten = new Set<number>();
  readonly #derived = new Map<number, Buffer | undefined>();

  constructor(of: Disputed) {
    this.#of = of;
    this.#differing = new Map(of.differing.map((each) => [each.tile, each]));
    this.#stored = HashLevels.of(of.roots);
    const made = Buffer.from(of.roots);
    for (const { tile, derivedRoot } of of.differing)
      if ((tile + 1) * HASH_BYTES <= made.length) made.set(derivedRoot ?? NO_HASH, tile * HASH_BYTES);
    const { tree, generation, trusted } = of;
    this.#vouched = trusted && new Vouched(tree, generation, trusted, [this.#stored, HashLevels.of(made)], (tile) => this.#leavesOf(tile));
  }

  get #isVouched(): boolean {
    return this.#vouched?.isKnown === true;
  }

  async run(): Promise<Settled> {
    const events: number[] = [];
    for (const tile of [...this.#differing.keys()].sort((a, b) => a - b)) {
      if (this.#tellTile(tile)) events.push(tile);
      await this.#of.pause();
    }
    for (const mismatch of this.#of.upper) this.#tellUpper(mismatch);
    const { log, tree, generation, size, findings } = this.#of;
    const side = { generation, size, sealed: (tile: number) => this.#sealed(tile) };
    const { stoppedAt } = await tellDifferences(log, tree, side, events, findings, () => this.#of.pause());
    if (stoppedAt !== undefined) {
      const what = `events differ in so many places that from leaf ${stoppedAt} on they were not looked at one by one`;
      findings.add({ kind: 'event-changed', index: stoppedAt, lastIndex: size - 1, what });
    }
    const levels = HashLevels.of(this.#vouchedRoots());
    for (const tile of [...this.#rewritten].sort((a, b) => a - b)) this.#tellRewritten(tile, levels);
    return {
      levels,
      doubtful: [...new Set([...this.#differing.keys(), ...this.#rewritten])],
      contents: (tile) => this.#vouched?.contents(0, tile),
      isVouched: this.#isVouched,
      areEventsWrong: events.length > 0,
    };
  }

  /** What a tile of level 0 was: where nobody vouches for it, as it is stored. */
  #sealed(tile: number): Buffer | undefined {
    if (this.#rewritten.has(tile)) return undefined;
    const stored = this.#storedTile(tile);
    const contents = this.#vouched?.contents(0, tile);
    // Behind the newest head there may be more leaves.
    return contents && stored && stored.length > contents.length
      ? Buffer.concat([contents, stored.subarray(contents.length)])
      : (contents ?? stored);
  }

  /** Says what is wrong with a tile whose events are not those of its hashes. @returns whether something is wrong with its events */
  #tellTile(tile: number): boolean {
    const { isUnread } = this.#differing.get(tile) as Differing;
    const contents = this.#vouched?.contents(0, tile);
    const stored = this.#storedTile(tile);
    if (contents === undefined) {
      if (!this.#isWithinTrusted(tile)) return this.#tellUnvouched(tile, stored) && !isUnread;
      if (!isUnread) this.#rewritten.add(tile);
      return false;
    }
    const isTileWrong = !stored?.subarray(0, contents.length).equals(contents);
    if (isTileWrong) this.#addTile(tile, stored, contents);
    const derived = this.#leavesOf(tile);
    const areEventsWrong = !derived?.subarray(0, contents.length).equals(contents);
    return !isUnread && (areEventsWrong || !isTileWrong);
  }

  /** No head covers it, or none was signed: the tile is what there is to believe. */
  #tellUnvouched(tile: number, stored: Buffer | undefined): boolean {
    const width = Math.min(TILE_WIDTH, this.#of.size - tile * TILE_WIDTH);
    if (stored?.length === width * HASH_BYTES) return true;
    this.#addTile(tile, stored, undefined);
    return false;
  }

  #addTile(tile: number, stored: Buffer | undefined, contents: Buffer | undefined): void {
    const { generation, findings } = this.#of;
    const place = { generation, tile: nameOf(0, tile) };
    if (stored === undefined) findings.add({ kind: 'tile', index: tile * TILE_WIDTH, ...place, what: 'it is missing' });
    else if (contents === undefined || stored.length < contents.length) {
      findings.add({
        kind: 'tile',
        index: tile * TILE_WIDTH + stored.length / HASH_BYTES,
        ...place,
        what: 'it has fewer hashes than were sealed',
      });
    } else {
      let i = 0;
      while (hashIn(stored, i)?.equals(hashIn(contents, i) as Buffer)) i++;
      findings.add({
        kind: 'tile',
        index: tile * TILE_WIDTH + i,
        ...place,
        what: 'its hashes are not those that were signed; the events are',
      });
    }
  }

  /** A hash above level 0 that is not made of what is below it: one of both is not what was signed, or both. */
  #tellUpper({ level, index }: UpperMismatch): void {
    const vouched = this.#vouched?.entry(level, index);
    const { tree, generation } = this.#of;
    const tile = Math.floor(index / TILE_WIDTH);
    const stored = hashIn(tree.tile(generation, level, tile, TILE_WIDTH), index);
    if (vouched === undefined || !stored?.equals(vouched)) this.#addUpper(level, tile, index, stored);
    const isBelowWrong = vouched !== undefined && !this.#stored.hash(TILE_HEIGHT * (level - 1), index).equals(vouched);
    if (!isBelowWrong) return;
    if (level === 1) {
      if (!this.#differing.has(index)) this.#rewritten.add(index);
    } else if (this.#of.upper.every((other) => other.level !== level - 1 || Math.floor(other.index / TILE_WIDTH) !== index)) {
      // The tile below it goes with what is below that: all of it was made anew.
      const [first, count] = [index * TILE_WIDTH ** level, TILE_WIDTH ** level];
      this.#addRewritten(first, first + count);
    }
  }

  readonly #told = new Set<string>();

  /** Once a tile, however many of its hashes are wrong. */
  #addUpper(level: number, tile: number, index: number, stored: Buffer | undefined): void {
    const name = nameOf(level, tile);
    if (this.#told.has(name)) return;
    this.#told.add(name);
    const what =
      stored === undefined ? 'it is missing, or has fewer hashes than were sealed' : 'its hashes are not those of the tiles below it';
    this.#of.findings.add({ kind: 'tile', generation: this.#of.generation, index: index * TILE_WIDTH ** level, tile: name, what });
  }

  /** Heads that end within the tile tell which of its leaves are as they were. */
  #tellRewritten(tile: number, levels: HashLevels): void {
    const { tree, generation, origin, keys, lastHead, size } = this.#of;
    let [from, to] = [tile * TILE_WIDTH, Math.min(size, (tile + 1) * TILE_WIDTH)];
    const first = tree.numberCovering(generation, from + 1, lastHead) ?? lastHead + 1;
    for (const row of tree.heads(generation, first, Math.min(lastHead, first + TILE_WIDTH))) {
      const head = row.size <= to ? readOf(row, origin, keysOf(keys)) : 'it ends elsewhere';
      if (typeof head === 'string') continue;
      if (row.size < to && rootAt(tree, generation, row.size, levels)?.equals(head.root)) from = Math.max(from, row.size);
      else to = Math.min(to, row.size);
    }
    this.#addRewritten(from, to);
  }

  #addRewritten(from: number, to: number): void {
    const { tree, generation, size, findings } = this.#of;
    const position = tree.positionOf(generation, from);
    findings.add({
      ...{
        kind: 'history-rewritten',
        generation,
        index: from,
        lastIndex: Math.min(size, to) - 1,
        ...(Number.isNaN(position) ? {} : { position }),
      },
      what: 'an event among these leaves is not as it was sealed, and tiles were changed to suit it',
    });
  }

  #vouchedRoots(): Buffer {
    const roots = Buffer.from(this.#of.roots);
    const suspects = [...this.#differing.keys(), ...this.#of.upper.filter(({ level }) => level === 1).map(({ index }) => index)];
    for (const tile of suspects) if ((tile + 1) * HASH_BYTES <= roots.length) this.#vouched?.entry(1, tile)?.copy(roots, tile * HASH_BYTES);
    return roots;
  }

  #isWithinTrusted(tile: number): boolean {
    return this.#isVouched && tile * TILE_WIDTH < (this.#of.trusted as Trusted).size;
  }

  #storedTile(tile: number): Buffer | undefined {
    return this.#of.tree.tile(this.#of.generation, 0, tile, Math.min(TILE_WIDTH, this.#of.size - tile * TILE_WIDTH));
  }

  #leavesOf(tile: number): Buffer | undefined {
    if (!this.#differing.has(tile)) return undefined;
    if (!this.#derived.has(tile)) {
      const { log, tree, generation, size } = this.#of;
      // Few are asked for again.
      if (this.#derived.size >= 64) this.#derived.clear();
      const from = tile * TILE_WIDTH;
      this.#derived.set(tile, leavesOf(log, tree, generation, { from, to: Math.min(size, from + TILE_WIDTH) }));
    }
    return this.#derived.get(tile);
  }
}

const NO_HASH = Buffer.alloc(HASH_BYTES);
