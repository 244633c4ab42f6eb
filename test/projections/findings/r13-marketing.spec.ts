import { R13 } from '../../../projections/findings/rules/r13-marketing.ts';
import { event, KIM, LEE, NOTHING, PROMISES, RAISED, table } from './judging.ts';

const marketed = (data: Record<string, unknown> = {}) => event('PersonalDataUsed', { purpose: 'direct-marketing', ...data });
const objected = (kind: string, ...purposes: string[]) => ({ objections: () => [{ ...RAISED, kind, purposes }] });
const BROKEN = 'after-objection @35 21(3) critical';

table(R13, [
  ['nobody objected', marketed(), ['conforms']],
  ['somebody objected to it', marketed(), [BROKEN], PROMISES, objected('21(2)', 'direct-marketing')],
  [
    'somebody objected to another kind of it: all of it ends',
    marketed({ purpose: 'newsletter' }),
    [BROKEN],
    PROMISES,
    objected('21(2)', 'direct-marketing'),
  ],
  [
    'somebody objected, and a decision says otherwise: nothing overrides it',
    marketed(),
    [BROKEN],
    PROMISES,
    { objections: () => [{ ...RAISED, kind: '21(2)', purposes: ['direct-marketing'], outcome: 'rejected' }] },
  ],
  [
    'somebody objected to something else, of which R14 speaks',
    marketed(),
    ['conforms'],
    PROMISES,
    objected('21(1)', 'customer-communication'),
  ],
  ['a source calls it an objection on grounds of their situation', marketed(), [BROKEN], PROMISES, objected('21(1)', 'direct-marketing')],
  ['by consent, too', marketed({ purpose: 'newsletter', legalBasis: '6(1)(a)' }), [BROKEN], PROMISES, objected('21(2)', 'newsletter')],
  ['nobody says who was marketed to', marketed({ subjects: [] }), ['? subjects']],
  ['no marketing', event('PersonalDataUsed'), [], PROMISES, objected('21(2)', 'direct-marketing')],
  ['the address is erased', { ...marketed(), type: 'PersonalDataErased' }, [], PROMISES, objected('21(2)', 'direct-marketing')],
]);

it('names those who objected', () => {
  const two = marketed({ subjects: [KIM, LEE].map((reference) => ({ reference, category: 'customer' })) });
  const state = {
    ...NOTHING,
    objections: (person: string) => (person === LEE ? [{ ...RAISED, kind: '21(2)', purposes: ['direct-marketing'] }] : []),
  };
  expect(R13.judge(two, PROMISES, state)).toMatchObject([{ whom: [LEE] }]);
});
