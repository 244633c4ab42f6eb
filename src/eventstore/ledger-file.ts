/**
 * The file `ledger.db` itself: its schema, what makes it a ledger, and how it is opened.
 * The only file of this folder that imports the database driver.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import Database from 'better-sqlite3';

export type LedgerDatabase = Database.Database;
export type LedgerStatement = Database.Statement<unknown[], unknown>;

/** "LIGG" in ASCII: what `file` and the `sqlite3` shell show of a ledger. */
export const APPLICATION_ID = 0x4c494747;
/** Raised when the schema changes in a way that an older program must not write to. */
export const SCHEMA_VERSION = 1;

/** The file belongs to something else, or is no SQLite database at all. Nothing was written to it. */
export class NotALedger extends Error {
  override name = 'NotALedger';
}

/** The file was written by a later version of this program. Nothing was written to it. */
export class LedgerTooNew extends Error {
  override name = 'LedgerTooNew';
}

/** How long a connection waits for another one's lock before it gives up. */
const BUSY_TIMEOUT_MS = 2_000;
/** Pages of 4 KiB in the write-ahead log before they are moved to the main file: 16 MiB, so that a move pays for its two syncs. */
const CHECKPOINT_PAGES = 4_000;
const WAL_KEPT_BYTES = 64 * 1024 * 1024;

/**
 * What a ledger of `SCHEMA_VERSION` is made with.
 *
 * The triggers hold for every connection, also one from the `sqlite3` shell. The condition on INSERT is wider than "do not overwrite":
 * it keeps positions and revisions dense and `recorded_at` from running backwards, and it fires before the conflict
 * resolution of `INSERT OR REPLACE`, which deletes rows without firing DELETE triggers unless `recursive_triggers` is on.
 */
export const LEDGER_SCHEMA = `
  CREATE TABLE ledger (
    id BLOB NOT NULL CHECK (length(id) = 16),
    created_at INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE streams (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
  ) STRICT;

  CREATE TABLE events (
    position INTEGER PRIMARY KEY,
    stream INTEGER NOT NULL REFERENCES streams (number),
    revision INTEGER NOT NULL,
    id BLOB NOT NULL CHECK (length(id) = 16),
    type TEXT NOT NULL,
    recorded_at INTEGER NOT NULL,
    key BLOB CHECK (length(key) = 16),
    data TEXT NOT NULL,
    metadata TEXT NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX events_id ON events (id);
  CREATE UNIQUE INDEX events_stream ON events (stream, revision);

  CREATE TRIGGER events_append_only BEFORE INSERT ON events
  WHEN coalesce(
      (SELECT NEW.position <> position + 1 OR NEW.recorded_at < recorded_at FROM events ORDER BY position DESC LIMIT 1),
      NEW.position <> 1
    )
    OR NEW.revision IS NOT (SELECT coalesce(max(revision), -1) + 1 FROM events WHERE stream = NEW.stream)
    OR EXISTS (SELECT 1 FROM events WHERE id = NEW.id)
  BEGIN SELECT RAISE(ABORT, 'the log is append-only: a new event takes the next position, the next revision, a new id and no earlier time'); END;
  CREATE TRIGGER events_never_updated BEFORE UPDATE ON events
  BEGIN SELECT RAISE(ABORT, 'the log is append-only: events are never updated'); END;
  CREATE TRIGGER events_never_deleted BEFORE DELETE ON events
  BEGIN SELECT RAISE(ABORT, 'the log is append-only: events are never deleted'); END;

  CREATE TRIGGER streams_append_only BEFORE INSERT ON streams
  WHEN NEW.number IS NOT (SELECT coalesce(max(number), 0) + 1 FROM streams) OR EXISTS (SELECT 1 FROM streams WHERE name = NEW.name)
  BEGIN SELECT RAISE(ABORT, 'streams are never renamed: a new one takes the next number and a new name'); END;
  CREATE TRIGGER streams_never_updated BEFORE UPDATE ON streams
  BEGIN SELECT RAISE(ABORT, 'streams are never renamed'); END;
  CREATE TRIGGER streams_never_deleted BEFORE DELETE ON streams
  BEGIN SELECT RAISE(ABORT, 'streams are never deleted'); END;

  CREATE TRIGGER ledger_one_identity BEFORE INSERT ON ledger WHEN EXISTS (SELECT 1 FROM ledger)
  BEGIN SELECT RAISE(ABORT, 'a ledger has one identity'); END;
  CREATE TRIGGER ledger_never_updated BEFORE UPDATE ON ledger
  BEGIN SELECT RAISE(ABORT, 'a ledger keeps its identity'); END;
  CREATE TRIGGER ledger_never_deleted BEFORE DELETE ON ledger
  BEGIN SELECT RAISE(ABORT, 'a ledger keeps its identity'); END;

  CREATE VIEW log AS
  SELECT position, name AS stream, revision, lower(hex(id)) AS id, type,
    strftime('%Y-%m-%dT%H:%M:%fZ', recorded_at / 1000.0, 'unixepoch') AS recorded_at, lower(hex(key)) AS key, data, metadata
  FROM events JOIN streams ON number = stream;
`;

