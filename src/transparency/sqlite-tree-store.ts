/**
 * `tree.db`: what is kept of the tree by an embedded ledger. One connection of the sealer's thread writes; any number read, in
 * this process or another, also while nobody has the folder open. The only file of this folder that imports the database driver.
 */
import { closeSync, existsSync, fsyncSync, openSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import Database from 'better-sqlite3';
import { HASH_BYTES } from '../integrity/merkle.ts';
import { TILE_WIDTH, type Tile } from '../integrity/tiles.ts';
import {
  type Generation,
  type Growth,
  type Refusal,
  type RingKey,
  type Sealed,
  SealerReplaced,
  type StoredCosignature,
  type StoredHead,
  TileMissing,
  type TreeReader,
  TreeStore,
} from './tree.ts';

/** "LIGT" in ASCII: what `file` and the `sqlite3` shell show of a tree. */
export const TREE_APPLICATION_ID = 0x4c494754;
/** Of the tables below. A tree of a later format is not opened. */
const FORMAT = 1;

/** Bytes of a position: big endian. */
const POSITION_BYTES = 8;
/** How long a connection waits for another one's lock before it gives up. */
const BUSY_TIMEOUT_MS = 5_000;
const WAL_KEPT_BYTES = 16 * 1024 * 1024;

/**
 * What a tree of `FORMAT` is made with.
 *
 * `size` and `position` of a generation are the end of its tree. A level's last tile grows in its place until it is full.
 * `leaves` has a row for each tile of level 0: the positions of its leaves, and the first of them to look it up by.
 *
 * The triggers hold for every connection, also one from the `sqlite3` shell: what was published is never changed, a tile only grows.
 */
export const TREE_SCHEMA = `
  CREATE TABLE meta (name TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE generations (
    number INTEGER PRIMARY KEY, origin TEXT NOT NULL UNIQUE, started_at TEXT NOT NULL,
    size INTEGER NOT NULL DEFAULT 0, position INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  CREATE TABLE keys (
    number INTEGER PRIMARY KEY, generation INTEGER NOT NULL REFERENCES generations,
    vkey TEXT NOT NULL UNIQUE, created_at TEXT NOT NULL, retired_at TEXT
  ) STRICT;
  CREATE TABLE tiles (
    id INTEGER PRIMARY KEY, generation INTEGER NOT NULL, level INTEGER NOT NULL, tile INTEGER NOT NULL,
    hashes BLOB NOT NULL CHECK (length(hashes) BETWEEN 32 AND 8192 AND length(hashes) % 32 = 0)
  ) STRICT;
  CREATE UNIQUE INDEX tiles_place ON tiles (generation, level, tile);
  CREATE TABLE leaves (
    id INTEGER PRIMARY KEY, generation INTEGER NOT NULL, tile INTEGER NOT NULL, first INTEGER NOT NULL,
    positions BLOB NOT NULL CHECK (length(positions) BETWEEN 8 AND 2048 AND length(positions) % 8 = 0)
  ) STRICT;
  CREATE UNIQUE INDEX leaves_tile ON leaves (generation, tile);
  CREATE UNIQUE INDEX leaves_first ON leaves (generation, first);
  CREATE TABLE heads (
    generation INTEGER NOT NULL REFERENCES generations, number INTEGER NOT NULL,
    size INTEGER NOT NULL, position INTEGER NOT NULL, signed_at TEXT NOT NULL, note TEXT NOT NULL,
    PRIMARY KEY (generation, number)
  ) STRICT;
  CREATE UNIQUE INDEX heads_size ON heads (generation, size);
  CREATE TABLE cosignatures (
    generation INTEGER NOT NULL, size INTEGER NOT NULL, witness TEXT NOT NULL, at INTEGER NOT NULL, line TEXT NOT NULL,
    PRIMARY KEY (generation, size, witness)
  ) STRICT;
  CREATE INDEX cosignatures_witness ON cosignatures (generation, witness, size);
  CREATE TABLE refusals (
    number INTEGER PRIMARY KEY, reason TEXT NOT NULL, noticed_at TEXT NOT NULL, detail TEXT NOT NULL,
    position INTEGER, leaf INTEGER, head TEXT, cleared_at TEXT
  ) STRICT;

  CREATE TRIGGER tiles_grow BEFORE UPDATE ON tiles
  WHEN NEW.id <> OLD.id OR NEW.generation <> OLD.generation OR NEW.level <> OLD.level OR NEW.tile <> OLD.tile
    OR substr(NEW.hashes, 1, length(OLD.hashes)) <> OLD.hashes
  BEGIN SELECT RAISE(ABORT, 'a tile only grows'); END;
  CREATE TRIGGER tiles_never_deleted BEFORE DELETE ON tiles BEGIN SELECT RAISE(ABORT, 'tiles are never deleted'); END;
  CREATE TRIGGER leaves_grow BEFORE UPDATE ON leaves
  WHEN NEW.id <> OLD.id OR NEW.generation <> OLD.generation OR NEW.tile <> OLD.tile OR NEW.first <> OLD.first
    OR substr(NEW.positions, 1, length(OLD.positions)) <> OLD.positions
  BEGIN SELECT RAISE(ABORT, 'leaves only come to those that are there'); END;
  CREATE TRIGGER leaves_never_deleted BEFORE DELETE ON leaves BEGIN SELECT RAISE(ABORT, 'leaves are never deleted'); END;
  CREATE TRIGGER heads_in_order BEFORE INSERT ON heads
  WHEN NEW.number IS NOT (SELECT coalesce(max(number), 0) + 1 FROM heads WHERE generation = NEW.generation)
    OR NEW.size <= (SELECT coalesce(max(size), -1) FROM heads WHERE generation = NEW.generation)
  BEGIN SELECT RAISE(ABORT, 'a new head takes the next number and covers more'); END;
  CREATE TRIGGER heads_never_updated BEFORE UPDATE ON heads BEGIN SELECT RAISE(ABORT, 'heads are never updated'); END;
  CREATE TRIGGER heads_never_deleted BEFORE DELETE ON heads BEGIN SELECT RAISE(ABORT, 'heads are never deleted'); END;
  CREATE TRIGGER generations_grow BEFORE UPDATE ON generations
  WHEN NEW.number <> OLD.number OR NEW.origin <> OLD.origin OR NEW.started_at <> OLD.started_at OR NEW.size < OLD.size OR NEW.position < OLD.position
  BEGIN SELECT RAISE(ABORT, 'a tree only grows'); END;
  CREATE TRIGGER generations_never_deleted BEFORE DELETE ON generations BEGIN SELECT RAISE(ABORT, 'trees are never deleted'); END;
  CREATE TRIGGER keys_retire_once BEFORE UPDATE ON keys
  WHEN NEW.number <> OLD.number OR NEW.generation <> OLD.generation OR NEW.vkey <> OLD.vkey OR NEW.created_at <> OLD.created_at
    OR OLD.retired_at IS NOT NULL
  BEGIN SELECT RAISE(ABORT, 'keys are only retired, once'); END;
  CREATE TRIGGER keys_never_deleted BEFORE DELETE ON keys BEGIN SELECT RAISE(ABORT, 'keys are never deleted'); END;
  CREATE TRIGGER refusals_never_deleted BEFORE DELETE ON refusals BEGIN SELECT RAISE(ABORT, 'refusals are never deleted'); END;
`;

/** The file is no tree: it belongs to another program, or is no database. Nothing was written to it. */
export class NotATree extends Error {
  override name = 'NotATree';
}

/** The file was written by a later version of this program. Nothing was written to it. */
export class TreeTooNew extends Error {
  override name = 'TreeTooNew';
}

/** The tree is another ledger's, or not the one that this ledger began. Nothing was written to it. */
export class OtherTree extends Error {
  override name = 'OtherTree';
}

/** Whether the file holds a tree. An empty one, left by a first start that was cut short, does not. @throws NotATree, TreeTooNew */
export function treeExists(file: string): boolean {
  if (!existsSync(file)) return false;
  const db = connect(file, { readonly: true, fileMustExist: true });
  try {
    return isTree(db, file);
  } finally {
    db.close();
  }
}

export class SqliteTreeStore extends TreeStore {
  readonly #db: Database.Database;
  readonly #sql: ReturnType<typeof statements>;
  /** Raised by each sealer that opens the file; absent where it is only read. */
  readonly #epoch: number | undefined;

  /**
   * Opens the file for the sealer, or makes it; whoever sealed before writes no more from here on.
   * @param ledger the ledger's own identity, in hex
   * @throws NotATree, TreeTooNew, OtherTree
   */
  static open(file: string, ledger: string): SqliteTreeStore {
    const path = resolve(file);
    const existed = existsSync(path);
    // SQLite gives the WAL the permissions of the main file.
    if (!existed) closeSync(openSync(path, 'a', 0o600));
    const db = connect(path, {});
    try {
      const isNew = !isTree(db, path);
      db.pragma('journal_mode = WAL');
      db.pragma('synchronous = FULL');
      // On macOS only these make a sync reach the disk; elsewhere they do nothing.
      db.pragma('fullfsync = ON');
      db.pragma('checkpoint_fullfsync = ON');
      db.pragma(`journal_size_limit = ${WAL_KEPT_BYTES}`);
      db.pragma('foreign_keys = ON');
      if (isNew) create(db, ledger);
      if (!existed) syncFolder(dirname(path));
      mustBeOf(db, ledger, path);
      const epoch = db.prepare("UPDATE meta SET value = value + 1 WHERE name = 'epoch' RETURNING value").pluck().get() as number;
      return new SqliteTreeStore(db, epoch);
    } catch (error) {
      db.close();
      throw error;
    }
  }

  /**
   * Opens the file on a connection that cannot write: for every thread and program but the sealer. The file must exist.
   * @throws NotATree, TreeTooNew
   */
  static openForReading(file: string): TreeReader {
    const path = resolve(file);
    if (!existsSync(path)) throw new NotATree(`there is no ${path}`);
    const db = connect(path, { readonly: true, fileMustExist: true });
    try {
      if (!isTree(db, path)) throw new NotATree(`${path} is empty`);
      return new SqliteTreeStore(db, undefined);
    } catch (error) {
      db.close();
      throw error;
    }
  }

  private constructor(db: Database.Database, epoch: number | undefined) {
    super();
    this.#db = db;
    this.#epoch = epoch;
    this.#sql = statements(db);
  }

  async ledger(): Promise<string> {
    return this.#sql.meta.get('ledger') as string;
  }

  async generation(): Promise<Generation | undefined> {
    return this.#sql.generation.get() as Generation | undefined;
  }

  async generations(): Promise<Generation[]> {
    return this.#sql.generations.all() as Generation[];
  }

  async keys(): Promise<RingKey[]> {
    return (this.#sql.keys.all() as Row[]).map((row) => given<RingKey>(row));
  }

  async sealed(): Promise<Sealed> {
    return (this.#sql.sealed.get() as Sealed | undefined) ?? { size: 0, position: 0 };
  }

  async read(tiles: readonly Tile[]): Promise<Buffer[]> {
    return this.#atOnce(() =>
      tiles.map(({ level, index, width }) => {
        const hashes = this.#sql.tile.get(level, index) as Buffer | undefined;
        if (hashes === undefined || hashes.length < width * HASH_BYTES) {
          throw new TileMissing(`tile ${index} of level ${level} has no ${width} hashes`);
        }
        return hashes.subarray(0, width * HASH_BYTES);
      }),
    );
  }

  async indexesOf(positions: readonly number[]): Promise<(number | undefined)[]> {
    return this.#atOnce(() => {
      let row: LeafRow | undefined;
      return positions.map((position) => {
        if (row === undefined || !isWithin(row, position)) row = this.#sql.leavesOf.get(position) as LeafRow | undefined;
        return row && indexIn(row, position);
      });
    });
  }

  async positionsOf(index: number, count: number): Promise<number[]> {
    const [first, last] = [Math.floor(index / TILE_WIDTH), Math.floor((index + count - 1) / TILE_WIDTH)];
    if (count < 1) return [];
    const rows = this.#sql.leaves.all(first, last) as LeafRow[];
    const skipped = index - first * TILE_WIDTH;
    return rows.flatMap(({ positions }) => numbersIn(positions)).slice(skipped, skipped + count);
  }

  async lastHead(): Promise<StoredHead | undefined> {
    return this.#sql.lastHead.get() as StoredHead | undefined;
  }

  async headCovering(size: number): Promise<StoredHead | undefined> {
    return this.#sql.headCovering.get(size) as StoredHead | undefined;
  }

  async headsAfter(number: number, limit: number, generation?: number): Promise<StoredHead[]> {
    return this.#sql.headsAfter.all({ generation: generation ?? null, number, limit }) as StoredHead[];
  }

  async cosignatures(size: number, generation?: number): Promise<StoredCosignature[]> {
    return this.#sql.cosignatures.all({ generation: generation ?? null, size }) as StoredCosignature[];
  }

  async cosignedSizes(): Promise<Map<string, number>> {
    return new Map(this.#sql.cosignedSizes.raw().all() as [string, number][]);
  }

  async refusals(): Promise<Refusal[]> {
    return (this.#sql.refusals.all() as Row[]).map((row) => given<Refusal>(row));
  }

  async begin({ number, origin, startedAt }: Generation, key: RingKey): Promise<void> {
    this.#write(() => {
      this.#sql.retire.run(startedAt);
      this.#sql.addGeneration.run(number, origin, startedAt);
      this.#sql.addKey.run(number, key.vkey, key.createdAt);
      this.#sql.clearRefusals.run(startedAt);
    });
  }

  async addKey({ generation, vkey, createdAt }: RingKey): Promise<void> {
    this.#write(() => {
      this.#sql.retire.run(createdAt);
      this.#sql.addKey.run(generation, vkey, createdAt);
    });
  }

  async grow({ from, sealed, tiles, positions }: Growth): Promise<void> {
    this.#write(() => {
      if (this.#sql.setSealed.run(sealed.size, sealed.position, from).changes === 0) throw replaced();
      for (const { tile, hashes } of tiles) this.#sql.putTile.run(tile.level, tile.index, hashes);
      for (let at = from; at < sealed.size; ) {
        const end = Math.min(sealed.size, (Math.floor(at / TILE_WIDTH) + 1) * TILE_WIDTH);
        this.#addPositions(Math.floor(at / TILE_WIDTH), positions.slice(at - from, end - from));
        at = end;
      }
    });
  }

  #addPositions(tile: number, positions: readonly number[]): void {
    const bytes = Buffer.alloc(positions.length * POSITION_BYTES);
    positions.forEach((position, i) => {
      bytes.writeBigUInt64BE(BigInt(position), i * POSITION_BYTES);
    });
    this.#sql.addPositions.run(tile, positions[0], bytes);
  }

  async addHead(head: StoredHead): Promise<void> {
    this.#write(() => void this.#sql.addHead.run(head));
  }

  async addCosignatures(cosignatures: readonly StoredCosignature[]): Promise<void> {
    this.#write(() => {
      for (const cosignature of cosignatures) this.#sql.addCosignature.run(cosignature);
    });
  }

  async addRefusal({ reason, noticedAt, detail, position = null, index = null, head = null }: Or<Refusal>): Promise<void> {
    this.#write(() => void this.#sql.addRefusal.run({ reason, noticedAt, detail, position, index, head }));
  }

  async clearRefusals(at: string): Promise<void> {
    this.#write(() => void this.#sql.clearRefusals.run(at));
  }

  async close(): Promise<void> {
    this.#db.close();
  }

  /** What is read together is of one moment, and the locks of each alone cost more than the read. */
  #atOnce<Out>(read: () => Out): Out {
    return this.#db.inTransaction ? read() : this.#db.transaction(read)();
  }

  /** One transaction, synced when this returns; IMMEDIATE: no other sealer opens the file between the check and the write. */
  #write(write: () => void): void {
    this.#db
      .transaction(() => {
        if (this.#sql.meta.get('epoch') !== this.#epoch) throw replaced();
        write();
      })
      .immediate();
  }
}

