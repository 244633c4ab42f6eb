import { eventIdText } from './event-id.ts';
import type { RecordedEvent } from './event-store.ts';
import { type LedgerDatabase, type LedgerStatement, ledgerId, openForReading } from './ledger-file.ts';

/** The most events a page has. */
export const MAX_PAGE_EVENTS = 10_000;
/** What a page weighs unless told otherwise, in characters of `data` and `metadata`; the first event is always in it. */
export const DEFAULT_PAGE_BYTES = 16 * 1024 * 1024;

const COLUMNS = 'position, stream, revision, id, type, data, metadata, recorded_at';
type Row = [number, number, number, Buffer, string, string, string, number];

/**
 * Reads the embedded log, synchronously, on a connection of its own that cannot write. For the store and for every
 * other thread that follows the log. Each call sees everything that was acknowledged before it.
 */
export class SqliteLogReader {
  readonly #db: LedgerDatabase;
  readonly #page: LedgerStatement;
  readonly #at: LedgerStatement;
  readonly #forwards: LedgerStatement;
  readonly #backwards: LedgerStatement;
  readonly #head: LedgerStatement;
  readonly #recordedAt: LedgerStatement;
  readonly #streamNumber: LedgerStatement;
  readonly #streamName: LedgerStatement;
  /** Names by number; they never change. */
  readonly #names = new Map<number, string>();
  #lastTime = { at: Number.NaN, text: '' };

  /** @throws NotALedger, LedgerTooNew, or the driver's error when the file is missing */
  constructor(path: string) {
    this.#db = openForReading(path);
    const rows = (sql: string) => this.#db.prepare(`SELECT ${COLUMNS} FROM events WHERE ${sql}`).raw();
    const value = (sql: string) => this.#db.prepare(sql).pluck();
    this.#page = rows('position > ? ORDER BY position LIMIT ?');
    this.#at = rows('position = ?');
    this.#forwards = rows('stream = ? AND revision >= ? ORDER BY revision LIMIT ?');
    this.#backwards = rows('stream = ? AND revision <= ? ORDER BY revision DESC LIMIT ?');
    this.#head = value('SELECT coalesce(max(position), 0) FROM events');
    this.#recordedAt = value('SELECT recorded_at FROM events WHERE position = ?');
    this.#streamNumber = value('SELECT number FROM streams WHERE name = ?');
    this.#streamName = value('SELECT name FROM streams WHERE number = ?');
  }

  /** A page of everything after `position`, in order; only an empty one is the end of the log. */
  readAll(position: number, limit: number, maxBytes = DEFAULT_PAGE_BYTES): RecordedEvent[] {
    return this.#collect(this.#page.iterate(position, pageSize(limit)), maxBytes);
  }

  /**
   * A page of a stream from `revision` on, inclusive; empty for an absent stream. `Number.MAX_SAFE_INTEGER` backwards
   * starts at the newest.
   */
  readStream(
    stream: string,
    revision: number,
    limit: number,
    direction: 'forwards' | 'backwards' = 'forwards',
    maxBytes = DEFAULT_PAGE_BYTES,
  ): RecordedEvent[] {
    const number = this.#streamNumber.get(stream) as number | undefined;
    if (number === undefined) return [];
    const statement = direction === 'forwards' ? this.#forwards : this.#backwards;
    return this.#collect(statement.iterate(number, revision, pageSize(limit)), maxBytes);
  }

  /** One event by its position. */
  at(position: number): RecordedEvent | undefined {
    const row = this.#at.get(position) as Row | undefined;
    return row && this.#event(row);
  }

  /** The highest position, 0 in an empty log. */
  head(): number {
    return this.#head.get() as number;
  }

  /**
   * The highest position recorded at or before `recordedAt` (UTC), 0 when there is none. A binary search: positions are dense
   * and `recorded_at` never runs backwards, so it costs about twenty reads at a million events and needs no index.
   * @throws RangeError when it is no time
   */
  positionAt(recordedAt: string): number {
    const time = Date.parse(recordedAt);
    if (Number.isNaN(time)) throw new RangeError('recordedAt must be an ISO 8601 date-time');
    let low = 0;
    let high = this.head();
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#recordedAt.get(middle) as number) <= time) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** The ledger's own random identity, in hex. */
  ledger(): string {
    return ledgerId(this.#db).toString('hex');
  }

  close(): void {
    this.#db.close();
  }

  #collect(rows: IterableIterator<unknown>, maxBytes: number): RecordedEvent[] {
    const events: RecordedEvent[] = [];
    let bytes = 0;
    for (const row of rows as IterableIterator<Row>) {
      bytes += row[5].length + row[6].length;
      if (bytes > maxBytes && events.length > 0) break;
      events.push(this.#event(row));
    }
    return events;
  }

  #event(row: Row): RecordedEvent {
    return {
      position: row[0],
      stream: this.#name(row[1]),
      revision: row[2],
      id: eventIdText(row[3]),
      type: row[4],
      data: row[5],
      metadata: row[6],
      recordedAt: this.#time(row[7]),
    };
  }

  #name(number: number): string {
    let name = this.#names.get(number);
    if (name === undefined) {
      name = this.#streamName.get(number) as string;
      // Cases have streams of their own, so the names are not few for ever.
      if (this.#names.size >= 10_000) this.#names.clear();
      this.#names.set(number, name);
    }
    return name;
  }

  /** Events of one commit share their time. */
  #time(at: number): string {
    if (at !== this.#lastTime.at) this.#lastTime = { at, text: new Date(at).toISOString() };
    return this.#lastTime.text;
  }
}

/** The ledger whose log a file is, by its own identity, in hex. @throws as the reader's constructor */
export function ledgerOf(path: string): string {
  const reader = new SqliteLogReader(path);
  try {
    return reader.ledger();
  } finally {
    reader.close();
  }
}

function pageSize(limit: number): number {
  if (!Number.isInteger(limit) || limit < 1) throw new RangeError('a page has at least one event');
  return Math.min(limit, MAX_PAGE_EVENTS);
}
