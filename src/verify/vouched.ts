/**
 * Which of two is right where events and tiles do not agree, or one tile and the tiles above it: whatever leads to the root that
 * was signed. From that root down, the contents of each tile are those of which the hash above it is made.
 */
import { HASH_BYTES, rootOfCover } from '../integrity/merkle.ts';
import { coverOf, hashesAt, TILE_HEIGHT, TILE_WIDTH, tileRoot } from '../integrity/tiles.ts';
import type { HashLevels } from './hash-levels.ts';
import type { TreeFile } from './tree-file.ts';

export interface Trusted {
  size: number;
  root: Buffer;
}

export class Vouched {
  readonly #tree: TreeFile;
  readonly #generation: number;
  readonly #trusted: Trusted;
  readonly #sources: readonly HashLevels[];
  readonly #leavesOf: (tile: number) => Buffer | undefined;
  /** By level and index: what the tile has to be; undefined where nothing that is there leads to the hash above it. */
  readonly #contents = new Map<string, Buffer | undefined>();
  /** Whether anything that is there leads to the signed root. */
  readonly isKnown: boolean;

  /**
   * @param sources the tree over the stored tiles of level 0, and that over the leaves made anew
   * @param leavesOf the leaves of a tile made anew; undefined where they are not all there
   */
  constructor(
    tree: TreeFile,
    generation: number,
    trusted: Trusted,
    sources: readonly HashLevels[],
    leavesOf: (tile: number) => Buffer | undefined,
  ) {
    [this.#tree, this.#generation, this.#trusted, this.#sources, this.#leavesOf] = [tree, generation, trusted, sources, leavesOf];
    this.isKnown = this.#findEdge();
  }

  /** What a tile has to be, as wide as it is in the trusted tree. */
  contents(level: number, index: number): Buffer | undefined {
    const name = `${level}/${index}`;
    if (this.#contents.has(name)) return this.#contents.get(name);
    const root = this.entry(level + 1, index);
    const contents = root && this.#candidates(level, index).find((candidate) => tileRoot(candidate).equals(root));
    // Those of level 0 are many, and asked for one after the other.
    if (level > 0) this.#contents.set(name, contents);
    return contents;
  }

  /** One hash of a level: of a complete subtree of 256^level leaves. */
  entry(level: number, index: number): Buffer | undefined {
    if (!this.isKnown || index >= hashesAt(level, this.#trusted.size)) return undefined;
    const at = (index % TILE_WIDTH) * HASH_BYTES;
    return this.contents(level, Math.floor(index / TILE_WIDTH))?.subarray(at, at + HASH_BYTES);
  }

  /** The last tiles of all levels together make the root: of what is there, those that make the signed one. */
  #findEdge(): boolean {
    const { size, root } = this.#trusted;
    const edge: { level: number; index: number; candidates: Buffer[] }[] = [];
    for (let level = 0; hashesAt(level, size) > 0; level++) {
      const index = Math.floor(hashesAt(level, size) / TILE_WIDTH);
      if (hashesAt(level, size) % TILE_WIDTH > 0) edge.unshift({ level, index, candidates: this.#candidates(level, index) });
    }
    const chosen = choices(edge.map(({ candidates }) => candidates)).find((choice) => rootOver(choice).equals(root));
    if (chosen === undefined) return false;
    edge.forEach(({ level, index }, i) => {
      this.#contents.set(`${level}/${index}`, chosen[i]);
    });
    return true;
  }

  #candidates(level: number, index: number): Buffer[] {
    const width = Math.min(TILE_WIDTH, hashesAt(level, this.#trusted.size) - index * TILE_WIDTH);
    const stored = this.#tree.tile(this.#generation, level, index, width);
    const leaves = level === 0 ? this.#leavesOf(index)?.subarray(0, width * HASH_BYTES) : undefined;
    const above = level === 0 ? [] : this.#sources.map((levels) => rowOf(levels, level, index, width));
    const all = [stored, leaves, ...above].filter((candidate) => candidate?.length === width * HASH_BYTES) as Buffer[];
    // Mostly they are all the same.
    return all.filter((candidate, i) => all.findIndex((other) => other.equals(candidate)) === i);
  }
}

function rowOf(levels: HashLevels, level: number, index: number, width: number): Buffer {
  const height = TILE_HEIGHT * (level - 1);
  return Buffer.concat(Array.from({ length: width }, (_, i) => levels.hash(height, index * TILE_WIDTH + i)));
}

/** One of each, in every combination: levels are few. */
function choices(candidates: readonly Buffer[][]): Buffer[][] {
  return candidates.reduce<Buffer[][]>((chosen, next) => chosen.flatMap((some) => next.map((one) => [...some, one])), [[]]);
}

function rootOver(tiles: readonly Buffer[]): Buffer {
  return rootOfCover(tiles.flatMap((tile) => coverOf(tile, tile.length / HASH_BYTES)));
}
