import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KeyVault } from '../../src/privacy/key-vault.ts';
import { loadMasterKey, writeMasterKey } from '../../src/privacy/master-key.ts';
import { randomKey } from '../../src/privacy/seal.ts';
import { startLedger } from '../../src/start.ts';
import { normaliseIdentifier } from '../../src/vocabulary/identifiers.ts';
import { liggare } from '../cli/fake-ledger.ts';
import { disclosure } from '../support/write-side.ts';
import { Client, ServiceProcess } from './service.ts';

const ADMIN = 'admin-key-of-the-rotation';
/** More than are wrapped anew at once. */
const PEOPLE = 450;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'liggare-rotate-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const env = (more: Record<string, string> = {}) => ({ LIGGARE_DATA: folder, LIGGARE_ADMIN_KEY: ADMIN, ...more });
const masterKey = () => readFileSync(join(folder, 'master.key'), 'utf8').trim();
const fileOf = (name: string) => join(folder, name);

/** Does the work on a ledger that runs on the folder. */
async function running<T>(work: (client: Client) => Promise<T>, more: Record<string, string> = {}): Promise<T> {
  const ledger = await startLedger(env(more), { port: 0, quiet: true });
  try {
    return await work(new Client(ledger.url, ADMIN));
  } finally {
    await ledger.close();
  }
}

const record = (client: Client) => {
  const subjects = Array.from({ length: PEOPLE }, (_, i) => ({ scheme: 'customer-number', value: `${i}` }));
  return client.record([disclosure('of all', { data: { subjects, note: 'told by phone' } })]);
};
/** That everything can still be opened: an identifier finds the record, and the sealed note is read. */
const isWhole = async (client: Client) => {
  const { body } = await client.ask('timeline', {
    about: { subject: { scheme: 'customer-number', value: `${PEOPLE - 1}` }, type: 'PersonalDataDisclosed' },
    after: 3,
  });
  return body.items[0]?.note === 'told by phone' && body.items[0]?.subjectCount === PEOPLE;
};
const rotated = async (client: Client) => {
  let shown = await client.send('GET', '/v1/key-store');
  while (shown.body.rotation?.state === 'running') shown = await client.send('GET', '/v1/key-store');
  return shown.body;
};
const recorded = async (client: Client) => {
  const { position } = (await client.record([disclosure(`later ${Math.random()}`)])).body;
  return (await client.ask('timeline', { about: { type: 'MasterKeyRotated' }, after: position })).body.items;
};

/** Of a new key store. */
const FIRST = 2;

it('replaces the master key while it serves, once; the old one opens nothing any more', async () => {
  const old = fileOf('old.key');
  await running(async (client) => {
    await record(client);
    copyFileSync(fileOf('master.key'), old);
    const begun = await client.send('POST', '/v1/key-store/rotate-master');
    expect(begun).toMatchObject({ status: 202, body: { rotation: { state: 'running' } } });
    expect(await isWhole(client)).toBe(true);
    expect(await rotated(client)).toMatchObject({
      state: 'in-force',
      generation: FIRST + 1,
      rotation: { state: 'completed', overwritten: true },
    });
    const [event, ...others] = await recorded(client);
    expect([event.actor.role, event.generation, others]).toEqual(['admin', FIRST + 1, []]);
    expect(await isWhole(client)).toBe(true);
  });
  const next = masterKey();
  expect(next).not.toBe(readFileSync(old, 'utf8').trim());
  expect(existsSync(fileOf('master.key.next'))).toBe(false);
  expect(readFileSync(fileOf('ledger.db')).includes(next)).toBe(false);
  const keys = readFileSync(fileOf('keys.db'));
  await expect(startLedger(env({ LIGGARE_MASTER_KEY_FILE: old }), { port: 0, quiet: true })).rejects.toMatchObject({
    name: 'MasterKeyRefused',
    reason: 'wrong',
  });
  expect(readFileSync(fileOf('keys.db')).equals(keys)).toBe(true);
  expect(await running(isWhole)).toBe(true);
});

