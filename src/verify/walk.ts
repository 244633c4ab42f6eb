/** Every leaf of the tree, made anew by several threads at once, and how far all is well from the beginning on. */
import { Cover, HASH_BYTES } from '../integrity/merkle.ts';
import { TILE_WIDTH } from '../integrity/tiles.ts';
import { Counter, type Counts } from './counts.ts';
import { type DerivedRange, type Deriving, type Differing, RANGE } from './derive.ts';
import type { Findings } from './findings.ts';
import type { Progressed, StateFile } from './state.ts';
import type { Threads } from './threads.ts';

/** Ranges given to each thread before the first of them is done. */
const AHEAD = 2;
const SAVE_MS = 2_000;

/** Where a walk begins: what comes before is believed. */
export interface Beginning {
  /** Roots of the whole tiles before, as the tree has them. */
  roots: Buffer;
  /** What was counted before; absent where it was not. */
  counts?: Counts;
}

export class Walk {
  /** Of each whole tile of level 0, as its stored hashes make it. */
  readonly roots: Buffer;
  readonly differing: Differing[] = [];
  readonly #threads: Threads;
  readonly #of: Deriving & { origin: string };
  readonly #findings: Findings;
  readonly #from: number;
  readonly #counter: Counter;
  readonly #state: StateFile | undefined;
  /** Ranges that are done before one that comes earlier is. */
  readonly #waiting = new Map<number, DerivedRange>();
  readonly #cover = new Cover();
  /** Up to here every leaf is as it was sealed. */
  #well: number;
  #isWell = true;
  #wellCounts: Counts | undefined;
  #isCounted: boolean;
  readonly #isCountedBefore: boolean;
  #isUnread = false;
  #next: number;
  #savedAt = Number.NEGATIVE_INFINITY;
  #saved: number;

  constructor(threads: Threads, of: Deriving & { origin: string }, findings: Findings, beginning: Beginning, state: StateFile | undefined) {
    [this.#threads, this.#of, this.#findings, this.#state] = [threads, of, findings, state];
    const { roots, counts } = beginning;
    this.roots = Buffer.alloc(Math.floor(of.size / TILE_WIDTH) * HASH_BYTES);
    roots.copy(this.roots);
    for (let at = 0; at < roots.length; at += HASH_BYTES) this.#cover.append(roots.subarray(at, at + HASH_BYTES));
    this.#from = (roots.length / HASH_BYTES) * TILE_WIDTH;
    [this.#well, this.#next, this.#saved] = [this.#from, this.#from, this.#from];
    this.#counter = new Counter({});
    if (counts) this.#counter.addAll(counts);
    this.#isCountedBefore = counts !== undefined;
    this.#isCounted = this.#isCountedBefore || this.#from === 0;
  }

  /** What was counted of all leaves, from where counting began. */
  get counts(): Counts {
    return this.#counter.counts;
  }

  /** Why what was counted is not all; undefined where it is. */
  get whyNotCounted(): string | undefined {
    if (this.#from > 0 && !this.#isCountedBefore) return 'what came before was not read this time, and was not counted';
    return this.#isUnread ? 'not every event could be read' : undefined;
  }

  /** @param onDone called with how many leaves are done @throws CannotTell, ThreadFailed */
  async run(onDone: (leaves: number) => void): Promise<void> {
    const { size } = this.#of;
    let at = this.#from;
    let done = 0;
    const work = async () => {
      while (at < size) {
        const range = { from: at, to: Math.min(size, at + RANGE) };
        at = range.to;
        const { origin: _, ...of } = this.#of;
        this.#take(await this.#threads.run('leaves', { of, range }));
        done += range.to - range.from;
        onDone(done);
      }
    };
    await Promise.all(Array.from({ length: this.#threads.count * AHEAD }, work));
  }

  /** Writes down how far all is well, for a later run. */
  save(): void {
    if (this.#state === undefined || this.#well === this.#saved) return;
    this.#savedAt = performance.now();
    this.#saved = this.#well;
    this.#state.write(this.#progressed());
  }

  #take(range: DerivedRange): void {
    Buffer.from(range.roots.buffer, range.roots.byteOffset, range.roots.byteLength).copy(
      this.roots,
      (range.from / TILE_WIDTH) * HASH_BYTES,
    );
    this.differing.push(...range.differing);
    this.#findings.addAll(range.odd);
    for (const hindrance of range.hindrances) this.#findings.hinder(hindrance);
    this.#isUnread ||= range.hindrances.length > 0;
    this.#waiting.set(range.from, range);
    for (let next = this.#waiting.get(this.#next); next !== undefined; next = this.#waiting.get(this.#next)) this.#inOrder(next);
    if (performance.now() - this.#savedAt > SAVE_MS) this.save();
  }

  #inOrder({ from, to, counts, isCounted, differing, odd, hindrances }: DerivedRange): void {
    this.#waiting.delete(from);
    this.#next = to;
    this.#counter.addAll(counts);
    this.#isWell &&= differing.length + odd.length + hindrances.length === 0 && to % TILE_WIDTH === 0;
    if (!this.#isWell) return;
    for (let at = from; at < to; at += TILE_WIDTH) {
      const tile = (at / TILE_WIDTH) * HASH_BYTES;
      this.#cover.append(this.roots.subarray(tile, tile + HASH_BYTES));
    }
    this.#well = to;
    this.#isCounted &&= isCounted;
    this.#wellCounts = this.#isCounted ? this.#counter.counts : undefined;
  }

  #progressed(): Progressed {
    return {
      ...{ origin: this.#of.origin, from: this.#from, size: this.#well, root: this.#cover.root.toString('base64') },
      ...(this.#wellCounts && { counts: this.#wellCounts }),
    };
  }
}
