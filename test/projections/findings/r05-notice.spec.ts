import { R5 } from '../../../projections/findings/rules/r05-origin.ts';
import { AT, event, KIM, LEE, mailitWith, NOTHING, PROMISES, table } from './judging.ts';

/** From a register, as the policy allows: whether the person was told is what is left to ask. */
const found = (data: Record<string, unknown> = {}) =>
  event('PersonalDataCollected', { origin: 'public-register', channel: 'public-register', ...data });
const DAY_MS = 86_400_000;
const day = (days: number) => AT + days * DAY_MS;
const informed = (at: number, purpose?: string) => ({ informed: () => [{ at, ...(purpose !== undefined && { purpose }) }] });
const withoutPromise = mailitWith('information:\n  within: P1M\n  atFirst: [contact, disclosure]\n  clauses: [28]\n', '');
const aMonthAlone = mailitWith('atFirst: [contact, disclosure]', 'atFirst: []');
const MISSING = 'notice-missing @28 14(3) medium from';
const LATE = 'notice-late @28 14(3) medium from';

table(R5, [
  // Who has to be told
  ['from the person', found({ origin: 'subject', channel: 'email' }), ['conforms']],
  ['observed of the person, to which Art. 14 does not apply', observed(), ['conforms']],
  ['with the notice', found({ noticeRef: 'notice-registers-2' }), ['conforms']],
  ['nobody told them: a month is left', found(), [`${MISSING} 2026-04-03`]],
  ['from their employer', found({ origin: 'employer', channel: 'contract' }), [`${MISSING} 2026-04-03`]],
  ['for a purpose that was never fixed, they are told all the same', found({ purpose: 'permit-handling' }), [`${MISSING} 2026-04-03`]],
  // When
  ['told within the month', found(), ['conforms'], PROMISES, informed(day(30))],
  ['told on its last day', found(), ['conforms'], PROMISES, informed(Date.parse('2026-04-02T23:59:59.999Z'))],
  ['told after it', found(), [`${LATE} 2026-04-03`], PROMISES, informed(Date.parse('2026-04-03'))],
  ['contacted before they were told', found(), [`${LATE} 2026-03-04`], PROMISES, { ...informed(day(2)), firstContactAfter: () => day(1) }],
  ['told with the first contact', found(), ['conforms'], PROMISES, { ...informed(day(1)), firstContactAfter: () => day(1) }],
  [
    'told a second after the first contact, on the same day',
    found(),
    ['conforms'],
    PROMISES,
    { ...informed(day(1) + 1_000), firstContactAfter: () => day(1) },
  ],
  [
    'told in the last moment of the day of the first contact',
    found(),
    ['conforms'],
    PROMISES,
    { ...informed(Date.parse('2026-03-03T23:59:59.999Z')), firstContactAfter: () => day(1) },
  ],
  [
    'told when that day was over',
    found(),
    [`${LATE} 2026-03-04`],
    PROMISES,
    { ...informed(Date.parse('2026-03-04')), firstContactAfter: () => day(1) },
  ],
  [
    'told a second after the first disclosure, on the same day',
    found(),
    ['conforms'],
    PROMISES,
    { ...informed(day(1) + 1_000), firstDisclosureAfter: () => day(1) },
  ],
  ['contacted, and never told', found(), [`${MISSING} 2026-03-04`], PROMISES, { firstContactAfter: () => day(1) }],
  ['disclosed, and never told', found(), [`${MISSING} 2026-03-04`], PROMISES, { firstDisclosureAfter: () => day(1) }],
  [
    'contacted, where the policy counts the month alone',
    found(),
    [`${MISSING} 2026-04-03`],
    aMonthAlone,
    { firstContactAfter: () => day(1) },
  ],
  [
    'a policy that promises no notice: the law does',
    found(),
    ['notice-missing @null 14(3) medium from 2026-03-04'],
    withoutPromise,
    { firstContactAfter: () => day(1) },
  ],
  // Of what
  ['told before, of the same purpose: they know', found(), ['conforms'], PROMISES, informed(day(-90), 'customer-communication')],
  ['told before, of another purpose', found(), [`${MISSING} 2026-04-03`], PROMISES, informed(day(-90), 'recruitment')],
  ['told afterwards of another purpose', found(), [`${MISSING} 2026-04-03`], PROMISES, informed(day(1), 'recruitment')],
  ['told afterwards, and nobody says of what', found(), ['conforms'], PROMISES, informed(day(1), 'rights-fulfilment')],
  ['told before, and nobody says of what', found(), ['? purpose of the earlier notice'], PROMISES, informed(day(-90))],
  // With the other half
  ['nobody says from where', found({ origin: undefined }), ['? origin']],
  [
    'from somebody else, and never told: both',
    found({ origin: 'third-party' }),
    ['origin-not-named @10 5(1)(a) medium', `${MISSING} 2026-04-03`],
  ],
]);

function observed() {
  return event('PersonalDataCollected', {
    ...{ origin: 'observed', channel: 'product-usage', purpose: 'security' },
    subjects: [{ reference: KIM, category: 'user' }],
  });
}

it('names those who were not told, from the first of their days on', () => {
  const two = found({ subjects: [KIM, LEE, KIM].map((reference) => ({ reference, category: 'customer' })) });
  const state = { ...NOTHING, firstContactAfter: (person: string) => (person === LEE ? day(3) : undefined) };
  expect(R5.judge(two, PROMISES, state)).toMatchObject([{ what: 'notice-missing', whom: [KIM, LEE], dueAt: Date.parse('2026-03-06') }]);
  const told = { ...NOTHING, informed: (person: string) => (person === LEE ? [{ at: AT }] : []) };
  expect(R5.judge(two, PROMISES, told)).toMatchObject([{ what: 'notice-missing', whom: [KIM] }]);
});
