import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { apart, Folders, INTACT, ledgerOf, tamper, verified } from './given.ts';

const folders = new Folders();
let untouched: string;

beforeAll(async () => {
  untouched = folders.new();
  await ledgerOf(untouched, [280, 40]);
});
afterAll(() => folders.remove());

/** Whatever a leaf is made of, and whatever the tree is. */
function contents(folder: string): unknown[] {
  const log = new Database(join(folder, 'ledger.db'), { readonly: true });
  const tree = new Database(join(folder, 'tree.db'), { readonly: true });
  try {
    return [
      log
        .prepare('SELECT position, name, revision, type, recorded_at, data FROM events JOIN streams ON number = stream ORDER BY position')
        .all(),
      ...[
        'tiles ORDER BY id',
        'leaves ORDER BY id',
        'heads ORDER BY generation, number',
        'keys ORDER BY number',
        'generations ORDER BY number',
      ].map((table) => tree.prepare(`SELECT * FROM ${table}`).all()),
    ];
  } finally {
    log.close();
    tree.close();
  }
}

test('given a file in which bytes were changed, wherever they are, it is never "intact" unless it says the same, and never a crash', async () => {
  const before = JSON.stringify(contents(untouched));
  const damage = fc.record({
    file: fc.constantFrom('ledger.db', 'tree.db'),
    at: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
    bytes: fc.uint8Array({ minLength: 1, maxLength: 200 }),
  });
  await fc.assert(
    fc.asyncProperty(damage, async ({ file, at, bytes }) => {
      const folder = folders.copy(untouched);
      const path = join(folder, file);
      const handle = openSync(path, 'r+');
      writeSync(handle, bytes, 0, bytes.length, Math.floor(at * statSync(path).size));
      closeSync(handle);
      const found = await verified(folder, { workers: 1 });
      if (found.verdict === 'intact') expect(JSON.stringify(contents(folder))).toBe(before);
      else expect(found.findings.length + found.hindrances.length).toBeGreaterThan(0);
    }),
    { numRuns: 25 },
  );
});

describe('given a page that cannot be read', () => {
  test('what stood in it could not be told, and all else was looked at', async () => {
    const folder = folders.copy(untouched);
    const page = tamper(
      folder,
      'ledger.db',
      (db) =>
        db
          .prepare("SELECT pageno FROM dbstat WHERE name = 'events' AND pagetype = 'leaf' ORDER BY pageno LIMIT 1 OFFSET 20")
          .pluck()
          .get() as number,
    );
    const handle = openSync(join(folder, 'ledger.db'), 'r+');
    writeSync(handle, Buffer.alloc(4096, 0xff), 0, 4096, (page - 1) * 4096);
    closeSync(handle);
    const found = await verified(folder);
    expect(found.verdict).toBe('could-not-tell');
    expect(found.hindrances.map(({ obstacle }) => obstacle)).toContain('damaged');
    expect(found.hindrances.some(({ what }) => /leaves \d+ to \d+ were not made anew/.test(what))).toBe(true);
    expect(found.heads).toBeGreaterThan(0);
    expect(found.projections.every(({ state }) => state === 'not-compared')).toBe(true);
  });

  test('an event that was changed elsewhere is named all the same', async () => {
    const folder = folders.copy(untouched);
    const page = tamper(folder, 'ledger.db', (db) => {
      db.prepare("UPDATE events SET type = 'ComplaintReceived' WHERE position = 300").run();
      return db
        .prepare("SELECT pageno FROM dbstat WHERE name = 'events' AND pagetype = 'leaf' ORDER BY pageno LIMIT 1 OFFSET 5")
        .pluck()
        .get() as number;
    });
    const handle = openSync(join(folder, 'ledger.db'), 'r+');
    writeSync(handle, Buffer.alloc(4096, 0xff), 0, 4096, (page - 1) * 4096);
    closeSync(handle);
    expect(await verified(folder)).toMatchObject({ verdict: 'tampered', first: { kind: 'event-changed', index: 299 } });
  });
});

