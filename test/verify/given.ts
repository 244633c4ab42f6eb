import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { v7 } from 'uuid';
import type { NewEvent } from '../../src/eventstore/event-store.ts';
import { recordKey } from '../../src/eventstore/record-key.ts';
import { SqliteEventStore } from '../../src/eventstore/sqlite.ts';
import type { Entry, StoredActor } from '../../src/ledger/entry.ts';
import { startLedger } from '../../src/start.ts';
import type { VerifyOptions } from '../../src/verify/context.ts';
import type { Verification } from '../../src/verify/result.ts';
import { verifyFolder } from '../../src/verify/verify.ts';
import { about } from '../backup/ledger.ts';
import { Client } from '../e2e/service.ts';

const KEY = 'an-admin-key-of-these-tests';
const FROM_SOURCE = fileURLToPath(new URL('../support/from-source.mjs', import.meta.url));
const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

/** Folders of these tests, removed together. */
export class Folders {
  readonly #all: string[] = [];

  /** An empty one. */
  new(): string {
    const folder = mkdtempSync(join(tmpdir(), 'liggare-verify-'));
    this.#all.push(folder);
    return join(folder, 'data');
  }

  /** As `cp -r` makes it, for one test to do with as it likes. */
  copy(folder: string): string {
    const copy = this.new();
    cpSync(folder, copy, { recursive: true });
    return copy;
  }

  remove(): void {
    for (const folder of this.#all.splice(0)) rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs the ledger on a folder for as long as something is done with it. */
export async function serving<Out>(folder: string, work: (client: Client) => Promise<Out>, env: Record<string, string> = {}): Promise<Out> {
  const settings = { LIGGARE_DATA: folder, LIGGARE_ADMIN_KEY: KEY, LIGGARE_QUESTIONS: '100000', ...env };
  const ledger = await startLedger(settings, { port: 0, quiet: true });
  try {
    return await work(new Client(ledger.url, KEY));
  } finally {
    await ledger.close();
  }
}

/** Records events about a few customers from several sources. */
export async function record(client: Client, prefix: string, count: number): Promise<void> {
  const events = Array.from({ length: count }, (_, n) =>
    about(`${prefix}-${n}`, `${n % 7}`, { categories: n % 2 ? ['name'] : ['name', 'organisation-number'] }),
  ).map((event, n) => ({ ...event, source: `urn:mailit:${n % 3 ? 'billing' : 'crm'}`, sequence: String(n) }));
  for (let at = 0; at < events.length; at += 500) {
    const { status, text } = await client.record(events.slice(at, at + 500));
    if (status !== 200) throw new Error(text);
  }
}

/** A tree head over all that was recorded, as it is published. */
export async function signed(client: Client): Promise<string> {
  for (;;) {
    const { status, text, body } = await client.send('POST', '/v1/tree-heads');
    if (status === 200) {
      // Read models are there too.
      await client.send('GET', `/v1/sources?after=${body.position}`);
      break;
    }
    // Many events take their time to be sealed.
    if (status !== 503) throw new Error(text);
    await sleep(200);
  }
  return (await client.with(undefined).send('GET', '/tlog/checkpoint')).text;
}

/** A folder with `heads.length` heads, each over so many more events, some of quarantine and some holds among them. */
export async function ledgerOf(folder: string, parts: readonly number[]): Promise<string[]> {
  return serving(folder, async (client) => {
    const heads: string[] = [];
    for (const [i, count] of parts.entries()) {
      await record(client, `part-${i}`, count);
      heads.push(await signed(client));
    }
    return heads;
  });
}

/** Appends events about nobody that nobody sealed anything in, fast: for trees that are too large to be recorded one by one. */
export async function grow(folder: string, count: number): Promise<void> {
  const store = await SqliteEventStore.open({ path: join(folder, 'ledger.db') });
  const { actor } = (JSON.parse((await store.at(1))?.data as string) as Entry).data;
  for (let done = 0; done < count; done += 2_000) {
    const events = Array.from({ length: Math.min(2_000, count - done) }, (_, n) => bare(`bare-${done + n}`, actor));
    await store.append([{ stream: 'processing-urn:mailit:bare', expectedRevision: 'any', events }]);
  }
  await store.close();
}

function bare(id: string, actor: StoredActor): NewEvent {
  const source = 'urn:mailit:bare';
  const data = { actor, subjects: [] };
  const entry = { format: 1, source, id, time: '2026-03-02T09:14:07.120Z', version: 1, data };
  return { id: v7(), type: 'SourceHeartbeat', data: JSON.stringify(entry), metadata: '{}', key: recordKey(source, id) };
}

/** What somebody does who has the files: whatever forbids it is taken away first. */
export function tamper<Out>(folder: string, file: 'ledger.db' | 'tree.db' | 'views.db', work: (db: Database.Database) => Out): Out {
  const db = new Database(join(folder, file));
  try {
    const triggers = db.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").all() as { name: string; sql: string }[];
    for (const { name } of triggers) db.exec(`DROP TRIGGER ${name}`);
    db.pragma('foreign_keys = OFF');
    const out = db.transaction(() => work(db))();
    // Nobody should see that they were gone.
    for (const { sql } of triggers) db.exec(sql);
    return out;
  } finally {
    db.close();
  }
}

/**
 * `liggare verify` in a process of its own, as it is run beside a service: two libraries of SQLite in one process do not see each other's locks.
 */
export function apart(folder: string, ...options: string[]): Promise<{ code: number | null; stderr: string; found: Verification }> {
  const child = started(folder, ...options);
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stderr, found: stdout === '' ? (undefined as never) : JSON.parse(stdout) }));
  });
}

/** The same as it runs. */
export function started(folder: string, ...options: string[]) {
  const argv = ['--import', FROM_SOURCE, MAIN, 'verify', folder, '--json', ...options];
  return spawn(process.execPath, argv, { env: { PATH: process.env['PATH'] ?? '' }, stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Two threads, so that what one does not see the other one has to. */
export const verified = (folder: string, options: VerifyOptions = {}) => verifyFolder(folder, { workers: 2, ...options });

/** All that is expected of a folder that nobody touched. */
export const INTACT = { verdict: 'intact', findings: [], found: {}, hindrances: [] };
