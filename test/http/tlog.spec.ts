import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import Database from 'better-sqlite3';
import { problemOf } from '../../src/http/problem.ts';
import { TlogController } from '../../src/http/tlog.controller.ts';
import { EXAMPLE } from '../../src/http/tree-head.dto.ts';
import { TreeHeadsController } from '../../src/http/tree-heads.controller.ts';
import { leafHash } from '../../src/integrity/merkle.ts';
import { entriesOf } from '../../src/integrity/tiles.ts';
import { type InProcess, ledgerInProcess } from '../e2e/service.ts';
import { MemoryStore } from '../ledger/memory-store.ts';
import { logOf } from '../projections/given-log.ts';
import { MemoryLog } from '../support/memory-log.ts';
import { isConsistent, LogFollower, pathOfTile, readCheckpoint, readKey, sha256 } from '../support/tlog-client.ts';
import { disclosure } from '../support/write-side.ts';

/** So far apart that a head is signed only when it is asked for. */
const HEADS_FAR_APART = { LIGGARE_TREE_HEAD_MS: '3600000' };

let ledger: InProcess;
let auditor: string;
let recorded = 0;

beforeAll(async () => {
  ledger = await ledgerInProcess(HEADS_FAR_APART);
  auditor = await ledger.keyOf('audit');
});
afterAll(() => ledger?.close());

async function record(count: number): Promise<void> {
  for (let left = count; left > 0; left -= 1000) {
    const batch = Array.from({ length: Math.min(1000, left) }, () => disclosure(`followed-${++recorded}`));
    expect((await ledger.record(batch)).status).toBe(200);
  }
}

const get = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
  fetch(`${ledger.url}${path}`, { method, headers, redirect: 'manual' });
const bytesOf = async (path: string, headers: Record<string, string> = {}) => Buffer.from(await (await get(path, headers)).arrayBuffer());
async function signNow(): Promise<{ size: number; root: string; note: string }> {
  const { status, body, text } = await ledger.send('POST', '/v1/tree-heads');
  if (status !== 200) throw new Error(text);
  return body;
}
const vkey = async () => (await (await get('/tlog/vkey')).text()).trimEnd();
const withKey = (key: string) => ({ authorization: `Bearer ${key}` });

describe('a stranger who has read the specifications', () => {
  it('follows the log from visit to visit, over tiles that fill up and through changes of its key', async () => {
    await signNow();
    const stranger = new LogFollower(`${ledger.url}/tlog`, await vkey());
    const colleague = new LogFollower(`${ledger.url}/tlog`, await vkey(), auditor);
    const first = await stranger.visit();
    expect(first.size).toBeGreaterThan(0);
    await record(700);
    const { size } = await signNow();
    expect(await stranger.visit()).toMatchObject({ size });
    expect(await colleague.visit()).toMatchObject({ size });

    const oldKey = await vkey();
    expect((await ledger.send('POST', '/v1/sealer-key/rotate')).status).toBe(200);
    expect(await vkey()).not.toBe(oldKey);
    await signNow();
    // Signed by both: who trusts the old one learns the new one.
    for (const follower of [stranger, colleague]) expect((await follower.visit()).signedBy).not.toHaveLength(0);
    await record(80);
    await signNow();
    const next = await stranger.visit();
    expect(next.signedBy.map(({ id }) => id)).toEqual([readKey(await vkey()).id]);

    await colleague.visit();
    expect(colleague.entries).toHaveLength(next.size);
    expect(colleague.entries.filter((entry) => entry.includes('SealerKeyCreated'))).toHaveLength(2);
    expect(colleague.entries.filter((entry) => entry.includes('followed-'))).toHaveLength(780);
    // Nobody is named.
    expect(colleague.entries.some((entry) => /10027|anna\.berg/.test(entry.toString('latin1')))).toBe(false);
  });

  it('finds nothing changed after a restart', async () => {
    const stranger = new LogFollower(`${ledger.url}/tlog`, await vkey());
    await signNow();
    const before = await stranger.visit();
    await ledger.restart();
    await record(3);
    await signNow();
    const after = await new LogFollower(`${ledger.url}/tlog`, await vkey()).visit();
    expect(after.size).toBeGreaterThan(before.size);
    const { body } = await ledger.send('GET', `/v1/tree-heads/${before.size}..${after.size}`);
    expect(isConsistent(before.size, after.size, before.root, after.root, body.proof.map(fromBase64))).toBe(true);
  });
});

