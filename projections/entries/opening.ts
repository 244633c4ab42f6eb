import type { KeyObject } from 'node:crypto';
import { ACTOR } from '../../src/ledger/author.ts';
import type { Entry, StoredActor, StoredData } from '../../src/ledger/entry.ts';
import { eventType } from '../../src/ledger/events.ts';
import { type FieldFates, fieldsOf } from '../../src/ledger/record/catalogue.ts';
import { type OpenedEntry, openEntry } from '../../src/ledger/sealing.ts';
import type { Identifier, KeyVault } from '../../src/privacy/key-vault.ts';
import type { Viewer } from '../question.ts';
import { erasedAmong, type Gone, goneOf, nameOf, type ShownWho, whoOf } from './gone.ts';
import type { Document } from './walk.ts';

/** A person as an answer shows them. */
export interface ShownSubject extends Gone {
  scheme?: string;
  value?: string;
  /** Instead of an identifier, where that is gone or cannot be read. */
  reference?: string;
  category?: string;
  also?: Identifier[];
  recordRefs?: string[];
  before?: unknown;
  after?: unknown;
}

export interface ShownActor extends ShownWho {
  kind: string;
  role?: string;
  capacity?: string;
  /** By id or reference, as the actor is; so are the two below. */
  onBehalfOf?: string;
  credentialRef?: string;
  sessionRef?: string;
}

/** What an answer shows of an entry beside its envelope: clear fields, and those opened, under the names of domain.md §1. */
export type ShownData = { actor: ShownActor; subjects: ShownSubject[]; subjectCount: number } & Record<string, unknown>;

/** People shown at once, at most: each is a key to fetch and a part to open. */
const MAX_SHOWN = 10_000;

/** Whoever holds the digest of a secret can test guesses. */
const WITHHELD: Readonly<Record<string, readonly string[]>> = { ApiKeyCreated: ['digest'] };

/**
 * Opens what one viewer may see of entries, all keys fetched at once. Asked about people, an item shows these alone, unless
 * the viewer may see others (domain.md §8); what belongs to an event as a whole opens for whoever may see all details, or,
 * where nobody else is on it, those of the person asked about.
 */
export class Opening {
  readonly #viewer: Viewer;
  /** References of the people asked about; undefined when asked otherwise. */
  readonly #asked: ReadonlySet<string> | undefined;
  #keys = new Map<string, KeyObject>();
  #names: ReadonlyMap<string, readonly Identifier[]> = new Map();
  /** Of those who cannot be named, who stands in the fence. */
  #erased: ReadonlySet<string> = new Set();
  /** For a reference of an event about several people, who it is: the first of all references of that person. */
  #persons = new Map<string, string>();

  constructor(viewer: Viewer, asked: readonly string[] | undefined) {
    this.#viewer = viewer;
    this.#asked = asked && new Set(asked);
  }

  /** The people of an entry who are shown. */
  shown({ data: { subjects } }: Entry): StoredData['subjects'] {
    const asked = this.#asked;
    return asked === undefined || this.#viewer.othersOnEvent ? subjects : subjects.filter(({ reference }) => asked.has(reference));
  }

  /** How many of the first entries can be fetched at once; at least one, where there is one. */
  fitting(documents: readonly Document[]): number {
    let shown = 0;
    const over = documents.findIndex(({ entry }, i) => {
      shown += this.shown(entry).length;
      return i > 0 && shown > MAX_SHOWN;
    });
    return over < 0 ? documents.length : over;
  }

