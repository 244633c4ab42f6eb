/** What recurs in findings and gets a number: profiles, outcomes, and what an event's rules found together. */
import { hash } from 'node:crypto';
import { sql } from 'kysely';
import { Memory } from '../entries/numbers.ts';
import type { Tx, Value } from '../projection.ts';
import type { Told } from '../state/facts.ts';
import { judgedOf, type Profile, profileKeyOf, profileOf } from '../state/profile.ts';
import { outcomeKey } from './items.ts';
import type { JudgedEvent, Outcome } from './rules/rule.ts';

/** Each remembered, about: real systems have some hundreds of profiles, and few of them differ in what is found. */
const REMEMBERED = 20_000;

type Table = 'findings_profiles' | 'findings_outcomes' | 'findings_judgements';

/** Numbers given in the order in which things occur, for ever. */
class Numbers<T> {
  readonly #memory = new Memory<T>(REMEMBERED);
  readonly #table: Table;
  /** The highest number given, read when first needed. */
  #last: number | undefined;

  constructor(table: Table) {
    this.#table = table;
  }

  get(key: string): T | undefined {
    return this.#memory.get(key);
  }

  /** @param make what is remembered of a number; `isNew` where its row is to be written */
  async give(tx: Tx, key: string, digest: string, make: (id: number, isNew: boolean) => T): Promise<T> {
    const found = await sql<{ id: number }>`select id from ${sql.table(this.#table)} where digest = ${digest}`.execute(tx.db);
    const known = found.rows[0];
    if (this.#last === undefined) {
      const highest = await sql<{ id: number | null }>`select max(id) as id from ${sql.table(this.#table)}`.execute(tx.db);
      this.#last = highest.rows[0]?.id ?? 0;
    }
    const made = make(known?.id ?? ++this.#last, known === undefined);
    this.#memory.set(key, made);
    return made;
  }

  age(): void {
    this.#memory.age();
  }

  forget(): void {
    this.#memory.clear();
    this.#last = undefined;
  }
}

const digestOf = (value: unknown): string => hash('sha256', JSON.stringify(value), 'base64url');

/** A profile with its number, and whatever is worked out for it once. */
export interface Numbered<Plan> {
  id: number;
  profile: Profile;
  /** Places of categories of people in the profile. */
  places: ReadonlyMap<string | undefined, number>;
  plans: Plan[];
  /** An event of the profile, used again and again: whoever judges one sets what is its own. */
  stage: JudgedEvent & { id: string };
}

export class Profiles<Plan> {
  readonly #numbers = new Numbers<Numbered<Plan>>('findings_profiles');
  readonly #byId = new Map<number, Numbered<Plan>>();

  /** Undefined where it has to be given a number first. */
  known(event: Told): Numbered<Plan> | undefined {
    return this.#numbers.get(profileKeyOf(event));
  }

  async of(tx: Tx, event: Told): Promise<Numbered<Plan>> {
    const profile = profileOf(event);
    const facts = JSON.stringify(profile);
    const digest = hash('sha256', facts, 'base64url');
    return this.#numbers.give(tx, profileKeyOf(event), digest, (id, isNew) => {
      const { type, source, data } = profile;
      const row: Value[] = [id, digest, type, source, data.purpose ?? null, data.recipient?.id ?? null, facts];
      if (isNew) tx.insertMany('findings_profiles', ['id', 'digest', 'type', 'source', 'purpose', 'recipient', 'facts'], row);
      return numbered(id, profile);
    });
  }

  /** One that is known to have its number. */
  byId(id: number, profile: Profile): Numbered<Plan> {
    let known = this.#byId.get(id);
    if (known) return known;
    known = numbered(id, profile);
    if (this.#byId.size >= REMEMBERED) this.#byId.clear();
    this.#byId.set(id, known);
    return known;
  }

  age(): void {
    this.#numbers.age();
  }

  forget(): void {
    this.#numbers.forget();
    this.#byId.clear();
  }
}

const numbered = <Plan>(id: number, profile: Profile): Numbered<Plan> => ({
  ...{ id, profile, plans: [] },
  stage: judgedOf(profile, { id: '', time: 0, recordedAt: 0, actor: '', subjects: [], own: null }),
  places: new Map(profile.people.map((category, place) => [category ?? undefined, place])),
});

/** An outcome that is a finding. */
export type Finding = Exclude<Outcome, { verdict: 'conforms' }>;

/** It with its number. */
export interface FoundOutcome {
  id: number;
  /** Its part of the ids of findings. */
  key: Buffer;
}

const OUTCOME_COLUMNS = [
  ...['id', 'digest', 'rule', 'what', 'verdict', 'severity', 'clause', 'article', 'missing', 'recipient', 'policy_version'],
];

export class Outcomes {
  readonly #numbers = new Numbers<FoundOutcome>('findings_outcomes');

