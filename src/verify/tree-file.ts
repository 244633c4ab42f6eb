/** `tree.db` as it lies on the disk, read by tables. */
import { HASH_BYTES } from '../integrity/merkle.ts';
import { hashesAt, TILE_WIDTH, tilePath } from '../integrity/tiles.ts';
import { TREE_APPLICATION_ID, TREE_SCHEMA } from '../transparency/sqlite-tree-store.ts';
import type { Generation, Refusal, RingKey, Sealed, StoredCosignature, StoredHead } from '../transparency/tree.ts';
import { CannotTell, type Finding } from './result.ts';
import { checkSchema } from './schema.ts';
import { type Row, SqliteFile } from './sqlite-file.ts';

/** Of the tables that are read here. */
const FORMAT = 1;
const POSITION_BYTES = 8;

/** A generation with the end of its tree. */
export interface StoredGeneration extends Generation, Sealed {}

/** The state of the tree at one moment: whatever the sealer adds meanwhile is not looked at. */
export interface Snapshot {
  /** The ledger that it belongs to, in hex. */
  ledger: string;
  generations: StoredGeneration[];
  keys: RingKey[];
  /** Number of the last head of each generation, in the order of generations; 0 where there is none. */
  lastHeads: number[];
  refusals: Refusal[];
  /** Tiles and rows of positions that this size does not have, or not so wide. */
  superfluous: Finding[];
}

/** Positions of the leaves of tiles of level 0. */
export interface Positions {
  /** By leaf; NaN where no number stands there. */
  positions: number[];
  /** Tiles whose row of positions is missing, too short, or begins otherwise than it says. */
  broken: number[];
}

const HEAD = 'SELECT generation, number, size, position, signed_at, note FROM heads';

export class TreeFile {
  readonly file: SqliteFile;

  /** @throws CannotTell */
  constructor(path: string) {
    this.file = new SqliteFile(path);
  }

  /** @throws CannotTell unless it is a tree of a form that is known here */
  mustBeKnown(): void {
    if (this.file.value('PRAGMA application_id') !== TREE_APPLICATION_ID)
      throw new CannotTell('not-a-ledger', `${this.file.path} is no tree of a ledger`);
    const format = Number(this.file.value("SELECT value FROM meta WHERE name = 'format'"));
    if (format > FORMAT) throw new CannotTell('newer-format', `${this.file.path} has format ${format}; this program knows ${FORMAT}`);
  }

  /** What is not as this program makes a tree. */
  schemaFindings(): Finding[] {
    return checkSchema(this.file, TREE_SCHEMA);
  }

  snapshot(limit: number): Snapshot {
    return this.file.atOnce(() => {
      const generations = this.file
        .rows('SELECT number, origin, started_at, size, position FROM generations ORDER BY number')
        .map(([number, origin, startedAt, size, position]) => ({ number, origin, startedAt, size, position }) as StoredGeneration);
      const last = generations.at(-1);
      return {
        ledger: String(this.file.value("SELECT value FROM meta WHERE name = 'ledger'")),
        generations,
        keys: this.file.rows('SELECT generation, vkey, created_at, retired_at FROM keys ORDER BY number').map(ringKey),
        lastHeads: generations.map(({ number }) =>
          Number(this.file.value('SELECT coalesce(max(number), 0) FROM heads WHERE generation = ?', number)),
        ),
        refusals: this.file
          .rows('SELECT reason, noticed_at, detail, position, leaf, head FROM refusals WHERE cleared_at IS NULL ORDER BY number')
          .map(refusal),
        superfluous: last === undefined ? [] : this.#superfluous(last, limit),
      };
    });
  }

  /** A tile's hashes, no more than `width` of them; undefined where there is no row. */
  tile(generation: number, level: number, index: number, width: number): Buffer | undefined {
    const sql = 'SELECT hashes FROM tiles WHERE generation = ? AND level = ? AND tile = ?';
    const hashes = this.file.value(sql, generation, level, index) as Uint8Array | undefined;
    return hashes && bufferOf(hashes).subarray(0, width * HASH_BYTES);
  }

