/** Consents and objections of one person, purpose by purpose, as they stood at a moment. Pure. */
import { clauseOf } from '../../src/policy/promises.ts';
import type { Published } from '../findings/judge.ts';
import { isMarketingObjection } from '../findings/rules/rule.ts';
import { iso } from '../moment.ts';
import type { Said } from '../state/facts.ts';

export type ConsentState = NonNullable<Said['state']>;

/** The event that proves something. */
export interface Proving {
  source: string;
  id: string;
  position: number;
  /** UTC. */
  time: string;
}

/** What was said of the record later, in the form of the timeline. */
export interface Revised {
  corrected?: object;
  retracted?: object;
}

/** One statement: a consent, an objection, or the decision on one. */
export interface Statement {
  kind: 'consent' | 'objection' | 'decision';
  source: string;
  id: string;
  position: number;
  /** When it was said, milliseconds since 1970. */
  time: number;
  /** The ledger's clock, milliseconds since 1970. */
  recordedAt: number;
  said: Said;
  textVersion?: string;
  method?: string;
  /** Not retracted, and not corrected by what is recorded. */
  stands: boolean;
  revised?: Revised;
}

/** A statement on consent. */
export interface Stated extends Revised {
  state: ConsentState;
  time: string;
  recordedAt: string;
  /** Version of the text that the person saw. */
  textVersion?: string;
  method?: string;
  event: Proving;
}

export interface ShownObjection extends Revised {
  /** `21(1)`, or `21(2)` to direct marketing, as its source calls it. */
  kind: string;
  purposes: readonly string[];
  time: string;
  recordedAt: string;
  event: Proving;
  /** The last one made by then; null while it is pending. */
  decision: ({ outcome: string; time: string; event: Proving } & Revised) | null;
}

/** Whether somebody may be told of products and services, by what is recorded and what the policy promises. */
export interface DirectMarketing {
  /** Null where that cannot be told. */
  allowed: boolean | null;
  because: 'objection' | ConsentState | 'no-consent-known' | 'no-objection' | 'purpose-not-in-policy';
  clause: number | null;
  article: string;
  policyVersion: string | null;
  /** What decides it; absent where nothing was said. */
  event?: Proving;
}

export interface PurposeState {
  purpose: string;
  /** The last statement that stands; null where nothing was ever said. */
  consent: Stated | null;
  /** Every statement, in the order in which they were made. */
  history: Stated[];
  /** Objections that concern the purpose, in the order in which they were raised. */
  objections: ShownObjection[];
  /** Of purposes that are direct marketing. */
  directMarketing?: DirectMarketing;
}

export interface Asked {
  /** Nothing that happened after it counts, milliseconds since 1970. */
  at: number;
  /** The version in force at that moment. */
  version: Published | undefined;
  /** Only these; absent: all of which something was said. */
  purposes?: readonly string[] | undefined;
  /** Whether purposes are shown of which nothing was said: those asked for, or else those of direct marketing. */
  isComplete: boolean;
}

/** The state of every purpose that is asked for, in the order of their codes. @param all what is recorded of the person, in any order */
export function purposesOf(all: readonly Statement[], asked: Asked): PurposeState[] {
  const controller = asked.version?.promises.policy.controller.id;
  const isOurs = ({ said }: Statement) => said.controller === undefined || controller === undefined || said.controller === controller;
  const by = all.filter((one) => one.time <= asked.at && isOurs(one)).sort(inOrder);
  return codesOf(by, asked).map((purpose) => stateOf(purpose, by, asked));
}

/** The purpose that is direct marketing whatever a policy calls so. */
const DIRECT_MARKETING = 'direct-marketing';

/** By time, then source and id, as rules see them. */
const inOrder = (a: Statement, b: Statement): number => a.time - b.time || compare(a.source, b.source) || compare(a.id, b.id);
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const marketingOf = (version: Published | undefined): readonly string[] =>
  version?.promises.policy.directMarketing?.purposes ?? [DIRECT_MARKETING];

