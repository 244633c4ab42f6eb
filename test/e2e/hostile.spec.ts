import fc from 'fast-check';
import { disclosure } from '../support/write-side.ts';
import { BATCH, type InProcess, ledgerInProcess, SINGLE } from './service.ts';

let ledger: InProcess;
beforeAll(async () => {
  ledger = await ledgerInProcess({ LIGGARE_AUTH_FAILURES: '100000' });
});
afterAll(() => ledger.close());

const POSTS = [
  '/v1/events',
  '/v1/events?dryRun=true&items=all',
  '/v1/queries/timeline',
  '/v1/queries/disclosures',
  '/v1/queries/actor-activity',
  '/v1/keys',
  '/v1/quarantine/AAAAAAAAAAAAAAAAAAAAAA/open',
  '/v1/quarantine/AAAAAAAAAAAAAAAAAAAAAA/release',
];
const TYPES = ['application/json', SINGLE, BATCH, 'application/x-ndjson', 'text/plain', 'application/cloudevents+json; charset=utf-16'];

/** Values that programs trip over. */
const odd = fc.constantFrom<unknown>(
  null,
  [],
  {},
  '',
  0,
  -1,
  1e308,
  true,
  '\u0000',
  '\ud800',
  '__proto__',
  'constructor',
  'x'.repeat(5000),
  JSON.parse('{"__proto__":{"admin":true}}'),
  JSON.parse('{"toString":1,"valueOf":null,"then":"x","length":9e9}'),
  '2026-13-45T99:99:99Z',
  '9999999999999999',
);

/** A good event of which one member, at any depth, is something else. */
const spoiled = fc.tuple(fc.nat(), odd).map(([at, value]) => {
  const event = structuredClone(disclosure('x'));
  const places: [Record<string, unknown>, string][] = [];
  const collect = (object: Record<string, unknown>) => {
    for (const name of Object.keys(object)) {
      places.push([object, name]);
      if (typeof object[name] === 'object' && object[name] !== null) collect(object[name] as Record<string, unknown>);
    }
  };
  collect(event);
  const [object, name] = places[at % places.length] as [Record<string, unknown>, string];
  object[name] = value;
  return event;
});

const body = fc.oneof(
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  fc.json({ maxDepth: 4 }).map((text) => Buffer.from(text)),
  spoiled.map((event) => Buffer.from(JSON.stringify(event))),
  fc.array(spoiled, { maxLength: 3 }).map((events) => Buffer.from(JSON.stringify(events))),
  fc.tuple(spoiled, fc.nat({ max: 300 })).map(([event, cut]) => Buffer.from(JSON.stringify(event)).subarray(0, cut)),
);

it('answers every malformed body below 500, in its own words', async () => {
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...POSTS), fc.constantFrom(...TYPES), body, async (path, type, bytes) => {
      const answer = await ledger.send('POST', path, bytes, { 'content-type': type });
      expect(answer.status).toBeLessThan(500);
      if (answer.status >= 400) expect(answer.headers.get('content-type')).toContain('application/problem+json');
    }),
    { numRuns: 600 },
  );
}, 120_000);

it('answers spoiled questions below 500 too', async () => {
  const question = {
    about: { subject: { scheme: 'customer-number', value: '1' }, actor: ['a'], from: '2026-01-01' },
    asOf: '2026-01-01',
    limit: 3,
    cursor: 'x.y',
    reason: { purpose: 'security' },
  };
  const names = ['about', 'asOf', 'limit', 'cursor', 'reason', 'order', 'after'] as const;
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...names), fc.oneof(odd, fc.jsonValue({ maxDepth: 3 })), async (name, value) => {
      const answer = await ledger.send('POST', '/v1/queries/timeline', { ...question, [name]: value });
      expect(answer.status).toBeLessThan(500);
    }),
    { numRuns: 300 },
  );
}, 120_000);