  /** The tiles of a level from `first` to `last`, by index; those that are missing are missing. */
  tiles(generation: number, level: number, first: number, last: number): Map<number, Buffer> {
    const sql = 'SELECT tile, hashes FROM tiles WHERE generation = ? AND level = ? AND tile BETWEEN ? AND ?';
    return new Map(
      this.file.rows(sql, generation, level, first, last).map(([tile, hashes]) => [tile as number, bufferOf(hashes as Uint8Array)]),
    );
  }

  /** Positions of the leaves from `from` (where a tile begins) up to, but not including, `to`. */
  positions(generation: number, from: number, to: number): Positions {
    const [first, last] = [from / TILE_WIDTH, Math.ceil(to / TILE_WIDTH) - 1];
    const sql = 'SELECT tile, first, positions FROM leaves WHERE generation = ? AND tile BETWEEN ? AND ? ORDER BY tile';
    const positions = new Array<number>(to - from).fill(Number.NaN);
    const well = new Set<number>();
    for (const [tile, begins, bytes] of this.file.rows(sql, generation, first, last)) {
      const numbers = numbersIn(bufferOf(bytes as Uint8Array));
      const at = (tile as number) * TILE_WIDTH - from;
      const width = Math.min(TILE_WIDTH, to - from - at);
      for (let i = 0; i < Math.min(width, numbers.length); i++) positions[at + i] = numbers[i] as number;
      if (numbers.length >= width && numbers[0] === begins) well.add(tile as number);
    }
    return { positions, broken: Array.from({ length: last - first + 1 }, (_, i) => first + i).filter((tile) => !well.has(tile)) };
  }

  /** The position of one leaf; NaN where it is not told. */
  positionOf(generation: number, index: number): number {
    const bytes = this.file.value(
      'SELECT positions FROM leaves WHERE generation = ? AND tile = ?',
      generation,
      Math.floor(index / TILE_WIDTH),
    );
    return bytes === undefined ? Number.NaN : (numbersIn(bufferOf(bytes as Uint8Array))[index % TILE_WIDTH] ?? Number.NaN);
  }

  /** Heads from one number to another, in order. */
  heads(generation: number, first: number, last: number): StoredHead[] {
    return this.file.rows(`${HEAD} WHERE generation = ? AND number BETWEEN ? AND ? ORDER BY number`, generation, first, last).map(head);
  }

  /** The number of the oldest head with at least so many leaves; undefined where there is none. */
  numberCovering(generation: number, size: number, last: number): number | undefined {
    const sql = 'SELECT min(number) FROM heads WHERE generation = ? AND size >= ? AND number <= ?';
    return (this.file.value(sql, generation, size, last) as number | null) ?? undefined;
  }

  headOfSize(generation: number, size: number): StoredHead | undefined {
    return this.file.rows(`${HEAD} WHERE generation = ? AND size = ?`, generation, size).map(head)[0];
  }

  /** What witnesses said of heads, after one of them, in order of size. */
  cosignatures(generation: number, after: StoredCosignature | undefined, limit: number): StoredCosignature[] {
    const sql = `SELECT witness, size, at, line FROM cosignatures
      WHERE generation = ? AND (size, witness) > (?, ?) ORDER BY size, witness LIMIT ?`;
    return this.file
      .rows(sql, generation, after?.size ?? Number.MIN_SAFE_INTEGER, after?.witness ?? '', limit)
      .map(([name, size, at, line]) => ({ witness: name, size, at, line }) as StoredCosignature);
  }

  /** Sizes that somebody cosigned and that no head has. */
  cosignedWithoutHead(generation: number, limit: number): { witness: string; size: number }[] {
    const sql = `SELECT witness, size FROM cosignatures AS c WHERE generation = ?
      AND NOT EXISTS (SELECT 1 FROM heads AS h WHERE h.generation = c.generation AND h.size = c.size) ORDER BY size LIMIT ?`;
    return this.file.rows(sql, generation, limit).map(([witness, size]) => ({ witness, size }) as { witness: string; size: number });
  }

