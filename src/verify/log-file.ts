/** `ledger.db` as it lies on the disk, read by tables and not by the ledger's own reader: whoever changed it is not bound by what that expects. */
import { APPLICATION_ID, LEDGER_SCHEMA, SCHEMA_VERSION } from '../eventstore/ledger-file.ts';
import { recordKey } from '../eventstore/record-key.ts';
import { leafHash } from '../integrity/merkle.ts';
import { type Entry, REFERENCE_PATTERN } from '../ledger/entry.ts';
import { type Envelope, leafBytesOf } from '../ledger/leaf.ts';
import { CannotTell, type Finding, type Place } from './result.ts';
import { checkSchema } from './schema.ts';
import { NumberTooLarge, type Row, SqliteFile } from './sqlite-file.ts';

/** A row of the log. Numbers that were never written there are NaN. */
export interface StoredEvent {
  position: number;
  stream: string | undefined;
  revision: number;
  type: string;
  data: string;
  recordedAt: string;
  /** In hex; empty where it was taken out: every event is written with one. */
  key: string;
  isMetadata: boolean;
}

/** An event, and what a tree has of it. */
export interface Derived {
  event: StoredEvent;
  /** Undefined where the row is none that this program writes. */
  leaf: Buffer | undefined;
  entry: Entry | undefined;
  /** What of the row is written otherwise than this program does, without changing the leaf. */
  oddity: string | undefined;
}

/** A place where a stream does not go on as it should. */
export interface BrokenRevision {
  stream: string;
  revision: number;
  position: number;
  /** The revision that should stand there. */
  expected: number;
  /** Position of the event before it in the stream. */
  after: number;
}

/** Below and above every position. */
export const FIRST = Number.MIN_SAFE_INTEGER;
export const LAST = Number.MAX_SAFE_INTEGER;

const COLUMNS = 'position, stream, revision, type, data, recorded_at, hex(key), json_valid(metadata)';
const EVENTS = `SELECT ${COLUMNS} FROM events WHERE position > ? AND position <= ? ORDER BY position LIMIT ?`;
/** Events looked at together where something differs. */
const PAGE = 64;

export class LogFile {
  readonly file: SqliteFile;
  /** Few at a time: names are asked for again once there are many. */
  readonly #names = new Map<number, string | undefined>();
  #time = { at: Number.NaN, text: '' };

  /** @throws CannotTell */
  constructor(path: string) {
    this.file = new SqliteFile(path);
  }

  /** @throws CannotTell unless it is a ledger of a form that is known here */
  mustBeKnown(): void {
    if (this.file.value('PRAGMA application_id') !== APPLICATION_ID) throw new CannotTell('not-a-ledger', `${this.file.path} is no ledger`);
    const version = Number(this.file.value('PRAGMA user_version'));
    if (version > SCHEMA_VERSION) {
      throw new CannotTell('newer-format', `${this.file.path} has schema ${version}; this program knows ${SCHEMA_VERSION}`);
    }
  }

  /** What is not as this program makes a ledger. */
  schemaFindings(): Finding[] {
    return checkSchema(this.file, LEDGER_SCHEMA);
  }

  /** The ledger's own identity, in hex. */
  get ledger(): string {
    return String(this.file.value('SELECT lower(hex(id)) FROM ledger'));
  }

  /** When the last event was recorded, in milliseconds since 1970; undefined in an empty log. */
  get lastRecordedAt(): number | undefined {
    const sql = 'SELECT min(max(recorded_at, 0), 9007199254740991) FROM events WHERE position <= ? ORDER BY position DESC LIMIT 1';
    return this.file.value(sql, LAST) as number | undefined;
  }

  /** The highest position that can be one, 0 in an empty log. */
  get head(): number {
    return this.file.value('SELECT coalesce(max(position), 0) FROM events WHERE position <= ?', LAST) as number;
  }

  /** How many events stand where no number of this program leads. */
  get beyondNumbers(): number {
    return this.file.value('SELECT count(*) FROM events WHERE position > ? OR position <= ?', LAST, FIRST) as number;
  }

