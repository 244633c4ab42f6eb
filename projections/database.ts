/**
 * The database of the read models: with `database-file.ts` the only place that knows which one it is.
 *
 * SQLite in WAL mode with `synchronous = NORMAL`: a commit is not synced, a checkpoint of the WAL is. After a loss of
 * power the last pages may be missing, rows and checkpoint alike, and are applied again; half a page never is there.
 * (`OFF` could leave a damaged file that looks sound.)
 */
import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  Kysely,
  type QueryResult,
  type RawBuilder,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  sql,
} from 'kysely';
import { type Rows, ViewsFile } from './database-file.ts';
import type { OnConflict, Tx, Value } from './projection.ts';
import type { Schema } from './schema.ts';

/** Values bound by one statement of a bulk insert: beyond some hundreds nothing is gained. */
const MAX_BOUND = 320;

/**
 * A list to look in with `in`, bound as one parameter however long it is: SQLite binds so many and no more, and a statement
 * of its own for each length would fill the memory with them.
 */
export const listed = (values: readonly (string | number)[]): RawBuilder<unknown> =>
  sql`(select value from json_each(${JSON.stringify(values)}))`;

/** Statements need not wait for each other: whoever runs them keeps the order, and bounds how many wait. */
class ReadingAdapter extends SqliteAdapter {
  override get supportsMultipleConnections(): boolean {
    return true;
  }
}

/** A Kysely dialect over one function that runs a statement. */
export class StatementDialect implements Dialect {
  readonly #run: (sql: string, parameters: readonly unknown[]) => Rows | Promise<Rows>;
  readonly #isReading: boolean;

  /** @param isReading nothing is written through it: it has no transactions, and may be given many statements at once */
  constructor(run: (sql: string, parameters: readonly unknown[]) => Rows | Promise<Rows>, { isReading = false } = {}) {
    this.#run = run;
    this.#isReading = isReading;
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
    return this.#isReading ? new ReadingAdapter() : new SqliteAdapter();
  }

  createIntrospector(db: Kysely<unknown>) {
    return new SqliteIntrospector(db);
  }
}

/** The read models, for the one thread that writes them. */
export class ViewsDatabase implements Tx {
  readonly db: Kysely<Schema>;
  readonly #file: ViewsFile;

  /**
   * Opens the file, or makes an empty one.
   * @param options `loading`: a new file that nobody reads before it is complete; nothing can be rolled back in it
   */
  constructor(file: string, options?: { loading?: boolean }) {
    this.#file = ViewsFile.forWriting(file, options);
    this.db = new Kysely<Schema>({ dialect: new StatementDialect((sql, parameters) => this.#file.run(sql, parameters)) });
  }

  /** Everything in it happens or nothing does. Only one at a time: the file has one writer. */
  async transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    this.#file.run('BEGIN IMMEDIATE');
    try {
      const result = await work(this);
      this.#file.run('COMMIT');
      return result;
    } catch (error) {
      if (this.#file.isInTransaction) this.#file.run('ROLLBACK');
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
    const statement = this.#file.prepared(sql);
    for (let at = from; at < to; at += step) statement.run(values.slice(at, at + step));
  }

  close(): void {
    this.#file.close();
  }
}

function insertion(table: string, columns: readonly string[], rows: number, conflict?: OnConflict): string {
  const row = `(${columns.map(() => '?').join(', ')})`;
  const values = new Array(rows).fill(row).join(', ');
  return `INSERT INTO ${table} (${columns.join(', ')}) VALUES ${values}${conflict ? onConflict(table, conflict) : ''}`;
}

function onConflict(table: string, { columns, update = [], add = [] }: OnConflict): string {
  const set = [
    ...update.map((column) => `${column} = excluded.${column}`),
    ...add.map((column) => `${column} = ${table}.${column} + excluded.${column}`),
  ];
  const action = set.length === 0 ? 'NOTHING' : `UPDATE SET ${set.join(', ')}`;
  return ` ON CONFLICT (${columns.join(', ')}) DO ${action}`;
}
