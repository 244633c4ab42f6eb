/** What stands on the lines of a bundle: read strictly, so that whatever is shown of an event is covered by its leaf. */
import { HASH_BYTES } from '../integrity/merkle.ts';
import { type Entry, REFERENCE_PATTERN } from '../ledger/entry.ts';
import { type LeafEvent, leafBytesIfAny } from '../ledger/leaf.ts';
import { LineFault } from './lines.ts';

/** An event of `events.ndjson`, and its leaf. */
export interface EventLine {
  leafIndex: number;
  position: number;
  stream: string;
  revision: number;
  recordedAt: string;
  type: string;
  entry: Entry;
  leaf: Buffer;
}

/** A tree as high as this has more leaves than are ever counted. */
const MAX_HASHES = 63;
const MAX_VERSION = 2 ** 32 - 1;

/** @throws LineFault where it is no event, or says anything that its leaf does not cover (but its position) */
export function eventLineOf(text: string): EventLine {
  const line = onlyWith(parsed(text), ['leafIndex', 'position', 'stream', 'revision', 'recordedAt', 'type', 'entry']);
  const { leafIndex, position, stream, revision, recordedAt, type } = line;
  const isEnvelope = [leafIndex, position, revision].every(isCount) && [stream, recordedAt, type].every(isText);
  if (!isEnvelope) throw new LineFault('the line is no event');
  mustBeEntry(line['entry']);
  const leaf = leafBytesIfAny({ ...line, data: JSON.stringify(line['entry']) } as unknown as LeafEvent);
  if (leaf === undefined) throw new LineFault('the event makes no leaf');
  return { ...(line as unknown as Omit<EventLine, 'leaf'>), leaf };
}

/** Whatever stands in an entry has a place in its leaf, and is spelt in the one way that leads to it. */
function mustBeEntry(value: unknown): asserts value is Entry {
  const entry = onlyWith(value, ['format', 'source', 'id', 'time', 'version', 'data'], ['sequence', 'sealed']);
  const { format, source, id, time, version, sequence, sealed, data } = entry;
  const isPlain = format === 1 && [source, id, time].every(isText) && isCount(version) && version <= MAX_VERSION;
  const isCounted = sequence === undefined || isCount(sequence);
  if (!isPlain || !isCounted) throw new LineFault('the entry is not in the form of the log');
  const { subjects } = objectOf(data);
  if (!Array.isArray(subjects)) throw new LineFault('the entry has no subjects');
  for (const subject of subjects) mustBeSubject(subject);
  if (sealed === undefined) return;
  const { under, part } = onlyWith(sealed, ['under', 'part']);
  if (!isText(under) || under === '' || !isBase64(part)) throw new LineFault('the sealed part of the entry is none');
}

function mustBeSubject(value: unknown): void {
  const { reference, category, sealed } = onlyWith(value, ['reference'], ['category', 'sealed']);
  const isPerson = typeof reference === 'string' && REFERENCE_PATTERN.test(reference);
  const isRest = (category === undefined || isText(category)) && (sealed === undefined || isBase64(sealed));
  if (!isPerson || !isRest) throw new LineFault('a subject of the entry is none');
}

/** @throws LineFault */
export function proofLineOf(text: string): { leafIndex: number; hashes: Buffer[] } {
  const { leafIndex, hashes } = onlyWith(parsed(text), ['leafIndex', 'hashes']);
  if (!isCount(leafIndex) || !Array.isArray(hashes) || hashes.length > MAX_HASHES || !hashes.every(isBase64)) {
    throw new LineFault('the line is no proof');
  }
  const bytes = hashes.map((hash) => Buffer.from(hash, 'base64'));
  if (bytes.some(({ length }) => length !== HASH_BYTES)) throw new LineFault('a hash of the proof is none');
  return { leafIndex, hashes: bytes };
}

/** What an opened entry repeats of its event. @throws LineFault where it is about another one */
export function mustShow(text: string, { leafIndex, position, recordedAt, type, entry }: EventLine): void {
  const item = objectOf(parsed(text));
  const { source, id, time, version } = entry;
  const envelope = { leafIndex, position, recordedAt, type, source, id, time, version };
  const other = Object.entries(envelope).find(([name, value]) => item[name] !== value);
  if (other) throw new LineFault(`its ${other[0]} is not that of the event on the same line of events.ndjson`);
}

/** A line says one thing to every program that reads it: without white space, and no member twice. */
function parsed(text: string): unknown {
  let value: unknown;
  let again: string | undefined;
  try {
    value = JSON.parse(text);
    again = JSON.stringify(value);
  } catch {
    throw new LineFault('the line is not JSON');
  }
  if (again !== text) throw new LineFault('the line is not written as the ledger writes it');
  return value;
}

function objectOf(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new LineFault('something is no object that has to be one');
  return value as Record<string, unknown>;
}

function onlyWith(value: unknown, required: readonly string[], optional: readonly string[] = []): Record<string, unknown> {
  const object = objectOf(value);
  const names = Object.keys(object);
  const isKnown = names.every((name) => required.includes(name) || optional.includes(name));
  if (!isKnown || !required.every((name) => names.includes(name)))
    throw new LineFault('a member is missing, or one that no leaf covers is there');
  return object;
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
/** A lone surrogate would be written as another character. */
const isText = (value: unknown): value is string => typeof value === 'string' && value.isWellFormed();
const isBase64 = (value: unknown): value is string =>
  typeof value === 'string' && Buffer.from(value, 'base64').toString('base64') === value;
