import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { SqliteEventStore } from '../../src/eventstore/sqlite.ts';
import { SqliteLogReader } from '../../src/eventstore/sqlite-reader.ts';
import { ED25519, verifierKey, vkeyOf } from '../../src/integrity/signed-note.ts';
import { appendOwn, ownEvent } from '../../src/ledger/own-event.ts';
import { Sealer } from '../../src/transparency/sealer.ts';
import { SqliteTreeStore } from '../../src/transparency/sqlite-tree-store.ts';
import { Folders, grow, INTACT, tamper, verified } from './given.ts';

const folders = new Folders();
afterAll(() => folders.remove());

const NOW = Date.parse('2026-03-02T12:00:00.000Z');

/** A log whose positions have gaps, as another store has them, sealed as it is. */
async function givenGaps(): Promise<string> {
  const folder = folders.new();
  mkdirSync(folder);
  const file = join(folder, 'ledger.db');
  const store = await SqliteEventStore.open({ path: file });
  const reader = new SqliteLogReader(file);
  const ledger = reader.ledger();
  reader.close();
  const origin = `liggare/${ledger}/1`;
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const vkey = vkeyOf(verifierKey(origin, ED25519, publicKey));
  const actor = { reference: 'EBESExQVFhcYGRobHB0eHw', kind: 'service' };
  const key = ownEvent({ source: 'urn:liggare:tree', type: 'SealerKeyCreated', now: NOW, actor, data: { origin, vkey, generation: 1 } });
  await appendOwn(store, 'ledger-tree', [key]);
  await store.close();
  await grow(folder, 700);
  tamper(folder, 'ledger.db', (db) => {
    db.exec('UPDATE events SET position = -position');
    db.exec('UPDATE events SET position = position * -3 + 1000 * (position < -300)');
  });
  const tree = SqliteTreeStore.open(join(folder, 'tree.db'), ledger);
  const startedAt = new Date(NOW).toISOString();
  await tree.begin({ number: 1, origin, startedAt }, { generation: 1, vkey, createdAt: startedAt });
  const log = new SqliteLogReader(file);
  const sealer = await Sealer.open({ log, store: tree, keys: [{ vkey, privateKey, recordedAt: 3 }], now: () => NOW }, { pageEvents: 200 });
  await sealer.check();
  while (await sealer.page()) await sealer.sign();
  log.close();
  await tree.close();
  return folder;
}

test('given a log whose positions have gaps, it is intact; what was added in a gap, or changed, is named', async () => {
  const folder = await givenGaps();
  expect(await verified(folder)).toMatchObject({ ...INTACT, size: 701, position: 3103, unsigned: 0 });

  const added = folders.copy(folder);
  tamper(added, 'ledger.db', (db) => {
    db.exec(
      'INSERT INTO events SELECT 1000, stream, 100000, randomblob(16), type, recorded_at, NULL, data, metadata FROM events WHERE position = 900',
    );
  });
  expect(await verified(added)).toMatchObject({ verdict: 'tampered', first: { kind: 'event-inserted', index: 300, position: 1000 } });

  const changed = folders.copy(folder);
  tamper(changed, 'ledger.db', (db) => void db.exec("UPDATE events SET type = 'ComplaintReceived' WHERE position = 900"));
  expect(await verified(changed)).toMatchObject({ verdict: 'tampered', first: { kind: 'event-changed', index: 299, position: 900 } });

  const gone = folders.copy(folder);
  tamper(gone, 'ledger.db', (db) => void db.exec('DELETE FROM events WHERE position = 900'));
  expect(await verified(gone)).toMatchObject({ verdict: 'tampered', first: { kind: 'event-missing', index: 299, position: 900 } });

  const moved = folders.copy(folder);
  tamper(moved, 'ledger.db', (db) => void db.exec('UPDATE events SET position = 901 WHERE position = 900'));
  expect(await verified(moved)).toMatchObject({ verdict: 'tampered', first: { kind: 'position', index: 299, position: 901 } });
});
