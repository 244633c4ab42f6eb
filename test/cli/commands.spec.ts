import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { jest } from '@jest/globals';
import { connect } from '../../src/cli/connect.ts';
import { duration } from '../../src/cli/progress.ts';
import { CliError, printable, type Terminal, table } from '../../src/cli/terminal.ts';
import { FakeLedger, KEY, liggare, type Ran, type Received, type Reply } from './fake-ledger.ts';

let ledger: FakeLedger | undefined;

afterEach(async () => {
  await ledger?.stop();
  ledger = undefined;
});

async function run(argv: string[], handler: (request: Received) => Reply, stdin?: string): Promise<Ran> {
  await ledger?.stop();
  ledger = await FakeLedger.start(handler);
  const env = { LIGGARE_URL: `${ledger.url}/`, LIGGARE_KEY: KEY };
  return liggare(argv, { env, ...(stdin === undefined ? {} : { stdin }) });
}

const sent = () => JSON.parse((ledger as FakeLedger).received.at(-1)?.body ?? 'null');

describe('liggare keys', () => {
  test('create prints the key alone on standard output', async () => {
    const reply = { status: 201, body: { id: 'k3v5q2abfg7h', key: 'lig_k3v5q2abfg7h_secret' } };
    const ran = await run(
      ['keys', 'create', '--name', 'billing', '--scope', 'emit', '--source', 'urn:a:b', '--source', 'urn:a:c', '--group', 'rights'],
      () => reply,
    );
    expect(ran).toMatchObject({ code: 0, stdout: 'lig_k3v5q2abfg7h_secret\n' });
    expect(ran.stderr).toContain('Working on the service at');
    expect(ran.stderr).toContain('liggare keys revoke k3v5q2abfg7h');
    expect(sent()).toEqual({ name: 'billing', scope: 'emit', sources: ['urn:a:b', 'urn:a:c'], groups: ['rights'] });
  });

  test('a key is never made twice because an answer was lost', async () => {
    ledger = await FakeLedger.start(() => 'hang up');
    const ran = await liggare(['keys', 'create', '--name', 'a', '--scope', 'ask', '--person', 'Eva'], {
      env: { LIGGARE_URL: ledger.url, LIGGARE_KEY: KEY },
    });
    expect(ran.code).toBe(3);
    expect(ledger.received).toHaveLength(1);
    expect(ran.stdout).toBe('');
  });

  test('what is wrong with a key is told field by field', async () => {
    const errors = [{ path: '/person', rule: 'required', message: 'a key that asks belongs to one named person' }];
    const ran = await run(['keys', 'create', '--name', 'a', '--scope', 'ask'], () => ({
      status: 400,
      body: { title: 'The request breaks its schema', errors },
    }));
    expect(ran.code).toBe(2);
    expect(ran.stderr).toContain('  /person required: a key that asks belongs to one named person');
  });

  test('list shows every page, without secrets', async () => {
    const key = (id: string, rest: object) => ({
      id,
      name: id,
      scope: 'ask',
      sources: [],
      groups: [],
      createdAt: '2026-03-02T09:14:07.120Z',
      ...rest,
    });
    const ran = await run(['keys', 'list', '--revoked'], ({ query }) =>
      query.get('cursor') === null
        ? { body: { items: [key('one', { person: 'Eva' })], next: 'one' } }
        : {
            body: {
              items: [
                key('two', { person: 'former staff', erased: true, revokedAt: '2026-04-01T00:00:00.000Z' }),
                key('three', { scope: 'emit', sources: ['urn:x:y'] }),
              ],
            },
          },
    );
    expect(ledger?.received.map(({ query }) => [query.get('revoked'), query.get('cursor')])).toEqual([
      ['true', null],
      ['true', 'one'],
    ]);
    const rows = ran.stdout.split('\n').map((line) => line.split(/ {2,}/));
    expect(rows.slice(2, 5)).toEqual([
      ['one', 'one', 'ask', 'Eva', '2026-03-02T09:14:07.120Z'],
      ['two', 'two', 'ask', 'former staff', '2026-03-02T09:14:07.120Z', '2026-04-01T00:00:00.000Z'],
      ['three', 'three', 'emit', 'urn:x:y', '2026-03-02T09:14:07.120Z'],
    ]);
  });

  test('revoke names the key by its id', async () => {
    const ran = await run(['keys', 'revoke', 'k3v5q2abfg7h'], () => ({ status: 204 }));
    expect(ran.code).toBe(0);
    expect(ledger?.received).toEqual([expect.objectContaining({ method: 'DELETE', path: '/v1/keys/k3v5q2abfg7h' })]);
  });
});

