import { EVENT_ID_BYTES, eventIdText } from './event-id.ts';
import { type Anchor, KeyIndex, KeyIndexFile, MAX_POSITION } from './key-index.ts';
import { type LedgerDatabase, type LedgerStatement, ledgerId, openForWriting } from './ledger-file.ts';
import { RECORD_KEY_BYTES } from './record-key.ts';
import {
  APPENDED,
  type AppendMessage,
  FENCED,
  IDENTITY_BYTES,
  isExpected,
  KEY_OFFSET,
  KEYED_OFFSET,
  KNOWN,
  NO_STREAM,
  RESULT_NUMBERS,
  type Refusal,
} from './writer-messages.ts';

/** One request inside the columns of a message. */
export interface AppendRequest {
  token: number;
  message: AppendMessage;
  identities: Buffer;
  firstWrite: number;
  writes: number;
  firstEvent: number;
  events: number;
  bytes: number;
}

/** What became of a group of requests. Counts are of what was stored. */
export interface GroupOutcome {
  refused: Map<number, Refusal>;
  results: Float64Array;
  fenced: string[][];
  events: number;
  bytes: number;
}

/** An open stream: its number in the database (0 while it has none) and the revision of its last event. */
interface Stream {
  number: number;
  revision: number;
}

interface Standing {
  position: number;
  stream: string;
  revision: number;
  type: string;
  recordedAt: number;
  key: Buffer | null;
  data: string;
  metadata: string;
}

/** Rows between two commits of the index file while it is made again. */
const CATCH_UP_ROWS = 32_768;
const MAX_OPEN_STREAMS = 10_000;

/** The columns' requests, in order. */
export function requestsOf(message: AppendMessage): AppendRequest[] {
  const identities = Buffer.from(message.identities.buffer, message.identities.byteOffset, message.identities.byteLength);
  let firstWrite = 0;
  let firstEvent = 0;
  return message.writes.map((writes, index) => {
    let events = 0;
    for (let write = firstWrite; write < firstWrite + writes; write++) events += message.events[write] as number;
    const bytes = message.bytes[index] as number;
    const request = { token: message.token + index, message, identities, firstWrite, writes, firstEvent, events, bytes };
    firstWrite += writes;
    firstEvent += events;
    return request;
  });
}

/**
 * The one that writes the log: synchronous, single-threaded, owner of the write connection, the key index and the fence.
 *
 * A group of requests is one transaction with one sync. Each request is first *decided* without touching the database,
 * then inserted: one that is refused leaves nothing behind, so the others need no savepoint.
 */
export class LogWriter {
  readonly #db: LedgerDatabase;
  readonly #insert: LedgerStatement;
  readonly #insertStream: LedgerStatement;
  readonly #streamByName: LedgerStatement;
  readonly #standingById: LedgerStatement;
  readonly #keyAt: LedgerStatement;
  readonly #idAt: LedgerStatement;
  readonly #fence = new Set<string>();
  readonly #streams = new Map<string, Stream>();
  #index = new KeyIndex();
  readonly #indexFile: KeyIndexFile;
  /** Up to where the index knows the log. */
  #indexed = 0;
  #head = 0;
  #recordedAt = 0;
  /** The greatest id of the log: a greater one is new without a look. */
  readonly #greatestId = Buffer.alloc(EVENT_ID_BYTES);

