import { R19 } from '../../../projections/findings/rules/r19-recipients-told.ts';
import type { Delivery, Notification } from '../../../projections/findings/rules/rule.ts';
import { AT, event, KIM, LEE, NOT_OURS, NOTHING, PROMISES, table } from './judging.ts';

const rectified = (data: Record<string, unknown> = {}) =>
  event('PersonalDataRectified', { categories: ['name'], fields: ['lastName'], ...data });
const erased = (scope: string | string[], data: Record<string, unknown> = {}) =>
  event('PersonalDataErased', { categories: ['name', 'work-email'], ground: '17(1)(a)', scope, systems: ['crm'], ...data });
const restricted = (scope: string | string[], data: Record<string, unknown> = {}) =>
  event('ProcessingRestricted', { categories: undefined, ground: '18(1)(a)', scope, ...data });
const got = (...deliveries: Partial<Delivery>[]) => ({
  deliveries: () =>
    deliveries.map((each) => ({
      ...{ at: AT - 100, recipient: 'fakturabud', role: 'independent-controller', purpose: 'invoice-distribution', categories: ['name'] },
      ...each,
    })),
});
const told = (...notifications: Partial<Notification>[]) => ({
  notifications: () => notifications.map((each) => ({ at: AT + 1_000, recipient: 'fakturabud', result: 'told', ...each })),
});
const not = (clause: number, recipient = 'fakturabud') => `recipient-not-told @${clause} 19 medium → ${recipient} from 2026-04-03`;
/** Somebody got it, and the record does not say who. */
const somebody = {
  deliveries: () => [{ at: AT - 100, role: 'independent-controller', purpose: 'invoice-distribution', categories: ['name'] }],
};
const unsure = (notification: Partial<Notification>) => ({ notifications: () => [{ at: AT + 1_000, ...notification }] });

table(R19, [
  // Who
  ['nobody ever got it', rectified(), ['conforms']],
  ['a distributor got it and was not told: a month is left', rectified(), [not(30)], PROMISES, got({})],
  ['of an erasure', erased('all'), [not(31)], PROMISES, got({})],
  ['of a restriction', restricted('all'), [not(32)], PROMISES, got({})],
  [
    'two got it: an outcome each',
    rectified(),
    [not(30), not(30, 'norrdrift')],
    PROMISES,
    got({}, { recipient: 'norrdrift', role: 'processor' }),
  ],
  ['one got it twice', rectified(), [not(30)], PROMISES, got({}, { purpose: 'customer-communication' })],
  [
    'the supervisory authority, and one that had decided, are no recipients',
    rectified(),
    ['conforms'],
    PROMISES,
    got({ role: 'supervisory-authority' }, { role: 'authority' }),
  ],
  // Of what
  ['they got other data', rectified(), ['conforms'], PROMISES, got({ categories: ['tax'] })],
  ['it was for another purpose that it was erased', erased('newsletter'), ['conforms'], PROMISES, got({})],
  ['it was for that purpose', erased(['invoice-distribution']), [not(31)], PROMISES, got({})],
  ['another category is restricted', restricted(['tax']), ['conforms'], PROMISES, got({})],
  [
    'it had been erased before, and they were to be told then',
    erased('all'),
    ['conforms'],
    PROMISES,
    { ...got({}), erasures: () => [{ at: AT - 50, scope: ['all'], systems: ['billing'] }] },
  ],
  [
    'they got it again since',
    erased('all'),
    [not(31)],
    PROMISES,
    { ...got({}, { at: AT - 10 }), erasures: () => [{ at: AT - 50, scope: ['all'], systems: ['billing'] }] },
  ],
  // Told
  ['told', rectified(), ['conforms'], PROMISES, { ...got({}), ...told({}) }],
  ['told of that right', rectified(), ['conforms'], PROMISES, { ...got({}), ...told({ right: 'rectification' }) }],
  ['told of another', rectified(), [not(30)], PROMISES, { ...got({}), ...told({ right: 'erasure' }) }],
  ['telling proved impossible', rectified(), ['conforms'], PROMISES, { ...got({}), ...told({ result: 'impossible' }) }],
  [
    'telling would take disproportionate effort',
    rectified(),
    ['conforms'],
    PROMISES,
    { ...got({}), ...told({ result: 'disproportionate-effort' }) },
  ],
  ['telling failed', rectified(), [not(30)], PROMISES, { ...got({}), ...told({ result: 'failed' }) }],
  [
    'telling failed, and then did not',
    rectified(),
    ['conforms'],
    PROMISES,
    { ...got({}), ...told({ result: 'failed' }, { at: AT + 2_000 }) },
  ],
  [
    'told too late',
    rectified(),
    ['recipient-told-late @30 19 medium → fakturabud from 2026-04-03'],
    PROMISES,
    { ...got({}), ...told({ at: Date.parse('2026-04-03') }) },
  ],
  ['somebody else was told', rectified(), [not(30)], PROMISES, { ...got({}), ...told({ recipient: 'kuvert-distribution' }) }],
  // What cannot be told
  ['nobody says who got it', rectified(), ['? recipient.id of what was disclosed'], PROMISES, somebody],
  ['what was erased is said in words', erased('the old address'), ['? scope'], PROMISES, got({})],
  ['nobody says what was rectified', rectified({ categories: undefined }), ['? categories'], PROMISES, got({})],
  [
    'nobody says how telling ended',
    rectified(),
    ['? result of RecipientNotified'],
    PROMISES,
    { ...got({}), ...unsure({ recipient: 'fakturabud' }) },
  ],
  [
    'nobody says who was told',
    rectified(),
    ['? recipient.id of RecipientNotified'],
    PROMISES,
    { ...got({}), ...unsure({ result: 'told' }) },
  ],
  // Nothing of it
  ['a use', event('PersonalDataUsed'), [], PROMISES, got({})],
  ['nobody is on it', rectified({ subjects: [] }), [], PROMISES, got({})],
  ...NOT_OURS.map(([what, judged]): [string, typeof judged, string[]] => [what, { ...judged, type: 'PersonalDataUsed' }, []]),
]);

it('names those whose recipients were not told, and knows a recipient under any of its names', () => {
  const two = rectified({ subjects: [KIM, LEE].map((reference) => ({ reference, category: 'customer' })) });
  const norrdrift = got({ recipient: 'norrdrift', role: 'processor' });
  const notifications = (person: string) => (person === KIM ? [{ at: AT, recipient: 'norrdrift', result: 'told' }] : []);
  expect(R19.judge(two, PROMISES, { ...NOTHING, ...norrdrift, notifications })).toMatchObject([{ recipient: 'norrdrift', whom: [LEE] }]);
});
