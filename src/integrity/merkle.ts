/**
 * The Merkle tree of RFC 6962, section 2.1: hashes, and proofs in pairs of *prove* and *check*. Pure; where hashes are
 * kept is behind `HashReader`. A tree of n leaves is never built: it is covered by complete subtrees, whose hashes never change.
 */
import { hash } from 'node:crypto';

export const HASH_BYTES = 32;

/** Told apart by their first byte, so that no node passes for a leaf. */
const LEAF = Buffer.of(0);
const NODE = Buffer.of(1);

/** By way of hexadecimal: that is twice as fast as a digest in bytes, and there is one for each leaf and each node. */
const sha256 = (bytes: Uint8Array): Buffer => Buffer.from(hash('sha256', bytes, 'hex'), 'hex');

/** SHA-256 of 0x00 and the leaf's bytes. */
export const leafHash = (bytes: Uint8Array): Buffer => sha256(Buffer.concat([LEAF, bytes]));

/** What is hashed of two hashes, in memory that is used again. */
const node = Buffer.concat([NODE, Buffer.alloc(2 * HASH_BYTES)]);

/** SHA-256 of 0x01 and both children. */
export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  // Whoever checks a proof may have been given anything.
  if (left.length !== HASH_BYTES || right.length !== HASH_BYTES) return sha256(Buffer.concat([NODE, left, right]));
  node.set(left, NODE.length);
  node.set(right, NODE.length + HASH_BYTES);
  return sha256(node);
}

/** Of a tree without leaves: SHA-256 of nothing. */
export const EMPTY_ROOT: Buffer = sha256(Buffer.alloc(0));

/** A complete subtree: 2^level leaves, from leaf `index` * 2^level on. */
export interface Subtree {
  level: number;
  index: number;
}

/** Where the hashes of complete subtrees are kept. */
export interface HashReader {
  /** One hash for each, in the order asked for. */
  read(subtrees: readonly Subtree[]): Promise<readonly Buffer[]>;
}

/** The root over complete subtrees that cover a tree, from the left and so from large to small. */
export function rootOfCover(cover: readonly Buffer[]): Buffer {
  return cover.length === 0 ? EMPTY_ROOT : cover.reduceRight((right, left) => nodeHash(left, right));
}

/** A tree that grows on its right: of all that is left of it, the complete subtrees that cover it, each of another level. */
export class Cover {
  /** By level. */
  readonly #hashes: (Buffer | undefined)[] = [];

  /** Puts in the subtree of 2^level leaves of a tree that was there before. */
  set(level: number, hash: Buffer): void {
    this.#hashes[level] = hash;
  }

  /** @param onComplete told of each subtree of more than one leaf that becomes complete, from small to large */
  append(leaf: Buffer, onComplete?: (level: number, hash: Buffer) => void): void {
    let hash = leaf;
    let level = 0;
    for (let left = this.#hashes[level]; left !== undefined; left = this.#hashes[level]) {
      hash = nodeHash(left, hash);
      this.#hashes[level] = undefined;
      level++;
      onComplete?.(level, hash);
    }
    this.#hashes[level] = hash;
  }

