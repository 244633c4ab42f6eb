import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SCOPES, type Scope } from '../../src/ledger/api-key/permissions.ts';
import { type RunningLedger, startLedger } from '../../src/start.ts';
import { casesOf, HTTP_ROUTES, LEDGER_ROUTES } from './permission-table.ts';

const ADMIN = 'admin-key-of-every-route';
const ALL = { ...HTTP_ROUTES, ...LEDGER_ROUTES };

let folder: string;
let ledger: RunningLedger;
const keys = new Map<Scope, string>();

const send = (method: string, path: string, key: string | undefined, body?: object) =>
  fetch(new URL(path, ledger.url), {
    method,
    headers: { ...(key && { authorization: `Bearer ${key}` }), ...(body && { 'content-type': 'application/json' }) },
    ...(body && { body: JSON.stringify(body) }),
  });

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'liggare-routes-'));
  const env = { LIGGARE_DATA: folder, LIGGARE_ADMIN_KEY: ADMIN, LIGGARE_AUTH_FAILURES: '1000' };
  ledger = await startLedger(env, { port: 0, quiet: true });
  for (const scope of SCOPES) {
    const whose = scope === 'emit' ? { sources: ['urn:test:routes'] } : { person: `Holder of ${scope}` };
    const made = await send('POST', '/v1/keys', ADMIN, { name: `test ${scope}`, scope, ...whose });
    keys.set(scope, ((await made.json()) as { key: string }).key);
  }
});
/** Ready is only who has read the log. */
beforeAll(async () => {
  while ((await send('GET', '/health/ready', undefined)).status !== 200) await new Promise((resolve) => setTimeout(resolve, 50));
});
afterAll(async () => {
  await ledger?.close();
  rmSync(folder, { recursive: true, force: true });
});

it('the table names every documented route of the whole ledger', async () => {
  const { paths } = (await (await send('GET', '/openapi.json', undefined)).json()) as { paths: Record<string, object> };
  const documented = Object.entries(paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ':$1')}`),
  );
  // The page and the document about the API are not part of it.
  const about = ['GET /openapi.json', 'GET /docs', 'GET /docs/start.js', 'GET /docs/:file'];
  expect([...documented, ...about].sort()).toEqual(Object.keys(ALL).sort());
});

interface Operation {
  requestBody?: object;
  parameters?: { name: string; schema: { example?: unknown } }[];
  responses: Record<string, { content?: Record<string, { schema: { format?: string; description?: string } }> }>;
}
async function operations(): Promise<[route: string, operation: Operation][]> {
  const { paths } = (await (await send('GET', '/openapi.json', undefined)).json()) as { paths: Record<string, Record<string, Operation>> };
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => [`${method.toUpperCase()} ${path}`, operation] as [string, Operation]),
  );
}

it('every parameter is documented with an example, and what is no text in words', async () => {
  for (const [route, { parameters = [], responses }] of await operations()) {
    for (const { name, schema } of parameters) expect([route, name, schema.example]).not.toEqual([route, name, undefined]);
    const schemas = Object.values(responses).flatMap(({ content = {} }) => Object.values(content).map(({ schema }) => schema));
    for (const { format, description } of schemas) if (format === 'binary') expect([route, typeof description]).toEqual([route, 'string']);
  }
});

it('says that a proof may be asked of what nobody knows', async () => {
  const [, { responses }] = (await operations()).find(([route]) => route === 'POST /v1/queries/proof') as [string, Operation];
  expect(responses).toHaveProperty('404');
});

describe('a route that takes no body', () => {
  const NONE = [
    ...['POST /v1/key-store/expire', 'POST /v1/key-store/rotate-master', 'POST /v1/retention'],
    ...['POST /v1/tree-heads', 'POST /v1/sealer-key/rotate', 'DELETE /v1/keys/{id}'],
  ];
  const sent = async (route: string, body: string | undefined) => {
    const [method = '', path = ''] = route.split(' ');
    const headers = { authorization: `Bearer ${ADMIN}`, ...(body !== undefined && { 'content-type': 'application/json' }) };
    const answer = await fetch(new URL(path.replace('{id}', 'nobodys'), ledger.url), {
      method,
      headers,
      ...(body !== undefined && { body }),
    });
    return { status: answer.status, text: await answer.text() };
  };
  const ring = async () => (await sent('GET /v1/sealer-key', undefined)).text;

  it('is documented without one', async () => {
    const without = (await operations()).filter(([route, { requestBody }]) => !route.startsWith('GET ') && requestBody === undefined);
    expect(without.map(([route]) => route).sort()).toEqual([...NONE].sort());
  });

  it.each(NONE)('%s refuses whatever is sent, does nothing, and repeats none of it', async (route) => {
    const before = await ring();
    for (const [body, path, rule] of [
      ['{"dryRun":true}', '/dryRun', 'unknown-property'],
      ['{"a":{},"10027":1}', '', 'unknown-property'],
      ['{"__proto__":{"x":1}}', '/__proto__', 'unknown-property'],
      ...['[]', '[{}]', 'null', 'true', '0', '"10027"', '""'].map((other) => [other, '', 'object'] as const),
    ] as const) {
      const { status, text } = await sent(route, body);
      expect([body, status, JSON.parse(text).errors?.[0]]).toEqual([body, 400, expect.objectContaining({ path, rule })]);
      expect(text).not.toContain('10027');
    }
    expect((await sent(route, '{')).status).toBe(400);
    expect(await ring()).toBe(before);
  });

  it.each(['POST /v1/tree-heads', 'POST /v1/sealer-key/rotate'])('%s is asked by none, and by an empty object', async (route) => {
    for (const body of [undefined, '{}', ' { } ']) expect((await sent(route, body)).status).toBe(200);
  });
});

it.each(casesOf(ALL))('%s %s with %s: opens %s', async (method, url, scope, opens) => {
  const path = url.replace(':type', 'PersonalDataAccessed').replace(':version', '1').replace(':file', 'start.js').replace(':id', 'nobodys');
  const answer = await send(method, path, scope === 'no key' ? undefined : keys.get(scope), method === 'POST' ? {} : undefined);
  expect(answer.status).toBeLessThan(500);
  const refusal = scope === 'no key' ? 401 : 403;
  if (opens) expect([401, 403, 429]).not.toContain(answer.status);
  else expect(answer.status).toBe(refusal);
  const isEndless = answer.headers.get('content-type')?.startsWith('text/event-stream');
  await (isEndless ? answer.body?.cancel() : answer.arrayBuffer());
});

it('stored keys work after a restart, and the key of the environment only while it is set', async () => {
  const before = await send('GET', '/v1/keys', keys.get('admin'));
  await ledger.close();
  ledger = await startLedger({ LIGGARE_DATA: folder }, { port: 0, quiet: true });
  const after = await send('GET', '/v1/keys', keys.get('admin'));
  expect(after.status).toBe(200);
  expect(await after.json()).toEqual(await before.json());
  expect((await send('GET', '/v1/keys', ADMIN)).status).toBe(401);
});
