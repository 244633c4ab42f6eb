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
import type { Entry, SealedPart, StoredSubject } from './entry.ts';

const FORM = 1;
const REFERENCE_BYTES = 16;

/** The longest leaf that an entry bundle can hold: its length has two bytes there (C2SP tlog-tiles). */
export const MAX_LEAF_BYTES = 65_535;

/** The event cannot be a leaf. It names the event by position alone. */
export class NoLeaf extends Error {
  override name = 'NoLeaf';
}

/**
 * The canonical bytes of a recorded event.
 * @throws NoLeaf where they would be more than an entry bundle can hold, or the event is not one that this program writes
 */
export function leafBytes(event: Omit<RecordedEvent, 'metadata' | 'id'>): Buffer {
  const entry = JSON.parse(event.data) as Entry;
  const { subjects, ...clear } = entry.data;
  const parts = [
    Buffer.of(FORM),
    ...[entry.source, entry.id, event.type, entry.time, event.recordedAt, event.stream].map(text),
    uint(entry.version, 4),
    uint(event.revision, 8),
    text(entry.sequence === undefined ? '' : String(entry.sequence)),
    text(canonical(clear)),
    text(entry.sealed?.under ?? ''),
    ...(entry.sealed ? [digest(entry.sealed.part)] : []),
    ...subjectParts(subjects, event.position),
  ];
  const bytes = Buffer.concat(parts);
  if (bytes.length > MAX_LEAF_BYTES) throw new NoLeaf(`the event at ${event.position} makes a leaf of ${bytes.length} bytes`);
  return bytes;
}

function subjectParts(subjects: readonly StoredSubject[], position: number): Buffer[] {
  const categories = [...new Set(subjects.flatMap(({ category }) => category ?? []))];
  return [
    uint(categories.length, 2),
    ...categories.map(text),
    uint(subjects.length, 4),
    ...subjects.flatMap(({ reference, category, sealed }) => [
      referenceBytes(reference, position),
      uint(category === undefined ? 0 : categories.indexOf(category) + 1, 2),
      ...(sealed === undefined ? [Buffer.of(0)] : [Buffer.of(1), digest(sealed)]),
    ]),
  ];
}

function referenceBytes(reference: string, position: number): Buffer {
  const bytes = Buffer.from(reference, 'base64url');
  if (bytes.length !== REFERENCE_BYTES) throw new NoLeaf(`the event at ${position} names somebody by what is no reference`);
  return bytes;
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
