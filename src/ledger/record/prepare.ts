import type { KeyVault, Person, PersonIdentifiers } from '../../privacy/key-vault.ts';
import { ACTOR, type Author } from '../author.ts';
import type { Entry, StoredActor, StoredData, SubjectDetails } from '../entry.ts';
import { groupOf } from '../events.ts';
import { caseKey } from '../periods.ts';
import { type Named, type PeriodKey, sealEntry, sealInFile } from '../sealing.ts';
import type { LedgerSettings } from '../settings.ts';
import { type FieldFates, fieldsOf, versionOf } from './catalogue.ts';
import type { Cast, Draft, Prepared } from './draft.ts';

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

/**
 * Makes a stored entry of a valid event: people become references, personal values are sealed, references of cases and
 * contracts become match digests, the rest stands as it came.
 */
export class Preparer {
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
    const starts: number[] = [];
    for (const draft of drafts) {
      starts.push(asked.length);
      draft.cast = { people: NOBODY, fields: askFor(draft, asked) };
    }
    const found = await this.vault.resolve(asked, options);
    return drafts.filter((draft, i) => {
      const people = found.slice(starts[i], starts[i + 1] ?? found.length);
      (draft.cast as Cast).people = people as Person[];
      // A known person may come with an identifier that is new.
      return people.includes(undefined) || (!options.create && hasOtherIdentifiers(draft));
    });
  }

  /**
   * Opens the files of the rights requests that events belong to, and keeps their keys for `prepare`; durable when it resolves. What
   * comes after a file has ended is sealed like any other event.
   * @param now the ledger's clock, milliseconds since 1970
   */
  async openFiles(drafts: readonly Draft[], now: number): Promise<void> {
    for (const draft of drafts) {
      const requestRef = requestOf(draft);
      if (requestRef !== undefined) draft.file = await this.fileOf(requestRef, now);
    }
  }

  private async fileOf(requestRef: string, now: number): Promise<PeriodKey | undefined> {
    try {
      return await caseKey(this.vault, now, { requestRef }, this.settings);
    } catch (error) {
      if ((error as Error).name !== 'PeriodEnded') throw error;
      return undefined;
    }
  }

  /** @throws nothing for a valid event that `identify` has found everybody of. */
  prepare(draft: Draft, author: Author, period?: PeriodKey): Prepared {
    const cast = draft.cast as Cast;
    const entry = this.entryOf(draft, cast, period);
    return {
      draft,
      stream: `processing-${entry.source}`,
      event: {
        type: draft.type as string,
        data: JSON.stringify(entry),
        metadata: metadataOf(draft, author),
        key: draft.key as Buffer,
        references: cast.people.map(({ reference }) => reference),
      },
    };
  }

  /**
   * What would stand in clear of something that has not happened, once `identify` has looked for everybody without making anybody
   * known: nothing is sealed. Whoever is not known stands there by a reference that nobody has.
   */
  beforehand({ event, type, cast }: Draft): StoredData {
    const { people, fields } = cast as Cast;
    const all = { people: people.map((person, i) => person ?? stranger(i)), fields };
    const wire = event['data'] as WireData;
    const data: Record<string, unknown> = { actor: storedActor(wire.actor, all), controller: this.settings.controller };
    this.divide(wire, all, fieldsOf(type as string, versionOf(event) as number), data, {});
    data['subjects'] = namedOf(wire.subjects ?? NOBODY, all).map(({ reference, category }) => ({ reference, category }));
    return data as StoredData;
  }

  private entryOf({ event, digest, type, file }: Draft, cast: Cast, period?: PeriodKey): Entry {
    const wire = event['data'] as WireData;
    const version = versionOf(event) as number;
    const pair = { source: event['source'] as string, id: event['id'] as string };
    const data: Record<string, unknown> = { actor: storedActor(wire.actor, cast), controller: this.settings.controller };
    const values: Record<string, unknown> = {};
    this.divide(wire, cast, fieldsOf(type as string, version), data, values);
    const named = namedOf(wire.subjects ?? NOBODY, cast);
    const details = { digest, values };
    const { subjects, sealed } = file ? sealInFile(pair, named, details, file) : sealEntry(pair, named, details, period);
    data['subjects'] = subjects;
    return {
      format: 1,
      ...pair,
      time: utcOf(event['time'] as string),
      ...(event['sequence'] !== undefined && { sequence: Number(event['sequence']) }),
      version,
      data: data as StoredData,
      ...(sealed && { sealed }),
    };
  }

  /** Every field's fate: sealed, kept as a match digest with the value sealed, a person's reference, or in clear. */
  private divide(wire: WireData, cast: Cast, fates: FieldFates, clear: Record<string, unknown>, values: Record<string, unknown>): void {
    const sealedFields: string[] = [];
    for (const field of Object.keys(wire)) {
      if (field === 'actor' || field === 'subjects') continue;
      const value = wire[field];
      switch (fates.of.get(field)) {
        case 'person':
          clear[field] = referenceAt(field, cast);
          break;
        case 'digested':
          clear[field] = this.vault.digest(field, value as string);
          values[field] = value;
          break;
        case 'sealed':
          values[field] = value;
          sealedFields.push(field);
          break;
        default:
          clear[field] = value;
      }
    }
    if (sealedFields.length > 0) clear['sealedFields'] = sealedFields;
  }
}

