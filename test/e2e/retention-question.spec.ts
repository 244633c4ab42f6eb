/** How long the sources keep data (Q6), as whoever asks sees it: MAILIT's policy, a whole ledger, HTTP. */
import { parse } from 'csv-parse/sync';
import ical, { type VEvent } from 'node-ical';
import { MAILIT } from '../policy/given.ts';
import { type InProcess, ledgerInProcess } from './service.ts';

let ledger: InProcess;
beforeAll(async () => {
  ledger = await ledgerInProcess();
});
afterAll(() => ledger.close());

let events = 0;
const actor = { id: 'anna.berg', kind: 'human', role: 'accountant', capacity: 'controller' };
const customer = (value: string) => ({ scheme: 'customer-number', value, category: 'customer' });
const event = (type: string, time: string, data: object, id = `r-${++events}`) => ({
  ...{ specversion: '1.0', source: 'urn:mailit:billing', id, type, time },
  data: { actor, ...data },
});
const used = (value: string, time: string, data: object = {}, id?: string) =>
  event(
    'PersonalDataUsed',
    time,
    {
      ...{ subjects: [customer(value)], categories: ['name'], purpose: 'direct-marketing', legalBasis: '6(1)(f)', assessmentRef: 'LIA-01' },
      ...{ system: 'mailer', country: 'SE' },
      ...data,
    },
    id,
  );
/** Records, and asks once all of it is known. */
const after = async (...recorded: object[]): Promise<{ after: number }> => {
  const { status, body, text } = await ledger.record(recorded);
  if (status !== 200 || body.recorded !== recorded.length) throw new Error(text);
  return { after: body.position };
};
const subject = (...values: string[]) => ({ subject: values.map((value) => ({ scheme: 'customer-number', value })) });
const days = (body: { items: { state: string; dueOn?: string }[] }) => body.items.map(({ state, dueOn }) => `${state} ${dueOn}`);

test('an item says until when, by which rule of which version, what for, where, and from which event', async () => {
  const known = await after(
    used(
      'A1',
      '2024-01-31T10:00:00Z',
      { purpose: 'tax-reporting', legalBasis: '6(1)(c)', statuteRef: 'SFS 2011:1244', system: 'billing' },
      'a-1',
    ),
  );
  const { body } = await ledger.ask('retention', { ...known, about: { ...subject('A1'), state: 'within-period' } });
  expect(body).toMatchObject({ next: null, position: expect.any(Number), asOf: expect.stringMatching(/Z$/) });
  expect(body.items).toEqual([
    {
      ...{ state: 'within-period', subject: { scheme: 'customer-number', value: 'A1' }, purpose: 'tax-reporting', rule: 'accounts' },
      ...{ policyVersion: '1', clause: 26, article: '5(1)(e)', statute: 'SFS 1999:1078', trigger: 'last-processing', period: 'P7Y' },
      ...{ dueOn: '2031-12-31', systems: ['billing'], lastProcessedOn: '2024-01-31' },
      event: { source: 'urn:mailit:billing', id: 'a-1', position: known.after, type: 'PersonalDataUsed', time: '2024-01-31T10:00:00.000Z' },
    },
  ]);
});

test('on a day, and until another: what is overdue, what falls due, what is left', async () => {
  const known = await after(used('B1', '2024-03-31T10:00:00Z'), used('B2', '2024-04-30T10:00:00Z'), used('B3', '2024-06-30T10:00:00Z'));
  const about = { ...subject('B1', 'B2', 'B3'), state: ['overdue', 'due', 'within-period'] };
  const on = async (day: string, until?: string) =>
    days((await ledger.ask('retention', { ...known, about, on: day, ...(until && { until }) })).body);
  expect(await on('2025-03-31')).toEqual(['due 2025-03-31', 'due 2025-04-30', 'within-period 2025-06-30']);
  expect(await on('2025-04-01')).toEqual(['overdue 2025-03-31', 'due 2025-04-30', 'within-period 2025-06-30']);
  expect(await on('2025-05-01', '2025-06-29')).toEqual(['overdue 2025-03-31', 'overdue 2025-04-30', 'within-period 2025-06-30']);
  expect(await on('2025-05-01', '2025-06-30')).toEqual(['overdue 2025-03-31', 'overdue 2025-04-30', 'due 2025-06-30']);
  expect((await ledger.ask('retention', { ...known, about, on: '2025-02-30' })).status).toBe(400);
  expect((await ledger.ask('retention', { about: { state: 'late' } })).status).toBe(400);
});