const fromBase64 = (text: string) => Buffer.from(text, 'base64');

describe('the tree head', () => {
  it('is plain text, cached for a few seconds at most, and told apart by its tag', async () => {
    const { note } = await signNow();
    const answer = await get('/tlog/checkpoint');
    expect(await answer.text()).toBe(note);
    expect(answer.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(Number(/max-age=(\d+)/.exec(answer.headers.get('cache-control') ?? '')?.[1])).toBeLessThanOrEqual(5);
    const again = await get('/tlog/checkpoint', { 'if-none-match': answer.headers.get('etag') as string });
    expect([again.status, await again.text()]).toEqual([304, '']);
    expect((await get('/tlog/checkpoint', { 'if-none-match': '"another"' })).status).toBe(200);
  });

  it('is signed by the key in force, whose name is its origin', async () => {
    const head = readCheckpoint((await signNow()).note, [readKey(await vkey())]);
    expect(head.signedBy).toMatchObject([{ name: head.origin, algorithm: 1 }]);
  });

  it('has keys, the one in force last', async () => {
    const ring = await (await get('/tlog/vkeys')).text();
    const keys = ring.trimEnd().split('\n');
    expect(keys.at(-1)).toBe(await vkey());
    expect(ring).toBe(`${keys.join('\n')}\n`);
    for (const key of keys) expect(readKey(key).algorithm).toBe(1);
  });

  it('passes over a query, as its keys do; what cannot be decoded is a 400, here as everywhere', async () => {
    for (const path of ['/tlog/checkpoint', '/tlog/vkey', '/tlog/vkeys']) {
      const [asked, plain] = [await get(`${path}?x=1`), await get(path)];
      expect([asked.status, await asked.text()]).toEqual([200, await plain.text()]);
    }
    const { request } = await import('node:http');
    for (const path of ['/tlog/tile/%E0%A4%A', '/tlog/%', '/v1/%E0%A4%A']) {
      const status = new Promise((resolve, reject) => {
        const sent = request(ledger.url, { path }, (answer) => answer.resume().on('end', () => resolve(answer.statusCode)));
        sent.on('error', reject).end();
      });
      expect([path, await status]).toEqual([path, 400]);
    }
  });

  it('answers HEAD as GET, without a body', async () => {
    for (const path of ['/tlog/checkpoint', '/tlog/vkey', '/tlog/vkeys', '/tlog/tile/0/000']) {
      const [head, whole] = [await get(path, {}, 'HEAD'), await get(path)];
      expect(await head.text()).toBe('');
      for (const name of ['content-type', 'cache-control', 'content-length']) expect(head.headers.get(name)).toBe(whole.headers.get(name));
    }
  });
});

describe('a tile', () => {
  let size: number;
  beforeAll(async () => {
    await record(Math.max(0, 300 - recorded));
    ({ size } = await signNow());
  });

  it('is bytes, cached for long', async () => {
    const answer = await get('/tlog/tile/0/000');
    expect(answer.headers.get('content-type')).toBe('application/octet-stream');
    expect(answer.headers.get('cache-control')).toMatch(/^public, max-age=\d{6,}, immutable$/);
    expect((await answer.arrayBuffer()).byteLength).toBe(8192);
  });

  it('is served in part wherever more of it is there', async () => {
    const whole = await bytesOf('/tlog/tile/0/000');
    for (const width of [1, 17, 255]) {
      expect((await bytesOf(`/tlog/tile/0/000.p/${width}`)).equals(whole.subarray(0, width * 32))).toBe(true);
    }
  });

  it('is not served beyond the newest head, even where it is there already', async () => {
    const last = Math.floor(size / 256);
    expect((await get(`/tlog/${pathOfTile(0, last, size % 256)}`)).status).toBe(200);
    await record(1);
    for (const path of [pathOfTile(0, last, (size % 256) + 1), pathOfTile(0, last, 256), pathOfTile(0, last + 1, 1), pathOfTile(3, 0, 1)]) {
      expect((await get(`/tlog/${path}`)).status).toBe(404);
    }
    await signNow();
    expect((await get(`/tlog/${pathOfTile(0, last, (size % 256) + 1)}`)).status).toBe(200);
  });

  it.each([
    ...['tile/0', 'tile/0/', 'tile/0/0', 'tile/0/00', 'tile/0/0000', 'tile/0/x000', 'tile/0/x000/000', 'tile/0/000/000', 'tile/0/-01'],
    ...['tile/0/000.p/256', 'tile/0/000.p/0', 'tile/0/000.p/017', 'tile/0/000.p/', 'tile/0/000.p', 'tile/0/000.p/1/', 'tile/0/000/'],
    ...['tile/00/000', 'tile/64/000', 'tile/-1/000', 'tile/+0/000', 'tile/a/000', 'tile/0/%30%30%30', 'tile/%30/000', 'tile/0//000'],
    ...['tile/0/000?x=1', 'tile/0/000.P/1', 'TILE/0/000', 'tile/0/..%2f0%2f000', `tile/0/${'x000/'.repeat(50)}000`],
  ])('/tlog/%s is no other spelling of one', async (path) => {
    const answer = await get(`/tlog/${path}`);
    expect(answer.status).toBe(404);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  });

  it('is only read', async () => {
    const answer = await get('/tlog/tile/0/000', {}, 'POST');
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  });
});

describe('an entry bundle', () => {
  it('needs the permission to read entries', async () => {
    expect((await get('/tlog/tile/entries/000')).status).toBe(401);
    const refused = await get('/tlog/tile/entries/000', withKey(await ledger.keyOf('ask')));
    expect(refused.status).toBe(403);
    expect(((await refused.json()) as { detail: string }).detail).toContain('The permission entries is needed');
    expect((await get('/tlog/tile/entries/000', withKey(auditor))).status).toBe(200);
  });

  it('is kept by no cache that others share', async () => {
    const answer = await get('/tlog/tile/entries/000', withKey(auditor));
    expect(answer.headers.get('cache-control')).toMatch(/^private, max-age=\d{6,}, immutable$/);
    expect(answer.headers.get('content-type')).toBe('application/octet-stream');
    expect(answer.headers.get('vary')).toBe('accept-encoding');
  });

  it('is compressed for whoever accepts it', async () => {
    const plain = await get('/tlog/tile/entries/000.p/9', { ...withKey(auditor), 'accept-encoding': 'identity' });
    expect(plain.headers.get('content-encoding')).toBeNull();
    const bytes = Buffer.from(await plain.arrayBuffer());
    for (const accepted of ['gzip', 'br, GZIP;q=0.5']) {
      const { headers, rawPayload } = await raw('/tlog/tile/entries/000.p/9', accepted);
      expect(headers['content-encoding']).toBe('gzip');
      expect(gunzipSync(rawPayload).equals(bytes)).toBe(true);
    }
    for (const refused of ['gzip;q=0', 'br', ''])
      expect((await raw('/tlog/tile/entries/000.p/9', refused)).headers['content-encoding']).toBeUndefined();
  });

  it('has one spelling, and nothing beyond the newest head', async () => {
    for (const path of ['000.p/256', '0', '999', 'x000/000', '%30%30%30', '000?x=1', '0/000']) {
      expect((await get(`/tlog/tile/entries/${path}`, withKey(auditor))).status).toBe(404);
    }
  });
});

describe('what an entry bundle takes', () => {
  /** A log that tells how it is read, and waits with its answers while it is told to. */
  class WatchedStore extends MemoryStore {
    readonly asked: { limit: number; maxBytes: number | undefined }[] = [];
    until: Promise<void> | undefined;

    override async readAll(position: number, limit: number, maxBytes?: number) {
      this.asked.push({ limit, maxBytes });
      await this.until;
      return super.readAll(position, limit);
    }
  }

  async function given() {
    const store = new WatchedStore();
    store.events.push(...logOf(300));
    const log = new MemoryLog(store);
    await log.seal();
    store.asked.length = 0;
    const controller = new TlogController(log, store);
    const reply = { header: () => reply, type: () => reply };
    const bundle = (path = '000') =>
      controller.entries({ raw: { url: `/tlog/tile/entries/${path}` }, headers: {} } as never, reply as never);
    return { store, log, bundle };
  }

  it('is read in small pages, and others get their turn between them', async () => {
    const { store, log, bundle } = await given();
    let [turns, isMade] = [0, false];
    const others = (async () => {
      for (; !isMade; turns++) await turn();
    })();
    const leaves = entriesOf(await bundle()) ?? [];
    isMade = true;
    await others;
    expect(leaves.map((leaf) => leafHash(leaf))).toEqual(log.leaves.slice(0, 256).map(({ hash }) => hash));
    expect(store.asked.length).toBeGreaterThanOrEqual(8);
    for (const { limit, maxBytes } of store.asked) {
      expect(limit).toBeLessThanOrEqual(32);
      expect(maxBytes).toBeLessThanOrEqual(1024 * 1024);
    }
    expect(turns).toBeGreaterThanOrEqual(store.asked.length);
    store.asked.length = 0;
    expect(entriesOf(await bundle('001.p/44'))).toHaveLength(44);
    expect(store.asked.map(({ limit }) => limit)).toEqual([32, 12]);
  });

  it('is given to a few at once; whoever comes then is told when to ask again', async () => {
    const { store, log, bundle } = await given();
    let release = () => {};
    store.until = new Promise((resolve) => {
      release = resolve;
    });
    const asked = Array.from({ length: 10 }, () => bundle().catch((error: unknown) => problemOf(error)));
    for (let i = 0; i < 5; i++) await turn();
    release();
    const answers = await Promise.all(asked);
    const refused = answers.filter((answer) => !Buffer.isBuffer(answer));
    expect(refused).toHaveLength(6);
    for (const problem of refused) expect(problem).toMatchObject({ type: 'unavailable', options: { retryAfterSeconds: 1 } });
    // Neither those that were made nor those that fail stand in anybody's way.
    Object.assign(log.leaves[3] as object, { hash: leafHash(Buffer.from('another')) });
    for (let i = 0; i < 6; i++) {
      expect(problemOf(await bundle().catch((error: unknown) => error))).toMatchObject({ type: 'not-as-sealed' });
    }
    expect(entriesOf(await bundle('001.p/44'))).toHaveLength(44);
  });

  it('is refused where events are not there any more', async () => {
    const { store, bundle } = await given();
    store.events.length = 200;
    expect(problemOf(await bundle().catch((error: unknown) => error))).toMatchObject({ type: 'not-as-sealed' });
  });
});

/** What is sent, before a client decompresses it. */
async function raw(path: string, accepted: string): Promise<{ headers: Record<string, string | undefined>; rawPayload: Buffer }> {
  const { request } = await import('node:http');
  return new Promise((resolve, reject) => {
    const sent = request(`${ledger.url}${path}`, { headers: { ...withKey(auditor), 'accept-encoding': accepted } }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () => resolve({ headers: answer.headers as Record<string, string>, rawPayload: Buffer.concat(chunks) }));
    });
    sent.on('error', reject).end();
  });
}

