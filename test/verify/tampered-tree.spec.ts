import { generateKeyPairSync } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type Database from 'better-sqlite3';
import fc from 'fast-check';
import { leafHash } from '../../src/integrity/merkle.ts';
import { ED25519, formatNote, parseVkey, signNote, verifierKey, vkeyOf } from '../../src/integrity/signed-note.ts';
import { formatTreeHead } from '../../src/integrity/tree-head.ts';
import { leafBytes } from '../../src/ledger/leaf.ts';
import { Edge } from '../../src/transparency/edge.ts';
import { LogFile } from '../../src/verify/log-file.ts';
import { Folders, grow, INTACT, ledgerOf, serving, signed, tamper, verified } from './given.ts';

const folders = new Folders();
let untouched: string;
let heads: string[];
let size: number;
let headCount: number;

beforeAll(async () => {
  untouched = folders.new();
  heads = await ledgerOf(untouched, [290, 40, 240]);
  const found = await verified(untouched);
  size = found.size as number;
  headCount = found.heads as number;
});
afterAll(() => folders.remove());

async function tampered(change: (db: Database.Database) => void, of = untouched) {
  const folder = folders.copy(of);
  tamper(folder, 'tree.db', change);
  return verified(folder, { workers: 1 });
}

/** One bit of the bytes in a column. */
function flip(db: Database.Database, table: string, column: string, where: string, at: number): void {
  const row = db.prepare(`SELECT rowid AS rowid, ${column} AS bytes FROM ${table} WHERE ${where}`).get() as {
    rowid: number;
    bytes: Buffer;
  };
  const bytes = Buffer.from(row.bytes);
  (bytes as Uint8Array)[at] = (bytes[at] as number) ^ 0x10;
  db.prepare(`UPDATE ${table} SET ${column} = ? WHERE rowid = ?`).run(bytes, row.rowid);
}

const tile = (level: number, index: number) => `level = ${level} AND tile = ${index}`;

describe('given a tile of level 0 that somebody changed', () => {
  test('one hash of it: that tile and leaf are named, and no event', async () => {
    for (const leaf of [0, 17, 255, 256, 511, 512, size - 1]) {
      const at = Math.floor(leaf / 256);
      const found = await tampered((db) => flip(db, 'tiles', 'hashes', tile(0, at), (leaf % 256) * 32 + 5));
      expect(found).toMatchObject({ verdict: 'tampered', first: { kind: 'tile', index: leaf, tile: `tile/0/00${at}` } });
      expect(found.found).toEqual({ tile: 1 });
    }
  });

  test.each([
    ['taken out', (db: Database.Database, at: number) => void db.prepare(`DELETE FROM tiles WHERE ${tile(0, at)}`).run()],
    [
      'cut',
      (db: Database.Database, at: number) => void db.prepare(`UPDATE tiles SET hashes = substr(hashes, 1, 64) WHERE ${tile(0, at)}`).run(),
    ],
  ])('%s: it is named', async (_, change) => {
    for (const at of [0, 1, 2]) {
      const found = await tampered((db) => change(db, at));
      expect(found).toMatchObject({ verdict: 'tampered', first: { kind: 'tile', tile: `tile/0/00${at}` } });
      expect(found.found).toEqual({ tile: 1 });
    }
  });

  test('exchanged with another one: both are named', async () => {
    const found = await tampered((db) => {
      const hashes = (at: number) =>
        db
          .prepare(`SELECT hashes FROM tiles WHERE ${tile(0, at)}`)
          .pluck()
          .get();
      const [one, other] = [hashes(0), hashes(1)];
      db.prepare(`UPDATE tiles SET hashes = ? WHERE ${tile(0, 0)}`).run(other);
      db.prepare(`UPDATE tiles SET hashes = ? WHERE ${tile(0, 1)}`).run(one);
    });
    expect(found.findings).toMatchObject([
      { kind: 'tile', tile: 'tile/0/000', index: 0 },
      { kind: 'tile', tile: 'tile/0/001', index: 256 },
    ]);
  });
});