  /** @throws NotALedger, LedgerTooNew */
  constructor(path: string, indexPath: string) {
    this.#db = openForWriting(path);
    this.#insert = this.#db.prepare('INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)');
    this.#insertStream = this.#db
      .prepare('INSERT INTO streams SELECT coalesce(max(number), 0) + 1, ? FROM streams RETURNING number')
      .pluck();
    this.#streamByName = this.#db.prepare(
      'SELECT number, (SELECT coalesce(max(revision), -1) FROM events WHERE stream = number) AS revision FROM streams WHERE name = ?',
    );
    this.#standingById = this.#db.prepare(
      `SELECT position, name AS stream, revision, type, recorded_at AS recordedAt, key, data, metadata
       FROM events JOIN streams ON number = stream WHERE id = ?`,
    );
    this.#keyAt = this.#db.prepare('SELECT key FROM events WHERE position = ?').pluck();
    this.#idAt = this.#db.prepare('SELECT id FROM events WHERE position = ?').pluck();
    this.#indexFile = new KeyIndexFile(indexPath, ledgerId(this.#db));
    this.#loadIndex();
    this.#catchUp();
  }

  /** The log's last position. */
  get head(): number {
    return this.#head;
  }

  /** Why the index file is no longer written, if so. */
  get indexProblem(): string | undefined {
    return this.#indexFile.problem;
  }

  /** From now on, no event that names one of these people is stored. */
  fence(references: readonly string[]): void {
    for (const reference of references) this.#fence.add(reference);
  }

  /** The position of each key, 0 where no record is known. Only between commits. */
  find(keys: Buffer): Float64Array {
    const positions = new Float64Array(keys.length / RECORD_KEY_BYTES);
    for (let i = 0; i < positions.length; i++) {
      const offset = i * RECORD_KEY_BYTES;
      positions[i] = this.#index.find(keys, offset, (position) => this.#stored(position, keys, offset));
    }
    return positions;
  }

  /**
   * Stores a group of requests, each wholly or not at all, in one transaction. When it returns, they are durable.
   * @throws the driver's error when nothing of the group was stored (disk full, locked by another process …)
   */
  commit(requests: readonly AppendRequest[]): GroupOutcome {
    const total = requests.reduce((sum, request) => sum + request.events, 0);
    const outcome: GroupOutcome = {
      refused: new Map(),
      results: new Float64Array(total * RESULT_NUMBERS),
      fenced: [],
      events: 0,
      bytes: 0,
    };
    const before = this.#head;
    const recordedAt = Math.max(this.#recordedAt, Date.now());
    const decisions: Decision[] = [];
    try {
      this.#db.exec('BEGIN IMMEDIATE');
      let offset = 0;
      for (const request of requests) {
        const decision = new Decision(request, outcome, offset, { head: this.#head, greatestId: this.#greatestId, recordedAt });
        decisions.push(decision);
        const refusal = this.#decide(request, decision);
        if (refusal === undefined) {
          this.#store(request, decision, outcome);
          offset += request.events * RESULT_NUMBERS;
        } else {
          outcome.refused.set(request.token, refusal);
          decision.withdraw(this.#index);
        }
      }
      outcome.results = outcome.results.slice(0, offset);
      this.#db.exec('COMMIT');
    } catch (error) {
      for (const decision of decisions) decision.withdraw(this.#index);
      this.#recover();
      throw error;
    }
    outcome.events = this.#head - before;
    if (outcome.events > 0) this.#committed(recordedAt);
    return outcome;
  }

  /** Moves the log out of the WAL and lets go of the files. */
  close(): void {
    this.#indexFile.close();
    this.#db.close();
  }

  #decide(request: AppendRequest, decision: Decision): Refusal | undefined {
    const { message, identities } = request;
    let event = request.firstEvent;
    for (let write = request.firstWrite; write < request.firstWrite + request.writes; write++) {
      const stream = message.streams[write] as string;
      const expected = message.expected[write] as number;
      const actual = decision.revisions.get(stream) ?? this.#stream(stream).revision;
      let revision = actual;
      for (const end = event + (message.events[write] as number); event < end; event++) {
        const fate = this.#fate(request, decision, event, stream);
        if (fate === 'reused') return { reason: 'id-reused', id: eventIdText(idOf(identities, event)) };
        if (fate === 'answered') continue;
        // Only what is going to be stored has to fit the stream.
        if (revision === actual && !isExpected(expected, actual)) return { reason: 'wrong-revision', stream, expected, actual };
        const position = decision.place(event, stream, ++revision);
        if (hasKey(identities, event)) this.#index.add(identities, event * IDENTITY_BYTES + KEY_OFFSET, position);
      }
      decision.revisions.set(stream, revision);
    }
    return undefined;
  }

  /** Answers an event that is not to be stored: its id or its key stands already, or one of its people was erased. */
  #fate(request: AppendRequest, decision: Decision, event: number, stream: string): 'new' | 'answered' | 'reused' {
    const { identities } = request;
    if (!decision.isNewest(event)) {
      const again = decision.earlier(event) ?? (this.#standingById.get(idOf(identities, event)) as Standing | undefined);
      if (again !== undefined) return this.#again(request, decision, event, stream, again);
    }
    if (hasKey(identities, event)) {
      const keyAt = event * IDENTITY_BYTES + KEY_OFFSET;
      const known = this.#index.find(identities, keyAt, (position) => this.#holds(position, decision, identities, keyAt));
      if (known !== 0) return decision.answer(KNOWN, known);
    }
    const fenced = this.#fencedOf(request.message.references[event] as string);
    return fenced.length > 0 ? decision.answerFenced(fenced) : 'new';
  }

  /** The same id again: answered as it stands, where it is the same event. */
  #again(request: AppendRequest, decision: Decision, event: number, stream: string, standing: Standing): 'answered' | 'reused' {
    if (standing.stream !== stream || !hasContent(standing, request, event)) return 'reused';
    return decision.answer(APPENDED, standing.position, standing.revision, standing.recordedAt);
  }

  #holds(position: number, decision: Decision, keys: Buffer, offset: number): boolean {
    return decision.holds(position, keys, offset) ?? this.#stored(position, keys, offset);
  }

  #fencedOf(references: string): string[] {
    if (this.#fence.size === 0 || references === '') return [];
    return references.split(' ').filter((reference) => this.#fence.has(reference));
  }

  /** Inserts what was decided. */
  #store({ message, identities }: AppendRequest, decision: Decision, outcome: GroupOutcome): void {
    for (const { event, stream: name, revision } of decision.placed) {
      const stream = this.#existing(name);
      const key = keyOf(identities, event);
      const data = message.data[event] as string;
      const metadata = message.metadata[event] as string;
      this.#head++;
      stream.revision = revision;
      this.#insert.run(
        this.#head,
        stream.number,
        revision,
        idOf(identities, event),
        message.types[event],
        decision.recordedAt,
        key,
        data,
        metadata,
      );
      if (key !== null) this.#indexFile.add(key, 0, this.#head);
      outcome.bytes += data.length + metadata.length;
    }
    decision.greatestId.copy(this.#greatestId);
  }

  #committed(recordedAt: number): void {
    this.#recordedAt = recordedAt;
    this.#indexed = this.#head;
    this.#indexFile.committed(this.#anchorAt(this.#head) as Anchor);
  }

  /**
   * After a failed transaction: everything is read again from what is durable.
   * @throws Error without a code when that fails too; this writer no longer knows the log then and must not go on
   */
  #recover(): void {
    try {
      if (this.#db.inTransaction) this.#db.exec('ROLLBACK');
      this.#indexFile.rolledBack();
      this.#streams.clear();
      this.#catchUp();
    } catch (cause) {
      throw new Error('the log cannot be read after a failed transaction', { cause });
    }
  }

  #stream(name: string): Stream {
    let stream = this.#streams.get(name);
    if (stream === undefined) {
      // Cases have streams of their own, so the streams are not few for ever.
      if (this.#streams.size >= MAX_OPEN_STREAMS) this.#streams.clear();
      stream = (this.#streamByName.get(name) as Stream | undefined) ?? { number: 0, revision: NO_STREAM };
      this.#streams.set(name, stream);
    }
    return stream;
  }

  /** The stream, with a number. */
  #existing(name: string): Stream {
    const stream = this.#stream(name);
    if (stream.number === 0) stream.number = this.#insertStream.get(name) as number;
    return stream;
  }

  /** Whether the event at `position` has this key. */
  #stored(position: number, keys: Buffer, offset: number): boolean {
    const key = this.#keyAt.get(position) as Buffer | null | undefined;
    return key != null && isAt(key, keys, offset);
  }

  /** Takes from the index file what agrees with the log: the same history up to the file's last event. */
  #loadIndex(): void {
    const anchor = this.#indexFile.load(this.#index);
    const agrees = anchor.position === 0 || this.#anchorAt(anchor.position)?.eventId.equals(anchor.eventId) === true;
    if (agrees) {
      this.#indexed = anchor.position;
    } else {
      this.#index = new KeyIndex();
      this.#indexFile.restart();
    }
  }

  /** Reads the state of the log, and into the index whatever the index does not have. */
  #catchUp(): void {
    const last = this.#db.prepare('SELECT position, recorded_at AS at FROM events ORDER BY position DESC LIMIT 1').get();
    const { position, at } = (last as { position: number; at: number } | undefined) ?? { position: 0, at: 0 };
    this.#head = position;
    this.#recordedAt = at;
    const greatest = this.#db.prepare('SELECT max(id) FROM events').pluck().get() as Buffer | null;
    (greatest ?? Buffer.alloc(EVENT_ID_BYTES)).copy(this.#greatestId);
    const page = this.#db.prepare('SELECT position, key FROM events WHERE position > ? ORDER BY position LIMIT ?').raw();
    while (this.#indexed < this.#head) this.#indexPage(page.all(this.#indexed, CATCH_UP_ROWS) as [number, Buffer | null][]);
  }

  #indexPage(rows: [number, Buffer | null][]): void {
    for (const [position, key] of rows) {
      if (key !== null) {
        this.#index.add(key, 0, position);
        this.#indexFile.add(key, 0, position);
      }
      this.#indexed = position;
    }
    this.#indexFile.committed(this.#anchorAt(this.#indexed) as Anchor);
  }

  #anchorAt(position: number): Anchor | undefined {
    const eventId = this.#idAt.get(position) as Buffer | undefined;
    return eventId && { position, eventId };
  }
}

