import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startLedger } from '../../src/start.ts';

export const BATCH = 'application/cloudevents-batch+json';
export const SINGLE = 'application/cloudevents+json';

export interface Answered<T = Record<string, unknown>> {
  status: number;
  headers: Headers;
  text: string;
  body: T;
}

/** The API as a client sees it. */
export class Client {
  constructor(
    readonly url: string,
    readonly key: string | undefined,
  ) {}

  with(key: string | undefined): Client {
    return new Client(this.url, key);
  }

  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  async send<T = any>(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answered<T>> {
    const isRaw = typeof body === 'string' || body instanceof Uint8Array;
    const answer = await fetch(this.url + path, {
      method,
      headers: {
        ...(this.key !== undefined && { authorization: `Bearer ${this.key}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: isRaw ? (body as string) : JSON.stringify(body) }),
    });
    const text = await answer.text();
    const isJson = /json/.test(answer.headers.get('content-type') ?? '') && !/ndjson/.test(answer.headers.get('content-type') ?? '');
    return { status: answer.status, headers: answer.headers, text, body: (isJson && text ? JSON.parse(text) : undefined) as T };
  }

  record(events: unknown[], query = '') {
    return this.send('POST', `/v1/events${query}`, events, { 'content-type': BATCH });
  }

  /** Asks once the read side has everything that was recorded up to `after`. */
  ask(
    question: string,
    { reason = { purpose: 'rights-fulfilment' }, ...rest }: Record<string, unknown> = {},
    headers: Record<string, string> = {},
  ) {
    return this.send('POST', `/v1/queries/${question}`, { reason, ...rest }, headers);
  }

  /** Makes a key of a scope. */
  async keyOf(scope: string, more: Record<string, unknown> = {}): Promise<string> {
    const wanted = scope === 'emit' ? { sources: ['urn:mailit:billing'] } : { person: `Holder of ${scope}` };
    const { status, body, text } = await this.send('POST', '/v1/keys', { name: `test ${scope}`, scope, ...wanted, ...more });
    if (status !== 201) throw new Error(text);
    return body.key;
  }
}

export interface InProcess extends Client {
  folder: string;
  /** Stops and starts again on the same folder. */
  restart(change?: (folder: string) => void): Promise<void>;
  close(): Promise<void>;
}

/** A whole ledger in this process, on a folder of its own. */
export async function ledgerInProcess(env: Record<string, string> = {}): Promise<InProcess> {
  const folder = mkdtempSync(join(tmpdir(), 'liggare-e2e-'));
  const key = randomBytes(24).toString('hex');
  const settings = { LIGGARE_DATA: folder, LIGGARE_ADMIN_KEY: key, LIGGARE_QUESTIONS: '100000', ...env };
  const start = () => startLedger(settings, { port: 0, quiet: true });
  let running = await start();
  const client = new Client(running.url, key) as InProcess;
  return Object.assign(client, {
    folder,
    restart: async (change: (folder: string) => void = () => undefined) => {
      await running.close();
      change(folder);
      running = await start();
      Object.assign(client, { url: running.url });
    },
    close: async () => {
      await running.close();
      rmSync(folder, { recursive: true, force: true });
    },
  });
}

const MAIN = fileURLToPath(new URL('../../dist/src/main.js', import.meta.url));

/** The built service in a process of its own, as it is started by its users (`npm run build` comes before the tests). */
export class ServiceProcess {
  private child: ChildProcess | undefined;
  /** Everything it wrote, of all its lives. */
  output = '';
  readonly key = randomBytes(24).toString('hex');

  constructor(
    readonly folder: string,
    private readonly env: Record<string, string> = {},
  ) {}

  async start(): Promise<Client> {
    const env = { PATH: process.env['PATH'] ?? '', LIGGARE_DATA: this.folder, LIGGARE_PORT: '0', LIGGARE_ADMIN_KEY: this.key, ...this.env };
    const child = spawn(process.execPath, [MAIN], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.child = child;
    const from = this.output.length;
    const url = await new Promise<string>((resolve, reject) => {
      const hear = (chunk: Buffer) => {
        this.output += chunk.toString();
        const found = /listens on (http:\S+?);/.exec(this.output.slice(from));
        if (found) resolve(found[1] as string);
      };
      child.stdout?.on('data', hear);
      child.stderr?.on('data', hear);
      child.once('exit', (code) => reject(new Error(`ended with ${code}: ${this.output.slice(from)}`)));
    });
    return new Client(url, this.key);
  }

  /** Ends this very process, at once or in order. */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> {
    const child = this.child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null;
    const exited = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
    child.kill(signal);
    return exited;
  }
}
