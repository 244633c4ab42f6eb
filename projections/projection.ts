import type { Kysely } from 'kysely';
import type { Entry } from '../src/ledger/entry.ts';
import type { Schema } from './schema.ts';

/** An event of the log as projections get it: parsed once, however many of them there are. */
export interface ProjectedEvent {
  position: number;
  stream: string;
  type: string;
  /** The ledger's clock at the append, milliseconds since 1970. */
  recordedAt: number;
  /** When it happened, milliseconds since 1970. */
  time: number;
  entry: Entry;
  /** The entry's JSON text as it stands in the log. */
  text: string;
}

/** Events that follow each other in the log, in order; never empty. */
export type Page = readonly ProjectedEvent[];

/** A value that both databases take as it is: no booleans, no dates, no objects. */
export type Value = string | number | Buffer | null;

/** What to do with a row whose key is there already; without it that is an error. */
export interface OnConflict {
  columns: readonly string[];
  /** Columns taken from the new row; none leaves the old row as it is. */
  update?: readonly string[];
  /** Columns to which the new row's numbers are added. */
  add?: readonly string[];
}

/** The transaction that a page is applied in. Rows and checkpoint are committed together or not at all. */
export interface Tx {
  /** For what is rare; sees the rows written so far. */
  readonly db: Kysely<Schema>;
  /** Rows in bulk, in the order given: the values of the first row, then those of the second, and so on. */
  insertMany(table: keyof Schema & string, columns: readonly string[], values: readonly Value[], conflict?: OnConflict): void;
}

/**
 * What can be answered, kept as rows that follow the log. `apply` is a function of the events alone: it reads no clock,
 * no key and no other projection, so that a rebuild gives the same rows.
 */
export interface Projection {
  readonly name: string;
  /** Raised whenever the rows would differ: the projection is then rebuilt at the next start. */
  readonly version: number;
  readonly tables: readonly (keyof Schema & string)[];
  create(db: Kysely<Schema>): Promise<void>;
  /**
   * What is cheaper to make of all rows at once, after they were loaded: indexes, and tables that repeat others in
   * another order. Called once, before which `apply` is told that it is `loading`.
   */
  finish(db: Kysely<Schema>): Promise<void>;
  /**
   * @returns nothing where the whole page was applied. Else it takes more than one transaction should hold: the position up to which
   * everything is in its rows, below the page's last; what follows it is given again at once, while the others go on.
   */
  apply(tx: Tx, page: Page, options: { loading: boolean }): Promise<void> | Promise<number | undefined>;
  /** Drops what is held in memory: a page was rolled back, or the rows were dropped. */
  forget(): void;
}

/** Where a projection stands. */
export interface ProjectionStatus {
  name: string;
  version: number;
  /** Everything up to here is in its rows; 0 while it is being rebuilt. */
  position: number;
  /** `recordedAt` of the event at `position`. */
  recordedAt?: string;
  state: 'following' | 'rebuilding' | 'failing';
  /** Positions between it and the end of the log. */
  lagEvents: number;
  /** How long the oldest event that it has not applied has been in the log. */
  lagSeconds: number;
  /** Why the last attempt failed; it is tried again until it succeeds. */
  error?: string;
}
