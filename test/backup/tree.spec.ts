import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { takeBackup } from '../../src/backup/backup.ts';
import { SqliteEventStore } from '../../src/eventstore/sqlite.ts';
import { appendOwn, ownEvent } from '../../src/ledger/own-event.ts';
import { KeyVault } from '../../src/privacy/key-vault.ts';
import { loadMasterKey } from '../../src/privacy/master-key.ts';
import { startLedger } from '../../src/start.ts';
import { normaliseIdentifier } from '../../src/vocabulary/identifiers.ts';
import { liggare } from '../cli/fake-ledger.ts';
import { isConsistent, LogFollower, readCheckpoint, readKey } from '../support/tlog-client.ts';
import { about, names, Place, restores } from './ledger.ts';

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));

type Served = Awaited<ReturnType<Place['serve']>>;

const manifestOf = (place: Place, name: string) => JSON.parse(readFileSync(place.path(name, 'log', 'manifest.json'), 'utf8'));
const vkeyOf = async (client: Served) => (await client.with(undefined).send('GET', '/tlog/vkey')).text.trim();
const vkeysOf = async (client: Served) => (await client.with(undefined).send('GET', '/tlog/vkeys')).text.trim().split('\n');
const checkpointOf = async (client: Served) => (await client.with(undefined).send('GET', '/tlog/checkpoint')).text;
const follower = async (client: Served, vkey?: string) => new LogFollower(`${client.url}/tlog`, vkey ?? (await vkeyOf(client)), client.key);

/** Records some events and has the tree signed: the head covers all of them. */
async function signed(client: Served, prefix: string, count = 30) {
  await client.record(Array.from({ length: count }, (_, n) => about(`${prefix}-${n}`, `${n % 7}`)));
  const { status, body, text } = await client.send('POST', '/v1/tree-heads');
  if (status !== 200) throw new Error(text);
  return body;
}

const readiness = async (client: Served) => (await client.send('GET', '/health/ready')).body.details.transparency;
/** What the log says of new trees; all that was recorded before counts. */
async function started(client: Served) {
  const { body } = await client.send('POST', '/v1/tree-heads');
  return (await client.ask('timeline', { about: { type: 'TreeGenerationStarted' }, order: 'asc', after: body.position })).body.items;
}

const anew = (place: Place, data: string, options: string[] = []) =>
  liggare(['restore', '--new-generation', ...options], { env: place.env(data) });

/** What a folder without a log still has, as after its disk was half lost. */
function withoutLog(place: Place, name: string): string {
  const data = place.path(name);
  cpSync(place.path('crashed'), data, { recursive: true });
  for (const file of ['ledger.db', 'ledger.db-wal', 'ledger.db-shm', 'ledger.idx', 'views.db', 'lock.db'])
    rmSync(join(data, file), { force: true });
  return data;
}

/**
 * A ledger with two backups, `first` and `later`, and heads signed after each of them; `second` was signed when there were none but that of
 * the first backup.
 */
async function givenPublished(place: Place) {
  const client = await place.serve();
  const first = await signed(client, 'a', 300);
  const vkey = await vkeyOf(client);
  expect(await place.backup('first')).toMatchObject({ code: 0 });
  const second = await signed(client, 'b');
  expect(await place.backup('later')).toMatchObject({ code: 0 });
  const third = await signed(client, 'c');
  // As a crash would leave it, with what stands in write-ahead files alone.
  cpSync(place.data, place.path('crashed'), { recursive: true });
  await place.stop();
  return { first, second, third, vkey };
}

const shared = new Place();
let given: ReturnType<typeof givenPublished> | undefined;
const published = () => {
  given ??= givenPublished(shared);
  return given;
};
afterAll(() => shared.remove());

