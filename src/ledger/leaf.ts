/**
 * The canonical bytes of an event, of which a leaf is the hash. They are stable for ever: a later form would have another
 * first byte. They cover what stands in clear and, of what is sealed, the digest of the ciphertext: a destroyed key changes
 * no leaf. Position is left out: it is another one after a migration of the log.
 *
 * | part | bytes |
 * | --- | --- |
 * | form | one byte, 1 |
 * | source, id, type, time, recordedAt, stream | each a text |
 * | version of the type's schema, revision in the stream | 4, 8 |
 * | sequence | a text: its decimal digits, empty where there is none |
 * | data in clear | a text: RFC 8785 of `data` without `subjects` |
 * | sealed part of the event as a whole | a text: what it is sealed under, empty where there is none; then its digest, if there is one |
 * | categories | 2: how many different ones the subjects have; each a text, in the order in which they occur first |
 * | subjects | 4: how many; for each 16 of the reference, 2 of the category (its place in the list from 1; 0: none), one byte 1 and the digest of the sealed part, or one byte 0 |
 *
 * Numbers are big endian. A text is its length in bytes (4) and its UTF-8. A digest is SHA-256 of the sealed part's bytes (32).
 */
import { createHash } from 'node:crypto';
import type { RecordedEvent } from '../eventstore/event-store.ts';
import { canonical } from './content.ts';
import type { Entry, Reference, SealedPart, StoredSubject } from './entry.ts';

const FORM = 1;
const REFERENCE_BYTES = 16;
const DIGEST_BYTES = 32;

/** The longest leaf that an entry bundle can hold: its length has two bytes there (C2SP tlog-tiles). */
export const MAX_LEAF_BYTES = 65_535;

/** What stands in a leaf: all that can be said of an event without any key. */
export interface Leaf {
  source: string;
  id: string;
  type: string;
  time: string;
  recordedAt: string;
  stream: string;
  /** Of the type's schema. */
  version: number;
  /** In the stream, from 0. */
  revision: number;
  sequence?: number;
  /** In clear, as it was recorded, without `subjects`. */
  data: Record<string, unknown>;
  sealed?: { under: string; digest: Buffer };
  /** The people of the event; `digest` of what is sealed of each. */
  subjects: { reference: Reference; category?: string; digest?: Buffer }[];
}

/** The event cannot be a leaf. It names the event by position alone. */
export class NoLeaf extends Error {
  override name = 'NoLeaf';
}

/** Bytes that no event makes. The message says what is wrong, and nothing of what stands in them. */
export class NotALeaf extends Error {
  override name = 'NotALeaf';
}

/**
 * The canonical bytes of a recorded event.
 * @throws NoLeaf where they would be more than an entry bundle can hold, or the event is not one that this program writes
 */
export function leafBytes(event: Omit<RecordedEvent, 'metadata' | 'id'>): Buffer {
  const bytes = written(leafOf(event));
  if (bytes.length > MAX_LEAF_BYTES) throw new NoLeaf(`the event at ${event.position} makes a leaf of ${bytes.length} bytes`);
  return bytes;
}

function leafOf({ type, recordedAt, stream, revision, position, data: text }: Omit<RecordedEvent, 'metadata' | 'id'>): Leaf {
  const { source, id, time, version, sequence, sealed, data } = JSON.parse(text) as Entry;
  const { subjects, ...clear } = data;
  return {
    ...{ source, id, type, time, recordedAt, stream, version, revision, data: clear },
    ...(sequence !== undefined && { sequence }),
    ...(sealed && { sealed: { under: sealed.under, digest: digest(sealed.part) } }),
    subjects: subjects.map((subject) => subjectOf(subject, position)),
  };
}

function subjectOf({ reference, category, sealed }: StoredSubject, position: number): Leaf['subjects'][number] {
  if (Buffer.from(reference, 'base64url').length !== REFERENCE_BYTES) {
    throw new NoLeaf(`the event at ${position} names somebody by what is no reference`);
  }
  return { reference, ...(category !== undefined && { category }), ...(sealed !== undefined && { digest: digest(sealed) }) };
}

function written({ data, sealed, sequence, subjects, version, revision, ...leaf }: Leaf): Buffer {
  const categories = [...new Set(subjects.flatMap(({ category }) => category ?? []))];
  return Buffer.concat([
    Buffer.of(FORM),
    ...[leaf.source, leaf.id, leaf.type, leaf.time, leaf.recordedAt, leaf.stream].map(text),
    uint(version, 4),
    uint(revision, 8),
    text(sequence === undefined ? '' : String(sequence)),
    text(canonical(data)),
    text(sealed?.under ?? ''),
    ...(sealed ? [sealed.digest] : []),
    uint(categories.length, 2),
    ...categories.map(text),
    uint(subjects.length, 4),
    ...subjects.flatMap(({ reference, category, digest: part }) => [
      Buffer.from(reference, 'base64url'),
      uint(category === undefined ? 0 : categories.indexOf(category) + 1, 2),
      ...(part === undefined ? [Buffer.of(0)] : [Buffer.of(1), part]),
    ]),
  ]);
}