describe('tree heads in JSON', () => {
  interface Listed {
    items: { number: number; size: number; generation: number; note: string }[];
    next: string | null;
  }

  it('are listed by number, page by page, to everybody', async () => {
    await signNow();
    const seen: number[] = [];
    for (let cursor = '0'; ; ) {
      const answer = await get(`/v1/tree-heads?limit=2&cursor=${cursor}`);
      const { items, next } = (await answer.json()) as Listed;
      seen.push(...items.map(({ number }) => number));
      if (next === null) break;
      cursor = next;
    }
    expect(seen).toEqual(seen.map((_, i) => i + 1));
    const { items, next } = (await (await get('/v1/tree-heads')).json()) as Listed;
    expect([items.length, next]).toEqual([seen.length, null]);
    const ring = (await (await get('/tlog/vkeys')).text()).trimEnd().split('\n').map(readKey);
    for (const { note, size } of items) expect(readCheckpoint(note, ring)).toMatchObject({ size });
    expect(((await (await get('/v1/tree-heads?generation=7')).json()) as Listed).items).toEqual([]);
  });

  it.each(['limit=0', 'limit=201', 'limit=x', 'cursor=-1', 'cursor=x', 'generation=0', 'other=1'])('%s is refused', async (query) => {
    expect((await get(`/v1/tree-heads?${query}`)).status).toBe(400);
  });

  it('the newest is the one at /tlog/checkpoint', async () => {
    const { note, size, root } = await signNow();
    const latest = (await (await get('/v1/tree-heads/latest')).json()) as Record<string, unknown>;
    expect(latest).toMatchObject({ generation: 1, size, root, note, witnesses: [] });
    expect(await (await get('/tlog/checkpoint')).text()).toBe(note);
  });

  it('one is signed now for whoever may prove, and covers all that is recorded', async () => {
    for (const scope of ['ask', 'case', 'investigate', 'audit']) {
      const client = ledger.with(await ledger.keyOf(scope));
      expect((await client.send('POST', '/v1/tree-heads')).status).toBe(200);
    }
    expect((await ledger.with(await ledger.keyOf('emit')).send('POST', '/v1/tree-heads')).status).toBe(403);
    const before = await signNow();
    await record(5);
    expect((await signNow()).size).toBe(before.size + 5);
    // Nothing new: the same head.
    expect((await signNow()).size).toBe(before.size + 5);
  });
});

