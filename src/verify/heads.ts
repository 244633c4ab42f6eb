/** Stored heads: who signed them, whether they follow each other, and whether their roots are those of the leaves. */
import { HASH_BYTES } from '../integrity/merkle.ts';
import {
  COSIGNATURE,
  NoteRefused,
  parseNote,
  parseSignatures,
  parseVkey,
  type SignedNote,
  type Verified,
  type VerifierKey,
  verifyNote,
  vkeyOf,
} from '../integrity/signed-note.ts';
import { TILE_WIDTH } from '../integrity/tiles.ts';
import { parseTreeHead, type TreeHead } from '../integrity/tree-head.ts';
import type { RingKey, StoredHead } from '../transparency/tree.ts';
import type { HashLevels } from './hash-levels.ts';
import type { Finding } from './result.ts';
import type { TreeFile } from './tree-file.ts';

/** Heads of one generation by number, both ends included. */
export interface HeadsTask {
  generation: number;
  origin: string;
  first: number;
  last: number;
  keys: readonly RingKey[];
  /** The tree is that of the generation in force: roots and positions are compared. */
  isInForce: boolean;
  /** Tiles whose stored hashes are not to be believed. */
  doubtful: readonly number[];
}

export interface HeadsChecked {
  findings: Finding[];
  /** Heads that were signed and whose root is another one: the first of them, and how many. */
  rewritten?: { first: number; size: number; previousSize: number; count: number };
  /** Numbers of heads that end within a doubtful tile: signed, root not looked at. */
  left: number[];
  /** The first of these heads, and each one that a newer key signed than the one before it. */
  turns: Turn[];
}

/** A head from which on another key signs. */
export interface Turn {
  number: number;
  size: number;
  position: number;
  /** Places in the ring of those who signed it, ascending. */
  signers: number[];
}

/** Heads checked as one piece of work. */
export const HEADS = 500;

/** A head as its note tells of it, and whose signatures hold. */
export interface ReadHead extends TreeHead {
  note: SignedNote;
  signers: Verified[];
}

/** @throws NoteRefused where it is no head, or none that one of the keys signed */
export function readHead(text: string, keys: readonly VerifierKey[]): ReadHead {
  const note = parseNote(text);
  const head = parseTreeHead(note.text);
  return { ...head, note, signers: verifyNote(note, keys) };
}

/** The keys of a ring that are keys at all. */
export function keysOf(ring: readonly Pick<RingKey, 'vkey'>[]): VerifierKey[] {
  return ring.flatMap(({ vkey }) => {
    try {
      return [parseVkey(vkey)];
    } catch {
      return [];
    }
  });
}

export function checkHeads(tree: TreeFile, task: HeadsTask, levels: HashLevels): HeadsChecked {
  const check = new HeadsCheck(tree, task, levels);
  const { generation, first, last } = task;
  for (const row of tree.heads(generation, first - 1, last)) check.next(row);
  return check.end();
}

class HeadsCheck {
  readonly #tree: TreeFile;
  readonly #task: HeadsTask;
  readonly #levels: HashLevels;
  readonly #keys: readonly VerifierKey[];
  readonly #checked: HeadsChecked = { findings: [], left: [], turns: [] };
  #before: StoredHead | undefined;
  /** Place in the ring of the newest key that has signed. */
  #inForce = -1;
  #expected: number;

