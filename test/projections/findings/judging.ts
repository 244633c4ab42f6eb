/** Given a policy and what is known, when an event is judged, then what a rule says: the table that every rule is specified by. */

import type { JudgedEvent, Outcome, Rule, State } from '../../../projections/findings/rules/rule.ts';
import { judgedOf, ownOf, profileOf } from '../../../projections/state/profile.ts';
import type { StoredData } from '../../../src/ledger/entry.ts';
import { Promises } from '../../../src/policy/promises.ts';
import { MAILIT, read } from '../../policy/given.ts';

export const PROMISES = new Promises(read(MAILIT));

/** MAILIT's policy with one text in place of another. */
export function mailitWith(from: string, to: string): Promises {
  if (!MAILIT.includes(from)) throw new Error(`MAILIT's policy has no ${from}`);
  return new Promises(read(MAILIT.replace(from, () => to)));
}

/** Nothing was ever said. */
export const NOTHING: State = {
  consent: () => undefined,
  objections: () => [],
  restrictions: () => [],
  erasures: () => [],
  collections: () => [],
  reportsCollections: () => false,
  grants: () => undefined,
  instructedAt: () => undefined,
  agreements: () => [],
  informed: () => [],
  firstContactAfter: () => undefined,
  firstDisclosureAfter: () => undefined,
  deliveries: () => [],
  notifications: () => [],
  nextReviewAt: () => undefined,
  caseEndedAt: () => undefined,
  isSamePerson: (one, other) => one === other,
};

export const AT = Date.parse('2026-03-02T09:14:07.120Z');
export const ANNA = 'AAAAAAAAAAAAAAAAAAAAAA';
export const KIM = 'BBBBBBBBBBBBBBBBBBBBBA';
export const LEE = 'CCCCCCCCCCCCCCCCCCCCCA';
/** A keyed digest, as references of things are stored. */
export const REF = 'DDDDDDDDDDDDDDDDDDDDDA';

/** The record that raised an objection. */
export const RAISED = { source: 'urn:mailit:desk', id: 'objection-1' };

/** Anna sees to a customer's question, and everything is as it should be. `undefined` leaves a field out. */
export function event(type: string, data: Record<string, unknown> = {}): JudgedEvent {
  const all: Record<string, unknown> = {
    actor: { reference: ANNA, kind: 'human', role: 'customer-support', capacity: 'controller' },
    subjects: [{ reference: KIM, category: 'customer' }],
    categories: ['name', 'work-email'],
    purpose: 'customer-communication',
    legalBasis: '6(1)(f)',
    system: 'crm',
    country: 'SE',
    caseRef: REF,
    ...data,
  };
  for (const [name, value] of Object.entries(all)) if (value === undefined) delete all[name];
  return { type, source: 'urn:mailit:crm', time: AT, recordedAt: AT + 1_000, data: all as unknown as StoredData };
}

/** A disclosure of a customer's invoice to a distributor, as it should be. */
export const disclosure = (data: Record<string, unknown> = {}): JudgedEvent =>
  event('PersonalDataDisclosed', {
    categories: ['name', 'postal-address'],
    purpose: 'invoice-distribution',
    recipient: { id: 'fakturabud', role: 'independent-controller', country: 'SE' },
    method: 'api',
    consideration: 'none',
    ...data,
  });

/** What is said in short: `conforms`, `what @clause article severity`, with `→ recipient` and `from when`, `? missing`, and nothing at all. */
export function said(rule: Rule, judged: JudgedEvent, promises = PROMISES, state: Partial<State> = {}): string[] {
  return rule.judge(judged, promises, { ...NOTHING, ...state }).map(inShort);
}

export function inShort(outcome: Outcome): string {
  if (outcome.verdict === 'conforms') return 'conforms';
  if (outcome.verdict === 'undeterminable') return `? ${outcome.missing.join(', ')}`;
  const { what, clause, article, severity, recipient, dueAt } = outcome;
  const to = recipient === undefined ? '' : ` → ${recipient}`;
  const from = dueAt === undefined ? '' : ` from ${new Date(dueAt).toISOString().replace('T00:00:00.000Z', '')}`;
  return `${what} @${clause} ${article} ${severity}${to}${from}`;
}

export type Row = [given: string, judged: JudgedEvent, then: string[], promises?: Promises, state?: Partial<State>];

/** The event as it is kept to be judged again: its profile has everything that rules look at. */
function kept(judged: JudgedEvent): JudgedEvent {
  const { id = '', time, recordedAt = 0, data } = judged;
  const profile = profileOf(judged);
  const subjects = data.subjects.map(({ reference, category }) => ({ reference, place: profile.people.indexOf(category ?? null) }));
  return judgedOf(profile, { id, time, recordedAt, actor: data.actor.reference, subjects, own: ownOf(judged) });
}

/** One table of a rule. */
export function table(rule: Rule, rows: readonly Row[]): void {
  describe(`${rule.id} · ${rule.title}`, () => {
    // Named one by one, what a row leaves out would be taken for the callback of a test that has not ended.
    it.each(rows)('%s', (...[, judged, then, promises, state]: Row) => {
      expect(said(rule, judged, promises, state)).toEqual(then);
      if (judged.recordedAt !== undefined) expect(said(rule, kept(judged), promises, state)).toEqual(then);
    });
  });
}

/** Somebody at a processor of this controller. */
export const PROCESSOR = { controller: 'mailit', actor: { reference: ANNA, kind: 'human', capacity: 'processor' } };

/** Events that are nothing to rules about processing under this policy. */
export const NOT_OURS: readonly (readonly [string, JudgedEvent])[] = [
  [
    'what is done as another controller’s processor',
    disclosure({ actor: { reference: ANNA, kind: 'human', capacity: 'processor' }, controller: 'customer-ab' }),
  ],
  ['what is no processing', event('ComplaintReceived')],
];
