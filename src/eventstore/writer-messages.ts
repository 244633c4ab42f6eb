/**
 * What the store and its writer thread say to each other. Appends travel as columns over all requests that were made in the
 * same turn of the event loop: cloning one array of strings for each column costs half of what an object for each event costs,
 * on both sides.
 */
import { EVENT_ID_BYTES, writeEventId } from './event-id.ts';
import { type ExpectedRevision, InvalidWrite, type NewEvent, type StreamWrite } from './event-store.ts';
import { RECORD_KEY_BYTES } from './record-key.ts';

/** Limits of one append. Characters of `data` and `metadata` count as bytes: JSON text of the ledger is all but entirely ASCII. */
export const MAX_APPEND_EVENTS = 5_000;
export const MAX_APPEND_BYTES = 32 * 1024 * 1024;
export const MAX_EVENT_BYTES = 1024 * 1024;
/** Of a stream's or a type's name, in characters. */
export const MAX_NAME_LENGTH = 255;

/** In `identities`, an event has its id, its key, and whether it has a key. */
export const KEY_OFFSET = EVENT_ID_BYTES;
export const KEYED_OFFSET = EVENT_ID_BYTES + RECORD_KEY_BYTES;
export const IDENTITY_BYTES = KEYED_OFFSET + 1;

/** Expected revisions as numbers. `NO_STREAM` is also the revision of a stream that does not exist. */
export const NO_STREAM = -1;
const ANY = -2;

export interface AppendMessage {
  kind: 'append';
  /** The first request's; the others follow it without a gap, over all messages. */
  token: number;
  /** One a request. */
  writes: number[];
  bytes: number[];
  /** One a write. */
  streams: string[];
  expected: number[];
  events: number[];
  /** One an event. */
  identities: Uint8Array;
  types: string[];
  data: string[];
  metadata: string[];
  /** References of one event, separated by spaces. */
  references: string[];
}

export type ToWriter =
  | AppendMessage
  | { kind: 'find'; token: number; keys: Uint8Array }
  | { kind: 'fence'; token: number; references: string[] }
  | { kind: 'close' };

/** `results` has `RESULT_NUMBERS` an event: what became of it, position (of a fenced one: its index in `fenced`), revision, recordedAt. */
export const APPENDED = 0;
export const KNOWN = 1;
export const FENCED = 2;
export const RESULT_NUMBERS = 4;

export type Refusal = { reason: 'wrong-revision'; stream: string; expected: number; actual: number } | { reason: 'id-reused'; id: string };

export interface CommittedMessage {
  kind: 'committed';
  /** The first request's; the others follow it. */
  token: number;
  requests: number;
  /** By token. Refused requests have nothing in `results`. */
  refused: Map<number, Refusal>;
  results: Float64Array;
  fenced: string[][];
  /** The log's last position after this commit. */
  head: number;
  /** What was stored. */
  events: number;
  bytes: number;
  durationMs: number;
  indexProblem: string | undefined;
}

export type FromWriter =
  | { kind: 'ready'; head: number; indexProblem: string | undefined }
  | { kind: 'failed'; name: string; message: string }
  | CommittedMessage
  | { kind: 'unavailable'; token: number; requests: number; reason: string }
  | { kind: 'found'; token: number; positions: Float64Array }
  | { kind: 'fenced'; token: number };

/** Gathers appends into one message. */
export class Outbox {
  #message: AppendMessage | undefined;
  #identities = Buffer.alloc(0);
  #events = 0;

  /** What waits to be taken. */
  get events(): number {
    return this.#events;
  }

  /**
   * Takes one request. Nothing of it is kept when it throws.
   * @throws InvalidWrite
   */
  add(token: number, writes: readonly StreamWrite[], bytes: number): void {
    const count = writes.reduce((sum, write) => sum + write.events.length, 0);
    this.#reserve(count);
    this.#pack(writes);
    this.#message ??= emptyMessage(token);
    const message = this.#message;
    message.writes.push(writes.length);
    message.bytes.push(bytes);
    for (const write of writes) {
      message.streams.push(write.stream);
      message.expected.push(encodeExpected(write.expectedRevision));
      message.events.push(write.events.length);
      for (const event of write.events) {
        message.types.push(event.type);
        message.data.push(event.data);
        message.metadata.push(event.metadata);
        message.references.push(event.references?.join(' ') ?? '');
      }
    }
    this.#events += count;
  }