it('bounds bodies, batches, lines and nesting', async () => {
  const big = 'x'.repeat(300 * 1024);
  const many = Array.from({ length: 1001 }, (_, n) => disclosure(`m-${n}`));
  expect(
    (await ledger.send('POST', '/v1/events', JSON.stringify(disclosure('1', { data: { note: big } })), { 'content-type': SINGLE })).status,
  ).toBe(413);
  expect((await ledger.send('POST', '/v1/events', JSON.stringify(many), { 'content-type': BATCH })).status).toBe(413);
  expect((await ledger.send('POST', '/v1/events', 'x'.repeat(6 * 1024 * 1024), { 'content-type': BATCH })).status).toBe(413);
  const deep = `${'['.repeat(50_000)}${']'.repeat(50_000)}`;
  const nested = await ledger.send('POST', '/v1/events', deep, { 'content-type': BATCH });
  expect(nested).toMatchObject({ status: 200, body: { refused: 1 } });
  const lines = `${JSON.stringify(disclosure('line-1'))}\n${big}\nnot json\n\n${JSON.stringify(disclosure('line-2'))}`;
  const stream = await ledger.send('POST', '/v1/events', lines, { 'content-type': 'application/x-ndjson' });
  const answers = stream.text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(answers.at(-1)).toMatchObject({ summary: true, recorded: 2, refused: 2, events: 4 });
  expect(answers[0].items).toMatchObject([
    { line: 2, outcome: 'refused', problems: [{ rule: 'line-too-long' }] },
    { line: 3, outcome: 'refused', problems: [{ rule: 'not-json' }] },
  ]);
});

it('takes a stream whose lines name a thousand people each', async () => {
  const crowd = Array.from({ length: 1000 }, (_, n) => ({ scheme: 'c', value: String(n) }));
  const lines = Array.from({ length: 200 }, (_, n) => JSON.stringify(disclosure(`crowd-${n}`, { data: { subjects: crowd } })));
  const answer = await ledger.send('POST', '/v1/events', lines.join('\n'), { 'content-type': 'application/x-ndjson' });
  expect(JSON.parse(answer.text.trim().split('\n').at(-1) as string)).toMatchObject({ summary: true, recorded: 200 });
}, 60_000);

it('ends a stream whose key was revoked meanwhile', async () => {
  const key = await ledger.keyOf('emit', { name: 'streamer' });
  let push: (line: string) => void = () => undefined;
  let end: () => void = () => undefined;
  const body = new ReadableStream({
    start: (controller) => {
      push = (line) => controller.enqueue(new TextEncoder().encode(`${line}\n`));
      end = () => controller.close();
    },
  });
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/x-ndjson' };
  const sent = fetch(`${ledger.url}/v1/events`, { method: 'POST', headers, body, duplex: 'half' } as RequestInit);
  push(JSON.stringify(disclosure('before-1')));
  const answer = await sent;
  const reader = (answer.body as ReadableStream<Uint8Array>).getReader();
  const first = new TextDecoder().decode((await reader.read()).value);
  expect(JSON.parse(first)).toMatchObject({ recorded: 1 });
  const keyId = key.split('_')[1] as string;
  expect((await ledger.send('DELETE', `/v1/keys/${keyId}`)).status).toBe(204);
  push(JSON.stringify(disclosure('after-1')));
  const second = new TextDecoder().decode((await reader.read()).value);
  expect(JSON.parse(second)).toMatchObject({ error: { status: 401 } });
  end();
});

it('takes a stream of any length, and acknowledges each chunk', async () => {
  const events = Array.from({ length: 2300 }, (_, n) => JSON.stringify(disclosure(`stream-${n}`)));
  const answer = await ledger.send('POST', '/v1/events', `${events.join('\n')}\n`, { 'content-type': 'application/x-ndjson' });
  const lines = answer.text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines.length).toBeGreaterThanOrEqual(6);
  expect(lines.slice(0, -1).reduce((sum, line) => sum + line.recorded, 0)).toBe(2300);
  expect(lines.at(-1)).toMatchObject({ summary: true, recorded: 2300, chunks: lines.length - 1 });
});