describe('a backup beside a service that records and signs', () => {
  const place = new Place();
  afterAll(() => place.remove());

  it('has a tree that knows no more leaves than its log has events, and is restored to one that goes on', async () => {
    const client = await place.serve(place.data, { LIGGARE_TREE_HEAD_MS: '100' });
    const vkey = await vkeyOf(client);
    let goesOn = true;
    const writing = (async () => {
      for (let n = 0; goesOn; n++) await client.record(Array.from({ length: 20 }, (_, i) => about(`e-${n}-${i}`, `${i}`)));
    })();
    const head = await signed(client, 'first', 300);
    const ran = await place.backup('beside');
    expect(ran).toMatchObject({ code: 0, stderr: expect.stringContaining(`The last tree head in it is one of ${head.origin} and covers`) });
    goesOn = false;
    await writing;
    await place.stop();

    const { files } = manifestOf(place, 'beside');
    const tree = files['tree.db'].facts;
    expect(tree).toMatchObject({ origin: head.origin, generation: 1, ledger: manifestOf(place, 'beside').ledger });
    expect(tree.headSize).toBeGreaterThanOrEqual(head.size);
    expect(tree.size).toBeGreaterThanOrEqual(tree.headSize);
    expect(files['ledger.db'].facts.head).toBeGreaterThanOrEqual(tree.size);

    const data = place.empty('restored');
    const back = await place.restore('beside', data);
    expect(back.stderr).toContain(`Tree heads go on under ${head.origin}: the newest that is known covers ${tree.headSize}`);
    expect(back.stderr).toContain('If later ones were published, restore with --new-generation instead');
    const restored = await place.serve(data);
    const next = await signed(restored, 'next');
    expect(next).toMatchObject({ origin: head.origin, generation: 1 });
    const follows = await follower(restored, vkey);
    expect(await follows.visit()).toMatchObject({ size: next.size });
    expect((await restores(restored))[0]).toMatchObject({ treeFrom: 'backup', treeHeadOrigin: head.origin, treeHeadSize: tree.headSize });
    expect(await started(restored)).toEqual([]);
    // It goes on from the head in the backup, as anybody can check who has that.
    const { body } = await restored.with(undefined).send('GET', `/v1/tree-heads/${tree.headSize}..${next.size}`);
    const hashes = (some: string[]) => some.map((one) => Buffer.from(one, 'base64'));
    const [before, after] = hashes([body.first.root, body.second.root]) as [Buffer, Buffer];
    expect(readCheckpoint(body.first.note, [readKey(vkey)])).toMatchObject({ root: before, signedBy: [{ name: head.origin }] });
    expect(isConsistent(tree.headSize, next.size, before, after, hashes(body.proof))).toBe(true);
  }, 120_000);

  it('is followed by whoever followed the original, where nothing was published after it', async () => {
    const client = await place.serve(place.path('restored'));
    const follows = await follower(client);
    await signed(client, 'last');
    const seen = await follows.visit();
    const saved = place.path('checkpoint.txt');
    writeFileSync(saved, await checkpointOf(client));
    await place.stop();
    expect(await place.backup('quiet', place.path('restored'))).toMatchObject({ code: 0 });
    const data = place.empty('moved');
    expect(await place.restore('quiet', data, ['--tree-head', saved])).toMatchObject({ code: 0 });
    const moved = await place.serve(data);
    const onwards = new LogFollower(`${moved.url}/tlog`, await vkeyOf(moved), moved.key);
    const next = await signed(moved, 'moved');
    expect((await onwards.visit()).size).toBe(next.size);
    const { body } = await moved.send('GET', `/v1/tree-heads/${seen.size}..${next.size}`);
    expect(body.first.root).toBe(seen.root.toString('base64'));
    expect((await readiness(moved)).state).toBe('sealing');
  }, 120_000);
});