type Or<T> = { [K in keyof T]: T[K] | null };
type Row = Record<string, unknown>;

interface LeafRow {
  tile: number;
  first: number;
  positions: Buffer;
}

/** Without what is null. */
function given<T>(row: Row): T {
  return Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null)) as T;
}

const replaced = (): SealerReplaced => new SealerReplaced('another sealer has opened the tree: this one writes no more');

const positionIn = ({ positions }: LeafRow, i: number): number => Number(positions.readBigUInt64BE(i * POSITION_BYTES));
const countOf = ({ positions }: LeafRow): number => positions.length / POSITION_BYTES;
const numbersIn = (positions: Buffer): number[] =>
  Array.from({ length: positions.length / POSITION_BYTES }, (_, i) => Number(positions.readBigUInt64BE(i * POSITION_BYTES)));

const isWithin = (row: LeafRow, position: number): boolean => position >= row.first && position <= positionIn(row, countOf(row) - 1);

/** A binary search; undefined for a position that is none of a leaf. */
function indexIn(row: LeafRow, position: number): number | undefined {
  let [low, high] = [0, countOf(row) - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (positionIn(row, middle) < position) low = middle + 1;
    else high = middle;
  }
  return positionIn(row, low) === position ? row.tile * TILE_WIDTH + low : undefined;
}

