/**
 * The database of the read models: the only file here that knows which one it is.
 *
 * SQLite in WAL mode with `synchronous = NORMAL`: a commit is not synced, a checkpoint of the WAL is. After a loss of
 * power the last pages may be missing, rows and checkpoint alike, and are applied again; half a page never is there.
 * (`OFF` could leave a damaged file that looks sound, and saves nothing that was measurable.)
 */
import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import SqliteDatabase from 'better-sqlite3';
import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  Kysely,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely';
import type { OnConflict, Tx, Value } from './projection.ts';
import type { Schema } from './schema.ts';

/** Memory for pages, in KiB. */
const WRITER_CACHE_KIB = 256 * 1024;
const READER_CACHE_KIB = 64 * 1024;
const MMAP_BYTES = 8 * 1024 ** 3;
/** Pages of the WAL after which it is written back: 64 MiB. */
const WAL_PAGES = 16_384;
/** Statements kept prepared, each. */
const MAX_STATEMENTS = 500;
/** Values bound by one statement of a bulk insert: beyond some hundreds nothing is gained. */
const MAX_BOUND = 320;

/** What is answered of a statement: rows of objects. */
export type Rows = Record<string, unknown>[];

/** A Kysely dialect over one function that runs a statement. */
export class StatementDialect implements Dialect {
  readonly #run: (sql: string, parameters: readonly unknown[]) => Rows | Promise<Rows>;

  constructor(run: (sql: string, parameters: readonly unknown[]) => Rows | Promise<Rows>) {
    this.#run = run;
  }

  createDriver(): Driver {
    const run = this.#run;
    const connection: DatabaseConnection = {
      async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
        return { rows: (await run(sql, parameters)) as R[] };
      },
      // biome-ignore lint/correctness/useYield: it only says that there is no streaming here
      async *streamQuery() {
        throw new Error('answers of the read models are bounded pages: there is nothing to stream');
      },
    };
    const transaction = (statement: string) => async () => void (await connection.executeQuery(CompiledQuery.raw(statement)));
    return {
      init: async () => {},
      acquireConnection: async () => connection,
      beginTransaction: transaction('begin'),
      commitTransaction: transaction('commit'),
      rollbackTransaction: transaction('rollback'),
      releaseConnection: async () => {},
      destroy: async () => {},
    };
  }

  createQueryCompiler() {
    return new SqliteQueryCompiler();
  }

  createAdapter() {
    return new SqliteAdapter();
  }

  createIntrospector(db: Kysely<unknown>) {
    return new SqliteIntrospector(db);
  }
}

type Database = SqliteDatabase.Database;
type Statement = SqliteDatabase.Statement<unknown[]>;

/** Prepared statements by their text, the longest unused let go of first. */
class Statements {
  readonly #database: Database;
  readonly #prepared = new Map<string, Statement>();

  constructor(database: Database) {
    this.#database = database;
  }

  get(sql: string): Statement {
    let statement = this.#prepared.get(sql);
    if (statement) this.#prepared.delete(sql);
    else statement = this.#database.prepare<unknown[]>(sql);
    this.#prepared.set(sql, statement);
    if (this.#prepared.size > MAX_STATEMENTS) this.#prepared.delete(this.#prepared.keys().next().value as string);
    return statement;
  }

  run(sql: string, parameters: readonly unknown[]): Rows {
    const statement = this.get(sql);
    if (statement.reader) return statement.all(parameters) as Rows;
    statement.run(parameters);
    return [];
  }
}

/** Runs statements that only read; for the thread that answers questions. */
export function openForQuestions(file: string): { run(sql: string, parameters: readonly unknown[]): Rows; close(): void } {
  const database = new SqliteDatabase(file, { readonly: true, fileMustExist: true });
  database.pragma(`cache_size = -${READER_CACHE_KIB}`);
  database.pragma(`mmap_size = ${MMAP_BYTES}`);
  database.pragma('temp_store = MEMORY');
  const statements = new Statements(database);
  return { run: (sql, parameters) => statements.run(sql, parameters), close: () => database.close() };
}

/** The read models, for the one thread that writes them. */
export class ViewsDatabase implements Tx {
  readonly db: Kysely<Schema>;
  readonly #database: Database;
  readonly #statements: Statements;

  /**
   * Opens the file, or makes an empty one.
   * @param loading a new file that nobody reads before it is complete: no journal, no syncing; a crash leaves nothing of use
   */
  constructor(file: string, { loading = false } = {}) {
    this.#database = new SqliteDatabase(file);
    const pragmas = loading
      ? ['journal_mode = OFF', 'synchronous = OFF', 'locking_mode = EXCLUSIVE']
      : ['journal_mode = WAL', 'synchronous = NORMAL', `wal_autocheckpoint = ${WAL_PAGES}`];
    for (const pragma of [...pragmas, `cache_size = -${WRITER_CACHE_KIB}`, 'temp_store = FILE']) this.#database.pragma(pragma);
    this.#statements = new Statements(this.#database);
    this.db = new Kysely<Schema>({ dialect: new StatementDialect((sql, parameters) => this.#statements.run(sql, parameters)) });
  }

  /** Everything in it happens or nothing does. Only one at a time: the file has one writer. */
  async transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    this.#statements.run('BEGIN IMMEDIATE', []);
    try {
      const result = await work(this);
      this.#statements.run('COMMIT', []);
      return result;
    } catch (error) {
      if (this.#database.inTransaction) this.#statements.run('ROLLBACK', []);
      throw error;
    }
  }

  /** Several rows a statement: it stays positioned in the tree between rows that follow each other. */
  insertMany(table: string, columns: readonly string[], values: readonly Value[], conflict?: OnConflict): void {
    const rows = Math.max(1, Math.floor(MAX_BOUND / columns.length));
    const together = rows * columns.length;
    const whole = values.length - (values.length % together);
    if (whole > 0) this.#insert(insertion(table, columns, rows, conflict), values, 0, whole, together);
    if (whole < values.length) this.#insert(insertion(table, columns, 1, conflict), values, whole, values.length, columns.length);
  }

  #insert(sql: string, values: readonly Value[], from: number, to: number, step: number): void {
    const statement = this.#statements.get(sql);
    for (let at = from; at < to; at += step) statement.run(values.slice(at, at + step));
  }

  close(): void {
    this.#database.close();
  }
}

function insertion(table: string, columns: readonly string[], rows: number, conflict?: OnConflict): string {
  const row = `(${columns.map(() => '?').join(', ')})`;
  const values = new Array(rows).fill(row).join(', ');
  return `INSERT INTO ${table} (${columns.join(', ')}) VALUES ${values}${conflict ? onConflict(conflict) : ''}`;
}

function onConflict({ columns, update = [] }: OnConflict): string {
  const action = update.length === 0 ? 'NOTHING' : `UPDATE SET ${update.map((column) => `${column} = excluded.${column}`).join(', ')}`;
  return ` ON CONFLICT (${columns.join(', ')}) DO ${action}`;
}

/** Whether an error says that the file is damaged, or no database at all. */
export function isDamaged(error: unknown): boolean {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' && /^SQLITE_(CORRUPT|NOTADB)/.test(code);
}

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
