/**
 * What judging costs: every projection with the rules against every projection without them, over the same log. Of events that conform, as
 * they should, and of a ledger that lacks what rules look for, where every event has findings.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { v7 as uuidv7 } from 'uuid';
import { allProjections } from '../projections/all.ts';
import { ViewsDatabase } from '../projections/database.ts';
import { removeViews } from '../projections/database-file.ts';
import type { Projection } from '../projections/projection.ts';
import { type Log, Runner } from '../projections/runner.ts';
import type { NewEvent } from '../src/eventstore/event-store.ts';
import { SqliteEventStore } from '../src/eventstore/sqlite.ts';
import { SqliteLogReader } from '../src/eventstore/sqlite-reader.ts';
import type { Entry, StoredData } from '../src/ledger/entry.ts';
import { eventTypes } from '../src/ledger/events.ts';
import { digestOf } from '../src/policy/normal-form.ts';
import { parsePolicy } from '../src/policy/parse.ts';
import { Vocabulary } from '../src/vocabulary/vocabulary.ts';
import { entries, FIRST_TIME, reference, STEP_MS } from './entries.ts';
import { median, type Options, type Report, thousands } from './measure.ts';

export interface JudgingOptions extends Options {
  /** Events of each log; 400,000 by default. */
  events?: number;
  /** People whom they are about; 50,000 by default. */
  people?: number;
  runs?: number;
}

type Made = { stream: string; event: NewEvent };

const BATCH = 5_000;
/** Events of a page while the read side follows sustained ingest: what comes in between two looks at the log, about. */
const LIVE_PAGE = 1_000;
const STAFF = 200;
const CASES = 20_000;

