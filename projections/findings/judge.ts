/**
 * An event judged by every rule, under the version that was in force when it happened. The one way in for whoever judges: what was
 * recorded, what is asked about beforehand, and what a draft would find.
 */
import { inForceAt, type PublishedVersion } from '../../src/policy/in-force.ts';
import type { Promises } from '../../src/policy/promises.ts';
import { LAW, RULES } from './rules/all.ts';
import { judgePolicy } from './rules/r01-policy.ts';
import type { JudgedEvent, Outcome, Rule, State } from './rules/rule.ts';

/** A published version, as it is asked. */
export interface Published extends PublishedVersion {
  promises: Promises;
}

export interface Judgement {
  rule: string;
  /** The version that it was judged by; null before the first began. */
  policyVersion: string | null;
  outcome: Outcome;
}

/**
 * What the rules say of an event; nothing of those that it does not concern.
 *
 * @param published every version, in the order of publication
 * @param beforehand it has not happened yet: what only records can break is left out
 */
export function judge(event: JudgedEvent, published: readonly Published[], state: State, { beforehand = false } = {}): Judgement[] {
  const version = inForceAt(published, event.time);
  const policyVersion = version?.version ?? null;
  const said = (rule: string, outcomes: Outcome[]) => outcomes.map((outcome) => ({ rule, policyVersion, outcome }));
  const first = said('R1', judgePolicy(event, version?.promises));
  const asked = <R extends Rule>(rules: readonly R[]) => (beforehand ? rules.filter(({ recordedOnly }) => !recordedOnly) : rules);
  if (version === undefined) return [...first, ...asked(LAW).flatMap((rule) => said(rule.id, rule.judge(event, undefined, state)))];
  return [...first, ...asked(RULES).flatMap((rule) => said(rule.id, rule.judge(event, version.promises, state)))];
}