test('as of an earlier state, what was known then', async () => {
  const first = await after(used('C1', '2024-01-01T10:00:00Z'));
  const { body: before } = await ledger.ask('retention', { ...first, about: subject('C1') });
  await new Promise((resolve) => setTimeout(resolve, 20));
  const second = await after(used('C1', '2025-01-01T10:00:00Z', {}, 'c-2'));
  const on = '2026-01-02';
  const now = await ledger.ask('retention', { ...second, about: subject('C1'), on });
  const then = await ledger.ask('retention', { ...second, about: subject('C1'), on, asOf: before.asOf });
  expect([days(now.body), days(then.body)]).toEqual([['overdue 2026-01-01'], ['overdue 2025-01-01']]);
  expect(then.body.items[0].lastProcessedOn).toBe('2024-01-01');
});

test('held: by which hold, and whether somebody has to look at it again; erased where it was, it is gone', async () => {
  const hold = event('LegalHoldPlaced', '2025-06-01T10:00:00Z', {
    ...{ subjects: [customer('D1')], ground: 'legal-claims', reviewBy: '2025-12-31', reason: 'A dispute.' },
  });
  const data = [used('D1', '2024-01-01T10:00:00Z'), used('D1', '2024-01-02T10:00:00Z', { system: 'crm' })];
  const { body } = await ledger.ask('retention', { ...(await after(...data, hold)), about: subject('D1'), on: '2026-01-01' });
  expect(body.items).toMatchObject([
    { state: 'on-hold', dueOn: '2025-01-02', hold: { id: hold.id, ground: 'legal-claims', reviewBy: '2025-12-31', reviewOverdue: true } },
  ]);
  const release = event('LegalHoldReleased', '2026-01-01T10:00:00Z', {
    ...{ subjects: [customer('D1')], target: { source: hold.source, id: hold.id }, reason: 'Settled.' },
  });
  const gone = (system: string) => ({
    ...used('D1', '2026-01-02T10:00:00Z', { ground: '17(1)(a)', scope: 'all', systems: [system] }),
    type: 'PersonalDataErased',
  });
  const left = await ledger.ask('retention', { ...(await after(release, gone('mailer'))), about: subject('D1') });
  expect(left.body.items).toMatchObject([{ state: 'overdue', systems: ['crm'] }]);
  const none = await ledger.ask('retention', { ...(await after(gone('crm'))), about: subject('D1') });
  expect(none.body.items).toEqual([]);
});

test('a recruitment: open, then twelve months after its close; by its case', async () => {
  const data = { purpose: 'recruitment', legalBasis: '6(1)(f)', system: 'recruiting', caseRef: 'REC-1', categories: ['education'] };
  const applicant = { ...customer('E1'), category: 'job-applicant' };
  const known = await after(used('E1', '2025-01-10T10:00:00Z', { ...data, subjects: [applicant] }));
  const about = { caseRef: 'REC-1' };
  const open = await ledger.ask('retention', { ...known, about });
  expect(open.body.items).toMatchObject([
    { state: 'no-trigger', rule: 'recruitment', clause: 27, missing: ['trigger'], openUntil: '2026-01-10' },
  ]);
  const closed = await after(event('RecruitmentProcessClosed', '2025-03-31T10:00:00Z', { caseRef: 'REC-1', purpose: 'recruitment' }));
  expect(days((await ledger.ask('retention', { ...closed, about, on: '2026-03-31' })).body)).toEqual(['due 2026-03-31']);
  expect((await ledger.ask('retention', { ...closed, about: { caseRef: 'REC-2' } })).body.items).toEqual([]);
});