describe('a proof between two sizes', () => {
  const between = async (range: string) => {
    const answer = await get(`/v1/tree-heads/${range}`);
    return { status: answer.status, body: (await answer.json()) as Record<string, never> };
  };
  interface Proven {
    first: { size: number; root: string; note?: string };
    second: { size: number; root: string; note?: string };
    proof: string[];
    treeHead: string;
  }

  it('leads from any tree to any later one', async () => {
    const { size, note } = await signNow();
    for (const [a, b] of [
      [1, 2],
      [1, size],
      [7, 100],
      [128, 256],
      [255, size],
      [size, size],
      [size - 1, size],
    ] as const) {
      const { first, second, proof, treeHead } = (await between(`${a}..${b}`)).body as unknown as Proven;
      expect([first.size, second.size, treeHead]).toEqual([a, b, note]);
      expect(isConsistent(a, b, fromBase64(first.root), fromBase64(second.root), proof.map(fromBase64))).toBe(true);
    }
  });

  it('comes with the heads of these sizes, where they were signed', async () => {
    const one = await signNow();
    await record(3);
    const two = await signNow();
    const { first, second } = (await between(`${one.size}..${two.size}`)).body as unknown as Proven;
    expect([first.note, second.note]).toEqual([one.note, two.note]);
    expect(((await between(`${one.size + 1}..${two.size}`)).body as unknown as Proven).first).not.toHaveProperty('note');
  });

  it('from the empty tree proves nothing and says so by being empty', async () => {
    const { first, second, proof } = (await between('0..5')).body as unknown as Proven;
    expect(first).toEqual({ size: 0, root: sha256('').toString('base64') });
    expect([second.size, proof]).toEqual([5, []]);
  });

  it.each(['5..4', '1', 'a..b', '1..', '..5', '01..5', '1...5', '-1..5', '1..5..9', '1..9007199254740993', '1.5..2'])(
    '%s is no two sizes',
    async (range) => {
      const { status, body } = await between(range);
      expect(status).toBe(400);
      expect(body['errors']).toMatchObject([{ path: '/range', rule: 'range' }]);
    },
  );

  it('goes no further than the newest head', async () => {
    const { size } = await signNow();
    expect((await between(`1..${size + 1}`)).status).toBe(404);
    expect((await between('1..9007199254740991')).status).toBe(404);
  });
});

