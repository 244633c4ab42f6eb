import { join } from 'node:path';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { v7 } from 'uuid';
import type { Finding } from '../../src/verify/result.ts';
import { Folders, grow, INTACT, ledgerOf, serving, signed, tamper, verified } from './given.ts';

const folders = new Folders();
let untouched: string;
let size: number;

beforeAll(async () => {
  untouched = folders.new();
  await ledgerOf(untouched, [290, 40, 240]);
  ({ size = 0 } = await verified(untouched));
  expect(size).toBeGreaterThan(2 * 256);
});
afterAll(() => folders.remove());

type Change = (db: Database.Database, position: number) => void;

/** Of a stored entry, whoever's it is. */
function rewrite(db: Database.Database, position: number, change: (entry: { data: Record<string, unknown> }) => void): void {
  const { data } = db.prepare('SELECT data FROM events WHERE position = ?').get(position) as { data: string };
  const entry = JSON.parse(data);
  change(entry);
  db.prepare('UPDATE events SET data = ? WHERE position = ?').run(JSON.stringify(entry), position);
}

/** Moves all events from a position on. */
function move(db: Database.Database, from: number, by: number): void {
  db.prepare('UPDATE events SET position = -position WHERE position >= ?').run(from);
  db.prepare('UPDATE events SET position = -position + ? WHERE position < 0').run(by);
}

function insertCopy(db: Database.Database, of: number, at: number): void {
  const row = db.prepare('SELECT * FROM events WHERE position = ?').get(of) as Record<string, unknown>;
  const revision = db.prepare('SELECT max(revision) + 1 FROM events WHERE stream = ?').pluck().get(row['stream']);
  const id = Buffer.from(v7().replaceAll('-', ''), 'hex');
  db.prepare('INSERT INTO events VALUES (:position, :stream, :revision, :id, :type, :recorded_at, :key, :data, :metadata)').run({
    ...row,
    ...{ position: at, revision, id },
  });
}

const CHANGES: Record<string, Change> = {
  'what it says': (db, position) => rewrite(db, position, ({ data }) => (data['purpose'] = 'marketing')),
  'whom it is about': (db, position) => rewrite(db, position, ({ data }) => (data['subjects'] = [{ reference: 'AAAAAAAAAAAAAAAAAAAAAA' }])),
  'who did it': (db, position) =>
    rewrite(db, position, ({ data }) => ((data['actor'] as { reference: string }).reference = 'AAAAAAAAAAAAAAAAAAAAAA')),
  'its type': (db, position) => db.prepare("UPDATE events SET type = 'ComplaintReceived' WHERE position = ?").run(position),
  'when it was recorded': (db, position) => db.prepare('UPDATE events SET recorded_at = recorded_at + 1 WHERE position = ?').run(position),
  'its revision': (db, position) => db.prepare('UPDATE events SET revision = 1000000 WHERE position = ?').run(position),
  'its stream': (db, position) => {
    db.prepare("INSERT INTO streams (number, name) VALUES (1000, 'processing-urn:elsewhere')").run();
    db.prepare('UPDATE events SET stream = 1000, revision = 0 WHERE position = ?').run(position);
  },
  'its JSON, which is none any more': (db, position) => db.prepare("UPDATE events SET data = '{' WHERE position = ?").run(position),
  'its entry, which is none any more': (db, position) => db.prepare("UPDATE events SET data = '[null]' WHERE position = ?").run(position),
  'its numbers, which no number holds': (db, position) =>
    db.prepare('UPDATE events SET revision = 9007199254740993, recorded_at = 9223372036854775807 WHERE position = ?').run(position),
};

/** Copies the folder, changes it, verifies it. */
async function tampered(change: (db: Database.Database) => void) {
  const folder = folders.copy(untouched);
  tamper(folder, 'ledger.db', change);
  return verified(folder, { workers: 1 });
}

/** First, behind a tile's edge, and last. */
const places = () => [1, 257, size];

const changed = (position: number): Partial<Finding> => ({ kind: 'event-changed', index: position - 1, position });

describe.each(Object.entries(CHANGES))('given an event of which somebody changed %s', (what, change) => {
  test('that event is named, wherever it stands', async () => {
    for (const position of places()) {
      const found = await tampered((db) => change(db, position));
      expect(found).toMatchObject({ verdict: 'tampered', first: { kind: 'event-changed', index: position - 1, position } });
      expect(found.found['event-changed']).toBe(1);
      if (what === 'what it says') {
        const { stream, revision, type, source, id } = found.first as Finding;
        expect([stream, revision, type, source, id].every((part) => part !== undefined)).toBe(true);
      }
    }
  });
});

