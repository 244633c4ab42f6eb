/** The service as its users run it, in a process of its own on a temporary folder, and events to send to it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Service {
  url: string;
  port: number;
  folder: string;
  key: string;
  stop(): Promise<void>;
}

const MAIN = fileURLToPath(new URL('../dist/src/main.js', import.meta.url));

/** Starts the built service (`npm run build`) on a free port of the loopback address. */
export async function startService(env: Record<string, string> = {}): Promise<Service> {
  const folder = mkdtempSync(join(tmpdir(), 'liggare-bench-'));
  const key = randomBytes(32).toString('hex');
  const child = spawn(process.execPath, ['--max-semi-space-size=64', '--v8-pool-size=0', '--enable-source-maps', MAIN], {
    env: {
      ...process.env,
      LIGGARE_DATA: folder,
      LIGGARE_PORT: '0',
      LIGGARE_ADMIN_KEY: key,
      LIGGARE_LOG_LEVEL: 'warn',
      LIGGARE_QUESTIONS: '1000000',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const url = await addressOf(child);
  const stop = async () => {
    const exited = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await exited;
    rmSync(folder, { recursive: true, force: true });
  };
  return { url, port: Number(new URL(url).port), folder, key, stop };
}

function addressOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let out = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      out += chunk.toString();
      const address = /http:\/\/127\.0\.0\.1:\d+/.exec(out)?.[0];
      if (address) resolve(address);
    });
    child.once('exit', (code) => reject(new Error(`the service ended with ${code} before it listened`)));
  });
}

/** One event as a billing system would report it, about person `person` of however many there are. */
export function disclosure(source: string, number: number, person: number): object {
  return {
    specversion: '1.0',
    source,
    id: `${source.slice(-8)}-${number}`,
    sequence: String(number),
    type: 'PersonalDataDisclosed',
    time: new Date(Date.now() - 60_000 - (number % 3_600_000)).toISOString(),
    datacontenttype: 'application/json',
    data: {
      actor: { id: `officer-${number % 40}`, kind: 'human', role: 'accountant', capacity: 'controller' },
      subjects: [{ scheme: 'customer-number', value: String(100_000 + person), category: 'customer' }],
      categories: ['name', 'organisation-number'],
      purpose: 'tax-reporting',
      legalBasis: '6(1)(c)',
      statuteRef: 'SFS 2011:1244',
      caseRef: `VAT-${number % 500}`,
      system: 'billing',
      country: 'SE',
      method: 'api',
      consideration: 'none',
      recipient: { id: 'skatteverket', role: 'independent-controller', country: 'SE' },
    },
  };
}

const agent = new Agent({ keepAlive: true, maxSockets: 128 });

/** Posts a prepared body; rejects on any other status than the one expected. */
export function post(service: Service, path: string, type: string, body: Buffer, status = 200): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': type, 'content-length': body.length, authorization: `Bearer ${service.key}` };
    const sent = request({ agent, host: '127.0.0.1', port: service.port, method: 'POST', path, headers }, (answer) => {
      const parts: Buffer[] = [];
      answer.on('data', (part: Buffer) => parts.push(part));
      answer.on('end', () => {
        const text = Buffer.concat(parts);
        if (answer.statusCode === status) resolve(text);
        else reject(new Error(`${path} answered ${answer.statusCode}: ${text.toString().slice(0, 500)}`));
      });
      answer.on('error', reject);
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

/** Runs `work` for each of the items, so many at once. */
export async function inParallel<T>(items: readonly T[], width: number, work: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async () => {
    for (let at = next++; at < items.length; at = next++) await work(items[at] as T);
  };
  await Promise.all(Array.from({ length: width }, worker));
}

/** Events of a batch. */
export const BATCH = 500;
const BATCH_TYPE = 'application/cloudevents-batch+json';
/** Batches under way at once. */
const IN_FLIGHT = 3;

/** Batches of a source of this name, ready to be sent. */
export function bodies(name: string, count: number, people: number): Buffer[] {
  const source = `urn:bench:${name}`;
  const all: Buffer[] = [];
  for (let from = 0; from < count; from += BATCH) {
    const batch = Array.from({ length: BATCH }, (_, i) => disclosure(source, from + i, ((from + i) * 7919) % people));
    all.push(Buffer.from(JSON.stringify(batch)));
  }
  return all;
}

/** Sends batches, several at once, and sees to it that each is recorded whole. @returns events a second. */
export async function ingest(service: Service, prepared: Buffer[]): Promise<number> {
  const start = performance.now();
  await inParallel(prepared, IN_FLIGHT, async (body) => {
    const answer = JSON.parse((await post(service, '/v1/events', BATCH_TYPE, body)).toString());
    if (answer.recorded !== BATCH) throw new Error(`a batch was not recorded whole: ${JSON.stringify(answer).slice(0, 300)}`);
  });
  return (prepared.length * BATCH * 1000) / (performance.now() - start);
}