describe('an older log', () => {
  const place = shared;

  it('is refused where tree.db in the folder has a later head, and the folder is as it was', async () => {
    const { third } = await published();
    const data = withoutLog(place, 'half-lost');
    const files = names(data);
    expect(existsSync(join(data, 'tree.db-wal'))).toBe(true);
    const bytes = () => [...files, 'tree.db-wal', 'keys.db-wal'].map((file) => readFileSync(join(data, file)).toString('base64'));
    const before = bytes();
    for (const backup of ['first', 'later']) {
      const ran = await place.restore(backup, data);
      expect(ran).toMatchObject({ code: 2, stderr: expect.stringContaining(`Tree heads of ${third.origin} were published`) });
      expect(ran.stderr).toContain('--new-generation');
      expect(names(data)).toEqual(files);
      expect(bytes()).toEqual(before);
    }
  }, 120_000);

  it('goes on under a new origin where that is asked for; what was published stays and verifies', async () => {
    const { second, third, vkey } = await published();
    const data = place.path('half-lost');
    const origin = third.origin.replace(/1$/, '2');
    const ran = await place.restore('first', data, ['--new-generation']);
    expect(ran).toMatchObject({ code: 0, stderr: expect.stringContaining(`tree heads are signed under ${origin}, with a new key`) });
    expect(ran.stderr).toContain(`The newest head of ${third.origin} covered ${third.size} events`);
    const client = await place.serve(data);
    const next = await signed(client, 'new');
    expect(next).toMatchObject({ generation: 2, origin });
    expect((await restores(client))[0]).toMatchObject({ treeFrom: 'folder', treeHeadOrigin: third.origin, treeHeadSize: third.size });
    const [event, ...others] = await started(client);
    expect(others).toEqual([]);
    expect(event).toMatchObject({
      ...{ generation: 2, origin, previousOrigin: third.origin, previousSize: third.size, previousRoot: third.root },
      reason: 'log-shorter-than-head',
    });
    // Whoever followed the old log notices; whoever takes the new key follows all of it.
    await expect((await follower(client, vkey)).visit()).rejects.toThrow('nobody who is trusted signed the checkpoint');
    const [old, newest, ...more] = await vkeysOf(client);
    expect([old, more]).toEqual([vkey, []]);
    expect(newest).toBe(await vkeyOf(client));
    expect(await (await follower(client, newest)).visit()).toMatchObject({ origin });
    const { body } = await client.with(undefined).send('GET', '/v1/tree-heads?generation=1');
    const kept = body.items.map(({ note }: { note: string }) => readCheckpoint(note, [readKey(vkey)]));
    expect(kept.map(({ size }: { size: number }) => size)).toEqual(expect.arrayContaining([second.size, third.size]));
    expect((await readiness(client)).state).toBe('sealing');
    await place.stop();
  }, 120_000);

  it('is refused where somebody saved a later head', async () => {
    const { first, second, third } = await published();
    const data = place.empty('note');
    const saved = place.path('saved.txt');
    writeFileSync(saved, third.note);
    expect(await place.restore('later', data, ['--tree-head', saved])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/the tree head that was kept covers/),
    });
    expect(names(data)).toEqual(['master.key']);
    for (const [text, message] of [
      ['no tree head', 'no tree head of this ledger'],
      [third.note.replaceAll(third.origin, 'another/1'), 'one of another/1'],
    ] as const) {
      writeFileSync(saved, text);
      expect(await place.restore('later', data, ['--tree-head', saved])).toMatchObject({
        code: 2,
        stderr: expect.stringContaining(message),
      });
    }
    expect(await place.restore('later', data, ['--tree-head', place.path('nowhere')])).toMatchObject({ code: 2 });
    expect(names(data)).toEqual(['master.key']);
    for (const { note } of [first, second]) {
      writeFileSync(saved, note);
      const ran = await place.restore('later', place.empty(`note-${note.length}-${note.split('\n')[1]}`), ['--tree-head', saved]);
      expect(ran).toMatchObject({ code: 0, stderr: expect.stringContaining(`covers ${second.size}`) });
      expect(ran.stderr).not.toContain('If later ones were published');
    }
  }, 120_000);

  it('records the saved head that it gives up', async () => {
    const { third } = await published();
    const data = place.path('note');
    const saved = place.path('saved.txt');
    writeFileSync(saved, third.note);
    expect(await place.restore('later', data, ['--tree-head', saved, '--new-generation'])).toMatchObject({ code: 0 });
    const client = await place.serve(data);
    expect(await signed(client, 'new')).toMatchObject({ generation: 2 });
    expect(await started(client)).toEqual([
      expect.objectContaining({ previousSize: third.size, previousRoot: third.root, reason: 'witness-ahead' }),
    ]);
    await place.stop();
    const db = new Database(join(data, 'tree.db'), { readonly: true });
    expect(db.prepare('SELECT head FROM refusals WHERE cleared_at IS NOT NULL').pluck().all()).toEqual([third.note]);
    db.close();
  }, 120_000);

  it('goes on under a new origin where nobody knows what was published later, if that is asked for', async () => {
    const { second } = await published();
    const data = place.empty('unknown');
    expect(await place.restore('later', data, ['--new-generation'])).toMatchObject({ code: 0 });
    const client = await place.serve(data);
    expect(await signed(client, 'new')).toMatchObject({ generation: 2 });
    expect(await started(client)).toEqual([expect.objectContaining({ previousSize: second.size, reason: 'restored' })]);
    await place.stop();
  }, 120_000);

  it('does not take a generation that was begun elsewhere: keys that were left tell of it', async () => {
    const data = place.empty('keys-tell');
    cpSync(place.path('half-lost', 'keys.db'), join(data, 'keys.db'));
    expect(await place.restore('later', data)).toMatchObject({ code: 2, stderr: expect.stringContaining('generation 2 was begun') });
    expect(await place.restore('later', data, ['--new-generation'])).toMatchObject({ code: 0 });
    const client = await place.serve(data);
    expect(await signed(client, 'third')).toMatchObject({ generation: 3 });
    await place.stop();
  }, 120_000);

  it.each([
    ['another ledger’s', 'the tree of another ledger'],
    ['older than that of the backup', 'knows fewer tree heads'],
    ['no database', 'is no tree of a ledger'],
  ])(
    'is refused where tree.db in the folder is %s',
    async (what, message) => {
      await published();
      const data = place.empty(`tree ${what}`);
      if (what === 'no database') writeFileSync(join(data, 'tree.db'), 'something else, and long enough'.repeat(200));
      else cpSync(place.path('first', 'log', 'tree.db'), join(data, 'tree.db'));
      if (what.startsWith('another')) {
        const db = new Database(join(data, 'tree.db'));
        db.prepare("UPDATE meta SET value = ? WHERE name = 'ledger'").run('ab'.repeat(16));
        db.close();
      }
      const before = readFileSync(join(data, 'tree.db'));
      expect(await place.restore('later', data)).toMatchObject({ code: 2, stderr: expect.stringContaining(message) });
      expect(names(data)).toEqual(['master.key', 'tree.db']);
      expect(readFileSync(join(data, 'tree.db')).equals(before)).toBe(true);
    },
    120_000,
  );
});