test('findings of a case lead to the person, though the event that the period runs from names nobody', async () => {
  const data = { purpose: 'recruitment', legalBasis: '6(1)(f)', system: 'recruiting', caseRef: 'REC-9', categories: ['education'] };
  const applicant = (value: string) => ({ ...customer(value), category: 'job-applicant' });
  await after(used('E8', '2024-01-10T10:00:00Z', { ...data, subjects: [applicant('E8')] }));
  await after(used('E9', '2024-01-11T10:00:00Z', { ...data, subjects: [applicant('E9')] }));
  const never = await after(used('E7', '2023-01-10T10:00:00Z', { ...data, caseRef: 'REC-8', subjects: [applicant('E7')] }));
  const known = await after(event('RecruitmentProcessClosed', '2024-03-31T10:00:00Z', { caseRef: 'REC-9', purpose: 'recruitment' }));
  const found = async (value: string, more: object) => {
    const { body } = await ledger.ask('findings', { about: { rule: 'R17', state: 'open', ...subject(value) }, ...more });
    return body.items;
  };
  for (const value of ['E8', 'E9']) {
    expect(await found(value, known)).toMatchObject([
      {
        ...{ what: 'kept-too-long', event: { type: 'RecruitmentProcessClosed' } },
        ...{ subjects: [{ scheme: 'customer-number', value }], subjectCount: 1 },
      },
    ]);
  }
  expect(await found('E7', never)).toMatchObject([{ verdict: 'undeterminable', missing: ['trigger'], subjects: [{ value: 'E7' }] }]);
  const asked = await ledger.ask('findings', { ...known, about: { rule: 'R17', type: 'RecruitmentProcessClosed' } });
  const shown = asked.body.items.map(({ subjects }: { subjects: { value: string }[] }) => subjects.map(({ value }) => value));
  expect(shown.flat()).toEqual(expect.arrayContaining(['E8', 'E9']));
  const questions = await ledger.ask('timeline', {
    about: { ...subject('E8'), type: 'LedgerQueried' },
    order: 'asc',
    after: asked.body.position + 1,
  });
  expect(questions.body.items[0]).toMatchObject({ question: 'findings', subjects: [{ value: 'E8' }] });
});

test('pages go on where the last ended, in the state of the ledger that the first was of', async () => {
  const known = await after(...['F1', 'F2', 'F3', 'F4', 'F5'].map((value, i) => used(value, `2024-02-0${i + 1}T10:00:00Z`)));
  const question = { about: subject('F1', 'F2', 'F3', 'F4', 'F5'), on: '2025-06-01', limit: 2 };
  const seen: string[] = [];
  let cursor: string | null = null;
  do {
    const { body } = await ledger.ask('retention', { ...question, ...known, ...(cursor && { cursor }) });
    seen.push(...body.items.map((item: { subject: { value: string } }) => item.subject.value));
    if (cursor === null) await after(used('F5', '2024-05-05T10:00:00Z'));
    cursor = body.next;
  } while (cursor);
  expect(seen).toEqual(['F1', 'F2', 'F3', 'F4', 'F5']);
  const down = await ledger.ask('retention', { ...question, ...known, order: 'desc', limit: 9 });
  expect(down.body.items.map((item: { subject: { value: string } }) => item.subject.value)).toEqual(['F5', 'F4', 'F3', 'F2', 'F1']);
  const other = await ledger.ask('retention', {
    ...question,
    ...known,
    on: '2025-06-02',
    cursor: (await ledger.ask('retention', { ...question, ...known })).body.next,
  });
  expect(other).toMatchObject({ status: 400 });
});

