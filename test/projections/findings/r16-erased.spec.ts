import { R16 } from '../../../projections/findings/rules/r16-erased.ts';
import { AT, event, KIM, LEE, NOT_OURS, NOTHING, PROMISES, table } from './judging.ts';

const used = (data: Record<string, unknown> = {}) => event('PersonalDataUsed', data);
const erased = (scope: string[], systems = ['crm', 'mailer']) => ({ erasures: () => [{ at: AT - 10, scope, systems }] });
const collected = (at: number, ...categories: string[]) => ({ collections: () => [{ at, categories }] });
const BROKEN = 'after-erasure @31 17(1) critical';

table(R16, [
  ['nothing was erased', used(), ['conforms']],
  ['everything was', used(), [BROKEN], PROMISES, erased(['all'])],
  ['what was for the purpose', used(), [BROKEN], PROMISES, erased(['customer-communication'])],
  ['one of the categories', used(), [BROKEN], PROMISES, erased(['work-email'])],
  ['what was for another purpose', used(), ['conforms'], PROMISES, erased(['newsletter'])],
  ['other data', used(), ['conforms'], PROMISES, erased(['tax', 'bank-account'])],
  ['in other systems', used(), ['conforms'], PROMISES, erased(['all'], ['mailer'])],
  ['it is stored, which it cannot be', event('PersonalDataStored'), [BROKEN], PROMISES, erased(['all'])],
  // Again
  ['it was collected again', used(), ['conforms'], PROMISES, { ...erased(['all']), ...collected(AT - 5, 'name', 'work-email', 'phone') }],
  ['some of it was collected again', used(), [BROKEN], PROMISES, { ...erased(['all']), ...collected(AT - 5, 'name') }],
  [
    'what was erased of it was collected again',
    used(),
    ['conforms'],
    PROMISES,
    { ...erased(['work-email']), ...collected(AT - 5, 'work-email') },
  ],
  ['it was collected before alone', used(), [BROKEN], PROMISES, { ...erased(['all']), ...collected(AT - 20, 'name', 'work-email') }],
  ['it is collected again', event('PersonalDataCollected'), [], PROMISES, erased(['all'])],
  // What cannot be told
  ['what was erased is said in words', used(), ['? scope of the erasure'], PROMISES, erased(['the old address'])],
  ['nobody says in which system', used({ system: undefined }), ['? system'], PROMISES, erased(['all'])],
  [
    'nobody says in which system, and nothing of it was erased',
    used({ system: undefined }),
    ['conforms'],
    PROMISES,
    erased(['newsletter']),
  ],
  ['nobody says which data, of which some was erased', used({ categories: undefined }), ['? categories'], PROMISES, erased(['tax'])],
  [
    'nobody says which data, and some was collected again',
    used({ categories: undefined }),
    ['? categories'],
    PROMISES,
    { ...erased(['all']), ...collected(AT - 5, 'name') },
  ],
  // Nobody’s
  ['a search that found nothing', event('PersonalDataAccessed', { resultCount: 0, outcome: 'ok' }), [], PROMISES, erased(['all'])],
  ['nobody is on it', used({ subjects: [] }), [], PROMISES, erased(['all'])],
  ['the rest is erased', event('PersonalDataErased'), [], PROMISES, erased(['all'])],
  ...NOT_OURS.map(([what, judged]): [string, typeof judged, string[]] => [what, judged, []]),
]);

it('names those whose data was erased', () => {
  const two = used({ subjects: [KIM, LEE].map((reference) => ({ reference, category: 'customer' })) });
  const state = { ...NOTHING, erasures: (person: string) => (person === LEE ? erased(['all']).erasures() : []) };
  expect(R16.judge(two, PROMISES, state)).toMatchObject([{ whom: [LEE] }]);
});
