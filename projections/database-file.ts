/**
 * The file of the read models: the only one here that imports the driver of SQLite, and nothing but it, so that the thread
 * that reads starts quickly.
 */
import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import SqliteDatabase from 'better-sqlite3';

/** Memory for pages, in KiB. */
const WRITER_CACHE_KIB = 256 * 1024;
const READER_CACHE_KIB = 64 * 1024;
const MMAP_BYTES = 8 * 1024 ** 3;
/** Pages of the WAL after which it is written back: 64 MiB. */
const WAL_PAGES = 16_384;
/** Statements kept prepared, at most. */
const MAX_STATEMENTS = 500;
/** Characters of a statement that is kept; prepared it takes many times as much memory, and so long a one rarely comes again. */
const MAX_KEPT_CHARACTERS = 16 * 1024;

/** What is answered of a statement: rows of objects. */
export type Rows = Record<string, unknown>[];

type Statement = SqliteDatabase.Statement<unknown[]>;

/** A connection with its prepared statements by their text, the longest unused let go of first. */
export class ViewsFile {
  readonly #database: SqliteDatabase.Database;
  readonly #prepared = new Map<string, Statement>();

  private constructor(database: SqliteDatabase.Database, pragmas: readonly string[]) {
    this.#database = database;
    for (const pragma of pragmas) database.pragma(pragma);
  }

  /**
   * Opens the file for the one thread that writes it, or makes an empty one, which nobody but its owner may read.
   * @param loading a new file that nobody reads before it is complete: no journal, no syncing; a crash leaves nothing of use
   */
  static forWriting(file: string, { loading = false } = {}): ViewsFile {
    closeSync(openSync(file, 'a', 0o600));
    const journal = loading
      ? ['journal_mode = OFF', 'synchronous = OFF', 'locking_mode = EXCLUSIVE']
      : ['journal_mode = WAL', 'synchronous = NORMAL', `wal_autocheckpoint = ${WAL_PAGES}`, `journal_size_limit = ${WAL_PAGES * 4096}`];
    return new ViewsFile(new SqliteDatabase(file), [...journal, `cache_size = -${WRITER_CACHE_KIB}`, 'temp_store = FILE']);
  }

  /** For a thread that answers questions: nothing can be written. */
  static forReading(file: string): ViewsFile {
    const database = new SqliteDatabase(file, { readonly: true, fileMustExist: true });
    return new ViewsFile(database, [`cache_size = -${READER_CACHE_KIB}`, `mmap_size = ${MMAP_BYTES}`, 'temp_store = MEMORY']);
  }

  /** The statement of a text, prepared once where it is not too long to be kept. */
  prepared(sql: string): Statement {
    let statement = this.#prepared.get(sql);
    if (statement) this.#prepared.delete(sql);
    else statement = this.#database.prepare<unknown[]>(sql);
    if (sql.length > MAX_KEPT_CHARACTERS) return statement;
    this.#prepared.set(sql, statement);
    if (this.#prepared.size > MAX_STATEMENTS) this.#prepared.delete(this.#prepared.keys().next().value as string);
    return statement;
  }

  run(sql: string, parameters: readonly unknown[] = []): Rows {
    const statement = this.prepared(sql);
    if (statement.reader) return statement.all(parameters) as Rows;
    statement.run(parameters);
    return [];
  }

  get isInTransaction(): boolean {
    return this.#database.inTransaction;
  }

  close(): void {
    this.#database.close();
  }
}

/** Whether an error says that the file is damaged, or no database at all. */
export function isDamaged(error: unknown): boolean {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' && /^SQLITE_(CORRUPT|NOTADB)/.test(code);
}

/** Whether a statement was refused because it is larger than statements may be. */
export const isBeyondLimits = ({ code, message }: { code?: string; message: string }): boolean =>
  code === 'SQLITE_TOOBIG' ||
  (code === 'SQLITE_ERROR' && /^(too many|at most|parser stack overflow|expression tree is too|views and\/or subqueries)/i.test(message));

/** Whether a statement was at fault, and not the file or the machine. */
export const isFaultOfStatement = (code: string | undefined): boolean =>
  /^SQLITE_(ERROR|READONLY|RANGE|MISMATCH|MISUSE|CONSTRAINT|AUTH)/.test(code ?? 'SQLITE_ERROR');

export const viewsExist = (file: string): boolean => existsSync(file);

/** Removes a file of read models and what belongs to it. */
export function removeViews(file: string): void {
  for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(file + suffix, { force: true });
}

/** Puts a complete, closed file in the place of another that nobody has open. */
export function replaceViews(complete: string, file: string): void {
  sync(complete);
  // Without the old file beside it, an old WAL would be taken for the new file's.
  removeViews(file);
  renameSync(complete, file);
  sync(dirname(file));
}

function sync(path: string): void {
  const handle = openSync(path, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
