import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { liggare } from '../cli/fake-ledger.ts';
import { about, names, Place } from './ledger.ts';

const manifestOf = (folder: string) => JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8'));

describe('a backup taken while the service records', () => {
  const place = new Place();
  afterAll(() => place.remove());

  it('has everything that was acknowledged before it began, each database as it stood at one moment', async () => {
    const client = await place.serve();
    let goesOn = true;
    let [n, acknowledged] = [0, 0];
    const writing = (async () => {
      while (goesOn) {
        const { body } = await client.record(Array.from({ length: 50 }, () => about(`e-${++n}`, `${n % 300}`)));
        acknowledged = body.position;
      }
    })();
    while (acknowledged < 500) await new Promise((resolve) => setTimeout(resolve, 20));
    const before = acknowledged;
    const ran = await place.backup('beside');
    goesOn = false;
    await writing;

    expect(ran).toMatchObject({ code: 0, stdout: '' });
    expect(ran.stderr).toContain('the master key is in neither');
    const { files, takenAt, ledger, backup } = manifestOf(place.path('beside', 'log'));
    expect(files['ledger.db'].facts.head).toBeGreaterThanOrEqual(before);
    const keys = manifestOf(place.path('beside', 'keys'));
    expect(keys).toMatchObject({ part: 'keys', ledger, backup });
    expect(keys.takenAt >= takenAt).toBe(true);

    const log = new Database(place.path('beside', 'log', 'ledger.db'), { readonly: true });
    const { head, events } = log.prepare('SELECT max(position) AS head, count(*) AS events FROM events').get() as Record<string, number>;
    expect([head, events]).toEqual([files['ledger.db'].facts.head, files['ledger.db'].facts.head]);
    // Every reference of the log's people has its key in the copy that was made after it.
    const named = new Set(
      (log.prepare('SELECT data FROM events').pluck().all() as string[]).flatMap((text) => {
        const { actor, subjects } = JSON.parse(text).data;
        return [actor.reference, ...subjects.map(({ reference }: { reference: string }) => reference)];
      }),
    );
    log.close();
    const store = new Database(place.path('beside', 'keys', 'keys.db'), { readonly: true });
    const held = new Set((store.prepare('SELECT reference FROM people').pluck().all() as Buffer[]).map((one) => one.toString('base64url')));
    store.close();
    expect([...named].filter((reference) => !held.has(reference))).toEqual([]);
  }, 60_000);

  it('is for its owner alone, and has neither the master key nor anything that is made again', () => {
    const folder = place.path('beside');
    expect(names(folder)).toEqual(['erasures.log', 'keys', 'log']);
    expect(names(join(folder, 'log'))).toEqual(['ledger.db', 'manifest.json', 'tree.db']);
    expect(names(join(folder, 'keys'))).toEqual(['keys.db', 'manifest.json']);
    for (const path of ['', 'log', 'keys']) expect(statSync(join(folder, path)).mode & 0o777).toBe(0o700);
    for (const path of ['erasures.log', 'log/ledger.db', 'log/tree.db', 'log/manifest.json', 'keys/keys.db', 'keys/manifest.json']) {
      expect(statSync(join(folder, path)).mode & 0o777).toBe(0o600);
    }
  });

  it('can be taken of a ledger that nobody serves', async () => {
    await place.stop();
    expect(await place.backup('of-files')).toMatchObject({ code: 0 });
    expect(manifestOf(place.path('of-files', 'log')).ledger).toBe(manifestOf(place.path('beside', 'log')).ledger);
  });
});

describe('a backup is refused, and nothing is written,', () => {
  const place = new Place();
  beforeAll(async () => {
    await (await place.serve()).record([about('one', '1')]);
    await place.stop();
  });
  afterAll(() => place.remove());

  it('where the folder has something in it', async () => {
    mkdirSync(place.path('full'));
    writeFileSync(place.path('full', 'notes.txt'), 'mine');
    expect(await place.backup('full')).toMatchObject({ code: 2, stderr: expect.stringContaining('is not empty') });
    expect(names(place.path('full'))).toEqual(['notes.txt']);
  });

  it('where one was cut off: that is said', async () => {
    mkdirSync(place.path('cut-off', 'log'), { recursive: true });
    expect((await place.backup('cut-off')).stderr).toContain('looks like a backup that was cut off');
  });

  it('within the data folder', async () => {
    expect(await place.backup('data/backup')).toMatchObject({ code: 2, stderr: expect.stringContaining('within the data folder') });
    expect(existsSync(place.path('data', 'backup'))).toBe(false);
  });

  it('where nothing can be made, such as behind a link to storage that is not mounted', async () => {
    symlinkSync(place.path('not-mounted'), place.path('link'));
    for (const folder of [place.path('link', 'backup'), '/proc/backup', '/dev/null/backup']) {
      const ran = await liggare(['backup', folder], { env: place.env() });
      expect(ran).toMatchObject({ code: 2, stderr: expect.stringContaining('must be a folder that this account may write') });
    }
  });

  it('where there is no ledger', async () => {
    expect(await place.backup('of-nothing', place.path('nowhere'))).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('nothing is backed up'),
    });
    expect(existsSync(place.path('of-nothing'))).toBe(false);
    expect(existsSync(place.path('nowhere'))).toBe(false);
  });

  it('where a file is no database of a ledger: what was copied before is removed', async () => {
    mkdirSync(place.path('strange'));
    writeFileSync(place.path('strange', 'keys.db'), 'no database at all, and long enough for one'.repeat(100));
    writeFileSync(place.path('strange', 'ledger.db'), readFileSync(place.path('data', 'ledger.db')));
    const ran = await place.backup('of-strange', place.path('strange'));
    expect(ran).toMatchObject({ code: 2, stderr: expect.stringContaining('keys.db is not a key store') });
    expect(existsSync(place.path('of-strange'))).toBe(false);
  });
});
