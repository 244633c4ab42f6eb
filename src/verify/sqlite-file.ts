/**
 * A database file that is only read, by the SQLite that comes with Node.js: it can be told that a file does not change
 * (`immutable`), and then needs no lock and leaves nothing beside it. The only file of this room that knows the driver.
 */
import { existsSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { CannotTell, type Obstacle } from './result.ts';

/** How long another connection's lock is waited for. */
const BUSY_TIMEOUT_MS = 5_000;
/** Lines that SQLite tells of what is wrong with a file. */
const MAX_COMPLAINTS = 5;

export type Row = SQLInputValue[];

/** Result codes of SQLite without their extension. */
const [BUSY, LOCKED, CORRUPT, NOTADB] = [5, 6, 11, 26];
/** What a statement says that cannot be run on these tables: they are not the ones that were made. */
const ERROR = 1;

export class SqliteFile {
  readonly path: string;
  #db: DatabaseSync;
  #isImmutable: boolean;
  readonly #stamp: string;
  readonly #statements = new Map<string, StatementSync>();

  /** @throws CannotTell */
  constructor(path: string) {
    this.path = resolve(path);
    if (!existsSync(this.path)) throw new CannotTell('missing', `${this.path} is missing`);
    // Whoever writes the file has a write-ahead log beside it.
    this.#isImmutable = !hasBeside(this.path, () => true);
    this.#stamp = stampOf(this.path);
    this.#db = this.#connect();
    try {
      this.#mustBeReadable();
    } catch (error) {
      // What is beside it cannot be opened, on a medium that cannot be written for example; where nothing is in it, it is not needed.
      const isNeeded = this.#isImmutable || hasBeside(this.path, (file) => statSync(file).size > 0);
      if (isNeeded || !(error instanceof CannotTell) || error.obstacle !== 'unreadable') throw error;
      this.#isImmutable = true;
      this.close();
      this.#db = this.#connect();
      this.#mustBeReadable();
    }
  }

  #connect(): DatabaseSync {
    const url = pathToFileURL(this.path).href;
    return this.#guarded(
      () => new DatabaseSync(this.#isImmutable ? `${url}?immutable=1` : url, { readOnly: true, timeout: BUSY_TIMEOUT_MS }),
    );
  }

  #mustBeReadable(): void {
    this.#guarded(() => this.#db.prepare('SELECT count(*) FROM sqlite_schema').get());
  }

  /** The rows of a query, each an array of its columns. @throws CannotTell, NumberTooLarge */
  rows(sql: string, ...parameters: SQLInputValue[]): Row[] {
    return this.#guarded(() => this.#prepared(sql).all(...parameters) as unknown as Row[]);
  }

  /** The rows of a query one by one. @throws CannotTell, NumberTooLarge */
  *iterate(sql: string, ...parameters: SQLInputValue[]): Generator<Row> {
    // Two that go through the same rows must not share a statement.
    const rows = this.#guarded(() => this.#prepare(sql).iterate(...parameters) as unknown as IterableIterator<Row>);
    for (;;) {
      const next = this.#guarded(() => rows.next());
      if (next.done) return;
      yield next.value;
    }
  }

  /** The rows of a query where numbers may be larger than were ever written: such a one is NaN. @throws CannotTell */
  rowsOfAnyNumbers(sql: string, ...parameters: SQLInputValue[]): Row[] {
    return this.#guarded(() => {
      const statement = this.#prepare(sql);
      statement.setReadBigInts(true);
      const rows = statement.all(...parameters) as unknown as Row[];
      return rows.map((row) => row.map((value) => (typeof value === 'bigint' ? exact(value) : value)));
    });
  }

  /** The first column of the first row. @throws CannotTell, NumberTooLarge */
  value(sql: string, ...parameters: SQLInputValue[]): unknown {
    return this.#guarded(() => (this.#prepared(sql).get(...parameters) as unknown as Row | undefined)?.[0]);
  }

  /** Tables, indexes, triggers and views as they stand in the file. @throws CannotTell */
  schema(): Made[] {
    return madeIn(this.rows(MADE));
  }

  /** Several readings of one moment. */
  atOnce<Out>(read: () => Out): Out {
    this.#guarded(() => this.#db.exec('BEGIN'));
    try {
      return read();
    } finally {
      this.#guarded(() => this.#db.exec('ROLLBACK'));
    }
  }

  /** What SQLite finds wrong with the file, in its words; empty where it is sound. */
  complaints(): string[] {
    const lines = this.rows(`PRAGMA quick_check(${MAX_COMPLAINTS})`).map(([line]) => String(line));
    return lines.length === 1 && lines[0] === 'ok' ? [] : lines;
  }

  /** Whether somebody wrote the file although nobody had it open when it was: what was read may be of two moments. */
  get wasWritten(): boolean {
    return this.#isImmutable && (hasBeside(this.path, (file) => statSync(file).size > 0) || stampOf(this.path) !== this.#stamp);
  }

  close(): void {
    this.#db.close();
  }

  #prepared(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  #prepare(sql: string): StatementSync {
    const statement = this.#db.prepare(sql);
    statement.setReturnArrays(true);
    return statement;
  }

  #guarded<Out>(work: () => Out): Out {
    try {
      return work();
    } catch (error) {
      throw this.#named(error);
    }
  }

  /** What an error of the driver says of the file. */
  #named(error: unknown): unknown {
    const { code, errcode } = (error ?? {}) as { code?: unknown; errcode?: unknown };
    if (code === 'ERR_OUT_OF_RANGE') return new NumberTooLarge(`${this.path} holds a number that was never written there`);
    if (code !== 'ERR_SQLITE_ERROR' || typeof errcode !== 'number') return error;
    const [obstacle, what] = meaningOf(errcode & 0xff);
    return new CannotTell(obstacle, `${this.path} ${what} (SQLite ${errcode})`);
  }
}