describe('a restore that begins a new tree and is killed', () => {
  const place = shared;

  it.each(['log is copied', 'all is placed', 'the restore is recorded'])(
    'when %s leaves nothing that is served; refused, the folder is as it was, and again, it is completed',
    async (step) => {
      await published();
      const data = withoutLog(place, `killed when ${step}`);
      const files = names(data);
      const bytes = () => ['keys.db', 'tree.db'].map((file) => readFileSync(join(data, file)).toString('base64'));
      const before = bytes();
      const script = fileURLToPath(new URL('./restore-until-killed.ts', import.meta.url));
      const ran = spawnSync(process.execPath, ['--import', './test/support/from-source.mjs', script, place.path('first'), step, 'new'], {
        cwd: PROJECT,
        env: { PATH: process.env['PATH'], ...place.env(data) },
        encoding: 'utf8',
      });
      expect([ran.signal, ran.stderr]).toEqual(['SIGKILL', '']);
      await expect(startLedger(place.env(data), { port: 0, quiet: true })).rejects.toMatchObject({ name: 'RestoreUnfinished' });
      expect(await anew(place, data)).toMatchObject({ code: 2, stderr: expect.stringContaining('run liggare restore again') });
      const copy = await liggare(['backup', place.path('of-half')], { env: place.env(data) });
      expect(copy).toMatchObject({ code: 2, stderr: expect.stringContaining('was not completed: nothing is backed up') });

      expect(await place.restore('first', data)).toMatchObject({ code: 2, stderr: expect.stringContaining('were published') });
      expect(names(data)).toEqual(files);
      expect(bytes()).toEqual(before);
      expect(await place.restore('first', data, ['--new-generation'])).toMatchObject({ code: 0 });
      const client = await place.serve(data);
      expect(await signed(client, 'new')).toMatchObject({ generation: 2 });
      expect(await started(client)).toHaveLength(1);
      await place.stop();
    },
    120_000,
  );
});