/**
 * Opens the one connection that writes. Creates folder and file where they are missing, and syncs the folder, so that
 * the new file's name is as durable as what is going to be acknowledged in it.
 * @throws NotALedger, LedgerTooNew
 */
export function openForWriting(path: string): LedgerDatabase {
  const file = resolve(path);
  const existed = existsSync(file);
  const folders = existed ? [] : makeFolder(dirname(file));
  // SQLite gives the WAL the permissions of the main file.
  if (!existed) closeSync(openSync(file, 'a', 0o600));
  const db = connect(file, {});
  try {
    const isNew = !isLedger(db);
    db.pragma('journal_mode = WAL');
    db.pragma('synchronous = FULL');
    // On macOS only these make a sync reach the disk; elsewhere they do nothing.
    db.pragma('fullfsync = ON');
    db.pragma('checkpoint_fullfsync = ON');
    db.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
    db.pragma(`journal_size_limit = ${WAL_KEPT_BYTES}`);
    // The writer takes stream numbers from the table itself; checking them again costs a lookup an event.
    db.pragma('foreign_keys = OFF');
    if (isNew) create(db);
    for (const folder of folders) syncFolder(folder);
    return db;
  } catch (error) {
    db.close();
    throw named(error);
  }
}

/**
 * Opens a connection that cannot write. The file must exist.
 * @throws NotALedger, LedgerTooNew
 */
export function openForReading(path: string): LedgerDatabase {
  const db = connect(resolve(path), { readonly: true, fileMustExist: true });
  try {
    if (!isLedger(db)) throw new NotALedger('the file is empty');
    return db;
  } catch (error) {
    db.close();
    throw named(error);
  }
}

/** The ledger's own random identity: derived files name it, so that one of another ledger is not trusted. */
export function ledgerId(db: LedgerDatabase): Buffer {
  return db.prepare('SELECT id FROM ledger').pluck().get() as Buffer;
}

function connect(file: string, options: Database.Options): LedgerDatabase {
  return new Database(file, { ...options, timeout: BUSY_TIMEOUT_MS });
}

/** False where the file is new: nothing in it, or a start that was stopped before the schema stood. */
function isLedger(db: LedgerDatabase): boolean {
  const application = db.pragma('application_id', { simple: true });
  const version = Number(db.pragma('user_version', { simple: true }));
  if (application === APPLICATION_ID) {
    if (version > SCHEMA_VERSION) throw new LedgerTooNew(`the ledger has schema ${version}; this program knows ${SCHEMA_VERSION}`);
    return true;
  }
  const tables = Number(db.prepare('SELECT count(*) FROM sqlite_schema').pluck().get());
  if (application !== 0 || version !== 0 || tables > 0) throw new NotALedger('the file is a database of another program');
  return false;
}

function create(db: LedgerDatabase): void {
  db.transaction(() => {
    db.exec(LEDGER_SCHEMA);
    db.prepare('INSERT INTO ledger (id, created_at) VALUES (?, ?)').run(randomBytes(16), Date.now());
    db.pragma(`application_id = ${APPLICATION_ID}`);
    db.pragma(`user_version = ${SCHEMA_VERSION}`);
  })();
}

function named(error: unknown): unknown {
  const code = (error as { code?: string }).code;
  return code === 'SQLITE_NOTADB' ? new NotALedger('the file is no SQLite database') : error;
}

/** Makes a folder and answers every folder that got a new name, the file's own among them. */
function makeFolder(folder: string): string[] {
  const changed = [folder];
  const first = mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (first === undefined) return changed;
  for (let at = folder; at !== dirname(first); at = dirname(at)) changed.push(dirname(at));
  return changed;
}

function syncFolder(folder: string): void {
  // Windows cannot open a folder; there the entry is written with the file.
  if (process.platform === 'win32') return;
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
