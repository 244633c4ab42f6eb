/**
 * Verification of a whole log, by one thread and by as many as there are processors, against bare SHA-256 of the same bytes. The
 * baseline reads the column `data` of every event out of the same file in the order of the log, page by page, and makes one SHA-256 of
 * each, in one thread: no parsing, no canonical form, no tree, no heads, nothing compared.
 */
import { generateKeyPairSync, hash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { v7 } from 'uuid';
import type { NewEvent } from '../src/eventstore/event-store.ts';
import { recordKey } from '../src/eventstore/record-key.ts';
import { SqliteEventStore } from '../src/eventstore/sqlite.ts';
import { SqliteLogReader } from '../src/eventstore/sqlite-reader.ts';
import { ED25519, verifierKey, vkeyOf } from '../src/integrity/signed-note.ts';
import { ownEvent } from '../src/ledger/own-event.ts';
import { Sealer } from '../src/transparency/sealer.ts';
import { SqliteTreeStore } from '../src/transparency/sqlite-tree-store.ts';
import { verifyFolder } from '../src/verify/verify.ts';
import { median, type Options, type Report, thousands } from './measure.ts';

const BATCH = 500;
const SOURCES = 20;
/** Pages of the log between two heads. */
const PAGES_A_HEAD = 3;

export async function run(report: Report, { quick }: Options): Promise<void> {
  const [events, runs] = quick ? [20_000, 2] : [500_000, 5];
  const folder = mkdtempSync(join(tmpdir(), 'liggare-verify-bench-'));
  try {
    const key = await tell(folder);
    await record(folder, events);
    const heads = await seal(folder, key);
    // What nobody has read yet is read from the disk.
    bare(folder);
    for (const workers of [1, undefined]) await measure(report, folder, { runs, workers, heads });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** In turn, so that other work on the machine slows both alike. */
async function measure(
  report: Report,
  folder: string,
  { runs, workers, heads }: { runs: number; workers: number | undefined; heads: number },
): Promise<void> {
  const pairs: { verified: number; hashed: number }[] = [];
  for (let r = 0; r < runs; r++) {
    const hashed = bare(folder);
    const { verdict, leaves = 0, milliseconds } = await verifyFolder(folder, workers === undefined ? {} : { workers });
    if (verdict !== 'intact') throw new Error(`an untouched log is ${verdict}`);
    pairs.push({ verified: (leaves * 1000) / milliseconds, hashed });
  }
  report({
    workload: `verify, ${workers === undefined ? 'all processors' : 'one thread'} / bare SHA-256 of the same bytes in one thread`,
    ratio: median(pairs.map(({ verified, hashed }) => verified / hashed)),
    runs,
    detail: `${thousands(median(pairs.map(({ verified }) => verified)))}/s with ${heads} heads, bare ${thousands(median(pairs.map(({ hashed }) => hashed)))}/s`,
  });
}

/** @returns events a second */
function bare(folder: string): number {
  const db = new DatabaseSync(join(folder, 'ledger.db'), { readOnly: true });
  const page = db.prepare('SELECT position, data FROM events WHERE position > ? ORDER BY position LIMIT 4096');
  page.setReturnArrays(true);
  let events = 0;
  const start = performance.now();
  for (let at = 0; ; ) {
    const rows = page.all(at) as unknown as [number, string][];
    for (const [, data] of rows) hash('sha256', data, 'buffer');
    const last = rows.at(-1);
    if (last === undefined) break;
    [at, events] = [last[0], events + rows.length];
  }
  const rate = (events * 1000) / (performance.now() - start);
  db.close();
  return rate;
}

async function record(folder: string, events: number): Promise<void> {
  const store = await SqliteEventStore.open({ path: join(folder, 'ledger.db') });
  for (let done = 0; done < events; done += BATCH * SOURCES) {
    const writes = Array.from({ length: SOURCES }, (_, source) => ({
      stream: `processing-urn:bench:${source}`,
      expectedRevision: 'any' as const,
      events: Array.from({ length: Math.min(BATCH, (events - done) / SOURCES) }, (_, n) => disclosure(`urn:bench:${source}`, done + n)),
    }));
    for (let at = 0; at < writes.length; at += 4) await store.append(writes.slice(at, at + 4));
  }
  await store.close();
}

const SEALED = Array.from({ length: 256 }, () => randomBytes(240).toString('base64'));

/** As stored: two people, one of them with a sealed part, about 800 bytes. */
function disclosure(source: string, n: number): NewEvent {
  const [person, actor] = [randomBytes(16), randomBytes(16)].map((reference) => reference.toString('base64url'));
  const data = {
    actor: { reference: actor, kind: 'human', role: 'accountant', capacity: 'controller' },
    controller: 'mailit',
    subjects: [{ reference: person, category: 'customer', sealed: SEALED[n % SEALED.length] }],
    categories: ['name', 'organisation-number'],
    purpose: 'tax-reporting',
    legalBasis: '6(1)(c)',
    system: 'billing',
    country: 'SE',
    recipient: { id: 'skatteverket', role: 'independent-controller', country: 'SE' },
  };
  const entry = { format: 1, source, id: String(n), time: '2026-03-02T09:14:07.120Z', sequence: n, version: 1, data };
  return { id: v7(), type: 'PersonalDataDisclosed', data: JSON.stringify(entry), metadata: '{}', key: recordKey(source, String(n)) };
}

/** The ledger, and the key that signs its heads: the log tells of it first. */
async function tell(folder: string) {
  const store = await SqliteEventStore.open({ path: join(folder, 'ledger.db') });
  const reader = new SqliteLogReader(join(folder, 'ledger.db'));
  const ledger = reader.ledger();
  reader.close();
  const origin = `liggare/${ledger}/1`;
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const vkey = vkeyOf(verifierKey(origin, ED25519, publicKey));
  const actor = { reference: randomBytes(16).toString('base64url'), kind: 'service' };
  const data = { origin, vkey, generation: 1 };
  const event = ownEvent({ source: 'urn:liggare:tree', type: 'SealerKeyCreated', now: Date.now(), actor, data });
  await store.append([{ stream: 'ledger-tree', expectedRevision: 'any', events: [event] }]);
  await store.close();
  return { ledger, origin, vkey, privateKey };
}

/** As the service does it, without one. @returns how many heads were signed */
async function seal(folder: string, { ledger, origin, vkey, privateKey }: Awaited<ReturnType<typeof tell>>): Promise<number> {
  const tree = SqliteTreeStore.open(join(folder, 'tree.db'), ledger);
  const startedAt = new Date().toISOString();
  await tree.begin({ number: 1, origin, startedAt }, { generation: 1, vkey, createdAt: startedAt });
  const log = new SqliteLogReader(join(folder, 'ledger.db'));
  const sealer = await Sealer.open({ log, store: tree, keys: [{ vkey, privateKey, recordedAt: 1 }], now: Date.now });
  await sealer.check();
  for (let pages = 1; await sealer.page(); pages++) if (pages % PAGES_A_HEAD === 0) await sealer.sign();
  const head = await sealer.sign();
  log.close();
  await tree.close();
  return head?.number ?? 0;
}
