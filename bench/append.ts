/**
 * The embedded store in process, without HTTP: what group commit brings over one transaction an event, what the writer costs over
 * bare inserts, and whether a log of two million events is slower than a young one.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { v7 } from 'uuid';
import type { NewEvent, StreamWrite } from '../src/eventstore/event-store.ts';
import { LogWriter, requestsOf } from '../src/eventstore/log-writer.ts';
import { recordKey } from '../src/eventstore/record-key.ts';
import { SqliteEventStore } from '../src/eventstore/sqlite.ts';
import { Outbox, sizeOf } from '../src/eventstore/writer-messages.ts';
import { median, type Options, type Report, thousands } from './measure.ts';

const BATCH = 500;
const CALLERS = 64;
const IN_FLIGHT = 4;
const SOURCES = 20;

/** Sizes of the growing log and of the young one may be given apart from `quick`. */
export interface AppendOptions extends Options {
  large?: number;
  small?: number;
}

export async function run(report: Report, { quick, large, small }: AppendOptions): Promise<void> {
  const runs = quick ? 2 : 7;
  await gathered(report, runs, quick ? 1_000 : 20_000);
  bareInserts(report, runs, quick ? 5_000 : 50_000);
  // Short and many: other work on the machine comes and goes more slowly than these pairs do.
  await growth(report, runs * 3, large ?? (quick ? 50_000 : 2_000_000), small ?? (quick ? 10_000 : 100_000));
}

/** 64 callers that each append one event and wait for it, against one synced transaction an event; both warmed up by a run that does not count. */
async function gathered(report: Report, runs: number, events: number): Promise<void> {
  const rates: number[] = [];
  const baselines: number[] = [];
  await inFolder(async (folder) => {
    const store = await SqliteEventStore.open({ path: join(folder, 'ledger.db') });
    const bare = bareLog(folder);
    for (let r = 0; r <= runs; r++) {
      rates.push(await gatheredRate(store, records(events)));
      baselines.push(bareRate(bare, records(events / 4), 1));
    }
    bare.close();
    await store.close();
  });
  const [warm, warmBaselines] = [rates.slice(1), baselines.slice(1)];
  const detail = `${CALLERS} callers ${thousands(median(warm))}/s, one transaction an event ${thousands(median(warmBaselines))}/s`;
  report({
    workload: 'append in process, gathered / one transaction an event',
    ratio: ratioOf(warm, warmBaselines),
    target: '≥4',
    runs,
    detail,
  });
}

/** What the writer thread does for each event (keys, ids, revisions, triggers, indexes), against the same bytes inserted barely. */
function bareInserts(report: Report, runs: number, events: number): void {
  const rates: number[] = [];
  const baselines: number[] = [];
  for (let r = 0; r < runs; r++) {
    const written = records(events);
    rates.push(inFolderSync((folder) => writerRate(folder, written)));
    baselines.push(inFolderSync((folder) => bareRateIn(folder, written)));
  }
  const detail = `writer ${thousands(median(rates))}/s, bare ${thousands(median(baselines))}/s, ${BATCH} a transaction`;
  report({ workload: 'log writer / bare inserts of the same bytes', ratio: ratioOf(rates, baselines), target: '≥0.6', runs, detail });
}

/** The same batches into a large log and into a small one, in turn. */
async function growth(report: Report, runs: number, large: number, small: number): Promise<void> {
  const folders = [large, small].map(() => mkdtempSync(join(tmpdir(), 'liggare-growth-')));
  const [largePath, smallPath] = folders.map((folder) => join(folder, 'ledger.db')) as [string, string];
  try {
    await fill(largePath, large);
    await fill(smallPath, small);
    const openedAt = performance.now();
    const grown = await SqliteEventStore.open({ path: largePath });
    const openMs = performance.now() - openedAt;
    const young = await SqliteEventStore.open({ path: smallPath });
    const rates: number[] = [];
    const baselines: number[] = [];
    for (let r = 0; r < runs; r++) {
      // Few enough that the small log stays small; each of them goes first in turn.
      const first = r % 2 === 0 ? grown : young;
      const second = first === grown ? young : grown;
      const pair = [await appendBatches(first, small / 20), await appendBatches(second, small / 20)] as [number, number];
      rates.push(first === grown ? pair[0] : pair[1]);
      baselines.push(first === grown ? pair[1] : pair[0]);
    }
    await Promise.all([grown.close(), young.close()]);
    const about = `${thousands(median(rates))}/s at ${large} events, ${thousands(median(baselines))}/s at ${small}`;
    const files = `opened in ${Math.round(openMs)} ms; log ${megabytes(largePath)}, index ${megabytes(largePath.replace('.db', '.idx'))}`;
    const detail = `${about}; ${files}`;
    report({ workload: 'append to a large log / to a small one', ratio: ratioOf(rates, baselines), target: '≥0.85', runs, detail });
  } finally {
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  }
}

