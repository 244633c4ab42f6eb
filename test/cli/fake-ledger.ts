import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough, Readable } from 'node:stream';
import { run } from '../../src/cli/program.ts';
import type { ExitCode, Terminal } from '../../src/cli/terminal.ts';

export interface Received {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: IncomingMessage['headers'];
  body: string;
}

export interface Reply {
  status?: number;
  headers?: Record<string, string>;
  /** Text as it stands; anything else as JSON. */
  body?: unknown;
  /** The connection ends after the body, and the answer does not. */
  isCut?: boolean;
}

type Handler = (request: Received) => Reply | Promise<Reply> | 'hang up';

/** A server that speaks the ledger's HTTP API as far as a test says, and remembers what it was sent. */
export class FakeLedger {
  readonly received: Received[] = [];
  private server: Server | undefined;

  private constructor(
    private readonly handler: Handler,
    readonly port: number,
  ) {}

  static async start(handler: Handler): Promise<FakeLedger> {
    const fake = new FakeLedger(handler, 0);
    await fake.listen(0);
    return fake;
  }

  async listen(port: number): Promise<void> {
    this.server = createServer((request, response) => void this.answer(request, response));
    await new Promise<void>((resolve) => this.server?.listen(port, '127.0.0.1', resolve));
  }

  get url(): string {
    return `http://127.0.0.1:${((this.server as Server).address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    const server = this.server;
    server?.closeAllConnections();
    await new Promise((resolve) => server?.close(resolve));
  }

  private async answer(request: IncomingMessage, response: import('node:http').ServerResponse): Promise<void> {
    let body = '';
    request.setEncoding('utf8');
    for await (const chunk of request) body += chunk;
    const url = new URL(request.url ?? '/', 'http://localhost');
    const received = { method: request.method ?? '', path: url.pathname, query: url.searchParams, headers: request.headers, body };
    this.received.push(received);
    const reply = await this.handler(received);
    if (reply === 'hang up') {
      request.socket.destroy();
      return;
    }
    const isText = typeof reply.body === 'string';
    response.writeHead(reply.status ?? 200, { 'content-type': isText ? 'text/csv' : 'application/json', ...reply.headers });
    if (reply.isCut) {
      response.write(reply.body as string, () => request.socket.destroy());
      return;
    }
    response.end(isText ? (reply.body as string) : reply.body === undefined ? '' : JSON.stringify(reply.body));
  }
}

interface Item {
  index: number;
  outcome: string;
  problems?: { path: string; rule: string; message: string }[];
}

/**
 * Records a stream of lines like the ledger does: identity by source and id; `judge` says what is not to be recorded;
 * one line of the answer acknowledges `chunk` events.
 */
export class FakeLog {
  readonly events: Record<string, unknown>[] = [];
  private readonly known = new Map<string, string>();

  constructor(
    private readonly judge: (event: Record<string, unknown>) => Omit<Item, 'index'> | undefined = () => undefined,
    private readonly chunk = 500,
  ) {}

  /** @param chunks how many chunks are dealt with before `end` ends the answer; all of them, and the summary, where absent. */
  record({ body, query }: Received, { chunks, end = '' }: { chunks?: number; end?: string } = {}): Reply {
    const sent = eventsOf(body);
    const answers: string[] = [];
    const sum = { ...NOTHING, position: 0 };
    for (let from = 0; from < sent.length && answers.length < (chunks ?? Number.POSITIVE_INFINITY); from += this.chunk) {
      const { items, ...totals } = this.take(sent.slice(from, from + this.chunk), from, query.get('dryRun') === 'true');
      answers.push(`${JSON.stringify({ ...totals, items })}\n`);
      for (const name of Object.keys(NOTHING) as (keyof typeof NOTHING)[]) sum[name] += totals[name];
      sum.position = Math.max(sum.position, totals.position);
    }
    const last = chunks === undefined ? `${JSON.stringify({ summary: true, events: sent.length, chunks: answers.length, ...sum })}\n` : end;
    return { headers: { 'content-type': 'application/x-ndjson' }, body: answers.join('') + last };
  }

  private take(events: Record<string, unknown>[], from: number, dryRun: boolean) {
    const totals = { ...NOTHING };
    const items: (Item & { line: number })[] = [];
    for (const [at, event] of events.entries()) {
      const pair = `${String(event['source'])}\0${String(event['id'])}`;
      const text = JSON.stringify(event);
      const before = this.known.get(pair);
      const judged = before === undefined ? this.judge(event) : { outcome: before === text ? 'duplicate' : 'conflict' };
      if (judged === undefined) {
        totals.recorded += 1;
        if (dryRun) continue;
        this.known.set(pair, text);
        this.events.push(event);
      } else {
        const total = { duplicate: 'duplicates', conflict: 'conflicts' }[judged.outcome] ?? judged.outcome;
        totals[total as keyof typeof totals] += 1;
        items.push({ index: from + at, line: from + at + 1, ...judged });
      }
    }
    return { ...totals, position: totals.recorded + totals.duplicates > 0 ? this.events.length : 0, items };
  }
}

const NOTHING = { recorded: 0, duplicates: 0, conflicts: 0, quarantined: 0, refused: 0 };

/** The events of an NDJSON body. */
export function eventsOf(body: string): Record<string, unknown>[] {
  return body
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

export interface Ran {
  code: ExitCode;
  stdout: string;
  stderr: string;
}

/** Runs a command line in this process, as a script would: no terminal, its own environment. */
export async function liggare(argv: string[], options: { env?: NodeJS.ProcessEnv; stdin?: string } = {}): Promise<Ran> {
  const out = new PassThrough();
  const err = new PassThrough();
  let [stdout, stderr] = ['', ''];
  out.on('data', (chunk) => {
    stdout += String(chunk);
  });
  err.on('data', (chunk) => {
    stderr += String(chunk);
  });
  const terminal: Terminal = {
    env: options.env ?? {},
    stdin: Readable.from([Buffer.from(options.stdin ?? '')]),
    stdout: out,
    stderr: err,
  };
  const code = await run(argv, terminal);
  await new Promise((resolve) => setImmediate(resolve));
  return { code, stdout, stderr };
}

export const KEY = 'lig_test_0123456789abcdef';

/** An event of the smallest shape; what is in it is the fake's business. */
export function event(id: string, source = 'urn:test:one'): Record<string, unknown> {
  return { specversion: '1.0', source, id, type: 'PersonalDataUsed', time: '2026-03-02T09:14:07.120Z', data: {} };
}
