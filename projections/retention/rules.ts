/** Rules of retention by version of the policy, as they are looked up for every event. Pure. */
import type { Policy, RetentionEntry } from '../../src/policy/document.ts';
import { dueAfter, dueOn, endOfDay } from '../../src/policy/due.ts';
import { effectiveAt } from '../../src/policy/in-force.ts';
import { clauseOf } from '../../src/policy/promises.ts';

/** A rule for one purpose and one category of data subjects. */
export interface RetentionRule {
  id: string;
  entry: RetentionEntry;
  clause: number | null;
  followsCase: boolean;
}

/** Why no rule speaks. */
export type NoRule = 'retention rule' | 'subjects.category';

const DAY_MS = 86_400_000;
/** Days remembered; beyond, they are reckoned again. */
const REMEMBERED = 20_000;

/** One version of the policy, as far as retention goes. */
export class RetentionVersion {
  readonly version: string;
  readonly effectiveFrom: string;
  /** Whose policy it is. */
  readonly controller: string;
  /** That nothing is kept longer than needed. */
  readonly clause: number | null;
  readonly policy: Policy;
  readonly #byPurpose = new Map<string, RetentionRule[]>();
  /** By rule, by the day of the trigger. */
  readonly #days = new Map<string, Map<number, number>>();

  constructor(version: string, effectiveFrom: string, policy: Policy) {
    this.version = version;
    this.effectiveFrom = effectiveFrom;
    this.policy = policy;
    this.controller = policy.controller.id;
    this.clause = clauseOf(policy.storage);
    for (const [id, entry] of Object.entries(policy.retention)) {
      const rule = { id, entry, clause: clauseOf(entry), followsCase: entry.same === 'case' };
      this.#days.set(id, new Map());
      for (const purpose of entry.purposes) this.#byPurpose.set(purpose, [...(this.#byPurpose.get(purpose) ?? []), rule]);
    }
  }

  /** @param category of the data subject; null where it was not said */
  ruleOf(purpose: string, category: string | null): RetentionRule | NoRule {
    const rules = this.#byPurpose.get(purpose);
    if (rules === undefined) return 'retention rule';
    const found = rules.find(({ entry: { subjects } }) => subjects === undefined || (category !== null && subjects.includes(category)));
    return found ?? (category === null ? 'subjects.category' : 'retention rule');
  }

  /** The clause that whatever breaks a rule breaks; without a rule, that nothing is kept longer than needed. */
  clauseOf(rule: string): number | null {
    return clauseOf(this.policy.retention[rule]) ?? this.clause;
  }

  /** Types of events by which a rule's period is set off. */
  get triggers(): string[] {
    return Object.values(this.policy.retention).map(({ trigger }) => trigger);
  }

  /** Purposes of rules that follow a case. */
  get purposesByCase(): string[] {
    return Object.values(this.policy.retention).flatMap(({ same, purposes }) => (same === 'case' ? purposes : []));
  }

  /** Whether a word of an erasure's or a hold's scope is a code: what it means is then known. */
  isCode(word: string): boolean {
    const { purposes, dataCategories } = this.policy;
    return word === 'all' || Object.hasOwn(purposes, word) || Object.hasOwn(dataCategories, word);
  }

  /** The last moment at which data may be kept whose period was set off at a time, milliseconds since 1970. */
  dueAt({ id, entry }: RetentionRule, trigger: number): number {
    // What is reckoned in hours may end on either of two days.
    if (entry.period.includes('T')) return this.#reckon(entry, trigger);
    const days = this.#days.get(id) as Map<number, number>;
    const day = Math.floor(trigger / DAY_MS);
    let due = days.get(day);
    if (due === undefined) {
      if (days.size >= REMEMBERED) days.clear();
      due = this.#reckon(entry, trigger);
      days.set(day, due);
    }
    return due;
  }

  #reckon(entry: RetentionEntry, trigger: number): number {
    return endOfDay(dueOn(entry, trigger, this.policy.controller.financialYearEnds));
  }
}

/** Every version that was published, and which of them a time stands under. */
export class RetentionVersions {
  readonly all: readonly RetentionVersion[];
  /** Those that may be in force, the one that began last first; of two that began together, the one published later. */
  readonly #latestFirst: readonly { begins: number; version: RetentionVersion }[];

  /** @param published in the order of publication */
  constructor(published: readonly RetentionVersion[]) {
    this.all = published;
    const sorted = published.map((version, i) => ({ begins: effectiveAt(version), version, i }));
    this.#latestFirst = sorted.sort((a, b) => b.begins - a.begins || b.i - a.i);
  }

  named(name: string): RetentionVersion | undefined {
    return this.all.find(({ version }) => version === name);
  }

  /** The version in force at a time; undefined before the first began. */
  at(time: number): RetentionVersion | undefined {
    for (const { begins, version } of this.#latestFirst) if (begins <= time) return version;
    return undefined;
  }

  /** The version whose words are those of a time: the one in force, and before the first began that one. */
  speakingAt(time: number): RetentionVersion | undefined {
    return this.at(time) ?? this.#latestFirst.at(-1)?.version;
  }

  /** Those that are or were in force, the newest first. */
  latestFirst(): RetentionVersion[] {
    return this.#latestFirst.map(({ version }) => version);
  }

  /** Whether what was done at a time was done for the controller whose policy it is; before the first version, too. */
  isOurs(controller: string | null, time: number): boolean {
    if (controller === null) return true;
    const version = this.speakingAt(time);
    return version === undefined || version.controller === controller;
  }
}

/** Beginning of the day (UTC) of a time. */
export const dayOf = (time: number): number => Math.floor(time / DAY_MS) * DAY_MS;

/** The last moment at which a trigger that has not come would not be told of; null where it never is. */
export const openUntil = ({ entry: { openAtMost } }: RetentionRule, from: number): number | null =>
  openAtMost === undefined ? null : dueAfter(from, openAtMost);

/** The last moment of a hold's `reviewBy`: a date means its end. Null where it is none. */
export function reviewAt(reviewBy: string): number | null {
  const moment = /^\d{4}-\d{2}-\d{2}$/.test(reviewBy) ? endOfDay(reviewBy) : Date.parse(reviewBy);
  return Number.isNaN(moment) ? null : moment;
}