const NOBODY: readonly never[] = [];

/** No reference is written so. */
const stranger = (index: number): Person => ({ reference: `?${index}`, key: undefined as never, created: false });

/** The request to whose file an event belongs: files are those of requests by data subjects. */
export function requestOf({ event, type }: Draft): string | undefined {
  if (groupOf(type as string) !== 'rights') return undefined;
  const { requestRef } = event['data'] as { requestRef?: string };
  return requestRef;
}

/**
 * First the actor, then the subjects, then everybody else by field, at last what belongs to the actor.
 * @param asked the list in which all this is asked for, with the people of other events.
 * @returns the fields of those who are neither the actor nor subjects.
 */
function askFor({ event, type }: Draft, asked: PersonIdentifiers[]): string[] {
  const data = event['data'] as WireData;
  const at = event['time'] as string;
  const { actor, subjects = NOBODY } = data;
  const owner = asked.push(actorOf(actor, subjects, at)) - 1;
  for (const { scheme, value, also } of subjects) asked.push({ scheme, value, also, at });
  const fields: string[] = [];
  for (const [field, value] of othersOf(data, type as string, versionOf(event) as number)) {
    fields.push(field);
    asked.push({ scheme: ACTOR, value, at });
  }
  for (const [field, scheme, value] of ownedBy(data)) {
    fields.push(field);
    asked.push({ scheme, value, owner });
  }
  return fields;
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

/** The reference of whoever stands at a field of the event or of its actor; undefined where nobody does. */
function referenceAt(field: string, { people, fields }: Cast): string | undefined {
  const at = fields.indexOf(field);
  return at < 0 ? undefined : people[people.length - fields.length + at]?.reference;
}

/** One part a person: whoever stands twice on an event is one subject, with everything that was said of them. */
function namedOf(wire: readonly WireSubject[], { people }: Cast): Named[] {
  const named = new Map<string, Named>();
  for (let i = 0; i < wire.length; i++) {
    const { category, ...details } = wire[i] as WireSubject;
    const { reference, key } = people[1 + i] as Person;
    const known = named.get(reference);
    if (known) known.details = { ...(known.details as SubjectDetails), repeated: [...(known.details?.repeated ?? []), details] };
    else named.set(reference, { reference, key, category, details });
  }
  return [...named.values()];
}

/** What is undefined is left out of the JSON. */
function storedActor({ kind, role, capacity }: WireActor, cast: Cast): StoredActor {
  return {
    reference: (cast.people[0] as Person).reference,
    kind,
    role,
    capacity,
    onBehalfOf: referenceAt('onBehalfOf', cast),
    credentialRef: referenceAt('credentialRef', cast),
    sessionRef: referenceAt('sessionRef', cast),
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
