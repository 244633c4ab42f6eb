import { FakeLedger, KEY, liggare, type Ran, type Reply } from './fake-ledger.ts';

let ledger: FakeLedger | undefined;
afterEach(async () => {
  await ledger?.stop();
  ledger = undefined;
});

async function run(argv: string[], reply: Reply, stdin?: string): Promise<Ran> {
  ledger = await FakeLedger.start(() => reply);
  return liggare(argv, { env: { LIGGARE_URL: ledger.url, LIGGARE_KEY: KEY }, ...(stdin !== undefined && { stdin }) });
}
const sent = () => ledger?.received.map(({ path, body }) => [path, JSON.parse(body)]);

const ID = 'AAAAAAGcH7Zx0qL5mK3nqQ';
const item = {
  ...{
    finding: ID,
    rule: 'R7',
    title: 'Recipient',
    verdict: 'violates',
    what: 'recipient-not-registered',
    severity: 'critical',
    clause: 21,
  },
  ...{ article: '5(1)(b)', policyVersion: '1', detectedAt: '2026-03-02T09:14:08.001Z', state: 'cleared' },
  cleared: { at: '2026-03-03T09:14:08.001Z', why: 'judged-again' },
  event: { source: 'urn:mailit:billing', id: '412', position: 412, type: 'PersonalDataDisclosed', time: '2026-03-02T09:14:07.120Z' },
  ...{ actor: { id: 'anna.berg', role: 'accountant' }, subjects: [{ scheme: 'customer-number', value: '10027' }], subjectCount: 1 },
};
const gap = {
  source: 'urn:mailit:crm',
  rule: 'R28',
  verdict: 'violates',
  what: 'sequence-gap',
  severity: 'low',
  clause: null,
  state: 'open',
};
const page = { items: [item], next: null, position: 420, asOf: '2026-03-03T00:00:00.000Z', sources: [gap] };

describe('liggare ask findings', () => {
  test('asks by what was found and by the event', async () => {
    const found = ['--rule', 'R7', '--rule', 'R8', '--severity', 'critical', '--verdict', 'violates', '--clause', '21', '--state', 'open'];
    const when = [
      '--policy-version',
      '1',
      '--finding',
      ID,
      '--detected-from',
      '2026-03-01',
      '--detected-to',
      '2026-04-01',
      '--actor',
      'anna.berg',
    ];
    await run(['ask', 'findings', ...found, ...when, '--purpose', 'security', '--json'], { body: page });
    expect(sent()).toEqual([
      [
        '/v1/queries/findings',
        {
          about: {
            ...{
              rule: ['R7', 'R8'],
              severity: 'critical',
              verdict: 'violates',
              clause: 21,
              state: 'open',
              policyVersion: '1',
              finding: ID,
            },
            ...{ detectedFrom: '2026-03-01', detectedTo: '2026-04-01', actor: 'anna.berg' },
          },
          reason: { purpose: 'security' },
        },
      ],
    ]);
  });

  test('shows what was found on what, how it stands, and what is found of sources', async () => {
    const { stdout } = await run(['ask', 'findings', '--purpose', 'security'], { body: page });
    expect(stdout).toMatch(/R7 recipient not registered +critical +21, Art. 5\(1\)\(b\) +cleared: judged again/);
    expect(stdout).toMatch(
      new RegExp(`PersonalDataDisclosed urn:mailit:billing/412 +anna.berg \\(accountant\\) +customer-number 10027 +${ID}`),
    );
    expect(stdout).toMatch(/urn:mailit:crm +R28 +violates +sequence-gap/);
  });

  test('counts them', async () => {
    const counts = { rule: 'R7', title: 'Recipient', week: '2026-W10', conforms: 40, violates: 2 };
    const argv = ['ask', 'findings-summary', '--by', 'clause', '--from', '2026-01-01', '--purpose', 'security'];
    const { stdout } = await run(argv, { body: { ...page, items: [counts] } });
    expect(sent()).toEqual([
      ['/v1/queries/findings-summary', { about: { from: '2026-01-01' }, by: 'clause', reason: { purpose: 'security' } }],
    ]);
    expect(stdout).toMatch(/R7 +Recipient +2026-W10 +40 +2/);
  });
});

describe('liggare findings', () => {
  const remarked = { finding: ID, state: 'explained', at: '2026-03-02T09:14:07.120Z', position: 421 };

  test('acknowledges one', async () => {
    const { stdout } = await run(['findings', 'acknowledge', ID, '--reason', 'Billing is asked.'], {
      body: { ...remarked, state: 'acknowledged' },
    });
    expect(sent()).toEqual([[`/v1/findings/${ID}/acknowledge`, { reason: 'Billing is asked.' }]]);
    expect(stdout).toBe(`${ID} is acknowledged (position 421).\n`);
  });

  test('explains one, also in words that no list of processes shows, and adds to an explanation on purpose alone', async () => {
    await run(['findings', 'explain', ID, '--again', '--json'], { body: remarked }, 'The bank had\nchanged its name.\n');
    expect(sent()).toEqual([[`/v1/findings/${ID}/explain`, { reason: 'The bank had changed its name.', again: true }]]);
  });

  test.each([
    [['acknowledge', 'nobodys', '--reason', 'x'], /named by its id/],
    [['explain', ID], /A reason is needed/],
  ])('%j asks nothing of the ledger', async (argv, why) => {
    expect(await run(['findings', ...argv], { body: remarked }, '')).toMatchObject({ code: 2, stderr: expect.stringMatching(why) });
    expect(ledger?.received).toEqual([]);
  });

  test('tells why the ledger refuses', async () => {
    const detail = 'Somebody has explained the finding already.';
    const ran = await run(['findings', 'explain', ID, '--reason', 'x'], { status: 409, body: { title: 'Conflict', status: 409, detail } });
    expect(ran).toMatchObject({ code: 2, stderr: expect.stringContaining(detail) });
  });
});
