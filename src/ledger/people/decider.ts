/**
 * Which references are one person. Two become one by `SubjectsMerged`, and two again when that is retracted; the log itself
 * keeps what was recorded under either, and every question answers as the links stood at its moment.
 */
import type { Entry, Reference, StoredActor, StoredData, StoredSubject } from '../entry.ts';
import { upcast } from '../events.ts';
import type { Decider, Fact, OwnStream } from '../handle.ts';

interface MergedData extends StoredData {
  /** Identifiers that were not known before and belong to the first subject from here on. */
  identifiersAdded?: number;
}

interface RetractedData extends StoredData {
  target: { source: string; id: string };
  approver: Reference;
}

export type PeopleFact = (Fact<'SubjectsMerged', MergedData> | Fact<'RecordRetracted', RetractedData>) & {
  id: string;
  /** Absent where the fact was decided and is not recorded yet. */
  recordedAt?: string;
};

/** References that one `SubjectsMerged` says are one person, and for how long that stood. */
export interface Link {
  /** Of the `SubjectsMerged`. */
  id: string;
  references: readonly Reference[];
  /** Milliseconds since 1970, by the log's clock. */
  from: number;
  /** Exclusive; absent while it stands. */
  until?: number;
}

/** Every link ever made, also those that were separated again. */
export interface Links {
  byId: Map<string, Link>;
  byReference: Map<Reference, Link[]>;
}

interface Given {
  at: string;
  by: StoredActor;
  /** Of the entry: what is sealed is sealed to it. */
  id: string;
  subjects: StoredSubject[];
  sealed?: Entry['sealed'];
  sealedFields: string[];
}

export type PeopleCommand =
  | ({ do: 'link'; identifiersAdded: number } & Given)
  /** `target` is the id of the `SubjectsMerged`. */
  | ({ do: 'separate'; target: string; approver: Reference } & Given);

/** The `SubjectsMerged` that was to be retracted does not exist, or joined nobody. */
export class LinkUnknown extends Error {
  override name = 'LinkUnknown';
}

/** More references would be one person than anybody has. */
export class TooManyLinked extends Error {
  override name = 'TooManyLinked';
}

/** References of one person, at most: beyond it somebody links what does not belong together. */
export const MAX_LINKED = 100;

export const PEOPLE: OwnStream<PeopleFact> = {
  name: 'ledger-people',
  source: 'urn:liggare:people',
  read: (type, { id, time, version, data }, recordedAt) =>
    ({ type, id, time, recordedAt, data: upcast(type, version, data) }) as unknown as PeopleFact,
};

export const people: Decider<PeopleCommand, PeopleFact, Links> = {
  initial: () => ({ byId: new Map(), byReference: new Map() }),
  decide: (command, links) => (command.do === 'link' ? link(command, links) : separate(command, links)),
  evolve,
};

/**
 * The references that are one person with this one, as of a moment (milliseconds since 1970, inclusive; absent: now), itself
 * included. Sorted, so that everybody of a group gets the same list and its first may stand for the person.
 */
export function groupOf(links: Links, reference: Reference, at?: number): Reference[] {
  const group = new Set([reference]);
  for (const member of group) {
    for (const one of links.byReference.get(member) ?? []) {
      if (standsAt(one, at)) for (const other of one.references) group.add(other);
    }
  }
  return [...group].sort();
}

/** Whether the link was recorded and not yet separated at that moment; absent: now. */
export function standsAt({ from, until }: Link, at = Number.POSITIVE_INFINITY): boolean {
  return from <= at && (until === undefined || until > at);
}

/** Linking those who are linked already changes nothing. */
function link({ at, by, id, subjects, sealed, sealedFields, identifiersAdded }: Extract<PeopleCommand, { do: 'link' }>, links: Links) {
  const references = subjects.map(({ reference }) => reference);
  const group = groupOf(links, references[0] as Reference);
  const isOne = references.every((reference) => group.includes(reference));
  if (isOne && identifiersAdded === 0) return [];
  const together = new Set(references.flatMap((reference) => groupOf(links, reference)));
  if (together.size > MAX_LINKED) throw new TooManyLinked(`more than ${MAX_LINKED} references would be one person`);
  const data: MergedData = { actor: by, subjects, sealedFields, ...(identifiersAdded > 0 && { identifiersAdded }) };
  return [{ type: 'SubjectsMerged', id, time: at, data, ...(sealed && { sealed }) } satisfies PeopleFact];
}

/** Separating what is separated already changes nothing. */
function separate(
  { at, by, id, subjects, sealed, sealedFields, target, approver }: Extract<PeopleCommand, { do: 'separate' }>,
  links: Links,
) {
  const known = links.byId.get(target);
  if (!known) throw new LinkUnknown('there is no such SubjectsMerged of two or more references');
  if (known.until !== undefined) return [];
  const data: RetractedData = { actor: by, subjects, target: { source: PEOPLE.source, id: target }, approver, sealedFields };
  return [{ type: 'RecordRetracted', id, time: at, data, ...(sealed && { sealed }) } satisfies PeopleFact];
}

/** May be given the same fact twice: a reading that broke off is begun anew. */
function evolve(links: Links, fact: PeopleFact): Links {
  const at = Date.parse(fact.recordedAt ?? fact.time);
  if (fact.type === 'RecordRetracted') {
    const known = links.byId.get(fact.data.target.id);
    if (known) known.until ??= at;
    return links;
  }
  const references = fact.data.subjects.map(({ reference }) => reference);
  if (references.length < 2 || links.byId.has(fact.id)) return links;
  const made: Link = { id: fact.id, references, from: at };
  links.byId.set(made.id, made);
  for (const reference of references) links.byReference.set(reference, [...(links.byReference.get(reference) ?? []), made]);
  return links;
}