  /**
   * Fetches the keys and names that `show` needs.
   * @param groupOf for each reference all that are the same person, as of the question
   */
  async fetch(
    documents: readonly Document[],
    vault: KeyVault,
    groupOf: (references: readonly string[]) => Promise<string[][]>,
  ): Promise<void> {
    const epoch = await vault.epoch();
    await this.#count(documents, groupOf);
    const people = new Set<string>();
    const named = new Set<string>();
    const periods = new Set<string>();
    for (const document of documents) this.#collect(document, people, named, periods);
    this.#keys = await vault.keys([...people]);
    if (periods.size > 0) for (const [name, key] of await vault.periodKeys([...periods])) this.#keys.set(name, key);
    this.#names = named.size > 0 ? await vault.identifiers([...named]) : new Map();
    const gone = [...[...people].filter((each) => !this.#keys.has(each)), ...[...named].filter((each) => !this.#names.has(each))];
    // Who may not see names asks the fence alone.
    const actors = this.#viewer.nameActors ? [] : documents.map(({ entry }) => entry.data.actor.reference);
    const subjects = this.#viewer.nameSubjects ? [] : documents.flatMap(({ entry }) => this.shown(entry).map(({ reference }) => reference));
    this.#erased = await erasedAmong(vault, epoch, [...gone, ...actors, ...subjects]);
  }

  /** Of an event about several people, who of them are the same. */
  async #count(documents: readonly Document[], groupOf: (references: readonly string[]) => Promise<string[][]>): Promise<void> {
    const several = documents.flatMap(({ entry: { data } }) => (data.subjects.length > 1 ? data.subjects : []));
    const references = [...new Set(several.map(({ reference }) => reference))];
    if (references.length === 0) return;
    const groups = await groupOf(references);
    references.forEach((reference, i) => {
      this.#persons.set(reference, groups[i]?.[0] ?? reference);
    });
  }

  #collect({ type, entry }: Document, people: Set<string>, named: Set<string>, periods: Set<string>): void {
    for (const { reference, sealed } of this.#viewer.nameSubjects ? this.shown(entry) : []) {
      if (sealed !== undefined) people.add(reference);
      // The ledger itself names people by their reference alone.
      if (sealed === undefined || isLedgersOwn(type)) named.add(reference);
    }
    if (entry.sealed && this.#seesEvent(entry)) {
      if (entry.sealed.under === 'subjects') for (const { reference } of entry.data.subjects) people.add(reference);
      else periods.add(entry.sealed.under);
    }
    if (this.#viewer.nameActors) for (const reference of actorsOf(type, entry)) named.add(reference);
  }

  show({ type, entry }: Document): ShownData {
    const opened = openEntry(entry, this.#keys);
    const { actor, subjects } = entry.data;
    const shown = this.shown(entry);
    return {
      ...this.#clear(type, entry),
      ...(this.#seesEvent(entry) && opened.event?.values),
      actor: this.#actor(actor),
      subjects: shown.map((subject) => this.#subject(subject, opened.subjects[subjects.indexOf(subject)])),
      subjectCount: new Set(subjects.map(({ reference }) => this.#personOf(reference))).size,
    };
  }

  #seesDetails(reference: string): boolean {
    return this.#viewer.openAll || (this.#viewer.openSubject && this.#asked?.has(reference) === true);
  }

  /** Several references of one person are nobody else. */
  #seesEvent({ data: { subjects } }: Entry): boolean {
    if (this.#viewer.openAll) return true;
    const [first] = subjects;
    if (!first) return false;
    const person = this.#personOf(first.reference);
    return subjects.every(({ reference }) => this.#personOf(reference) === person && this.#seesDetails(reference));
  }

  #personOf(reference: string): string {
    return this.#persons.get(reference) ?? reference;
  }

  #clear(type: string, { data }: Entry): Record<string, unknown> {
    const clear: Record<string, unknown> = {};
    if (type === 'RecordQuarantined' && !this.#viewer.quarantine) return clear;
    const fates = fatesOf(type);
    for (const [field, value] of Object.entries(data)) {
      if (WITHHELD[type]?.includes(field)) continue;
      // Digests are shown nowhere: what they stand for is opened, or left out. So is what this program does not know.
      if (fates?.clear.has(field)) clear[field] = value;
      else if (fates?.people.has(field) && typeof value === 'string') clear[field] = this.#nameOf(value);
    }
    return clear;
  }

  #subject({ reference, category, sealed }: StoredData['subjects'][number], opened: OpenedEntry['subjects'][number]): ShownSubject {
    const kind = category === undefined ? {} : { category };
    if (!this.#viewer.nameSubjects) return { reference, ...kind, ...(this.#erased.has(reference) && { erased: true }) };
    const identifiers = this.#names.get(reference);
    const identifier = identifiers && this.#identifierOfSubject(identifiers);
    if (!opened && identifier) return { scheme: identifier.scheme, value: identifier.value, ...kind };
    if (sealed === undefined) return { reference, ...kind, ...(!identifiers && goneOf(reference, this.#erased)) };
    if (!opened) return { reference, ...kind, ...(!this.#keys.has(reference) && goneOf(reference, this.#erased)) };
    if (this.#seesDetails(reference)) return { ...opened, ...kind };
    return { scheme: opened.scheme, value: opened.value, ...kind };
  }

  #actor({ reference, kind, onBehalfOf, credentialRef, sessionRef, ...rest }: StoredActor): ShownActor {
    const names = this.#viewer.nameActors ? this.#names : undefined;
    return {
      ...whoOf(reference, { names, erased: this.#erased, isStaff: kind === 'human' }),
      ...{ kind, ...rest },
      ...(onBehalfOf !== undefined && { onBehalfOf: this.#nameOf(onBehalfOf) }),
      ...(credentialRef !== undefined && { credentialRef: this.#nameOf(credentialRef) }),
      ...(sessionRef !== undefined && { sessionRef: this.#nameOf(sessionRef) }),
    };
  }

  #nameOf(reference: string): string {
    return (this.#viewer.nameActors ? nameOf(this.#names.get(reference)) : undefined) ?? reference;
  }

  /** Somebody named by reference alone may be known as an actor too, or be a system: those names are an actor's. */
  #identifierOfSubject(identifiers: readonly Identifier[]): Identifier | undefined {
    const own = identifiers.find(({ scheme }) => scheme !== ACTOR && !scheme.startsWith(':'));
    return own ?? (this.#viewer.nameActors ? identifiers[0] : undefined);
  }
}

/** Everybody whom an entry names but its subjects. */
function actorsOf(type: string, { data }: Entry): string[] {
  const { reference, onBehalfOf, credentialRef, sessionRef } = data.actor;
  const others = [...(fatesOf(type)?.people ?? [])].map((field) => data[field]);
  return [reference, onBehalfOf, credentialRef, sessionRef, ...others].filter((named) => typeof named === 'string');
}

function isLedgersOwn(type: string): boolean {
  return eventType(type)?.group === 'ledger';
}

/** Undefined for a type that this program does not know. */
function fatesOf(type: string): FieldFates | undefined {
  const known = eventType(type);
  return known && fieldsOf(type, known.version);
}
