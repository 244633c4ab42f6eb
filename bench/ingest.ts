/**
 * Batch ingest over HTTP, 500 events a request, 50,000 people known, everything that a record goes through, against
 * better-sqlite3 inserting the same stored bytes (transactions of 500, synchronous FULL, unique random text id, a fresh file).
 */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { median, type Options, type Report, thousands } from './measure.ts';
import { BATCH, bodies, ingest, type Service, startService } from './service.ts';

export async function run(report: Report, { quick }: Options): Promise<void> {
  const people = quick ? 2_000 : 50_000;
  const events = quick ? 5_000 : 50_000;
  const runs = quick ? 2 : 7;
  const service = await startService();
  try {
    const first = await ingest(service, bodies('first', people, people));
    const rates: number[] = [];
    const baselines: number[] = [];
    for (let r = 0; r < runs; r++) {
      rates.push(await ingest(service, bodies(`run${r}`, events, people)));
      baselines.push(baseline(service, events));
    }
    const ratio = median(rates.map((rate, r) => rate / (baselines[r] as number)));
    report({
      workload: 'batch ingest over HTTP / bare inserts of the same bytes',
      ratio,
      target: '≥0.5',
      runs,
      detail: `${thousands(median(rates))}/s against ${thousands(median(baselines))}/s; first sight of ${people} people ${thousands(first)}/s`,
    });
  } finally {
    await service.stop();
  }
}

/** The same number of events with the very bytes that the ledger stored last. */
function baseline(service: Service, events: number): number {
  const ledger = new Database(join(service.folder, 'ledger.db'), { readonly: true });
  const rows = ledger.prepare('select type, data, metadata from events order by position desc limit ?').all(events) as {
    type: string;
    data: string;
    metadata: string;
  }[];
  ledger.close();
  const folder = mkdtempSync(join(tmpdir(), 'liggare-baseline-'));
  const db = new Database(join(folder, 'bare.db'));
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = FULL');
  db.exec('create table events (position integer primary key, id text not null unique, type text, data text, metadata text)');
  const insert = db.prepare('insert into events (id, type, data, metadata) values (?, ?, ?, ?)');
  const append = db.transaction((slice: typeof rows) => {
    for (const row of slice) insert.run(randomUUID(), row.type, row.data, row.metadata);
  });
  const start = performance.now();
  for (let from = 0; from < rows.length; from += BATCH) append(rows.slice(from, from + BATCH));
  const rate = (rows.length * 1000) / (performance.now() - start);
  db.close();
  rmSync(folder, { recursive: true });
  return rate;
}
