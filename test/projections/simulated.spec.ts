import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { ViewsDatabase } from '../../projections/database.ts';
import { Findings } from '../../projections/findings/findings.ts';
import { Retention } from '../../projections/retention/retention.ts';
import { Runner } from '../../projections/runner.ts';
import { Simulate, SimulateHandler, type SimulationQuestion } from '../../projections/simulation/query.ts';
import type { Views } from '../../projections/views.ts';
import { LEDGER } from '../../src/ledger/author.ts';
import { handle } from '../../src/ledger/handle.ts';
import { PEOPLE, people } from '../../src/ledger/people/decider.ts';
import { People } from '../../src/ledger/people/people.ts';
import { Policies } from '../../src/ledger/policy/policies.ts';
import { publishPolicy } from '../../src/ledger/policy/publish.ts';
import { Vocabulary } from '../../src/vocabulary/vocabulary.ts';
import { MAILIT, read } from '../policy/given.ts';
import { disclosure, NOW, openWriteSide } from '../support/write-side.ts';

/** MAILIT's policy with one text in place of another. */
function draft(from = '', to = '') {
  if (!MAILIT.includes(from)) throw new Error(`MAILIT's policy has no ${from}`);
  return read(MAILIT.replace(from, () => to));
}

let folder: string;
let write: Awaited<ReturnType<typeof openWriteSide>>;
let views: ViewsDatabase;
let handler: SimulateHandler;
let runner: Runner;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'simulated-'));
  write = await openWriteSide();
  const { store, vault } = write;
  const policies = new Policies(store);
  const parts = { store, vault, policies, vocabulary: Vocabulary.builtIn(), settings: { caseDays: 1 } };
  await publishPolicy(parts, { document: draft(), author: LEDGER, now: NOW, first: true });
  views = new ViewsDatabase(join(folder, 'views.db'));
  runner = new Runner(views, store, [new Findings(), new Retention()]);
  await runner.prepare();
  const read = {
    db: views.db,
    reached: async () => store.head(),
    position: () => position,
    isReady: () => isRetentionReady,
  } as unknown as Views;
  handler = new SimulateHandler(read, new People(store), policies);
});
afterEach(async () => {
  views.close();
  await write.close();
  rmSync(folder, { recursive: true });
});

let position: number;
let isRetentionReady = true;

async function given(...events: unknown[]): Promise<void> {
  const { items } = await write.record(events, { now: NOW });
  expect(items.filter(({ outcome }) => outcome !== 'recorded')).toEqual([]);
  await caughtUp();
}

async function caughtUp(): Promise<void> {
  while ((await runner.round()) || !runner.isCaughtUp) if (runner.lastFailure !== undefined) throw runner.lastFailure;
  position = await write.store.head();
}

const ask = (question: Partial<SimulationQuestion>) =>
  handler.execute(new Simulate({ draft: draft(), from: '2026-01-01', to: '2026-12-31', limitMs: 60_000, ...question }));

/** Disclosures to the tax authority, of so many people. */
const disclosures = (count: number, time = '2026-03-02T09:14:07.120Z') =>
  Array.from({ length: count }, (_, i) =>
    disclosure(`${time} ${i}`, { time, data: { subjects: [{ scheme: 'customer-number', value: `${i}`, category: 'supplier-contact' }] } }),
  );

it('a draft that says the same finds the same: what stands as found stays', async () => {
  const strange = disclosure('strange', { data: { purpose: 'direct-marketing' } });
  await given(...disclosures(3), strange);
  const { total, items, examples, events } = await ask({});
  const { rows } = await sql<{
    count: number;
  }>`select count(*) as count from findings_rows where until is null and (due_at is null or due_at <= ${Date.now()})
    and position in (select position from findings_events where time < ${Date.parse('2026-12-31')})`.execute(views.db);
  expect([total.appear, total.go, examples]).toEqual([0, 0, []]);
  expect(total.stay).toBeGreaterThan(0);
  expect(items.every(({ appear, go }) => appear + go === 0)).toBe(true);
  expect(total.stay).toBe(rows[0]?.count);
  // The publication is judged too.
  expect(events).toBe(5);
});

it('tells what would appear and what would go, by rule, of how many people, with examples that name nobody', async () => {
  await given(...disclosures(3), ...disclosures(2, '2026-02-02T09:00:00.000Z'));
  const before = await ask({
    from: '2026-03-01',
    to: '2026-03-02T12:00:00Z',
    draft: draft('purposes: [tax-reporting]', 'purposes: [payment]'),
  });
  expect(before.draft).toMatchObject({ policy: 'mailit', version: '1' });
  expect(before.events).toBe(3);
  const [row] = before.items.filter(({ appear }) => appear > 0);
  expect(row).toMatchObject({ rule: 'R7', verdict: 'violates', appear: 3, go: 0, subjects: { appear: 3, go: 0 } });
  expect(before.examples).toHaveLength(3);
  expect(before.examples[0]).toMatchObject({
    change: 'appears',
    rule: 'R7',
    event: { source: 'urn:mailit:billing', type: 'PersonalDataDisclosed' },
  });
  expect(before.people).toEqual([]);
  expect(before.retention).toEqual([]);
});