/** Of which `name` of `type` a file consists, and the words that made it. */
export interface Made {
  type: string;
  name: string;
  sql: string;
}

/** What SQLite makes of its own accord is left out: indexes that a table's own words ask for, and its statistics. */
const MADE = `SELECT type, name, coalesce(sql, '') FROM sqlite_schema
  WHERE NOT (type = 'index' AND sql IS NULL) AND NOT (type = 'table' AND name GLOB 'sqlite_stat*') ORDER BY type, name`;

const madeIn = (rows: readonly Row[]): Made[] =>
  rows.map((row) => row.map(String) as string[]).map(([type = '', name = '', sql = '']) => ({ type, name, sql }));

/** What a new file made with these words would consist of. */
export function schemaMadeBy(sql: string): Made[] {
  const db = new DatabaseSync(':memory:');
  try {
    db.exec(sql);
    const statement = db.prepare(MADE);
    statement.setReturnArrays(true);
    return madeIn(statement.all() as unknown as Row[]);
  } finally {
    db.close();
  }
}

/** A number stands in a row that no number of this program can hold. */
export class NumberTooLarge extends CannotTell {
  override name = 'NumberTooLarge';
  constructor(what: string) {
    super('damaged', what);
  }
}

const exact = (value: bigint): number => (BigInt.asIntN(54, value) === value ? Number(value) : Number.NaN);

/** Whether there is a write-ahead log or a journal beside a file, of which something holds. */
const hasBeside = (path: string, holds: (file: string) => boolean): boolean =>
  ['-wal', '-journal'].map((suffix) => path + suffix).some((file) => existsSync(file) && holds(file));

function stampOf(path: string): string {
  const { size, mtimeNs } = statSync(path, { bigint: true });
  return `${size} ${mtimeNs}`;
}

function meaningOf(code: number): [Obstacle, string] {
  if (code === BUSY || code === LOCKED) return ['locked', 'is locked by another program'];
  if (code === CORRUPT) return ['damaged', 'is damaged: put it back from its backup and verify that'];
  if (code === NOTADB) return ['damaged', 'is no database, or its beginning is damaged'];
  if (code === ERROR) return ['damaged', 'does not have the tables that it was made with'];
  return ['unreadable', 'cannot be read; where something stands in the -wal beside it, copy all of the folder to where it can be written'];
}
