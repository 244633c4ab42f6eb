import type { KeyVault, Person, PersonIdentifiers } from '../../privacy/key-vault.ts';
import { ACTOR, type Author } from '../author.ts';
import type { Entry, StoredActor, StoredData, SubjectDetails } from '../entry.ts';
import { newId } from '../new-id.ts';
import { type Named, type PeriodKey, sealEntry } from '../sealing.ts';
import type { LedgerSettings } from '../settings.ts';
import { type FieldFates, fieldsOf, versionOf } from './catalogue.ts';
import type { Draft, Prepared } from './draft.ts';

interface WireActor {
  id: string;
  kind: string;
  role?: string;
  capacity?: string;
  onBehalfOf?: string;
  credentialRef?: string;
  sessionRef?: string;
}

interface WireSubject extends SubjectDetails {
  category?: string;
}

type WireData = Record<string, unknown> & { actor: WireActor; subjects?: WireSubject[]; system?: string };

/** The people of one event, as found. */
interface Cast {
  subjects: Person[];
  actor: Person;
  /** By the name of the field that holds them: `onBehalfOf`, `credentialRef`, `approver` … */
  others: Map<string, Person>;
}

/**
 * Makes a stored entry of a valid event: people become references, personal values are sealed, references of cases and
 * contracts become match digests, the rest stands as it came.
 */
export class Preparer {
  private readonly casts = new WeakMap<Draft, Cast>();

  constructor(
    private readonly vault: KeyVault,
    private readonly settings: LedgerSettings,
  ) {}

  /**
   * Finds the people of each event and keeps them for `prepare`; with `create`, those who are new get a reference and a key,
   * durable before this resolves.
   * @returns the events with people, or identifiers of people, who are not known, or may not be.
   */
  async identify(drafts: readonly Draft[], options: { create: boolean }): Promise<Draft[]> {
    const asked: PersonIdentifiers[] = [];
    const starts = drafts.map((draft) => {
      const start = asked.length;
      asked.push(...peopleOf(draft, start));
      return start;
    });
    const found = await this.vault.resolve(asked, options);
    return drafts.filter((draft, i) => {
      const people = found.slice(starts[i], starts[i + 1] ?? found.length);
      if (people.some((person) => person === undefined)) return true;
      // A known person may come with an identifier that is new.
      if (!options.create && hasOtherIdentifiers(draft)) return true;
      this.casts.set(draft, castOf(draft, people as Person[]));
      return false;
    });
  }

  /** @throws nothing for a valid event that `identify` has found everybody of. */
  prepare(draft: Draft, author: Author, period?: PeriodKey): Prepared {
    const cast = this.casts.get(draft) as Cast;
    const entry = this.entryOf(draft, cast, period);
    return {
      draft,
      stream: `processing-${entry.source}`,
      event: {
        id: newId(),
        type: draft.type as string,
        data: JSON.stringify(entry),
        metadata: metadataOf(draft, author),
        key: draft.key as Buffer,
        references: referencesOf(cast),
      },
    };
  }

  private entryOf({ event, digest, type }: Draft, cast: Cast, period?: PeriodKey): Entry {
    const wire = event['data'] as WireData;
    const version = versionOf(event) as number;
    const pair = { source: event['source'] as string, id: event['id'] as string };
    const { clear, values } = this.divide(wire, cast, fieldsOf(type as string, version));
    const { subjects, sealed } = sealEntry(pair, namedOf(wire.subjects ?? [], cast.subjects), { digest, values }, period);
    return {
      format: 1,
      ...pair,
      time: utcOf(event['time'] as string),
      ...(event['sequence'] !== undefined && { sequence: Number(event['sequence']) }),
      version,
      data: { actor: storedActor(wire.actor, cast), controller: this.settings.controller, ...clear, subjects } as StoredData,
      ...(sealed && { sealed }),
    };
  }

  /** Every field's fate: sealed, kept as a match digest with the value sealed, a person's reference, or in clear. */
  private divide(wire: WireData, cast: Cast, fates: FieldFates): { clear: Record<string, unknown>; values: Record<string, unknown> } {
    const clear: Record<string, unknown> = {};
    const values: Record<string, unknown> = {};
    for (const [field, value] of Object.entries(wire)) {
      if (field === 'actor' || field === 'subjects') continue;
      if (fates.people.has(field)) {
        clear[field] = cast.others.get(field)?.reference;
      } else if (fates.digested.has(field)) {
        clear[field] = this.vault.digest(field, value as string);
        values[field] = value;
      } else if (fates.sealed.has(field)) values[field] = value;
      else clear[field] = value;
    }
    const sealedFields = Object.keys(values).filter((field) => fates.sealed.has(field));
    if (sealedFields.length > 0) clear['sealedFields'] = sealedFields;
    return { clear, values };
  }
}

