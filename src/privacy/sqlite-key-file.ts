/**
 * The file `keys.db` itself: its tables, how it is made, told from other files and brought to this program's format.
 */
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import type { WrappedKey } from './key-store.ts';
import { syncFolder } from './master-key.ts';

/** Of the tables below. A store of a later format is not opened; one of an earlier is brought to this. */
const FORMAT = 2;

/** Of the first master key. As a number of one byte: see the schema. */
export const FIRST_GENERATION = 2;
/** In the place of a generation: the key was destroyed, its bytes overwritten. */
export const DESTROYED = -1;

/**
 * Where a database moves rows from page to page, stale copies stay behind that overwriting a row does not reach. So whatever must
 * be destroyed for good (wrapped keys, items' secrets) stands in tables that only grow at their end, whose rows are never moved,
 * and is overwritten in its place by as many bytes: such a row is never deleted, and its generation never changes in size.
 * What is sealed under such a key may be deleted like anything else.
 *
 * `generation` counts master keys: rows of an older one are still to be wrapped anew.
 * A person in the fence was erased, and the database itself refuses a key for them for ever after; beside them stands what went.
 * An ended period and an ended item (its secret is all zeros) keep their rows, so that neither gets a key again.
 * `identities.reference` is that of a session or credential; null stands for the owner's own.
 * References and digests are random, so each index on them costs a page a row: the wide rows stand in order of arrival.
 */
const SCHEMA = `
  CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE vault_keys (
    name TEXT PRIMARY KEY, wrapped BLOB NOT NULL, generation INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE people (
    person INTEGER PRIMARY KEY,
    reference BLOB NOT NULL UNIQUE CHECK (length(reference) = 16),
    wrapped BLOB NOT NULL, generation INTEGER NOT NULL, created_at TEXT NOT NULL
  ) STRICT;
  CREATE TABLE identities (
    identity INTEGER PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE CHECK (length(digest) = 16),
    owner INTEGER NOT NULL REFERENCES people ON DELETE CASCADE,
    reference BLOB CHECK (length(reference) = 16),
    sealed BLOB NOT NULL
  ) STRICT;
  CREATE INDEX identities_by_owner ON identities (owner);
  CREATE INDEX identities_by_reference ON identities (reference) WHERE reference IS NOT NULL;
  CREATE TABLE unconfirmed (reference BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;
  CREATE TABLE fence (reference BLOB PRIMARY KEY, erased_at TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TRIGGER fence_holds BEFORE INSERT ON people
    WHEN EXISTS (SELECT 1 FROM fence WHERE reference = NEW.reference)
    BEGIN SELECT RAISE(ABORT, 'an erased reference never gets a key again'); END;
`;

/** What the second format has beyond the first. */
const SINCE_2 = `
  ALTER TABLE fence ADD COLUMN keys INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE fence ADD COLUMN identifiers INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE fence ADD COLUMN sessions INTEGER NOT NULL DEFAULT 0;
  CREATE TRIGGER fence_holds_sessions BEFORE INSERT ON identities
    WHEN NEW.reference IS NOT NULL AND EXISTS (SELECT 1 FROM fence WHERE reference = NEW.reference)
    BEGIN SELECT RAISE(ABORT, 'an erased reference never gets an identifier again'); END;
  CREATE TABLE lost (reference BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;
  CREATE TABLE suppressed (digest BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;
  CREATE TABLE period_keys (
    period INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE, wrapped BLOB NOT NULL, generation INTEGER NOT NULL, ends_at TEXT NOT NULL, created_at TEXT NOT NULL
  ) STRICT;
  CREATE TABLE period_items (
    number INTEGER PRIMARY KEY,
    item TEXT NOT NULL UNIQUE, period TEXT NOT NULL REFERENCES period_keys (name) ON DELETE CASCADE, secret BLOB NOT NULL
  ) STRICT;
  CREATE INDEX period_items_by_period ON period_items (period);
  INSERT INTO meta VALUES ('erasuresReplayed', 0);
`;

/** A store of the first format, once the tables of the second are there: those that could be moved are filled anew. */
const FROM_1 = `
  INSERT INTO period_keys (name, wrapped, generation, ends_at, created_at) SELECT * FROM old_period_keys ORDER BY created_at;
  INSERT INTO period_items (item, period, secret)
    SELECT item, period, CASE length(secret) WHEN 0 THEN zeroblob(32) ELSE secret END FROM old_period_items ORDER BY item;
  DROP TABLE old_period_items;
  DROP TABLE old_period_keys;
  UPDATE people SET generation = generation + 1;
  UPDATE vault_keys SET generation = generation + 1;
  UPDATE period_keys SET generation = generation + 1;
  UPDATE meta SET value = value + 1 WHERE name = 'masterKeyGeneration';
`;

/** The file is a key store of a later version of this program, or no key store. Nothing was touched. */
export class UnknownKeyStoreFormat extends Error {
  override name = 'UnknownKeyStoreFormat';
}

/**
 * Whether `file` holds a key store already. An empty one, left by a first start that was cut short, does not.
 * @throws UnknownKeyStoreFormat when it holds something else
 */