describe('given more tiles, or wider ones, than were sealed', () => {
  test.each([
    ['a hash more in the last tile', `UPDATE tiles SET hashes = CAST(hashes || zeroblob(32) AS BLOB) WHERE ${tile(0, 2)}`, 'tile/0/002'],
    ['a tile behind the last one', `INSERT INTO tiles (generation, level, tile, hashes) VALUES (1, 0, 3, zeroblob(32))`, 'tile/0/003'],
    [
      'a tile of a level that there is not',
      `INSERT INTO tiles (generation, level, tile, hashes) VALUES (1, 2, 0, zeroblob(32))`,
      'tile/2/000',
    ],
    ['a tile before the first one', `INSERT INTO tiles (generation, level, tile, hashes) VALUES (1, 0, -1, zeroblob(32))`, 'tile/0/-1'],
  ])('%s: it is named', async (_, sql, name) => {
    const found = await tampered((db) => void db.prepare(sql).run());
    expect(found).toMatchObject({ verdict: 'tampered', first: { kind: 'tile', tile: name } });
  });
});

describe('given a tile above level 0 that somebody changed', () => {
  test('it is named, and no leaf below it', async () => {
    for (const hash of [0, 1]) {
      const found = await tampered((db) => flip(db, 'tiles', 'hashes', tile(1, 0), hash * 32 + 31));
      expect(found).toMatchObject({ verdict: 'tampered', first: { kind: 'tile', tile: 'tile/1/000', index: hash * 256 } });
      expect(found.found).toEqual({ tile: 1 });
    }
    const gone = await tampered((db) => void db.prepare(`DELETE FROM tiles WHERE ${tile(1, 0)}`).run());
    expect(gone.found).toEqual({ tile: 1 });
  });
});

describe('given that somebody changed which event is which leaf', () => {
  const at = (leaf: number) => `tile = ${Math.floor(leaf / 256)}`;

  test('one position: that leaf is named', async () => {
    for (const leaf of [0, 100, 255, 256, 511, size - 1]) {
      const found = await tampered((db) => flip(db, 'leaves', 'positions', at(leaf), (leaf % 256) * 8 + 6));
      expect(found.verdict).toBe('tampered');
      expect(found.findings).toContainEqual(expect.objectContaining({ kind: 'position', index: leaf }));
      expect(Object.keys(found.found).filter((kind) => kind.startsWith('event'))).toEqual([]);
    }
  });

  test.each([
    ['a row that is gone', 'DELETE FROM leaves WHERE tile = 1'],
    ['a row that is cut', 'UPDATE leaves SET positions = substr(positions, 1, 16) WHERE tile = 1'],
    ['where a row says that it begins', 'UPDATE leaves SET first = first - 1 WHERE tile = 1'],
    ['a row more', 'INSERT INTO leaves (generation, tile, first, positions) VALUES (1, 3, 100000, zeroblob(8))'],
    ['where the tree ends', 'UPDATE generations SET position = position - 1'],
  ])('%s: it is found, and no event is blamed', async (_, sql) => {
    const found = await tampered((db) => void db.prepare(sql).run());
    expect(found.verdict).toBe('tampered');
    expect(found.found['position']).toBeGreaterThan(0);
    expect(Object.keys(found.found).filter((kind) => kind.startsWith('event') || kind === 'tile')).toEqual([]);
  });

  test('a tree that is said to be smaller has more of everything than it should', async () => {
    const found = await tampered((db) => void db.prepare('UPDATE generations SET size = size - 300').run());
    expect(found.verdict).toBe('tampered');
    expect(found.found['tile']).toBeGreaterThan(0);
  });

  test('a tree that is said to be larger lacks leaves', async () => {
    expect((await tampered((db) => void db.prepare('UPDATE generations SET size = size + 300').run())).verdict).toBe('tampered');
  });
});

