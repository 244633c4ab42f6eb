/**
 * What the log says of erasures, all of it in one stream of the ledger's own: the intention, which says exactly what goes; a
 * confirmation for each reference; and refusals, of which one may withdraw an intention.
 */
import { setImmediate as othersTurn } from 'node:timers/promises';
import type { EventStore, NewEvent, RecordedEvent } from '../../eventstore/event-store.ts';
import { recordKey } from '../../eventstore/record-key.ts';
import type { Entry, Reference, StoredActor } from '../entry.ts';
import { ownEvent } from '../own-event.ts';

export const ERASURES = { stream: 'ledger-erasures', source: 'urn:liggare:erasures' } as const;

/** That somebody is to be erased. Once it is in the log the erasure is carried out, whatever happens meanwhile. */
export interface Intention {
  id: string;
  /** UTC ISO 8601. */
  at: string;
  actor: StoredActor;
  /** All references of the person. */
  references: Reference[];
  /** Of Art. 17(1). */
  ground: string;
  suppress: boolean;
  /** Items in quarantine that name the person, as far as `seenTo`. */
  quarantined: string[];
  /** The log's position up to which quarantine was looked through. */
  seenTo: number;
  /** Until when the file of the case can be opened. */
  caseUntil: string;
  /** The log's position as of which no legal hold stood; absent in older ones. */
  heldTo?: number;
}

/** What an intention, a refusal and a withdrawal say alike: which processing it is, and on which ground of Art. 17(1). */
export function erasureOf(ground: string) {
  return { purpose: 'rights-fulfilment', legalBasis: '6(1)(c)', ground, scope: 'all', systems: ['liggare'] };
}

/** What an erasure destroyed. */
export interface Destroyed {
  keys: number;
  identifiers: number;
  sessions: number;
  /** Items of the quarantine whose content was ended. */
  quarantined: number;
  /** Whether the bytes were overwritten in every file at once; absent where nobody can say. */
  overwritten?: boolean;
}

/** A quarantined item is named in the intention, so that an older copy of the keys cannot bring it back; so many at most. */
export const MAX_ITEMS_NAMED = 1_000;

/** The intention, from an event of the stream; undefined for what is none. */
export function intentionOf({ type, data: text }: RecordedEvent): Intention | undefined {
  if (type !== 'PersonalDataErased') return undefined;
  const { id, time, data } = JSON.parse(text) as Entry;
  const { actor, subjects, ground, suppress, quarantined, seenTo, caseUntil, heldTo } = data as Entry['data'] & Partial<Intention>;
  return {
    ...{ id, at: time, actor },
    references: subjects.map(({ reference }) => reference),
    ground: String(ground),
    suppress: suppress === true,
    quarantined: quarantined ?? [],
    seenTo: seenTo ?? 0,
    caseUntil: String(caseUntil),
    ...(heldTo !== undefined && { heldTo }),
  };
}

/**
 * That the erasure does not take place: a legal hold had been recorded before the intention was. It says so in codes alone,
 * because the reason stands with the intention.
 */
export function withdrawal({ id, actor, references, ground }: Intention, exceptions: readonly string[], now: number): NewEvent {
  return ownEvent({
    ...{ source: ERASURES.source, id: withdrawalId(id), type: 'PersonalDataErasureFailed', now, actor },
    subjects: references.map((reference) => ({ reference })),
    data: {
      ...erasureOf(ground),
      ...(exceptions.length > 0 && { exception: exceptions[0] }),
      intention: { source: ERASURES.source, id },
    },
  });
}

/** Id of the intention that the event withdraws; undefined for what withdraws none. */
export function withdrawnBy({ type, data: text }: RecordedEvent): string | undefined {
  if (type !== 'PersonalDataErasureFailed') return undefined;
  return ((JSON.parse(text) as Entry).data as { intention?: { id: string } }).intention?.id;
}

/** Whose confirmation the event is, and of which intention; undefined for what is none. */
export function confirmationOf({ type, data: text }: RecordedEvent): { id: string; reference: Reference } | undefined {
  if (type !== 'SubjectKeyDestroyed') return undefined;
  const { reference, intention } = (JSON.parse(text) as Entry).data as unknown as { reference: Reference; intention: { id: string } };
  return { id: intention.id, reference };
}

/** One confirmation a reference, found by its record key. What was destroyed of all references together stands with the first. */
export function confirmations({ id, actor, references }: Intention, destroyed: Destroyed, now: number): NewEvent[] {
  const nothing = { keys: 0, identifiers: 0, sessions: 0, quarantined: 0 };
  return references.map((reference, n) =>
    ownEvent({
      source: ERASURES.source,
      id: confirmationId(id, n),
      type: 'SubjectKeyDestroyed',
      now,
      actor,
      subjects: [{ reference }],
      data: { reference, intention: { source: ERASURES.source, id }, ...(n === 0 ? destroyed : nothing) },
    }),
  );
}

