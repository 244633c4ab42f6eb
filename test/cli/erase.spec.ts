import { FakeLedger, KEY, liggare } from './fake-ledger.ts';

const CERTIFICATE = {
  id: '0199f2d1-6f4e-7c1a-9d33-2f5b8a6c4e10',
  state: 'completed',
  references: ['q83vEjRWeJCrze8SNFZ4kA'],
  ground: '17(1)(b)',
  erasedAt: '2026-03-02T09:14:07.120Z',
  completedAt: '2026-03-02T09:14:07.163Z',
  destroyed: { keys: 1, identifiers: 3, sessions: 0, quarantined: 2 },
  stays: { counted: 1000, complete: false, byType: [{ type: 'PersonalDataDisclosed', events: 1000, why: 'Art. 5(2): evidence.' }] },
  caseFile: { until: '2029-03-01T09:14:07.120Z' },
  suppressed: true,
  projections: [
    { name: 'entries', acknowledged: true },
    { name: 'holds', acknowledged: false },
  ],
  limits: ['Only this ledger.'],
};
const WHY = ['--ground', '17(1)(b)', '--reason', 'Asked for by letter'];

let ledger: FakeLedger;
afterEach(() => ledger.stop());

async function run(argv: string[], options: { stdin?: string; status?: number; body?: object } = {}) {
  const { stdin, status = 201, body = CERTIFICATE } = options;
  ledger = await FakeLedger.start(() => ({ status, body }));
  return liggare(['erase', ...argv], { env: { LIGGARE_URL: ledger.url, LIGGARE_KEY: KEY }, ...(stdin !== undefined && { stdin }) });
}
const sent = () => JSON.parse(ledger.received.at(-1)?.body ?? 'null');

describe('liggare erase', () => {
  test('prints a certificate that a person can read', async () => {
    const ran = await run(['--subject', 'customer-number:10027', ...WHY, '--request-ref', 'request-31', '--suppress']);
    expect(ran.code).toBe(0);
    expect(sent()).toEqual({
      subject: { scheme: 'customer-number', value: '10027' },
      ground: '17(1)(b)',
      reason: 'Asked for by letter',
      requestRef: 'request-31',
      suppress: true,
    });
    expect(ledger.received.at(-1)).toMatchObject({ method: 'POST', path: '/v1/subjects/erase' });
    for (const said of ['completed', 'keys 1, identifiers 3', 'not yet: holds', '1,000 or more', 'Only this ledger.', '2029-03-01']) {
      expect(ran.stdout).toContain(said);
    }
  });

  test.each([
    [['--actor', 'anna.berg'], undefined, { scheme: 'actor', value: 'anna.berg' }],
    [['--reference', 'q83vEjRWeJCrze8SNFZ4kA'], undefined, { reference: 'q83vEjRWeJCrze8SNFZ4kA' }],
    [[], 'email:kim.lind@example.com\n', { scheme: 'email', value: 'kim.lind@example.com' }],
  ])('names a person by %p', async (argv, stdin, subject) => {
    const ran = await run([...argv, ...WHY, '--json'], stdin === undefined ? {} : { stdin });
    expect(JSON.parse(ran.stdout)).toEqual(CERTIFICATE);
    expect(sent()).toEqual({ subject, ground: '17(1)(b)', reason: 'Asked for by letter' });
  });

  test('a refusal is told with its reason', async () => {
    const body = { title: 'A legal hold covers the person', detail: 'Nobody was erased. A legal hold (legal-claims, Art. 17(3)(e)).' };
    const ran = await run(['--subject', 'customer-number:10027', ...WHY], { status: 409, body });
    expect(ran).toMatchObject({ code: 2, stdout: '' });
    expect(ran.stderr).toContain('17(3)(e)');
  });

  test.each([
    ['no ground', ['--subject', 'customer-number:10027', '--reason', 'x'], ''],
    ['an unknown ground', ['--subject', 'customer-number:10027', '--ground', '17(1)', '--reason', 'x'], ''],
    ['two people', WHY, 'email:a@example.com\nemail:b@example.com\n'],
    ['nobody', WHY, ''],
    ['two ways', ['--actor', 'a', '--subject', 'b:c', ...WHY], ''],
  ])('with %s nothing is sent', async (_, argv, stdin) => {
    const ran = await run(argv, { stdin });
    expect([ran.code, ledger.received]).toEqual([2, []]);
  });
});