function ratioOf(rates: number[], baselines: number[]): number {
  return median(rates.map((rate, r) => rate / (baselines[r] as number)));
}

/** As stored: two people with sealed parts, about 800 bytes. */
function records(count: number): NewEvent[] {
  const source = `urn:bench:${randomUUID()}`;
  return Array.from({ length: count }, (_, i) => record(source, String(i)));
}

const SEALED = Array.from({ length: 256 }, () => randomBytes(240).toString('base64'));

function record(source: string, id: string): NewEvent {
  const person = randomBytes(16).toString('base64url');
  const actor = randomBytes(16).toString('base64url');
  const subjects = [{ reference: person, category: 'customer', sealed: SEALED[Number(id) % SEALED.length] }];
  const data = {
    actor: { reference: actor, kind: 'human', role: 'accountant', capacity: 'controller' },
    subjects,
    categories: ['name', 'organisation-number'],
    purpose: 'tax-reporting',
    legalBasis: '6(1)(c)',
    system: 'billing',
    country: 'SE',
    recipient: { id: 'skatteverket', role: 'independent-controller', country: 'SE' },
  };
  const entry = { format: 1, source, id, time: '2026-03-02T09:14:07.120Z', sequence: Number(id), version: 1, data };
  return {
    id: v7(),
    type: 'PersonalDataDisclosed',
    data: JSON.stringify(entry),
    metadata: '{}',
    key: recordKey(source, id),
    references: [actor, person],
  };
}

function inBatches(events: NewEvent[]): StreamWrite[] {
  return Array.from({ length: Math.ceil(events.length / BATCH) }, (_, i) => ({
    stream: `processing-bench-${i % SOURCES}`,
    expectedRevision: 'any',
    events: events.slice(i * BATCH, (i + 1) * BATCH),
  }));
}

async function gatheredRate(store: SqliteEventStore, events: NewEvent[]): Promise<number> {
  const start = performance.now();
  await inTurns(events, CALLERS, (event) => store.append([{ stream: 'processing-bench', expectedRevision: 'any', events: [event] }]));
  return (events.length * 1000) / (performance.now() - start);
}

async function appendBatches(store: SqliteEventStore, count: number): Promise<number> {
  const batches = inBatches(records(count));
  const start = performance.now();
  await inTurns(batches, IN_FLIGHT, (batch) => store.append([batch]));
  return (count * 1000) / (performance.now() - start);
}

async function fill(path: string, count: number): Promise<void> {
  const store = await SqliteEventStore.open({ path });
  for (let filled = 0; filled < count; filled += 10_000) await appendBatches(store, Math.min(10_000, count - filled));
  await store.close();
}

/** The writer alone, in this thread: messages are made beforehand. */
function writerRate(folder: string, events: NewEvent[]): number {
  const groups = inBatches(events).map((write) => {
    const outbox = new Outbox();
    outbox.add(0, [write], sizeOf([write]));
    const message = outbox.take();
    return message === undefined ? [] : requestsOf(message);
  });
  const writer = new LogWriter(join(folder, 'ledger.db'), join(folder, 'ledger.idx'));
  const start = performance.now();
  for (const group of groups) writer.commit(group);
  const perSecond = (events.length * 1000) / (performance.now() - start);
  writer.close();
  return perSecond;
}

/** What a program would do that has no ledger: the same bytes in a table with a random text id. */
function bareLog(folder: string): Database.Database {
  const db = new Database(join(folder, 'bare.db'));
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = FULL');
  db.exec('CREATE TABLE events (position INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, type TEXT, data TEXT, metadata TEXT) STRICT');
  return db;
}

function bareRateIn(folder: string, events: NewEvent[]): number {
  const db = bareLog(folder);
  const rate = bareRate(db, events, BATCH);
  db.close();
  return rate;
}

function bareRate(db: Database.Database, events: NewEvent[], batch: number): number {
  const insert = db.prepare('INSERT INTO events (id, type, data, metadata) VALUES (?, ?, ?, ?)');
  const ids = events.map(() => randomUUID());
  const start = performance.now();
  for (let from = 0; from < events.length; from += batch) {
    db.exec('BEGIN IMMEDIATE');
    for (let i = from; i < Math.min(from + batch, events.length); i++) {
      const event = events[i] as NewEvent;
      insert.run(ids[i], event.type, event.data, event.metadata);
    }
    db.exec('COMMIT');
  }
  return (events.length * 1000) / (performance.now() - start);
}

/** Each of `callers` takes the next item as soon as its last one is done. */
async function inTurns<T>(items: T[], callers: number, work: (item: T) => Promise<unknown>): Promise<void> {
  let next = 0;
  const call = async () => {
    while (next < items.length) await work(items[next++] as T);
  };
  await Promise.all(Array.from({ length: callers }, call));
}

async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'liggare-append-'));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function inFolderSync<T>(work: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'liggare-append-'));
  try {
    return work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function megabytes(path: string): string {
  return `${Math.round(statSync(path).size / 1e6)} MB`;
}
