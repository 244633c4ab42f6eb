/**
 * A tree in memory from whole tiles of level 0 upwards: every hash between them and the root, 64 bytes a tile (a quarter of a
 * megabyte for a million leaves). In memory that threads share, so that each of them can tell the root of any size.
 */
import { HASH_BYTES, nodeHash, rootOfCover } from '../integrity/merkle.ts';
import { coverOf, TILE_WIDTH } from '../integrity/tiles.ts';

/** What another thread needs to look at the same tree. */
export interface SharedLevels {
  tiles: number;
  memory: SharedArrayBuffer;
}

export class HashLevels {
  readonly shared: SharedLevels;
  /** By height above the tiles' own roots. */
  readonly #levels: Buffer[] = [];

  private constructor(shared: SharedLevels) {
    this.shared = shared;
    const bytes = Buffer.from(shared.memory);
    for (let [at, count] = [0, shared.tiles]; count > 0; count >>= 1) {
      this.#levels.push(bytes.subarray(at, at + count * HASH_BYTES));
      at += count * HASH_BYTES;
    }
  }

  /** @param roots of the whole tiles of level 0, one after the other */
  static of(roots: Uint8Array): HashLevels {
    const tiles = roots.length / HASH_BYTES;
    let hashes = 0;
    for (let count = tiles; count > 0; count >>= 1) hashes += count;
    const levels = new HashLevels({ tiles, memory: new SharedArrayBuffer(hashes * HASH_BYTES) });
    levels.#levels[0]?.set(roots);
    levels.#build();
    return levels;
  }

  static shared(shared: SharedLevels): HashLevels {
    return new HashLevels(shared);
  }

  /** Hash of the complete subtree of 2^height whole tiles. */
  hash(height: number, index: number): Buffer {
    return (this.#levels[height] as Buffer).subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES);
  }

  /**
   * Root of the first `size` leaves.
   * @param rest hashes of the leaves behind the last whole tile
   */
  root(size: number, rest: Uint8Array): Buffer {
    return rootOfCover([...this.#cover(Math.floor(size / TILE_WIDTH)), ...coverOf(bytesOf(rest), size % TILE_WIDTH)]);
  }

  /** The complete subtrees that cover the first tiles, from large to small. */
  #cover(tiles: number): Buffer[] {
    const cover: Buffer[] = [];
    for (let [height, at] = [this.#levels.length - 1, 0]; height >= 0; height--) {
      const width = 2 ** height;
      if (at + width > tiles) continue;
      cover.push(this.hash(height, at / width));
      at += width;
    }
    return cover;
  }

  #build(): void {
    for (let height = 1; height < this.#levels.length; height++) {
      const level = this.#levels[height] as Buffer;
      for (let i = 0; i * HASH_BYTES < level.length; i++) {
        nodeHash(this.hash(height - 1, 2 * i), this.hash(height - 1, 2 * i + 1)).copy(level, i * HASH_BYTES);
      }
    }
  }
}

const bytesOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
