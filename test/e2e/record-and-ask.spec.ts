import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { disclosure } from '../support/write-side.ts';
import { type InProcess, ledgerInProcess, SINGLE } from './service.ts';

let ledger: InProcess;
beforeAll(async () => {
  ledger = await ledgerInProcess();
});
afterAll(() => ledger.close());

const customer = (value: string) => ({ scheme: 'customer-number', value });
/** An event about one customer of a test's own. */
const about = (id: string, value: string, more: Record<string, unknown> = {}, data: object = {}) =>
  disclosure(id, { ...more, data: { subjects: [{ ...customer(value), category: 'customer' }], ...data } });

describe('From an event to an answer', () => {
  it('answers who, what, whom, when, why and to whom', async () => {
    const recorded = await ledger.send('POST', '/v1/events', about('a-1', 'A1', { sequence: '412' }), { 'content-type': SINGLE });
    expect(recorded).toMatchObject({ status: 200, body: { recorded: 1, items: [] } });

    const { body } = await ledger.ask('timeline', { about: { subject: customer('A1') }, after: recorded.body.position });
    expect(body).toMatchObject({ next: null, position: expect.any(Number), asOf: expect.stringMatching(/^\d{4}-.*\.\d{3}Z$/) });
    expect(body.items).toEqual([
      expect.objectContaining({
        position: recorded.body.position,
        recordedAt: expect.stringMatching(/Z$/),
        time: '2026-03-02T09:14:07.120Z',
        late: true,
        skew: false,
        source: 'urn:mailit:billing',
        id: 'a-1',
        sequence: '412',
        type: 'PersonalDataDisclosed',
        controller: 'mailit',
        purpose: 'tax-reporting',
        legalBasis: '6(1)(c)',
        statuteRef: 'SFS 2011:1244',
        caseRef: 'VAT-2026-02',
        actor: { id: 'anna.berg', kind: 'human', role: 'accountant', capacity: 'controller' },
        subjects: [{ scheme: 'customer-number', value: 'A1', category: 'customer' }],
        subjectCount: 1,
        recipient: { id: 'skatteverket', role: 'independent-controller', country: 'SE' },
      }),
    ]);
  });

  it('records the question before it answers, and shows it in the timeline of the person', async () => {
    const { body } = await ledger.record([about('b-1', 'B1')]);
    const question = { about: { subject: customer('B1') }, reason: { purpose: 'rights-fulfilment', caseRef: 'DSAR-7' } };
    const first = await ledger.ask('timeline', { ...question, after: body.position });
    expect(first.body.items).toHaveLength(1);

    const second = await ledger.ask('timeline', { about: question.about, after: first.body.position + 1 });
    expect(second.body.items[0]).toMatchObject({
      type: 'LedgerQueried',
      question: 'timeline',
      purpose: 'rights-fulfilment',
      caseRef: 'DSAR-7',
      actor: { id: 'administrator', kind: 'human' },
      subjects: [customer('B1')],
    });
  });

  it('makes no reference of an identifier that it does not know', async () => {
    const { body } = await ledger.ask('timeline', { about: { subject: customer('nobody') } });
    expect(body.items).toEqual([]);
    // Whatever is recorded now stands behind the question.
    const behind = await ledger.record([about('nobody-1', 'B2')]);
    const asked = await ledger.ask('timeline', { about: { type: 'LedgerQueried' }, limit: 1, after: behind.body.position });
    expect(asked.body.items).toMatchObject([{ subjectCount: 0, subjects: [] }]);
  });

  it('combines all axes, each of one value or several', async () => {
    const { body } = await ledger.record([
      about('c-1', 'C1', { time: '2026-01-10T10:00:00Z' }),
      about(
        'c-2',
        'C1',
        { time: '2026-01-20T10:00:00Z' },
        { purpose: 'payment', recipient: { id: 'bank-1', role: 'independent-controller', country: 'SE' } },
      ),
      about(
        'c-3',
        'C2',
        { time: '2026-01-30T10:00:00Z' },
        {
          system: 'crm',
          country: 'FI',
          categories: ['phone'],
          caseRef: 'X-1',
          actor: { id: 'bo', kind: 'human', role: 'clerk', capacity: 'controller' },
        },
      ),
    ]);
    const ids = async (axes: object, more: object = {}) => {
      const question = {
        about: { subject: [customer('C1'), customer('C2')], type: 'PersonalDataDisclosed', ...axes },
        after: body.position,
        ...more,
      };
      return (await ledger.ask('timeline', question)).body.items.map((item: { id: string }) => item.id);
    };
    expect(await ids({})).toEqual(['c-3', 'c-2', 'c-1']);
    expect(await ids({}, { order: 'asc' })).toEqual(['c-1', 'c-2', 'c-3']);
    expect(await ids({ subject: customer('C1') })).toEqual(['c-2', 'c-1']);
    expect(await ids({ recipient: 'bank-1' })).toEqual(['c-2']);
    expect(await ids({ purpose: ['payment', 'tax-reporting'], legalBasis: '6(1)(c)', source: 'urn:mailit:billing' })).toEqual([
      'c-3',
      'c-2',
      'c-1',
    ]);
    expect(await ids({ actor: 'bo' })).toEqual(['c-3']);
    expect(await ids({ system: 'crm', country: 'FI', category: 'phone', caseRef: 'X-1' })).toEqual(['c-3']);
    expect(await ids({ caseRef: 'X-2' })).toEqual([]);
    expect(await ids({ from: '2026-01-20T10:00:00Z', to: '2026-01-30T10:00:00Z' })).toEqual(['c-2']);
    expect(await ids({ from: '2026-01-30' })).toEqual(['c-3']);
  });

  it('counts disclosures by recipient and purpose, and names nobody', async () => {
    const to = (id: string) => ({ purpose: 'invoice-distribution', recipient: { id, role: 'independent-controller', country: 'SE' } });
    const { body } = await ledger.record([
      about('d-1', 'D1', {}, to('posten')),
      about('d-2', 'D1', {}, to('posten')),
      about('d-3', 'D2', {}, to('posten')),
      about('d-4', 'D2', {}, to('citymail')),
    ]);
    const answer = await ledger.ask('disclosures', { about: { purpose: 'invoice-distribution' }, after: body.position });
    expect(answer.body.items).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          recipient: { id: 'posten', role: 'independent-controller', country: 'SE' },
          purpose: 'invoice-distribution',
          events: 3,
          subjects: 2,
        }),
        expect.objectContaining({ recipient: expect.objectContaining({ id: 'citymail' }), events: 1, subjects: 1 }),
      ]),
    );
    expect(answer.text).not.toMatch(/D1|D2/);
  });

  it("tells an actor's day: accesses by hour, people, cases, denials, searches without a case", async () => {
    const access = (id: string, hour: number, data: object) => {
      const event = disclosure(id, { type: 'PersonalDataAccessed', time: `2026-02-03T${String(hour).padStart(2, '0')}:30:00Z` });
      const { recipient: _, method: __, consideration: ___, caseRef: ____, ...rest } = event['data'] as Record<string, unknown>;
      return {
        ...event,
        data: {
          ...rest,
          actor: { id: 'curious', kind: 'human', role: 'clerk', capacity: 'controller' },
          mode: 'view',
          outcome: 'ok',
          ...data,
        },
      };
    };
    const { body } = await ledger.record([
      access('e-1', 9, { caseRef: 'K-1', subjects: [customer('E1')] }),
      access('e-2', 9, { caseRef: 'K-1', subjects: [customer('E2')] }),
      access('e-3', 10, { outcome: 'denied', subjects: [customer('E2')] }),
      access('e-4', 11, { mode: 'search', subjects: [customer('E3')] }),
      access('e-5', 11, { mode: 'search', subjects: [], categories: [], resultCount: 0 }),
    ]);
    expect(body).toMatchObject({ recorded: 5 });
    const answer = await ledger.ask('actor-activity', { about: { actor: 'curious' }, after: body.position });
    expect(answer.body.items).toHaveLength(1);
    expect(answer.body.items[0]).toMatchObject({
      actor: { id: 'curious' },
      day: '2026-02-03',
      accesses: 5,
      subjects: 3,
      cases: 1,
      denied: 1,
      searches: 2,
      searchesWithoutCase: 2,
    });
    expect(answer.body.items[0].hours.slice(9, 12)).toEqual([2, 1, 2]);
  });

  it('tells per source what is missing, and counts what is in quarantine as received', async () => {
    const source = 'urn:mailit:counted';
    const numbered = (n: number, data: object = {}) => disclosure(`f-${n}`, { source, sequence: String(n), data });
    const { body } = await ledger.record([numbered(5), numbered(6), numbered(9), numbered(8, { purpose: 'no-such' }), numbered(12)]);
    const { body: answer } = await ledger.send('GET', `/v1/sources?after=${body.position}`);
    expect(answer.items.find((item: { source: string }) => item.source === source)).toMatchObject({
      events: 4,
      highestSequence: 12,
      missing: [
        [7, 7],
        [10, 11],
      ],
      quarantined: 1,
    });
    expect(answer.items.some((item: { source: string }) => item.source.startsWith('urn:liggare'))).toBe(false);
  });

  it('shows a correction and its target, and as of a day only what was known then', async () => {
    const { body: first } = await ledger.record([about('g-1', 'G1')]);
    const before = await ledger.ask('timeline', { about: { subject: customer('G1') }, after: first.position });
    await new Promise((resolve) => setTimeout(resolve, 5));
    const { body: second } = await ledger.record([
      disclosure('g-2', {
        type: 'RecordRetracted',
        data: {
          subjects: [customer('G1')],
          target: { source: 'urn:mailit:billing', id: 'g-1' },
          reason: 'sent twice',
          approver: 'chief',
          recipient: undefined,
          method: undefined,
          consideration: undefined,
        },
      }),
    ]);
    expect(second).toMatchObject({ recorded: 1 });
    const now = await ledger.ask('timeline', { about: { subject: customer('G1'), source: 'urn:mailit:billing' }, after: second.position });
    expect(now.body.items.map((item: { id: string }) => item.id).sort()).toEqual(['g-1', 'g-2']);
    expect(now.body.items.find((item: { id: string }) => item.id === 'g-1')).toMatchObject({ retracted: { by: { id: 'g-2' } } });

    const then = await ledger.ask('timeline', { about: { subject: customer('G1'), source: 'urn:mailit:billing' }, asOf: before.body.asOf });
    expect(then.body.items).toEqual([expect.not.objectContaining({ retracted: expect.anything() })]);
  });
});

