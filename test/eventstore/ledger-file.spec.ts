import { closeSync, copyFileSync, existsSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { LedgerTooNew, NotALedger } from '../../src/eventstore/ledger-file.ts';
import { SqliteEventStore } from '../../src/eventstore/sqlite.ts';
import { SqliteLogReader } from '../../src/eventstore/sqlite-reader.ts';
import { aRecord, removeTemporaryFolders, someEvents, temporaryFolder } from './given.ts';

afterAll(removeTemporaryFolders);

/** A log of five events in two streams, closed. */
async function aLedger(): Promise<string> {
  const path = join(temporaryFolder(), 'ledger.db');
  const store = await SqliteEventStore.open({ path });
  await store.append([
    { stream: 'processing-a', expectedRevision: 'no-stream', events: [aRecord('1'), ...someEvents(2)] },
    { stream: 'processing-b', expectedRevision: 'no-stream', events: someEvents(2) },
  ]);
  await store.close();
  return path;
}

describe('the database refuses, from any connection,', () => {
  let path: string;
  let before: unknown[];
  beforeAll(async () => {
    path = await aLedger();
    before = everything();
  });

  const everything = () => {
    const db = new Database(path, { readonly: true });
    const rows = ['events', 'streams', 'ledger'].map((table) => db.prepare(`SELECT * FROM ${table}`).all());
    db.close();
    return rows;
  };
  const VALUES = `randomblob(16), 'Forged', 9999999999999, NULL, '{}', '{}'`;
  const statements: [string, string][] = [
    ['UPDATE of data', `UPDATE events SET data = '{}' WHERE position = 1`],
    ['UPDATE of a position', 'UPDATE events SET position = 99 WHERE position = 5'],
    ['UPDATE OR REPLACE onto another event', 'UPDATE OR REPLACE events SET position = 1 WHERE position = 2'],
    ['UPDATE OR IGNORE', `UPDATE OR IGNORE events SET type = 'Forged'`],
    ['DELETE of one event', 'DELETE FROM events WHERE position = 5'],
    ['DELETE of everything', 'DELETE FROM events'],
    ['INSERT OR REPLACE at a position', `INSERT OR REPLACE INTO events VALUES (3, 1, 3, ${VALUES})`],
    ['REPLACE of the last position', `REPLACE INTO events VALUES (5, 2, 2, ${VALUES})`],
    [
      'INSERT OR REPLACE of an id',
      `INSERT OR REPLACE INTO events SELECT 6, 1, 3, id, 'Forged', 9999999999999, NULL, '{}', '{}' FROM events WHERE position = 2`,
    ],
    ['INSERT OR REPLACE of stream and revision', `INSERT OR REPLACE INTO events VALUES (6, 1, 1, ${VALUES})`],
    ['INSERT OR IGNORE of a taken position', `INSERT OR IGNORE INTO events VALUES (3, 1, 3, ${VALUES})`],
    ['an upsert', `INSERT INTO events VALUES (3, 1, 3, ${VALUES}) ON CONFLICT (position) DO UPDATE SET data = '{}'`],
    ['an event without a position', `INSERT INTO events VALUES (NULL, 1, 3, ${VALUES})`],
    ['a gap in positions', `INSERT INTO events VALUES (7, 1, 3, ${VALUES})`],
    ['an event before the first', `INSERT INTO events VALUES (0, 1, 3, ${VALUES})`],
    ['a gap in revisions', `INSERT INTO events VALUES (6, 1, 4, ${VALUES})`],
    ['an earlier time', `INSERT INTO events VALUES (6, 1, 3, randomblob(16), 'Forged', 1, NULL, '{}', '{}')`],
    ['an id of another length', `INSERT INTO events VALUES (6, 1, 3, randomblob(15), 'Forged', 9999999999999, NULL, '{}', '{}')`],
    ['a number as data', `INSERT INTO events VALUES (6, 1, 3, randomblob(16), 'Forged', 9999999999999, NULL, x'00', '{}')`],
    ['a renamed stream', `UPDATE streams SET name = 'processing-z' WHERE number = 1`],
    ['a stream replaced by number', `INSERT OR REPLACE INTO streams VALUES (1, 'processing-z')`],
    ['a stream replaced by name', `INSERT OR REPLACE INTO streams VALUES (3, 'processing-a')`],
    ['a deleted stream', 'DELETE FROM streams'],
    ['another identity', `UPDATE ledger SET id = randomblob(16)`],
    ['a second identity', 'INSERT INTO ledger VALUES (randomblob(16), 1)'],
    ['no identity', 'DELETE FROM ledger'],
  ];

  it.each(statements)('%s', (_, sql) => {
    for (const recursive of ['OFF', 'ON']) {
      const db = new Database(path);
      db.pragma(`recursive_triggers = ${recursive}`);
      db.pragma('foreign_keys = OFF');
      expect(() => db.exec(sql)).toThrow(expect.objectContaining({ code: expect.stringMatching(/^SQLITE_CONSTRAINT/) }));
      db.close();
    }
    expect(everything()).toEqual(before);
  });

  it('but takes what the log takes: the next event', () => {
    const own = join(dirname(path), 'copy.db');
    copyFileSync(path, own);
    const db = new Database(own);
    expect(db.prepare(`INSERT INTO events VALUES (6, 1, 3, ${VALUES})`).run().changes).toBe(1);
    db.close();
  });
});

describe('the file', () => {
  it('shows an auditor who opens it with the sqlite3 shell what stands in it', async () => {
    const path = await aLedger();
    const reader = new SqliteLogReader(path);
    const events = reader.readAll(0, 10);
    reader.close();
    const db = new Database(path, { readonly: true });
    const shown = db.prepare('SELECT position, stream, revision, id, type, recorded_at AS recordedAt, data, metadata FROM log').all();
    expect(shown).toEqual(events.map((event) => ({ ...event, id: event.id.replaceAll('-', '') })));
    expect(db.pragma('application_id', { simple: true })).toBe(0x4c494747);
    db.close();
  });

  it('is readable for its owner alone, and its folder too', async () => {
    const path = join(temporaryFolder(), 'new', 'deep', 'ledger.db');
    const store = await SqliteEventStore.open({ path });
    await store.append([{ stream: 'processing-a', expectedRevision: 'any', events: [aRecord('1')] }]);
    for (const file of [path, `${path}-wal`, path.replace('.db', '.idx')]) expect(statSync(file).mode & 0o077).toBe(0);
    expect(statSync(dirname(path)).mode & 0o077).toBe(0);
    await store.close();
    expect(existsSync(`${path}-wal`)).toBe(false);
  });

  it('may be an empty one, as a start leaves it that was stopped too early', async () => {
    const path = join(temporaryFolder(), 'ledger.db');
    closeSync(openSync(path, 'w'));
    const store = await SqliteEventStore.open({ path });
    expect(await store.head()).toBe(0);
    await store.close();
  });

  const foreign = join('foreign.db');
  it.each<[string, (path: string) => void, new (message: string) => Error]>([
    ['a text', (path) => writeFileSync(path, 'no database at all\n'.repeat(500)), NotALedger],
    ['a database without a mark', (path) => new Database(path).exec('CREATE TABLE t (x)').close(), NotALedger],
    [`another program's database`, (path) => mark(path, 'application_id = 77'), NotALedger],
    ['a database with a version and no mark', (path) => mark(path, 'user_version = 3'), NotALedger],
  ])('is left alone when it is %s', async (_, make, error) => {
    const path = join(temporaryFolder(), foreign);
    make(path);
    const bytes = readFileSync(path);
    await expect(SqliteEventStore.open({ path })).rejects.toBeInstanceOf(error);
    expect(() => new SqliteLogReader(path)).toThrow(error);
    expect(readFileSync(path).equals(bytes)).toBe(true);
  });

  it('is left alone when a later version of the program wrote it', async () => {
    const path = await aLedger();
    mark(path, 'user_version = 2');
    await expect(SqliteEventStore.open({ path })).rejects.toBeInstanceOf(LedgerTooNew);
    expect(() => new SqliteLogReader(path)).toThrow(LedgerTooNew);
  });

  it('must exist for a reader', () => {
    expect(() => new SqliteLogReader(join(temporaryFolder(), 'ledger.db'))).toThrow();
  });
});

function mark(path: string, pragma: string): void {
  const db = new Database(path);
  db.pragma(pragma);
  db.close();
}
