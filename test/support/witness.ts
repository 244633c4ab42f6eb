/** A witness (C2SP tlog-witness) in this process, on the loopback interface; and the ways in which one can misbehave. */
import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Checkpoint, isConsistent, type Key, readCheckpoint, readKey } from './tlog-client.ts';

export type Behaviour =
  | 'well'
  /** Cuts every connection. */
  | 'down'
  /** Takes the request and never answers. */
  | 'slow'
  /** Begins an answer and never ends it. */
  | 'trickle'
  | 'garbage'
  /** Signs with another key than it says, under its own name and id. */
  | 'forged'
  /** Signs as somebody else. */
  | 'other-key'
  /** Signs with the time of 1970. */
  | 'old-time'
  | 'redirect'
  | 'huge'
  /** 409 with a size that is never the one it wants. */
  | 'fickle'
  /** 409 without a size. */
  | 'speechless'
  | 'error';

export interface Submission {
  old: number;
  proof: Buffer[];
  checkpoint: Checkpoint;
}

export class TestWitness {
  readonly name: string;
  readonly vkey: string;
  behaviour: Behaviour = 'well';
  /** What was sent, and how it was answered. */
  readonly seen: { old: number; size: number; status: number }[] = [];
  /** How many requests were under way at once, at most. */
  mostAtOnce = 0;
  /** Latest head that it cosigned, by origin. */
  readonly logs = new Map<string, { size: number; root: Buffer }>();
  readonly #trusted: Key[] = [];
  readonly #privateKey: KeyObject;
  readonly #server: Server;
  #atOnce = 0;
  /** Seconds since 1970; the machine's when absent. */
  now: (() => number) | undefined;

  private constructor(name: string) {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    this.name = name;
    this.#privateKey = privateKey;
    this.vkey = vkeyOf(name, publicKey);
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  /** @param logs vkeys of the logs that it knows */
  static async start(name: string, logs: readonly string[] = []): Promise<TestWitness> {
    const witness = new TestWitness(name);
    witness.trust(...logs);
    await new Promise<void>((resolve) => witness.#server.listen(0, '127.0.0.1', resolve));
    return witness;
  }

  trust(...vkeys: string[]): void {
    this.#trusted.push(...vkeys.map(readKey));
  }

  /** Submission prefix. */
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/submit`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.mostAtOnce = Math.max(this.mostAtOnce, ++this.#atOnce);
    response.once('close', () => this.#atOnce--);
    try {
      await this.#respond(request, response);
    } catch {
      // The connection was cut: there is nobody to tell.
      response.destroy();
    }
  }

  async #respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString('utf8');
    if (this.behaviour === 'down') return void request.socket.destroy();
    if (this.behaviour === 'slow') return;
    if (this.behaviour === 'trickle') return void response.writeHead(200).write('\u2014 ');
    if (this.behaviour === 'redirect') return void response.writeHead(307, { location: '/submit/elsewhere' }).end();
    if (this.behaviour === 'garbage') return void response.end('<html>not found</html>');
    if (this.behaviour === 'huge') return void response.end('\u2014'.repeat(200_000));
    if (this.behaviour === 'error') return void response.writeHead(500).end('the disk of witness.example is full');
    if (this.behaviour === 'speechless') return void response.writeHead(409).end('no');
    const isAdd = request.method === 'POST' && request.url === '/submit/add-checkpoint';
    const [status, type, text] = isAdd ? this.#add(body) : [404, 'text/plain', ''];
    response.writeHead(status, { 'content-type': type }).end(text);
  }

  #add(body: string): [status: number, type: string, text: string] {
    const { old, proof, checkpoint } = readSubmission(body, this.#trusted);
    const answer = this.behaviour === 'fickle' ? sizeAnswer(old + 1) : this.#judge({ old, proof, checkpoint });
    this.seen.push({ old, size: checkpoint.size, status: answer[0] });
    return answer;
  }

  #judge({ old, proof, checkpoint }: Submission): [status: number, type: string, text: string] {
    const { origin, size, root, signedBy } = checkpoint;
    if (!this.#trusted.some(({ name }) => name === origin)) return [404, 'text/plain', 'unknown log\n'];
    if (signedBy.length === 0) return [403, 'text/plain', 'no known signature\n'];
    if (old > size) return [400, 'text/plain', 'old size is larger\n'];
    const latest = this.logs.get(origin) ?? { size: 0, root: createHash('sha256').digest() };
    if (old !== latest.size) return sizeAnswer(latest.size);
    if (old === size && !root.equals(latest.root)) return sizeAnswer(latest.size);
    const isProven = old === 0 ? proof.length === 0 : isConsistent(old, size, latest.root, root, proof);
    if (!isProven) return [422, 'text/plain', 'the proof does not hold\n'];
    this.logs.set(origin, { size, root });
    return [200, 'text/plain; charset=utf-8', this.#cosign(checkpoint)];
  }

  #cosign({ body }: Checkpoint): string {
    const now = this.behaviour === 'old-time' ? 1 : (this.now?.() ?? Math.floor(Date.now() / 1000));
    const stranger = generateKeyPairSync('ed25519');
    if (this.behaviour === 'other-key')
      return lineOf('witness.example/other', vkeyOf('witness.example/other', stranger.publicKey), stranger.privateKey, body, now);
    const privateKey = this.behaviour === 'forged' ? stranger.privateKey : this.#privateKey;
    // A witness may sign with several keys; those that nobody knows are passed over.
    const another = lineOf('witness.example/new', vkeyOf('witness.example/new', stranger.publicKey), stranger.privateKey, body, now);
    return another + lineOf(this.name, this.vkey, privateKey, body, now);
  }
}

const sizeAnswer = (size: number): [number, string, string] => [409, 'text/x.tlog.size', `${size}\n`];

/** `old <size>`, hashes, an empty line, the checkpoint. */
function readSubmission(body: string, keys: readonly Key[]): Submission {
  const divide = body.indexOf('\n\n');
  const [first, ...hashes] = body.slice(0, divide).split('\n');
  const old = /^old (0|[1-9][0-9]*)$/.exec(first ?? '')?.[1];
  if (old === undefined || hashes.length > 63) throw new Error('this is no submission');
  return {
    old: Number(old),
    proof: hashes.map((hash) => Buffer.from(hash, 'base64')),
    checkpoint: readCheckpoint(body.slice(divide + 2), keys),
  };
}

function vkeyOf(name: string, publicKey: KeyObject): string {
  const material = Buffer.concat([Buffer.from([0x04]), publicKey.export({ format: 'der', type: 'spki' }).subarray(-32)]);
  const id = createHash('sha256').update(`${name}\n`).update(material).digest('hex').slice(0, 8);
  return `${name}+${id}+${material.toString('base64')}`;
}

function lineOf(name: string, vkey: string, privateKey: KeyObject, body: string, now: number): string {
  const time = Buffer.alloc(8);
  time.writeBigUInt64BE(BigInt(now));
  const signature = sign(null, Buffer.from(`cosignature/v1\ntime ${now}\n${body}`), privateKey);
  const id = Buffer.from(vkey.split('+')[1] as string, 'hex');
  return `\u2014 ${name} ${Buffer.concat([id, time, signature]).toString('base64')}\n`;
}