describe('a backup without a tree', () => {
  const place = shared;

  /** As backups were before there was a tree. */
  function withoutTree(name: string): void {
    cpSync(place.path('later'), place.path(name), { recursive: true });
    rmSync(place.path(name, 'log', 'tree.db'));
    for (const part of ['log', 'keys']) {
      const file = place.path(name, part, 'manifest.json');
      const manifest = JSON.parse(readFileSync(file, 'utf8'));
      delete manifest.files['tree.db'];
      writeFileSync(file, JSON.stringify({ ...manifest, format: 1 }));
    }
  }

  it('is refused where keys or log tell that there was one, and goes on under a new origin', async () => {
    const { third } = await published();
    withoutTree('tree-lost');
    const data = place.empty('of-tree-lost');
    expect(await place.restore('tree-lost', data)).toMatchObject({ code: 2, stderr: expect.stringContaining('there is no tree.db of it') });
    expect(names(data)).toEqual(['master.key']);
    expect(await place.restore('tree-lost', data, ['--new-generation'])).toMatchObject({ code: 0 });
    const client = await place.serve(data);
    expect(await signed(client, 'new')).toMatchObject({ generation: 2 });
    const [event] = await started(client);
    expect(event).toMatchObject({ previousOrigin: third.origin, reason: 'tree-missing' });
    expect(event).not.toHaveProperty('previousSize');
    expect((await restores(client))[0]).toMatchObject({ treeFrom: 'nowhere' });
    await place.stop();
  }, 120_000);

  it('of a ledger that never had one is restored, and its first start makes it', async () => {
    const old = new Place();
    mkdirSync(old.data);
    const master = loadMasterKey({ dataFolder: old.data }).key;
    const vault = await KeyVault.openEmbedded({ file: join(old.data, 'keys.db'), master, normalise: normaliseIdentifier });
    const store = await SqliteEventStore.open({ path: join(old.data, 'ledger.db') });
    const [someone] = await vault.resolve([{ scheme: 'actor', value: 'maria.ek' }], { create: true });
    const actor = { reference: (someone as { reference: string }).reference, kind: 'human' as const, role: 'admin' };
    const event = ownEvent({ source: 'urn:liggare:keys', type: 'MasterKeyRotated', now: Date.now(), actor, data: { generation: 2 } });
    await appendOwn(store, 'ledger-key-store', [event]);
    await store.close();
    await vault.close();
    writeFileSync(old.copy, '');
    await takeBackup({ dataFolder: old.data, target: old.path('old') });
    const data = old.empty('restored');
    const ran = await old.restore('old', data);
    expect(ran).toMatchObject({ code: 0, stderr: expect.stringContaining('the first start makes it') });
    expect(names(data)).not.toContain('tree.db');
    const client = await old.serve(data);
    expect(await signed(client, 'first')).toMatchObject({ generation: 1, number: expect.any(Number) });
    expect(await restores(client)).toHaveLength(1);
    await old.remove();
  }, 120_000);
});