describe('given a head that somebody changed', () => {
  const NOTES: [string, (note: string) => string][] = [
    ['its size', (note) => note.replace(/\n(\d+)\n/, (_, leaves) => `\n${Number(leaves) + 1}\n`)],
    ['its root', (note) => note.replace(/\n(\d+)\n./, '\n$1\nA')],
    ['its origin', (note) => note.replace(/^[^\n]+/, 'elsewhere/1')],
    ['its signature', (note) => note.replace(/.{8}=\n$/, 'AAAAAAA=\n')],
    ['that it is signed', (note) => note.replace(/— .*\n$/, '')],
    ['all of it', () => 'nothing'],
  ];
  test.each(NOTES)('%s: it is named', async (_, change) => {
    for (const number of [1, 2, headCount]) {
      const found = await tampered((db) => {
        const note = db.prepare('SELECT note FROM heads WHERE number = ?').pluck().get(number) as string;
        expect(change(note)).not.toBe(note);
        db.prepare('UPDATE heads SET note = ? WHERE number = ?').run(change(note), number);
      });
      expect(found).toMatchObject({ verdict: 'tampered', first: { kind: 'head', head: number } });
      expect(found.found).toEqual({ head: 1 });
    }
  });

  test.each([
    ['the size that it is kept under', 'size = size - 1'],
    ['the position that it is kept under', 'position = position - 1'],
    ['when it was signed, to before the one before it', "signed_at = '2020-01-01T00:00:00.000Z'"],
  ])('%s: it is named', async (_, set) => {
    const found = await tampered((db) => void db.prepare(`UPDATE heads SET ${set} WHERE number = 3`).run());
    expect(found).toMatchObject({ verdict: 'tampered', first: { kind: 'head', head: 3 } });
  });

  test('taken out from among others: it is named', async () => {
    for (const number of [1, 2]) {
      const found = await tampered((db) => void db.prepare('DELETE FROM heads WHERE number = ?').run(number));
      expect(found.verdict).toBe('tampered');
      expect(found.first).toMatchObject({ kind: 'head', what: expect.stringContaining('missing') });
    }
  });

  test('exchanged with another one: both are named', async () => {
    const found = await tampered((db) => {
      const note = (number: number) => db.prepare('SELECT note FROM heads WHERE number = ?').pluck().get(number);
      const [one, other] = [note(2), note(3)];
      db.prepare('UPDATE heads SET note = ? WHERE number = 2').run(other);
      db.prepare('UPDATE heads SET note = ? WHERE number = 3').run(one);
    });
    expect(found.findings).toMatchObject([
      { kind: 'head', head: 2 },
      { kind: 'head', head: 3 },
    ]);
  });

  test('the newest one taken out: it is told by the copy that the ledger keeps of it', async () => {
    const found = await tampered((db) => void db.prepare('DELETE FROM heads WHERE number = ?').run(headCount));
    expect(found).toMatchObject({ verdict: 'tampered', first: { kind: 'head', size, what: expect.stringContaining('tree-head.note') } });
  });

  test('the newest one taken out, and that copy too: leaves that nobody signed are told, and a copy kept elsewhere still fits', async () => {
    const folder = folders.copy(untouched);
    tamper(folder, 'tree.db', (db) => void db.prepare('DELETE FROM heads WHERE number = ?').run(headCount));
    rmSync(join(folder, 'tree-head.note'));
    const found = await verified(folder, { since: { note: heads.at(-1) as string } });
    expect(found).toMatchObject({ ...INTACT, since: { size, isContinued: true } });
    expect(found.unsigned).toBeGreaterThan(0);
  });

  test('all of them taken out, and that copy too: nobody vouches for anything, and that is no "intact"', async () => {
    const folder = folders.copy(untouched);
    tamper(folder, 'tree.db', (db) => void db.prepare('DELETE FROM heads').run());
    rmSync(join(folder, 'tree-head.note'));
    expect(await verified(folder)).toMatchObject({ verdict: 'could-not-tell', hindrances: [{ obstacle: 'no-head' }] });
  });

  test.each([
    ['no head', () => 'nothing'],
    ['a head of another tree', () => (heads.at(-1) as string).replace(/^[^\n]+/, 'elsewhere/1')],
    ['a head that nobody signed', () => (heads.at(-1) as string).replace(/.{8}=\n$/, 'AAAAAAA=\n')],
  ])('the copy that the ledger keeps of the newest one is %s: it is no evidence, and that is said', async (_, text) => {
    const folder = folders.copy(untouched);
    writeFileSync(join(folder, 'tree-head.note'), text());
    const found = await verified(folder);
    expect(found).toMatchObject({ ...INTACT, notes: [expect.stringContaining('tree-head.note was passed over')] });
  });
});

const stranger = (origin: string) => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const key = verifierKey(origin, ED25519, publicKey);
  return { key, vkey: vkeyOf(key), privateKey };
};

