import { spawnSync } from 'node:child_process';
import { appendFileSync, cpSync, existsSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { startLedger } from '../../src/start.ts';
import { about, anyHas, customer, erase, names, Place, restores, timeline } from './ledger.ts';

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));
const FINISHED = ['erasures.log', 'keys.db', 'ledger.db', 'ledger.idx', 'master.key', 'tree.db'];

/** A ledger of some people, with a backup of it, and what its answers were then. */
async function givenBackup(place: Place) {
  const client = await place.serve();
  const events = Array.from({ length: 60 }, (_, n) => about(`e-${n}`, `${n % 6}`, { note: `note ${n}` }));
  events.push(about('both', '1', { subjects: [customer('1'), customer('2')], note: 'about both' }));
  const { body } = await client.record(events);
  await client.keyOf('ask');
  const head = body.position + 1;
  const answers = { people: await answersOf(client, head), sources: await sourcesOf(client), keys: await keysOf(client) };
  const ran = await place.backup('backup');
  if (ran.code !== 0) throw new Error(ran.stderr);
  return { client, head, answers };
}

type Served = Awaited<ReturnType<Place['serve']>>;
const answersOf = async (client: Served, upTo: number) => {
  const people = [];
  for (const value of ['0', '1', '2', '5', 'nobody']) people.push(await timeline(client, customer(value), { upTo, after: upTo }));
  return people;
};
const keysOf = async (client: Served) => (await client.send('GET', '/v1/keys')).body.items;
const sourcesOf = async (client: Served) =>
  (await client.send('GET', '/v1/sources')).body.items.filter(({ source }: { source: string }) => source === 'urn:mailit:billing');

/** What `keys.db` holds of somebody: the wrapped key, and the identifier as it is sealed. */
function secretsOf(keysFile: string, reference: string): Buffer[] {
  const db = new Database(keysFile, { readonly: true });
  const sql = 'SELECT wrapped, sealed FROM people p JOIN identities i ON i.owner = p.person WHERE p.reference = ?';
  const row = db.prepare(sql).get(Buffer.from(reference, 'base64url')) as { wrapped: Buffer; sealed: Buffer };
  db.close();
  return [row.wrapped, row.sealed];
}

/** Whom an event is about, as the log says it. */
function referenceOn(logFile: string, id: string): string {
  const db = new Database(logFile, { readonly: true });
  const { data } = JSON.parse(db.prepare("SELECT data FROM events WHERE data ->> 'id' = ?").pluck().get(id) as string);
  db.close();
  return data.subjects[0].reference;
}

/** Made once, for those who only need it to be there. */
const original = new Place();
let givenOriginal: ReturnType<typeof givenBackup> | undefined;
const theOriginal = () => {
  givenOriginal ??= givenBackup(original);
  return givenOriginal;
};

/** The same, of which somebody was erased after the backup, whose records are in quarantine too. */
const withErased = new Place();
let givenErased: ReturnType<typeof erasedIn> | undefined;
const theErased = () => {
  givenErased ??= erasedIn(withErased);
  return givenErased;
};
async function erasedIn(place: Place) {
  const given = await place.serve();
  const { position } = (await given.record([about('broken', '1', { purpose: 'no-such-purpose' })])).body.items[0];
  const list = await given.send('GET', `/v1/quarantine?after=${position}`);
  const item = list.body.items[0].quarantineId ?? list.body.items[0].id;
  const { client } = await givenBackup(place);
  const { body } = await erase(client, '1', { suppress: true });
  const reference = body.references[0] as string;
  const secrets = secretsOf(place.path('backup', 'keys', 'keys.db'), reference);
  await place.stop();
  return { reference, secrets, item };
}
afterAll(async () => {
  await original.remove();
  await withErased.remove();
});

