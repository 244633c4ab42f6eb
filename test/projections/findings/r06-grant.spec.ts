import { R6 } from '../../../projections/findings/rules/r06-grant.ts';
import { ANNA, event, mailitWith, PROMISES, REF, table } from './judging.ts';

const looked = (data: Record<string, unknown> = {}) => event('PersonalDataAccessed', { mode: 'view', outcome: 'ok', ...data });
const granted = (...grants: object[]) => ({ grants: () => grants });
const monitoring = mailitWith('access:\n', 'access:\n  withoutCase: [security]\n');

table(R6, [
  ['a grant without limits, and a case', looked(), ['conforms'], PROMISES, granted({})],
  [
    'a grant for purpose, data and system',
    looked(),
    ['conforms'],
    PROMISES,
    granted({ purposes: ['customer-communication'], categories: ['name', 'work-email'], systems: ['crm'] }),
  ],
  ['a grant for another purpose', looked(), ['no-grant @20 32(4) high'], PROMISES, granted({ purposes: ['payment'] })],
  ['a grant for less data', looked(), ['no-grant @20 32(4) high'], PROMISES, granted({ categories: ['name'] })],
  [
    'two grants that cover it only together',
    looked(),
    ['no-grant @20 32(4) high'],
    PROMISES,
    granted({ categories: ['name'] }, { categories: ['work-email'] }),
  ],
  ['a grant for another system', looked(), ['no-grant @20 32(4) high'], PROMISES, granted({ systems: ['billing'] })],
  ['no grant, where others have some', looked(), ['no-grant @20 32(4) high'], PROMISES, granted()],
  ['curiosity: a grant, and no case', looked({ caseRef: undefined }), ['no-case @20 32(4) medium'], PROMISES, granted({})],
  ['no case, where the policy asks for none', looked({ caseRef: undefined, purpose: 'security' }), ['conforms'], monitoring, granted({})],
  ['no grant was ever recorded', looked(), ['? grants']],
  ['nor is there a case', looked({ caseRef: undefined }), ['? grants', 'no-case @20 32(4) medium']],
  ['it was denied', looked({ outcome: 'denied' }), [], PROMISES, granted()],
  ['a program', looked({ actor: { reference: ANNA, kind: 'service', capacity: 'controller' } }), [], PROMISES, granted()],
  ['no access', event('PersonalDataUsed', { caseRef: REF }), [], PROMISES, granted()],
]);
