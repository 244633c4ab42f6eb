import type { KnownRoute } from '../../src/http/routes.ts';
import { type Permission, SCOPES, type Scope } from '../../src/ledger/api-key/permissions.ts';

/** Who may do what, written down here a second time and on purpose: by scope, as the domain says it. */
export const MAY: Readonly<Record<Scope, readonly Permission[]>> = {
  emit: ['record', 'receipts', 'suppression', 'decide'],
  ask: ['ask', 'sources', 'receipts', 'prove', 'findings', 'decide'],
  case: [
    'ask',
    'sources',
    'openSubject',
    'quarantine',
    'release',
    'link',
    'erase',
    'suppression',
    'receipts',
    'prove',
    'findings',
    'explain',
    'decide',
  ],
  investigate: [
    'ask',
    'sources',
    'receipts',
    'prove',
    'openSubject',
    'openAll',
    'nameActors',
    'othersOnEvent',
    'quarantine',
    'findings',
    'explain',
    'decide',
  ],
  audit: ['sources', 'receipts', 'prove', 'entries', 'metrics', 'findings'],
  admin: [
    ...(['record', 'receipts', 'ask', 'sources', 'openSubject', 'openAll', 'nameActors', 'othersOnEvent'] as const),
    ...(['quarantine', 'release', 'link', 'erase', 'suppression', 'prove', 'entries', 'metrics', 'keys', 'keyStore', 'retention'] as const),
    ...(['findings', 'explain', 'policies', 'decide'] as const),
  ],
};

/** What each route needs. HEAD follows GET. */
export type RouteTable = Readonly<Record<string, 'public' | Permission>>;

export const HTTP_ROUTES: RouteTable = {
  'GET /v1/keys': 'keys',
  'POST /v1/keys': 'keys',
  'DELETE /v1/keys/:id': 'keys',
  'GET /health/live': 'public',
  'GET /health/ready': 'public',
  'GET /metrics': 'metrics',
  'GET /openapi.json': 'public',
  'GET /docs': 'public',
  'GET /docs/start.js': 'public',
  'GET /docs/:file': 'public',
  'GET /schemas': 'public',
  'GET /schemas/:type': 'public',
  'GET /schemas/:type/:version': 'public',
};

/** Every route with every scope and with no key at all, and whether it opens. */
export function casesOf(table: RouteTable): [method: string, url: string, scope: Scope | 'no key', opens: boolean][] {
  return Object.entries(table).flatMap(([route, access]) => {
    const [method = '', url = ''] = route.split(' ');
    const opens = (scope: Scope | 'no key'): boolean => access === 'public' || (scope !== 'no key' && MAY[scope].includes(access));
    return [...SCOPES, 'no key' as const].map((scope) => [method, url, scope, opens(scope)] as [string, string, Scope | 'no key', boolean]);
  });
}

/** The routes that a server has, as a table, so that none is forgotten in the test. */
export function tableOf(routes: readonly KnownRoute[]): Record<string, string> {
  const isGet = new Set(routes.filter(({ method }) => method === 'GET').map(({ url }) => url));
  const shown = routes.filter(({ method, url }) => !(method === 'HEAD' && isGet.has(url)));
  return Object.fromEntries(shown.map(({ method, url, access }) => [`${method} ${url}`, access]));
}

/** The routes that record and ask. */
export const LEDGER_ROUTES: RouteTable = {
  'POST /v1/events': 'record',
  'POST /v1/receipts': 'receipts',
  'POST /v1/queries/proof': 'prove',
  'POST /v1/queries/timeline': 'ask',
  'POST /v1/queries/disclosures': 'ask',
  'POST /v1/queries/actor-activity': 'ask',
  'POST /v1/queries/processing-register': 'findings',
  'POST /v1/queries/access-grants': 'ask',
  'POST /v1/queries/instruction': 'ask',
  'POST /v1/queries/processors': 'findings',
  'POST /v1/queries/consents': 'ask',
  'GET /v1/sources': 'sources',
  'POST /v1/queries/findings': 'findings',
  'POST /v1/queries/findings-summary': 'findings',
  'GET /v1/findings/stream': 'findings',
  'POST /v1/findings/:id/acknowledge': 'explain',
  'POST /v1/findings/:id/explain': 'explain',
  'GET /v1/quarantine': 'quarantine',
  'POST /v1/quarantine/:id/open': 'quarantine',
  'POST /v1/quarantine/:id/release': 'release',
  'POST /v1/subjects/link': 'link',
  'POST /v1/subjects/separate': 'link',
  'POST /v1/subjects/erase': 'erase',
  'GET /v1/erasures/:id': 'erase',
  'POST /v1/suppression/check': 'suppression',
  'POST /v1/decisions': 'decide',
  'GET /v1/key-store': 'keyStore',
  'POST /v1/key-store/expire': 'keyStore',
  'POST /v1/key-store/rotate-master': 'keyStore',
  'GET /v1/policies': 'findings',
  'POST /v1/policies': 'policies',
  'POST /v1/policies/simulate': 'findings',
  'GET /v1/policies/:version': 'findings',
  'GET /v1/policies/:version/differences': 'findings',
  'POST /v1/policies/:version/review': 'policies',
  'POST /v1/queries/retention': 'ask',
  'POST /v1/queries/retention-summary': 'ask',
  'GET /v1/retention': 'retention',
  'POST /v1/retention': 'retention',
  'POST /v1/exports/evidence': 'prove',
  'GET /tlog/checkpoint': 'public',
  'GET /tlog/vkey': 'public',
  'GET /tlog/vkeys': 'public',
  'GET /tlog/tile/entries/:path': 'entries',
  'GET /tlog/tile/:path': 'public',
  'GET /v1/tree-heads': 'public',
  'POST /v1/tree-heads': 'prove',
  'GET /v1/tree-heads/latest': 'public',
  'GET /v1/tree-heads/:range': 'public',
  'GET /v1/sealer-key': 'public',
  'POST /v1/sealer-key/rotate': 'keyStore',
};