  constructor(tree: TreeFile, task: HeadsTask, levels: HashLevels) {
    [this.#tree, this.#task, this.#levels] = [tree, task, levels];
    this.#keys = keysOf(task.keys);
    this.#expected = task.first;
  }

  /** The head before the first one is looked at for what comes after it alone. */
  next(row: StoredHead): void {
    const { generation, first } = this.#task;
    const head = readOf(row, this.#task.origin, this.#keys);
    const signers = typeof head === 'string' ? [] : placesOf(head, this.#keys);
    const inForce = Math.max(this.#inForce, ...signers);
    if (row.number >= first) {
      const what = this.#orderOf(row) ?? (typeof head === 'string' ? head : this.#wrongOf(row, head, signers));
      if (what !== undefined) this.#checked.findings.push({ kind: 'head', generation, head: row.number, size: row.size, what });
      else if (inForce > this.#inForce || row.number === first)
        this.#checked.turns.push({ number: row.number, size: row.size, position: row.position, signers });
      this.#expected = row.number + 1;
    }
    [this.#before, this.#inForce] = [row, inForce];
  }

  end(): HeadsChecked {
    const { generation, last } = this.#task;
    if (this.#expected <= last) {
      this.#checked.findings.push({
        kind: 'head',
        generation,
        head: this.#expected,
        what: 'it is missing: heads are numbered without gaps',
      });
    }
    return this.#checked;
  }

  #orderOf(row: StoredHead): string | undefined {
    if (row.number !== this.#expected) return `head ${this.#expected} is missing before it: heads are numbered without gaps`;
    if (this.#before === undefined) return undefined;
    if (!(row.size > this.#before.size)) return 'it covers no more leaves than the one before it';
    return row.signedAt < this.#before.signedAt ? 'it was signed earlier than the one before it' : undefined;
  }

  /** Why a head is not what it should be; undefined where it is. */
  #wrongOf(row: StoredHead, { root }: ReadHead, signers: readonly number[]): string | undefined {
    const { generation, isInForce, doubtful } = this.#task;
    if (Math.max(...signers) < this.#inForce) return 'it is signed by a key whose place another one had taken';
    if (!isInForce) return undefined;
    if (row.size > 0 && this.#tree.positionOf(generation, row.size - 1) !== row.position)
      return 'its last event is not that of its last leaf';
    if (row.size % TILE_WIDTH > 0 && doubtful.includes(Math.floor(row.size / TILE_WIDTH))) this.#checked.left.push(row.number);
    else if (!rootAt(this.#tree, generation, row.size, this.#levels)?.equals(root)) this.#rewritten(row);
    return undefined;
  }

  /** Nobody else can have signed it: what it covers is not what it covered then. */
  #rewritten({ number, size }: StoredHead): void {
    this.#checked.rewritten ??= { first: number, size, previousSize: this.#before?.size ?? 0, count: 0 };
    this.#checked.rewritten.count++;
  }
}

/** The head as its note says, where keys of the ring signed it; else why it is none. */
export function readOf(row: Pick<StoredHead, 'note' | 'size'>, origin: string, keys: readonly VerifierKey[]): ReadHead | string {
  let head: ReadHead;
  try {
    head = readHead(row.note, keys);
  } catch (error) {
    if (!(error instanceof NoteRefused)) throw error;
    return error.message;
  }
  if (head.origin !== origin) return 'it is the head of another tree';
  return head.size === row.size ? head : 'it was signed for another size';
}

/** Places of those who signed in a ring, ascending. */
export const placesOf = ({ signers }: ReadHead, ring: readonly VerifierKey[]): number[] =>
  signers.map(({ key }) => ring.findIndex((other) => isSame(key, other))).sort((a, b) => a - b);

export const isSame = (key: VerifierKey, other: VerifierKey): boolean => vkeyOf(key) === vkeyOf(other);

/** Root of the first `size` leaves, the last of them as the tile has them; undefined where the tile is missing or too short. */
export function rootAt(tree: TreeFile, generation: number, size: number, levels: HashLevels): Buffer | undefined {
  const rest = size % TILE_WIDTH;
  if (Math.floor(size / TILE_WIDTH) > levels.shared.tiles) return undefined;
  const tile = rest === 0 ? Buffer.alloc(0) : tree.tile(generation, 0, Math.floor(size / TILE_WIDTH), rest);
  return tile?.length === rest * HASH_BYTES ? levels.root(size, tile) : undefined;
}

/**
 * Whether a witness's line cosigns a head.
 * @returns when, in seconds since 1970; undefined where the signature is not this witness's over this head
 */
export function cosignedAt(note: string, line: string, witness: VerifierKey): number | undefined {
  try {
    const { text } = parseNote(note);
    const [verified] = verifyNote({ text, signatures: parseSignatures(`${line}\n`) }, [witness]);
    return witness.kind === COSIGNATURE ? verified?.at : undefined;
  } catch (error) {
    if (error instanceof NoteRefused) return undefined;
    throw error;
  }
}