describe('a log that is not the one under what was published', () => {
  const place = shared;
  const older = (name: string) => {
    const data = place.path(name);
    cpSync(place.data, data, { recursive: true });
    for (const file of ['ledger.db', 'ledger.db-wal', 'ledger.db-shm', 'ledger.idx']) rmSync(join(data, file), { force: true });
    cpSync(place.path('first', 'log', 'ledger.db'), join(data, 'ledger.db'));
    return data;
  };

  it('is served and recorded to, and not signed; readiness says so; a new tree heals it', async () => {
    const { third, vkey } = await published();
    const data = older('by-hand');
    let client = await place.serve(data);
    const refusing = { status: 'down', state: 'refusing', reason: 'log-shorter-than-head' };
    for (let i = 0; i < 100 && (await readiness(client)).state !== 'refusing'; i++) await new Promise((done) => setTimeout(done, 50));
    expect(await readiness(client)).toMatchObject(refusing);
    expect((await client.record([about('while refused', '1')])).body).toMatchObject({ recorded: 1 });
    expect(await client.send('POST', '/v1/tree-heads')).toMatchObject({ status: 503 });
    expect((await checkpointOf(client)).split('\n').slice(0, 2)).toEqual([third.origin, `${third.size}`]);
    await place.stop();

    const origin = third.origin.replace(/1$/, '2');
    const ran = await anew(place, data);
    expect(ran).toMatchObject({ code: 0, stdout: '' });
    expect(ran.stderr).toContain(`Given up: tree heads of ${third.origin}; the newest: ${third.size} events, root ${third.root}`);
    expect(ran.stderr).toContain(`tree heads are signed under ${origin}, with a new key`);
    client = await place.serve(data);
    const next = await signed(client, 'healed');
    expect(next).toMatchObject({ generation: 2, origin });
    expect((await readiness(client)).state).toBe('sealing');
    const [event, ...others] = await started(client);
    expect([event, others]).toEqual([expect.objectContaining({ previousSize: third.size, previousRoot: third.root }), []]);
    expect(await vkeysOf(client)).toEqual([vkey, await vkeyOf(client)]);
    expect(await (await follower(client)).visit()).toMatchObject({ origin });
    await place.stop();
    expect(await liggare(['verify', data])).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Intact: .*\/2 are as sealed$/m) });
  }, 120_000);

  it('is the only one that a new tree is begun over, unless it is forced', async () => {
    const data = place.path('by-hand');
    const needless = await anew(place, data);
    expect(needless).toMatchObject({ code: 2, stderr: expect.stringContaining('nothing has to be given up') });
    expect(await anew(place, data, ['--force'])).toMatchObject({ code: 0 });
    const client = await place.serve(data);
    expect(await signed(client, 'forced')).toMatchObject({ generation: 3 });
    expect((await started(client)).map(({ reason }: { reason: string }) => reason)).toEqual(['log-shorter-than-head', 'asked']);
    expect(await anew(place, data, ['--force'])).toMatchObject({ code: 2, stderr: expect.stringContaining('Another process holds') });
    await place.stop();
  }, 120_000);

  it('is also one of which somebody else has seen more', async () => {
    const { third } = await published();
    const data = place.path('seen-elsewhere');
    cpSync(place.path('later'), place.path('seen'), { recursive: true });
    expect(await place.restore('seen', place.empty('seen-elsewhere'))).toMatchObject({ code: 0 });
    const saved = place.path('seen.txt');
    writeFileSync(saved, third.note);
    expect(await anew(place, data)).toMatchObject({ code: 2 });
    expect(await anew(place, data, ['--tree-head', saved])).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/Given up: .* 362 events/),
    });
    const client = await place.serve(data);
    expect(await signed(client, 'new')).toMatchObject({ generation: 2 });
    await place.stop();
  }, 120_000);

  it('is given up too where tree.db is gone: without it the ledger does not start', async () => {
    await published();
    const data = place.path('tree-gone');
    cpSync(place.data, data, { recursive: true });
    for (const suffix of ['', '-wal', '-shm']) rmSync(join(data, `tree.db${suffix}`), { force: true });
    await expect(startLedger(place.env(data), { port: 0, quiet: true })).rejects.toMatchObject({
      name: 'FilesMissing',
      message: expect.stringContaining('liggare restore --new-generation'),
    });
    expect(existsSync(join(data, 'tree.db'))).toBe(false);
    const ran = await anew(place, data);
    // The newest head was kept beside it.
    expect(ran).toMatchObject({ code: 0, stderr: expect.stringMatching(/the newest: \d+ events/) });
    const client = await place.serve(data);
    expect(await signed(client, 'new')).toMatchObject({ generation: 2 });
    await place.stop();
  }, 120_000);

  it.each(['it is told', 'the log says it', 'the tree is begun'])(
    'killed when %s, the folder is as it was or the new tree is completed',
    async (step) => {
      await published();
      const data = older(step);
      const script = fileURLToPath(new URL('./generation-until-killed.ts', import.meta.url));
      const ran = spawnSync(process.execPath, ['--import', './test/support/from-source.mjs', script, step], {
        cwd: PROJECT,
        env: { PATH: process.env['PATH'], ...place.env(data) },
        encoding: 'utf8',
      });
      expect([ran.signal, ran.stderr]).toEqual(['SIGKILL', '']);
      // By the next start, where the log says it already.
      const other = place.path(`${step}, started`);
      cpSync(data, other, { recursive: true });
      const client = await place.serve(other);
      if (step === 'it is told') expect((await client.send('POST', '/v1/tree-heads')).status).toBe(503);
      else expect(await signed(client, 'new')).toMatchObject({ generation: 2 });
      await place.stop();

      const again = await anew(place, data);
      expect(again.code).toBe(step === 'the tree is begun' ? 2 : 0);
      const healed = await place.serve(data);
      expect(await signed(healed, 'new')).toMatchObject({ generation: 2 });
      expect(await started(healed)).toHaveLength(1);
      await place.stop();
    },
    120_000,
  );
});

describe('the command line', () => {
  it.each([
    [[], 'No backup is named'],
    [['--new-generation', '--keys', 'x'], 'No backup is named'],
    [['backup', '--force'], '--force is for --new-generation without a backup'],
  ])('says how it is used: restore %j', async (options, message) => {
    await published();
    const ran = await liggare(['restore', ...options], { env: shared.env() });
    expect(ran).toMatchObject({ code: 2, stderr: expect.stringContaining(message) });
  });

  it('begins no tree where there is no ledger', async () => {
    await published();
    const data = shared.empty('no-ledger');
    expect(await anew(shared, data)).toMatchObject({ code: 2, stderr: expect.stringContaining('there is no ledger.db') });
    expect(names(data)).toEqual(['master.key']);
  });
});
