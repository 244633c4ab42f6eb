/** The runner and the projections on a log that stands in memory: the same rows, however they came about. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { sql } from 'kysely';
import { allProjections } from '../../projections/all.ts';
import { Completeness } from '../../projections/completeness/completeness.ts';
import { ViewsDatabase } from '../../projections/database.ts';
import type { Projection } from '../../projections/projection.ts';
import { type Log, OtherLog, Runner, type RunnerOptions } from '../../projections/runner.ts';
import type { RecordedEvent } from '../../src/eventstore/event-store.ts';
import { logOf, randomLog } from './given-log.ts';

let folder: string;
let files = 0;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'liggare-runner-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const newFile = () => join(folder, `views-${++files}.db`);

/** A log that ends where it is told to. */
function growing(events: readonly RecordedEvent[]): Log & { end: number } {
  return {
    end: events.length,
    readAll(position, limit) {
      return events
        .slice(0, this.end)
        .filter((event) => event.position > position)
        .slice(0, limit);
    },
    head() {
      return events[this.end - 1]?.position ?? 0;
    },
  };
}

async function follow(runner: Runner): Promise<void> {
  for (let rounds = 0; (await runner.round()) || !runner.isCaughtUp; rounds++) {
    if (runner.lastFailure !== undefined) throw runner.lastFailure;
    if (rounds > 1_000) throw new Error('the runner does not catch up');
  }
}

/** Opens the read models of a file, does something with them and closes them: as a process that starts and stops. */
async function process<T>(file: string, log: Log, work: (runner: Runner, views: ViewsDatabase) => Promise<T>, options?: RunnerOptions) {
  const views = new ViewsDatabase(file);
  try {
    const runner = new Runner(views, log, allProjections(), options);
    await runner.prepare();
    return await work(runner, views);
  } finally {
    views.close();
  }
}

/** Every row of every table. */
async function rowsOf(views: ViewsDatabase): Promise<Record<string, unknown[]>> {
  const dump: Record<string, unknown[]> = {};
  for (const table of ['checkpoints', ...allProjections().flatMap(({ tables }) => tables)]) {
    const { rows } = await sql`select * from ${sql.table(table)} order by 1, 2, 3`
      .execute(views.db)
      .catch(async () => sql`select * from ${sql.table(table)} order by 1, 2`.execute(views.db));
    dump[table] = rows;
  }
  return dump;
}

const rebuilt = (events: readonly RecordedEvent[]) =>
  process(newFile(), growing(events), async (runner, views) => {
    await follow(runner);
    return rowsOf(views);
  });

describe('the same rows', () => {
  test('live as rebuilt, whatever the pages were', () =>
    fc.assert(
      fc.asyncProperty(
        randomLog(),
        fc.array(fc.nat(40), { maxLength: 6 }),
        fc.integer({ min: 1, max: 9 }),
        async (events, ends, pageEvents) => {
          const log = growing(events);
          const live = await process(
            newFile(),
            log,
            async (runner, views) => {
              for (const end of [0, ...ends.sort((a, b) => a - b), events.length]) {
                log.end = Math.min(end, events.length);
                await follow(runner);
              }
              return rowsOf(views);
            },
            { pageEvents },
          );
          expect(live).toEqual(await rebuilt(events));
        },
      ),
      { numRuns: 30 },
    ));

  test('when it was stopped between pages, and killed within one', () =>
    fc.assert(
      fc.asyncProperty(randomLog(), fc.array(fc.nat(40), { maxLength: 4 }), async (events, stops) => {
        const file = newFile();
        const log = growing(events);
        for (const stop of [0, ...stops.sort((a, b) => a - b)]) {
          log.end = Math.min(stop, events.length);
          await process(file, log, follow, { pageEvents: 5 });
          log.end = events.length;
          await process(file, log, killedInPage, { pageEvents: 5 });
        }
        const rows = await process(file, log, async (runner, views) => {
          await follow(runner);
          return rowsOf(views);
        });
        expect(rows).toEqual(await rebuilt(events));
      }),
      { numRuns: 20 },
    ));

  test('when one projection is made anew alone', async () => {
    const [events] = fc.sample(randomLog({ minLength: 30 }), { numRuns: 1, seed: 7 }) as [RecordedEvent[]];
    for (const { name } of allProjections()) {
      const rows = await process(newFile(), growing(events), async (runner, views) => {
        await follow(runner);
        await runner.startOver(name);
        expect(runner.status().find((status) => status.name === name)).toMatchObject({ position: 0, state: 'rebuilding' });
        await follow(runner);
        return rowsOf(views);
      });
      expect(rows).toEqual(await rebuilt(events));
    }
  });
});

