import { ADEQUATE, type Adequacy, CODES, type Code, type CodeList, EEA } from './codes.ts';

export { type Code, type CodeList, EEA, FORBIDDEN_PURPOSES, PREFIXES } from './codes.ts';

/** Lists to which a controller may add codes of its own, by their name under `codes:` in a policy file. */
export const DECLARABLE = {
  purposes: 'purpose',
  dataCategories: 'dataCategory',
  subjectCategories: 'subjectCategory',
  channels: 'channel',
} as const satisfies Record<string, CodeList>;

/** A controller's own codes, by list. */
export type DeclaredCodes = { [list in keyof typeof DECLARABLE]?: Record<string, Code> };

/** Which codes are known: the built-in ones and a controller's own. It may grow; no code is ever taken away, nor means anything else. */
export class Vocabulary {
  #lists: ReadonlyMap<CodeList, ReadonlyMap<string, Code>>;
  #revision = 0;

  private constructor(lists: ReadonlyMap<CodeList, ReadonlyMap<string, Code>>) {
    this.#lists = lists;
  }

  /** The codes that the ledger ships with. */
  static builtIn(): Vocabulary {
    const lists = Object.entries(CODES).map(([list, table]) => [list, new Map(Object.entries(table))] as const);
    return new Vocabulary(new Map(lists as [CodeList, Map<string, Code>][]));
  }

  /**
   * A vocabulary with a controller's own codes added.
   *
   * @throws where a declared code is already known: its meaning in history would change
   */
  with(declared: DeclaredCodes): Vocabulary {
    const lists = new Map(this.#lists);
    for (const [name, list] of Object.entries(DECLARABLE)) {
      const added = Object.entries(declared[name as keyof DeclaredCodes] ?? {});
      const codes = new Map(this.#list(list));
      for (const [code, meaning] of added) {
        if (codes.has(code)) throw new Error(`codes.${name}.${code} is already known`);
        codes.set(code, meaning);
      }
      lists.set(list, codes);
    }
    return new Vocabulary(lists);
  }

  /** Adds codes that are not known yet: whoever holds this vocabulary knows them from then on. Those that are known stay as they are. */
  learn(declared: DeclaredCodes): void {
    const grown = this.with(this.#unknownOf(declared));
    this.#lists = grown.#lists;
    this.#revision++;
  }

  /** Another number once codes may have joined: for whoever keeps something that was made of them. */
  get revision(): number {
    return this.#revision;
  }

  /** Declared codes that are known with another term of DPV, as `purposes.code`: what was recorded with them would change its meaning. */
  contradictions(declared: DeclaredCodes): string[] {
    return declaredIn(declared).flatMap(({ name, list, code, meaning }) => {
      const known = this.meaning(list, code);
      const isOther = known !== undefined && (known.iri !== meaning.iri || known.exact !== meaning.exact);
      return isOther ? [`${name}.${code}`] : [];
    });
  }

  #unknownOf(declared: DeclaredCodes): DeclaredCodes {
    const unknown = declaredIn(declared).filter(({ list, code }) => !this.has(list, code));
    const byList = Object.groupBy(unknown, ({ name }) => name);
    return Object.fromEntries(
      Object.entries(byList).map(([name, codes]) => [name, Object.fromEntries(codes.map(({ code, meaning }) => [code, meaning]))]),
    );
  }

  has(list: CodeList, code: string): boolean {
    return this.#list(list).has(code);
  }

  codes(list: CodeList): readonly string[] {
    return [...this.#list(list).keys()];
  }

  /** What a code means; undefined for an unknown one. */
  meaning(list: CodeList, code: string): Code | undefined {
    return this.#list(list).get(code);
  }

  /** The term of DPV 2.3 for a code; undefined where the code is unknown or DPV has no term, not even a broader one. */
  iri(list: CodeList, code: string): { iri: string; exact: boolean; note?: string } | undefined {
    const meaning = this.#list(list).get(code);
    if (meaning?.iri === undefined) return undefined;
    return { iri: meaning.iri, exact: meaning.exact, note: meaning.note };
  }

  #list(list: CodeList): ReadonlyMap<string, Code> {
    return this.#lists.get(list) as ReadonlyMap<string, Code>;
  }
}

function declaredIn(declared: DeclaredCodes): { name: keyof DeclaredCodes; list: CodeList; code: string; meaning: Code }[] {
  const lists = Object.entries(DECLARABLE) as [keyof DeclaredCodes, CodeList][];
  return lists.flatMap(([name, list]) => Object.entries(declared[name] ?? {}).map(([code, meaning]) => ({ name, list, code, meaning })));
}

/** Whether a country (ISO 3166-1 alpha-2) is in the European Economic Area. */
export function isInEea(country: string): boolean {
  return EEA.includes(country);
}

/**
 * The decision of the Commission on a country's adequacy (Art. 45(3)) that held on a day; undefined where there was none.
 * @param day in UTC, as in 2026-03-02
 */
export function adequacyOf(country: string, day: string): Adequacy | undefined {
  const decisions = Object.hasOwn(ADEQUATE, country) ? ADEQUATE[country] : undefined;
  return decisions?.find(({ from, until }) => from <= day && (until === undefined || day <= until));
}