describe('Pages', () => {
  it('are stable while events arrive, and belong to the question and the asker', async () => {
    const { body } = await ledger.record(
      Array.from({ length: 7 }, (_, n) => about(`h-${n}`, 'H1', { time: `2026-02-0${n + 1}T00:00:00Z` })),
    );
    const question = { about: { subject: customer('H1'), type: 'PersonalDataDisclosed' }, limit: 3, after: body.position };
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const { body: page } = await ledger.ask('timeline', { ...question, ...(cursor && { cursor }) });
      seen.push(...page.items.map((item: { id: string }) => item.id));
      cursor = page.next ?? undefined;
      await ledger.record([about(`h-late-${seen.length}`, 'H1', { time: '2026-02-04T12:00:00Z' })]);
    } while (cursor);
    expect(seen).toEqual(['h-6', 'h-5', 'h-4', 'h-3', 'h-2', 'h-1', 'h-0']);

    const { body: page } = await ledger.ask('timeline', question);
    const misused = [
      await ledger.ask('timeline', { ...question, about: { subject: customer('A1') }, cursor: page.next }),
      await ledger.ask('disclosures', { ...question, cursor: page.next }),
      await ledger.ask('timeline', { ...question, cursor: `${page.next}x` }),
      await ledger.with(await ledger.keyOf('ask')).ask('timeline', { ...question, cursor: page.next }),
    ];
    for (const { status } of misused) expect(status).toBe(400);
  });

  it('come as NDJSON and as CSV that a spreadsheet does not run', async () => {
    const { body } = await ledger.record([about('i-1', '=HYPERLINK(1)'), about('i-2', '=HYPERLINK(1)')]);
    const question = { about: { subject: customer('=HYPERLINK(1)'), type: 'PersonalDataDisclosed' }, limit: 1, after: body.position };
    const ndjson = await ledger.ask('timeline', question, { accept: 'application/x-ndjson' });
    expect(JSON.parse(ndjson.text.trim())).toMatchObject({ type: 'PersonalDataDisclosed' });
    expect(ndjson.headers.get('liggare-next')).toBeTruthy();
    const csv = await ledger.ask('disclosures', { about: { recipient: 'skatteverket' } }, { accept: 'text/csv' });
    expect(csv.text.split('\r\n')[0]).toContain('recipient.id');
    expect((await ledger.ask('timeline', question, { accept: 'image/png' })).status).toBe(406);
  });
});