/** The page was applied but for its commit. */
async function killedInPage(runner: Runner, views: ViewsDatabase): Promise<void> {
  const transaction = views.transaction.bind(views);
  views.transaction = (work) =>
    transaction(async (tx) => {
      await work(tx);
      throw new Error('killed');
    });
  await runner.round();
}

describe('a projection that fails', () => {
  /** Counts what it saw; fails while told to. */
  class Failing implements Projection {
    readonly name = 'quarantine';
    readonly version = 1;
    readonly tables = [] as const;
    fails = false;
    seen: number[] = [];
    forgotten = 0;
    async create() {}
    async finish() {}
    async apply(_tx: unknown, page: readonly { position: number }[]) {
      if (this.fails) throw new TypeError('a value that must not be shown');
      this.seen.push(...page.map(({ position }) => position));
    }
    forget() {
      this.forgotten++;
    }
  }

  test('is tried again and skips nothing, while the others go on', async () => {
    const events = logOf(6);
    const log = growing(events);
    const failing = new Failing();
    const views = new ViewsDatabase(newFile());
    const [entries] = allProjections() as [Projection];
    const runner = new Runner(views, log, [entries, failing], { retryMs: 20 });
    await runner.prepare();
    log.end = 3;
    await follow(runner);
    failing.fails = true;
    log.end = 6;
    await runner.round();
    await runner.round();
    expect(runner.status()).toMatchObject([
      { name: 'entries', position: 6, state: 'following' },
      { name: 'quarantine', position: 3, state: 'failing', error: 'TypeError', lagEvents: 3 },
    ]);
    expect(JSON.stringify(runner.status())).not.toContain('must not be shown');
    failing.fails = false;
    await new Promise((resolve) => setTimeout(resolve, 60));
    await runner.round();
    expect(runner.status()).toMatchObject([{ position: 6 }, { position: 6, state: 'following', lagEvents: 0 }]);
    expect(failing.seen).toEqual([1, 2, 3, 4, 5, 6]);
    expect(failing.forgotten).toBeGreaterThan(0);
    views.close();
  });

  test('of a new version is made anew at the start', async () => {
    const events = logOf(5);
    const file = newFile();
    await process(file, growing(events), follow);
    const views = new ViewsDatabase(file);
    const [entries, , quarantine] = allProjections() as [Projection, Projection, Projection];
    class Changed extends Completeness {
      override readonly version = 1_000;
    }
    const runner = new Runner(views, growing(events), [entries, new Changed(), quarantine]);
    await runner.prepare();
    expect(runner.status().map(({ position }) => position)).toEqual([5, 0, 5]);
    await follow(runner);
    expect(runner.status().map(({ position }) => position)).toEqual([5, 5, 5]);
    views.close();
  });
});

test('rows of another log are told apart', async () => {
  const file = newFile();
  await process(file, growing(logOf(5, 'a')), follow);
  await expect(process(file, growing(logOf(5, 'b')), follow)).rejects.toBeInstanceOf(OtherLog);
  await expect(process(file, growing(logOf(3, 'a')), follow)).rejects.toBeInstanceOf(OtherLog);
});
