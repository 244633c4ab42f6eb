import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startLedger } from '../../src/start.ts';
import { liggare } from '../cli/fake-ledger.ts';
import { Client } from '../e2e/service.ts';
import { disclosure } from '../support/write-side.ts';

const KEY = 'an-admin-key-of-these-tests';

/** A place with a ledger, its backups and everything else that a restore needs; removed as a whole. */
export class Place {
  readonly folder = mkdtempSync(join(tmpdir(), 'liggare-backup-'));
  readonly data = this.path('data');
  /** LIGGARE_ERASURE_COPY. */
  readonly copy = this.path('copy', 'erasures.log');
  private running: Awaited<ReturnType<typeof startLedger>> | undefined;

  constructor() {
    mkdirSync(this.path('copy'));
  }

  path(...names: string[]): string {
    return join(this.folder, ...names);
  }

  env(data = this.data, more: Record<string, string> = {}): Record<string, string> {
    return { LIGGARE_DATA: data, LIGGARE_ADMIN_KEY: KEY, LIGGARE_ERASURE_COPY: this.copy, LIGGARE_QUESTIONS: '100000', ...more };
  }

  async serve(data = this.data, more: Record<string, string> = {}): Promise<Client> {
    await this.stop();
    this.running = await startLedger(this.env(data, more), { port: 0, quiet: true });
    return new Client(this.running.url, KEY);
  }

  async stop(): Promise<void> {
    await this.running?.close();
    this.running = undefined;
  }

  backup(name: string, data = this.data) {
    return liggare(['backup', this.path(name)], { env: this.env(data) });
  }

  /** A folder with nothing in it but the master key. */
  empty(name: string): string {
    mkdirSync(this.path(name));
    cpSync(join(this.data, 'master.key'), this.path(name, 'master.key'));
    return this.path(name);
  }

  /** Restores into a folder; `copy` false: as if the copy of the erasures were lost. */
  restore(name: string, data: string, options: string[] = [], { copy = true } = {}) {
    return liggare(['restore', this.path(name), ...options], { env: this.env(data, copy ? {} : { LIGGARE_ERASURE_COPY: '' }) });
  }

  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** An event about a customer. */
export const about = (id: string, customer: string, more: object = {}) =>
  disclosure(id, { data: { subjects: [{ scheme: 'customer-number', value: customer, recordRefs: [`invoice of ${customer}`] }], ...more } });

/** Everything recorded about somebody up to a position, but for the questions. @param after what the answer must know */
export async function timeline(client: Client, subject: object, { upTo = Number.MAX_SAFE_INTEGER, after = 0 } = {}) {
  const { body, text } = await client.ask('timeline', { about: { subject }, limit: 1000, order: 'asc', after });
  if (!body.items) throw new Error(text);
  return body.items.filter(({ type, position }: { type: string; position: number }) => type !== 'LedgerQueried' && position <= upTo);
}

export const customer = (value: string) => ({ scheme: 'customer-number', value });

export const erase = (client: Client, value: string, more: object = {}) =>
  client.send('POST', '/v1/subjects/erase', { subject: customer(value), ground: '17(1)(a)', reason: 'Asked for by letter.', ...more });

/** What the log says of restores. */
export async function restores(client: Client) {
  const { body } = await client.ask('timeline', { about: { type: 'LedgerRestored' } });
  return body.items;
}

/** Names of what is in a folder, the lock and what SQLite keeps beside a database left out. */
export const names = (folder: string): string[] =>
  existsSync(folder)
    ? readdirSync(folder)
        .filter((name) => !/^lock\.db|-(wal|shm)$/.test(name))
        .sort()
    : [];

/** Whether any file of a folder has these bytes. */
export const anyHas = (folder: string, bytes: Buffer): boolean =>
  readdirSync(folder).some((name) => readFileSync(join(folder, name)).includes(bytes));
