import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { event, eventsOf, FakeLedger, FakeLog, KEY, liggare, type Ran, type Received } from './fake-ledger.ts';

let folder: string;
let ledger: FakeLedger | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'liggare-import-'));
});

afterEach(async () => {
  await ledger?.stop();
  ledger = undefined;
  await rm(folder, { recursive: true, force: true });
});

async function file(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}

const ndjson = (events: readonly unknown[]) => events.map((each) => `${JSON.stringify(each)}\n`).join('');
const events = (count: number, source?: string) => Array.from({ length: count }, (_, index) => event(String(index), source));

/** A ledger that answers everything well, but where `first` says otherwise. */
async function start(
  log: FakeLog,
  first: (request: Received) => ReturnType<Parameters<typeof FakeLedger.start>[0]> | undefined = () => undefined,
) {
  ledger = await FakeLedger.start((request) => {
    const own = first(request);
    if (own !== undefined) return own;
    return request.path === '/v1/events' ? log.record(request) : { body: { items: [] } };
  });
  return ledger;
}

const run = (argv: string[], stdin?: string): Promise<Ran> =>
  liggare(['import', ...argv], { env: { LIGGARE_URL: ledger?.url, LIGGARE_KEY: KEY }, ...(stdin === undefined ? {} : { stdin }) });

const posts = () => (ledger as FakeLedger).received.filter(({ path }) => path === '/v1/events');
const row = (ran: Ran, name: string) => new RegExp(`^  ${name} +([\\d,]+)`, 'm').exec(ran.stdout)?.[1];

describe('given a service and a file of events', () => {
  test('every event is recorded, in batches, and the command ends when the read side has reached them', async () => {
    const log = new FakeLog();
    let asked = 0;
    await start(log, ({ path }) => (path === '/v1/sources' && ++asked < 3 ? { status: asked === 1 ? 503 : 504 } : undefined));
    const ran = await run([await file('e.ndjson', ndjson(events(1200)))]);
    expect(ran.code).toBe(0);
    expect(log.events).toHaveLength(1200);
    expect(posts().map(({ body }) => eventsOf(body).length)).toEqual([500, 500, 200]);
    expect(posts()[0]?.headers).toMatchObject({ 'content-type': 'application/x-ndjson', authorization: `Bearer ${KEY}` });
    expect(ledger?.received.at(-1)?.query.get('after')).toBe('1200');
    expect(asked).toBe(3);
    expect(row(ran, 'recorded')).toBe('1,200');
    expect(ran.stderr).toContain('Waiting for the read side to reach position 1,200');
    expect(ran.stderr).toContain('Questions see everything up to position 1,200');
  });

  test('it says on standard error what it works on, and never shows the key', async () => {
    await start(new FakeLog());
    const ran = await run(['-'], ndjson(events(1)));
    expect(ran.stderr).toContain(`Working on the service at ${ledger?.url}/`);
    expect(ran.stdout + ran.stderr).not.toContain(KEY);
  });

  test('a second run finds duplicates, and that is a success', async () => {
    const log = new FakeLog();
    await start(log);
    const path = await file('e.ndjson', ndjson(events(7)));
    await run([path]);
    const ran = await run([path]);
    expect(ran.code).toBe(0);
    expect([row(ran, 'recorded'), row(ran, 'duplicates')]).toEqual(['0', '7']);
    expect(log.events).toHaveLength(7);
  });

  test('order is kept within a source, whatever the ledger takes for each batch', async () => {
    const log = new FakeLog();
    const two = events(300, 'urn:test:one').flatMap((one, index) => [one, event(String(index), 'urn:test:two')]);
    ledger = await FakeLedger.start(async (request) => {
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 8));
      return request.path === '/v1/events' ? log.record(request) : { body: {} };
    });
    expect((await run([await file('e.ndjson', ndjson(two)), '--batch', '20'])).code).toBe(0);
    for (const source of ['urn:test:one', 'urn:test:two']) {
      const ids = log.events.filter((each) => each['source'] === source).map((each) => Number(each['id']));
      expect(ids).toEqual(Array.from({ length: 300 }, (_, index) => index));
    }
  });

  test('a batch stays under 4 MiB', async () => {
    const log = new FakeLog();
    await start(log);
    const large = events(40).map((each) => ({ ...each, note: 'x'.repeat(200_000) }));
    expect((await run([await file('e.ndjson', ndjson(large))])).code).toBe(0);
    expect(log.events).toHaveLength(40);
    expect(Math.max(...posts().map(({ body }) => body.length))).toBeLessThan(4 * 1024 * 1024);
  });

  test('a dry run records nothing and waits for nothing', async () => {
    const log = new FakeLog();
    await start(log);
    const ran = await run([await file('e.ndjson', ndjson(events(3))), '--dry-run']);
    expect(ran.code).toBe(0);
    expect(log.events).toHaveLength(0);
    expect(posts()[0]?.query.get('dryRun')).toBe('true');
    expect(ledger?.received).toHaveLength(1);
    expect(ran.stdout).toContain('nothing was recorded');
  });

  test('a key that may not ask for sources still imports', async () => {
    await start(new FakeLog(), ({ path }) => (path === '/v1/sources' ? { status: 403 } : undefined));
    const ran = await run(['-'], ndjson(events(2)));
    expect(ran.code).toBe(0);
    expect(ran.stderr).toContain('that was not waited for');
  });

  test('a read side that does not get there in time is told, with an exit code of its own', async () => {
    await start(new FakeLog(), ({ path }) => (path === '/v1/sources' ? { status: 503 } : undefined));
    const ran = await run(['-', '--wait', '0'], ndjson(events(2)));
    expect(ran.code).toBe(3);
    expect(ran.stderr).toContain('durable, but the read side has not caught up');
  });
});

