/** A receiver of webhooks in this process, on the loopback interface; and the ways in which one can misbehave. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Behaviour =
  | 'takes'
  /** Answers 500. */
  | 'error'
  /** Takes the request and never answers. */
  | 'hangs'
  /** Begins an answer of 500 and never ends it. */
  | 'trickles'
  | 'redirects'
  /** Cuts every connection. */
  | 'cuts'
  /** Takes it, and never ends its answer: that is as good as any. */
  | 'chats';

export interface Delivery {
  id: string;
  body: { type: string; timestamp: string; data: Record<string, unknown> & { finding: string } };
  /** Whether the signature holds, by what the scheme says and nothing of ours. */
  isSigned: boolean;
  taken: boolean;
}

export class TestReceiver {
  readonly secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
  behaviour: Behaviour = 'takes';
  readonly seen: Delivery[] = [];
  /** Paths that were asked for. */
  readonly paths = new Set<string>();
  readonly #server: Server = createServer((request, response) => void this.#answer(request, response));
  #changed: (() => void)[] = [];

  static async start(): Promise<TestReceiver> {
    const receiver = new TestReceiver();
    await new Promise<void>((resolve) => receiver.#server.listen(0, '127.0.0.1', resolve));
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/hook`;
  }

  /** Findings that were taken, in the order in which they were. */
  get taken(): string[] {
    return this.seen.filter(({ taken }) => taken).map(({ body }) => body.data.finding);
  }

  /** Once it is so. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#changed.push(resolve));
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.paths.add(String(request.url));
    let text = '';
    for await (const chunk of request) text += chunk;
    const { behaviour } = this;
    this.seen.push({
      id: String(request.headers['webhook-id']),
      body: JSON.parse(text),
      isSigned: this.#isSigned(request, text),
      taken: behaviour === 'takes' || behaviour === 'chats',
    });
    respond(behaviour, response);
    for (const changed of this.#changed.splice(0)) changed();
  }

  /** https://www.standardwebhooks.com: HMAC-SHA256 over `id.timestamp.body` with the bytes of the secret. */
  #isSigned({ headers }: IncomingMessage, body: string): boolean {
    const key = Buffer.from(this.secret.slice('whsec_'.length), 'base64');
    const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
    const expected = createHmac('sha256', key).update(signed).digest();
    const given = String(headers['webhook-signature']).split(' ');
    const isFresh = Math.abs(Date.now() / 1000 - Number(headers['webhook-timestamp'])) < 300;
    return isFresh && given.some((one) => one.startsWith('v1,') && timingSafeEqual(Buffer.from(one.slice(3), 'base64'), expected));
  }
}

function respond(behaviour: Behaviour, response: ServerResponse): void {
  if (behaviour === 'takes') response.writeHead(204).end();
  else if (behaviour === 'error') response.writeHead(500).end('no');
  else if (behaviour === 'redirects') response.writeHead(307, { location: '/elsewhere' }).end();
  else if (behaviour === 'cuts') response.destroy();
  else if (behaviour === 'trickles') response.writeHead(500).write('n');
  else if (behaviour === 'chats') response.writeHead(200).write('well,');
}
