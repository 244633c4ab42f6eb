import { R12 } from '../../../projections/findings/rules/r12-restriction.ts';
import { AT, disclosure, event, KIM, LEE, NOTHING, PROMISES, REF, table } from './judging.ts';

const restricted = (...scope: string[]) => ({ restrictions: () => [{ scope }] });
const used = (data: Record<string, unknown> = {}) => event('PersonalDataUsed', data);
const BROKEN = 'under-restriction @32 18(2) high';

table(R12, [
  ['nothing is restricted', used(), ['conforms']],
  ['everything is restricted', used(), [BROKEN], PROMISES, restricted('all')],
  ['the purpose is restricted', used(), [BROKEN], PROMISES, restricted('customer-communication')],
  ['a category is restricted', used(), [BROKEN], PROMISES, restricted('tax', 'name')],
  ['something else is restricted', used(), ['conforms'], PROMISES, restricted('tax', 'newsletter')],
  ['something in words, and the purpose', used(), [BROKEN], PROMISES, restricted('the old address', 'customer-communication')],
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
  ['it is used by a consent of which nothing was heard', used({ legalBasis: '6(1)(a)' }), ['? consent'], PROMISES, restricted('all')],
  [
    'it is used by a consent that was withdrawn',
    used({ legalBasis: '6(1)(a)' }),
    [BROKEN],
    PROMISES,
    { ...restricted('all'), consent: () => ({ state: 'withdrawn', at: AT }) },
  ],
  ['nobody says on which basis', used({ legalBasis: undefined }), ['? legalBasis'], PROMISES, restricted('all')],
  ['nobody says for what', used({ purpose: undefined }), ['? purpose'], PROMISES, restricted('newsletter')],
  ['nobody says which data', used({ categories: undefined }), ['? categories'], PROMISES, restricted('tax')],
  ['it is rectified, which it waited for', event('PersonalDataRectified'), [], PROMISES, restricted('all')],
  ['it is given to the person', disclosure({ recipient: { role: 'data-subject' } }), [], PROMISES, restricted('all')],
  ['it is given to somebody else', disclosure(), [BROKEN], PROMISES, restricted('all')],
  [
    'it is looked up for what the person asked for',
    used({ purpose: 'rights-fulfilment', legalBasis: '6(1)(c)', requestRef: REF }),
    [],
    PROMISES,
    restricted('all'),
  ],
  [
    'it is looked up for rights, and nobody says whose request',
    used({ purpose: 'rights-fulfilment', legalBasis: '6(1)(c)' }),
    [BROKEN],
    PROMISES,
    restricted('all'),
  ],
  [
    'the law demands it, which is no exception',
    used({ purpose: 'accounting', legalBasis: '6(1)(c)' }),
    [BROKEN],
    PROMISES,
    restricted('all'),
  ],
  ['the person writes', event('PersonalDataCollected', { origin: 'subject', channel: 'email' }), [], PROMISES, restricted('all')],
  [
    'more is collected of them elsewhere',
    event('PersonalDataCollected', { origin: 'public-register', channel: 'public-register' }),
    [BROKEN],
    PROMISES,
    restricted('all'),
  ],
  ['nobody is on it', used({ subjects: [] }), [], PROMISES, restricted('all')],
]);

it('names those whom it is about', () => {
  const two = used({ subjects: [KIM, LEE].map((reference) => ({ reference, category: 'customer' })) });
  const state = { ...NOTHING, restrictions: (person: string) => (person === LEE ? [{ scope: ['all'] }] : []) };
  expect(R12.judge(two, PROMISES, state)).toMatchObject([{ whom: [LEE] }]);
});