export async function run(
  report: Report,
  { quick, events = quick ? 10_000 : 400_000, people = quick ? 1_000 : 50_000, runs = quick ? 1 : 5 }: JudgingOptions,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'liggare-bench-'));
  try {
    const small = await record(join(folder, 'conforming.db'), events, conforming(people), [policy(), ...staff()]);
    await compare(report, 'judging events that conform', small, folder, { count: events, runs, target: '≥ 0.6' });
    const bare = await record(join(folder, 'bare.db'), events, entries(), [policy()]);
    await compare(report, 'judging events that all have findings', bare, folder, { count: events, runs });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function record(path: string, count: number, make: (count: number) => Made[], first: readonly Made[]): Promise<SqliteLogReader> {
  const store = await SqliteEventStore.open({ path });
  const append = async (made: readonly Made[]) => {
    const streams = new Map<string, NewEvent[]>();
    for (const { stream, event } of made) streams.set(stream, [...(streams.get(stream) ?? []), event]);
    await store.append([...streams].map(([stream, events]) => ({ stream, expectedRevision: 'any', events })));
  };
  await append(first);
  for (let made = 0; made < count; made += BATCH) await append(make(Math.min(BATCH, count - made)));
  await store.close();
  return new SqliteLogReader(path);
}

interface Sizes {
  count: number;
  runs: number;
  target?: string;
}

async function compare(
  report: Report,
  workload: string,
  log: SqliteLogReader,
  folder: string,
  { count, runs, target }: Sizes,
): Promise<void> {
  for (const loading of [false, true]) {
    const without: number[] = [];
    const within: number[] = [];
    let rows = 0;
    for (let i = 0; i < runs; i++) {
      const file = join(folder, 'views.db');
      const others = allProjections().filter(({ name }) => name !== 'findings');
      without.push((await rate(log, file, others, loading)).rate);
      const judged = await rate(log, file, allProjections(), loading);
      within.push(judged.rate);
      rows = judged.rows;
    }
    const micros = median(within.map((each, i) => 1e6 / each - 1e6 / (without[i] as number)));
    report({
      workload: `${workload}, ${loading ? 'made anew' : `live in pages of ${LIVE_PAGE}`}`,
      ratio: median(within.map((each, i) => each / (without[i] as number))),
      ...(target !== undefined && { target }),
      runs,
      detail: `${count} events, ${(rows / count).toFixed(1)} findings each: ${thousands(median(within))} events/s with the rules, ${thousands(median(without))} without; ${micros.toFixed(1)} µs an event`,
    });
  }
  log.close();
}

/** Events a second, live from the first event on, or loaded as a rebuild does; and how many findings there are in the end. */
async function rate(log: Log, file: string, projections: Projection[], loading: boolean): Promise<{ rate: number; rows: number }> {
  removeViews(file);
  const views = new ViewsDatabase(file, { loading });
  const head = await log.head();
  const upTo = { end: loading ? head : 0 };
  const limited: Log = {
    readAll: (position, limit, maxBytes) => (position >= upTo.end ? [] : log.readAll(position, limit, maxBytes)),
    head: () => upTo.end,
  };
  const runner = new Runner(views, limited, projections, loading ? {} : { pageEvents: LIVE_PAGE });
  await runner.prepare();
  if (!loading) await follow(runner);
  upTo.end = head;
  const start = performance.now();
  await follow(runner);
  const seconds = (performance.now() - start) / 1000;
  const isJudged = projections.some(({ name }) => name === 'findings');
  const rows = isJudged
    ? await views.db
        .selectFrom('findings_rows')
        .select(({ fn }) => fn.countAll<number>().as('rows'))
        .executeTakeFirst()
    : undefined;
  views.close();
  removeViews(file);
  return { rate: head / seconds, rows: rows?.rows ?? 0 };
}

async function follow(runner: Runner): Promise<void> {
  while ((await runner.round()) || !runner.isCaughtUp) if (runner.lastFailure !== undefined) throw runner.lastFailure;
}

const actor = (number: number) => ({
  reference: reference('actor', number),
  kind: 'human',
  role: 'customer-support',
  capacity: 'controller',
});

function made(type: string, source: string, id: string, time: number, data: Record<string, unknown>): Made {
  const entry: Entry = {
    ...{ format: 1, source, id, time: new Date(time).toISOString(), version: 1 },
    data: { subjects: [], ...data } as unknown as StoredData,
  };
  return { stream: `processing-${source}`, event: { id: uuidv7(), type, data: JSON.stringify(entry), metadata: '{"keyId":"bench"}' } };
}

/** MAILIT's policy, published before anything happened. */
function policy(): Made {
  const text = readFileSync(new URL('../policies/mailit.yaml', import.meta.url), 'utf8');
  const document = parsePolicy(text, { vocabulary: Vocabulary.builtIn(), eventTypes: new Set(eventTypes().map(({ type }) => type)) });
  const { policy, version, effectiveFrom } = document;
  const said = {
    policy,
    policyVersion: version,
    effectiveFrom,
    documentDigest: digestOf(document),
    document,
    url: document.publication.url,
  };
  return made('PolicyPublished', 'urn:liggare:policies', 'first', FIRST_TIME - 1_000, { actor: actor(0), ...said });
}

/** Everybody is instructed, and has a grant. */
function staff(): Made[] {
  return Array.from({ length: STAFF }, (_, i) => i).flatMap((i) => {
    const person = reference('actor', i);
    const at = FIRST_TIME - 500;
    return [
      made('StaffInstructed', 'urn:mailit:hr', `instructed-${i}`, at, { actor: actor(0), controller: 'mailit', staff: person }),
      made('AccessGranted', 'urn:mailit:hr', `granted-${i}`, at, { actor: actor(0), controller: 'mailit', grantee: person }),
    ];
  });
}

/** Data of each customer is collected, then looked up, used, kept and handed over, as the policy has it. */
function conforming(people: number): (count: number) => Made[] {
  const sealed = 'A'.repeat(220);
  let number = 0;
  const next = (): Made => {
    const i = number++;
    const person = (i * 7_919) % people;
    const data = {
      actor: actor((i * 31) % STAFF),
      controller: 'mailit',
      subjects: [{ reference: reference('person', person), category: 'customer', sealed }],
      ...{ categories: ['name', 'work-email'], purpose: 'customer-communication', legalBasis: '6(1)(f)', system: 'crm', country: 'SE' },
    };
    const happened = (type: string, more: Record<string, unknown> = {}) =>
      made(type, 'urn:mailit:crm', `2026-03-02-${String(i).padStart(9, '0')}`, FIRST_TIME + i * STEP_MS, { ...data, ...more });
    if (i < people) return happened('PersonalDataCollected', { origin: 'subject', channel: 'email' });
    const caseRef = reference('case', (i * 13) % CASES);
    switch (i % 4) {
      case 0:
        return happened('PersonalDataAccessed', { mode: 'view', outcome: 'ok', caseRef });
      case 1:
        return happened('PersonalDataUsed');
      case 2:
        return happened('PersonalDataStored', { actor: { ...data.actor, kind: 'service' } });
      default: {
        const recipient = { id: 'fakturabud', role: 'independent-controller', country: 'SE' };
        return happened('PersonalDataDisclosed', { purpose: 'invoice-distribution', recipient, method: 'api', consideration: 'none' });
      }
    }
  };
  return (count) => Array.from({ length: count }, next);
}
