/**
 * The log as the rest of the ledger sees it: append, read one stream, read everything in order.
 * An abstract class, so that it is the type and the injection token at once.
 * What each implementation promises beyond this file stands in this folder's README.
 */

/** An event as its writer hands it over. */
export interface NewEvent {
  /** UUID version 7, drawn once and kept over every retry: appending the same id again stores nothing new. */
  id: string;
  /** Bare type name, for example `PersonalDataAccessed`. Nothing personal. */
  type: string;
  /** JSON text of the entry (`ledger/entry.ts`); personal values in it are sealed. */
  data: string;
  /** JSON text beside the entry: trace context and the like. Nothing personal. */
  metadata: string;
  /**
   * `recordKey(source, id)`: a store that can look into its own commit keeps one event a key; a second one
   * is answered `known` and not stored.
   */
  key?: Buffer;
  /** References (base64url) of the people named, which the writer checks against the erasure fence inside its commit. */
  references?: readonly string[];
}

/** `any`: wherever the stream is; `no-stream`: it must not exist; a number: the revision of its last event. */
export type ExpectedRevision = 'any' | 'no-stream' | number;

/** Events for one stream, all or nothing. */
export interface StreamWrite {
  stream: string;
  expectedRevision: ExpectedRevision;
  events: readonly NewEvent[];
}

/** What became of one event of a write. */
export type Written =
  | { outcome: 'appended'; position: number; revision: number; recordedAt: string }
  /** An event of the same `key` stands at `position`; nothing was stored. */
  | { outcome: 'known'; position: number }
  /** At least one reference was erased before the commit; nothing was stored: prepare the item anew. */
  | { outcome: 'fenced'; references: string[] };

/** An event as it stands in the log. */
export interface RecordedEvent {
  /** Global, increasing, gaps allowed; meaningful within one store only. */
  position: number;
  stream: string;
  /** In its stream, from 0. */
  revision: number;
  id: string;
  type: string;
  data: string;
  metadata: string;
  /** The ledger's clock at the append, UTC with milliseconds. */
  recordedAt: string;
}

export class WrongExpectedRevision extends Error {
  override name = 'WrongExpectedRevision';
  readonly stream: string;
  readonly expected: ExpectedRevision;
  /** -1 where the stream does not exist. */
  readonly actual: number;
  constructor(stream: string, expected: ExpectedRevision, actual: number) {
    super(`stream ${stream} is at revision ${actual}, not at ${expected}`);
    this.stream = stream;
    this.expected = expected;
    this.actual = actual;
  }
}

/** An event id stands in the log already, in another stream or with other content. Ids are drawn once and for one event. */
export class EventIdReused extends Error {
  override name = 'EventIdReused';
  readonly id: string;
  constructor(id: string) {
    super(`event id ${id} stands in the log with another stream or other content`);
    this.id = id;
  }
}

/** The write can never be stored as it is (too large, malformed): a fault of the caller, and trying again does not help. */
export class InvalidWrite extends Error {
  override name = 'InvalidWrite';
}

/** The store cannot take or answer anything now; nothing was acknowledged. Trying again later is safe. */
export class StoreUnavailable extends Error {
  override name = 'StoreUnavailable';
  readonly retryAfterSeconds: number;
  constructor(reason: string, retryAfterSeconds = 1) {
    super(reason);
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

export abstract class EventStore {
  /**
   * Appends to one or more streams. When it resolves, everything answered `appended` is durable.
   * Answers stand in the order of the writes and of the events in them.
   * An event whose id stands in its stream already is answered `appended` with what it has, whatever the expected revision.
   * @throws WrongExpectedRevision when a stream is not where it was expected (its write stored nothing).
   * @throws EventIdReused when an id stands in another stream or with other content (its write stored nothing).
   * @throws InvalidWrite when a limit is passed or an id is no UUID version 7.
   * @throws StoreUnavailable when the queue is full or the store is away.
   */
  abstract append(writes: readonly StreamWrite[]): Promise<Written[][]>;

  /** The positions of records by key; `undefined` where no such record is known. */
  abstract find(keys: readonly Buffer[]): Promise<(number | undefined)[]>;

  /** One event by its position. */
  abstract at(position: number): Promise<RecordedEvent | undefined>;

  /**
   * A page of a stream from `revision` on, inclusive; empty for an absent stream.
   * A page may be shorter than `limit`, because pages are limited in bytes too: only an empty one is the end.
   */
  abstract readStream(stream: string, revision: number, limit: number, direction?: 'forwards' | 'backwards'): Promise<RecordedEvent[]>;

  /**
   * A page of everything *after* `position` (0: from the start), in order; only an empty one is the end.
   * @param maxBytes about what it may weigh: data and metadata, of the second event on
   */
  abstract readAll(position: number, limit: number, maxBytes?: number): Promise<RecordedEvent[]>;

  /** The highest position, 0 in an empty log. */
  abstract head(): Promise<number>;

  /** The highest position recorded at or before `recordedAt` (UTC, milliseconds), 0 when there is none. */
  abstract positionAt(recordedAt: string): Promise<number>;

  /** Finishes what was accepted, then lets go of files and connections. */
  abstract close(): Promise<void>;
}