describe('a restored ledger', () => {
  const place = original;

  it('answers as the original did, and says that it was restored', async () => {
    const { head, answers } = await theOriginal();
    writeFileSync(place.copy, '');
    const data = place.empty('same');
    const ran = await place.restore('backup', data);
    expect(ran).toMatchObject({ code: 0, stdout: '' });
    expect(names(data)).toEqual(FINISHED);
    expect(statSync(join(data, 'ledger.db')).mode & 0o777).toBe(0o600);

    const client = await place.serve(data);
    expect(await answersOf(client, head)).toEqual(answers.people);
    expect(answers.people[1]?.length).toBeGreaterThan(10);
    expect(await sourcesOf(client)).toEqual(answers.sources);
    expect(await keysOf(client)).toEqual(answers.keys);
    const [restored, ...others] = await restores(client);
    expect(others).toEqual([]);
    const { takenAt, files } = JSON.parse(readFileSync(place.path('backup', 'log', 'manifest.json'), 'utf8'));
    expect(restored).toMatchObject({ backupTakenAt: takenAt, head: files['ledger.db'].facts.head, lostReferences: 0 });
    expect(restored).not.toHaveProperty('acceptedMissingErasures');
    expect(restored).not.toHaveProperty('acceptedLostKeys');
    // It goes on: what is sent again is known, what is new is recorded.
    expect((await client.record([about('e-1', '1', { note: 'note 1' }), about('new', '1')])).body).toMatchObject({
      recorded: 1,
      duplicates: 1,
    });
  }, 60_000);

  it('takes what came after the backup when its sources send it again', async () => {
    const client = await place.serve(place.path('same'));
    const { body } = await client.record([about('later', 'somebody new')]);
    expect(await timeline(client, customer('somebody new'), { after: body.position })).toHaveLength(1);
  });
});

describe('somebody who was erased after the backup', () => {
  const place = withErased;
  let reference: string;
  let secrets: Buffer[];
  let item: string;
  beforeAll(async () => {
    ({ reference, secrets, item } = await theErased());
  }, 60_000);

  it('stays erased, in the keys, in the answers and in every byte of the files', async () => {
    const data = place.empty('with-copy');
    expect(await place.restore('backup', data)).toMatchObject({ code: 0 });
    for (const secret of secrets) expect(anyHas(data, secret)).toBe(false);
    const client = await place.serve(data);
    expect(await timeline(client, customer('1'))).toEqual([]);
    const skeleton = await timeline(client, { reference });
    expect(skeleton.map(({ id }: { id: string }) => id)).toContain('e-1');
    const own = skeleton.find(({ id }: { id: string }) => id === 'e-1');
    expect(own).not.toHaveProperty('note');
    expect(own.subjects).toEqual([expect.objectContaining({ reference, erased: true })]);
    expect((await timeline(client, customer('2'))).find(({ id }: { id: string }) => id === 'both')).not.toHaveProperty('note');
    expect((await timeline(client, customer('0')))[0]).toMatchObject({ note: 'note 0' });
    expect((await restores(client))[0]).not.toHaveProperty('acceptedMissingErasures');
    await place.stop();
    for (const secret of secrets) expect(anyHas(data, secret)).toBe(false);
  }, 60_000);

  it('is in no quarantined content that can be opened', async () => {
    const open = (client: Served) => client.send('POST', `/v1/quarantine/${item}/open`, { reason: { purpose: 'rights-fulfilment' } });
    const before = place.empty('before-erasure');
    expect(await place.restore('backup', before, ['--accept-missing-erasures'], { copy: false })).toMatchObject({ code: 0 });
    rmSync(place.copy);
    const opened = await open(await place.serve(before));
    expect(opened.text).toContain('invoice of 1');
    await place.stop();
    writeFileSync(place.copy, readFileSync(join(place.data, 'erasures.log')));
    const ended = await open(await place.serve(place.path('with-copy')));
    expect(ended).toMatchObject({ status: 404, body: { detail: expect.stringContaining('was destroyed') } });
    await place.stop();
  }, 60_000);

  it('gets a new reference when the same identifier comes again', async () => {
    const client = await place.serve(place.path('with-copy'));
    const { body } = await client.record([about('again', '1')]);
    const [again, ...others] = await timeline(client, customer('1'), { after: body.position });
    expect([again.id, others]).toEqual(['again', []]);
    await place.stop();
  }, 30_000);

  it('stays erased by an erasures.log that is named, or that was left in the data folder', async () => {
    // As a copy looks that went through a system that ends lines in another way.
    const others = place.path('crlf.log');
    writeFileSync(others, readFileSync(place.copy, 'utf8').replaceAll('\n', '\r\n'));
    for (const [name, options] of [
      ['named', ['--erasures', others]],
      ['left', []],
    ] as const) {
      const data = place.empty(name);
      if (name === 'left') cpSync(place.copy, join(data, 'erasures.log'));
      expect(await place.restore('backup', data, [...options], { copy: false })).toMatchObject({ code: 0 });
      for (const secret of secrets) expect(anyHas(data, secret)).toBe(false);
      expect(readFileSync(join(data, 'erasures.log'), 'utf8')).toContain(reference);
    }
  }, 30_000);

  it("stops the restore while nothing but the backup's own erasures.log is there", async () => {
    const data = place.empty('without');
    const ran = await place.restore('backup', data, [], { copy: false });
    expect(ran.code).toBe(2);
    expect(ran.stderr).toContain('is not known');
    expect(ran.stderr).toContain('--accept-missing-erasures');
    expect(names(data)).toEqual(['master.key']);
    const own = await place.restore('backup', data, ['--erasures', place.path('backup', 'erasures.log')], { copy: false });
    expect(own).toMatchObject({ code: 2, stderr: expect.stringContaining("the backup's own") });
    const gone = await place.restore('backup', data, ['--erasures', place.path('gone.log')], { copy: false });
    expect(gone).toMatchObject({ code: 2, stderr: expect.stringContaining('cannot be read (ENOENT)') });
    expect(names(data)).toEqual(['master.key']);
    const wrong = place.path('wrong.log');
    for (const text of ['another file\n', readFileSync(place.copy, 'utf8').replace(reference, `${reference.slice(0, 21)}_`)]) {
      writeFileSync(wrong, text);
      const refused = await place.restore('backup', data, ['--erasures', wrong, '--accept-missing-erasures'], { copy: false });
      expect(refused).toMatchObject({
        code: 2,
        stderr: expect.stringMatching(/wrong\.log is no file of erasures, or a damaged one: line 1 /),
      });
      expect(names(data)).toEqual(['master.key']);
    }
  }, 30_000);

  it('comes back only where that was accepted, and the log says so', async () => {
    const data = place.empty('accepted');
    const ran = await place.restore('backup', data, ['--accept-missing-erasures'], { copy: false });
    expect(ran).toMatchObject({ code: 0, stderr: expect.stringContaining('may have come back') });
    // Its copy has the line, and a ledger agrees with it at every start: here it is as lost as it was at the restore.
    rmSync(place.copy);
    const client = await place.serve(data);
    expect((await timeline(client, customer('1'))).length).toBeGreaterThan(0);
    expect((await restores(client))[0]).toMatchObject({ acceptedMissingErasures: true, lostReferences: 0 });
    await place.stop();
  }, 30_000);
});