describe('given a ring of keys that somebody changed', () => {
  const originOf = (db: Database.Database) => db.prepare('SELECT origin FROM generations').pluck().get() as string;

  test.each([
    ['a key exchanged', (db: Database.Database) => void db.prepare('UPDATE keys SET vkey = ?').run(stranger(originOf(db)).vkey)],
    [
      'a key added',
      (db: Database.Database) =>
        void db.prepare("INSERT INTO keys (generation, vkey, created_at) VALUES (1, ?, '2026-01-01')").run(stranger(originOf(db)).vkey),
    ],
    [
      'a key of another log added',
      (db: Database.Database) =>
        void db.prepare("INSERT INTO keys (generation, vkey, created_at) VALUES (1, ?, '2026-01-01')").run(stranger('elsewhere/1').vkey),
    ],
    ['what is no key', (db: Database.Database) => void db.prepare("UPDATE keys SET vkey = 'none'").run()],
    ['the key taken out', (db: Database.Database) => void db.prepare('DELETE FROM keys').run()],
  ])('%s: it is found', async (_, change) => {
    const found = await tampered(change);
    expect(found.verdict).toBe('tampered');
    expect((found.found['key'] ?? 0) + (found.found['head'] ?? 0)).toBeGreaterThan(0);
  });

  test('a tree that says that it is another generation is found', async () => {
    for (const sql of [
      "UPDATE generations SET origin = origin || 'x'",
      "INSERT INTO generations (number, origin, started_at) VALUES (2, 'liggare/2', '2026-01-01')",
    ]) {
      expect((await tampered((db) => void db.prepare(sql).run())).verdict).toBe('tampered');
    }
  });
});

/** Makes tiles and roots of all that the log has now, as whoever wants nobody to see it would. */
function remake(folder: string, upTo = Number.POSITIVE_INFINITY): Edge {
  const log = new LogFile(`${folder}/ledger.db`);
  const edge = new Edge();
  for (const { event } of log.derive(0, size)) edge.append(leafHash(leafBytes({ ...event, stream: event.stream as string })));
  log.close();
  tamper(folder, 'tree.db', (db) => {
    for (const { tile: of, hashes } of edge.takeGrown()) {
      if (of.level <= upTo) db.prepare('UPDATE tiles SET hashes = ? WHERE level = ? AND tile = ?').run(hashes, of.level, of.index);
    }
  });
  return edge;
}

const changeEvent = (folder: string, position: number) =>
  tamper(folder, 'ledger.db', (db) => void db.prepare("UPDATE events SET type = 'ComplaintReceived' WHERE position = ?").run(position));

describe('given an event that was changed, and tiles made anew to suit it', () => {
  test('of level 0 alone: the range that its tile and the heads leave is named', async () => {
    for (const position of [20, 300]) {
      const folder = folders.copy(untouched);
      changeEvent(folder, position);
      remake(folder, 0);
      const found = await verified(folder);
      const { index = 0, lastIndex = 0 } = found.first ?? {};
      expect(found.first).toMatchObject({ kind: 'history-rewritten' });
      expect([index, lastIndex].map((leaf) => Math.floor(leaf / 256))).toEqual([Math.floor(position / 256), Math.floor(position / 256)]);
      expect(index <= position - 1 && position - 1 <= lastIndex).toBe(true);
    }
  });

  test('all of them: the heads tell between which two of them it is', async () => {
    const folder = folders.copy(untouched);
    changeEvent(folder, 310);
    remake(folder);
    const found = await verified(folder);
    expect(found.first).toMatchObject({ kind: 'history-rewritten', index: expect.any(Number) });
    const { index = 0, lastIndex = 0 } = found.first ?? {};
    // Heads were signed at some 290 and 330 leaves.
    expect(index).toBeGreaterThan(280);
    expect(index).toBeLessThan(310);
    expect(lastIndex).toBeLessThan(345);
    expect(lastIndex).toBeGreaterThanOrEqual(309);
  });

  test('and heads and ring made anew under a key of their own: by itself it looks sound, to whoever trusts a key it does not', async () => {
    const folder = folders.copy(untouched);
    const own = tamper(folder, 'tree.db', (db) => {
      const origin = db.prepare('SELECT origin FROM generations').pluck().get() as string;
      return { origin, old: db.prepare('SELECT vkey FROM keys').pluck().get() as string, ...stranger(origin) };
    });
    changeEvent(folder, 310);
    tamper(folder, 'ledger.db', (db) => void db.prepare('UPDATE events SET data = replace(data, ?, ?)').run(own.old, own.vkey));
    const root = remake(folder).root();
    tamper(folder, 'tree.db', (db) => {
      const text = formatTreeHead({ origin: own.origin, size, root });
      db.prepare('UPDATE keys SET vkey = ?').run(own.vkey);
      db.prepare('DELETE FROM heads WHERE number < ?').run(headCount);
      const note = formatNote({ text, signatures: [signNote(text, own.key, own.privateKey)] });
      db.prepare('UPDATE heads SET number = 1, note = ?').run(note);
      writeFileSync(join(folder, 'tree-head.note'), note);
    });
    expect(await verified(folder)).toMatchObject(INTACT);
    expect(await verified(folder, { vkeys: [parseVkey(own.old)] })).toMatchObject({ verdict: 'tampered', first: { kind: 'key' } });
    // And so does whoever kept a head: it is one of this ledger, signed by a key that the ring does not have.
    const kept = await verified(folder, { since: { note: heads[1] as string } });
    expect(kept).toMatchObject({ verdict: 'tampered', since: { isContinued: false } });
    expect(kept.found).toMatchObject({ key: 1, 'rolled-back': 1 });
  });
});

