import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type Database from 'better-sqlite3';
import { liggare } from '../cli/fake-ledger.ts';
import { Folders, INTACT, ledgerOf, record, serving, signed, tamper, verified } from './given.ts';

const folders = new Folders();
let older: string;
/** The same, gone on with under a key that took the place of the one before. */
let newer: string;
let size: number;

beforeAll(async () => {
  older = folders.new();
  await ledgerOf(older, [300]);
  newer = folders.copy(older);
  await serving(newer, async (client) => {
    const { status, text } = await client.send('POST', '/v1/sealer-key/rotate');
    if (status >= 300) throw new Error(text);
    await record(client, 'later', 300);
    await signed(client);
  });
  ({ size = 0 } = await verified(newer));
});
afterAll(() => folders.remove());

/** The older tree beside the newer log. */
function withOlderTree(change: (db: Database.Database) => void = () => undefined): string {
  const folder = folders.copy(newer);
  cpSync(join(older, 'tree.db'), join(folder, 'tree.db'));
  tamper(folder, 'ledger.db', change);
  return folder;
}

const withoutNote = (folder: string): string => {
  rmSync(join(folder, 'tree-head.note'));
  return folder;
};

describe('given an older tree beside a newer log', () => {
  test('the head that was signed last tells it, also where the tree does not know its key', async () => {
    const found = await verified(withOlderTree());
    expect(found).toMatchObject({
      verdict: 'tampered',
      first: { kind: 'rolled-back', size, what: expect.stringContaining('tree.db is older') },
    });
    expect(found.found['rolled-back']).toBe(1);
  });

  test.each([
    ['changed', "UPDATE events SET type = 'ComplaintReceived' WHERE position = (SELECT max(position) - 5 FROM events)", 'do not lead to'],
    ['cut off', 'DELETE FROM events WHERE position > (SELECT max(position) - 5 FROM events)', 'the last ones are missing'],
  ])('of which events behind that tree were %s: that is told too', async (_, sql, what) => {
    const found = await verified(withOlderTree((db) => void db.prepare(sql).run()));
    expect(found.verdict).toBe('tampered');
    expect(found.findings.filter(({ kind }) => kind === 'rolled-back')).toEqual([
      expect.objectContaining({ what: expect.stringContaining('tree.db is older') }),
      expect.objectContaining({ what: expect.stringContaining(what) }),
    ]);
  });

  test('and that head taken away: a key that the log tells of, and went on after, is not in the ring', async () => {
    const later = (db: Database.Database) =>
      void db.prepare('UPDATE events SET recorded_at = recorded_at + 60000 WHERE position = (SELECT max(position) FROM events)').run();
    expect(await verified(withoutNote(withOlderTree(later)))).toMatchObject({ verdict: 'tampered', first: { kind: 'key' } });
  });

  test('as a crash leaves it, before a new key is put into the ring: it is intact', async () => {
    const crashed = withOlderTree((db) => {
      const created = "(SELECT max(position) FROM events WHERE type = 'SealerKeyCreated')";
      db.prepare(`DELETE FROM events WHERE position > ${created}`).run();
    });
    cpSync(join(older, 'tree-head.note'), join(crashed, 'tree-head.note'));
    rmSync(join(crashed, 'views.db'));
    expect(await verified(crashed)).toMatchObject(INTACT);
  });

  test('without that head, the first line says how far the folder is signed', async () => {
    const atOnce = (db: Database.Database) =>
      void db
        .prepare(
          "UPDATE events SET recorded_at = (SELECT max(recorded_at) FROM events WHERE type = 'SealerKeyCreated') WHERE position > (SELECT max(position) FROM events WHERE type = 'SealerKeyCreated')",
        )
        .run();
    const { code, stdout } = await liggare(['verify', withoutNote(withOlderTree(atOnce))], { env: {} });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Intact as far as it is signed: 3\d\d of 6\d\d events of [^;]+; the last 3\d\d are covered by no tree head\n/);
  });
});

test('a head that cannot be read is no evidence, and that is said', async () => {
  const folder = withoutNote(folders.copy(newer));
  mkdirSync(join(folder, 'tree-head.note'));
  expect(await verified(folder)).toMatchObject({ ...INTACT, notes: [expect.stringContaining('tree-head.note was passed over')] });
});

test('a backup that was taken while the key was replaced is intact: its log was copied after its tree', async () => {
  const backup = withoutNote(withOlderTree());
  cpSync(join(newer, 'ledger.db'), join(backup, 'ledger.db'));
  cpSync(join(import.meta.dirname, '../../package.json'), join(backup, 'manifest.json'));
  expect(await verified(backup)).toMatchObject(INTACT);
});
