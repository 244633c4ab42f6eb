import { Worker } from 'node:worker_threads';
import {
  EventIdReused,
  EventStore,
  type RecordedEvent,
  StoreUnavailable,
  type StreamWrite,
  type Written,
  WrongExpectedRevision,
} from './event-store.ts';
import { LedgerTooNew, NotALedger } from './ledger-file.ts';
import { RECORD_KEY_BYTES } from './record-key.ts';
import { SqliteLogReader } from './sqlite-reader.ts';
import type { WriterOptions } from './sqlite-writer.ts';
import {
  type CommittedMessage,
  decodeExpected,
  FENCED,
  type FromWriter,
  KNOWN,
  Outbox,
  RESULT_NUMBERS,
  type Refusal,
  sizeOf,
  type ToWriter,
} from './writer-messages.ts';

export interface SqliteStoreOptions {
  /** The log's file, for example `data/ledger.db`; made where it is missing. The index stands beside it as `ledger.idx`. */
  path: string;
  /** What may wait for its commit: beyond it, appends are rejected at once. An empty queue takes any append. */
  maxQueuedEvents?: number;
  maxQueuedBytes?: number;
  /** What one transaction gathers. */
  maxTransactionEvents?: number;
  maxTransactionBytes?: number;
}

const DEFAULTS = {
  maxQueuedEvents: 20_000,
  maxQueuedBytes: 64 * 1024 * 1024,
  maxTransactionEvents: 5_000,
  maxTransactionBytes: 8 * 1024 * 1024,
};

/** So many events are sent to the writer without waiting for the end of the turn: it works while this thread still does, too. */
const SEND_AT = 16;

/** One transaction of the writer: what it stored, and how long it took with its sync. */
export interface CommitTiming {
  requests: number;
  events: number;
  bytes: number;
  durationMs: number;
}

export interface StoreStatus {
  ok: boolean;
  /** What is wrong; while `ok`, what works less well than it should. */
  reason?: string;
  queuedEvents: number;
}

/** An append that waits for its answer. */
interface Waiting {
  /** Events of each write. */
  counts: number[];
  events: number;
  bytes: number;
  resolve(written: Written[][]): void;
  reject(error: Error): void;
}

/**
 * The embedded event store: SQLite, written by one thread of its own with group commit, read here.
 * What it promises beyond `EventStore` (one event a key, the fence) stands in this folder's README.
 */
export class SqliteEventStore extends EventStore {
  readonly #reader: SqliteLogReader;
  private readonly worker: Worker;
  readonly #limits: { events: number; bytes: number };
  readonly #outbox = new Outbox();
  readonly #appends = new Map<number, Waiting>();
  readonly #questions = new Map<number, { resolve(answer: Float64Array): void; reject(error: Error): void }>();
  readonly #appendedListeners = new Set<(position: number) => void>();
  readonly #commitListeners = new Set<(timing: CommitTiming) => void>();
  /** Appends have numbers of their own, without a gap: the writer answers a group by its first one and their count. */
  #nextAppend = 0;
  #nextQuestion = 0;
  #queued = { events: 0, bytes: 0 };
  #flushing = false;
  #closed: Promise<void> | undefined;
  #failure: string | undefined;
  #indexProblem: string | undefined;

  /**
   * Opens the log, or makes it. Resolves when the writer knows every key of the log.
   * @throws NotALedger, LedgerTooNew, StoreUnavailable
   */
  static async open(options: SqliteStoreOptions): Promise<SqliteEventStore> {
    const { path, maxQueuedEvents, maxQueuedBytes, maxTransactionEvents, maxTransactionBytes } = { ...DEFAULTS, ...options };
    const workerData: WriterOptions = { path, indexPath: indexPathOf(path), maxTransactionEvents, maxTransactionBytes };
    const file = import.meta.url.endsWith('.ts') ? './sqlite-writer.ts' : './sqlite-writer.js';
    const worker = new Worker(new URL(file, import.meta.url), { workerData });
    const ready = await firstAnswer(worker);
    return new SqliteEventStore(new SqliteLogReader(path), worker, { events: maxQueuedEvents, bytes: maxQueuedBytes }, ready.indexProblem);
  }