test('given a changed event and, elsewhere, a changed tile, each is named as what it is', async () => {
  const folder = folders.copy(untouched);
  changeEvent(folder, 300);
  tamper(folder, 'tree.db', (db) => flip(db, 'tiles', 'hashes', tile(0, 0), 9 * 32));
  const found = await verified(folder);
  expect(found.findings).toMatchObject([
    { kind: 'tile', index: 9, tile: 'tile/0/000' },
    { kind: 'event-changed', index: 299 },
  ]);
});

test('given a tree of three levels, a change of any tile in it is named', async () => {
  const large = folders.new();
  await serving(large, async (client) => void (await signed(client)));
  await grow(large, 66_000);
  await serving(large, async (client) => void (await signed(client)));
  const places: [level: number, index: number, byte: number][] = [
    [0, 200, 40],
    [1, 0, 100 * 32],
    [1, 1, 0],
    [2, 0, 3],
  ];
  for (const [level, index, byte] of places) {
    const found = await tampered((db) => flip(db, 'tiles', 'hashes', tile(level, index), byte), large);
    expect(found.first).toMatchObject({ kind: 'tile', tile: `tile/${level}/${String(index).padStart(3, '0')}` });
    expect(found.found).toEqual({ tile: 1 });
  }
});

test('whatever bit is changed in the tree, it is found', async () => {
  const act = fc.record({
    of: fc.constantFrom(['tiles', 'hashes'] as const, ['leaves', 'positions'] as const),
    row: fc.nat(),
    byte: fc.nat(),
  });
  await fc.assert(
    fc.asyncProperty(act, async ({ of: [table, column], row, byte }) => {
      const found = await tampered((db) => {
        const rows = db.prepare(`SELECT id, length(${column}) AS bytes FROM ${table} ORDER BY id`).all() as { id: number; bytes: number }[];
        const { id, bytes } = rows[row % rows.length] as { id: number; bytes: number };
        flip(db, table, column, `id = ${id}`, byte % bytes);
      });
      expect(found.verdict).toBe('tampered');
      expect(Object.keys(found.found)).toContain(table === 'tiles' ? 'tile' : 'position');
    }),
    { numRuns: 15 },
  );
});

test('given read models that somebody changed, the one that differs is named', async () => {
  const changes: [string, string][] = [
    ['entries', 'DELETE FROM entries_facts WHERE position = 100'],
    ['entries', 'DELETE FROM entries_documents WHERE position = 100'],
    ['completeness', "UPDATE completeness_sources SET events = events - 1 WHERE source = 'urn:mailit:crm'"],
    ['completeness', "DELETE FROM completeness_sources WHERE source = 'urn:mailit:crm'"],
    ['quarantine', "INSERT INTO quarantine_items (position, quarantine_id, received_at, problems, state) VALUES (5, 'x', 1, '[]', 'open')"],
    ['holds', 'INSERT INTO holds_released (position, record, target) VALUES (5, zeroblob(16), zeroblob(16))'],
  ];
  for (const [projection, sql] of changes) {
    const folder = folders.copy(untouched);
    tamper(folder, 'views.db', (db) => expect(db.prepare(sql).run().changes).toBe(1));
    const found = await verified(folder, { workers: 1 });
    expect(found).toMatchObject({ verdict: 'tampered', first: { kind: 'projection', projection } });
    expect(found.projections).toContainEqual(expect.objectContaining({ name: projection, state: 'differs' }));
  }
});
