/** Hashes of complete subtrees for many proofs: of each tile that is read, every hash above its own is made once and remembered. */
import { HASH_BYTES, type HashReader, nodeHash, type Subtree } from './merkle.ts';
import { TILE_HEIGHT, TILE_WIDTH, type Tile, type TileReader, tileOf } from './tiles.ts';

/** The hashes of a tile, those of pairs of them, and so on: row by row as far as they are complete. */
type Pyramid = readonly (readonly Buffer[])[];

/**
 * Reads hashes of complete subtrees from tiles, as `hashesFrom` does, and remembers the tiles that were used last. Proofs of leaves
 * in order have most of their way in common: so each tile is read and hashed once. For as long as one tree is proven from.
 * @param most tiles remembered; 16 KiB each
 */
export function pyramidsOf(tiles: TileReader, most = 128): HashReader {
  const known = new Map<string, Pyramid>();
  return {
    async read(subtrees) {
      // What one call needs is held by the call: it may be more than is remembered.
      const here = new Map<string, Pyramid>();
      for (const tile of missing(subtrees, known, here)) {
        const [hashes] = await tiles.read([tile]);
        const pyramid = pyramidOf(hashes as Buffer);
        here.set(nameOf(tile), pyramid);
        keep(known, nameOf(tile), pyramid, most);
      }
      return subtrees.map((subtree) => hashIn(here, subtree));
    },
  };
}

/** The tiles that are not known, as wide as they are needed; those that are known are put into `here`. */
function missing(subtrees: readonly Subtree[], known: Map<string, Pyramid>, here: Map<string, Pyramid>): Tile[] {
  const needed = new Map<string, Tile>();
  for (const subtree of subtrees) {
    const tile = tileOf(subtree);
    const pyramid = known.get(nameOf(tile));
    if (pyramid !== undefined && (pyramid[0]?.length ?? 0) >= tile.width) {
      here.set(nameOf(tile), pyramid);
      // Used now: forgotten last.
      known.delete(nameOf(tile));
      known.set(nameOf(tile), pyramid);
    } else if ((needed.get(nameOf(tile))?.width ?? 0) < tile.width) needed.set(nameOf(tile), tile);
  }
  return [...needed.values()];
}

function keep(known: Map<string, Pyramid>, name: string, pyramid: Pyramid, most: number): void {
  known.delete(name);
  known.set(name, pyramid);
  for (const oldest of known.keys()) {
    if (known.size <= most) return;
    known.delete(oldest);
  }
}

function pyramidOf(hashes: Buffer): Pyramid {
  const width = Math.min(TILE_WIDTH, Math.floor(hashes.length / HASH_BYTES));
  let row: Buffer[] = Array.from({ length: width }, (_, i) => hashes.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES));
  const rows = [row];
  while (row.length > 1) {
    const below = row;
    row = Array.from({ length: Math.floor(below.length / 2) }, (_, i) => nodeHash(below[2 * i] as Buffer, below[2 * i + 1] as Buffer));
    rows.push(row);
  }
  return rows;
}

const nameOf = ({ level, index }: Tile): string => `${level}/${index}`;

function hashIn(pyramids: ReadonlyMap<string, Pyramid>, subtree: Subtree): Buffer {
  const height = subtree.level % TILE_HEIGHT;
  const inRow = TILE_WIDTH / 2 ** height;
  return pyramids.get(nameOf(tileOf(subtree)))?.[height]?.[subtree.index % inRow] as Buffer;
}