interface Placed {
  /** Its place in the message. */
  event: number;
  stream: string;
  revision: number;
}

/** What one request is going to do, before anything of it is stored. */
class Decision {
  /** Events to store, in order. */
  readonly placed: Placed[] = [];
  /** Where this request leaves each of its streams. */
  readonly revisions = new Map<string, number>();
  /** The greatest id of the log and of what is placed. */
  readonly greatestId: Buffer;
  readonly recordedAt: number;
  readonly #request: AppendRequest;
  readonly #outcome: GroupOutcome;
  #resultAt: number;
  readonly #firstPosition: number;
  /** Index in `placed` by id, as far as it was needed. */
  readonly #byId = new Map<string, number>();

  constructor(
    request: AppendRequest,
    outcome: GroupOutcome,
    resultAt: number,
    log: { head: number; greatestId: Buffer; recordedAt: number },
  ) {
    this.#request = request;
    this.#outcome = outcome;
    this.#resultAt = resultAt;
    this.#firstPosition = log.head + 1;
    this.recordedAt = log.recordedAt;
    this.greatestId = Buffer.from(log.greatestId);
  }

  /** Whether the event's id is greater than every other one, and so certainly new. Ids grow with time, so this is the rule. */
  isNewest(event: number): boolean {
    const at = event * IDENTITY_BYTES;
    return this.greatestId.compare(this.#request.identities, at, at + EVENT_ID_BYTES) < 0;
  }

  /** Gives the event the next position. */
  place(event: number, stream: string, revision: number): number {
    if (this.isNewest(event)) idOf(this.#request.identities, event).copy(this.greatestId);
    const position = this.#firstPosition + this.placed.push({ event, stream, revision }) - 1;
    if (position > MAX_POSITION) throw new RangeError(`a log has at most ${MAX_POSITION} events`);
    this.answer(APPENDED, position, revision, this.recordedAt);
    return position;
  }

  answer(result: number, position: number, revision = 0, recordedAt = 0): 'answered' {
    const { results } = this.#outcome;
    results[this.#resultAt] = result;
    results[this.#resultAt + 1] = position;
    results[this.#resultAt + 2] = revision;
    results[this.#resultAt + 3] = recordedAt;
    this.#resultAt += RESULT_NUMBERS;
    return 'answered';
  }

  answerFenced(references: string[]): 'answered' {
    return this.answer(FENCED, this.#outcome.fenced.push(references) - 1);
  }

  /** The event of the same id that was placed before, as it is going to stand. */
  earlier(event: number): Standing | undefined {
    const { identities, message } = this.#request;
    for (const { event: other } of this.placed.slice(this.#byId.size))
      this.#byId.set(idOf(identities, other).toString('hex'), this.#byId.size);
    const index = this.#byId.get(idOf(identities, event).toString('hex'));
    if (index === undefined) return undefined;
    const { event: same, stream, revision } = this.placed[index] as Placed;
    return {
      position: this.#firstPosition + index,
      stream,
      revision,
      type: message.types[same] as string,
      recordedAt: this.recordedAt,
      key: keyOf(identities, same),
      data: message.data[same] as string,
      metadata: message.metadata[same] as string,
    };
  }

  /** Takes its keys out of the index again: nothing of it is going to stand. */
  withdraw(index: KeyIndex): void {
    const { identities } = this.#request;
    this.placed.forEach(({ event }, i) => {
      if (hasKey(identities, event)) index.remove(identities, event * IDENTITY_BYTES + KEY_OFFSET, this.#firstPosition + i);
    });
    this.placed.length = 0;
  }

  /** Whether the key stands at `position` by this request; nothing where the position is not this request's. */
  holds(position: number, keys: Buffer, offset: number): boolean | undefined {
    if (position < this.#firstPosition) return undefined;
    const placed = this.placed[position - this.#firstPosition];
    const key = placed && keyOf(this.#request.identities, placed.event);
    return key != null && isAt(key, keys, offset);
  }
}

function idOf(identities: Buffer, event: number): Buffer {
  const at = event * IDENTITY_BYTES;
  return identities.subarray(at, at + EVENT_ID_BYTES);
}

function hasKey(identities: Buffer, event: number): boolean {
  return identities[event * IDENTITY_BYTES + KEYED_OFFSET] === 1;
}

function keyOf(identities: Buffer, event: number): Buffer | null {
  const at = event * IDENTITY_BYTES + KEY_OFFSET;
  return hasKey(identities, event) ? identities.subarray(at, at + RECORD_KEY_BYTES) : null;
}

function isAt(key: Buffer, keys: Buffer, offset: number): boolean {
  return key.compare(keys, offset, offset + RECORD_KEY_BYTES) === 0;
}

function hasContent(standing: Standing, { message, identities }: AppendRequest, event: number): boolean {
  const key = keyOf(identities, event);
  const sameKey = key === null || standing.key === null ? key === standing.key : key.equals(standing.key);
  return (
    sameKey &&
    standing.type === message.types[event] &&
    standing.data === message.data[event] &&
    standing.metadata === message.metadata[event]
  );
}