export function hasKeys(file: string): boolean {
  if (!existsSync(file)) return false;
  const tables = reading(file, (db) => db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").pluck().all() as string[]);
  if (tables.length > 0 && !tables.includes('vault_keys')) throw new UnknownKeyStoreFormat(`${file} is not a key store`);
  return tables.length > 0;
}

/**
 * The vault's own keys by name, read before anything is written: they tell whether the master key is the right one.
 * @throws UnknownKeyStoreFormat
 */
export function readVaultKeys(file: string): Map<string, WrappedKey> {
  return reading(file, (db) => {
    const format = formatOf(db);
    if (!(format >= 1 && format <= FORMAT)) {
      throw new UnknownKeyStoreFormat(`${file} has format ${format}; this program knows formats up to ${FORMAT}`);
    }
    return vaultKeysIn(db);
  });
}

/** Makes the tables with the vault's own keys, in one transaction. */
export function createKeyStore(file: string, vaultKeys: ReadonlyMap<string, Buffer>): void {
  writing(file, (db) => {
    db.transaction(() => {
      db.exec(SCHEMA + SINCE_2);
      const meta = db.prepare('INSERT INTO meta VALUES (?, ?)');
      meta.run('format', FORMAT);
      meta.run('masterKeyGeneration', FIRST_GENERATION);
      meta.run('erasureEpoch', 0);
      meta.run('sweptPosition', 0);
      const key = db.prepare('INSERT INTO vault_keys VALUES (?, ?, ?)');
      for (const [name, wrapped] of vaultKeys) key.run(name, wrapped, FIRST_GENERATION);
    })();
  });
  syncFolder(dirname(file));
}

/**
 * Brings an older store to this program's format and adds those of the vault's own keys that it did not have yet. Two processes
 * may try at once: the second finds nothing left to do.
 */
export function upgradeKeyStore(file: string, missing: ReadonlyMap<string, WrappedKey>): void {
  writing(file, (db) => {
    const wasOld = db.transaction(() => {
      const format = formatOf(db);
      if (format === 1) {
        db.exec('ALTER TABLE period_items RENAME TO old_period_items; DROP INDEX period_items_by_period;');
        db.exec(`ALTER TABLE period_keys RENAME TO old_period_keys; ${SINCE_2} ${FROM_1}`);
        db.prepare("UPDATE meta SET value = ? WHERE name = 'format'").run(FORMAT);
      }
      const key = db.prepare('INSERT INTO vault_keys VALUES (?, ?, ?) ON CONFLICT DO NOTHING');
      for (const [name, { wrapped, generation }] of missing) key.run(name, wrapped, format === 1 ? generation + 1 : generation);
      return format === 1;
    });
    // What was moved left copies behind.
    if (wasOld.immediate()) db.exec('VACUUM');
    emptyWal(db);
  });
}

/** Settings of every connection that writes. */
export function forWriting(db: Database.Database, busyTimeoutMs: number): void {
  db.pragma(`busy_timeout = ${busyTimeoutMs}`);
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = FULL');
  // On macOS only these make a sync reach the disk; elsewhere they do nothing.
  db.pragma('fullfsync = ON');
  db.pragma('checkpoint_fullfsync = ON');
  db.pragma('foreign_keys = ON');
  // Random pages are written again and again: checkpointed every 32 MiB rather than every 4.
  db.pragma('wal_autocheckpoint = 8000');
  // What is deleted is overwritten: deleting a key is what erasure means.
  db.pragma('secure_delete = ON');
}

/**
 * Moves the write-ahead log's pages into the file and leaves it empty: it would keep what was overwritten until its pages happen
 * to be used again.
 * @returns false while another connection reads what still stands in it, or writes
 */
export function emptyWal(db: Database.Database): boolean {
  const [result] = db.pragma('wal_checkpoint(TRUNCATE)') as { busy: number }[];
  return result?.busy === 0;
}

/** The code alone: a database's messages may quote a statement. */
export function codeOf(error: unknown): string {
  return (error as { code?: string }).code ?? 'no code';
}

function formatOf(db: Database.Database): number {
  return db.prepare("SELECT value FROM meta WHERE name = 'format'").pluck().get() as number;
}

export function vaultKeysIn(db: Database.Database): Map<string, WrappedKey> {
  const rows = db.prepare('SELECT name, wrapped, generation FROM vault_keys').all() as (WrappedKey & { name: string })[];
  return new Map(rows.map(({ name, wrapped, generation }) => [name, { wrapped, generation }]));
}

function reading<Out>(file: string, read: (db: Database.Database) => Out): Out {
  const db = new Database(file, { readonly: true, fileMustExist: true });
  try {
    return read(db);
  } catch (error) {
    if ((error as { code?: string }).code !== 'SQLITE_NOTADB') throw error;
    throw new UnknownKeyStoreFormat(`${file} is not a key store`);
  } finally {
    db.close();
  }
}

function writing(file: string, write: (db: Database.Database) => void): void {
  const db = new Database(file);
  try {
    forWriting(db, 5_000);
    write(db);
  } finally {
    db.close();
  }
}