describe('somebody with an API key who was erased after the backup', () => {
  const place = new Place();
  afterAll(() => place.remove());

  it('has no key that works in the restored ledger', async () => {
    const client = await place.serve();
    await client.record([about('one', '1')]);
    const key = await client.keyOf('ask', { person: 'Kim Lind' });
    expect(await place.backup('backup')).toMatchObject({ code: 0 });
    const actor = { subject: { scheme: 'actor', value: 'Kim Lind' }, ground: '17(1)(a)', reason: 'Left long ago.' };
    expect(await client.send('POST', '/v1/subjects/erase', actor)).toMatchObject({ status: 201 });
    await place.stop();
    const data = place.empty('restored');
    expect(await place.restore('backup', data)).toMatchObject({ code: 0 });
    const restored = await place.serve(data);
    expect(await restored.with(key).ask('timeline', { about: { source: 'urn:mailit:billing' } })).toMatchObject({ status: 401 });
    expect(await restored.ask('timeline', { about: { source: 'urn:mailit:billing' } })).toMatchObject({ status: 200 });
  }, 60_000);
});

describe('a copy of the erasures that is older than another', () => {
  const place = new Place();
  afterAll(() => place.remove());

  it('is refused with how many it lacks, and changes nothing when it is refused', async () => {
    const client = await place.serve();
    await client.record([about('one', '1'), about('two', '2'), about('three', '3')]);
    await erase(client, '1');
    await place.stop();
    const older = place.path('older.log');
    cpSync(place.copy, older);
    const again = await place.serve();
    await erase(again, '2');
    await place.stop();
    expect(await place.backup('backup')).toMatchObject({ code: 0 });

    const data = place.empty('data2');
    const ran = await place.restore('backup', data, ['--erasures', older], { copy: false });
    expect(ran).toMatchObject({ code: 2, stderr: expect.stringContaining('older.log lacks 1 erased references that others have') });
    expect(names(data)).toEqual(['master.key']);
    // Left in the data folder it counts no more than elsewhere, however often one tries.
    cpSync(older, join(data, 'erasures.log'));
    for (let tries = 0; tries < 2; tries++) expect(await place.restore('backup', data, [], { copy: false })).toMatchObject({ code: 2 });
    // Nor does it after a restore that was accepted and then refused for another reason: what is not recorded is asked again.
    const right = readFileSync(join(data, 'master.key'));
    writeFileSync(join(data, 'master.key'), `${Buffer.alloc(32, 7).toString('base64')}\n`);
    expect(await place.restore('backup', data, ['--accept-missing-erasures'], { copy: false })).toMatchObject({ code: 2 });
    writeFileSync(join(data, 'master.key'), right);
    expect(await place.restore('backup', data, [], { copy: false })).toMatchObject({ code: 2, stderr: expect.stringContaining('lacks 1') });
    expect(readFileSync(join(data, 'erasures.log'), 'utf8')).toBe(readFileSync(older, 'utf8'));
    expect(await place.restore('backup', data)).toMatchObject({ code: 0 });
  }, 60_000);
});

