import { join } from 'node:path';
import Database from 'better-sqlite3';
import { Folders, INTACT, ledgerOf, verified } from './given.ts';

const folders = new Folders();
let untouched: string;

beforeAll(async () => {
  untouched = folders.new();
  await ledgerOf(untouched, [20]);
});
afterAll(() => folders.remove());

/** A copy in which somebody ran these words. */
async function after(file: 'ledger.db' | 'tree.db', sql: string) {
  const folder = folders.copy(untouched);
  const db = new Database(join(folder, file));
  db.unsafeMode(true);
  db.exec(sql);
  db.close();
  return verified(folder, { workers: 1 });
}

test('given files that the program made, nothing of them is missing or added', async () => {
  expect(await verified(untouched)).toMatchObject(INTACT);
});

test('statistics that SQLite gathers are no change', async () => {
  for (const file of ['ledger.db', 'tree.db'] as const) expect(await after(file, 'ANALYZE')).toMatchObject(INTACT);
});

describe('given a file whose tables somebody prepared to be changed', () => {
  test.each([
    ['a trigger taken out', 'ledger.db', 'DROP TRIGGER events_never_updated', 'trigger events_never_updated', 'missing'],
    ['a trigger taken out', 'tree.db', 'DROP TRIGGER heads_never_deleted', 'trigger heads_never_deleted', 'missing'],
    ['a unique index taken out', 'ledger.db', 'DROP INDEX events_id', 'index events_id', 'missing'],
    ['a unique index taken out', 'tree.db', 'DROP INDEX heads_size', 'index heads_size', 'missing'],
    ['a trigger added', 'ledger.db', 'CREATE TRIGGER mine AFTER INSERT ON events BEGIN SELECT 1; END', 'trigger mine', 'does not make'],
    ['a table added', 'tree.db', 'CREATE TABLE mine (a)', 'table mine', 'does not make'],
    [
      'an index that is not unique any more',
      'ledger.db',
      'DROP INDEX events_id; CREATE INDEX events_id ON events (id)',
      'index events_id',
      'not as this program makes it',
    ],
    [
      'a view that shows less',
      'ledger.db',
      'DROP VIEW log; CREATE VIEW log AS SELECT * FROM events WHERE position < 5',
      'view log',
      'not as this program makes it',
    ],
    [
      'a table without its checks',
      'ledger.db',
      'ALTER TABLE streams ADD COLUMN mine TEXT',
      'table streams',
      'not as this program makes it',
    ],
  ] as const)('%s (%s: %s): it is named', async (_, file, sql, object, what) => {
    const found = await after(file, sql);
    expect(found).toMatchObject({
      verdict: 'tampered',
      first: { kind: 'schema', object: `${object} of ${file}`, what: expect.stringContaining(what) },
    });
    expect(found.found).toEqual({ schema: 1 });
  });
});
