import { Controller, Get, Param } from '@nestjs/common';
import { ApiProperty } from '@nestjs/swagger';
import { Public } from '../../src/http/auth.ts';
import { HealthSources } from '../../src/http/health.controller.ts';
import { shownError } from '../../src/http/log.ts';
import { Metrics } from '../../src/http/metrics.ts';
import { type TestServer, testServer } from './test-server.ts';

class Nothing {
  @ApiProperty()
  nothing!: string;
}

@Controller('probe')
class Probe {
  @Get('people/:name')
  @Public()
  person(@Param('name') name: string): Nothing {
    return { nothing: name };
  }
}

let server: TestServer;
beforeAll(async () => {
  server = await testServer({ controllers: [Probe] });
});
afterAll(() => server.close());

const open = (url: string, headers: Record<string, string> = {}) => server.send({ url, key: null, headers });

describe('health', () => {
  it('is ready while all parts work, and names the part that does not, without its reasons', async () => {
    expect((await open('/health/ready')).json()).toEqual({ status: 'ok', details: { serving: { status: 'up' } } });
    let lag = 3;
    const sources = server.ledger.app.get(HealthSources);
    sources.add({ name: 'timeline', check: () => ({ ok: lag < 10, detail: { lag } }) });
    expect((await open('/health/ready')).json().details.timeline).toEqual({ status: 'up', lag: 3 });
    lag = 11;
    const behind = await open('/health/ready');
    expect([behind.statusCode, behind.json().status]).toEqual([503, 'error']);
    expect(behind.json().details.timeline).toEqual({ status: 'down', lag: 11 });
    lag = 0;
    sources.add({
      name: 'event-store',
      check: () => {
        throw new Error('/var/lib/liggare of anna.berg is gone');
      },
    });
    const broken = await open('/health/ready');
    expect(broken.json().details['event-store']).toEqual({ status: 'down', error: 'Error' });
    expect((await open('/health/live')).statusCode).toBe(200);
  });
});

describe('metrics', () => {
  it('count requests by the template of their route, never by address', async () => {
    await open('/probe/people/anna.berg');
    await open('/nowhere/anna.berg');
    const text = (await server.send({ url: '/metrics' })).body;
    expect(text).toContain('liggare_http_request_duration_seconds_count{method="GET",route="/probe/people/:name",status="200"} 1');
    expect(text).toContain('route="none",status="404"');
    expect(text).toContain('process_cpu_seconds_total');
    expect(text).not.toContain('anna.berg');
  });

  it('hold what other parts register', async () => {
    const metrics = server.ledger.app.get(Metrics);
    metrics.gauge('liggare_projection_lag', 'Events behind', ['projection'], (gauge) => gauge.set({ projection: 'timeline' }, 7));
    metrics.counter('liggare_events_total', 'Events', ['outcome']).inc({ outcome: 'recorded' }, 5);
    const answer = await server.send({ url: '/metrics' });
    expect(answer.headers['content-type']).toMatch(/^text\/plain; version=/);
    expect(answer.body).toContain('liggare_projection_lag{projection="timeline"} 7');
    expect(answer.body).toContain('liggare_events_total{outcome="recorded"} 5');
  });
});

describe('the log', () => {
  it('has one line a request with route, status and key id, and nothing that was sent', async () => {
    await server.send({
      url: '/probe/people/anna.berg?email=anna.berg%40example.com',
      headers: { 'user-agent': 'anna.berg/1', 'x-case': 'anna.berg' },
    });
    const line = JSON.parse(server.logged.at(-1) as string);
    expect(line).toMatchObject({ level: 'info', method: 'GET', route: '/probe/people/:name', status: 200 });
    expect(server.logged.join('')).not.toContain('anna.berg');
    expect(server.logged.join('')).not.toContain('127.0.0.1');
  });

  it('shows an error by name and place, not by message', () => {
    const shown = shownError(Object.assign(new TypeError('anna.berg'), { code: 'E_X' }));
    expect(shown).toMatchObject({ name: 'TypeError', code: 'E_X' });
    expect(shown.at[0]).toMatch(/^at /);
    expect(JSON.stringify(shown)).not.toContain('anna.berg');
  });
});

