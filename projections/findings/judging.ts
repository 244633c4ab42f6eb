/**
 * Events judged one after the other, fast: what a rule says of a profile whatever else is known is asked once for each version of the policy,
 * and again only where it depends on when, or on whom. It says exactly what `judge` says.
 */

import { effectiveAt } from '../../src/policy/in-force.ts';
import type { Tx } from '../projection.ts';
import { ProcessorNames } from '../state/names.ts';
import { judgedOf, type Profile } from '../state/profile.ts';
import { type Finding, type FoundOutcome, type FoundTogether, Judgements, type Numbered, Outcomes } from './interning.ts';
import { judge, type Published } from './judge.ts';
import { LAW, RULES } from './rules/all.ts';
import { judgePolicy } from './rules/r01-policy.ts';
import type { JudgedEvent, LawRule, Outcome, Rule, State } from './rules/rule.ts';

/** A finding of one event. */
export interface FindingOfEvent {
  outcome: FoundOutcome;
  dueAt: number | undefined;
  /** Whom it is about; undefined: everybody on the event. */
  whom: readonly string[] | undefined;
}

export interface Verdict {
  together: FoundTogether;
  findings: readonly FindingOfEvent[];
}

const R1: LawRule = {
  ...{ id: 'R1', title: 'A version of the policy was in force', needs: [] },
  judge: (event, promises) => judgePolicy(event, promises),
};

/** What a rule looked at, besides what is in the profile. */
const [PEOPLE, ELSE] = [1, 2];

/** What the rules say of a profile under a version. */
export interface Plan {
  version: Published | undefined;
  /** Of every such event. */
  always: Said[];
  /** Of those about whom nothing is known. */
  quietly: Said[];
  /** To be asked of each event about whom something is known; else nothing but `rules`. */
  ofPeople: readonly Rule[];
  rules: readonly Rule[];
  /** What was found together before, by what the rules that were asked said. */
  known: Map<string, FoundTogether>;
}

interface Said {
  rule: string;
  outcome: Outcome;
}

/** Combinations remembered of one plan: few events differ in what is found. */
const REMEMBERED = 1_000;

export class Judging {
  readonly outcomes = new Outcomes();
  readonly judgements = new Judgements();
  /** By when they begin; of two that begin together the one that was published later comes later. */
  #versions: readonly { begins: number; published: Published }[] = [];
  published: readonly Published[] = [];
  names = new ProcessorNames([]);

  /** @param published in the order of publication */
  use(published: readonly Published[]): void {
    this.published = published;
    this.names = new ProcessorNames(published.map(({ promises }) => promises));
    this.#versions = published.map((each) => ({ begins: effectiveAt(each), published: each })).sort((a, b) => a.begins - b.begins);
  }

  versionAt(time: number): Published | undefined {
    for (let i = this.#versions.length - 1; i >= 0; i--) {
      const each = this.#versions[i] as { begins: number; published: Published };
      if (each.begins <= time) return each.published;
    }
    return undefined;
  }

  age(): void {
    this.outcomes.age();
    this.judgements.age();
  }

  forget(): void {
    this.outcomes.forget();
    this.judgements.forget();
    this.use([]);
  }

  /** By every rule, one by one. */
  async inFull(tx: Tx, event: JudgedEvent, state: State): Promise<Verdict> {
    const version = this.versionAt(event.time);
    return this.#verdict(tx, judge(event, this.published, state), version, event);
  }