test('counted by purpose, rule and state, naming nobody', async () => {
  const security = { purpose: 'security', system: 'gate' };
  const known = await after(...['G1', 'G2', 'G3'].map((value, i) => used(value, `2024-0${i + 1}-15T10:00:00Z`, security)));
  const february = { ...known, on: '2025-02-01', until: '2025-02-28' };
  const { body } = await ledger.ask('retention-summary', {
    ...february,
    about: { purpose: 'security', state: ['due', 'overdue', 'within-period'] },
  });
  const common = { purpose: 'security', rule: 'security' };
  expect(body.items).toEqual([
    { ...common, state: 'due', items: 1, subjects: 1, firstDueOn: '2025-02-15', lastDueOn: '2025-02-15' },
    { ...common, state: 'overdue', items: 1, subjects: 1, firstDueOn: '2025-01-15', lastDueOn: '2025-01-15' },
    { ...common, state: 'within-period', items: 1, subjects: 1, firstDueOn: '2025-03-15', lastDueOn: '2025-03-15' },
  ]);
  const asked = await ledger.ask('timeline', { about: { type: 'LedgerQueried' }, limit: 1, after: body.position + 1 });
  expect(asked.body.items).toMatchObject([{ question: 'retention-summary', subjectCount: 0 }]);
  const forecast = await ledger.ask('retention-summary', { ...february, about: { purpose: 'security' } });
  expect(forecast.body.items).toEqual([body.items[0]]);
  const all = await ledger.ask('retention-summary', { ...known, on: '2025-02-01', about: { purpose: 'security' } });
  expect(all.body.items.map(({ state }: { state: string }) => state)).toEqual(['due', 'overdue', 'within-period']);
  const calendar = await ledger.ask('retention', { ...february, about: { purpose: 'security' } }, { accept: 'text/calendar' });
  expect(calendar.text.match(/^DTSTART.*$/gm)).toEqual(['DTSTART;VALUE=DATE:20250215']);
});

test.each(['retention', 'retention-summary'])('%s: days that end before they begin are refused', async (question) => {
  for (const on of ['2026-03-02', undefined]) {
    const { status, body } = await ledger.ask(question, { ...(on && { on }), until: '2026-03-01' });
    expect([status, body.errors]).toEqual([400, [{ path: '/until', rule: 'window', message: '`until` is not before `on`' }]]);
  }
  expect((await ledger.ask(question, { on: '2026-03-02', until: '2026-03-02' })).status).toBe(200);
});

test('recorded with those whom it shows', async () => {
  const known = await after(used('H1', '2024-01-01T10:00:00Z'));
  const { body } = await ledger.ask('retention', { ...known, about: subject('H1') });
  const asked = await ledger.ask('timeline', { about: { ...subject('H1'), type: 'LedgerQueried' }, after: body.position + 1 });
  expect(asked.body.items).toMatchObject([{ question: 'retention', subjects: [{ value: 'H1' }] }]);
});

test('as NDJSON and CSV', async () => {
  const known = await after(used('I1', '2024-01-01T10:00:00Z'), used('I2', '2024-01-02T10:00:00Z'));
  const question = { ...known, about: subject('I1', 'I2'), limit: 1 };
  const lines = await ledger.ask('retention', question, { accept: 'application/x-ndjson' });
  expect(JSON.parse(lines.text)).toMatchObject({ state: 'overdue', subject: { value: 'I1' } });
  const csv = await ledger.ask('retention', question, { accept: 'text/csv' });
  expect(csv.headers.get('liggare-next')).toEqual(expect.any(String));
  const [row] = parse(csv.text, { columns: true, bom: true }) as Record<string, string>[];
  expect(row).toMatchObject({
    state: 'overdue',
    'subject.value': 'I1',
    dueOn: '2025-01-01',
    systems: 'mailer',
    rule: 'marketing',
    '(further)': '',
  });
});

test('as a calendar that others may see: days, counts and references, and nobody by name', async () => {
  const time = '2025-12-24T10:00:00Z';
  const known = await after(...['calendar 1', 'calendar 2', 'calendar 3'].map((value) => used(value, time)));
  const question = { ...known, about: subject('calendar 1', 'calendar 2', 'calendar 3'), on: '2026-12-01' };
  const { status, headers, text } = await ledger.ask('retention', question, { accept: 'text/calendar' });
  expect([status, headers.get('content-type')]).toEqual([200, 'text/calendar; charset=utf-8']);
  expect(text).not.toMatch(/calendar \d|customer-number|anna\.berg/);
  // RFC 5545, 3.1: lines end with CRLF, and none is longer than 75 octets.
  const lines = text.split('\r\n');
  expect(lines.every((line) => !line.includes('\n') && Buffer.byteLength(line) <= 75)).toBe(true);
  const entries = Object.values(ical.sync.parseICS(text)).filter((entry) => entry?.type === 'VEVENT');
  expect(entries).toHaveLength(1);
  const [entry] = entries as VEvent[];
  expect(entry).toMatchObject({ datetype: 'date', summary: 'Erase: direct-marketing (3)', class: 'PRIVATE', transparency: 'TRANSPARENT' });
  expect(text).toContain('DTSTART;VALUE=DATE:20261224\r\n');
  expect(text).toContain('DTEND;VALUE=DATE:20261225\r\n');
  expect(String(entry?.description)).toMatch(/^Rule: marketing\nClause: 26\n([\w-]{22}\n){2}[\w-]{22}$/);
  expect(entry?.uid).toMatch(/^[0-9a-f]{32}@retention\.mailit\.liggare$/);
  const again = await ledger.ask('retention', question, { accept: 'text/calendar' });
  expect(again.text.match(/UID:.*/)?.[0]).toBe(text.match(/UID:.*/)?.[0]);
});

