/** What a draft would find otherwise: findings of single events compared, and counted by rule. Pure. */
import type { Judgement } from '../findings/judge.ts';
import { type JudgedEvent, peopleOf } from '../findings/rules/rule.ts';
import { numberOf, titleOf } from '../findings/titles.ts';

export type Change = 'appears' | 'goes' | 'stays';

type Found = Exclude<Judgement['outcome'], { verdict: 'conforms' }>;

/** How many findings of one sort would appear, go and stay, and of how many people. */
export interface ChangesOfRule {
  rule: string;
  /** Of the rule. */
  title: string;
  verdict: Found['verdict'];
  /** What is broken, as a code; absent of what is undeterminable. */
  what?: string;
  appear: number;
  go: number;
  stay: number;
  /** Whom those would be about that appear, and that go: so many people. */
  subjects: { appear: number; go: number };
}

/** One of the findings that would appear, or go. It names nobody: the record leads to whom it is about. */
export interface ChangeExample {
  change: 'appears' | 'goes';
  rule: string;
  verdict: Found['verdict'];
  what?: string;
  severity?: string;
  clause: number | null;
  article: string;
  missing?: string[];
  recipient?: string;
  /** UTC. */
  dueAt?: string;
  event: { source: string; id: string; position: number; type: string; time: string };
}

/** Of all sorts together, at most. */
export const MAX_EXAMPLES = 300;

interface Row extends Omit<ChangesOfRule, 'subjects'> {
  people: Record<'appears' | 'goes', Set<number>>;
  examples: Record<'appears' | 'goes', number>;
}

/** An event as it was judged, and as it would be. */
export interface JudgedTwice {
  event: JudgedEvent & { id: string };
  position: number;
  before: readonly Judgement[];
  after: readonly Judgement[];
}

export class Tally {
  readonly examples: ChangeExample[] = [];
  events = 0;
  readonly #rows = new Map<string, Row>();
  readonly #people = new Map<string, number>();
  readonly #moment: number;
  readonly #examplesEach: number;

  /**
   * @param moment what is due later is no finding yet, milliseconds since 1970
   * @param examplesEach of each sort of finding that appears, and that goes
   */
  constructor(moment: number, examplesEach: number) {
    this.#moment = moment;
    this.#examplesEach = examplesEach;
  }

  add(judged: JudgedTwice): void {
    this.events += 1;
    const [before, after] = [this.#findings(judged.before), this.#findings(judged.after)];
    for (const [key, finding] of before) this.#count(after.has(key) ? 'stays' : 'goes', finding, judged);
    for (const [key, finding] of after) if (!before.has(key)) this.#count('appears', finding, judged);
  }

  /** Everybody whom findings that change would be about. */
  references(): string[] {
    return [...this.#people.keys()];
  }

  /**
   * Sums by sort of finding, in the order of the rules.
   * @param personOf the one reference that stands for all of a person's
   */
  rows(personOf: (reference: string) => string): ChangesOfRule[] {
    const persons = this.#persons(personOf);
    const rows = [...this.#rows.values()].sort(
      (a, b) => numberOf(a.rule) - numberOf(b.rule) || compared(a.what ?? '', b.what ?? '') || compared(a.verdict, b.verdict),
    );
    return rows.map(({ people, examples: _, ...row }) => ({
      ...row,
      subjects: { appear: distinct(people.appears, persons), go: distinct(people.goes, persons) },
    }));
  }

  /** Of all rules together. */
  total(personOf: (reference: string) => string): Pick<ChangesOfRule, 'appear' | 'go' | 'stay' | 'subjects'> {
    const persons = this.#persons(personOf);
    const rows = [...this.#rows.values()];
    const sum = (name: 'appear' | 'go' | 'stay') => rows.reduce((all, row) => all + row[name], 0);
    const all = (change: 'appears' | 'goes') => distinct(new Set(rows.flatMap(({ people }) => [...people[change]])), persons);
    return { appear: sum('appear'), go: sum('go'), stay: sum('stay'), subjects: { appear: all('appears'), go: all('goes') } };
  }

  #persons(personOf: (reference: string) => string): string[] {
    return [...this.#people.keys()].map(personOf);
  }

  /** By what tells one finding of an event from another. */
  #findings(judgements: readonly Judgement[]): Map<string, Finding> {
    const findings = new Map<string, Finding>();
    for (const { rule, outcome } of judgements) {
      if (outcome.verdict === 'conforms') continue;
      const isViolation = outcome.verdict === 'violates';
      if (isViolation && outcome.dueAt !== undefined && outcome.dueAt > this.#moment) continue;
      const which = isViolation ? [outcome.what, outcome.recipient ?? ''] : outcome.missing;
      findings.set([rule, outcome.verdict, outcome.article, ...which].join('|'), { rule, outcome });
    }
    return findings;
  }

  #count(change: Change, finding: Finding, judged: JudgedTwice): void {
    const row = this.#row(finding);
    if (change === 'stays') {
      row.stay += 1;
      return;
    }
    row[change === 'appears' ? 'appear' : 'go'] += 1;
    const { outcome } = finding;
    const whom = (outcome.verdict === 'violates' ? outcome.whom : undefined) ?? peopleOf(judged.event.data);
    for (const reference of whom) row.people[change].add(this.#numberOf(reference));
    if (row.examples[change] >= this.#examplesEach || this.examples.length >= MAX_EXAMPLES) return;
    row.examples[change] += 1;
    this.examples.push(exampleOf(change, finding, judged));
  }

  #row({ rule, outcome }: Finding): Row {
    const what = outcome.verdict === 'violates' ? outcome.what : undefined;
    const key = `${rule}|${outcome.verdict}|${what ?? ''}`;
    let row = this.#rows.get(key);
    if (row === undefined) {
      row = {
        ...{ rule, title: titleOf(rule), verdict: outcome.verdict, ...(what !== undefined && { what }) },
        ...{ appear: 0, go: 0, stay: 0, people: { appears: new Set(), goes: new Set() }, examples: { appears: 0, goes: 0 } },
      };
      this.#rows.set(key, row);
    }
    return row;
  }

  #numberOf(reference: string): number {
    const known = this.#people.get(reference);
    if (known !== undefined) return known;
    this.#people.set(reference, this.#people.size);
    return this.#people.size - 1;
  }
}

interface Finding {
  rule: string;
  outcome: Found;
}

const compared = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const distinct = (people: ReadonlySet<number>, persons: readonly string[]): number =>
  new Set([...people].map((number) => persons[number])).size;

function exampleOf(change: 'appears' | 'goes', { rule, outcome }: Finding, { event, position }: JudgedTwice): ChangeExample {
  const { verdict, clause, article } = outcome;
  const { source, id, type, time } = event;
  return {
    ...{ change, rule, verdict },
    ...(outcome.verdict === 'violates' && violationOf(outcome)),
    ...{ clause, article, ...(outcome.verdict === 'undeterminable' && { missing: outcome.missing }) },
    event: { source, id, position, type, time: new Date(time).toISOString() },
  };
}

function violationOf({ what, severity, recipient, dueAt }: Extract<Found, { verdict: 'violates' }>) {
  return {
    ...{ what, severity, ...(recipient !== undefined && { recipient }) },
    ...(dueAt !== undefined && { dueAt: new Date(dueAt).toISOString() }),
  };
}