/**
 * First the actor, then the subjects, then everybody else by field, at last what belongs to the actor.
 * @param start where the actor will stand in the list that all this is asked in.
 */
function peopleOf({ event, type }: Draft, start: number): PersonIdentifiers[] {
  const data = event['data'] as WireData;
  const at = event['time'] as string;
  const subjects = data.subjects ?? [];
  return [
    actorOf(data.actor, subjects, at),
    ...subjects.map(({ scheme, value, also }) => ({ scheme, value, ...(also && { also }), at })),
    ...othersOf(data, type as string, versionOf(event) as number).map(([, value]) => ({ scheme: ACTOR, value, at })),
    ...ownedBy(data).map(([, scheme, value]) => ({ scheme, value, owner: start })),
  ];
}

function hasOtherIdentifiers({ event }: Draft): boolean {
  return (event['data'] as WireData).subjects?.some(({ also }) => also !== undefined && also.length > 0) ?? false;
}

/** A subject who acts is the same person, not a second one under the actors' scheme. */
function actorOf(actor: WireActor, subjects: readonly WireSubject[], at: string): PersonIdentifiers {
  if (actor.kind === 'subject') {
    for (const { scheme, value, also } of subjects) {
      const same = [{ scheme, value }, ...(also ?? [])].find((identifier) => identifier.value === actor.id);
      if (same) return { ...same, at };
    }
  }
  return { scheme: ACTOR, value: actor.id, at };
}

function othersOf(data: WireData, type: string, version: number): [string, string][] {
  const named: [string, string][] = data.actor.onBehalfOf === undefined ? [] : [['onBehalfOf', data.actor.onBehalfOf]];
  for (const field of fieldsOf(type, version).people) {
    if (typeof data[field] === 'string') named.push([field, data[field]]);
  }
  return named;
}

/**
 * Credentials and sessions have references of their own and are the actor's: they end with the actor. Each system counts its
 * own, so one number in two systems is two sessions; a scheme on the wire has no colon.
 */
function ownedBy({ actor, system }: WireData): [field: string, scheme: string, value: string][] {
  const owned: [string, string, string][] = [];
  if (actor.credentialRef !== undefined) owned.push(['credentialRef', `:credential:${system ?? ''}`, actor.credentialRef]);
  if (actor.sessionRef !== undefined) owned.push(['sessionRef', `:session:${system ?? ''}`, actor.sessionRef]);
  return owned;
}

function castOf({ event, type }: Draft, people: readonly Person[]): Cast {
  const data = event['data'] as WireData;
  const count = data.subjects?.length ?? 0;
  const fields = [...othersOf(data, type as string, versionOf(event) as number), ...ownedBy(data)].map(([field]) => field);
  const others = new Map(fields.map((field, i) => [field, people[1 + count + i] as Person]));
  return { actor: people[0] as Person, subjects: people.slice(1, 1 + count), others };
}

/** One part a person: whoever stands twice on an event is one subject, with everything that was said of them. */
function namedOf(wire: readonly WireSubject[], people: readonly Person[]): Named[] {
  const named = new Map<string, Named>();
  for (const [i, { category, ...details }] of wire.entries()) {
    const { reference, key } = people[i] as Person;
    const known = named.get(reference);
    if (known) known.details = { ...(known.details as SubjectDetails), repeated: [...(known.details?.repeated ?? []), details] };
    else named.set(reference, { reference, key, ...(category !== undefined && { category }), details });
  }
  return [...named.values()];
}

function storedActor({ kind, role, capacity }: WireActor, { actor, others }: Cast): StoredActor {
  const reference = (field: string) => others.get(field)?.reference;
  return {
    reference: actor.reference,
    kind,
    ...(role !== undefined && { role }),
    ...(capacity !== undefined && { capacity }),
    ...(others.has('onBehalfOf') && { onBehalfOf: reference('onBehalfOf') as string }),
    ...(others.has('credentialRef') && { credentialRef: reference('credentialRef') as string }),
    ...(others.has('sessionRef') && { sessionRef: reference('sessionRef') as string }),
  };
}

/** UTC with milliseconds; most sources write it so already. */
function utcOf(time: string): string {
  return CANONICAL_TIME.test(time) ? time : new Date(time).toISOString();
}

const CANONICAL_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;

/** Beside the entry: which key wrote it, and the trace it belongs to. */
function metadataOf({ event }: Draft, author: Author): string {
  const { traceparent } = event;
  return JSON.stringify({ keyId: author.keyId, ...(typeof traceparent === 'string' && { traceparent }) });
}

function referencesOf({ actor, subjects, others }: Cast): string[] {
  return [actor, ...subjects, ...others.values()].map((person) => person.reference);
}