it('goes on at the start where it was interrupted: before, in the middle, and before the files changed places', async () => {
  await running(record);
  const [old, next] = [loadMasterKey({ dataFolder: folder }).key, randomKey()];
  writeMasterKey(fileOf('master.key.next'), next);
  await interrupted(old, next);
  await expect(startLedger(env({ LIGGARE_MASTER_KEY_FILE: fileOf('master.key.next') }), { port: 0, quiet: true })).rejects.toMatchObject({
    name: 'MasterKeyRefused',
    reason: 'rotating',
  });
  await running(async (client) => {
    expect(await rotated(client)).toMatchObject({ generation: FIRST + 1, rotation: { state: 'completed' } });
    expect(await isWhole(client)).toBe(true);
  });
  expect(masterKey()).toBe(next.export().toString('base64'));
  // The log and the keys know, and the files do not yet.
  copyFileSync(fileOf('master.key'), fileOf('master.key.next'));
  writeMasterKey(fileOf('master.key'), old);
  await running(async (client) => {
    expect(await rotated(client)).toMatchObject({ generation: FIRST + 1, rotation: { state: 'completed' } });
    expect((await recorded(client)).map(({ actor }: { actor: { role: string } }) => actor.role)).toEqual(['ledger']);
  });
  expect(masterKey()).toBe(next.export().toString('base64'));
  // Only the file of the next one is there.
  writeMasterKey(fileOf('master.key.next'), randomKey());
  await running(async (client) => {
    expect(await rotated(client)).toMatchObject({ generation: FIRST + 2, rotation: { state: 'completed' } });
    expect(await isWhole(client)).toBe(true);
  });
});

/** As if the process had died after the first of several pages. */
async function interrupted(master: ReturnType<typeof randomKey>, next: ReturnType<typeof randomKey>): Promise<void> {
  const vault = await KeyVault.openEmbedded({ file: fileOf('keys.db'), master, normalise: normaliseIdentifier });
  const stopped = vault.rotateMaster(next, (done, total) => {
    if (done < total) throw new Error('stopped in the middle');
  });
  await expect(stopped).rejects.toThrow('stopped in the middle');
  await vault.close();
}

it('with a master key from the environment takes the next one from there, and says what is left to do', async () => {
  const [old, next] = [randomKey(), randomKey()].map((key) => key.export().toString('base64')) as [string, string];
  await running(
    async (client) => {
      await record(client);
      const refused = await client.send('POST', '/v1/key-store/rotate-master');
      expect(refused).toMatchObject({ status: 409, body: { detail: expect.stringContaining('LIGGARE_MASTER_KEY_NEXT') } });
    },
    { LIGGARE_MASTER_KEY: old },
  );
  const both = { LIGGARE_MASTER_KEY: old, LIGGARE_MASTER_KEY_NEXT: next };
  await running(async (client) => {
    expect((await client.send('GET', '/v1/key-store')).body).toEqual({ state: 'in-force', generation: FIRST });
    await client.send('POST', '/v1/key-store/rotate-master');
    const { rotation } = await rotated(client);
    expect(rotation).toMatchObject({ state: 'completed', advice: expect.stringContaining('set LIGGARE_MASTER_KEY') });
  }, both);
  expect(await running(isWhole, both)).toBe(true);
  expect(await running(isWhole, { LIGGARE_MASTER_KEY: next })).toBe(true);
  await expect(startLedger(env({ LIGGARE_MASTER_KEY: old }), { port: 0, quiet: true })).rejects.toMatchObject({ reason: 'wrong' });
});

it('is done on a folder by the command line', async () => {
  await running(record);
  const before = masterKey();
  const ran = await liggare(['keys', 'rotate-master'], { env: { LIGGARE_DATA: folder } });
  expect(ran).toMatchObject({ code: 0, stdout: '' });
  expect(ran.stderr).toMatch(/The next master key is in force, for \d+ people\. Keep a copy of .*master\.key/);
  expect(masterKey()).not.toBe(before);
  expect(await running(isWhole)).toBe(true);
});

it('survives a kill wherever it is: nothing is lost, and the next starts complete it', async () => {
  const service = new ServiceProcess(folder);
  let client = await service.start();
  await record(client);
  for (const ms of [0, 5, 20, 60]) {
    await client.send('POST', '/v1/key-store/rotate-master');
    await new Promise((resolve) => setTimeout(resolve, ms));
    await service.end('SIGKILL');
    client = await service.start();
  }
  expect(['completed', undefined]).toContain((await rotated(client)).rotation?.state);
  expect(await isWhole(client)).toBe(true);
  expect(await service.end('SIGTERM')).toBe(0);
  expect(existsSync(fileOf('master.key.next'))).toBe(false);
  const generations = await running(async (restarted) => {
    expect(await isWhole(restarted)).toBe(true);
    return (await recorded(restarted)).map(({ generation }: { generation: number }) => generation);
  });
  expect(new Set(generations).size).toBe(generations.length);
});
