import { R6 } from '../../../projections/findings/rules/r06-grant.ts';
import { NOBODY } from '../../../projections/findings/rules/rule.ts';
import { ANNA, event, mailitWith, PROCESSOR, PROMISES, REF, table } from './judging.ts';

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
    'two grants that cover it between them',
    looked(),
    ['conforms'],
    PROMISES,
    granted({ categories: ['name'] }, { categories: ['work-email'] }),
  ],
  [
    'two grants, of which one is for another purpose',
    looked(),
    ['no-grant @20 32(4) high'],
    PROMISES,
    granted({ categories: ['name'] }, { categories: ['work-email'], purposes: ['payment'] }),
  ],
  [
    'nobody says which data, where a grant is for some',
    looked({ categories: undefined }),
    ['? categories'],
    PROMISES,
    granted({ categories: ['name'] }),
  ],
  ['nobody says which data, where a grant is for all', looked({ categories: undefined }), ['conforms'], PROMISES, granted({})],
  [
    'nobody says where, and the grant is for another purpose anyway',
    looked({ system: undefined }),
    ['no-grant @20 32(4) high'],
    PROMISES,
    granted({ systems: ['crm'], purposes: ['payment'] }),
  ],
  ['nobody says who looks', looked({ actor: NOBODY }), ['? actor'], PROMISES, granted({})],
  ['a grant for another system', looked(), ['no-grant @20 32(4) high'], PROMISES, granted({ systems: ['billing'] })],
  ['no grant, where others have some', looked(), ['no-grant @20 32(4) high'], PROMISES, granted()],
  ['curiosity: a grant, and no case', looked({ caseRef: undefined }), ['no-case @20 32(4) medium'], PROMISES, granted({})],
  ['no case, where the policy asks for none', looked({ caseRef: undefined, purpose: 'security' }), ['conforms'], monitoring, granted({})],
  ['no grant was ever recorded', looked(), ['? grants']],
  ['nor is there a case', looked({ caseRef: undefined }), ['? grants', 'no-case @20 32(4) medium']],
  ['it was denied', looked({ outcome: 'denied' }), [], PROMISES, granted()],
  ['a program', looked({ actor: { reference: ANNA, kind: 'service', capacity: 'controller' } }), [], PROMISES, granted()],
  ['somebody at a processor, whose agreement binds them', looked(PROCESSOR), [], PROMISES, granted()],
  ['no access', event('PersonalDataUsed', { caseRef: REF }), [], PROMISES, granted()],
]);