  /** By its profile's plan, without asking anybody; undefined where something has to be given a number first: see `withPlan`. */
  byPlan({ plan, event, isQuiet, state }: Planned): Verdict | undefined {
    let key = isQuiet ? 'q' : '';
    let said: Said[] | undefined;
    for (const rule of plan.rules) {
      const outcomes = rule.judge(event, plan.version?.promises as never, state);
      key += this.#keyOf(rule, outcomes, plan);
      if (outcomes.length > 0 && !isConforming(outcomes))
        said = [...(said ?? []), ...outcomes.map((outcome) => ({ rule: rule.id, outcome }))];
    }
    if (!isQuiet) {
      for (const rule of plan.ofPeople) {
        const outcomes = rule.judge(event, plan.version?.promises as never, state);
        key += this.#keyOf(rule, outcomes, plan);
        if (outcomes.length > 0 && !isConforming(outcomes))
          said = [...(said ?? []), ...outcomes.map((outcome) => ({ rule: rule.id, outcome }))];
      }
    }
    const together = plan.known.get(key);
    if (together === undefined) return undefined;
    if (together.outcomes.length === 0) return { together, findings: NONE };
    const findings = this.#findings([...plan.always, ...(isQuiet ? plan.quietly : NONE), ...(said ?? NONE)], plan.version, event);
    return findings && { together, findings };
  }

  /** What `byPlan` could not tell. */
  async withPlan(tx: Tx, { plan, event, isQuiet, state }: Planned): Promise<Verdict> {
    const rules = isQuiet ? plan.rules : [...plan.rules, ...plan.ofPeople];
    const asked = rules.map((rule) => ({ rule, outcomes: rule.judge(event, plan.version?.promises as never, state) }));
    const said = asked.flatMap(({ rule, outcomes }) => outcomes.map((outcome) => ({ rule: rule.id, outcome })));
    const verdict = await this.#verdict(tx, [...plan.always, ...(isQuiet ? plan.quietly : NONE), ...said], plan.version, event);
    // Now that every outcome has a number, the key can be made.
    const key = asked.map(({ rule, outcomes }) => this.#keyOf(rule, outcomes, plan)).join('');
    if (plan.known.size >= REMEMBERED) plan.known.clear();
    plan.known.set((isQuiet ? 'q' : '') + key, verdict.together);
    return verdict;
  }

  #keyOf({ id }: Rule, outcomes: readonly Outcome[], { version }: Plan): string {
    if (outcomes.length === 0) return '-';
    if (isConforming(outcomes)) return '+';
    let key = '';
    for (const each of outcomes) {
      if (each.verdict === 'conforms') key += '+';
      else
        key += `${this.outcomes.known(id, version?.version ?? null, each)?.id}${'dueAt' in each && each.dueAt !== undefined ? 'd' : ','}`;
    }
    return key;
  }

  #findings(said: readonly Said[], version: Published | undefined, event: JudgedEvent): FindingOfEvent[] | undefined {
    const findings: FindingOfEvent[] = [];
    for (const { rule, outcome } of said) {
      if (outcome.verdict === 'conforms') continue;
      const known = this.outcomes.known(rule, version?.version ?? null, outcome);
      if (known === undefined) return undefined;
      findings.push(findingOf(known, outcome, event));
    }
    return findings;
  }

  async #verdict(tx: Tx, said: readonly Said[], version: Published | undefined, event: JudgedEvent): Promise<Verdict> {
    const policyVersion = version?.version ?? null;
    const conforms = new Set<string>();
    const found = new Map<number, { id: number; rule: string; verdict: Finding['verdict']; isDated: boolean }>();
    const findings: FindingOfEvent[] = [];
    for (const { rule, outcome } of said) {
      if (outcome.verdict === 'conforms') {
        conforms.add(rule);
        continue;
      }
      const known = await this.outcomes.of(tx, rule, policyVersion, outcome);
      if (found.has(known.id)) continue;
      const isDated = outcome.verdict === 'violates' && outcome.dueAt !== undefined;
      found.set(known.id, { id: known.id, rule, verdict: outcome.verdict, isDated });
      findings.push(findingOf(known, outcome, event));
    }
    const outcomes = [...found.values()].sort((a, b) => a.id - b.id);
    const together = { policyVersion, conforms: [...conforms].sort(), outcomes };
    const key = JSON.stringify(together);
    return { together: this.judgements.get(key) ?? (await this.judgements.of(tx, key, together)), findings };
  }
}

const NONE: readonly never[] = [];

const isConforming = (outcomes: readonly Outcome[]): boolean => outcomes.length === 1 && (outcomes[0] as Outcome).verdict === 'conforms';

