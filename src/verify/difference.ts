/**
 * What happened to events, where those of the log do not make the leaves that were sealed: both are gone through side by side, and
 * a hash that stands a little further on in one of them tells whether something was added, taken away or exchanged.
 */
import { HASH_BYTES } from '../integrity/merkle.ts';
import { TILE_WIDTH } from '../integrity/tiles.ts';
import type { Findings } from './findings.ts';
import { type Derived, FIRST, LAST, type LogFile, placeOf } from './log-file.ts';
import type { TreeFile } from './tree-file.ts';

/** A leaf as it was sealed. */
interface Leaf {
  index: number;
  hash: Buffer;
  /** NaN where it is not told. */
  position: number;
}

/** How far ahead a hash is looked for. */
const NEARBY = 512;
/** Differences looked at one by one; beyond, there is more wrong than one by one could tell. */
const MAX_DIFFERENCES = 5_000;

/** What events are compared with. */
export interface Side {
  generation: number;
  /** Leaves of the tree. */
  size: number;
  /** Hashes of the leaves of a tile of level 0 as they were sealed; undefined where nobody knows. */
  sealed(tile: number): Buffer | undefined;
}

export interface Compared {
  /** Leaves up to here were looked at one by one; absent where all of them were. */
  stoppedAt?: number;
}

/**
 * Names what differs in some tiles.
 * @param tiles in order
 * @param pause called now and then: others have their turn, and it may throw to end it
 */
export async function tellDifferences(
  log: LogFile,
  tree: TreeFile,
  { generation, size, sealed }: Side,
  tiles: readonly number[],
  findings: Findings,
  pause: () => Promise<void>,
): Promise<Compared> {
  const wrong = new Set(tiles);
  for (const walk = new SideBySide(log, tree, { generation, size, sealed }, findings); ; ) {
    const next = tiles.find((tile) => tile * TILE_WIDTH >= walk.index);
    if (next === undefined) return {};
    walk.goTo(next);
    while (!walk.isThrough(wrong)) {
      walk.step();
      if (walk.differences >= MAX_DIFFERENCES) return { stoppedAt: walk.index };
      if (walk.index % TILE_WIDTH === 0) await pause();
    }
  }
}

class SideBySide {
  readonly #log: LogFile;
  readonly #tree: TreeFile;
  readonly #side: Side;
  readonly #findings: Findings;
  #leaves: Ahead<Leaf> = new Ahead([].values());
  #events: Ahead<Derived> = new Ahead([].values());
  /** How far events stand from where their leaves do: events that were added move all later ones. */
  #shift = 0;
  #otherShift = 0;
  /** Something was added or taken away: where the next event stands is the measure. */
  #isMoved = false;
  /** The tile that is looked at: nothing ends before it. */
  #target = 0;
  differences = 0;
  /** Of the next leaf. */
  index = 0;