  /** Events after one position, up to another one, in order, one by one. @throws CannotTell, NumberTooLarge */
  *events(after: number, upTo: number): Generator<StoredEvent> {
    for (const row of this.file.iterate(EVENTS, after, upTo, -1)) yield this.#event(row);
  }

  /** The same with what a tree has of each, whatever stands in the rows. @throws CannotTell */
  *derive(after: number, upTo: number): Generator<Derived> {
    for (let at = after; ; ) {
      const page = this.#page(at, upTo);
      for (const event of page) yield derived(event);
      if (page.length < PAGE) return;
      at = (page.at(-1) as StoredEvent).position;
    }
  }

  /** The entries of a stream that this program alone writes, in order. */
  ownEntries(stream: string, limit: number): { position: number; recordedAt: number; type: string; entry: Entry }[] {
    const rows = this.file.rows(
      'SELECT position, min(max(recorded_at, 0), 9007199254740991), type, data FROM events WHERE stream = (SELECT number FROM streams WHERE name = ?) ORDER BY revision LIMIT ?',
      stream,
      limit,
    );
    return rows.flatMap(([position, recordedAt, type, data]) => {
      const entry = parsed(data as string);
      return entry ? [{ position: position as number, recordedAt: recordedAt as number, type: type as string, entry }] : [];
    });
  }

  /** Where revisions do not count from 0 without gaps, or run against the order of the log: the first places by position. */
  brokenRevisions(limit: number): BrokenRevision[] {
    const broken: BrokenRevision[] = [];
    const [most, least] = [Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER];
    const columns = ['stream', 'revision', 'position'].map((column) => `min(max(${column}, ${least}), ${most})`).join(', ');
    const rows = this.file.iterate(`SELECT ${columns} FROM events INDEXED BY events_stream ORDER BY stream, revision`);
    let before = { stream: Number.NaN, revision: -1, position: FIRST };
    for (const [stream, revision, position] of rows as Iterable<number[]>) {
      const row = { stream: stream as number, revision: revision as number, position: position as number };
      if (row.stream !== before.stream) before = { stream: row.stream, revision: -1, position: FIRST };
      if (row.revision !== before.revision + 1 || row.position < before.position) {
        const stream = this.nameOf(row.stream) ?? '';
        broken.push({ stream, revision: row.revision, position: row.position, expected: before.revision + 1, after: before.position });
        broken.sort((a, b) => a.position - b.position);
        if (broken.length > limit) broken.pop();
      }
      before = row;
    }
    return broken;
  }

  nameOf(stream: number): string | undefined {
    if (!this.#names.has(stream)) {
      if (this.#names.size >= 10_000) this.#names.clear();
      const name = Number.isNaN(stream) ? undefined : this.file.value('SELECT name FROM streams WHERE number = ?', stream);
      this.#names.set(stream, name as string | undefined);
    }
    return this.#names.get(stream);
  }

  close(): void {
    this.file.close();
  }

  #page(after: number, upTo: number): StoredEvent[] {
    try {
      return this.file.rows(EVENTS, after, upTo, PAGE).map((row) => this.#event(row));
    } catch (error) {
      if (!(error instanceof NumberTooLarge)) throw error;
      return this.file.rowsOfAnyNumbers(EVENTS, after, upTo, PAGE).map((row) => this.#event(row));
    }
  }

  #event(row: Row): StoredEvent {
    const [position, stream, revision, type, data, recordedAt, key, isMetadata] = row as [
      number,
      number,
      number,
      string,
      string,
      number,
      string,
      number,
    ];
    return {
      position,
      stream: this.nameOf(stream),
      revision,
      type,
      data,
      recordedAt: this.#timeOf(recordedAt),
      key,
      isMetadata: isMetadata === 1,
    };
  }

  /** Events of one commit share their time. */
  #timeOf(at: number): string {
    if (at !== this.#time.at) {
      const time = new Date(at);
      this.#time = { at, text: Number.isNaN(time.getTime()) ? '' : time.toISOString() };
    }
    return this.#time.text;
  }
}