  /** Undefined where it has to be given a number first. */
  known(rule: string, policyVersion: string | null, outcome: Finding): FoundOutcome | undefined {
    return this.#numbers.get(memoryKeyOf(rule, policyVersion, outcome));
  }

  async of(tx: Tx, rule: string, policyVersion: string | null, outcome: Finding): Promise<FoundOutcome> {
    const key = memoryKeyOf(rule, policyVersion, outcome);
    const known = this.#numbers.get(key);
    if (known) return known;
    const told = toldOf(rule, policyVersion, outcome);
    return this.#numbers.give(tx, key, digestOf(told), (id, isNew) => {
      if (isNew) tx.insertMany('findings_outcomes', OUTCOME_COLUMNS, [id, digestOf(told), ...Object.values(told)]);
      return { id, key: outcomeKey(told) };
    });
  }

  age(): void {
    this.#numbers.age();
  }

  forget(): void {
    this.#numbers.forget();
  }
}

/** Everything that tells one outcome from another, made for every finding. */
function memoryKeyOf(rule: string, policyVersion: string | null, outcome: Finding): string {
  const of = `${rule}\0${policyVersion}\0${outcome.clause}\0${outcome.article}`;
  if (outcome.verdict === 'undeterminable') return `${of}\0?${outcome.missing.join('\x01')}`;
  return `${of}\0${outcome.what}\0${outcome.severity}\0${outcome.recipient}`;
}

/** In the order of the columns. */
function toldOf(rule: string, policyVersion: string | null, outcome: Finding) {
  const { verdict, clause, article } = outcome;
  const isViolation = outcome.verdict === 'violates';
  return {
    rule,
    what: isViolation ? outcome.what : null,
    verdict,
    severity: isViolation ? outcome.severity : null,
    clause,
    article,
    missing: isViolation ? null : JSON.stringify(outcome.missing),
    recipient: (isViolation ? outcome.recipient : undefined) ?? null,
    policyVersion,
  };
}

/** What all rules together found of an event. */
export interface Found {
  policyVersion: string | null;
  /** Rules that it conforms to. */
  conforms: readonly string[];
  outcomes: readonly { id: number; rule: string; verdict: 'violates' | 'undeterminable'; isDated: boolean }[];
}

/** How one event counts for a rule. */
export type Counted = 'conforms' | 'violates' | 'undeterminable' | 'dated';

export interface FoundTogether {
  id: number;
  policyVersion: string;
  /** Numbers of `findings_outcomes`. */
  outcomes: readonly number[];
  /** For each rule that concerns it, how it counts. */
  counts: readonly [rule: string, as: Counted][];
}

export class Judgements {
  readonly #numbers = new Numbers<FoundTogether>('findings_judgements');
  readonly #byId = new Map<number, FoundTogether>();

  get(key: string): FoundTogether | undefined {
    return this.#numbers.get(key);
  }

  /** @param key what is the same for all that found the same, however it is written */
  async of(tx: Tx, key: string, found: Found): Promise<FoundTogether> {
    const { policyVersion, conforms, outcomes } = found;
    const digest = digestOf([policyVersion, conforms, outcomes.map(({ id, isDated }) => [id, isDated])]);
    return this.#numbers.give(tx, key, digest, (id, isNew) => {
      if (isNew) {
        const row = [id, digest, policyVersion, JSON.stringify(conforms), JSON.stringify(outcomes)];
        tx.insertMany('findings_judgements', ['id', 'digest', 'policy_version', 'conforms', 'outcomes'], row);
      }
      return togetherOf(id, found);
    });
  }

  /** What an event was found to be that was judged before. */
  async byId(tx: Tx, id: number): Promise<FoundTogether> {
    let known = this.#byId.get(id);
    if (known) return known;
    const row = await tx.db.selectFrom('findings_judgements').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
    const { policy_version: policyVersion, conforms, outcomes } = row;
    known = togetherOf(id, { policyVersion, conforms: JSON.parse(conforms), outcomes: JSON.parse(outcomes) });
    if (this.#byId.size >= REMEMBERED) this.#byId.clear();
    this.#byId.set(id, known);
    return known;
  }

  age(): void {
    this.#numbers.age();
  }

  forget(): void {
    this.#numbers.forget();
    this.#byId.clear();
  }
}

/** What counts most of what a rule found. */
const WEIGHT: Record<Counted, number> = { conforms: 0, dated: 1, undeterminable: 2, violates: 3 };

function togetherOf(id: number, { policyVersion, conforms, outcomes }: Found): FoundTogether {
  const counts = new Map<string, Counted>(conforms.map((rule) => [rule, 'conforms']));
  for (const { rule, verdict, isDated } of outcomes) {
    const as = verdict === 'violates' && isDated ? 'dated' : verdict;
    const before = counts.get(rule);
    if (before === undefined || WEIGHT[before] < WEIGHT[as]) counts.set(rule, as);
  }
  return { id, policyVersion: policyVersion ?? '', outcomes: outcomes.map((each) => each.id), counts: [...counts] };
}
