/**
 * The sealer beside full ingest over HTTP: how far leaves are behind events, and what it costs those who record, against the same
 * service whose sealer is held up. Then proofs out of a tree of two million leaves.
 */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { proveConsistency, proveInclusion, rootOf } from '../src/integrity/merkle.ts';
import { hashesFrom } from '../src/integrity/tiles.ts';
import { Edge } from '../src/transparency/edge.ts';
import { SqliteTreeStore } from '../src/transparency/sqlite-tree-store.ts';
import { median, type Options, percentile, type Report, thousands } from './measure.ts';
import { bodies, ingest, type Service, startService } from './service.ts';

/** Between two looks at how far the sealer is. */
const LOOK_MS = 50;

export async function run(report: Report, { quick }: Options): Promise<void> {
  await lag(report, quick ? 10_000 : 200_000, quick ? 2_000 : 50_000);
  await cost(report, quick ? 2 : 7, quick ? 5_000 : 30_000, quick ? 2_000 : 50_000);
  await proofs(report, quick ? 100_000 : 2_000_000, quick ? 200 : 5_000);
}

/** While events stream in as fast as they are taken. */
async function lag(report: Report, events: number, people: number): Promise<void> {
  const service = await startService();
  const watched = watch(service);
  try {
    await ingest(service, bodies('first', people, people));
    watched.start();
    const rate = await ingest(service, bodies('lag', events, people));
    const { behind, seconds } = watched.stop();
    report({
      workload: 'leaves behind events under full ingest',
      detail:
        `${thousands(rate)}/s for ${events} events: median ${seconds(50).toFixed(2)} s and ${thousands(behind(50))} events, ` +
        `99 of 100 looks ${seconds(99).toFixed(2)} s, at most ${seconds(100).toFixed(2)} s and ${thousands(behind(100))} events`,
    });
  } finally {
    watched.close();
    await service.stop();
  }
}

/** Reads both files as they are, from outside: the service is asked for nothing. */
function watch(service: Service) {
  const ledger = new Database(join(service.folder, 'ledger.db'), { readonly: true });
  const tree = new Database(join(service.folder, 'tree.db'), { readonly: true });
  const end = ledger.prepare('SELECT max(position) FROM events').pluck();
  const sealed = tree.prepare('SELECT position FROM generations ORDER BY number DESC LIMIT 1').pluck();
  const recordedAt = ledger.prepare('SELECT recorded_at FROM events WHERE position = ?').pluck();
  const looks: { events: number; seconds: number }[] = [];
  let timer: NodeJS.Timeout | undefined;
  const look = () => {
    const leaf = sealed.get() as number;
    const oldest = recordedAt.get(leaf + 1) as number | undefined;
    looks.push({ events: (end.get() as number) - leaf, seconds: oldest === undefined ? 0 : (Date.now() - oldest) / 1000 });
  };
  return {
    start: () => {
      timer = setInterval(look, LOOK_MS);
    },
    stop: () => {
      clearInterval(timer);
      const at = (of: 'events' | 'seconds') => (p: number) =>
        percentile(
          looks.map((one) => one[of]),
          p,
        );
      return { behind: at('events'), seconds: at('seconds') };
    },
    close: () => {
      clearInterval(timer);
      ledger.close();
      tree.close();
    },
  };
}

/**
 * Ingest with the sealer against ingest while another connection holds the tree's write lock, so that the sealer does nothing but wait for
 * it (it waits for five seconds, and a run is shorter): in turn, on one service. What was held up is caught up with before the next run.
 */
async function cost(report: Report, runs: number, events: number, people: number): Promise<void> {
  const service = await startService();
  try {
    await ingest(service, bodies('first', people, people));
    const pairs: { sealing: number; held: number }[] = [];
    for (let r = 0; r < runs; r++) {
      const release = hold(service);
      const held = await ingest(service, bodies(`held${r}`, events, people)).finally(release);
      await caughtUp(service);
      const sealing = await ingest(service, bodies(`run${r}`, events, people));
      await caughtUp(service);
      pairs.push({ sealing, held });
    }
    report({
      workload: 'batch ingest over HTTP with the sealer / without',
      ratio: median(pairs.map(({ sealing, held }) => sealing / held)),
      runs,
      detail: `${thousands(median(pairs.map((pair) => pair.sealing)))}/s against ${thousands(median(pairs.map((pair) => pair.held)))}/s`,
    });
  } finally {
    await service.stop();
  }
}

function hold(service: Service): () => void {
  const db = new Database(join(service.folder, 'tree.db'));
  db.exec('BEGIN IMMEDIATE');
  return () => db.close();
}

async function caughtUp(service: Service): Promise<void> {
  const watched = watch(service);
  try {
    for (let behind = 1; behind > 0; ) {
      watched.start();
      await new Promise((resolve) => setTimeout(resolve, 4 * LOOK_MS));
      behind = watched.stop().behind(1);
    }
  } finally {
    watched.close();
  }
}

/** From a file that nobody has read yet, a proof at a time, at random places. */
async function proofs(report: Report, leaves: number, asked: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'liggare-proofs-'));
  const file = join(folder, 'tree.db');
  try {
    const start = performance.now();
    await makeTree(file, leaves);
    const builtMs = performance.now() - start;
    const reader = SqliteTreeStore.openForReading(file);
    const hashes = hashesFrom(reader);
    const inclusion = await timed(asked, (i) => proveInclusion(place(i, leaves), leaves, hashes));
    const consistency = await timed(asked, (i) => proveConsistency(1 + place(i, leaves - 1), leaves, hashes));
    const looked = await timed(asked, (i) => reader.indexesOf([1 + place(i, leaves)]));
    await rootOf(leaves, hashes);
    await reader.close();
    const shown = (times: number[]) => `${percentile(times, 50).toFixed(2)} ms (p99 ${percentile(times, 99).toFixed(2)})`;
    report({
      workload: `proofs at ${thousands(leaves)} leaves`,
      runs: asked,
      detail: `inclusion ${shown(inclusion)}, consistency ${shown(consistency)}, position to leaf ${shown(looked)}; tree made at ${thousands((leaves * 1000) / builtMs)} leaves/s`,
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Straight through the store, from hashes of nothing in particular. */
async function makeTree(file: string, leaves: number): Promise<void> {
  const store = SqliteTreeStore.open(file, '0'.repeat(32));
  const startedAt = new Date().toISOString();
  await store.begin({ number: 1, origin: 'bench/1', startedAt }, { generation: 1, vkey: 'bench', createdAt: startedAt });
  const edge = new Edge();
  for (let from = 0; from < leaves; ) {
    const size = Math.min(leaves, from + 16_384);
    const positions = Array.from({ length: size - from }, (_, i) => from + i + 1);
    for (const position of positions) edge.append(createHash('sha256').update(String(position)).digest());
    await store.grow({ from, sealed: { size, position: size }, tiles: edge.takeGrown(), positions });
    from = size;
  }
  await store.close();
}

/** Places all over, the same in every run. */
const place = (i: number, below: number): number => (i * 7_919_317 + 12_345) % below;

async function timed(count: number, work: (i: number) => Promise<unknown>): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    const start = performance.now();
    await work(i);
    times.push(performance.now() - start);
  }
  return times;
}
