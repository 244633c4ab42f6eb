import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FakeLedger, KEY, liggare, type Reply } from './fake-ledger.ts';

let ledger: FakeLedger | undefined;
afterEach(async () => {
  await ledger?.stop();
});

async function run(argv: string[], reply: Reply) {
  ledger = await FakeLedger.start(() => reply);
  return liggare(['ask', ...argv, '--purpose', 'rights-fulfilment'], { env: { LIGGARE_URL: ledger.url, LIGGARE_KEY: KEY } });
}
const sent = () => ({ path: ledger?.received.at(-1)?.path, body: JSON.parse(ledger?.received.at(-1)?.body ?? 'null') });

const overdue = {
  ...{ state: 'overdue', subject: { scheme: 'customer-number', value: '10027' }, purpose: 'tax-reporting', rule: 'accounts', clause: 26 },
  ...{ dueOn: '2025-12-31', systems: ['billing', 'archive'] },
};
const held = {
  ...{ ...overdue, state: 'on-hold' },
  hold: { source: 'urn:mailit:legal', id: 'hold-7', position: 9, reviewBy: '2026-06-30', reviewOverdue: true },
};
const open = {
  state: 'no-trigger',
  subject: { reference: 'q83vEjRWeJCrze8SNFZ4kA', erased: true },
  purpose: 'recruitment',
  missing: ['trigger'],
  openUntil: '2026-01-10',
  systems: [],
};
const page = { items: [overdue, held, open], next: null, position: 41, asOf: '2026-03-02T00:00:00.000Z' };

test('asks by person, purpose, rule, state, case and day', async () => {
  const argv = [
    'retention',
    '--subject',
    'customer-number:10027',
    '--processing-purpose',
    'tax-reporting',
    '--processing-case',
    'REC-1',
    '--rule',
    'accounts',
  ];
  await run([...argv, '--state', 'overdue', '--state', 'due', '--on', '2026-04-01', '--until', '2026-04-30', '--json'], { body: page });
  expect(sent()).toEqual({
    path: '/v1/queries/retention',
    body: {
      about: {
        ...{ subject: { scheme: 'customer-number', value: '10027' }, purpose: 'tax-reporting', caseRef: 'REC-1', rule: 'accounts' },
        state: ['overdue', 'due'],
      },
      ...{ reason: { purpose: 'rights-fulfilment' }, on: '2026-04-01', until: '2026-04-30' },
    },
  });
});

test('shows until when, whose, where, and what is in the way', async () => {
  const { stdout, stderr } = await run(['retention'], { body: page });
  const [header, first, second, third] = stdout.split('\n').filter((line) => !/^[-─\s]*$/.test(line));
  expect(header).toMatch(/until +state +whom +purpose +rule +systems +because/);
  expect(first).toMatch(/2025-12-31 +overdue +customer-number 10027 +tax-reporting +accounts, clause 26 +billing, archive/);
  expect(second).toContain('hold-7, review by 2026-06-30 (overdue)');
  expect(third).toMatch(/open until 2026-01-10 +no trigger +erased +recruitment .*not known: trigger/);
  expect(stderr).toContain('the question is recorded');
});

test('counts by purpose, rule and state', async () => {
  const { stdout } = await run(['retention-summary'], {
    body: { ...page, items: [{ purpose: 'payment', rule: 'accounts', state: 'due', items: 12, subjects: 11 }] },
  });
  expect(sent().path).toBe('/v1/queries/retention-summary');
  expect(stdout).toMatch(/payment +accounts +due +12 +11/);
});

test('writes a calendar, of retention alone', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'liggare-calendar-'));
  const out = join(folder, 'retention.ics');
  const text = 'BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n';
  expect(
    await run(['retention', '--format', 'ical', '--out', out], { body: text, headers: { 'content-type': 'text/calendar' } }),
  ).toMatchObject({ code: 0 });
  expect(ledger?.received.at(-1)?.headers.accept).toBe('text/calendar');
  expect(readFileSync(out, 'utf8')).toBe(text);
  await ledger?.stop();
  expect(await run(['timeline', '--format', 'ical'], { body: text })).toMatchObject({ code: 2 });
  rmSync(folder, { recursive: true });
});
