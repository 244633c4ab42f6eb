/** What a policy says in one place of another: whether it is there, and whether both fit together. */
import { isMap, isScalar, isSeq, type Node, type Pair } from 'yaml';
import { EEA, FORBIDDEN_PURPOSES, type Vocabulary } from '../vocabulary/vocabulary.ts';
import { didYouMean, type YamlText } from '../vocabulary/yaml-text.ts';
import type { Policy } from './document.ts';
import { quoted } from './form.ts';

/** Notes every reference that leads nowhere, and everything that contradicts something else. */
export function resolveReferences(policy: Policy, yaml: YamlText, vocabulary: Vocabulary): void {
  const check = new Check(policy, new Places(yaml));
  check.clauses();
  check.purposes(vocabulary);
  check.collection();
  check.recipients();
  check.processors();
  check.territory();
  check.assessments();
  check.retention();
  check.others();
}

type Path = readonly string[];

/** Where things stand in the text. */
class Places {
  readonly #yaml: YamlText;
  constructor(yaml: YamlText) {
    this.#yaml = yaml;
  }

  /** Notes a mistake at the key at the end of a path, or at an element of the list there. */
  mistake(path: Path, message: string, item?: string | number): void {
    let pair: Pair | undefined;
    let node: Node | null = this.#yaml.root;
    for (const name of path) {
      pair = isMap(node) ? node.items.find(({ key }) => isScalar(key) && this.#yaml.textOf(key, name) === name) : undefined;
      node = (pair?.value as Node | null) ?? null;
    }
    const element = isSeq(node) ? node.items.find((each) => isScalar(each) && String(each.value) === String(item)) : undefined;
    this.#yaml.mistake((element as Node | undefined) ?? (pair?.key as Node | undefined), message);
  }
}

class Check {
  readonly #policy: Policy;
  readonly #places: Places;
  constructor(policy: Policy, places: Places) {
    this.#policy = policy;
    this.#places = places;
  }

  /** Every clause is cited, or it is said why not; what is cited is there. */
  clauses(): void {
    const { clauses, ...rest } = this.#policy;
    const cited = new Set<string>();
    forEachCitation(rest, [], (path, number) => {
      cited.add(String(number));
      if (Object.hasOwn(clauses, String(number))) return;
      this.#places.mistake(path, `${path.join('.')}: there is no clause ${number} under clauses; add it there, or cite another`, number);
    });
    for (const [number, { nothingFollows }] of Object.entries(clauses)) {
      if (cited.has(number) && nothingFollows !== undefined) {
        this.#places.mistake(['clauses', number, 'nothingFollows'], `clause ${number} is cited by an entry: leave nothingFollows out`);
      } else if (!cited.has(number) && nothingFollows === undefined) {
        this.#places.mistake(
          ['clauses', number],
          `clause ${number} is cited by no entry: cite it where it is kept, or say why under nothingFollows`,
        );
      }
    }
  }

  purposes(vocabulary: Vocabulary): void {
    for (const [purpose, { data }] of Object.entries(this.#policy.purposes)) {
      const path = ['purposes', purpose];
      const iri = vocabulary.iri('purpose', purpose)?.iri;
      if (iri !== undefined && FORBIDDEN_PURPOSES.includes(iri))
        this.#places.mistake(path, `${purpose} is a sale of data, which no policy may allow`);
      for (const [subject, categories] of Object.entries(data)) {
        this.#known([subject], 'subjectCategories', [...path, 'data', subject]);
        this.#known(categories, 'dataCategories', [...path, 'data', subject]);
      }
      this.#bases(purpose);
    }
  }

  #bases(purpose: string): void {
    const { bases, data } = this.#policy.purposes[purpose] as Policy['purposes'][string];
    for (const [basis, { assessments, statutes, subjects = [] }] of Object.entries(bases)) {
      const path = ['purposes', purpose, 'bases', basis];
      const needsAssessment = basis === '6(1)(f)';
      const needsStatute = basis === '6(1)(c)' || basis === '6(1)(e)';
      if (needsAssessment && assessments === undefined)
        this.#places.mistake(path, `${basis} needs assessments: [a reference under assessments]`);
      if (!needsAssessment && assessments) this.#places.mistake([...path, 'assessments'], `${basis} has no assessments; only 6(1)(f) has`);
      if (needsStatute && statutes === undefined) this.#places.mistake(path, `${basis} needs statutes: [a name under statutes]`);
      if (!needsStatute && statutes) this.#places.mistake([...path, 'statutes'], `${basis} has no statutes; only 6(1)(c) and 6(1)(e) have`);
      this.#known(assessments, 'assessments', [...path, 'assessments']);
      this.#known(statutes, 'statutes', [...path, 'statutes']);
      for (const subject of subjects.filter((each) => !Object.hasOwn(data, each))) {
        this.#places.mistake([...path, 'subjects'], `the purpose ${purpose} has no data of ${subject}`, subject);
      }
    }
  }