describe('liggare ask', () => {
  const item = {
    time: '2026-03-02T09:14:07.120Z',
    type: 'PersonalDataDisclosed',
    actor: { id: 'anna.berg', kind: 'human', role: 'accountant' },
    subjects: [{ scheme: 'customer-number', value: '10027' }],
    subjectCount: 3,
    categories: ['name', 'tax'],
    purpose: 'tax-reporting',
    legalBasis: '6(1)(c)',
    recipient: { id: 'skatteverket', role: 'independent-controller', country: 'SE' },
    method: 'api',
    system: 'billing',
    country: 'SE',
  };

  test('every option narrows down what is asked about; the reason is the asker’s own', async () => {
    const argv = [
      'ask',
      'timeline',
      '--subject',
      'customer-number:10:27',
      '--actor',
      'a',
      '--actor',
      'b',
      '--purpose',
      'rights-fulfilment',
      '--case',
      'DSR-1',
    ];
    argv.push(
      '--processing-purpose',
      'payment',
      '--processing-case',
      'C-1',
      '--legal-basis',
      '6(1)(b)',
      '--type',
      'T',
      '--category',
      'name',
      '--country',
      'SE',
    );
    argv.push(
      '--from',
      '2026-01-01',
      '--to',
      '2026-02-01',
      '--as-of',
      '2026-06-30',
      '--order',
      'asc',
      '--limit',
      '10',
      '--after',
      '7',
      '--cursor',
      'c',
    );
    argv.push('--system', 's', '--source', 'urn:a:b', '--recipient', 'r');
    const ran = await run(argv, () => ({ body: { items: [], next: null, position: 7, asOf: '2026-06-30T23:59:59.999Z' } }));
    expect(ran.code).toBe(0);
    expect(ledger?.received[0]).toMatchObject({ method: 'POST', path: '/v1/queries/timeline' });
    expect(sent()).toEqual({
      about: {
        subject: { scheme: 'customer-number', value: '10:27' },
        actor: ['a', 'b'],
        purpose: 'payment',
        caseRef: 'C-1',
        legalBasis: '6(1)(b)',
        type: 'T',
        category: 'name',
        country: 'SE',
        system: 's',
        source: 'urn:a:b',
        recipient: 'r',
        from: '2026-01-01',
        to: '2026-02-01',
      },
      reason: { purpose: 'rights-fulfilment', caseRef: 'DSR-1' },
      asOf: '2026-06-30',
      order: 'asc',
      limit: 10,
      cursor: 'c',
      after: 7,
    });
    expect(ran.stderr).toContain('Nothing on this page as of 2026-06-30T23:59:59.999Z; the question is recorded.');
  });

  test('a timeline is a table: when, what, who, whom, why, to whom, where', async () => {
    const ran = await run(['ask', 'timeline', '--purpose', 'x'], () => ({ body: { items: [item], next: 'more' } }));
    const [head, , row] = ran.stdout.split('\n').map((line) => line.split(/ {2,}/));
    expect(head).toEqual(['when', 'what', 'who', 'whom', 'why', 'to whom', 'where']);
    expect(row).toEqual([
      '2026-03-02 09:14:07.120Z',
      'PersonalDataDisclosed (api): name, tax',
      'anna.berg (accountant)',
      'customer-number 10027, +2',
      'tax-reporting 6(1)(c)',
      'skatteverket (independent-controller, SE)',
      'billing SE',
    ]);
    expect(ran.stderr).toContain('There is more: --cursor more, or --all.');
  });

  describe('somebody who cannot be named', () => {
    const reference = 'q83vEjRWeJCrze8SNFZ4kA';
    const staff = { reference, name: 'former staff', erased: true };

    test('is erased, or without a key, in a timeline', async () => {
      const items = [
        { ...item, actor: { ...staff, kind: 'human', role: 'clerk' }, subjects: [{ reference, erased: true }], subjectCount: 1 },
        { ...item, actor: { reference, erased: true, kind: 'human' }, subjects: [{ reference, keyMissing: true }], subjectCount: 1 },
      ];
      const ran = await run(['ask', 'timeline', '--purpose', 'x'], () => ({ body: { items } }));
      const [, , ...rows] = ran.stdout.split('\n').map((line) => line.split(/ {2,}/).slice(2, 4));
      expect(rows.slice(0, 2)).toEqual([
        ['former staff (clerk)', 'erased'],
        ['erased', 'key missing'],
      ]);
    });

    test('is former staff in the activity of actors', async () => {
      const items = [{ actor: staff, day: '2026-03-02' }];
      const ran = await run(['ask', 'actor-activity', '--purpose', 'x'], () => ({ body: { items } }));
      expect(ran.stdout).toContain('former staff  2026-03-02');
    });
  });

  test('an actor’s hours are those in which something was done', async () => {
    const hours = Array.from({ length: 24 }, (_, hour) => ({ 6: 3, 21: 2 })[hour] ?? 0);
    const day = {
      actor: { id: 'erik.sandberg' },
      day: '2026-03-02',
      accesses: 5,
      hours,
      categories: ['name', 'phone'],
      searchesWithoutCase: 1,
    };
    const ran = await run(['ask', 'actor-activity', '--purpose', 'security'], () => ({ body: { items: [day] } }));
    const [head, , row] = ran.stdout.split('\n').map((line) => line.split(/ {2,}/));
    expect(head).toEqual(['actor', 'day', 'accesses', 'hours', 'categories', 'searches without case']);
    expect(row).toEqual(['erik.sandberg', '2026-03-02', '5', '06h 3, 21h 2', 'name, phone', '1']);
  });

  test('--all follows the pages; --ndjson gives an item a line', async () => {
    const ran = await run(['ask', 'timeline', '--purpose', 'x', '--all', '--ndjson'], ({ body }) =>
      JSON.parse(body).cursor === undefined
        ? { body: { items: [{ n: 1 }, { n: 2 }], next: 'c2' } }
        : { body: { items: [{ n: 3 }], next: null } },
    );
    expect(ran.stdout).toBe('{"n":1}\n{"n":2}\n{"n":3}\n');
    expect(ledger?.received.map(({ body }) => JSON.parse(body).cursor)).toEqual([undefined, 'c2']);
  });

  test('--json gives the answer as it is', async () => {
    const answer = { items: [item], next: null, position: 4, asOf: '2026-06-30T23:59:59.999Z' };
    const ran = await run(['ask', 'disclosures', '--purpose', 'x', '--json'], () => ({ body: answer }));
    expect(JSON.parse(ran.stdout)).toEqual(answer);
  });

  test('consents are asked of a moment, and shown with what they mean', async () => {
    const item = {
      ...{ subject: { scheme: 'customer-number', value: '10027' }, purpose: 'newsletter' },
      consent: { state: 'given', time: '2026-01-12T08:00:00.000Z', textVersion: 'newsletter-4', method: 'web' },
      ...{ history: [], objections: [{ kind: '21(2)', time: '2026-02-01T10:00:00.000Z', decision: null }] },
      directMarketing: { allowed: false, because: 'objection' },
    };
    const silent = {
      subject: { reference: 'q83vEjRWeJCrze8SNFZ4kA', erased: true },
      purpose: 'recruitment',
      consent: null,
      history: [],
      objections: [],
    };
    const argv = ['ask', 'consents', '--subject', 'customer-number:10027', '--at', '2026-03-31', '--purpose', 'rights-fulfilment'];
    const ran = await run(argv, () => ({ body: { items: [item, silent], next: null } }));
    const [asked] = ledger?.received ?? [];
    expect(asked?.path).toBe('/v1/queries/consents');
    expect(JSON.parse(asked?.body ?? '')).toMatchObject({ about: { subject: { value: '10027' } }, at: '2026-03-31' });
    const [, , first, second] = ran.stdout.split('\n');
    expect(first).toMatch(
      /10027 +newsletter +given +2026-01-12 08:00:00.000Z +newsletter-4, web +21\(2\) 2026-02-01 \(absolute\) +not allowed: objection/,
    );
    expect(second).toMatch(/erased +recruitment +nothing said/);
  });

  test('registers are asked at their own addresses', async () => {
    for (const [question, address] of [
      ['register', 'processing-register'],
      ['grants', 'access-grants'],
      ['instruction', 'instruction'],
      ['processors', 'processors'],
    ] as const) {
      await run(['ask', question, '--purpose', 'security'], () => ({ body: { items: [] } }));
      expect(ledger?.received.at(-1)?.path).toBe(`/v1/queries/${address}`);
    }
    await run(['ask', 'grants', '--purpose', 'x', '--standing', 'current', '--usage', '--actor', 'a'], () => ({ body: { items: [] } }));
    expect(sent()).toMatchObject({ about: { actor: 'a' }, standing: 'current', usage: true });
  });

  test('the register in short, an activity a line', async () => {
    const activity = {
      ...{ capacity: 'controller', purpose: 'tax-reporting', declared: { about: 'x' }, observed: { events: 1200, lastAt: '2026-03-02' } },
      differences: [{ direction: 'declared-not-observed' }, { direction: 'observed-not-declared' }, { direction: 'declared-not-observed' }],
    };
    const ran = await run(['ask', 'register', '--purpose', 'security'], () => ({ body: { items: [activity] } }));
    expect(ran.stdout.split('\n')[2]?.split(/ {2,}/)).toEqual(['tax-reporting', 'controller', 'yes', '1200', '2026-03-02', '2', '1']);
  });

  describe('--format', () => {
    let folder: string;
    beforeEach(() => {
      folder = mkdtempSync(join(tmpdir(), 'liggare-ask-'));
    });
    afterEach(() => rmSync(folder, { recursive: true }));
    const asking = (...options: string[]) => ['ask', 'register', '--purpose', 'security', ...options];
    const page = () => ({ headers: { 'content-type': 'text/html', 'liggare-next': 'c2' }, body: '<!doctype html>\n' });

    test('is how the ledger makes it: to standard output, or to a new file of one’s own', async () => {
      expect((await run(asking('--format', 'html'), page)).stdout).toBe('<!doctype html>\n');
      expect(ledger?.received.at(-1)?.headers.accept).toBe('text/html');
      const out = join(folder, 'register.html');
      const ran = await run(asking('--format', 'html', '--out', out), page);
      expect(ran.stderr).toMatch(/Wrote .*register\.html; the question is recorded\.\n.*--cursor c2/);
      expect(readFileSync(out, 'utf8')).toBe('<!doctype html>\n');
      expect(statSync(out).mode & 0o777).toBe(0o600);
    });

    test('a file that exists is left as it is, and nothing is asked', async () => {
      const out = join(folder, 'register.html');
      writeFileSync(out, 'mine');
      const ran = await run(asking('--format', 'html', '--out', out), page);
      expect([ran.code, ledger?.received.length, readFileSync(out, 'utf8')]).toEqual([2, 0, 'mine']);
    });

    test('what was refused leaves no file behind', async () => {
      const out = join(folder, 'register.html');
      const ran = await run(asking('--format', 'jsonld', '--out', out), () => ({ status: 403, body: { title: 'Forbidden' } }));
      expect([ran.code === 0, existsSync(out)]).toEqual([false, false]);
    });

    test.each([
      [['ask', 'grants', '--purpose', 'x', '--format', 'html'], 'Only the register is made as html'],
      [['ask', 'register', '--purpose', 'x', '--format', 'csv', '--all'], '--format says how one page is written'],
      [['ask', 'register', '--purpose', 'x', '--out', 'a.html'], '--out needs a --format'],
      [['ask', 'register', '--purpose', 'x', '--format', 'pdf'], 'Allowed choices are json, ndjson, csv, html, jsonld'],
    ])('%j is a wrong usage', async (argv, message) => {
      const ran = await liggare(argv);
      expect([ran.code, ran.stderr]).toEqual([2, expect.stringContaining(message)]);
    });
  });

  test('identifiers can be kept out of the command line', async () => {
    const about = { subject: { scheme: 'email', value: 'astrid@example.se' } };
    await run(
      ['ask', 'timeline', '--purpose', 'x', '--about', '-', '--actor', 'a'],
      () => ({ body: { items: [] } }),
      JSON.stringify(about),
    );
    expect(sent().about).toEqual({ ...about, actor: 'a' });
  });

  test.each([
    [['ask', 'timeline'], "required option '--purpose <code>' not specified"],
    [['ask', 'everything', '--purpose', 'x'], 'Allowed choices are timeline, disclosures, actor-activity'],
    [['ask', 'timeline', '--purpose', 'x', '--subject', '10027'], '--subject is a scheme and a value'],
    [['ask', 'timeline', '--purpose', 'x', '--json', '--csv'], "option '--json' cannot be used with option '--csv'"],
    [['ask', 'timeline', '--purpose', 'x', '--limit', '1001'], 'A whole number from 1 to 1,000'],
    [['ask', 'timeline', '--purpose', 'x', '--all', '--json'], '--all and --json do not go together'],
    [['ask', 'timeline', '--purpose', 'x', '--about', '-'], '--about holds no JSON object'],
    [['nothing'], "unknown command 'nothing'"],
  ])('%j is a wrong usage', async (argv, message) => {
    const ran = await liggare(argv);
    expect(ran.code).toBe(2);
    expect(ran.stderr).toContain(message);
  });
});