test('of whoever was erased in the ledger nothing is left to be told', async () => {
  const known = await after(used('K1', '2024-01-01T10:00:00Z'));
  const items = async (more: object) => {
    const { body } = await ledger.ask('retention', { ...more, about: { purpose: 'direct-marketing' }, limit: 1000 });
    return body.items.length;
  };
  const before = await items(known);
  const body = { subject: { scheme: 'customer-number', value: 'K1' }, ground: '17(1)(a)', reason: 'Asked for it.' };
  expect((await ledger.send('POST', '/v1/subjects/erase', body)).status).toBe(201);
  const head = await after(event('SourceHeartbeat', '2026-01-01T10:00:00Z', {}));
  expect(await items(head)).toBe(before - 1);
});

test('findings: kept too long, until it is erased', async () => {
  const known = await after(used('L1', '2024-01-01T10:00:00Z', {}, 'l-1'));
  const question = { about: { rule: 'R17', ...subject('L1') } };
  const { body } = await ledger.ask('findings', { ...question, ...known });
  expect(body.items).toMatchObject([
    { rule: 'R17', what: 'kept-too-long', verdict: 'violates', severity: 'high', clause: 26, state: 'open', event: { id: 'l-1' } },
  ]);
  const gone = {
    ...used('L1', '2026-01-02T10:00:00Z', { ground: '17(1)(a)', scope: 'all', systems: ['mailer'] }),
    type: 'PersonalDataErased',
  };
  const closed = await ledger.ask('findings', { ...question, ...(await after(gone)) });
  expect(closed.body.items.filter((item: { rule: string; state: string }) => item.rule === 'R17')).toMatchObject([{ state: 'cleared' }]);
});

/** Last: a version of one's own is what everything afterwards is judged by. */
test('what is due on one day is one entry of a calendar, whichever version judges it', async () => {
  const begins = Date.now() + 60_000;
  const version = new Date(begins).toISOString();
  const document = MAILIT.replace(/^version: .*$/m, "version: '2'").replace(/^effectiveFrom: .*$/m, `effectiveFrom: '${version}'`);
  const { status, text: problem } = await ledger.send('POST', '/v1/policies', { document, reason: 'Another version.' });
  expect([status, problem]).toMatchObject([201, expect.any(String)]);
  const tax = { purpose: 'tax-reporting', legalBasis: '6(1)(c)', statuteRef: 'SFS 2011:1244', system: 'billing' };
  const at = (ms: number) => new Date(begins + ms).toISOString();
  const known = await after(used('V1', at(-1_000), tax), used('V2', at(0), tax), used('V3', at(1_000), tax));
  const about = subject('V1', 'V2', 'V3');
  const { body } = await ledger.ask('retention', { ...known, about: { ...about, state: 'within-period' } });
  expect(body.items.map(({ policyVersion }: { policyVersion: string }) => policyVersion)).toEqual(['1', '2', '2']);
  const { text } = await ledger.ask('retention', { ...known, about, until: '2100-01-01' }, { accept: 'text/calendar' });
  const entries = Object.values(ical.sync.parseICS(text)).filter((entry) => entry?.type === 'VEVENT') as VEvent[];
  expect(text.match(/^UID:/gm)).toHaveLength(1);
  expect(entries).toMatchObject([{ summary: 'Erase: tax-reporting (3)' }]);
  expect(String(entries[0]?.description)).toMatch(/^Rule: accounts\nClause: 26\nStatute: SFS 1999:1078\n([\w-]{22}\n){2}[\w-]{22}$/);
});