describe('keys of another time than the log', () => {
  const place = new Place();
  let later: string;
  beforeAll(async () => {
    const { client } = await givenBackup(place);
    writeFileSync(place.copy, '');
    await client.record([
      about('newcomer', 'newcomer', { note: 'about a newcomer' }),
      {
        ...about('objection', '3'),
        type: 'ObjectionRaised',
        data: { actor: { id: 'maria.ek', kind: 'human' }, subjects: [customer('3')], kind: '21(2)', purposes: ['direct-marketing'] },
      },
    ]);
    // Of the objector, who was known when the first backup was taken.
    await client.send('POST', '/v1/subjects/link', { subjects: [customer('3'), customer('5')], reason: 'Both are hers.' });
    expect(await place.backup('later')).toMatchObject({ code: 0 });
    later = referenceOn(place.path('later', 'log', 'ledger.db'), 'newcomer');
    await place.stop();
  }, 60_000);
  afterAll(() => place.remove());

  it('newer ones serve an older log: those who were left in the folder stay there', async () => {
    const data = place.empty('own-keys');
    cpSync(place.path('later', 'keys', 'keys.db'), join(data, 'keys.db'));
    const ran = await place.restore('backup', data);
    expect(ran).toMatchObject({ code: 0, stderr: expect.stringContaining('keys.db of the data folder stayed') });
    const client = await place.serve(data);
    expect((await timeline(client, customer('0')))[0]).toMatchObject({ note: 'note 0' });
    expect(await timeline(client, customer('newcomer'))).toEqual([]);
    expect((await restores(client))[0]).not.toHaveProperty('keysTakenAt');
    await place.stop();
  }, 30_000);

  it('older ones that were left in the folder are refused, and are as they were, so that their own log can be put back', async () => {
    const [source, data] = [place.empty('left-open'), place.empty('left-older')];
    cpSync(place.path('backup', 'keys', 'keys.db'), join(source, 'keys.db'));
    // With something in their write-ahead file, as after a crash.
    const db = new Database(join(source, 'keys.db'));
    db.pragma('journal_mode = WAL');
    db.exec('CREATE TABLE some (one); DROP TABLE some');
    const files = ['keys.db', 'keys.db-wal'];
    for (const file of files) cpSync(join(source, file), join(data, file));
    db.close();
    const bytes = () => files.map((file) => readFileSync(join(data, file)).toString('base64'));
    const before = bytes();
    expect(before[1]?.length).toBeGreaterThan(4096);
    const ran = await place.restore('later', data);
    expect(ran).toMatchObject({ code: 2, stderr: expect.stringContaining('2 people whom the log names have none in it') });
    expect(names(data)).toEqual(['keys.db', 'master.key']);
    expect(bytes()).toEqual(before);

    // Cut off while it was completed: the next one begins by putting them back.
    for (const file of files) cpSync(join(data, file), join(data, `kept-${file}`));
    writeFileSync(join(data, 'keys.db'), 'changed by then');
    rmSync(join(data, 'keys.db-wal'));
    writeFileSync(join(data, 'restore-unfinished.json'), '{"placed":["ledger.db"]}');
    expect(await place.restore('later', data, ['--keys', place.path('later')])).toMatchObject({ code: 2 });
    expect(names(data)).toEqual(['keys.db', 'master.key']);
    expect(bytes()).toEqual(before);
    expect(await place.restore('backup', data)).toMatchObject({ code: 0 });
    expect(names(data)).toEqual(FINISHED);
  }, 60_000);

  it("another ledger's under the same master key are refused, however far they were swept, and are as they were", async () => {
    const other = place.empty('another-ledger');
    for (let starts = 0; starts < 2; starts++) {
      const client = await place.serve(other);
      await client.record(Array.from({ length: 100 }, (_, n) => about(`o-${starts}-${n}`, `other ${n % 3}`)));
    }
    await place.serve(other);
    await place.stop();
    const data = place.empty('keys-of-another');
    cpSync(join(other, 'keys.db'), join(data, 'keys.db'));
    const before = readFileSync(join(data, 'keys.db'));
    const ran = await place.restore('backup', data);
    expect(ran).toMatchObject({ code: 2, stderr: expect.stringContaining("another ledger's") });
    expect(names(data)).toEqual(['keys.db', 'master.key']);
    expect(readFileSync(join(data, 'keys.db')).equals(before)).toBe(true);
  }, 60_000);

  it('newer ones are taken from another backup', async () => {
    const data = place.empty('newer-keys');
    expect(await place.restore('backup', data, ['--keys', place.path('later')])).toMatchObject({ code: 0 });
    expect(await place.restore('backup', place.empty('newer-keys-2'), ['--keys', place.path('later', 'keys')])).toMatchObject({ code: 0 });
    const own = place.empty('both-keys');
    cpSync(place.path('later', 'keys', 'keys.db'), join(own, 'keys.db'));
    const ran = await place.restore('backup', own, ['--keys', place.path('later')]);
    expect(ran).toMatchObject({ code: 2, stderr: expect.stringContaining('--keys names other keys') });
    expect(names(own)).toEqual(['keys.db', 'master.key']);
  }, 30_000);

  it('older ones are refused with the number of people who lost theirs; the folder is as it was', async () => {
    const data = place.empty('older-keys');
    const ran = await place.restore('later', data, ['--keys', place.path('backup')]);
    expect(ran).toMatchObject({ code: 2, stderr: expect.stringContaining('2 people whom the log names have none') });
    expect(ran.stderr).toContain('--accept-lost-keys');
    expect(names(data)).toEqual(['master.key']);
  }, 30_000);

  it('where that is accepted it is recorded and told by readiness; nobody is made anew under the same identifier', async () => {
    const data = place.path('older-keys');
    expect(await place.restore('later', data, ['--keys', place.path('backup'), '--accept-lost-keys'])).toMatchObject({ code: 0 });
    let client = await place.serve(data);
    expect((await restores(client))[0]).toMatchObject({ acceptedLostKeys: true, lostReferences: 2 });
    const ready = await client.send('GET', '/health/ready');
    expect(ready.body.details['key-store']).toMatchObject({ status: 'up', lostReferences: 2 });
    const [lost] = await timeline(client, { reference: later });
    expect(lost.subjects).toEqual([expect.objectContaining({ reference: later, keyMissing: true })]);
    expect(lost).not.toHaveProperty('note');
    const { body } = await client.record([about('newcomer again', 'newcomer')]);
    expect((await timeline(client, customer('newcomer'), { after: body.position })).map(({ id }: { id: string }) => id)).toEqual([
      'newcomer again',
    ]);
    // Accepted once, it starts again and again.
    client = await place.serve(data);
    expect((await client.send('GET', '/health/ready')).body.details['key-store']).toMatchObject({ lostReferences: 2 });
  }, 60_000);

  it('objections to direct marketing that the older ones do not know are taken from the log', async () => {
    const client = await place.serve(place.path('older-keys'));
    const check = await client.send('POST', '/v1/suppression/check', { identifiers: ['3', '4', '5'].map(customer) });
    expect(check.body.items.map(({ suppressed }: { suppressed: boolean }) => suppressed)).toEqual([true, false, true]);
    await place.stop();
  }, 30_000);

  it('a ledger does not start on older ones that were put in by hand', async () => {
    const data = place.empty('by-hand');
    for (const name of ['ledger.db', 'tree.db']) cpSync(place.path('later', 'log', name), join(data, name));
    cpSync(place.path('backup', 'keys', 'keys.db'), join(data, 'keys.db'));
    for (let tries = 0; tries < 2; tries++) {
      const refused = startLedger(place.env(data), { port: 0, quiet: true });
      await expect(refused).rejects.toMatchObject({
        name: 'KeysOlderThanLog',
        lostReferences: 2,
        message: expect.stringContaining('2 people'),
      });
    }
    // The way out, as the message says.
    expect(await place.backup('of-by-hand', data)).toMatchObject({ code: 0 });
    const way = place.empty('way-out');
    expect(await place.restore('of-by-hand', way)).toMatchObject({ code: 2 });
    expect(await place.restore('of-by-hand', way, ['--accept-lost-keys'])).toMatchObject({ code: 0 });
    await place.serve(way);
  }, 60_000);
});

