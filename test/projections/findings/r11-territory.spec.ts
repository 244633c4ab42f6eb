import { R11 } from '../../../projections/findings/rules/r11-territory.ts';
import { AT, disclosure, event, KIM, LEE, mailitWith, NOT_OURS, NOTHING, PROCESSOR, PROMISES, type Row, table } from './judging.ts';

const PROMISE = 'outside-territory @24 5(1)(a) high';
const LAW = 'no-transfer-tool @24 44 critical';
const to = (country: string | undefined, data: Record<string, unknown> = {}) =>
  disclosure({ recipient: { id: 'fakturabud', role: 'independent-controller', country }, ...data });
const transfer = (country: string, transferTool: string | undefined) => ({
  ...to(country, { transferTool }),
  type: 'PersonalDataTransferred',
});
const withSwitzerland = mailitWith('  area: EEA-30', '  area: EEA-30\n  countries: [CH]');
const INADEQUATE = 'no-adequacy-decision @24 45(1) critical';
const consent = (state: 'given' | 'refused' | 'withdrawn' | 'expired') => ({ consent: () => ({ state, at: AT - 1 }) });

table(R11, [
  ['everything in Sweden', disclosure(), ['conforms']],
  ['a recipient in Norway', to('NO'), ['conforms']],
  ['a system outside: the promise, and the law', event('PersonalDataUsed', { country: 'US' }), [PROMISE, LAW]],
  ['a processor that works for the controller outside', event('PersonalDataUsed', { country: 'US', ...PROCESSOR }), [PROMISE, LAW]],
  ['a recipient outside', to('US'), [PROMISE, LAW]],
  ['a recipient outside with a tool: the promise alone', transfer('US', 'standard-clauses'), [PROMISE]],
  ['a transfer without a tool', transfer('US', undefined), [PROMISE, LAW]],
  ['outside the EEA, where the policy allows it: the law alone', to('CH'), [LAW], withSwitzerland],
  ['the same with a tool', transfer('CH', 'adequacy'), ['conforms'], withSwitzerland],
  // Adequacy is the Commission's to decide, by country and day.
  ['adequacy of a country of which it was decided', transfer('GB', 'adequacy'), [PROMISE]],
  ['of which it never was', transfer('IN', 'adequacy'), [PROMISE, INADEQUATE]],
  ['of which it was decided later', { ...transfer('BR', 'adequacy'), time: Date.parse('2026-01-25T23:59:59.999Z') }, [PROMISE, INADEQUATE]],
  ['from that day on', { ...transfer('BR', 'adequacy'), time: Date.parse('2026-01-26') }, [PROMISE]],
  ['of which it ended', { ...transfer('GB', 'adequacy'), time: Date.parse('2031-12-28') }, [PROMISE, INADEQUATE]],
  ['which hangs on the recipient', transfer('US', 'adequacy'), [PROMISE, '? adequacy of the recipient']],
  ['between two decisions', { ...transfer('US', 'adequacy'), time: Date.parse('2022-03-02') }, [PROMISE, INADEQUATE]],
  [
    'the recipient where it was decided, the system where it was not',
    { ...to('CH', { country: 'IN', transferTool: 'adequacy' }), type: 'PersonalDataTransferred' },
    [PROMISE, INADEQUATE],
  ],
  // Explicit consent is the person's.
  ['on their consent', transfer('IN', 'explicit-consent'), [PROMISE], PROMISES, consent('given')],
  ['on a consent of which nobody heard', transfer('IN', 'explicit-consent'), [PROMISE, '? consent']],
  ...(['refused', 'withdrawn', 'expired'] as const).map(
    (state): Row => [
      `on a consent that was ${state}`,
      transfer('IN', 'explicit-consent'),
      [PROMISE, 'transfer-without-consent @24 49(1)(a) critical'],
      PROMISES,
      consent(state),
    ],
  ),
  [
    'on consent, and nobody says for what or of whom',
    { ...to('IN', { transferTool: 'explicit-consent', purpose: undefined, subjects: [] }), type: 'PersonalDataTransferred' },
    [PROMISE, '? purpose, subjects'],
  ],
  ['nobody says where the system is', event('PersonalDataUsed', { country: undefined }), ['? country']],
  ['nobody says where the recipient is', to(undefined), ['? recipient.country']],
  ['the system outside, and nobody says where the recipient is', to(undefined, { country: 'US' }), [PROMISE, LAW, '? recipient.country']],
  ['a data subject who reads their data abroad', disclosure({ recipient: { role: 'data-subject', country: 'US' } }), ['conforms']],
  ...NOT_OURS.map(([what, judged]): [string, typeof judged, string[]] => [what, judged, []]),
]);

it('names those who did not consent, and says that nothing was heard of others', () => {
  const subjects = [KIM, LEE].map((reference) => ({ reference, category: 'customer' }));
  const state = { ...NOTHING, ...consent('withdrawn') };
  const moved = { ...to('CH', { transferTool: 'explicit-consent', subjects }), type: 'PersonalDataTransferred' };
  const ofKim = { ...state, consent: (person: string) => (person === KIM ? state.consent() : undefined) };
  expect(R11.judge(moved, withSwitzerland, ofKim)).toMatchObject([
    { what: 'transfer-without-consent', whom: [KIM] },
    { verdict: 'undeterminable', missing: ['consent'] },
  ]);
});
