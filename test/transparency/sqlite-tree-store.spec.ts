import { chmodSync, cpSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { leafHash } from '../../src/integrity/merkle.ts';
import { Edge } from '../../src/transparency/edge.ts';
import { NotATree, OtherTree, SqliteTreeStore, TreeTooNew, treeExists } from '../../src/transparency/sqlite-tree-store.ts';
import { aTree, LEDGER, removeTemporaryFolders, temporaryFolder } from './given.ts';
import { treeStoreContract } from './tree-store-contract.ts';

afterEach(removeTemporaryFolders);

treeStoreContract('tree.db', async () => {
  const file = join(temporaryFolder(), 'tree.db');
  const store = SqliteTreeStore.open(file, LEDGER);
  return {
    store,
    again: async () => SqliteTreeStore.open(file, LEDGER),
    reading: async () => SqliteTreeStore.openForReading(file),
    dispose: () => store.close(),
  };
});

describe('tree.db', () => {
  it('is for this account alone', async () => {
    const { file, store } = await aTree();
    for (const name of [file, `${file}-wal`]) expect(statSync(name).mode & 0o777).toBe(0o600);
    await store.close();
  });

  it('is read where nobody has it open, and while somebody writes it, and also as a copy', async () => {
    const { file, store } = await aTree();
    const reader = SqliteTreeStore.openForReading(file);
    expect(await reader.sealed()).toEqual({ size: 0, position: 0 });
    await reader.close();
    await store.close();
    const alone = SqliteTreeStore.openForReading(file);
    expect((await alone.generation())?.number).toBe(1);
    await alone.close();
    const copy = join(temporaryFolder(), 'copy.db');
    cpSync(file, copy);
    chmodSync(copy, 0o400);
    const copied = SqliteTreeStore.openForReading(copy);
    expect(await copied.ledger()).toBe(LEDGER);
    await copied.close();
  });

  it('is told from what is no tree, a tree of another ledger, and one of a later version; none of them is touched', async () => {
    const folder = temporaryFolder();
    const text = join(folder, 'text');
    writeFileSync(text, 'no database at all, and long enough to be taken for one'.repeat(100));
    const foreign = join(folder, 'foreign.db');
    new Database(foreign).exec('CREATE TABLE t (x)').close();
    const newer = join(folder, 'newer.db');
    await SqliteTreeStore.open(newer, LEDGER).close();
    new Database(newer).exec("UPDATE meta SET value = 99 WHERE name = 'format'").close();

    for (const file of [text, foreign]) {
      const before = statSync(file);
      expect(() => SqliteTreeStore.open(file, LEDGER)).toThrow(NotATree);
      expect(() => SqliteTreeStore.openForReading(file)).toThrow(NotATree);
      expect(() => treeExists(file)).toThrow(NotATree);
      expect(statSync(file)).toMatchObject({ size: before.size, mtimeMs: before.mtimeMs });
    }
    expect(() => SqliteTreeStore.open(newer, LEDGER)).toThrow(TreeTooNew);
    expect(() => SqliteTreeStore.openForReading(newer)).toThrow(TreeTooNew);

    const other = join(folder, 'other.db');
    await SqliteTreeStore.open(other, 'f'.repeat(32)).close();
    expect(() => SqliteTreeStore.open(other, LEDGER)).toThrow(OtherTree);
  });

  it('does not exist where a first start left an empty file, and is made in it', async () => {
    const file = join(temporaryFolder(), 'tree.db');
    expect(treeExists(file)).toBe(false);
    writeFileSync(file, '');
    expect(treeExists(file)).toBe(false);
    expect(() => SqliteTreeStore.openForReading(file)).toThrow(NotATree);
    await SqliteTreeStore.open(file, LEDGER).close();
    expect(treeExists(file)).toBe(true);
  });

  it('is not found in a folder of its name', () => {
    const file = join(temporaryFolder(), 'tree.db');
    mkdirSync(file);
    expect(() => SqliteTreeStore.openForReading(file)).toThrow();
  });

  it('refuses by itself what changes what was published, whoever asks', async () => {
    const { file, store } = await aTree();
    const edge = new Edge();
    for (let i = 0; i < 300; i++) edge.append(leafHash(Buffer.from(`${i}`)));
    const positions = Array.from({ length: 300 }, (_, i) => i + 1);
    await store.grow({ from: 0, sealed: { size: 300, position: 300 }, tiles: edge.takeGrown(), positions });
    await store.addHead({ generation: 1, number: 1, size: 300, position: 300, signedAt: '2026-03-02T12:00:00.000Z', note: 'head' });
    await store.addRefusal({ reason: 'no-leaf', noticedAt: '2026-03-02T12:00:00.000Z', detail: 'no leaf' });
    await store.close();
    const db = new Database(file);
    for (const sql of [
      'UPDATE tiles SET hashes = zeroblob(length(hashes))',
      'UPDATE tiles SET hashes = substr(hashes, 1, 32)',
      'DELETE FROM tiles',
      'UPDATE leaves SET positions = zeroblob(length(positions))',
      'DELETE FROM leaves',
      "UPDATE heads SET note = 'another'",
      'DELETE FROM heads',
      'DELETE FROM refusals',
      "UPDATE keys SET vkey = 'another'",
      'DELETE FROM keys',
      'UPDATE generations SET size = 1',
      'DELETE FROM generations',
    ]) {
      expect(() => db.exec(sql)).toThrow(/grows|never|only/);
    }
    db.close();
  });
});