describe('a restore is refused by name, and the folder is as it was,', () => {
  const place = original;
  let data: string;
  beforeAll(async () => {
    await theOriginal();
    writeFileSync(place.copy, '');
    await place.stop();
    data = place.empty('target');
  }, 60_000);

  const flip = (file: string) => {
    const bytes = readFileSync(file);
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 1;
    writeFileSync(file, bytes);
  };
  it.each<[string, (backup: string) => void, RegExp]>([
    ['a bit of the log was flipped', (b) => flip(join(b, 'log', 'ledger.db')), /log\/ledger\.db is damaged .*SHA-256/],
    ['a bit of the keys was flipped', (b) => flip(join(b, 'keys', 'keys.db')), /keys\/keys\.db is damaged .*SHA-256/],
    ['the log was cut off', (b) => truncateSync(join(b, 'log', 'ledger.db'), 4096), /log\/ledger\.db is damaged .*4096 bytes/],
    ['a bit of the tree was flipped', (b) => flip(join(b, 'log', 'tree.db')), /log\/tree\.db is damaged .*SHA-256/],
    ['the tree is not there', (b) => rmSync(join(b, 'log', 'tree.db')), /log\/tree\.db is missing/],
    ['the keys are not there', (b) => rmSync(join(b, 'keys', 'keys.db')), /keys\/keys\.db is missing/],
    ['a manifest is not there', (b) => rmSync(join(b, 'log', 'manifest.json')), /log\/manifest\.json is missing/],
    ['a manifest cannot be read', (b) => truncateSync(join(b, 'keys', 'manifest.json'), 20), /keys\/manifest\.json is damaged/],
    ['a manifest is of a later version', (b) => writeFileSync(join(b, 'log', 'manifest.json'), '{"format":3}'), /format 3/],
    [
      'a manifest names no file',
      (b) => {
        const file = join(b, 'log', 'manifest.json');
        writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), files: {} }));
      },
      /does not name ledger\.db/,
    ],
    [
      'the parts were exchanged',
      (b) => {
        cpSync(join(b, 'log'), join(b, 'other'), { recursive: true });
        rmSync(join(b, 'log'), { recursive: true });
        cpSync(join(b, 'keys'), join(b, 'log'), { recursive: true });
      },
      /log\/manifest\.json is that of the keys/,
    ],
  ])('where %s', async (_, change, message) => {
    cpSync(place.path('backup'), place.path('changed'), { recursive: true });
    change(place.path('changed'));
    const ran = await place.restore('changed', data);
    rmSync(place.path('changed'), { recursive: true });
    expect(ran.code).toBe(2);
    expect(ran.stderr.replaceAll('\n', ' ')).toMatch(message);
    expect(names(data)).toEqual(['master.key']);
  });

  it("where lines of the backup's erasures.log are gone", async () => {
    const client = await place.serve();
    await erase(client, '5');
    expect(await place.backup('erased')).toMatchObject({ code: 0 });
    await place.stop();
    writeFileSync(place.path('erased', 'erasures.log'), '');
    expect(await place.restore('erased', data)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('erased/erasures.log is damaged'),
    });
    // As many lines, of somebody else: the erased one would come back with them.
    const lines = readFileSync(place.copy, 'utf8');
    writeFileSync(place.path('erased', 'erasures.log'), `${'A'.repeat(22)}${lines.slice(22)}`);
    expect(await place.restore('erased', data)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('its SHA-256 is not that of its manifest'),
    });
    expect(names(data)).toEqual(['master.key']);
    // A later day's, beside the log of this one, begins as this one's did.
    writeFileSync(place.path('erased', 'erasures.log'), `${lines}${'B'.repeat(21)}A 2026-01-01T00:00:00.000Z\n`);
    expect(await place.restore('erased', place.empty('later-day'), ['--accept-missing-erasures'])).toMatchObject({ code: 0 });
    // The newest copy has them all, so that one moved away is not missed.
    rmSync(place.path('erased', 'erasures.log'));
    expect(await place.restore('erased', place.empty('moved-away'))).toMatchObject({ code: 0 });
    writeFileSync(place.copy, '');
    expect(await place.restore('erased', data)).toMatchObject({ code: 2, stderr: expect.stringContaining('lacks 1 erased') });
    expect(names(data)).toEqual(['master.key']);
  }, 60_000);

  it('where the keys are those of another ledger', async () => {
    const other = new Place();
    await (await other.serve()).record([about('one', '1')]);
    await other.backup('backup');
    const ran = await place.restore('backup', data, ['--keys', other.path('backup')]);
    await other.remove();
    expect(ran).toMatchObject({ code: 2, stderr: expect.stringContaining('the keys of another ledger') });
    expect(names(data)).toEqual(['master.key']);
  }, 30_000);

  it('where there is a log, or a service', async () => {
    const { mtimeMs } = statSync(place.path('data', 'ledger.db'));
    expect(await place.restore('backup', place.data)).toMatchObject({ code: 2, stderr: expect.stringContaining('ledger.db is there') });
    expect(statSync(place.path('data', 'ledger.db')).mtimeMs).toBe(mtimeMs);
    await place.serve();
    expect(await place.restore('backup', place.data)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('nothing is restored over a ledger in use'),
    });
    await place.stop();
  }, 30_000);

  it('where something is left of a log that is not there', async () => {
    writeFileSync(join(data, 'ledger.db-wal'), 'of another log');
    expect(await place.restore('backup', data)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('ledger.db-wal is left of a database'),
    });
    rmSync(join(data, 'ledger.db-wal'));
  });

  it('where the master key is missing, or another one', async () => {
    rmSync(join(data, 'master.key'));
    expect(await place.restore('backup', data)).toMatchObject({ code: 2, stderr: expect.stringContaining('There is no master key') });
    writeFileSync(join(data, 'master.key'), `${Buffer.alloc(32, 7).toString('base64')}\n`);
    expect(await place.restore('backup', data)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('the master key is not the one'),
    });
    expect(names(data)).toEqual(['master.key']);
  });
});