describe("the sealer's key", () => {
  it('is shown to everybody, and replaced by an admin alone', async () => {
    const ring = (await (await get('/v1/sealer-key')).json()) as {
      inForce: { vkey: string };
      keys: { vkey: string; retiredAt?: string }[];
    };
    expect(ring.inForce.vkey).toBe(await vkey());
    expect(ring.keys.at(-1)).toEqual(ring.inForce);
    for (const scope of ['emit', 'ask', 'case', 'investigate', 'audit']) {
      expect((await ledger.with(await ledger.keyOf(scope)).send('POST', '/v1/sealer-key/rotate')).status).toBe(403);
    }
    const { body } = await ledger.send('POST', '/v1/sealer-key/rotate');
    expect(body.inForce.vkey).not.toBe(ring.inForce.vkey);
    expect(body.keys).toHaveLength(ring.keys.length + 1);
    expect(body.keys.at(-2)).toMatchObject({ vkey: ring.inForce.vkey, retiredAt: body.inForce.createdAt });
  });

  it('has signed a head together with its successor by the time that is answered', async () => {
    const before = readKey(await vkey());
    await ledger.send('POST', '/v1/sealer-key/rotate');
    const after = readKey(await vkey());
    const head = readCheckpoint(await (await get('/tlog/checkpoint')).text(), [before, after]);
    expect(new Set(head.signedBy.map(({ id }) => id))).toEqual(new Set([before.id, after.id]));
  });
});

