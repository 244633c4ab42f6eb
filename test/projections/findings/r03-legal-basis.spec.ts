import { R3 } from '../../../projections/findings/rules/r03-legal-basis.ts';
import { AT, event, KIM, LEE, mailitWith, NOTHING, PROMISES, said, table } from './judging.ts';

const letter = (data = {}) =>
  event('PersonalDataUsed', {
    purpose: 'newsletter',
    legalBasis: '6(1)(a)',
    subjects: [{ reference: KIM, category: 'subscriber' }],
    ...data,
  });
const consented = (state: 'given' | 'refused' | 'withdrawn' | 'expired') => ({ consent: () => ({ state, at: AT - 1 }) });
const applicant = (category: string | undefined) =>
  event('PersonalDataUsed', {
    purpose: 'recruitment',
    legalBasis: '6(1)(b)',
    subjects: [{ reference: KIM, ...(category && { category }) }],
  });
const expired = mailitWith(
  'at their place of work, and an objection ends it: little is at\n      stake for them, and the interest in informing customers and possible customers prevails.\n    from: 2018-05-25',
  'x\n    from: 2018-05-25\n    until: 2026-03-01',
);
const marketing = (data = {}) => event('PersonalDataUsed', { purpose: 'direct-marketing', ...data });

table(R3, [
  // The basis itself
  ['a basis that the purpose may rest on', event('PersonalDataUsed'), ['conforms']],
  [
    'a basis that it may not: the contract is with the employer',
    event('PersonalDataUsed', { legalBasis: '6(1)(b)' }),
    ['basis-not-allowed @17 6(1)(b) high'],
  ],
  ['no basis', event('PersonalDataUsed', { legalBasis: undefined }), ['? legalBasis']],
  ['a purpose that was never fixed, of which R2 speaks', event('PersonalDataUsed', { purpose: 'permit-handling' }), []],
  // (a)
  ['consent given', letter(), ['conforms'], PROMISES, consented('given')],
  ['consent refused', letter(), ['consent-refused @11 6(1)(a) high'], PROMISES, consented('refused')],
  ['consent withdrawn, of which R15 speaks', letter(), ['conforms'], PROMISES, consented('withdrawn')],
  ['nothing said of consent', letter(), ['? consent']],
  ['an address collected with the consent, whichever comes first', { ...letter(), type: 'PersonalDataCollected' }, ['conforms']],
  // (b)
  ['somebody who applied', applicant('job-applicant'), ['conforms']],
  ['somebody who did not', applicant('customer'), ['basis-not-for-subject @19 6(1)(b) high']],
  ['nobody knows whether they applied', applicant(undefined), ['? subjects.category']],
  // (c)
  [
    'the statute that the policy names',
    event('PersonalDataUsed', { purpose: 'accounting', legalBasis: '6(1)(c)', statuteRef: 'SFS 1999:1078' }),
    ['conforms'],
  ],
  [
    'a section of it',
    event('PersonalDataUsed', { purpose: 'accounting', legalBasis: '6(1)(c)', statuteRef: 'SFS 1999:1078 7 kap. 2 §' }),
    ['conforms'],
  ],
  [
    'another one that begins alike',
    event('PersonalDataUsed', { purpose: 'accounting', legalBasis: '6(1)(c)', statuteRef: 'SFS 1999:10789' }),
    ['statute-not-named-by-policy @26 6(1)(c) high'],
  ],
  ['no statute, where the policy names one', event('PersonalDataUsed', { purpose: 'accounting', legalBasis: '6(1)(c)' }), ['conforms']],
  [
    'no statute, where it may be several',
    event('PersonalDataUsed', { purpose: 'rights-fulfilment', legalBasis: '6(1)(c)' }),
    ['? statuteRef'],
  ],
  // (f)
  ['the assessment of the purpose', marketing({ assessmentRef: 'LIA-04' }), ['conforms']],
  ['no assessment, where the policy names one', marketing(), ['conforms']],
  ['no assessment, where it may be several', event('PersonalDataUsed', { purpose: 'payment' }), ['? assessmentRef']],
  ['the assessment of another purpose', marketing({ assessmentRef: 'LIA-01' }), ['assessment-not-for-purpose @18 6(1)(f) high']],
  ['an assessment that has expired', marketing(), ['assessment-expired @18 6(1)(f) high'], expired],
  ['the last day of an assessment', { ...marketing(), time: Date.parse('2026-03-01T23:59:59Z') }, ['conforms'], expired],
  ['a day before it was made', { ...marketing(), time: Date.parse('2018-05-24T12:00:00Z') }, ['assessment-not-yet-made @18 6(1)(f) high']],
]);

it('names those whom it is about', () => {
  const two = letter({ subjects: [KIM, LEE].map((reference) => ({ reference, category: 'subscriber' })) });
  const consent = (person: string) => ({ state: person === LEE ? ('refused' as const) : ('given' as const), at: AT });
  expect(R3.judge(two, PROMISES, { ...NOTHING, consent })).toMatchObject([{ what: 'consent-refused', whom: [LEE] }]);
  expect(said(R3, two, PROMISES, { consent: (person) => (person === LEE ? undefined : { state: 'refused', at: AT }) })).toEqual([
    'consent-refused @11 6(1)(a) high',
    '? consent',
  ]);
});