describe('given events that the ledger does not record', () => {
  const judged = () =>
    new FakeLog((each) => {
      if (each['id'] === '1')
        return { outcome: 'quarantined', problems: [{ path: '/data/purpose', rule: 'unknown-code', message: 'a known code' }] };
      if (each['id'] === '3') return { outcome: 'refused', problems: [{ path: '', rule: 'not-an-event', message: 'no event' }] };
      return undefined;
    });

  test('each is reported with its line, path and rule; the rest is recorded; the exit code says so', async () => {
    await start(judged());
    const lines = `${ndjson(events(2))}not json\n${ndjson(events(5).slice(2))}${ndjson([{ ...event('0'), data: { changed: true } }])}`;
    const ran = await run([await file('e.ndjson', lines)]);
    expect(ran.code).toBe(1);
    expect(['recorded', 'conflicts', 'quarantined', 'refused', 'rejected lines'].map((name) => row(ran, name))).toEqual([
      '3',
      '1',
      '1',
      '1',
      '1',
    ]);
    expect(ran.stderr).toContain('line 2: quarantined · /data/purpose unknown-code: a known code');
    expect(ran.stderr).toContain('line 3: rejected · / not-json');
    expect(ran.stderr).toContain('line 5: refused · / not-an-event: no event');
    expect(ran.stderr).toContain('line 7: conflict');
  });

  test('all of them can be kept in a file that only its owner reads', async () => {
    await start(judged());
    const out = join(folder, 'rejects.ndjson');
    const ran = await run([await file('e.ndjson', `oops\n${ndjson(events(4))}`), '--rejects', out]);
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain('3 rejects in');
    const kept = (await readFile(out, 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(kept).toEqual([
      { line: 1, outcome: 'rejected', problems: [{ path: '', rule: 'not-json', message: expect.any(String) }] },
      { line: 3, id: '1', source: 'urn:test:one', outcome: 'quarantined', problems: [expect.objectContaining({ rule: 'unknown-code' })] },
      { line: 5, id: '3', source: 'urn:test:one', outcome: 'refused', problems: [expect.objectContaining({ rule: 'not-an-event' })] },
    ]);
    expect((await stat(out)).mode & 0o777).toBe(0o600);
  });

  test('lines are those of the file, however the answer is cut, and whichever source they are of', async () => {
    const refused = (each: Record<string, unknown>) =>
      Number(each['id']) % 7 === 3
        ? { outcome: 'refused', problems: [{ path: '/source', rule: 'not-permitted', message: 'no' }] }
        : undefined;
    await start(new FakeLog(refused, 3));
    const both = events(20).flatMap((one) => [one, { ...one, source: 'urn:test:two' }]);
    const out = join(folder, 'rejects.ndjson');
    const ran = await run([await file('e.ndjson', `\n${ndjson(both)}`), '--batch', '8', '--rejects', out]);
    expect([ran.code, row(ran, 'recorded'), row(ran, 'refused')]).toEqual([1, '34', '6']);
    const lines = eventsOf(await readFile(out, 'utf8')).map(({ line }) => line as number);
    expect(lines.sort((a, b) => a - b)).toEqual([8, 9, 22, 23, 36, 37]);
  });

  test('the screen gets the first twenty, and the number of the others', async () => {
    await start(new FakeLog());
    const ran = await run(['-'], 'x\n'.repeat(25));
    expect(ran.stderr.match(/rejected · /g)).toHaveLength(20);
    expect(ran.stderr).toContain('5 more rejects not shown');
    expect(ran.code).toBe(1);
  });

  test('what stands in a rejected line is never shown', async () => {
    await start(new FakeLog());
    const ran = await run(['-'], '{"email": "astrid@example.se" \n');
    expect(ran.stdout + ran.stderr).not.toContain('astrid');
  });

  test('what the service says cannot steer the terminal', async () => {
    await start(new FakeLog(() => ({ outcome: 'quarantined', problems: [{ path: '/x', rule: 'r', message: '\u001b[2Jgone' }] })));
    expect((await run(['-'], ndjson(events(1)))).stderr).toContain('\\u{1b}[2Jgone');
  });
});

describe('given a service that is busy or away', () => {
  test('503 with Retry-After is waited for, and nothing is lost or doubled', async () => {
    const log = new FakeLog();
    let refused = 0;
    await start(log, ({ path }) => (path === '/v1/events' && refused++ < 2 ? { status: 503, headers: { 'retry-after': '0' } } : undefined));
    const ran = await run(['-'], ndjson(events(3)));
    expect(ran.code).toBe(0);
    expect(log.events).toHaveLength(3);
    expect(ran.stderr).toContain('is busy (503); waiting');
  });

  test('a connection that breaks in the middle is tried again', async () => {
    const log = new FakeLog();
    let broken = 0;
    await start(log, (request) => {
      if (request.path !== '/v1/events' || broken++ > 0) return undefined;
      log.record(request);
      return 'hang up';
    });
    const ran = await run(['-'], ndjson(events(3)));
    expect(ran.code).toBe(0);
    expect([row(ran, 'recorded'), row(ran, 'duplicates')]).toEqual(['0', '3']);
  });

  test('a service that comes back while the import waits gets everything', async () => {
    const log = new FakeLog();
    await start(log);
    const port = Number(new URL((ledger as FakeLedger).url).port);
    const url = (ledger as FakeLedger).url;
    await ledger?.stop();
    const running = liggare(['import', '-'], { env: { LIGGARE_URL: url, LIGGARE_KEY: KEY }, stdin: ndjson(events(3)) });
    setTimeout(() => void ledger?.listen(port), 300);
    const ran = await running;
    expect(ran.code).toBe(0);
    expect(ran.stderr).toContain('ECONNREFUSED');
    expect(log.events).toHaveLength(3);
  });

  test('a key that is not known ends the run, with what it did so far', async () => {
    await start(new FakeLog(), ({ path }) =>
      path === '/v1/events' ? { status: 401, body: { title: 'A valid API key is needed' } } : undefined,
    );
    const ran = await run([await file('e.ndjson', ndjson(events(3)))]);
    expect(ran.code).toBe(2);
    expect(ran.stderr).toContain('liggare: The ledger answered 401: A valid API key is needed');
    expect(ran.stderr).toContain('Check LIGGARE_KEY');
    expect(row(ran, 'recorded')).toBe('0');
  });

  test('a request refused as a whole ends the run; with --continue it is counted and the rest goes on', async () => {
    const log = new FakeLog();
    const forbidden = ({ body, path }: Received) =>
      path === '/v1/events' && body.includes('urn:other:source')
        ? {
            status: 403,
            body: {
              title: 'This key may not do that',
              errors: [{ path: '/source', rule: 'source-not-permitted', message: 'ask for a key', index: 0 }],
            },
          }
        : undefined;
    await start(log, forbidden);
    const path = await file('e.ndjson', ndjson([...events(2), event('x', 'urn:other:source'), ...events(4).slice(2)]));
    const ended = await run([path, '--batch', '1']);
    expect(ended.code).toBe(2);
    expect(ended.stderr).toContain('source-not-permitted');
    const ran = await run([path, '--batch', '1', '--continue']);
    expect(ran.code).toBe(1);
    expect(log.events).toHaveLength(4);
    expect(row(ran, 'refused')).toBe('1');
    expect(ran.stderr).toContain('line 3: refused · [0] /source source-not-permitted');
  });
});

describe('given a service that stops in the middle of its answer', () => {
  const failed = JSON.stringify({ error: { title: 'The ledger cannot answer now', status: 503 } });

  test.each([
    ['says so in its last line', { end: `${failed}\n` }, false],
    ['loses the connection', {}, true],
    ['loses the connection within a line', { end: '{"recorded":2,"dupl' }, true],
  ])('one that %s gets what it did not acknowledge again, and nothing else', async (_, how, isCut) => {
    const log = new FakeLog((each) => (each['id'] === '1' || each['id'] === '5' ? { outcome: 'quarantined' } : undefined), 2);
    let asked = 0;
    await start(log, (request) =>
      request.path === '/v1/events' && ++asked === 1 ? { ...log.record(request, { chunks: 2, ...how }), isCut } : undefined,
    );
    const ran = await run(['-'], `\n${ndjson(events(7))}`);
    expect(posts().map(({ body }) => eventsOf(body).map(({ id }) => id))).toEqual([
      ['0', '1', '2', '3', '4', '5', '6'],
      ['4', '5', '6'],
    ]);
    expect(ran.code).toBe(1);
    expect([row(ran, 'recorded'), row(ran, 'duplicates'), row(ran, 'quarantined')]).toEqual(['5', '0', '2']);
    expect(ran.stderr).toContain('trying again');
    expect(ran.stderr.match(/line \d+: quarantined/g)).toEqual(['line 3: quarantined', 'line 7: quarantined']);
  });

  test('what it refuses when it is asked again has its own words', async () => {
    const log = new FakeLog(undefined, 2);
    let asked = 0;
    await start(log, (request) => {
      if (request.path !== '/v1/events') return undefined;
      asked += 1;
      const revoked = { status: 401, body: { title: 'A valid API key is needed' } };
      return asked === 1 ? log.record(request, { chunks: 1, end: '{"error":{"status":401}}\n' }) : revoked;
    });
    const ran = await run(['-'], ndjson(events(5)));
    expect(ran.code).toBe(2);
    expect(row(ran, 'recorded')).toBe('2');
    expect(ran.stderr).toContain('The ledger answered 401');
  });

  test('an answer for fewer events than were sent is no success', async () => {
    await start(new FakeLog(undefined, 2), ({ path }) =>
      path === '/v1/events' ? { body: `${JSON.stringify({ summary: true, recorded: 5 })}\n` } : undefined,
    );
    const ran = await run(['-'], ndjson(events(5)));
    expect(ran.code).toBe(3);
    expect(ran.stderr).toContain('answered for fewer events than it was sent');
  });
});

describe('given a CSV file', () => {
  const yaml = `
event: { specversion: '1.0', source: 'urn:desk:x', id: '{no}', time: { $from: '{at}', $as: time } }
rules:
  - when: { what: read }
    event: { type: PersonalDataAccessed }
  - when: { what: printed }
    skip: printer test`;

  test('its records become events by the mapping; rejects have the lines of the file', async () => {
    const log = new FakeLog();
    await start(log);
    const mapping = await file('m.yaml', yaml);
    const data = await file('d.csv', 'no,what,at\n1,read,2026-03-02 09:14:07+01:00\n2,printed,\n3,lost,\n4,read,soon\n5,read\n');
    const ran = await run([data, '--mapping', mapping]);
    expect(ran.code).toBe(1);
    expect(log.events).toEqual([
      { specversion: '1.0', source: 'urn:desk:x', id: '1', time: '2026-03-02T08:14:07.000Z', type: 'PersonalDataAccessed' },
    ]);
    expect(ran.stderr).toContain('line 4: rejected · / no-rule');
    expect(ran.stderr).toContain('line 5: rejected · /time not-a-time');
    expect(ran.stderr).toContain('line 6: rejected · / wrong-number-of-columns');
    expect(ran.stdout).toMatch(/left out +1 {2}printer test/);
  });

  test('a mapping that is wrong stops the command before anything is sent', async () => {
    await start(new FakeLog());
    const ran = await run([await file('d.csv', 'a\n1\n'), '--mapping', await file('m.yaml', 'event: { id: "{b}" }')]);
    expect(ran.code).toBe(2);
    expect(ran.stderr).toContain('the file has no column "b"');
    expect(posts()).toHaveLength(0);
  });
});

describe('given a wrong command line', () => {
  test.each([
    [['gone.ndjson'], {}, 'gone.ndjson cannot be read (there is no such file)'],
    [['-', '--batch', '0'], {}, 'A whole number from 1 to 500 is expected'],
    [['-', '--mapping', 'gone.yaml'], {}, 'gone.yaml cannot be read'],
    [['x.csv'], {}, 'A CSV file needs a mapping'],
    [['-'], { LIGGARE_URL: 'http://127.0.0.1:1' }, 'LIGGARE_URL is set and LIGGARE_KEY is not'],
    [['-'], { LIGGARE_KEY: KEY }, 'LIGGARE_KEY is set and LIGGARE_URL is not'],
    [['-'], { LIGGARE_URL: 'ftp://x', LIGGARE_KEY: KEY }, 'LIGGARE_URL must be an address that starts with http'],
    [['-'], { LIGGARE_URL: 'http://u:p@x', LIGGARE_KEY: KEY }, 'LIGGARE_URL must be a bare address'],
    [['-'], { LIGGARE_URL: 'http://x', LIGGARE_KEY: 'two words secret' }, 'LIGGARE_KEY is not an API key'],
    [['-', '--key', KEY], {}, "unknown option '--key'"],
    [[], {}, "missing required argument 'file'"],
  ])('%j with %j', async (argv, env, message) => {
    const ran = await liggare(['import', ...argv], { env });
    expect(ran.code).toBe(2);
    expect(ran.stderr).toContain(message);
    expect(ran.stdout + ran.stderr).not.toContain('two words secret');
  });

  test('help has examples and the exit codes', async () => {
    const ran = await liggare(['import', '--help']);
    expect(ran.code).toBe(0);
    expect(ran.stdout).toContain('Examples');
    expect(ran.stdout).toContain('Exit codes');
  });
});