const confirmationId = (id: string, n: number): string => `${id}/${n}`;
const withdrawalId = (id: string): string => `${id}/withdrawn`;

/** What the log knows of one erasure. */
export interface RecordedErasure {
  intention: Intention;
  recordedAt: string;
  /** Absent unless a legal hold was found to stand: then nothing was erased. */
  withdrawnAt?: string;
  /** Absent until every reference is confirmed. */
  confirmed?: { destroyed: Destroyed; position: number; recordedAt: string };
}

/** An erasure by its id; undefined where the log knows none. */
export async function findErasure(store: EventStore, id: string): Promise<RecordedErasure | undefined> {
  const [event] = await eventsOf(store, [id]);
  const intention = event && intentionOf(event);
  if (!event || !intention) return undefined;
  const confirming = await eventsOf(
    store,
    intention.references.map((_, n) => confirmationId(id, n)),
  );
  const [withdrawn] = await eventsOf(store, [withdrawalId(id)]);
  const found = { intention, recordedAt: event.recordedAt, ...(withdrawn && { withdrawnAt: withdrawn.recordedAt }) };
  const last = confirming.at(-1);
  if (!last || confirming.some((one) => one === undefined)) return found;
  const destroyed = (JSON.parse((confirming[0] as RecordedEvent).data) as Entry).data as unknown as Destroyed;
  const { keys, identifiers, sessions, quarantined, overwritten } = destroyed;
  const { position, recordedAt } = last;
  const all = { keys, identifiers, sessions, quarantined, ...(overwritten !== undefined && { overwritten }) };
  return { ...found, confirmed: { destroyed: all, position, recordedAt } };
}

async function eventsOf(store: EventStore, ids: readonly string[]): Promise<(RecordedEvent | undefined)[]> {
  const positions = await store.find(ids.map((id) => recordKey(ERASURES.source, id)));
  return Promise.all(positions.map((position) => (position === undefined ? undefined : store.at(position))));
}

/** Every event that makes up an erasure, in the order of the log. */
export interface ErasureChain {
  /** `refused`: a legal hold stood, and nothing was intended; else as its certificate says. */
  state: 'completed' | 'in-progress' | 'withdrawn' | 'refused';
  /** The intention with what confirms or withdraws it, or the refusal alone. */
  events: RecordedEvent[];
}

/** What the log says of an erasure or of its refusal; undefined where it knows none of this id. */
export async function chainOf(store: EventStore, id: string): Promise<ErasureChain | undefined> {
  const [first] = await eventsOf(store, [id]);
  const intention = first && intentionOf(first);
  if (!first || !intention) return first && isRefusal(first) ? { state: 'refused', events: [first] } : undefined;
  const confirming = await eventsOf(
    store,
    intention.references.map((_, n) => confirmationId(id, n)),
  );
  const [withdrawn] = await eventsOf(store, [withdrawalId(id)]);
  const isConfirmed = confirming.every((one) => one !== undefined);
  const events = [first, withdrawn, ...confirming].filter((one) => one !== undefined);
  return {
    state: withdrawn ? 'withdrawn' : isConfirmed ? 'completed' : 'in-progress',
    events: events.sort((a, b) => a.position - b.position),
  };
}

const isRefusal = (event: RecordedEvent): boolean => event.type === 'PersonalDataErasureFailed' && withdrawnBy(event) === undefined;

/** The intention that erased this reference, looked for from the newest on; undefined where the log knows none. */
export async function intentionFor(store: EventStore, reference: Reference): Promise<Intention | undefined> {
  const withdrawn = new Set<string>();
  for (let from = Number.MAX_SAFE_INTEGER; from >= 0; ) {
    const page = await store.readStream(ERASURES.stream, from, PAGE, 'backwards');
    for (const event of page) {
      withdrawn.add(withdrawnBy(event) ?? '');
      const intention = intentionOf(event);
      if (intention?.references.includes(reference) && !withdrawn.has(intention.id)) return intention;
    }
    from = (page.at(-1)?.revision ?? 0) - 1;
    await othersTurn();
  }
  return undefined;
}

/** The stream from a revision on, page by page. */
export async function* erasuresFrom(store: EventStore, revision: number): AsyncGenerator<RecordedEvent[]> {
  for (let next = revision; ; ) {
    const page = await store.readStream(ERASURES.stream, next, PAGE);
    const last = page.at(-1);
    if (!last) return;
    yield page;
    next = last.revision + 1;
  }
}

const PAGE = 500;