describe('security headers', () => {
  it.each(['/health/live', '/nowhere', '/%', '/v1/keys', '/docs'])('are on the answer to %s', async (url) => {
    const { headers } = await open(url);
    expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'x-frame-options': 'DENY', 'referrer-policy': 'no-referrer' });
    expect(headers['content-security-policy']).toContain("default-src 'none'");
    expect(headers['x-powered-by']).toBeUndefined();
    expect(headers['server']).toBeUndefined();
  });

  it('forbid caches to keep answers', async () => {
    expect((await server.send({ url: '/v1/keys' })).headers['cache-control']).toBe('no-store');
  });
});

describe('schemas', () => {
  it('are listed, served and cached', async () => {
    const { items } = (await open('/schemas')).json();
    expect(items).toContainEqual({
      type: 'PersonalDataAccessed',
      group: 'processing',
      version: 1,
      href: '/schemas/PersonalDataAccessed/1',
    });
    const answer = await open('/schemas/PersonalDataAccessed/1');
    expect(answer.headers['content-type']).toMatch(/^application\/schema\+json/);
    expect(answer.headers['cache-control']).toMatch(/^public, max-age=/);
    expect((await open('/schemas/PersonalDataAccessed')).json()).toEqual(answer.json());
    expect((await open('/schemas/PersonalDataAccessed/1', { 'if-none-match': String(answer.headers['etag']) })).statusCode).toBe(304);
  });

  it.each([
    '/schemas/Unknown/1',
    '/schemas/PersonalDataAccessed/2',
    '/schemas/PersonalDataAccessed/01',
    '/schemas/toString',
    '/schemas/X/1/2',
  ])('%s is 404', async (url) => {
    expect((await open(url)).json()).toMatchObject({ status: 404, type: 'urn:liggare:problem:not-found' });
  });
});

describe('the description of the API', () => {
  const document = async () => (await open('/openapi.json')).json();

  it('says of every route what it needs and which problems it may answer with', async () => {
    const { paths, openapi } = await document();
    expect(openapi).toMatch(/^3\.1/);
    expect(paths['/v1/keys'].post.security).toEqual([{ bearer: [] }]);
    expect(paths['/v1/keys'].post.description).toContain('`keys` (scopes admin)');
    expect(paths['/v1/keys'].post.responses).toMatchObject({ '201': {}, '401': {}, '403': {}, '413': {}, '429': {}, '503': {} });
    expect(paths['/health/live'].get.security).toEqual([]);
    expect(paths['/docs']).toBeUndefined();
  });

  it('refers to nothing that it does not hold', async () => {
    const api = await document();
    const references = JSON.stringify(api).match(/"#\/[^"]+"/g) ?? [];
    expect(references.length).toBeGreaterThan(10);
    for (const reference of references) {
      const found = reference
        .slice(3, -1)
        .split('/')
        .reduce((value: Record<string, unknown>, name) => value?.[name] as Record<string, unknown>, api);
      expect([reference, typeof found]).toEqual([reference, 'object']);
    }
  });

  it('describes every field with an example', async () => {
    const { components } = await document();
    for (const [name, schema] of Object.entries<{
      properties?: Record<string, { description?: string; example?: unknown; items?: unknown; $ref?: string }>;
    }>(components.schemas)) {
      if (name === 'Nothing') continue;
      for (const [field, property] of Object.entries(schema.properties ?? {})) {
        expect([name, field, property.description?.length ?? 0]).not.toEqual([name, field, 0]);
        if (!property.items) expect([name, field, 'example' in property]).toEqual([name, field, true]);
      }
    }
  });

  it('is a page whose every file comes from here', async () => {
    const page = await open('/docs');
    expect(page.headers['content-type']).toMatch(/^text\/html/);
    expect(page.headers['content-security-policy']).toContain("script-src 'self'");
    expect(page.body).not.toMatch(/https?:/);
    expect(page.body).not.toMatch(/<script>|<style|onload=/);
    const files = [...page.body.matchAll(/(?:src|href)="\.\/(docs\/[^"]+)"/g)].map(([, file]) => `/${file}`);
    expect(files).toHaveLength(4);
    for (const file of files) expect([file, (await open(file)).statusCode]).toEqual([file, 200]);
  });

  it.each(['/docs/package.json', '/docs/..%2fpackage.json', '/docs/constructor'])('serves no other files: %s', async (url) => {
    expect((await open(url)).statusCode).toBe(404);
  });
});