describe('given an event that somebody took out', () => {
  test('it is named, whether a gap is left or not', async () => {
    for (const position of places()) {
      for (const isGapLeft of [true, false]) {
        const found = await tampered((db) => {
          db.prepare('DELETE FROM events WHERE position = ?').run(position);
          if (!isGapLeft) move(db, position + 1, -1);
        });
        expect(found).toMatchObject({ verdict: 'tampered', first: { kind: 'event-missing', index: position - 1, position } });
        expect(found.found['event-missing']).toBe(1);
        expect(found.found['event-changed']).toBeUndefined();
      }
    }
  });

  test('its stream and revision are told by the gap that it left there', async () => {
    const row = at(300, 'SELECT name AS stream, revision FROM events JOIN streams ON number = stream WHERE position = ?');
    const found = await tampered((db) => void db.prepare('DELETE FROM events WHERE position = 300').run());
    expect(found.findings).toEqual([expect.objectContaining({ kind: 'event-missing', index: 299, ...row })]);
  });

  test('many of them are counted, and the first of them are named', async () => {
    const found = await tampered((db) => void db.prepare('DELETE FROM events WHERE position BETWEEN 100 AND 199').run());
    expect(found.first).toMatchObject({ kind: 'event-missing', index: 99 });
    expect(found.found['event-missing']).toBe(100);
    expect(found.findings.filter(({ kind }) => kind === 'event-missing').length).toBe(20);
  });
});

describe('given a log that somebody cut off', () => {
  test('the first event that is missing is named, and how many there were', async () => {
    for (const position of [1, 256, size]) {
      const found = await tampered((db) => void db.prepare('DELETE FROM events WHERE position >= ?').run(position));
      expect(found).toMatchObject({ verdict: 'tampered', first: { kind: 'event-missing', index: position - 1, lastIndex: size - 1 } });
      expect(found.found['event-missing']).toBe(size - position + 1);
    }
  });
});

describe('given an event that somebody put among others', () => {
  test('it is named, and none of those behind it', async () => {
    for (const position of places()) {
      const found = await tampered((db) => {
        move(db, position, 1);
        insertCopy(db, position === 5 ? 6 : 5 + (position <= 5 ? 1 : 0), position);
      });
      expect(found).toMatchObject({ verdict: 'tampered', first: { kind: 'event-inserted', index: position - 1, position } });
      expect(found.found).toEqual({ 'event-inserted': 1 });
    }
  });

  test('also where no position should be', async () => {
    for (const position of [0, -5, -9007199254740993n, 9007199254740993n]) {
      const found = await tampered((db) => insertCopy(db, 5, position as number));
      expect(found.verdict).toBe('tampered');
      expect(found.found['event-inserted']).toBe(1);
    }
  });
});

describe('given two events that somebody exchanged', () => {
  test('both are named where they changed places', async () => {
    for (const [one, other] of [
      [1, 2],
      [10, 200],
      [255, 258],
      [size - 1, size],
    ] as const) {
      const found = await tampered((db) => {
        db.prepare('UPDATE events SET position = -1 WHERE position = ?').run(one);
        db.prepare('UPDATE events SET position = ? WHERE position = ?').run(one, other);
        db.prepare('UPDATE events SET position = ? WHERE position = -1').run(other);
      });
      expect(found).toMatchObject({ verdict: 'tampered', first: { kind: 'events-exchanged', index: one - 1, lastIndex: other - 1 } });
      expect(found.found['events-exchanged']).toBe(1);
      expect(found.found['event-changed']).toBeUndefined();
    }
  });

  test('of what they say alone: both are changed', async () => {
    const found = await tampered((db) => {
      const data = (position: number) => db.prepare('SELECT data FROM events WHERE position = ?').pluck().get(position);
      const [one, other] = [data(50), data(450)];
      db.prepare('UPDATE events SET data = ? WHERE position = 50').run(other);
      db.prepare('UPDATE events SET data = ? WHERE position = 450').run(one);
    });
    expect(found.findings.filter(({ kind }) => kind === 'event-changed')).toMatchObject([changed(50), changed(450)]);
  });
});

test('given several events that were changed, taken out and added, each is named, the first one first', async () => {
  const found = await tampered((db) => {
    CHANGES['what it says']?.(db, 480);
    db.prepare('DELETE FROM events WHERE position = 300').run();
    move(db, 20, 1);
    insertCopy(db, 5, 20);
  });
  const events = found.findings.filter(({ kind }) => kind !== 'revision');
  expect(events.map(({ kind, index }) => [kind, index])).toEqual([
    ['event-inserted', 19],
    ['event-missing', 299],
    ['event-changed', 479],
  ]);
});