test('liggare sources shows gaps as ranges', async () => {
  const row = {
    source: 'urn:a:b',
    events: 1200,
    firstHeardAt: null,
    lastHeardAt: null,
    highestSequence: 1300,
    late: 2,
    outOfOrder: 1,
    quarantined: 0,
  };
  const ran = await run(['sources'], () => ({
    body: {
      items: [
        {
          ...row,
          missing: [
            [7, 7],
            [20, 118],
          ],
        },
      ],
    },
  }));
  expect(ran.stdout).toContain('7, 20–118');
  expect(ran.stdout).toContain('1,200');
});

test('figures that come as text are shown and added up like numbers', async () => {
  const gaps = Array.from({ length: 11 }, (_, n) => [`${n * 10}`, `${n * 10 + 1}`]);
  const ran = await run(['sources'], () => ({
    body: {
      items: [
        {
          ...{ source: 'urn:a:b', events: '1200', late: '2', outOfOrder: '1', quarantined: '0' },
          ...{ highestSequence: '90071992547409930', missing: gaps, missingCount: '22' },
        },
        { source: 'urn:a:c', events: '1', late: '0', outOfOrder: '0', quarantined: '0', missing: [['9', '9']], missingCount: '1' },
      ],
    },
  }));
  const rows = ran.stdout.split('\n').map((line) => line.split(/ {2,}/));
  expect(rows[2]).toEqual(['urn:a:b', '1,200', '90071992547409930', expect.stringMatching(/^0–1, 10–11, .*, … 22 in all$/), '2', '1', '0']);
  expect(rows[3]).toEqual(['urn:a:c', '1', '9', '0', '0', '0']);
});