  private constructor(
    reader: SqliteLogReader,
    worker: Worker,
    limits: { events: number; bytes: number },
    indexProblem: string | undefined,
  ) {
    super();
    this.#reader = reader;
    this.worker = worker;
    this.#limits = limits;
    this.#indexProblem = indexProblem;
    worker.on('message', (message: FromWriter) => this.#receive(message));
    worker.on('error', (error) => this.#fail(`the writer stopped: ${(error as Error).message}`));
    worker.on('exit', () => this.#fail('the writer stopped'));
  }

  override async append(writes: readonly StreamWrite[]): Promise<Written[][]> {
    const bytes = sizeOf(writes);
    const counts = writes.map((write) => write.events.length);
    const events = counts.reduce((sum, count) => sum + count, 0);
    this.#mustBeOpen();
    if (events === 0) return counts.map(() => []);
    if (
      this.#queued.events > 0 &&
      (this.#queued.events + events > this.#limits.events || this.#queued.bytes + bytes > this.#limits.bytes)
    ) {
      throw new StoreUnavailable('write queue full');
    }
    const token = this.#nextAppend;
    this.#outbox.add(token, writes, bytes);
    this.#nextAppend++;
    this.#queued.events += events;
    this.#queued.bytes += bytes;
    if (this.#outbox.events < SEND_AT) this.#flushSoon();
    else this.#flush();
    return new Promise((resolve, reject) => this.#appends.set(token, { counts, events, bytes, resolve, reject }));
  }

  /** Looks at what is committed; a record whose append is still waiting is not found. */
  override async find(keys: readonly Buffer[]): Promise<(number | undefined)[]> {
    if (keys.length === 0) return [];
    const packed = new Uint8Array(keys.length * RECORD_KEY_BYTES);
    keys.forEach((key, index) => {
      if (key.length !== RECORD_KEY_BYTES) throw new RangeError(`a key has ${RECORD_KEY_BYTES} bytes`);
      packed.set(key, index * RECORD_KEY_BYTES);
    });
    const positions = await this.#ask((token) => ({ kind: 'find', token, keys: packed }));
    return Array.from(positions, (position) => position || undefined);
  }

  /**
   * Closes the log to events that name one of these people (base64url references): whatever commits after this resolved has been
   * checked against them. The store forgets the fence when it closes; who fences keeps the list and hands it over at each start.
   */
  async fence(references: readonly string[]): Promise<void> {
    await this.#ask((token) => ({ kind: 'fence', token, references: [...references] }));
  }

  override async at(position: number): Promise<RecordedEvent | undefined> {
    return this.#read((reader) => reader.at(position));
  }

  override async readStream(
    stream: string,
    revision: number,
    limit: number,
    direction?: 'forwards' | 'backwards',
  ): Promise<RecordedEvent[]> {
    return this.#read((reader) => reader.readStream(stream, revision, limit, direction));
  }

  override async readAll(position: number, limit: number, maxBytes?: number): Promise<RecordedEvent[]> {
    return this.#read((reader) => reader.readAll(position, limit, maxBytes));
  }

  override async head(): Promise<number> {
    return this.#read((reader) => reader.head());
  }

  override async positionAt(recordedAt: string): Promise<number> {
    return this.#read((reader) => reader.positionAt(recordedAt));
  }

  /** Tells the last position after every commit that stored something, so that followers can be woken. Answers how to stop it. */
  onAppended(listener: (position: number) => void): () => void {
    this.#appendedListeners.add(listener);
    return () => this.#appendedListeners.delete(listener);
  }

  /** Tells the timing of every commit. Answers how to stop it. */
  onCommit(listener: (timing: CommitTiming) => void): () => void {
    this.#commitListeners.add(listener);
    return () => this.#commitListeners.delete(listener);
  }

  status(): StoreStatus {
    const reason = this.#failure ?? this.#indexProblem;
    return { ok: this.#failure === undefined, ...(reason === undefined ? {} : { reason }), queuedEvents: this.#queued.events };
  }

  override close(): Promise<void> {
    this.#closed ??= this.#shutDown();
    return this.#closed;
  }

  async #shutDown(): Promise<void> {
    // First, because the last connection to close moves the WAL into the main file, and this one cannot.
    this.#reader.close();
    if (this.#failure !== undefined) return;
    this.#flush();
    const exit = new Promise((resolve) => this.worker.once('exit', resolve));
    this.#send({ kind: 'close' });
    await exit;
  }

  #read<T>(work: (reader: SqliteLogReader) => T): T {
    if (this.#closed !== undefined) throw new StoreUnavailable('the store is closed');
    return work(this.#reader);
  }

  #mustBeOpen(): void {
    if (this.#closed !== undefined) throw new StoreUnavailable('the store is closed');
    if (this.#failure !== undefined) throw new StoreUnavailable(this.#failure);
  }

  #ask(question: (token: number) => ToWriter): Promise<Float64Array> {
    this.#mustBeOpen();
    // What was appended before is on its way before this.
    this.#flush();
    const token = this.#nextQuestion++;
    this.#send(question(token));
    return new Promise((resolve, reject) => this.#questions.set(token, { resolve, reject }));
  }

  /** At the end of this turn of the event loop, so that one message carries what several connections brought in it. */
  #flushSoon(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    setImmediate(() => this.#flush());
  }

  #flush(): void {
    this.#flushing = false;
    const message = this.#outbox.take();
    if (message !== undefined) this.#send(message);
  }

  #send(message: ToWriter): void {
    const transfer = message.kind === 'append' ? [message.identities.buffer] : message.kind === 'find' ? [message.keys.buffer] : [];
    this.worker.postMessage(message, transfer as ArrayBuffer[]);
  }

  #receive(message: FromWriter): void {
    if (message.kind === 'committed') this.#committed(message);
    if (message.kind === 'unavailable') {
      for (let token = message.token; token < message.token + message.requests; token++) {
        this.#taken(token).reject(new StoreUnavailable(message.reason));
      }
    }
    if (message.kind === 'found' || message.kind === 'fenced') {
      this.#questions.get(message.token)?.resolve(message.kind === 'found' ? message.positions : new Float64Array());
      this.#questions.delete(message.token);
    }
  }

  #committed(message: CommittedMessage): void {
    const results = new Results(message);
    for (let token = message.token; token < message.token + message.requests; token++) {
      const waiting = this.#taken(token);
      const refusal = message.refused.get(token);
      if (refusal === undefined) waiting.resolve(waiting.counts.map((count) => results.take(count)));
      else waiting.reject(refusalError(refusal));
    }
    this.#indexProblem = message.indexProblem;
    const { requests, events, bytes, durationMs } = message;
    for (const listener of this.#commitListeners) listener({ requests, events, bytes, durationMs });
    if (events > 0) for (const listener of this.#appendedListeners) listener(message.head);
  }

  #taken(token: number): Waiting {
    const waiting = this.#appends.get(token) as Waiting;
    this.#appends.delete(token);
    this.#queued.events -= waiting.events;
    this.#queued.bytes -= waiting.bytes;
    return waiting;
  }

  /** The writer is gone, so nobody will answer: whoever waits is told. After a proper close nobody does. */
  #fail(reason: string): void {
    if (this.#closed === undefined) this.#failure ??= reason;
    for (const token of [...this.#appends.keys()]) this.#taken(token).reject(new StoreUnavailable(reason));
    for (const question of this.#questions.values()) question.reject(new StoreUnavailable(reason));
    this.#questions.clear();
  }
}

/** Where the index of a log stands: `ledger.db` has `ledger.idx`. */
export function indexPathOf(path: string): string {
  return `${path.replace(/\.db$/, '')}.idx`;
}

/** Waits until the writer is ready, or says why it is not. */
function firstAnswer(worker: Worker): Promise<{ indexProblem: string | undefined }> {
  return new Promise((resolve, reject) => {
    const onMessage = (message: FromWriter) => settle(() => (message.kind === 'ready' ? resolve(message) : reject(openError(message))));
    const onError = (error: unknown) => settle(() => reject(new StoreUnavailable(`the log cannot be opened: ${(error as Error).message}`)));
    const onExit = () => settle(() => reject(new StoreUnavailable('the log cannot be opened')));
    // One by one: to remove all listeners would cut the worker's own.
    const settle = (answer: () => void) => {
      worker.off('message', onMessage).off('error', onError).off('exit', onExit);
      answer();
    };
    worker.on('message', onMessage).on('error', onError).on('exit', onExit);
  });
}

function openError(message: FromWriter): Error {
  if (message.kind !== 'failed') return new StoreUnavailable('the writer did not start');
  if (message.name === 'NotALedger') return new NotALedger(message.message);
  if (message.name === 'LedgerTooNew') return new LedgerTooNew(message.message);
  return new StoreUnavailable(`the log cannot be opened: ${message.message}`);
}

function refusalError(refusal: Refusal): Error {
  if (refusal.reason === 'id-reused') return new EventIdReused(refusal.id);
  return new WrongExpectedRevision(refusal.stream, decodeExpected(refusal.expected), refusal.actual);
}

/** Turns the numbers of a commit into answers, event by event. */
class Results {
  readonly #message: CommittedMessage;
  #at = 0;
  #lastTime = { at: Number.NaN, text: '' };

  constructor(message: CommittedMessage) {
    this.#message = message;
  }

  take(events: number): Written[] {
    return Array.from({ length: events }, () => this.#next());
  }

  #next(): Written {
    const at = this.#at;
    this.#at += RESULT_NUMBERS;
    const { results, fenced } = this.#message;
    const result = results[at];
    const position = results[at + 1] as number;
    if (result === KNOWN) return { outcome: 'known', position };
    if (result === FENCED) return { outcome: 'fenced', references: fenced[position] as string[] };
    return { outcome: 'appended', position, revision: results[at + 2] as number, recordedAt: this.#time(results[at + 3] as number) };
  }

  /** Events of one commit share their time. */
  #time(at: number): string {
    if (at !== this.#lastTime.at) this.#lastTime = { at, text: new Date(at).toISOString() };
    return this.#lastTime.text;
  }
}