  get root(): Buffer {
    return rootOfCover(this.#hashes.filter((hash) => hash !== undefined).reverse());
  }
}

/** Leaves from `begin` up to, but not including, `end`. */
type Range = readonly [begin: number, end: number];

/** The greatest power of two below `size` (which is 2 or more): where a tree divides into left and right. */
function splitOf(size: number): number {
  let left = 1;
  while (left * 2 < size) left *= 2;
  return left;
}

/** The complete subtrees that cover a range, from the left and so from large to small. `begin` is where a subtree of this size may begin. */
export function subtreesOf([begin, end]: Range): Subtree[] {
  const subtrees: Subtree[] = [];
  for (let at = begin; at < end; ) {
    let [level, size] = [0, 1];
    for (; size * 2 <= end - at; size *= 2) level++;
    subtrees.push({ level, index: at / size });
    at += size;
  }
  return subtrees;
}

/** The root of the first `size` leaves (RFC 6962, 2.1: MTH). */
export async function rootOf(size: number, reader: HashReader): Promise<Buffer> {
  mustBeSize(size);
  if (size === 0) return EMPTY_ROOT;
  const [root] = await hashesOf([[0, size]], reader);
  return root as Buffer;
}

/**
 * Proves that the leaf at `index` stands in the tree of the first `size` leaves (RFC 6962, 2.1.1: PATH), from the leaf up.
 * @throws RangeError where the tree has no such leaf
 */
export async function proveInclusion(index: number, size: number, reader: HashReader): Promise<Buffer[]> {
  mustBeSize(size);
  if (!(Number.isSafeInteger(index) && index >= 0 && index < size)) throw new RangeError(`a tree of ${size} leaves has no leaf ${index}`);
  const siblings: Range[] = [];
  for (let [begin, end] = [0, size]; end - begin > 1; ) {
    const middle = begin + splitOf(end - begin);
    siblings.push(index < middle ? [middle, end] : [begin, middle]);
    if (index < middle) end = middle;
    else begin = middle;
  }
  return hashesOf(siblings.reverse(), reader);
}

/**
 * Proves that the tree of the first `size` leaves goes on from that of the first `first` (RFC 6962, 2.1.2: PROOF).
 * @throws RangeError unless 0 < first ≤ size: every tree goes on from an empty one, and nothing would be proven
 */
export async function proveConsistency(first: number, size: number, reader: HashReader): Promise<Buffer[]> {
  mustBeSize(size);
  if (!(Number.isSafeInteger(first) && first > 0 && first <= size)) throw new RangeError(`nothing goes on from ${first} to ${size} leaves`);
  const others: Range[] = [];
  let [begin, end] = [0, size];
  while (end !== first) {
    const middle = begin + splitOf(end - begin);
    others.push(first <= middle ? [middle, end] : [begin, middle]);
    if (first <= middle) end = middle;
    else begin = middle;
  }
  // Whoever checks knows the old root: it need not be told where it is itself a subtree of the new one.
  if (begin > 0) others.push([begin, end]);
  return hashesOf(others.reverse(), reader);
}

/**
 * Whether the proof leads from the leaf at `index` to the root of `size` leaves (RFC 9162, 2.1.3.2).
 * @param leaf `leafHash` of the leaf's bytes
 */
export function checkInclusion(leaf: Buffer, index: number, size: number, proof: readonly Buffer[], root: Buffer): boolean {
  if (!(isSize(size) && isSize(index) && index < size && [leaf, ...proof].every(isHash))) return false;
  const sides: Side[] = [];
  for (let [at, left] = [index, size]; left > 1; ) {
    const middle = splitOf(left);
    sides.push(at < middle ? 'right' : 'left');
    [at, left] = at < middle ? [at, middle] : [at - middle, left - middle];
  }
  if (proof.length !== sides.length) return false;
  return join(leaf, sides.reverse(), proof).equals(root);
}

/**
 * Whether the tree of `size` leaves with `root` goes on from that of `first` leaves with `firstRoot` (RFC 9162, 2.1.4.2).
 * False for an empty first tree, from which everything goes on.
 */
export function checkConsistency(first: number, size: number, firstRoot: Buffer, root: Buffer, proof: readonly Buffer[]): boolean {
  if (!(isSize(first) && isSize(size) && first > 0 && first <= size && proof.every(isHash))) return false;
  if (first === size) return proof.length === 0 && firstRoot.equals(root);
  const sides: Side[] = [];
  for (let [old, all] = [first, size]; old !== all; ) {
    const middle = splitOf(all);
    sides.push(old <= middle ? 'right' : 'left');
    [old, all] = old <= middle ? [old, middle] : [old - middle, all - middle];
  }
  const isSubtree = !sides.includes('left');
  const [start, ...rest] = isSubtree ? [firstRoot, ...proof] : proof;
  if (start === undefined || rest.length !== sides.length) return false;
  sides.reverse();
  // What stands to the right came later: the old tree is what stands to the left alone.
  const older = rest.filter((_, i) => sides[i] === 'left');
  const old = older.reduce<Buffer>((hash, left) => nodeHash(left, hash), start);
  return old.equals(firstRoot) && join(start, sides, rest).equals(root);
}

/** On which side of the way up the other child stands. */
type Side = 'left' | 'right';

const join = (start: Buffer, sides: readonly Side[], others: readonly Buffer[]): Buffer =>
  others.reduce<Buffer>((hash, other, i) => (sides[i] === 'left' ? nodeHash(other, hash) : nodeHash(hash, other)), start);

/** The hash of each range, all read at once. */
async function hashesOf(ranges: readonly Range[], reader: HashReader): Promise<Buffer[]> {
  const covers = ranges.map(subtreesOf);
  const hashes = await reader.read(covers.flat());
  let at = 0;
  return covers.map(({ length }) => {
    const parts = hashes.slice(at, at + length);
    at += length;
    return rootOfCover(parts);
  });
}

const isSize = (size: number): boolean => Number.isSafeInteger(size) && size >= 0;
const isHash = (hash: Buffer): boolean => hash.length === HASH_BYTES;

function mustBeSize(size: number): void {
  if (!isSize(size)) throw new RangeError('a tree has a whole number of leaves');
}