test.each([
  [
    'actor-activity',
    { actor: 'erik.sandberg', sequence: '412', hours: ['0', '3', '0'], categories: 'name' },
    ['erik.sandberg', '412', '01h 3', 'name'],
  ],
  [
    'timeline',
    { time: 't', type: 'X', sequence: '412', actor: 'erik.sandberg', subjects: [], subjectCount: '2', categories: 'name' },
    ['t', 'X: name', 'erik.sandberg', '2 people'],
  ],
])('an answer to %s whose figures come as text is a table like any other', async (question, item, row) => {
  const ran = await run(['ask', question, '--purpose', 'security'], () => ({ body: { items: [item] } }));
  expect(ran.stdout.split('\n')[2]?.split(/ {2,}/)).toEqual(row);
});

describe('which ledger a command works on', () => {
  const terminal = (env: NodeJS.ProcessEnv) => {
    const stderr = new PassThrough();
    const made: Terminal = { env, stdin: Readable.from([]), stdout: new PassThrough(), stderr };
    return { made, said: () => String(stderr.read() ?? '') };
  };
  const running = { url: 'http://127.0.0.1:5', close: async () => {}, rebuild: async () => {} };

  test('without LIGGARE_URL and LIGGARE_KEY it is the data folder, as an admin for the time of the command', async () => {
    const start = jest.fn(async () => running);
    const { made, said } = terminal({ LIGGARE_DATA: '/srv/ledger' });
    const connection = await connect(made, start as never);
    const [env, options] = start.mock.calls[0] as unknown as [NodeJS.ProcessEnv, { ephemeralAdmin: { key: string; person: string } }];
    expect(env).toBe(made.env);
    expect(options).toMatchObject({ port: 0, host: '127.0.0.1', quiet: true });
    expect(options.ephemeralAdmin.person).toBe(userInfo().username);
    expect(options.ephemeralAdmin.key).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(connection).toMatchObject({ url: running.url, key: options.ephemeralAdmin.key });
    expect(said()).toBe('Working on the data folder /srv/ledger.\n');
  });

  test('a folder that another process holds is told with what to do', async () => {
    const inUse = Object.assign(new Error('in use'), { name: 'FolderInUse' });
    const refused = connect(terminal({}).made, (async () => Promise.reject(inUse)) as never);
    await expect(refused).rejects.toMatchObject({ exitCode: 2, hints: [expect.stringContaining('Set LIGGARE_URL')] });
    await expect(refused).rejects.toBeInstanceOf(CliError);
  });

  test('http to another machine is warned about', async () => {
    const { made, said } = terminal({ LIGGARE_URL: 'http://ledger.example', LIGGARE_KEY: KEY });
    await connect(made);
    expect(said()).toContain('travel in clear');
    const secure = terminal({ LIGGARE_URL: 'https://ledger.example/base', LIGGARE_KEY: KEY });
    expect((await connect(secure.made)).url).toBe('https://ledger.example/base');
    expect(secure.said()).not.toContain('clear');
  });

  test('a redirect is not followed: the key is for the address that was given', async () => {
    const other = await FakeLedger.start(() => ({ body: { items: [] } }));
    const ran = await run(['sources'], () => ({ status: 307, headers: { location: `${other.url}/v1/sources` } }));
    expect(ran.code).toBe(2);
    expect(ran.stderr).toContain('redirect (307)');
    expect(other.received).toHaveLength(0);
    await other.stop();
  });
});