  close(): void {
    this.file.close();
  }

  #superfluous({ number, size }: StoredGeneration, limit: number): Finding[] {
    const found: Finding[] = [];
    const add = (level: number, rows: Row[], what: string) => {
      for (const [tile, width] of rows as number[][]) {
        const has = widthOf(tile as number, hashesAt(level, size));
        found.push({
          kind: 'tile',
          generation: number,
          tile: nameOf(level, tile as number),
          what: `${what}: ${width} where the tree has ${has}`,
        });
      }
    };
    let level = 0;
    for (; hashesAt(level, size) > 0; level++) {
      const [full, part] = [Math.floor(hashesAt(level, size) / TILE_WIDTH), hashesAt(level, size) % TILE_WIDTH];
      const sql = `SELECT tile, length(hashes) / ${HASH_BYTES} FROM tiles WHERE generation = ? AND level = ?
        AND (tile < 0 OR tile > ? OR tile = ? AND length(hashes) / ${HASH_BYTES} > ? OR length(hashes) > ${TILE_WIDTH * HASH_BYTES}) ORDER BY tile LIMIT ?`;
      add(level, this.file.rows(sql, number, level, full, full, part, limit), 'it has more hashes than were sealed');
    }
    const beyond = `SELECT level, tile, length(hashes) / ${HASH_BYTES} FROM tiles WHERE generation = ? AND (level < 0 OR level >= ?) ORDER BY tile LIMIT ?`;
    for (const [at, tile, width] of this.file.rows(beyond, number, level, limit)) {
      const name = nameOf(at as number, tile as number);
      found.push({ kind: 'tile', generation: number, tile: name, what: `it has ${width} hashes; a tree of this size has no such tile` });
    }
    const [full, part] = [Math.floor(size / TILE_WIDTH), size % TILE_WIDTH];
    const leaves = `SELECT tile, length(positions) / ${POSITION_BYTES} FROM leaves WHERE generation = ?
      AND (tile < 0 OR tile > ? OR tile = ? AND length(positions) / ${POSITION_BYTES} > ?) ORDER BY tile LIMIT ?`;
    for (const [tile] of this.file.rows(leaves, number, full, full, part, limit)) {
      found.push({
        kind: 'position',
        generation: number,
        index: (tile as number) * TILE_WIDTH,
        what: 'more leaves have a position than were sealed',
      });
    }
    return found.slice(0, limit);
  }
}

/** The path of a whole tile, as findings name it; of what can be none, its numbers. */
export const nameOf = (level: number, index: number): string =>
  level >= 0 && index >= 0 ? tilePath(level, { index, width: TILE_WIDTH }) : `tile/${level}/${index}`;

const widthOf = (tile: number, hashes: number): number => Math.max(0, Math.min(TILE_WIDTH, hashes - tile * TILE_WIDTH));

const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function numbersIn(bytes: Buffer): number[] {
  return Array.from({ length: Math.floor(bytes.length / POSITION_BYTES) }, (_, i) => {
    // Two halves: half the time of a big integer.
    const number = bytes.readUInt32BE(i * POSITION_BYTES) * 2 ** 32 + bytes.readUInt32BE(i * POSITION_BYTES + 4);
    return Number.isSafeInteger(number) ? number : Number.NaN;
  });
}

function ringKey([generation, vkey, createdAt, retiredAt]: Row): RingKey {
  return { generation, vkey, createdAt, ...(retiredAt !== null && { retiredAt }) } as RingKey;
}

function refusal([reason, noticedAt, detail, position, index, note]: Row): Refusal {
  return {
    ...{ reason, noticedAt, detail },
    ...(position !== null && { position }),
    ...(index !== null && { index }),
    ...(note !== null && { head: note }),
  } as Refusal;
}

function head([generation, number, size, position, signedAt, note]: Row): StoredHead {
  return { generation, number, size, position, signedAt, note } as StoredHead;
}