function codesOf(by: readonly Statement[], { version, purposes, isComplete }: Asked): string[] {
  const said = by.flatMap(({ kind, said: { purposes: some = [] } }) => (kind === 'decision' ? [] : some));
  const isMarketingSaid = by.some((one) => one.kind === 'objection' && isToMarketing(one, version));
  const all = new Set([...said, ...(isMarketingSaid || isComplete ? marketingOf(version) : []), ...(isComplete ? (purposes ?? []) : [])]);
  return [...all].filter((code) => purposes === undefined || purposes.includes(code)).sort(compare);
}

function isToMarketing({ said: { kind = '', purposes = [] } }: Statement, version: Published | undefined): boolean {
  if (version !== undefined) return isMarketingObjection({ kind, purposes }, version.promises);
  return kind === '21(2)' || purposes.includes(DIRECT_MARKETING);
}

function stateOf(purpose: string, by: readonly Statement[], { version }: Asked): PurposeState {
  const isMarketing = marketingOf(version).includes(purpose);
  const concerns = (one: Statement) => one.said.purposes?.includes(purpose) === true || (isMarketing && isToMarketing(one, version));
  const statements = by.filter((one) => one.kind === 'consent' && one.said.purposes?.includes(purpose));
  const raised = by.filter((one) => one.kind === 'objection' && concerns(one));
  const last = statements.findLast(({ stands }) => stands);
  return {
    purpose,
    consent: last === undefined ? null : statedOf(last),
    history: statements.map(statedOf),
    objections: raised.map((one) => objectionOf(one, decisionOn(one, by))),
    ...(isMarketing && { directMarketing: marketing({ purpose, consent: last, raised, version }) }),
  };
}

function decisionOn({ source, id }: Statement, by: readonly Statement[]): Statement | undefined {
  return by.findLast(
    ({ kind, stands, said: { target } }) => kind === 'decision' && stands && target?.source === source && target.id === id,
  );
}

interface Told {
  purpose: string;
  consent: Statement | undefined;
  raised: readonly Statement[];
  version: Published | undefined;
}

/** Objections first: nothing overrides one to marketing. Then what the purpose rests on. */
function marketing({ purpose, consent, raised, version }: Told): DirectMarketing {
  const { promises } = version ?? {};
  const entry = promises?.purpose(purpose);
  const clause = clauseOf(promises?.policy.directMarketing);
  const policyVersion = version?.version ?? null;
  const said = (allowed: boolean | null, because: DirectMarketing['because'], article: string, proof?: Statement): DirectMarketing => ({
    ...{ allowed, because, clause, article, policyVersion },
    ...(proof && { event: provingOf(proof) }),
  });
  const objection = raised.find((one) => one.stands && isToMarketing(one, version));
  if (objection) return said(false, 'objection', '21(3)', objection);
  const heard = consent?.said.state;
  // Whoever was asked for consent is not written to on another basis once there is none (rule R15).
  if (consent && heard !== 'given') return said(false, heard as ConsentState, '7(3)', consent);
  if (entry === undefined) return said(null, 'purpose-not-in-policy', '5(1)(b)');
  const bases = Object.keys(entry.bases);
  if (bases.some((basis) => basis !== CONSENT)) return said(true, 'no-objection', bases.find((basis) => basis !== CONSENT) as string);
  if (consent === undefined) return said(null, 'no-consent-known', CONSENT);
  return said(true, 'given', CONSENT, consent);
}

const CONSENT = '6(1)(a)';

const provingOf = ({ source, id, position, time }: Statement): Proving => ({ source, id, position, time: iso(time) });

function statedOf(one: Statement): Stated {
  const { said, time, recordedAt, textVersion, method, revised } = one;
  return {
    ...{ state: said.state as ConsentState, time: iso(time), recordedAt: iso(recordedAt) },
    ...(textVersion !== undefined && { textVersion }),
    ...(method !== undefined && { method }),
    event: provingOf(one),
    ...revised,
  };
}

function objectionOf(one: Statement, decision: Statement | undefined): ShownObjection {
  const { kind = '', purposes = [] } = one.said;
  const decided = decision && {
    outcome: decision.said.outcome as string,
    time: iso(decision.time),
    event: provingOf(decision),
    ...decision.revised,
  };
  return {
    ...{ kind, purposes, time: iso(one.time), recordedAt: iso(one.recordedAt), event: provingOf(one), decision: decided ?? null },
    ...one.revised,
  };
}
