import { Controller, Get } from '@nestjs/common';
import { Caller, Needs } from '../../src/http/auth.ts';
import { addressGroup, WindowLimit } from '../../src/http/limits.ts';
import { MAY } from './permission-table.ts';
import { ADMIN_KEY, type TestServer, testServer } from './test-server.ts';

@Controller('probe')
class Probe {
  @Get('ask')
  @Needs('ask')
  ask(@Caller() caller: Caller): unknown {
    return { scope: caller.scope, person: caller.personReference !== undefined, may: [...caller.permissions] };
  }
}

let server: TestServer;
const start = async (env: Record<string, string> = {}) => {
  server = await testServer({ env, controllers: [Probe] });
};
afterEach(() => server.close());

describe('a key', () => {
  it('is told to the handler as a caller', async () => {
    await start();
    const answer = await server.send({ url: '/probe/ask', key: await server.keyOf('case') });
    expect(answer.json()).toEqual({ scope: 'case', person: true, may: MAY.case });
  });

  it('stops working with the answer to its revocation', async () => {
    await start();
    const made = await server.send({ method: 'POST', url: '/v1/keys', payload: { name: 'k', scope: 'ask', person: 'Karin Lind' } });
    expect(made.statusCode).toBe(201);
    const { id, key } = made.json();
    expect((await server.send({ url: '/probe/ask', key })).statusCode).toBe(200);
    expect((await server.send({ method: 'DELETE', url: `/v1/keys/${id}` })).statusCode).toBe(204);
    expect((await server.send({ url: '/probe/ask', key })).statusCode).toBe(401);
    expect((await server.send({ method: 'DELETE', url: `/v1/keys/${id}` })).statusCode).toBe(204);
  });

  it.each([
    ['Basic YWRtaW46YWRtaW4=', /Send your API key/],
    ['Bearer', /unknown or was revoked/],
    ['Bearer two words', /unknown or was revoked/],
    [`Bearer ${'x'.repeat(600)}`, /unknown or was revoked/],
    [ADMIN_KEY, /Send your API key/],
  ])('sent as %j is 401 with a challenge', async (authorization, detail) => {
    await start();
    const answer = await server.send({ url: '/probe/ask', key: null, headers: { authorization } });
    expect(answer.statusCode).toBe(401);
    expect(answer.headers['www-authenticate']).toMatch(/^Bearer realm="liggare"/);
    expect(answer.json().detail).toMatch(detail);
  });

  it('is read whatever the case of the scheme (RFC 9110, 11.1)', async () => {
    await start();
    const answer = await server.send({ url: '/probe/ask', key: null, headers: { authorization: `bearer ${ADMIN_KEY}` } });
    expect(answer.statusCode).toBe(200);
  });

  it('cannot be checked while the log is away: 503, and public routes go on', async () => {
    await start();
    const key = await server.keyOf('ask');
    server.store.unavailable = true;
    await new Promise((resolve) => setTimeout(resolve, 1010));
    const answer = await server.send({ url: '/probe/ask', key });
    expect([answer.statusCode, answer.headers['retry-after']]).toEqual([503, '1']);
    expect((await server.send({ url: '/health/live', key: null })).statusCode).toBe(200);
  });
});

describe('wrong keys', () => {
  it('are refused after as many as an address may present, with the time to wait; a valid key still passes', async () => {
    await start({ LIGGARE_AUTH_FAILURES: '3' });
    const wrong = (remoteAddress: string) => server.send({ url: '/probe/ask', key: 'wrong', remoteAddress });
    for (let i = 0; i < 3; i++) expect((await wrong('192.0.2.1')).statusCode).toBe(401);
    const refused = await wrong('192.0.2.1');
    expect(refused.statusCode).toBe(429);
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(50);
    expect(refused.json().type).toBe('urn:liggare:problem:too-many-requests');
    expect((await wrong('192.0.2.2')).statusCode).toBe(401);
    expect((await server.send({ url: '/probe/ask', remoteAddress: '192.0.2.1' })).statusCode).toBe(200);
  });

  it('are counted only when presented: a missing key costs nothing', async () => {
    await start({ LIGGARE_AUTH_FAILURES: '1' });
    for (let i = 0; i < 5; i++) expect((await server.send({ url: '/probe/ask', key: null })).statusCode).toBe(401);
    expect((await server.send({ url: '/probe/ask', key: 'wrong' })).statusCode).toBe(401);
    expect((await server.send({ url: '/probe/ask', key: 'wrong' })).statusCode).toBe(429);
  });

  it('are not forgiven for a forged X-Forwarded-For, unless a proxy is trusted', async () => {
    await start({ LIGGARE_AUTH_FAILURES: '1' });
    const forged = (i: number) => server.send({ url: '/probe/ask', key: 'wrong', headers: { 'x-forwarded-for': `192.0.2.${i}` } });
    expect([(await forged(1)).statusCode, (await forged(2)).statusCode]).toEqual([401, 429]);
    await server.close();
    await start({ LIGGARE_AUTH_FAILURES: '1', LIGGARE_TRUSTED_PROXIES: '127.0.0.0/8' });
    expect([(await forged(1)).statusCode, (await forged(2)).statusCode]).toEqual([401, 401]);
  });
});

describe('questions', () => {
  it('are limited for each key', async () => {
    await start({ LIGGARE_QUESTIONS: '2' });
    const key = await server.keyOf('ask');
    const codes: number[] = [];
    for (let i = 0; i < 6; i++) codes.push((await server.send({ url: '/probe/ask', key })).statusCode);
    expect(codes.slice(0, 2)).toEqual([200, 200]);
    expect(codes).toContain(429);
    expect((await server.send({ url: '/probe/ask', key: await server.keyOf('case') })).statusCode).toBe(200);
  });
});

describe('a limit over windows', () => {
  it('allows so many in a window, says how long to wait, and starts anew after it', () => {
    const limit = new WindowLimit(2, 1000);
    expect([limit.take('a', 0), limit.take('a', 400), limit.take('a', 600)]).toEqual([0, 0, 400]);
    expect(limit.take('b', 600)).toBe(0);
    expect(limit.take('a', 1000)).toBe(0);
  });

  it('remembers a bounded number of keys', () => {
    const limit = new WindowLimit(1, 60_000, 100);
    for (let i = 0; i < 10_000; i++) limit.take(`address ${i}`, i);
    expect(limit.take('address 9999', 10_000)).toBeGreaterThan(0);
    expect(limit.take('address 0', 10_000)).toBe(0);
  });

  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::9', '2001:db8:1:2::/64'],
    ['2001:0db8:0001:0002::', '2001:db8:1:2::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ])('counts %s as %s', (address, group) => {
    expect(addressGroup(address)).toBe(group);
  });
});
