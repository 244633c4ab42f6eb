/**
 * The canonical bytes of an event, of which a leaf is the hash. They are stable for ever: a later form would have another
 * first byte. They cover what stands in clear and, of what is sealed, the digest of the ciphertext: a destroyed key changes
 * no leaf. Position is left out: it is another one after a migration of the log. Under no leaf are the event's own UUID and its metadata
 * (which API key recorded it, its trace).
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
import { hash } from 'node:crypto';
import type { RecordedEvent } from '../eventstore/event-store.ts';
import { canonical, canonicalBytesWithout } from './content.ts';
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
export function leafBytes(event: LeafEvent): Buffer {
  return orNoLeaf(event, () => written(leafOf(JSON.parse(event.data) as Entry, event)));
}

/** The same; undefined for what can be no leaf: somebody else wrote it, or changed it. */
export function leafBytesIfAny(event: LeafEvent): Buffer | undefined {
  try {
    return leafBytes(event);
  } catch (error) {
    if (error instanceof NoLeaf) return undefined;
    throw error;
  }
}

export type LeafEvent = Omit<RecordedEvent, 'metadata' | 'id'>;

/** What an event's own columns say of it, beside its entry. */
export type Envelope = Omit<RecordedEvent, 'metadata' | 'id' | 'data'>;

/** The same for whoever has read the event's entry already: that alone costs a third of all. @throws NoLeaf */
export function leafBytesOf(entry: Entry, event: Envelope): Buffer {
  return orNoLeaf(event, () => written(leafOf(entry, event)));
}

/** Whatever goes wrong with an entry, no program of this kind wrote it; the words of other errors might quote what stands in it. */
function orNoLeaf({ position }: Envelope, write: () => Buffer): Buffer {
  try {
    return write();
  } catch (error) {
    const why = error instanceof NoLeaf ? error.message : 'is not one that this program writes';
    throw new NoLeaf(`the event at ${position} ${why}`);
  }
}

function leafOf({ source, id, time, version, sequence, sealed, data }: Entry, { type, recordedAt, stream, revision }: Envelope): Leaf {
  // Its subjects are left out where it is written.
  const leaf: Leaf = { source, id, type, time, recordedAt, stream, version, revision, data, subjects: data.subjects.map(subjectOf) };
  if (sequence !== undefined) leaf.sequence = sequence;
  if (sealed) leaf.sealed = { under: sealed.under, digest: digest(sealed.part) };
  return leaf;
}

function subjectOf({ reference, category, sealed }: StoredSubject): Leaf['subjects'][number] {
  const subject: Leaf['subjects'][number] = { reference };
  if (category !== undefined) subject.category = category;
  if (sealed !== undefined) subject.digest = digest(sealed);
  return subject;
}

/** The messages of what it throws follow the name of an event. */
function written({ data, sealed, sequence, subjects, ...leaf }: Leaf): Buffer {
  pen.begin();
  pen.uint(FORM, 1);
  for (const part of [leaf.source, leaf.id, leaf.type, leaf.time, leaf.recordedAt, leaf.stream]) pen.text(part);
  pen.uint(leaf.version, 4);
  pen.uint(leaf.revision, 8);
  pen.text(sequence === undefined ? '' : String(sequence));
  pen.sized(canonicalBytesWithout('subjects', data));
  pen.text(sealed?.under ?? '');
  if (sealed) pen.bytes(sealed.digest);
  const categories = [...new Set(subjects.flatMap(({ category }) => category ?? []))];
  pen.uint(categories.length, 2);
  for (const category of categories) pen.text(category);
  pen.uint(subjects.length, 4);
  for (const { reference, category, digest: part } of subjects) {
    pen.reference(reference);
    pen.uint(category === undefined ? 0 : categories.indexOf(category) + 1, 2);
    pen.uint(part === undefined ? 0 : 1, 1);
    if (part !== undefined) pen.bytes(part);
  }
  return pen.end();
}

/** Writes from the front into memory that is used again: every event passes through it. */
class Pen {
  private at = 0;
  /** As much as a leaf may have, and one more text of that many characters: in UTF-8 none takes more than three bytes. */
  private readonly page = Buffer.allocUnsafeSlow(4 * (MAX_LEAF_BYTES + 1));

  begin(): void {
    this.at = 0;
  }

  uint(value: number, bytes: 1 | 2 | 4 | 8): void {
    this.reserve(bytes);
    if (bytes === 4) this.page.writeUInt32BE(value, this.at);
    else if (bytes === 8) this.page.writeBigUInt64BE(BigInt(value), this.at);
    else this.page.writeUIntBE(value, this.at, bytes);
    this.at += bytes;
  }

  text(value: string): void {
    this.reserve(value.length);
    const length = this.ascii(value) ?? this.page.write(value, this.at + 4);
    this.uint(length, 4);
    this.at += length;
  }

  /** Most texts are short, and of ASCII: then a loop is several times faster. @returns its length; undefined where it is something else */
  private ascii(value: string): number | undefined {
    if (value.length > 64) return undefined;
    for (let i = 0; i < value.length; i++) {
      const code = value.charCodeAt(i);
      if (code > 0x7f) return undefined;
      this.page[this.at + 4 + i] = code;
    }
    return value.length;
  }

  sized(bytes: Uint8Array): void {
    this.uint(bytes.length, 4);
    this.bytes(bytes);
  }

  bytes(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.page.set(bytes, this.at);
    this.at += bytes.length;
  }

  reference(reference: string): void {
    this.reserve(reference.length);
    if (this.page.write(reference, this.at, 'base64url') !== REFERENCE_BYTES) throw new NoLeaf('names somebody by what is no reference');
    this.at += REFERENCE_BYTES;
  }

  end(): Buffer {
    this.reserve(0);
    return Buffer.from(this.page.subarray(0, this.at));
  }

  /** @param bytes or characters that are written next */
  private reserve(bytes: number): void {
    if (this.at + bytes > MAX_LEAF_BYTES) throw new NoLeaf(`makes a leaf of more than ${MAX_LEAF_BYTES} bytes`);
  }
}

const pen = new Pen();

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

/** By way of hexadecimal: that is twice as fast as a digest in bytes. */
const digest = (part: SealedPart): Buffer => Buffer.from(hash('sha256', Buffer.from(part, 'base64'), 'hex'), 'hex');