it('before the first tree head there is none, and that is said in words', async () => {
  const store = new MemoryStore();
  const log = new MemoryLog(store);
  for (const asked of [new TreeHeadsController(log, store).latest(), new TreeHeadsController(log, store).consistency('0..1')]) {
    const { type, options } = problemOf(await asked.catch((error: unknown) => error));
    expect([type, options.retryAfterSeconds]).toEqual(['unavailable', 1]);
    expect(options.detail).toContain('No tree head covers it yet');
  }
});

it('the examples of the documentation belong together', () => {
  expect(readCheckpoint(EXAMPLE.note, [readKey(EXAMPLE.vkey)])).toMatchObject({
    origin: EXAMPLE.origin,
    root: fromBase64(EXAMPLE.root),
    signedBy: [{ name: EXAMPLE.origin }],
  });
});

describe('a log that was changed', () => {
  it('gives out no entry that is not the one that was sealed, and signs no more; what was published stays', async () => {
    await record(1);
    const { note, size } = await signNow();
    const db = new Database(join(ledger.folder, 'ledger.db'));
    db.exec('DROP TRIGGER events_never_updated');
    db.prepare("UPDATE events SET data = replace(data, 'skatteverket', 'somebodyelse') WHERE position = ?").run(size);
    db.close();
    const last = Math.floor((size - 1) / 256);
    const bundle = await get(`/tlog/${pathOfTile('entries', last, ((size - 1) % 256) + 1)}`, withKey(auditor));
    expect([bundle.status, ((await bundle.json()) as { type: string }).type]).toEqual([503, 'urn:liggare:problem:not-as-sealed']);
    await record(1);
    const signed = await ledger.send('POST', '/v1/tree-heads');
    expect([signed.status, signed.body.type]).toEqual([503, 'urn:liggare:problem:not-as-sealed']);
    expect(await (await get('/tlog/checkpoint')).text()).toBe(note);
    expect((await get('/tlog/tile/0/000')).status).toBe(200);
  });
});