function connect(file: string, options: Database.Options): Database.Database {
  return new Database(file, { ...options, timeout: BUSY_TIMEOUT_MS });
}

/** False where the file is new: nothing in it, or a start that was stopped before the tables stood. */
function isTree(db: Database.Database, file: string): boolean {
  try {
    const application = db.pragma('application_id', { simple: true });
    const tables = db.prepare('SELECT count(*) FROM sqlite_schema').pluck().get() as number;
    if (application === 0 && tables === 0) return false;
    if (application !== TREE_APPLICATION_ID) throw new NotATree(`${file} is a database of another program`);
  } catch (error) {
    throw (error as { code?: string }).code === 'SQLITE_NOTADB' ? new NotATree(`${file} is no database`) : error;
  }
  const format = db.prepare("SELECT value FROM meta WHERE name = 'format'").pluck().get() as number;
  if (format > FORMAT) throw new TreeTooNew(`${file} has format ${format}; this program knows formats up to ${FORMAT}`);
  return true;
}

function create(db: Database.Database, ledger: string): void {
  db.transaction(() => {
    db.exec(TREE_SCHEMA);
    const meta = db.prepare('INSERT INTO meta VALUES (?, ?)');
    meta.run('format', FORMAT);
    meta.run('ledger', ledger);
    meta.run('epoch', 0);
    db.pragma(`application_id = ${TREE_APPLICATION_ID}`);
  })();
}

