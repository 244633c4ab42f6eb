/** What reaches many events is judged in several transactions: the others go on, and nothing is lost or told in between. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { ViewsDatabase } from '../../../projections/database.ts';
import { Findings } from '../../../projections/findings/findings.ts';
import { Holds } from '../../../projections/holds/holds.ts';
import { Runner } from '../../../projections/runner.ts';
import { counted, follow, type Given, growing, judging, published, recorded, reference, rowsOf } from './engine.ts';

/** More than are judged again in one transaction. */
const MANY = 12_000;
const AFTER = 3;

const used = (i: number): Given => ({
  ...{ type: 'PersonalDataUsed', source: 'urn:test:crm', id: `used-${i}`, at: -1 },
  data: {
    ...{ actor: { reference: reference('desk'), kind: 'service', capacity: 'controller' }, controller: 'mailit' },
    ...{ subjects: [{ reference: reference(`p${i % 50}`), category: 'customer' }], categories: ['name'], legalBasis: '6(1)(f)' },
    ...{ purpose: i % 3 === 0 ? 'recruitment' : 'customer-communication', system: 'crm', country: 'SE' },
  },
});
/** A ledger that ran before its first policy was published. */
const log = recorded(
  [...Array.from({ length: MANY }, (_, i) => used(i)), published('1'), ...Array.from({ length: AFTER }, (_, i) => used(MANY + i))],
  0.001,
);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'liggare-steps-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const open = async (file: string) => {
  const views = new ViewsDatabase(join(folder, file));
  const grows = growing(log);
  const runner = new Runner(views, grows, [new Holds(), new Findings()], { pageEvents: 4_000 });
  await runner.prepare();
  // It follows from the first event on: of what is made anew nobody is told where it stands.
  grows.end = 0;
  await runner.round();
  grows.end = log.length;
  return { views, runner };
};

const positions = (runner: Runner) => Object.fromEntries(runner.status().map(({ name, position }) => [name, position]));

test('the policy of a ledger that ran without one', async () => {
  const { views, runner } = await open('steps.db');
  const end = log.at(-1)?.position as number;
  const before = log[MANY - 1]?.position as number;
  const steps: number[] = [];
  while (await runner.round()) {
    if (runner.lastFailure !== undefined) throw runner.lastFailure;
    const [step] = await views.db.selectFrom('findings_again').selectAll().execute();
    if (step) steps.push(step.cause);
  }
  // Meanwhile its checkpoint waits before the policy; what else is asked is answered.
  expect(steps.length).toBeGreaterThan(1);
  expect(new Set(steps)).toEqual(new Set([before + 2]));
  expect(positions(runner)).toEqual({ holds: end, findings: end });
  expect(await views.db.selectFrom('findings_again').selectAll().execute()).toEqual([]);
  const { rows } = await sql<{
    events: number;
  }>`select count(*) as events from findings_rows as f join findings_outcomes as o on o.id = f.outcome
    where o.rule = 'R1' and f.until is null`.execute(views.db);
  expect(rows).toEqual([{ events: 0 }]);
  expect((await counted(views.db))['R2 1 2026-W10']).toBe(`${MANY + AFTER} 0 0 0`);
  views.close();
});

test('the checkpoint waits, while the others go on', async () => {
  const { views, runner } = await open('waits.db');
  const seen: Record<string, number>[] = [];
  while (await runner.round())
    if ((await views.db.selectFrom('findings_again').selectAll().execute()).length > 0) seen.push(positions(runner));
  const end = log.at(-1)?.position as number;
  expect(seen.at(-1)).toEqual({ holds: end, findings: log[MANY - 1]?.position });
  views.close();
});

test('stopped in between it goes on where it was, and the rows are the same', async () => {
  const whole = await judging(log, rowsOf);
  for (let stops = 0; ; stops++) {
    const { views, runner } = await open('stopped.db');
    await runner.round();
    const isDone = runner.isCaughtUp;
    if (isDone) {
      await follow(runner);
      expect(stops).toBeGreaterThan(1);
      expect(await rowsOf(views.db)).toEqual(whole);
    }
    views.close();
    if (isDone) return;
  }
});