/**
 * What stands in a leaf's bytes. One leaf has one spelling: `leafBytes` of an event with just this in it are these bytes.
 * @throws NotALeaf for whatever `leafBytes` never makes
 */
export function parseLeaf(bytes: Uint8Array): Leaf {
  if (bytes.length > MAX_LEAF_BYTES) throw new NotALeaf(`a leaf has at most ${MAX_LEAF_BYTES} bytes`);
  const leaf = read(new Bytes(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)));
  // Whatever could be written in another way was: bytes that are no UTF-8, members out of order, categories that nobody has.
  if (!written(leaf).equals(bytes)) throw new NotALeaf('the leaf is not written in the one way in which it is');
  return leaf;
}

function read(bytes: Bytes): Leaf {
  if (bytes.uint(1) !== FORM) throw new NotALeaf('the leaf is of a form that is not known here');
  const [source, id, type, time, recordedAt, stream] = Array.from({ length: 6 }, () => bytes.text()) as [...Texts];
  const [version, revision] = [bytes.uint(4), bytes.uint(8)];
  const sequence = bytes.text();
  const data = clearOf(bytes.text());
  const under = bytes.text();
  const sealed = under === '' ? undefined : { under, digest: bytes.take(DIGEST_BYTES) };
  const subjects = readSubjects(bytes);
  bytes.end();
  return {
    ...{ source, id, type, time, recordedAt, stream, version, revision, data, subjects },
    ...(sequence !== '' && { sequence: numberOf(sequence) }),
    ...(sealed && { sealed }),
  };
}

type Texts = [source: string, id: string, type: string, time: string, recordedAt: string, stream: string];

function readSubjects(bytes: Bytes): Leaf['subjects'] {
  const categories = bytes.times(bytes.uint(2), () => bytes.text());
  return bytes.times(bytes.uint(4), () => {
    const reference = bytes.take(REFERENCE_BYTES).toString('base64url');
    const place = bytes.uint(2);
    if (place > categories.length) throw new NotALeaf('a subject is of a category that the leaf does not have');
    const isSealed = bytes.uint(1) !== 0;
    return {
      reference,
      ...(place > 0 && { category: categories[place - 1] as string }),
      ...(isSealed && { digest: bytes.take(DIGEST_BYTES) }),
    };
  });
}

function clearOf(json: string): Record<string, unknown> {
  let data: unknown;
  try {
    data = JSON.parse(json);
    // Deeper than any event is: found out here and not by whoever writes it again.
    canonical(data);
  } catch {
    throw new NotALeaf('what stands in clear is not JSON as an event has it');
  }
  const isObject = typeof data === 'object' && data !== null && !Array.isArray(data);
  if (!isObject || Object.hasOwn(data as object, 'subjects')) throw new NotALeaf('what stands in clear is not the data of an event');
  return data as Record<string, unknown>;
}

function numberOf(digits: string): number {
  const number = Number(digits);
  if (!(Number.isSafeInteger(number) && number >= 0)) throw new NotALeaf('a sequence is a whole number');
  return number;
}

/** Reads from the front, never beyond the end. */
class Bytes {
  private at = 0;
  private readonly bytes: Buffer;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  take(length: number): Buffer {
    if (length > this.bytes.length - this.at) throw new NotALeaf('the leaf ends too early');
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  uint(length: 1 | 2 | 4 | 8): number {
    const part = this.take(length);
    if (length < 8) return part.readUIntBE(0, length);
    const number = Number(part.readBigUInt64BE());
    if (!Number.isSafeInteger(number)) throw new NotALeaf('a number is larger than any that is written');
    return number;
  }

  text(): string {
    return this.take(this.uint(4)).toString();
  }

  /** As often as the bytes say; they end before that could be too often. */
  times<T>(count: number, next: () => T): T[] {
    const all: T[] = [];
    for (let i = 0; i < count; i++) all.push(next());
    return all;
  }

  end(): void {
    if (this.at !== this.bytes.length) throw new NotALeaf('something stands behind the leaf');
  }
}

const digest = (part: SealedPart): Buffer => createHash('sha256').update(Buffer.from(part, 'base64')).digest();

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([uint(bytes.length, 4), bytes]);
}

function uint(value: number, bytes: 2 | 4 | 8): Buffer {
  const buffer = Buffer.alloc(bytes);
  if (bytes === 8) buffer.writeBigUInt64BE(BigInt(value));
  else buffer.writeUIntBE(value, 0, bytes);
  return buffer;
}