function mustBeOf(db: Database.Database, ledger: string, file: string): void {
  const of = db.prepare("SELECT value FROM meta WHERE name = 'ledger'").pluck().get();
  if (of !== ledger) throw new OtherTree(`${file} is the tree of another ledger: put this ledger's own back from its backup`);
}

function syncFolder(folder: string): void {
  // Windows cannot open a folder, and keeps names in its own journal.
  if (process.platform === 'win32') return;
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** The generation in force. */
const LAST = '(SELECT max(number) FROM generations)';
/** The generation asked for, or the one in force. */
const ASKED = `generation = coalesce(:generation, ${LAST})`;
const HEAD = 'generation, number, size, position, signed_at AS signedAt, note';

function statements(db: Database.Database) {
  const one = (sql: string) => db.prepare(sql);
  return {
    meta: one('SELECT value FROM meta WHERE name = ?').pluck(),
    generation: one('SELECT number, origin, started_at AS startedAt FROM generations ORDER BY number DESC LIMIT 1'),
    generations: one('SELECT number, origin, started_at AS startedAt FROM generations ORDER BY number'),
    keys: one('SELECT generation, vkey, created_at AS createdAt, retired_at AS retiredAt FROM keys ORDER BY number'),
    sealed: one('SELECT size, position FROM generations ORDER BY number DESC LIMIT 1'),
    tile: one(`SELECT hashes FROM tiles WHERE generation = ${LAST} AND level = ? AND tile = ?`).pluck(),
    leaves: one(`SELECT tile, first, positions FROM leaves WHERE generation = ${LAST} AND tile BETWEEN ? AND ? ORDER BY tile`),
    leavesOf: one(`SELECT tile, first, positions FROM leaves WHERE generation = ${LAST} AND first <= ? ORDER BY first DESC LIMIT 1`),
    lastHead: one(`SELECT ${HEAD} FROM heads WHERE generation = ${LAST} ORDER BY number DESC LIMIT 1`),
    headCovering: one(`SELECT ${HEAD} FROM heads WHERE generation = ${LAST} AND size >= ? ORDER BY size LIMIT 1`),
    headsAfter: one(`SELECT ${HEAD} FROM heads WHERE ${ASKED} AND number > :number ORDER BY number LIMIT :limit`),
    cosignatures: one(`SELECT witness, size, at, line FROM cosignatures WHERE ${ASKED} AND size = :size ORDER BY witness`),
    cosignedSizes: one(`SELECT witness, max(size) FROM cosignatures WHERE generation = ${LAST} GROUP BY witness`),
    refusals: one(
      `SELECT reason, noticed_at AS noticedAt, detail, position, leaf AS "index", head, cleared_at AS clearedAt FROM refusals ORDER BY number`,
    ),
    retire: one('UPDATE keys SET retired_at = ? WHERE retired_at IS NULL'),
    addGeneration: one('INSERT INTO generations (number, origin, started_at) VALUES (?, ?, ?)'),
    addKey: one('INSERT INTO keys (generation, vkey, created_at) VALUES (?, ?, ?)'),
    setSealed: one(`UPDATE generations SET size = ?, position = ? WHERE number = ${LAST} AND size = ?`),
    putTile: one(
      `INSERT INTO tiles (generation, level, tile, hashes) VALUES (${LAST}, ?, ?, ?)
       ON CONFLICT (generation, level, tile) DO UPDATE SET hashes = excluded.hashes`,
    ),
    addPositions: one(
      `INSERT INTO leaves (generation, tile, first, positions) VALUES (${LAST}, ?, ?, ?)
       ON CONFLICT (generation, tile) DO UPDATE SET positions = CAST(positions || excluded.positions AS BLOB)`,
    ),
    addHead: one('INSERT INTO heads VALUES (:generation, :number, :size, :position, :signedAt, :note)'),
    addCosignature: one(
      `INSERT INTO cosignatures VALUES (${LAST}, :size, :witness, :at, :line)
       ON CONFLICT (generation, size, witness) DO UPDATE SET at = excluded.at, line = excluded.line`,
    ),
    addRefusal: one(
      'INSERT INTO refusals (reason, noticed_at, detail, position, leaf, head) VALUES (:reason, :noticedAt, :detail, :position, :index, :head)',
    ),
    clearRefusals: one('UPDATE refusals SET cleared_at = ? WHERE cleared_at IS NULL'),
  };
}