describe('a restore that is killed', () => {
  const place = withErased;
  let reference: string;
  beforeAll(async () => {
    ({ reference } = await theErased());
    await place.stop();
    // Whatever other cases have made of the copy.
    cpSync(join(place.data, 'erasures.log'), place.copy);
  }, 60_000);

  it.each(['keys are copied', 'log is copied', 'all is placed', 'the restore is recorded'])(
    'when %s leaves nothing that is served; again, it is completed',
    async (step) => {
      const data = place.empty(step);
      writeFileSync(join(data, 'views.db'), 'read models of another log');
      const script = fileURLToPath(new URL('./restore-until-killed.ts', import.meta.url));
      const ran = spawnSync(process.execPath, ['--import', './test/support/from-source.mjs', script, place.path('backup'), step], {
        cwd: PROJECT,
        env: { PATH: process.env['PATH'], ...place.env(data) },
        encoding: 'utf8',
      });
      expect([ran.signal, ran.stderr]).toEqual(['SIGKILL', '']);
      await expect(startLedger(place.env(data), { port: 0, quiet: true })).rejects.toMatchObject({ name: 'RestoreUnfinished' });

      expect(await place.restore('backup', data)).toMatchObject({ code: 0 });
      expect(names(data)).toEqual(FINISHED);
      const client = await place.serve(data);
      expect(await restores(client)).toHaveLength(1);
      expect((await timeline(client, { reference })).length).toBeGreaterThan(0);
      expect(await timeline(client, customer('1'))).toEqual([]);
      expect((await timeline(client, customer('0')))[0]).toMatchObject({ note: 'note 0' });
      await place.stop();
    },
    60_000,
  );

  it('and a service that was not, says what to do', async () => {
    const data = place.empty('marked');
    writeFileSync(join(data, 'restore-unfinished.json'), '{"placed":[]}');
    await expect(startLedger(place.env(data), { port: 0, quiet: true })).rejects.toThrow(/run liggare restore again/);
    expect(existsSync(join(data, 'ledger.db'))).toBe(false);
    appendFileSync(join(data, 'ledger.db.part'), 'half a log');
    expect(await place.restore('backup', data)).toMatchObject({ code: 0 });
  }, 30_000);
});
