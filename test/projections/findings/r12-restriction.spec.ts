import { R12 } from '../../../projections/findings/rules/r12-restriction.ts';
import { AT, event, KIM, LEE, NOTHING, PROMISES, table } from './judging.ts';

const restricted = (...scope: string[]) => ({ restrictions: () => [{ scope }] });
const used = (data: Record<string, unknown> = {}) => event('PersonalDataUsed', data);
const BROKEN = 'under-restriction @32 18(2) high';

table(R12, [
  ['nothing is restricted', used(), ['conforms']],
  ['everything is restricted', used(), [BROKEN], PROMISES, restricted('all')],
  ['the purpose is restricted', used(), [BROKEN], PROMISES, restricted('customer-communication')],
  ['a category is restricted', used(), [BROKEN], PROMISES, restricted('tax', 'name')],
  ['something else is restricted', used(), ['conforms'], PROMISES, restricted('tax', 'newsletter')],
  ['something in words is restricted', used(), ['? scope of the restriction'], PROMISES, restricted('the old address')],
  ['it is only stored', event('PersonalDataStored'), [], PROMISES, restricted('all')],
  ['it is used for a claim', used({ purpose: 'legal-claims' }), [], PROMISES, restricted('all')],
  ['it is used for somebody’s life', used({ legalBasis: '6(1)(d)' }), [], PROMISES, restricted('all')],
  [
    'it is used by consent',
    used({ legalBasis: '6(1)(a)' }),
    ['conforms'],
    PROMISES,
    { ...restricted('all'), consent: () => ({ state: 'given', at: AT }) },
  ],
  ['it is used by a consent that nobody gave', used({ legalBasis: '6(1)(a)' }), [BROKEN], PROMISES, restricted('all')],
]);

it('names those whom it is about', () => {
  const two = used({ subjects: [KIM, LEE].map((reference) => ({ reference, category: 'customer' })) });
  const state = { ...NOTHING, restrictions: (person: string) => (person === LEE ? [{ scope: ['all'] }] : []) };
  expect(R12.judge(two, PROMISES, state)).toMatchObject([{ whom: [LEE] }]);
});