describe('what is kept now', () => {
  const RULE = 'trigger: last-processing\n    countedFrom: end-of-financial-year\n    period: P7Y';
  const under = async (to: string) =>
    (await ask({ from: '2020-01-01', to: '2020-01-02', draft: draft(RULE, RULE.replace(...(to.split(' for ') as [string, string]))) }))
      .retention;

  it('would be due sooner, later, or nobody can tell: by rule, whatever the window', async () => {
    await given(...disclosures(3), ...disclosures(4, '2019-06-01T00:00:00.000Z'));
    // Of four people, three were concerned lately; data of 2019 is kept until the end of 2026.
    expect(await under('P7Y for P3Y')).toEqual([
      { rule: 'accounts', items: 4, sooner: 4, later: 0, untold: 0, overdue: { before: 0, after: 1 } },
    ]);
    expect(await under('P7Y for P10Y')).toEqual([
      { rule: 'accounts', items: 4, sooner: 0, later: 4, untold: 0, overdue: { before: 0, after: 0 } },
    ]);
    expect(await under('last-processing for first-processing')).toMatchObject([{ rule: 'accounts', items: 4, untold: 4 }]);
    expect(await under('P7Y for P7Y')).toEqual([]);
  });

  it('is not told while the days themselves are not known', async () => {
    await given(...disclosures(1));
    isRetentionReady = false;
    expect((await ask({})).retention).toBeNull();
    isRetentionReady = true;
  });
});

it('what was retracted is nobody’s finding', async () => {
  const [first, ...others] = disclosures(3);
  await given(first, ...others);
  await given({
    ...{ specversion: '1.0', source: 'urn:mailit:billing', id: 'retraction', type: 'RecordRetracted', time: '2026-03-02T10:00:00Z' },
    data: {
      actor: { id: 'anna.berg', kind: 'human' },
      target: { source: 'urn:mailit:billing', id: (first as { id: string }).id },
      reason: 'Sent by mistake.',
      approver: 'maria.ek',
    },
  });
  const answer = await ask({ draft: draft('purposes: [tax-reporting]', 'purposes: [payment]') });
  expect(answer.items.find(({ rule }) => rule === 'R7')).toMatchObject({ appear: 2 });
});

it('two references that are one person count once', async () => {
  await given(...disclosures(3));
  const numbers = ['0', '1'].map((value) => ({ scheme: 'customer-number', value }));
  const references = (await write.vault.resolve(numbers, { create: false })).map((person) => (person as { reference: string }).reference);
  const link = { at: new Date(NOW).toISOString(), id: 'link', sealedFields: [], identifiersAdded: 0 };
  const by = { reference: references[0] as string, kind: 'human' };
  await handle(write.store, PEOPLE, people, { do: 'link', ...link, by, subjects: references.map((reference) => ({ reference })) });
  await caughtUp();
  const { items } = await ask({ draft: draft('purposes: [tax-reporting]', 'purposes: [payment]') });
  expect(items.find(({ rule }) => rule === 'R7')).toMatchObject({ appear: 3, subjects: { appear: 2, go: 0 } });
});

it('pages through many events, and gives others their turn', async () => {
  await given(...disclosures(900));
  let turns = 0;
  const timer = setInterval(() => turns++, 0);
  const { events, items } = await ask({ to: '2026-03-02T12:00:00Z', draft: draft('purposes: [tax-reporting]', 'purposes: [payment]') });
  clearInterval(timer);
  expect(events).toBe(900);
  expect(items.find(({ rule }) => rule === 'R7')).toMatchObject({ appear: 900, subjects: { appear: 900 } });
  expect(turns).toBeGreaterThan(20);
});

it('is ended by its limit, and runs alone', async () => {
  await given(...disclosures(50));
  await expect(ask({ limitMs: 0 })).rejects.toMatchObject({ name: 'SimulationTooLong', events: expect.any(Number) });
  const running = ask({});
  await expect(ask({})).rejects.toMatchObject({ name: 'SimulationRunning', retryAfterSeconds: 5 });
  await running;
  await expect(ask({})).resolves.toBeDefined();
});

it.each([
  ['InvalidWindow', '2026-03-02', '2026-03-02'],
  ['InvalidWindow', '2025-01-01', '2026-12-31'],
  ['InvalidMoment', '2026-02-30', '2026-12-31'],
])('%s: from %s to %s', async (name, from, to) => {
  await expect(ask({ from, to })).rejects.toMatchObject({ name });
});
