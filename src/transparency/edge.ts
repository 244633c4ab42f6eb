/**
 * The right edge of a tree: what is needed to make it grow, and to know its root. One hash for each complete subtree that covers the
 * leaves, and the last tile of each level; however large the tree is, that is a few kilobytes.
 */
import { Cover, HASH_BYTES, subtreesOf } from '../integrity/merkle.ts';
import { hashesAt, hashesFrom, TILE_HEIGHT, TILE_WIDTH, type Tile, type TileReader } from '../integrity/tiles.ts';

/** A tile with all its hashes. */
export interface GrownTile {
  tile: Tile;
  hashes: Buffer;
}

/** The last tile of a level: it is not full. */
interface Row {
  index: number;
  hashes: Buffer[];
  isGrown: boolean;
}

export class Edge {
  #size = 0;
  readonly #cover = new Cover();
  readonly #rows: Row[] = [];
  #full: GrownTile[] = [];

  /** The edge of the first `size` leaves. @throws TileMissing */
  static async load(size: number, tiles: TileReader): Promise<Edge> {
    const edge = new Edge();
    edge.#size = size;
    const subtrees = subtreesOf([0, size]);
    const hashes = await hashesFrom(tiles).read(subtrees);
    subtrees.forEach(({ level }, i) => {
      edge.#cover.set(level, hashes[i] as Buffer);
    });
    for (let level = 0; hashesAt(level, size) > 0; level++) {
      const [index, width] = [Math.floor(hashesAt(level, size) / TILE_WIDTH), hashesAt(level, size) % TILE_WIDTH];
      const [row] = width === 0 ? [] : await tiles.read([{ level, index, width }]);
      edge.#rows[level] = { index, hashes: row === undefined ? [] : split(row.subarray(0, width * HASH_BYTES)), isGrown: false };
    }
    return edge;
  }

  get size(): number {
    return this.#size;
  }

  append(leaf: Buffer): void {
    this.#put(0, leaf);
    this.#cover.append(leaf, this.#completed);
    this.#size++;
  }

  root(): Buffer {
    return this.#cover.root;
  }

  /** Every tile that became new or wider since this was asked before. */
  takeGrown(): GrownTile[] {
    const partial = this.#rows.flatMap((row, level): GrownTile[] => {
      if (!row.isGrown || row.hashes.length === 0) return [];
      row.isGrown = false;
      return [{ tile: { level, index: row.index, width: row.hashes.length }, hashes: Buffer.concat(row.hashes) }];
    });
    const grown = [...this.#full, ...partial];
    this.#full = [];
    return grown;
  }

  readonly #completed = (level: number, hash: Buffer): void => {
    if (level % TILE_HEIGHT === 0) this.#put(level / TILE_HEIGHT, hash);
  };

  #put(level: number, hash: Buffer): void {
    this.#rows[level] ??= { index: 0, hashes: [], isGrown: false };
    const row = this.#rows[level];
    row.hashes.push(hash);
    row.isGrown = true;
    if (row.hashes.length < TILE_WIDTH) return;
    this.#full.push({ tile: { level, index: row.index, width: TILE_WIDTH }, hashes: Buffer.concat(row.hashes) });
    this.#rows[level] = { index: row.index + 1, hashes: [], isGrown: false };
  }
}

const split = (row: Buffer): Buffer[] =>
  Array.from({ length: row.length / HASH_BYTES }, (_, i) => row.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES));
