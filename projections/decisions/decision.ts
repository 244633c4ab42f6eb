/** *May I?*: what the rules say of something that has not happened, as one answer with its reasons. A pure function of what it is given. */
import type { Reference } from '../../src/ledger/entry.ts';
import { inForceAt } from '../../src/policy/in-force.ts';
import { clauseOf } from '../../src/policy/promises.ts';
import { type Judgement, judge, type Published } from '../findings/judge.ts';
import { isOurs, type JudgedEvent, type Severity, type State } from '../findings/rules/rule.ts';
import { iso } from '../moment.ts';

/** Something that somebody is about to do. */
export interface Intention {
  /** The event that would follow. */
  event: JudgedEvent;
  /** For each subject of the request, in its order, the reference under which they stand on the event. */
  subjects: readonly Reference[];
}

export type Verdict = 'allowed' | 'denied' | 'undeterminable';

/** Why: what would be found if it were done, or what cannot be told. */
export interface Why {
  rule: string;
  verdict: 'violates' | 'undeterminable';
  /** Of what violates: what would be broken, as a code. */
  what?: string;
  /** Of what cannot be told: what would have to be known. */
  missing?: readonly string[];
  /** Of the policy; null where no clause covers it. */
  clause: number | null;
  article: string;
  severity?: Severity;
  policyVersion: string | null;
  /** It would be a finding only from this day on, unless by then is done what has to follow: a duty, and no reason against. */
  dueAt?: string;
  /** Which recipient it is about, where that is not the one of the request. */
  recipient?: string;
  /** Places in the request's subjects; absent where it is about everybody. */
  subjects?: readonly number[];
}

export interface Decision {
  decision: Verdict;
  /** The version that judged; null before the first began. */
  policyVersion: string | null;
  /** First what stands against it, then what cannot be told, then what else is to be known. */
  reasons: Why[];
}

/** The purpose that is direct marketing whatever a policy calls so. */
const DIRECT_MARKETING = 'direct-marketing';

/** Whether whoever is on the suppression list must be left out: their own promise, whatever the policy says of other controllers' marketing. */
export function isDirectMarketing({ event: { data, time } }: Intention, published: readonly Published[]): boolean {
  const promises = inForceAt(published, time)?.promises;
  if (promises !== undefined && !isOurs(data, promises)) return false;
  return data.purpose === DIRECT_MARKETING || promises?.policy.directMarketing?.purposes.includes(data.purpose as string) === true;
}

/**
 * Whether it may be done.
 *
 * *Denied* where anything would be violated, a gap of the policy aside: what no section names is for the controller to settle, and is
 * told. *Undeterminable* where nothing would, and something cannot be told. Else *allowed*.
 *
 * @param suppressed places in the request's subjects of those who are on the suppression list; of direct marketing
 */
export function decisionOf(
  intention: Intention,
  { published, state, suppressed = [] }: { published: readonly Published[]; state: State; suppressed?: readonly number[] },
): Decision {
  const { event } = intention;
  const version = inForceAt(published, event.time);
  const policyVersion = version?.version ?? null;
  const judgements = judge(event, published, state, { beforehand: true });
  const found = judgements.flatMap((judgement) => whyOf(judgement, intention));
  const reasons: Why[] = [
    ...found,
    ...suppressedOf(found, suppressed, policyVersion, clauseOf(version?.promises.policy.directMarketing)),
    ...(judgements.some(({ rule }) => rule === 'R1') ? [] : [{ ...OF_ANOTHER, policyVersion }]),
  ].sort((one, other) => weightOf(one) - weightOf(other));
  const least = Math.min(...reasons.map(weightOf));
  const decision = least === AGAINST ? 'denied' : least === UNTOLD ? 'undeterminable' : 'allowed';
  return { decision, policyVersion, reasons };
}

/** What is done as another's processor stands under the other's policy: that the rules are silent is no permission. */
const OF_ANOTHER: Omit<Why, 'policyVersion'> = {
  ...{ rule: 'R1', verdict: 'undeterminable', missing: ['policy of the controller'], clause: null, article: '28(3)(a)' },
};

const [AGAINST, UNTOLD, BESIDE] = [0, 1, 2];

function weightOf({ verdict, severity, dueAt }: Why): number {
  if (verdict === 'undeterminable') return UNTOLD;
  return severity === 'gap' || dueAt !== undefined ? BESIDE : AGAINST;
}

/** Nothing of what conforms. */
function whyOf({ rule, policyVersion, outcome }: Judgement, { event, subjects }: Intention): Why[] {
  if (outcome.verdict === 'conforms') return [];
  const { verdict, clause, article } = outcome;
  const said = { rule, verdict, clause, article, policyVersion };
  if (outcome.verdict === 'undeterminable') return [{ ...said, missing: outcome.missing }];
  const { what, severity, whom, dueAt, recipient } = outcome;
  const isLater = dueAt !== undefined && dueAt > event.time;
  return [
    {
      ...{ ...said, what, severity },
      ...(isLater && { dueAt: iso(dueAt) }),
      ...(recipient !== undefined && { recipient }),
      ...(whom && { subjects: placesOf(whom, subjects) }),
    },
  ];
}

/** Who is named twice stands at two places. */
function placesOf(whom: readonly Reference[], subjects: readonly Reference[]): number[] {
  const meant = new Set(whom);
  return subjects.flatMap((reference, place) => (meant.has(reference) ? [place] : []));
}

/** The list knows identifiers and not people, so it tells of those too whom the ledger has forgotten; of an objection that stands R13 has spoken. */
function suppressedOf(found: readonly Why[], suppressed: readonly number[], policyVersion: string | null, clause: number | null): Why[] {
  const objected = found.filter(({ rule, verdict }) => rule === 'R13' && verdict === 'violates').flatMap(({ subjects = [] }) => subjects);
  const others = suppressed.filter((place) => !objected.includes(place));
  if (others.length === 0) return [];
  return [
    {
      rule: 'R13',
      verdict: 'violates',
      what: 'suppressed',
      clause,
      article: '21(3)',
      severity: 'critical',
      policyVersion,
      subjects: others,
    },
  ];
}