  constructor(log: LogFile, tree: TreeFile, side: Side, findings: Findings) {
    [this.#log, this.#tree, this.#side, this.#findings] = [log, tree, side, findings];
  }

  /** Begins at a tile, or at one before it where it is known which event comes first. */
  goTo(tile: number): void {
    let [from, after] = [tile * TILE_WIDTH, FIRST];
    for (; from > 0; from -= TILE_WIDTH) {
      after = this.#tree.positionOf(this.#side.generation, from - 1);
      if (!Number.isNaN(after)) break;
    }
    this.#target = tile;
    this.index = from;
    this.#leaves = new Ahead(leavesFrom(this.#tree, this.#side, from));
    this.#events = new Ahead(this.#log.derive(from === 0 ? FIRST : after, LAST));
    [this.#shift, this.#otherShift, this.#isMoved] = [0, 0, false];
  }

  /** Whether all leaves were looked at, or a tile begins that is well and from which on everything stands in its place. */
  isThrough(wrong: ReadonlySet<number>): boolean {
    if (this.index >= this.#side.size) return true;
    const isEdge = this.index % TILE_WIDTH === 0 && this.index > this.#target * TILE_WIDTH && !wrong.has(this.index / TILE_WIDTH);
    return isEdge && this.#shift === 0 && !this.#isMoved && this.#events.at(0)?.event.position === this.#leaves.at(0)?.position;
  }

  step(): void {
    const [leaf, event] = [this.#leaves.at(0) as Leaf, this.#events.at(0)];
    if (event === undefined) this.#logEnds(leaf);
    else if (leaf.hash.length === 0) this.#take(1, 1);
    else if (event.leaf?.equals(leaf.hash)) this.#same(leaf, event);
    else this.#differs(leaf, event);
  }

  #same(leaf: Leaf, { event }: Derived): void {
    const shift = event.position - leaf.position;
    if (this.#isMoved) [this.#shift, this.#isMoved] = [shift, false];
    else if (shift !== this.#shift) {
      // The same again is the same difference.
      if (shift === this.#otherShift) this.#shift = shift;
      else
        this.#add({
          kind: 'position',
          index: leaf.index,
          position: event.position,
          what: 'its event stands at another position than was noted',
        });
      this.#otherShift = shift;
    }
    this.#take(1, 1);
  }

  #differs(leaf: Leaf, event: Derived): void {
    const ahead = this.#events.find((other) => other.leaf?.equals(leaf.hash) ?? false);
    const back = event.leaf === undefined ? -1 : this.#leaves.find((other) => other.hash.equals(event.leaf as Buffer));
    if (ahead > 0 && back > 0) this.#exchanged(leaf, event, ahead, back);
    else if (ahead > 0) for (let i = 0; i < ahead; i++) this.#inserted(leaf, this.#events.at(0) as Derived);
    else if (back > 0) for (let i = 0; i < back; i++) this.#missing(this.#leaves.at(0) as Leaf);
    else {
      const position = event.event.position - this.#shift;
      if (position > leaf.position) this.#missing(leaf);
      else if (position < leaf.position) this.#inserted(leaf, event);
      else this.#changed(leaf, event);
    }
  }

  #exchanged(leaf: Leaf, event: Derived, ahead: number, back: number): void {
    const other = this.#leaves.at(back) as Leaf;
    this.#add({
      ...{ kind: 'events-exchanged', index: leaf.index, lastIndex: other.index, ...placeOf(event) },
      what: `it was sealed as leaf ${other.index}, and the event of this leaf stands further on`,
    });
    this.#events.take(ahead);
    this.#leaves.take(back);
    this.#take(1, 1);
  }

  #inserted({ index }: Leaf, event: Derived): void {
    this.#add({ kind: 'event-inserted', index, ...placeOf(event), what: 'it was never sealed, and stands before events that were' });
    this.#isMoved = true;
    this.#take(0, 1);
  }

  #missing({ index, position }: Leaf): void {
    this.#add({
      kind: 'event-missing',
      index,
      ...(Number.isNaN(position) ? {} : { position }),
      what: 'it was sealed and is not in the log',
    });
    this.#isMoved = true;
    this.#take(1, 0);
  }

  #changed({ index }: Leaf, event: Derived): void {
    const what = event.leaf === undefined ? 'what stands there is none that this program writes' : 'it is not as it was sealed';
    this.#add({ kind: 'event-changed', index, ...placeOf(event), what });
    this.#take(1, 1);
  }

  #logEnds({ index, position }: Leaf): void {
    const rest = this.#side.size - index;
    const where = Number.isNaN(position) ? {} : { position };
    this.#add({ kind: 'event-missing', index, lastIndex: this.#side.size - 1, ...where, what: 'the log ends before it' });
    this.#findings.count('event-missing', rest - 1);
    this.index = this.#side.size;
  }

  #add(finding: Parameters<Findings['add']>[0]): void {
    this.differences++;
    this.#findings.add(finding);
  }

  #take(leaves: number, events: number): void {
    if (leaves > 0) this.#leaves.take(0);
    if (events > 0) this.#events.take(0);
    this.index = this.#leaves.at(0)?.index ?? this.#side.size;
  }
}

/** A sequence that can be looked into some way ahead. */
class Ahead<T> {
  readonly #rest: Iterator<T>;
  readonly #read: T[] = [];
  #isDone = false;

  constructor(rest: Iterator<T>) {
    this.#rest = rest;
  }

  at(i: number): T | undefined {
    while (this.#read.length <= i && !this.#isDone) {
      const { done, value } = this.#rest.next();
      if (done) this.#isDone = true;
      else this.#read.push(value);
    }
    return this.#read[i];
  }

  /** The place of the first that is looked for, behind the next one; -1 where none is near. */
  find(is: (value: T) => boolean): number {
    for (let i = 1; i <= NEARBY; i++) {
      const value = this.at(i);
      if (value === undefined) return -1;
      if (is(value)) return i;
    }
    return -1;
  }

  take(i: number): void {
    this.#read.splice(i, 1);
  }
}

/** The leaves as they were sealed; where nobody knows, without a hash. */
function* leavesFrom(tree: TreeFile, { generation, size, sealed }: Side, from: number): Generator<Leaf> {
  for (let at = from; at < size; at += TILE_WIDTH) {
    const to = Math.min(size, at + TILE_WIDTH);
    const hashes = sealed(at / TILE_WIDTH) ?? Buffer.alloc(0);
    const { positions } = tree.positions(generation, at, to);
    for (let index = at; index < to; index++) {
      const i = index - at;
      yield { index, hash: hashes.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES), position: positions[i] as number };
    }
  }
}