describe('printing', () => {
  test('a table that is too wide wraps its widest columns and loses nothing', () => {
    const text = table(
      ['a', 'text'],
      [
        ['1', 'one two three four five'],
        ['2', 'z'.repeat(30)],
      ],
      20,
    );
    expect(Math.max(...text.split('\n').map((line) => [...line].length))).toBeLessThanOrEqual(20);
    expect(text.replace(/[^z]/g, '')).toHaveLength(30);
    expect(text.replace(/\s+/g, ' ')).toContain('one two three four five');
  });

  test('control characters, overrides and lone surrogates are shown, not obeyed', () => {
    expect(printable('a\u001b[31m\u202e\n\ud800é')).toBe('a\\u{1b}[31m\\u{202e}\\u{a}\\u{d800}é');
  });

  test('durations', () => {
    expect([0.42, 42, 200, 7500].map(duration)).toEqual(['0.4 s', '42 s', '3 min 20 s', '2 h 5 min']);
  });

  test('every command has help with an example', async () => {
    for (const argv of [
      [],
      ['import'],
      ['ask'],
      ['sources'],
      ['keys', 'create'],
      ['keys', 'list'],
      ['keys', 'revoke'],
      ['rebuild'],
      ['erase'],
      ['demo'],
    ]) {
      const ran = await liggare([...argv, '--help']);
      expect(ran.code).toBe(0);
      expect(ran.stdout).toMatch(/Examples?\n {2}\S/);
    }
  });
});
