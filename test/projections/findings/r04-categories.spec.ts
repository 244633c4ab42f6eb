import { R4 } from '../../../projections/findings/rules/r04-categories.ts';
import { event, KIM, LEE, NOTHING, PROMISES, table } from './judging.ts';

const used = (data: Record<string, unknown>) => event('PersonalDataUsed', data);
const of = (category: string | undefined) => ({ subjects: [{ reference: KIM, ...(category && { category }) }] });

table(R4, [
  ['data within the matrix', used({}), ['conforms']],
  ['no data named', used({ categories: [] }), ['conforms']],
  ['data that another purpose has', used({ categories: ['name', 'bank-account'] }), ['outside-matrix @9 5(1)(c) medium']],
  ['people whom the purpose is not about', used(of('job-applicant')), ['outside-matrix @9 5(1)(c) medium']],
  ['data that the policy never names', used({ categories: ['name', 'permit-application'] }), ['not-named-by-policy @9 5(1)(c) gap']],
  ['people whom it never names', used(of('employee')), ['not-named-by-policy @9 5(1)(c) gap']],
  [
    'both at once',
    used({ categories: ['permit-application', 'tax'] }),
    ['not-named-by-policy @9 5(1)(c) gap', 'outside-matrix @9 5(1)(c) medium'],
  ],
  ['nobody knows who they are', used(of(undefined)), ['? subjects.category']],
  ['nobody says which data', used({ categories: undefined }), ['? categories']],
  [
    'a search without a hit, for what the purpose has',
    event('PersonalDataAccessed', { subjects: [], mode: 'search', outcome: 'ok' }),
    ['conforms'],
  ],
  [
    'a search without a hit, for what it has not',
    event('PersonalDataAccessed', { subjects: [], categories: ['tax'], mode: 'search', outcome: 'ok' }),
    ['outside-matrix @9 5(1)(c) medium'],
  ],
  ['an access that was denied', event('PersonalDataAccessed', { categories: ['tax'], outcome: 'denied' }), []],
  ['a purpose that was never fixed, of which R2 speaks', used({ purpose: 'permit-handling' }), []],
]);

it('names those whom it is about', () => {
  const two = used({
    subjects: [
      { reference: KIM, category: 'customer' },
      { reference: LEE, category: 'job-applicant' },
    ],
  });
  expect(R4.judge(two, PROMISES, NOTHING)).toMatchObject([{ what: 'outside-matrix', whom: [LEE] }]);
});