  /** The message gathered so far, which the caller now owns; nothing where nothing was added. */
  take(): AppendMessage | undefined {
    const message = this.#message;
    if (message !== undefined) message.identities = new Uint8Array(this.#identities.subarray(0, this.#events * IDENTITY_BYTES));
    this.#message = undefined;
    this.#events = 0;
    return message;
  }

  #reserve(events: number): void {
    const needed = (this.#events + events) * IDENTITY_BYTES;
    if (needed <= this.#identities.length) return;
    const grown = Buffer.alloc(Math.max(needed, this.#identities.length * 2));
    this.#identities.copy(grown);
    this.#identities = grown;
  }

  #pack(writes: readonly StreamWrite[]): void {
    let at = this.#events * IDENTITY_BYTES;
    for (const write of writes) {
      for (const event of write.events) {
        writeEventId(event.id, this.#identities, at);
        this.#identities[at + KEYED_OFFSET] = event.key === undefined ? 0 : 1;
        if (event.key !== undefined) this.#identities.set(event.key, at + KEY_OFFSET);
        at += IDENTITY_BYTES;
      }
    }
  }
}

function emptyMessage(token: number): AppendMessage {
  const columns = { streams: [], expected: [], events: [], types: [], data: [], metadata: [], references: [] };
  return { kind: 'append', token, writes: [], bytes: [], identities: new Uint8Array(0), ...columns };
}

/**
 * Checks one append against the limits and answers its size in bytes.
 * @throws InvalidWrite
 */
export function sizeOf(writes: readonly StreamWrite[]): number {
  let events = 0;
  let bytes = 0;
  for (const write of writes) {
    checkName('stream', write.stream);
    checkExpected(write.expectedRevision);
    events += write.events.length;
    for (const event of write.events) bytes += eventSize(event);
  }
  if (events > MAX_APPEND_EVENTS) throw new InvalidWrite(`an append takes at most ${MAX_APPEND_EVENTS} events, not ${events}`);
  if (bytes > MAX_APPEND_BYTES) throw new InvalidWrite(`an append takes at most ${MAX_APPEND_BYTES} bytes, not ${bytes}`);
  return bytes;
}

function eventSize(event: NewEvent): number {
  checkName('type', event.type);
  const bytes = event.data.length + event.metadata.length;
  if (bytes > MAX_EVENT_BYTES) throw new InvalidWrite(`an event takes at most ${MAX_EVENT_BYTES} bytes, not ${bytes}`);
  // Broken Unicode would be stored as something else than was appended.
  if (!event.data.isWellFormed() || !event.metadata.isWellFormed()) throw new InvalidWrite('data and metadata must be well-formed Unicode');
  if (event.key !== undefined && event.key.length !== RECORD_KEY_BYTES) throw new InvalidWrite(`a key has ${RECORD_KEY_BYTES} bytes`);
  return bytes;
}

function checkName(what: string, name: string): void {
  if (name.length === 0 || name.length > MAX_NAME_LENGTH || !name.isWellFormed()) {
    throw new InvalidWrite(`a ${what} has a name of 1 to ${MAX_NAME_LENGTH} characters`);
  }
}

function checkExpected(expected: ExpectedRevision): void {
  if (typeof expected === 'number' && !(Number.isSafeInteger(expected) && expected >= 0)) {
    throw new InvalidWrite('an expected revision is any, no-stream or an integer from 0');
  }
}

export function encodeExpected(expected: ExpectedRevision): number {
  if (expected === 'any') return ANY;
  return expected === 'no-stream' ? NO_STREAM : expected;
}

export function decodeExpected(expected: number): ExpectedRevision {
  if (expected === ANY) return 'any';
  return expected === NO_STREAM ? 'no-stream' : expected;
}

/** Whether a stream at `actual` is where a write expects it. */
export function isExpected(expected: number, actual: number): boolean {
  return expected === ANY || expected === actual;
}
