import { renameSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { checkConsistency, proveConsistency } from '../../src/integrity/merkle.ts';
import { parseNote, parseVkey, verifyNote } from '../../src/integrity/signed-note.ts';
import { hashesFrom } from '../../src/integrity/tiles.ts';
import { parseTreeHead } from '../../src/integrity/tree-head.ts';
import { SqliteTreeStore } from '../../src/transparency/sqlite-tree-store.ts';
import type { StoredHead } from '../../src/transparency/tree.ts';
import { disclosure } from '../support/write-side.ts';
import { type InProcess, ledgerInProcess } from './service.ts';

let ledger: InProcess;
beforeEach(async () => {
  ledger = await ledgerInProcess({ LIGGARE_TREE_HEAD_MS: '100' });
});
afterEach(() => ledger.close());

/** What is published, as the file has it; a service has it open. */
async function onTree<T>(read: (tree: ReturnType<typeof SqliteTreeStore.openForReading>) => Promise<T>): Promise<T> {
  const tree = SqliteTreeStore.openForReading(join(ledger.folder, 'tree.db'));
  try {
    return await read(tree);
  } finally {
    await tree.close();
  }
}
const lastHead = () => onTree((tree) => tree.lastHead());

/** Until a head covers the position. */
async function headCovering(position: number): Promise<StoredHead> {
  for (;;) {
    const head = await lastHead();
    if (head !== undefined && head.position >= position) return head;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
const readiness = async () => {
  const { status, body } = await ledger.with(undefined).send('GET', '/health/ready');
  return { status, transparency: body.details.transparency };
};
const metric = async (name: string) => new RegExp(`^${name} (\\S+)$`, 'm').exec((await ledger.send('GET', '/metrics')).text)?.[1];

it('what is recorded is covered by a signed head within moments, and the next one goes on from it, also after a restart', async () => {
  const first = await headCovering((await ledger.record([disclosure('a'), disclosure('b')])).body.position);
  await ledger.restart();
  const second = await headCovering((await ledger.record([disclosure('c')])).body.position);
  await onTree(async (tree) => {
    const ring = (await tree.keys()).map(({ vkey }) => parseVkey(vkey));
    const [old, young] = [first, second].map(({ note }) => {
      expect(verifyNote(parseNote(note), ring)).toHaveLength(1);
      return parseTreeHead(parseNote(note).text);
    }) as [ReturnType<typeof parseTreeHead>, ReturnType<typeof parseTreeHead>];
    expect(young.size).toBeGreaterThan(old.size);
    const proof = await proveConsistency(old.size, young.size, hashesFrom(tree));
    expect(checkConsistency(old.size, young.size, old.root, young.root, proof)).toBe(true);
  });
  expect((await readiness()).transparency).toMatchObject({ status: 'up', state: 'sealing' });
  expect([await metric('liggare_sealer_refusing'), Number(await metric('liggare_tree_size')) >= second.size]).toEqual(['0', true]);
});

it('an event that was changed while the service was stopped stops the signing, not the recording; put right, it is signed again', async () => {
  const head = await headCovering((await ledger.record([disclosure('a'), disclosure('b')])).body.position);
  const change = (sql: string) => (folder: string) => {
    const db = new Database(join(folder, 'ledger.db'));
    // Whoever has the file can take away what guards it.
    db.exec('DROP TRIGGER IF EXISTS events_never_updated');
    db.exec(sql);
    db.close();
  };
  await ledger.restart(
    change(`UPDATE events SET data = replace(data, 'tax-reporting', 'tax-REPORTING') WHERE data LIKE '%tax-reporting%'`),
  );
  const { status, body } = await ledger.record([disclosure('c')]);
  expect([status, body.recorded]).toEqual([200, 1]);
  while ((await readiness()).status !== 503 || (await readiness()).transparency.state !== 'refusing');
  expect((await readiness()).transparency).toMatchObject({ status: 'down', state: 'refusing', reason: 'event-changed' });
  expect(await metric('liggare_sealer_refusing')).toBe('1');
  expect(await lastHead()).toEqual(head);
  expect(await onTree((tree) => tree.refusals())).toMatchObject([{ reason: 'event-changed', head: head.note }]);

  await ledger.restart(change(`UPDATE events SET data = replace(data, 'tax-REPORTING', 'tax-reporting')`));
  expect((await headCovering(body.position)).number).toBe(head.number + 1);
  expect((await readiness()).transparency).toMatchObject({ status: 'up', state: 'sealing' });
  expect(await onTree((tree) => tree.refusals())).toMatchObject([{ clearedAt: expect.any(String) }]);
});

it('a tree that is gone is not made anew', async () => {
  await headCovering((await ledger.record([disclosure('a')])).body.position);
  const moved = (from: string, to: string) => (folder: string) => renameSync(join(folder, from), join(folder, to));
  await expect(ledger.restart(moved('tree.db', 'elsewhere.db'))).rejects.toThrow(/tree\.db is not/);
  await ledger.restart(moved('elsewhere.db', 'tree.db'));
  expect((await readiness()).transparency).toMatchObject({ status: 'up' });
});