/** What a tree has of an event. */
export function derived(event: StoredEvent): Derived {
  const entry = parsed(event.data);
  if (entry === undefined || event.stream === undefined || event.recordedAt === '')
    return { event, leaf: undefined, entry, oddity: undefined };
  try {
    const leaf = leafHash(leafBytesOf(entry, event as Envelope));
    return { event, leaf, entry, oddity: oddityOf(event, entry) };
  } catch {
    // Whatever it is that cannot be made into a leaf, this program did not write it.
    return { event, leaf: undefined, entry, oddity: undefined };
  }
}

/** Where an event stands, as far as its row says. */
export function placeOf({ event: { position, stream, revision, type }, entry }: Derived): Place {
  return {
    position,
    ...(stream !== undefined && { stream }),
    ...(Number.isNaN(revision) ? {} : { revision }),
    type,
    ...(entry && { source: entry.source, id: entry.id }),
  };
}

function parsed(data: string): Entry | undefined {
  try {
    const entry: unknown = JSON.parse(data);
    return isEntry(entry) ? entry : undefined;
  } catch {
    return undefined;
  }
}

/** As far as anything here relies on it. */
function isEntry(value: unknown): value is Entry {
  const { source, id, time, data } = (value ?? {}) as { [Name in keyof Entry]?: unknown };
  const isText = [source, id, time].every((each) => typeof each === 'string');
  return isText && typeof data === 'object' && data !== null && Array.isArray((data as { subjects?: unknown }).subjects);
}

const MEMBERS = new Set(['format', 'source', 'id', 'time', 'sequence', 'version', 'data', 'sealed']);
const SUBJECT_MEMBERS = new Set(['reference', 'category', 'sealed']);
const SEALED_MEMBERS = new Set(['under', 'part']);
const hasOnly = (value: object, members: ReadonlySet<string>): boolean => {
  for (const name in value) if (!members.has(name)) return false;
  return true;
};

/**
 * A leaf says what an event says. This finds what somebody put beside it into the same row: the same JSON in another spelling, or
 * with a member twice; members that no event has; another spelling of the same sealed bytes; a record key that is not the record's.
 */
function oddityOf(event: StoredEvent, entry: Entry): string | undefined {
  const { data, sealed, source, id } = entry;
  if (entry.format !== 1 || !hasOnly(entry, MEMBERS)) return 'the entry has members that no entry has';
  if (sealed !== undefined && !(hasOnly(sealed, SEALED_MEMBERS) && isBase64(sealed.part))) return 'a sealed part is written in an odd way';
  for (const subject of data.subjects) {
    if (!hasOnly(subject, SUBJECT_MEMBERS)) return 'a subject has members that no subject has';
    if (!REFERENCE_PATTERN.test(subject.reference)) return 'a reference is written in an odd way';
    if (subject.sealed !== undefined && !isBase64(subject.sealed)) return 'a sealed part is written in an odd way';
  }
  if (JSON.stringify(entry) !== event.data) return 'the same could be written in one way only, and is written in another';
  // Without it the record is not found any more, and would be recorded a second time.
  if (event.key.toLowerCase() !== recordKey(source, id).toString('hex')) return "the record's key is not that of its source and id";
  return event.isMetadata ? undefined : 'what stands beside the entry is no JSON';
}

/** Where base64 is decoded to see whether it is some; larger texts are looked at in memory of their own. */
const scratch = Buffer.allocUnsafeSlow(64 * 1024);

/**
 * Base64 has one canonical spelling: whole groups of four, padded, without bits to spare. The decoder passes over whatever is none,
 * so that the length tells; and it takes the letters of base64url as well.
 */
function isBase64(text: string): boolean {
  if (text.length % 4 !== 0 || text.includes('-') || text.includes('_')) return false;
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const bytes = (text.length / 4) * 3 - padding;
  const decoded = bytes <= scratch.length ? scratch : Buffer.allocUnsafe(bytes);
  if (decoded.write(text, 'base64') !== bytes) return false;
  const last = text.charAt(text.length - padding - 1);
  return padding === 0 || (padding === 2 ? 'AQgw' : 'AEIMQUYcgkosw048').includes(last);
}