function withoutEvents(folder: string): void {
  const db = new Database(join(folder, 'ledger.db'));
  db.exec('ALTER TABLE events RENAME TO gone');
  db.close();
}

describe('given files of which nothing can be told', () => {
  const CASES: [string, (folder: string) => void, string][] = [
    ['the log is missing', (folder) => rmSync(join(folder, 'ledger.db')), 'missing'],
    ['the tree is missing', (folder) => rmSync(join(folder, 'tree.db')), 'missing'],
    ['the folder is missing', (folder) => rmSync(folder, { recursive: true }), 'missing'],
    ['the log is no database', (folder) => writeFileSync(join(folder, 'ledger.db'), 'nothing'.repeat(2000)), 'damaged'],
    ['the tree is no database', (folder) => writeFileSync(join(folder, 'tree.db'), 'nothing'.repeat(2000)), 'damaged'],
    ['the log is empty', (folder) => truncateSync(join(folder, 'ledger.db')), 'not-a-ledger'],
    ['the tree is empty', (folder) => truncateSync(join(folder, 'tree.db')), 'not-a-ledger'],
    ['the log is that of a later version', (folder) => tamper(folder, 'ledger.db', (db) => db.pragma('user_version = 99')), 'newer-format'],
    [
      'the tree is that of a later version',
      (folder) => tamper(folder, 'tree.db', (db) => db.exec("UPDATE meta SET value = 99 WHERE name = 'format'")),
      'newer-format',
    ],
    [
      'the tree is that of another ledger',
      (folder) => tamper(folder, 'tree.db', (db) => db.exec("UPDATE meta SET value = 'other' WHERE name = 'ledger'")),
      'other-ledger',
    ],
    ['a restore was not completed', (folder) => writeFileSync(join(folder, 'restore-unfinished.json'), '{}'), 'restore-unfinished'],
  ];
  test.each(CASES)('%s: that is said', async (_, change, obstacle) => {
    const folder = folders.copy(untouched);
    change(folder);
    const found = await verified(folder, { workers: 1 });
    expect(found).toMatchObject({ verdict: 'could-not-tell', findings: [], hindrances: [{ obstacle }] });
  });

  test('a table of the log is gone: that is said, and is no accident', async () => {
    const folder = folders.copy(untouched);
    withoutEvents(folder);
    const found = await verified(folder, { workers: 1 });
    expect(found).toMatchObject({ verdict: 'tampered', hindrances: [{ obstacle: 'damaged' }] });
    expect(found.findings).toContainEqual(expect.objectContaining({ kind: 'schema', object: 'table events of ledger.db' }));
  });

  test('another program has locked the log: that is said', async () => {
    const folder = folders.copy(untouched);
    const driver = createRequire(import.meta.url).resolve('better-sqlite3');
    const script = `const db = new (require(${JSON.stringify(driver)}))(${JSON.stringify(join(folder, 'ledger.db'))});
      db.pragma('locking_mode = EXCLUSIVE'); db.exec('BEGIN EXCLUSIVE'); db.exec('CREATE TABLE held (a)'); console.log('held'); process.stdin.resume();`;
    const holder = spawn(process.execPath, ['-e', script], { stdio: ['pipe', 'pipe', 'inherit'] });
    await new Promise((resolve) => holder.stdout.once('data', resolve));
    try {
      const { code, found } = await apart(folder);
      expect(code).toBe(5);
      expect(found).toMatchObject({ verdict: 'could-not-tell', hindrances: [{ obstacle: 'locked' }] });
    } finally {
      holder.kill();
      await new Promise((resolve) => holder.once('exit', resolve));
    }
  });
});

test('read models that cannot be read are told of, and are no evidence against the ledger', async () => {
  const folder = folders.copy(untouched);
  writeFileSync(join(folder, 'views.db'), 'nothing'.repeat(2000));
  const found = await verified(folder);
  expect(found).toMatchObject({ ...INTACT, projections: [] });
  expect(found.notes).toEqual([expect.stringContaining('read models')]);
  expect(readFileSync(join(folder, 'views.db'), 'utf8')).toContain('nothing');
});
