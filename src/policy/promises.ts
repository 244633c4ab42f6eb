/** A policy as it is asked: whether something was promised, in a look-up each. Made once for each version. */
import { EEA } from '../vocabulary/vocabulary.ts';
import type { Policy, ProcessorEntry, PurposeEntry, RecipientEntry } from './document.ts';

/** Somebody to whom the policy lets data go, under whichever of its names. */
export interface NamedRecipient {
  id: string;
  entry: RecipientEntry;
}

export interface NamedProcessor {
  id: string;
  /** Its id first, then the others. */
  names: readonly string[];
  entry: ProcessorEntry;
}

/** An entry that cites clauses. */
interface Citing {
  clauses: readonly number[];
}

/** The clause that a finding cites: the first of the entry that was broken; null where no clause covers it. */
export const clauseOf = (entry: Citing | undefined): number | null => entry?.clauses[0] ?? null;

export class Promises {
  readonly policy: Policy;
  readonly #purposes: ReadonlyMap<string, PurposeEntry>;
  readonly #recipients = new Map<string, NamedRecipient>();
  readonly #processors = new Map<string, NamedProcessor>();
  readonly #territory: ReadonlySet<string>;
  readonly #categories: ReadonlySet<string>;
  readonly #subjects: ReadonlySet<string>;

  constructor(policy: Policy) {
    this.policy = policy;
    this.#purposes = new Map(Object.entries(policy.purposes));
    this.#categories = new Set(Object.keys(policy.dataCategories));
    this.#subjects = new Set(Object.keys(policy.subjectCategories));
    const { area, countries = [] } = policy.territory;
    this.#territory = new Set([...(area === 'EEA-30' ? EEA : []), ...countries]);
    for (const [id, entry] of Object.entries(policy.recipients)) this.#name(id, entry);
    for (const [id, entry] of Object.entries(policy.processors ?? {})) {
      const names = [id, ...(entry.aliases ?? [])];
      for (const name of names) this.#processors.set(name, { id, names, entry });
    }
  }

  /** Undefined for a purpose that was not promised. */
  purpose(code: string | undefined): PurposeEntry | undefined {
    return code === undefined ? undefined : this.#purposes.get(code);
  }

  /** Whether the policy speaks of a category of data at all. */
  namesCategory(code: string): boolean {
    return this.#categories.has(code);
  }

  /** Whether the policy speaks of a category of data subjects at all. */
  namesSubject(code: string): boolean {
    return this.#subjects.has(code);
  }

  /** By its id, or another name. A group with members is no recipient itself: a data subject may ask who it was. */
  recipient(name: string | undefined): NamedRecipient | undefined {
    return name === undefined ? undefined : this.#recipients.get(name);
  }

  processor(name: string | undefined): NamedProcessor | undefined {
    return name === undefined ? undefined : this.#processors.get(name);
  }

  /** The names of each processor that has several. */
  processorNames(): (readonly string[])[] {
    return [...new Set([...this.#processors.values()].map(({ names }) => names))].filter(({ length }) => length > 1);
  }

  /** Whether a country lies where the policy says that everything lies. */
  isWithinTerritory(country: string): boolean {
    return this.#territory.has(country);
  }

  #name(id: string, entry: RecipientEntry): void {
    const members = Object.entries(entry.organisations ?? {});
    if (members.length === 0) for (const name of [id, ...(entry.aliases ?? [])]) this.#recipients.set(name, { id, entry });
    for (const [member, { aliases = [] }] of members) {
      for (const name of [member, ...aliases]) this.#recipients.set(name, { id: member, entry });
    }
  }
}
