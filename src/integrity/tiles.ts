/**
 * Tiles (C2SP tlog-tiles): the hashes of the tree in rows of 256. A tile of level L holds the hashes of complete subtrees of
 * 256^L leaves; only those are kept, and every hash between two levels is made of them.
 */
import { HASH_BYTES, type HashReader, nodeHash, type Subtree } from './merkle.ts';

/** Hashes of a full tile. */
export const TILE_WIDTH = 256;
/** Levels of the tree in one level of tiles. */
export const TILE_HEIGHT = 8;
/** 256^7 leaves are more than a number can count exactly. */
export const MAX_TILE_LEVEL = 6;

/** `width` hashes (1 to 256) of level `level`, from hash `index` * 256 on. */
export interface Tile {
  level: number;
  index: number;
  width: number;
}

/** How many hashes of a level a tree of `size` leaves has: complete subtrees of 256^level leaves. */
export const hashesAt = (level: number, size: number): number => Math.floor(size / TILE_WIDTH ** level);

/** Every tile that a tree of `size` leaves has and one of `from` leaves has not, or not so wide: level by level, in order. */
export function tilesBetween(from: number, size: number): Tile[] {
  const tiles: Tile[] = [];
  for (let level = 0; hashesAt(level, size) > 0; level++) {
    const [old, all] = [hashesAt(level, from), hashesAt(level, size)];
    for (let at = Math.floor(old / TILE_WIDTH); at * TILE_WIDTH < all && old < all; at++) {
      tiles.push({ level, index: at, width: Math.min(TILE_WIDTH, all - at * TILE_WIDTH) });
    }
  }
  return tiles;
}

/** The path of a tile below the log's prefix; `entries` instead of a level: that of an entry bundle. */
export function tilePath(level: number | 'entries', { index, width }: Omit<Tile, 'level'>): string {
  const digits = String(index);
  const groups = digits.padStart(Math.ceil(digits.length / 3) * 3, '0').match(/\d{3}/g) as string[];
  const name = groups.map((group, i) => (i < groups.length - 1 ? `x${group}` : group)).join('/');
  return `tile/${level}/${name}${width === TILE_WIDTH ? '' : `.p/${width}`}`;
}

const TILE_PATH = /^tile\/(entries|0|[1-9]\d?)\/((?:x\d{3}\/)*\d{3})(?:\.p\/([1-9]\d{0,2}))?$/;

/** What a path asks for; undefined for one that `tilePath` never writes. */
export function parseTilePath(path: string): ({ level: number | 'entries' } & Omit<Tile, 'level'>) | undefined {
  const [, level = '', name = '', partial] = TILE_PATH.exec(path) ?? [];
  const tile = {
    level: level === 'entries' ? level : Number(level),
    index: Number(name.replaceAll(/[x/]/g, '')),
    width: partial === undefined ? TILE_WIDTH : Number(partial),
  } as const;
  // One spelling alone: no needless group of zeros, and a full tile is not named as a partial one.
  return level !== '' && Number.isSafeInteger(tile.index) && tilePath(tile.level, tile) === path ? tile : undefined;
}

/** Entries of a bundle: each its length (2 bytes, big endian) and its bytes. */
export function entryBundle(leaves: readonly Buffer[]): Buffer {
  return Buffer.concat(
    leaves.flatMap((leaf) => {
      const length = Buffer.alloc(2);
      length.writeUInt16BE(leaf.length);
      return [length, leaf];
    }),
  );
}

/** The entries of a bundle; undefined where its lengths do not add up. */
export function entriesOf(bundle: Buffer): Buffer[] | undefined {
  const entries: Buffer[] = [];
  for (let at = 0; at < bundle.length; ) {
    if (at + 2 > bundle.length) return undefined;
    const end = at + 2 + bundle.readUInt16BE(at);
    if (end > bundle.length) return undefined;
    entries.push(bundle.subarray(at + 2, end));
    at = end;
  }
  return entries;
}

/** Where tiles are kept. */
export interface TileReader {
  /** The hashes of each tile, at least as wide as asked for, in the order asked for. */
  read(tiles: readonly Tile[]): Promise<readonly Buffer[]>;
}

/** Reads hashes of complete subtrees from tiles: each tile once, however many subtrees it has a part of. */
export function hashesFrom(tiles: TileReader): HashReader {
  return {
    async read(subtrees) {
      const asked = new Map<string, Tile>();
      for (const subtree of subtrees) {
        const tile = tileOf(subtree);
        const known = asked.get(nameOf(tile));
        if (known === undefined || known.width < tile.width) asked.set(nameOf(tile), tile);
      }
      const found = await tiles.read([...asked.values()]);
      const bytes = new Map([...asked.keys()].map((name, i) => [name, found[i] as Buffer]));
      return subtrees.map((subtree) => hashIn(bytes.get(nameOf(tileOf(subtree))) as Buffer, subtree));
    },
  };
}

const nameOf = ({ level, index }: Tile): string => `${level}/${index}`;

/** The tile whose hashes a complete subtree is made of, as wide as it needs to be. */
export function tileOf({ level, index }: Subtree): Tile {
  const tileLevel = Math.floor(level / TILE_HEIGHT);
  const count = 2 ** (level % TILE_HEIGHT);
  const first = index * count;
  return { level: tileLevel, index: Math.floor(first / TILE_WIDTH), width: (first % TILE_WIDTH) + count };
}

function hashIn(tile: Buffer, { level, index }: Subtree): Buffer {
  const count = 2 ** (level % TILE_HEIGHT);
  return folded(tile, (index * count) % TILE_WIDTH, count);
}

/** The complete subtrees over the first `count` hashes of a tile, from large to small. */
export function coverOf(tile: Buffer, count: number): Buffer[] {
  const cover: Buffer[] = [];
  for (let [at, width] = [0, TILE_WIDTH]; width >= 1; width /= 2) {
    if (at + width > count) continue;
    cover.push(folded(tile, at, width));
    at += width;
  }
  return cover;
}

/** The hash over a full tile, which stands for it in the level above; of a partial one, over its largest complete subtree. */
export function tileRoot(tile: Buffer): Buffer {
  return coverOf(tile, tile.length / HASH_BYTES)[0] as Buffer;
}

/** The hash over `width` hashes of a tile, a power of two. */
function folded(tile: Buffer, at: number, width: number): Buffer {
  if (width === 1) return tile.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES);
  const half = width / 2;
  return nodeHash(folded(tile, at, half), folded(tile, at + half, half));
}