test('given a stream that somebody gave another name, all of its events are changed', async () => {
  const found = await tampered(
    (db) => void db.prepare("UPDATE streams SET name = name || '-x' WHERE name = 'processing-urn:mailit:crm'").run(),
  );
  const first = at(
    0,
    "SELECT min(position) AS position FROM events JOIN streams ON number = stream WHERE name = 'processing-urn:mailit:crm' OR ? < 0",
  );
  expect(found.first).toMatchObject({ kind: 'event-changed', stream: 'processing-urn:mailit:crm-x', ...first });
});

describe('given what a leaf does not show', () => {
  const ODD: [string, (text: string) => string][] = [
    ['a member that entries do not have', (text) => text.replace('{', '{"note":"x",')],
    ['a member twice', (text) => text.replace('{', '{"format":1,')],
    ['a member of a subject that subjects do not have', (text) => text.replace('"subjects":[{', '"subjects":[{"name":"x",')],
    ['the same JSON with spaces', (text) => text.replace(',', ', ')],
    ['the same sealed bytes in other letters', (text) => text.replace(/("sealed":")([^"]{8})/, '$1$2\\u000a')],
  ];
  test.each(ODD)('%s: the event is named', async (_, change) => {
    const position = 400;
    const found = await tampered((db) => {
      const { data } = db.prepare('SELECT data FROM events WHERE position = ?').get(position) as { data: string };
      expect(change(data)).not.toBe(data);
      db.prepare('UPDATE events SET data = ? WHERE position = ?').run(change(data), position);
    });
    expect(found).toMatchObject({ verdict: 'tampered', first: { kind: 'event-form', index: position - 1, position } });
  });

  test.each([
    ["another's", 'zeroblob(16)'],
    ['gone, so that the same record could be recorded again', 'NULL'],
  ])("a record's key that is %s: the event is named", async (_, key) => {
    const found = await tampered((db) => void db.prepare(`UPDATE events SET key = ${key} WHERE position = 400`).run());
    expect(found).toMatchObject({ verdict: 'tampered', first: { kind: 'event-form', position: 400 } });
    expect(found.found).toEqual({ 'event-form': 1 });
  });
});

test('whatever is changed of any event, it is found, and the place named', async () => {
  const names = Object.keys(CHANGES);
  const act = fc.record({
    deed: fc.constantFrom<string>(...names, 'delete', 'close the gap', 'insert', 'swap', 'cut off'),
    one: fc.integer({ min: 1, max: size - 1 }),
    further: fc.integer({ min: 1, max: 100 }),
  });
  await fc.assert(
    fc.asyncProperty(act, async ({ deed, one, further }) => {
      const other = Math.min(size, one + further);
      const found = await tampered((db) => {
        if (deed in CHANGES) CHANGES[deed]?.(db, one);
        else if (deed === 'swap') {
          db.prepare('UPDATE events SET position = -1 WHERE position = ?').run(one);
          db.prepare('UPDATE events SET position = ? WHERE position = ?').run(one, other);
          db.prepare('UPDATE events SET position = ? WHERE position = -1').run(other);
        } else if (deed === 'insert') {
          move(db, one, 1);
          insertCopy(db, one + 1, one);
        } else {
          db.prepare(`DELETE FROM events WHERE position ${deed === 'cut off' ? '>=' : '='} ?`).run(one);
          if (deed === 'close the gap') move(db, one + 1, -1);
        }
      });
      expect(found).toMatchObject({ verdict: 'tampered', first: { index: one - 1 } });
    }),
    { numRuns: 12 },
  );
});

test('given a changed event in a tree of three levels, it is named; beside it, each of two more', async () => {
  const large = folders.new();
  await serving(large, async (client) => void (await signed(client)));
  await grow(large, 66_000);
  await serving(large, async (client) => void (await signed(client)));
  expect(await verified(large)).toMatchObject({ ...INTACT, unsigned: 0 });
  tamper(large, 'ledger.db', (db) => {
    for (const position of [3_000, 40_000, 65_900]) CHANGES['who did it']?.(db, position);
  });
  const found = await verified(large);
  expect(found.findings).toMatchObject([changed(3_000), changed(40_000), changed(65_900)]);
  expect(found.found).toEqual({ 'event-changed': 3 });
});

function at(position: number, sql: string): Record<string, unknown> {
  const db = new Database(join(untouched, 'ledger.db'), { readonly: true });
  try {
    return db.prepare(sql).get(position) as Record<string, unknown>;
  } finally {
    db.close();
  }
}
