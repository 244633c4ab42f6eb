import { permissionsOf } from '../../src/ledger/api-key/permissions.ts';
import { casesOf, HTTP_ROUTES, MAY, tableOf } from './permission-table.ts';
import { type TestServer, testServer } from './test-server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await testServer();
});
afterAll(() => server.close());

it('the table names every route there is', () => {
  expect(tableOf(server.ledger.routes)).toEqual(HTTP_ROUTES);
});

it.each(Object.entries(MAY))('%s carries exactly these permissions', (scope, permissions) => {
  expect([...permissionsOf(scope as keyof typeof MAY)].sort()).toEqual([...permissions].sort());
});

it.each(casesOf(HTTP_ROUTES))('%s %s with %s: opens %s', async (method, url, scope, opens) => {
  const key = scope === 'no key' ? null : await server.keyOf(scope);
  const address = url
    .replace(':type', 'PersonalDataAccessed')
    .replace(':version', '1')
    .replace(':file', 'swagger-ui.css')
    .replace(':id', 'nobodys');
  const { statusCode, headers, json } = await server.send({ method, url: address, key });
  if (opens) expect([401, 403, 429]).not.toContain(statusCode);
  else if (scope === 'no key') {
    expect(statusCode).toBe(401);
    expect(headers['www-authenticate']).toMatch(/^Bearer/);
  } else {
    expect(statusCode).toBe(403);
    expect(json().detail).toContain(`The permission ${HTTP_ROUTES[`${method} ${url}`]} is needed`);
  }
  expect(statusCode).toBeLessThan(500);
});
