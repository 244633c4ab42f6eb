import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { type Evidence, standingOf } from '../../src/backup/published.ts';
import { SqliteEventStore } from '../../src/eventstore/sqlite.ts';
import { ED25519, formatNote, signNote, verifierKey, vkeyOf } from '../../src/integrity/signed-note.ts';
import { formatTreeHead } from '../../src/integrity/tree-head.ts';
import { appendOwn, ownEvent } from '../../src/ledger/own-event.ts';
import { Sealer } from '../../src/transparency/sealer.ts';
import { SqliteTreeStore } from '../../src/transparency/sqlite-tree-store.ts';

const NAME = 'audit.example/ledger';
const NOW = Date.parse('2026-03-01T00:00:00.000Z');
const actor = { reference: 'A'.repeat(22), kind: 'service' as const, role: 'ledger' };

const folder = mkdtempSync(join(tmpdir(), 'liggare-published-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;
const newFile = () => join(folder, `${++files}.db`);

async function logOf(events: number) {
  const store = await SqliteEventStore.open({ path: newFile() });
  for (let n = 0; n < events; n++) await appendOwn(store, 'ledger-tests', [event(`e-${n}`)]);
  return store;
}
const event = (id: string) =>
  ownEvent({ source: 'urn:liggare:tests', id, type: 'MasterKeyRotated', now: NOW, actor, data: { generation: 1 } });

/** The first events of a log, as an older copy of its file has them. */
class Prefix {
  constructor(
    private readonly of: SqliteEventStore,
    private readonly length: number,
  ) {}
  async readAll(position: number, limit: number) {
    return (await this.of.readAll(position, limit)).filter((one) => one.position <= this.length);
  }
  async head() {
    return Math.min(this.length, await this.of.head());
  }
}

interface Key {
  vkey: string;
  privateKey: KeyObject;
  verifier: ReturnType<typeof verifierKey>;
}
function newKey(origin: string): Key {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const verifier = verifierKey(origin, ED25519, publicKey);
  return { vkey: vkeyOf(verifier), privateKey, verifier };
}

const note = (key: Key, size: number, root: Buffer, origin = key.verifier.name): string => {
  const text = formatTreeHead({ origin, size, root });
  return formatNote({ text, signatures: [signNote(text, key.verifier, key.privateKey)] });
};

/** A tree over a log, with a head of so many leaves and then more without one. */
async function treeOver(log: SqliteEventStore, signed: number, sealed = signed) {
  const file = newFile();
  const tree = SqliteTreeStore.open(file, 'ab'.repeat(16));
  const key = newKey(`${NAME}/1`);
  const startedAt = new Date(NOW).toISOString();
  await tree.begin({ number: 1, origin: `${NAME}/1`, startedAt }, { generation: 1, vkey: key.vkey, createdAt: startedAt });
  for (const end of [signed, sealed]) {
    const prefix = new Prefix(log, end);
    const sealer = await Sealer.open({ log: prefix, store: tree, keys: [{ ...key, recordedAt: 1 }], now: () => NOW });
    await sealer.check();
    while (await sealer.page());
    if (end === signed && signed > 0) await sealer.sign();
  }
  return { tree, key, file };
}

let log: SqliteEventStore;
beforeAll(async () => {
  log = await logOf(700);
}, 60_000);
afterAll(() => log.close());

type Given = Partial<Omit<Evidence, 'store'>> & { store?: unknown };
const standing = (given: Given) => standingOf({ store: log, name: NAME, origins: [], now: NOW, ...given } as Evidence);

describe('a log agrees with what was published of it', () => {
  it('where it leads to the last head, and has more', async () => {
    const { tree } = await treeOver(log, 600, 650);
    const { head, disagreement, ...rest } = await standing({ tree, origins: [`${NAME}/1`] });
    expect(disagreement).toBeUndefined();
    expect(head).toMatchObject({ origin: `${NAME}/1`, generation: 1, size: 600, isVerified: true, from: 'tree' });
    expect(rest).toEqual({ name: NAME, generation: 1, sealed: 650 });
  });

  it('where nothing ever was', async () => {
    expect(await standing({})).toEqual({ name: NAME, generation: 0, sealed: 0 });
  });

  it('where it leads to a head that somebody saved, before or after the last one of the tree', async () => {
    const { tree, key } = await treeOver(log, 300);
    const later = await (await treeOver(log, 600)).tree.lastHead();
    const root = Buffer.from((later?.note ?? '').split('\n')[2] as string, 'base64');
    const saved = await standing({ tree, note: note(key, 600, root) });
    expect(saved.disagreement).toBeUndefined();
    expect(saved.head).toMatchObject({ size: 600, isVerified: true, from: 'note' });
    // Signed by a key that came after the copy of the tree: it counts, and that it could not be checked is told.
    const rotated = await standing({ tree, note: note(newKey(`${NAME}/1`), 600, root) });
    expect(rotated.disagreement).toBeUndefined();
    expect(rotated.head).toMatchObject({ size: 600, isVerified: false });
    const { tree: whole, key: same } = await treeOver(log, 650);
    const earlier = await standing({ tree: whole, note: note(same, 600, root) });
    expect(earlier.disagreement).toBeUndefined();
    expect(earlier.head).toMatchObject({ size: 650, from: 'tree' });
  });
});

describe('a log does not agree', () => {
  it('where it is shorter than the last head, or than what was sealed', async () => {
    const { tree } = await treeOver(log, 600);
    expect((await standing({ tree, store: new Prefix(log, 599) })).disagreement).toMatchObject({ reason: 'log-shorter-than-head' });
    const { tree: unsigned } = await treeOver(log, 500, 600);
    expect((await standing({ tree: unsigned, store: new Prefix(log, 599) })).disagreement).toMatchObject({ position: 600, index: 599 });
    // The evidence is kept.
    expect(await tree.refusals()).toEqual([expect.objectContaining({ reason: 'log-shorter-than-head', head: expect.any(String) })]);
  });

  it('where an event is another one, be it the first', async () => {
    for (const at of [1, 256, 600]) {
      const { tree } = await treeOver(log, 600);
      const changed = {
        readAll: async (position: number, limit: number) =>
          (await log.readAll(position, limit)).map((one) =>
            one.position === at ? { ...one, recordedAt: '2020-01-01T00:00:00.000Z' } : one,
          ),
        head: () => log.head(),
      };
      expect((await standing({ tree, store: changed })).disagreement).toMatchObject({
        reason: 'event-changed',
        position: at,
        index: at - 1,
      });
    }
  });

  it('where tiles or the head were changed', async () => {
    const { tree, file } = await treeOver(log, 600);
    const db = new Database(file);
    db.exec('DROP TRIGGER tiles_grow');
    db.prepare('UPDATE tiles SET hashes = CAST(zeroblob(32) || substr(hashes, 33) AS BLOB) WHERE level = 0 AND tile = 1').run();
    expect((await standing({ tree })).disagreement).toMatchObject({ reason: 'tiles-changed' });

    const changed = await treeOver(log, 600);
    const heads = new Database(changed.file);
    heads.exec("DROP TRIGGER heads_never_updated; UPDATE heads SET note = replace(note, '600', '599')");
    const found = await standing({ tree: changed.tree });
    expect(found).toMatchObject({ disagreement: { reason: 'head-changed' }, generation: 1 });
    expect(found).not.toHaveProperty('head');
    db.close();
    heads.close();
  });

  it('where it does not lead to a head that somebody saved', async () => {
    const { tree, key } = await treeOver(log, 300);
    for (const [size, detail] of [
      [701, 'has 700 events'],
      [600, 'the first 600 events'],
      [200, 'the first 200 events'],
    ] as const) {
      const saved = note(key, size, Buffer.alloc(32, 1));
      expect(await standing({ tree, note: saved })).toMatchObject({
        disagreement: { reason: 'witness-ahead', detail: expect.stringContaining(detail), head: saved },
        head: size > 300 ? { size, from: 'note' } : { size: 300, from: 'tree' },
      });
    }
  });

  it('where a later tree was begun, as a saved head, the keys or the log tell', async () => {
    const { tree, key } = await treeOver(log, 300);
    const later = note(newKey(`${NAME}/3`), 10, Buffer.alloc(32, 1));
    expect(await standing({ tree, note: later })).toMatchObject({
      generation: 3,
      disagreement: { reason: 'witness-ahead', head: later },
      head: { generation: 3, size: 10, isVerified: false },
    });
    expect(await standing({ tree, origins: [`${NAME}/1`, `${NAME}/2`] })).toMatchObject({
      generation: 2,
      disagreement: { reason: 'tree-older' },
      head: { generation: 1, size: 300 },
    });
    expect(await standing({ origins: [`${NAME}/1`] })).toMatchObject({ generation: 1, disagreement: { reason: 'tree-missing' } });
    expect(await standing({ note: note(key, 1, Buffer.alloc(32)) })).toMatchObject({
      generation: 1,
      disagreement: { reason: 'witness-ahead' },
    });
  });

  it('where a witness has seen what is not here', async () => {
    const { tree } = await treeOver(log, 300);
    await tree.addRefusal({ reason: 'witness-ahead', noticedAt: new Date(NOW).toISOString(), detail: 'a witness has seen 900' });
    expect((await standing({ tree })).disagreement).toMatchObject({ reason: 'witness-ahead', detail: 'a witness has seen 900' });
  });
});

describe('a saved head is refused', () => {
  it('where it is none, of another log, or not as a key of the ledger signed it', async () => {
    const { tree, key } = await treeOver(log, 300);
    const forged = note(key, 200, Buffer.alloc(32, 1)).replace('\n200\n', '\n201\n');
    for (const [text, message] of [
      ['nothing of the kind', 'no tree head'],
      [note(newKey('another/1'), 1, Buffer.alloc(32)), 'one of another/1'],
      [note(newKey(NAME), 1, Buffer.alloc(32)), `one of ${NAME}`],
      [forged, 'is wrong'],
    ]) {
      await expect(standing({ tree, note: text as string })).rejects.toMatchObject({
        name: 'BackupRefused',
        message: expect.stringContaining(message as string),
      });
    }
  });
});