describe('A folder of which a file is missing', () => {
  it('is not served: without its keys everybody in the log would become a stranger', async () => {
    const { mkdtempSync, copyFileSync } = await import('node:fs');
    const { startLedger } = await import('../../src/start.ts');
    const other = mkdtempSync(join(tmpdir(), 'liggare-missing-'));
    await ledger.restart((folder) => {
      for (const file of ['ledger.db', 'master.key']) copyFileSync(join(folder, file), join(other, file));
    });
    await expect(startLedger({ LIGGARE_DATA: other }, { port: 0, quiet: true })).rejects.toThrow(/keys\.db is not: put it back/);
    rmSync(other, { recursive: true });
  });
});

describe('Restart', () => {
  it('changes no answer, nor does deleting the read models', async () => {
    const question = { about: { subject: customer('A1'), source: 'urn:mailit:billing' } };
    const timeline = async () => (await ledger.ask('timeline', { ...question, after: 1 })).body.items;
    const disclosures = async () => (await ledger.ask('disclosures', { after: 1 })).body.items;
    const before = [await timeline(), await disclosures()];
    expect(before[0]).toHaveLength(1);
    await ledger.restart();
    expect([await timeline(), await disclosures()]).toEqual(before);
    await ledger.restart((folder) => {
      for (const suffix of ['', '-wal', '-shm']) rmSync(join(folder, `views.db${suffix}`), { force: true });
    });
    const head = (await ledger.record([about('z-1', 'Z1')])).body.position;
    await ledger.ask('timeline', { after: head });
    expect(await timeline()).toEqual(before[0]);
  });

  it('is refused to a second process on the same folder', async () => {
    const { startLedger } = await import('../../src/start.ts');
    await expect(startLedger({ LIGGARE_DATA: ledger.folder }, { port: 0, quiet: true })).rejects.toThrow(
      /in use by another Liggare process/,
    );
  });
});