export interface Planned {
  plan: Plan;
  event: JudgedEvent;
  /** Nothing is known of the people on it. */
  isQuiet: boolean;
  state: State;
}

function findingOf(outcome: FoundOutcome, said: Finding, { data: { subjects } }: JudgedEvent): FindingOfEvent {
  if (said.verdict === 'undeterminable') return { outcome, dueAt: undefined, whom: undefined };
  const { whom, dueAt } = said;
  if (whom === undefined || subjects.length < 2) return { outcome, dueAt, whom: undefined };
  const meant = new Set(whom);
  // A plan speaks of people by their categories.
  const those = subjects.filter(({ reference, category }) => meant.has(reference) || meant.has(standIn(category)));
  const found = new Set(those.map(({ reference }) => reference));
  const isEverybody = subjects.every(({ reference }) => found.has(reference));
  return { outcome, dueAt, whom: isEverybody ? undefined : [...found] };
}

/** Whoever has a category, in a plan: no reference is written so. */
const standIn = (category: string | undefined): string => `*${category ?? ''}`;

/**
 * What the rules say of a profile, and which of them have to be asked of each event. A rule that looks neither at the time nor at what is known
 * says the same of every event of the profile: it is given the same. It may look at people by their category alone, and not at how many they are.
 */
export function planOf({ profile, plans }: Numbered<Plan>, version: Published | undefined): Plan {
  const known = plans.find((each) => each.version === version);
  if (known) return known;
  const plan: Plan = { version, always: [], quietly: [], ofPeople: [], rules: [], known: new Map() };
  const ofPeople: Rule[] = [];
  const rules: Rule[] = [];
  for (const rule of [R1, ...(version === undefined ? LAW : RULES)] as Rule[]) {
    const watch = { seen: 0 };
    const outcomes = rule.judge(watched(profile, watch), version?.promises as never, nothingKnown(watch));
    const said = outcomes.map((outcome) => ({ rule: rule.id, outcome }));
    if (watch.seen === 0) plan.always.push(...said);
    else if (watch.seen === PEOPLE) {
      plan.quietly.push(...said);
      ofPeople.push(rule);
    } else rules.push(rule);
  }
  plan.ofPeople = ofPeople;
  plan.rules = rules;
  plans.push(plan);
  return plan;
}

interface Watch {
  seen: number;
}

/** An event of the profile that notices what is looked at. */
function watched(profile: Profile, watch: Watch): JudgedEvent {
  const subjects = profile.people.map((category, place) => ({ reference: standIn(category ?? undefined), place }));
  const event = judgedOf(profile, { id: '', time: 0, recordedAt: 0, actor: '*actor', subjects, own: null });
  for (const name of ['id', 'time', 'recordedAt'] as const) {
    const value = event[name];
    Object.defineProperty(event, name, {
      get: () => {
        watch.seen |= ELSE;
        return value;
      },
    });
  }
  return event;
}

/** Nothing was ever said, and it is noticed of what was asked. */
function nothingKnown(watch: Watch): State {
  const noticing =
    <T>(what: number, answer: T) =>
    () => {
      watch.seen |= what;
      return answer;
    };
  return {
    consent: noticing(PEOPLE, undefined),
    objections: noticing(PEOPLE, NONE),
    restrictions: noticing(PEOPLE, NONE),
    erasures: noticing(PEOPLE, NONE),
    informed: noticing(ELSE, NONE),
    firstContactAfter: noticing(PEOPLE, undefined),
    firstDisclosureAfter: noticing(PEOPLE, undefined),
    deliveries: noticing(PEOPLE, NONE),
    notifications: noticing(PEOPLE, NONE),
    collections: noticing(ELSE, NONE),
    reportsCollections: noticing(ELSE, false),
    grants: noticing(ELSE, undefined),
    instructedAt: noticing(ELSE, undefined),
    agreements: noticing(ELSE, NONE),
    nextReviewAt: noticing(ELSE, undefined),
    caseEndedAt: noticing(ELSE, undefined),
    isSamePerson: noticing(ELSE, false),
  };
}
