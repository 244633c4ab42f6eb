import type { KeyObject } from 'node:crypto';
import type { RecordedEvent } from '../eventstore/event-store.ts';
import type { KeyVault } from '../privacy/key-vault.ts';
import { CannotOpen, multiKey, open, seal } from '../privacy/seal.ts';
import type { Entry, EventDetails, Reference, SealedOfSubject, SealedPart, StoredSubject, SubjectDetails } from './entry.ts';

/**
 * Sealing and opening of entries: which part stands under whose key (README, "The stored form").
 * One person's values under that person's key alone; values of an event about several people under a key derived from all of
 * theirs, so that they end with the first erasure; values of an event about nobody under a period's key.
 */

/** A person as an entry names them. */
export interface Named {
  reference: Reference;
  key: KeyObject;
  category?: string;
  /** Absent where the ledger itself names somebody by nothing but the reference. */
  details?: SubjectDetails;
}

/** The pair that identifies the entry, part of what every sealed part is bound to. */
type Pair = Pick<Entry, 'source' | 'id'>;

/** A key that is nobody's, with the name under which the vault keeps it. */
export interface PeriodKey {
  name: string;
  key: KeyObject;
}

const aad = ({ source, id }: Pair, reference: string, part: 'subject' | 'event' | 'digest') => ({ source, id, reference, part });

/**
 * Seals what belongs to the file of a case under the case's key, so that it can be opened when the people's keys are gone, until it
 * ends. The content's digest stays with the people all the same: with it guesses could be tested.
 * @param people one or more
 */
export function sealInFile(
  pair: Pair,
  people: readonly Named[],
  { digest, values }: EventDetails,
  file: PeriodKey,
): Required<Pick<Entry, 'sealed'>> & { subjects: StoredSubject[] } {
  const subjects = people.map((person, i) => sealSubject(pair, person, i === 0 ? digestAlone(pair, people, digest) : undefined));
  const part = seal(file.key, JSON.stringify({ values } satisfies EventDetails), aad(pair, '', 'event'));
  return { subjects, sealed: { under: file.name, part } };
}

function digestAlone(pair: Pair, people: readonly Named[], digest: string | undefined): EventDetails {
  if (people.length === 1 || digest === undefined) return { digest, values: {} };
  return { digestOfAll: seal(keyOf(pair, people), digest, aad(pair, '', 'digest')), values: {} };
}

function keyOf({ source, id }: Pair, people: readonly Named[]): KeyObject {
  return multiKey(
    people.map((person) => person.key),
    source,
    id,
  );
}

/** Seals what is personal. `period` is needed for an event about nobody that has values to seal. */
export function sealEntry(
  pair: Pair,
  people: readonly Named[],
  event?: EventDetails,
  period?: PeriodKey,
): Pick<Entry, 'sealed'> & { subjects: StoredSubject[] } {
  const alone = people.length === 1;
  const subjects = people.map((person) => sealSubject(pair, person, alone ? event : undefined));
  const sealed = event && !alone ? sealEvent(pair, people, event, period) : undefined;
  return { subjects, ...(sealed && { sealed }) };
}

function sealSubject(pair: Pair, { reference, key, category, details }: Named, event?: EventDetails): StoredSubject {
  const part: SealedOfSubject = { subject: details, event };
  const sealed = details || event ? seal(key, JSON.stringify(part), aad(pair, reference, 'subject')) : undefined;
  // What is undefined is left out of the JSON.
  return { reference, category, sealed };
}

function sealEvent(pair: Pair, people: readonly Named[], event: EventDetails, period?: PeriodKey): Entry['sealed'] {
  const text = JSON.stringify(event);
  if (people.length > 1) return { under: 'subjects', part: seal(keyOf(pair, people), text, aad(pair, '', 'event')) };
  if (!period) return undefined;
  return { under: period.name, part: seal(period.key, text, aad(pair, '', 'event')) };
}

/** What could be opened of an entry: a person whose key is gone is missing, and so is the event's part once one of its keys is. */
export interface OpenedEntry {
  /** In the order of `data.subjects`. */
  subjects: (SubjectDetails | undefined)[];
  event?: EventDetails;
}

/** Opens what `keys` (by reference, or by the name of a period) can open. Pure; asks nobody. */
export function openEntry(entry: Entry, keys: ReadonlyMap<string, KeyObject>): OpenedEntry {
  const parts = entry.data.subjects.map((subject) => openSubject(entry, subject, keys));
  const event = openEvent(entry, keys) ?? (parts.length === 1 ? parts[0]?.event : undefined);
  return { subjects: parts.map((part) => part?.subject), ...(event && { event }) };
}

function openSubject(
  entry: Entry,
  { reference, sealed }: StoredSubject,
  keys: ReadonlyMap<string, KeyObject>,
): SealedOfSubject | undefined {
  const key = keys.get(reference);
  return key && sealed ? opened<SealedOfSubject>(key, sealed, aad(entry, reference, 'subject')) : undefined;
}

function openEvent(entry: Entry, keys: ReadonlyMap<string, KeyObject>): EventDetails | undefined {
  if (!entry.sealed) return undefined;
  const key = entry.sealed.under === 'subjects' ? keyOfAll(entry, keys) : keys.get(entry.sealed.under);
  return key && opened<EventDetails>(key, entry.sealed.part, aad(entry, '', 'event'));
}

function keyOfAll(entry: Entry, keys: ReadonlyMap<string, KeyObject>): KeyObject | undefined {
  const all = entry.data.subjects.map(({ reference }) => keys.get(reference));
  return all.every((key) => key !== undefined) ? multiKey(all as KeyObject[], entry.source, entry.id) : undefined;
}

function opened<T>(key: KeyObject, part: SealedPart, parts: ReturnType<typeof aad>): T | undefined {
  const text = openedText(key, part, parts);
  return text === undefined ? undefined : (JSON.parse(text) as T);
}

function openedText(key: KeyObject, part: SealedPart, parts: ReturnType<typeof aad>): string | undefined {
  try {
    return open(key, part, parts).toString();
  } catch (error) {
    if (error instanceof CannotOpen) return undefined;
    throw error;
  }
}

/** Every key that opens something of these entries: people's by reference, periods' by name. */
export async function keysFor(entries: readonly Entry[], vault: KeyVault): Promise<Map<string, KeyObject>> {
  const people = new Set<string>();
  const periods = new Set<string>();
  for (const { data, sealed } of entries) {
    for (const { reference } of data.subjects) people.add(reference);
    if (sealed && sealed.under !== 'subjects') periods.add(sealed.under);
  }
  const keys = await vault.keys([...people]);
  if (periods.size > 0) for (const [name, key] of await vault.periodKeys([...periods])) keys.set(name, key);
  return keys;
}

/** The sealed digest of a recorded event's content; `undefined` once its keys are gone. Opens one part or two, however many people there are. */
export async function digestOfRecord(event: RecordedEvent, vault: KeyVault): Promise<string | undefined> {
  const entry = JSON.parse(event.data) as Entry;
  const keys = await keysFor([entry], vault);
  const [first] = entry.data.subjects;
  // With the people, unless there are none or the event's own part is theirs together.
  if (!first || entry.sealed?.under === 'subjects') return openEvent(entry, keys)?.digest;
  const details = openSubject(entry, first, keys)?.event;
  if (details?.digestOfAll === undefined) return details?.digest;
  const key = keyOfAll(entry, keys);
  return key && openedText(key, details.digestOfAll, aad(entry, '', 'digest'));
}