  collection(): void {
    for (const [way, { purposes, subjects = [] }] of Object.entries(this.#policy.collection)) {
      const path = ['collection', way];
      this.#known(purposes, 'purposes', [...path, 'purposes']);
      this.#ofPurposes(purposes, subjects, [...path, 'subjects']);
    }
  }

  /** Names of recipients and processors are unique, so that a record's recipient is one entry. */
  recipients(): void {
    const { recipients, processors = {}, controller } = this.#policy;
    const taken = new Map<string, string>();
    const take = (name: string, whose: string, path: Path, item?: string) => {
      const before = taken.get(name);
      if (before !== undefined) this.#places.mistake(path, `${quoted(name)} names ${before} already: a name leads to one entry`, item);
      else taken.set(name, whose);
    };
    const takeAll = (id: string, aliases: readonly string[] | undefined, path: Path) => {
      take(id, path.join('.'), path);
      for (const alias of aliases ?? []) take(alias, path.join('.'), [...path, 'aliases'], alias);
    };
    for (const [id, { purposes, categories, aliases, organisations = {} }] of Object.entries(recipients)) {
      const path = ['recipients', id];
      takeAll(id, aliases, path);
      for (const [member, { aliases: others }] of Object.entries(organisations))
        takeAll(member, others, [...path, 'organisations', member]);
      this.#known(purposes, 'purposes', [...path, 'purposes']);
      this.#known(categories, 'dataCategories', [...path, 'categories']);
    }
    for (const [id, { aliases }] of Object.entries(processors)) takeAll(id, aliases, ['processors', id]);
    const { supervisoryAuthority } = controller;
    if (recipients[supervisoryAuthority]?.role !== 'supervisory-authority') {
      const message = `there is no recipient ${quoted(supervisoryAuthority)} with the role supervisory-authority: add it under recipients`;
      this.#places.mistake(['controller', 'supervisoryAuthority'], message);
    }
  }

  processors(): void {
    for (const [id, { agreements }] of Object.entries(this.#policy.processors ?? {})) {
      for (const [reference, { from, until, purposes, categories }] of Object.entries(agreements)) {
        const path = ['processors', id, 'agreements', reference];
        this.#days(from, until, path);
        this.#known(purposes, 'purposes', [...path, 'purposes']);
        this.#known(categories, 'dataCategories', [...path, 'categories']);
      }
    }
  }

  /** What the policy itself plans must lie where it says that everything lies. */
  territory(): void {
    const { area, countries = [] } = this.#policy.territory;
    if (area === undefined && countries.length === 0) this.#places.mistake(['territory'], 'territory names an area, countries, or both');
    const within = new Set([...(area === undefined ? [] : EEA), ...countries]);
    const outside = (country: string, path: Path) => {
      if (!within.has(country)) this.#places.mistake(path, `${country} is outside the territory: keep to it, or widen it`, country);
    };
    for (const [id, { country, organisations = {} }] of Object.entries(this.#policy.recipients)) {
      outside(country, ['recipients', id, 'country']);
      for (const [member, { country: other = country }] of Object.entries(organisations)) {
        if (other !== country) outside(other, ['recipients', id, 'organisations', member, 'country']);
      }
    }
    for (const [id, { agreements }] of Object.entries(this.#policy.processors ?? {})) {
      for (const [reference, { countries: places }] of Object.entries(agreements)) {
        for (const country of places) outside(country, ['processors', id, 'agreements', reference, 'countries']);
      }
    }
  }

  assessments(): void {
    for (const [reference, { from, until }] of Object.entries(this.#policy.assessments ?? {}))
      this.#days(from, until, ['assessments', reference]);
  }

  /** Of data of one purpose and subject category, at most one rule says how long it is kept. */
  retention(): void {
    const taken = new Map<string, string>();
    for (const [rule, { purposes, subjects, statute }] of Object.entries(this.#policy.retention)) {
      const path = ['retention', rule];
      this.#known(purposes, 'purposes', [...path, 'purposes']);
      this.#ofPurposes(purposes, subjects ?? [], [...path, 'subjects']);
      this.#known(statute === undefined ? [] : [statute], 'statutes', [...path, 'statute']);
      for (const purpose of purposes) {
        for (const subject of subjects ?? Object.keys(this.#policy.purposes[purpose]?.data ?? {})) {
          const before = taken.get(`${purpose} ${subject}`);
          const message = `data of ${subject} for ${purpose} is kept by ${before} already: say under subjects whose data each rule keeps`;
          if (before !== undefined && before !== rule) this.#places.mistake([...path, 'purposes'], message, purpose);
          else taken.set(`${purpose} ${subject}`, rule);
        }
      }
    }
  }

  others(): void {
    const { directMarketing, access, authorities } = this.#policy;
    this.#known(directMarketing?.purposes, 'purposes', ['directMarketing', 'purposes']);
    this.#known(access?.withoutCase, 'purposes', ['access', 'withoutCase']);
    this.#known(authorities?.purposes, 'purposes', ['authorities', 'purposes']);
  }

  #known(names: readonly string[] | undefined, section: keyof Policy, path: Path): void {
    const entries = (this.#policy[section] ?? {}) as object;
    for (const name of names ?? []) {
      if (Object.hasOwn(entries, name)) continue;
      const message = `there is no ${quoted(name)} under ${section}${didYouMean(name, Object.keys(entries))}: add it there, or name another`;
      this.#places.mistake(path, message, name);
    }
  }

  #ofPurposes(purposes: readonly string[], subjects: readonly string[], path: Path): void {
    for (const subject of subjects) {
      const isThere = purposes.some((purpose) => Object.hasOwn(this.#policy.purposes[purpose]?.data ?? {}, subject));
      if (!isThere) this.#places.mistake(path, `none of ${purposes.join(', ')} has data of ${subject}`, subject);
    }
  }

  #days(from: string, until: string | undefined, path: Path): void {
    if (until !== undefined && until < from) this.#places.mistake([...path, 'until'], `until lies before from (${from})`);
  }
}

function forEachCitation(value: unknown, path: Path, visit: (path: Path, number: number) => void): void {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return;
  for (const [name, each] of Object.entries(value)) {
    if (name === 'clauses' && Array.isArray(each)) for (const number of each) visit([...path, name], number as number);
    else forEachCitation(each, [...path, name], visit);
  }
}
