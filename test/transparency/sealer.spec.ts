import { copyFileSync, rmSync } from 'node:fs';
import { jest } from '@jest/globals';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { checkConsistency, checkInclusion, EMPTY_ROOT, proveConsistency, proveInclusion, rootOf } from '../../src/integrity/merkle.ts';
import { parseNote, parseVkey, verifyNote } from '../../src/integrity/signed-note.ts';
import { hashesFrom } from '../../src/integrity/tiles.ts';
import { parseTreeHead } from '../../src/integrity/tree-head.ts';
import { Edge } from '../../src/transparency/edge.ts';
import { Sealer, type SealerOptions } from '../../src/transparency/sealer.ts';
import { SqliteTreeStore } from '../../src/transparency/sqlite-tree-store.ts';
import { type RefusalReason, SealerReplaced, type StoredHead, type TreeStore } from '../../src/transparency/tree.ts';
import { anEvent, aSigningKey, aTree, ChangeableLog, hashOf, LEDGER, NOW, ORIGIN, removeTemporaryFolders, ringKey } from './given.ts';

afterEach(removeTemporaryFolders);

type Tree = Awaited<ReturnType<typeof aTree>>;

const open = (log: ChangeableLog, { store, key }: { store: TreeStore; key: Tree['key'] }, options: SealerOptions = {}) =>
  Sealer.open({ log, store, keys: [{ ...key, recordedAt: 1 }], now: () => NOW }, { random: () => 0, ...options });

/** Checks, makes leaves of everything, and signs. */
async function seal(sealer: Sealer): Promise<StoredHead | undefined> {
  await sealer.check();
  while (await sealer.page());
  return sealer.sign();
}

const rootOfLog = (log: ChangeableLog): Buffer => {
  const edge = new Edge();
  for (const event of log.events) edge.append(hashOf(event));
  return edge.root();
};
const openedOf = ({ note }: StoredHead) => parseTreeHead(parseNote(note).text);

/** As somebody would who has the file: triggers and all. */
function tamper(file: string, change: (db: Database.Database) => void): void {
  const db = new Database(file);
  for (const name of db.prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger'").pluck().all()) db.exec(`DROP TRIGGER ${name}`);
  change(db);
  db.close();
}

describe('a sealer', () => {
  it('makes a leaf of every event in order and signs what they make together', async () => {
    const tree = await aTree();
    const log = new ChangeableLog();
    log.append(700, 3);
    const sealer = await open(log, tree);
    const head = (await seal(sealer)) as StoredHead;
    expect(head).toMatchObject({ generation: 1, number: 1, size: 700, position: 2_100, signedAt: '2026-03-02T12:00:00.000Z' });
    expect(openedOf(head)).toEqual({ origin: ORIGIN, size: 700, root: rootOfLog(log) });
    expect(verifyNote(parseNote(head.note), [parseVkey(tree.key.vkey)])).toHaveLength(1);
    expect(await tree.store.lastHead()).toEqual(head);
    expect(await tree.store.indexesOf([3, 4, 2_100])).toEqual([0, undefined, 699]);
  });

  it('signs nothing while there is nothing, and nothing twice', async () => {
    const tree = await aTree();
    const log = new ChangeableLog();
    const sealer = await open(log, tree);
    expect(await seal(sealer)).toBeUndefined();
    log.append(1);
    const head = await seal(sealer);
    expect(await seal(sealer)).toBe(head);
    expect(await tree.store.headsAfter(0, 10)).toEqual([head]);
  });

  it('signs no head that is older than the one before it, though the clock was set back', async () => {
    const tree = await aTree();
    const log = new ChangeableLog();
    let now = NOW;
    const keys = [{ ...tree.key, recordedAt: 1 }];
    const sealer = await Sealer.open({ log, store: tree.store, keys, now: () => now });
    log.append(1);
    const first = (await seal(sealer)) as StoredHead;
    now -= 60_000;
    log.append(1);
    expect(await seal(sealer)).toMatchObject({ number: 2, signedAt: first.signedAt });
    now += 61_000;
    log.append(1);
    expect(await seal(sealer)).toMatchObject({ number: 3, signedAt: new Date(now).toISOString() });
  });

  it('writes and signs nothing before it has looked through what is there', async () => {
    const tree = await aTree();
    const log = new ChangeableLog();
    log.append(5);
    const sealer = await open(log, tree);
    expect([await sealer.page(), await sealer.sign()]).toEqual([false, undefined]);
    expect(await tree.store.sealed()).toEqual({ size: 0, position: 0 });
  });

  it('asks for bounded pages only', async () => {
    const tree = await aTree();
    const log = new ChangeableLog();
    log.append(1_000);
    const sealer = await open(log, tree, { pageEvents: 100 });
    await seal(sealer);
    for (let i = 0; i < 5; i++) await sealer.patrol();
    expect(sealer.sealed.size).toBe(1_000);
    expect(log.largest.answered).toBeLessThanOrEqual(256);
    expect(log.largest.asked).toBeLessThanOrEqual(256);
    const bytes = anEvent(1).data.length;
    const small = await open(log, await aTree(), { pageBytes: bytes });
    await small.check();
    await small.page();
    expect(small.sealed.size).toBe(1);
  });

  it('page by page, stopped and begun again anywhere, with gaps in the positions: the same tree as all at once', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            count: fc.integer({ min: 1, max: 300 }),
            gap: fc.integer({ min: 1, max: 4 }),
            restart: fc.boolean(),
            sign: fc.boolean(),
          }),
          {
            minLength: 1,
            maxLength: 8,
          },
        ),
        fc.integer({ min: 1, max: 400 }),
        async (steps, pageEvents) => {
          const tree = await aTree();
          const log = new ChangeableLog();
          let sealer = await open(log, tree, { pageEvents, tailLeaves: 100 });
          await sealer.check();
          for (const { count, gap, restart, sign } of steps) {
            log.append(count, gap);
            await sealer.page();
            if (sign) await sealer.sign();
            if (!restart) continue;
            // As if the process had been killed: only what was written is left.
            await tree.store.close();
            tree.store = SqliteTreeStore.open(tree.file, LEDGER);
            sealer = await open(log, tree, { pageEvents, tailLeaves: 100 });
            await sealer.check();
          }
          const head = (await seal(sealer)) as StoredHead;
          expect(sealer.refusal).toBeUndefined();
          expect(openedOf(head)).toEqual({ origin: ORIGIN, size: log.events.length, root: rootOfLog(log) });
          expect(await tree.store.positionsOf(0, 10_000)).toEqual(log.events.map(({ position }) => position));
          await everyHeadGoesOnFromTheOneBefore(tree.store);
          await tree.store.close();
        },
      ),
      { numRuns: 25 },
    );
  });

  it('gives proofs of every leaf of what it signed', async () => {
    const tree = await aTree();
    const log = new ChangeableLog();
    log.append(515);
    const sealer = await open(log, tree);
    const { size, root } = openedOf((await seal(sealer)) as StoredHead);
    const hashes = hashesFrom(tree.store);
    for (const index of [0, 255, 256, 511, 512, 514]) {
      const proof = await proveInclusion(index, size, hashes);
      expect(checkInclusion(hashOf(log.events[index] as never), index, size, proof, root)).toBe(true);
    }
  });

  it('is stopped by one that opens the tree after it, and has written nothing by then that is lost', async () => {
    const tree = await aTree();
    const log = new ChangeableLog();
    log.append(10);
    const sealer = await open(log, tree);
    await seal(sealer);
    const other = SqliteTreeStore.open(tree.file, LEDGER);
    log.append(10);
    await expect(sealer.page()).rejects.toThrow(SealerReplaced);
    await expect(sealer.check().then(() => sealer.page())).rejects.toThrow(SealerReplaced);
    const next = await open(log, { ...tree, store: other });
    expect((await seal(next))?.size).toBe(20);
  });

  it('goes on where a write failed, once it succeeds', async () => {
    const tree = await aTree();
    const log = new ChangeableLog();
    log.append(300);
    const full = failing(tree.store);
    const sealer = await open(log, { ...tree, store: full.store });
    await sealer.check();
    full.isFailing = true;
    await expect(sealer.page()).rejects.toThrow('disk full');
    expect(await sealer.page()).toBe(false);
    full.isFailing = false;
    expect(openedOf((await seal(sealer)) as StoredHead).root).toEqual(rootOfLog(log));
    log.append(1);
    await sealer.page();
    full.isFailing = true;
    await expect(sealer.sign()).rejects.toThrow('disk full');
    full.isFailing = false;
    expect((await seal(sealer))?.size).toBe(301);
    expect(sealer.refusal).toBeUndefined();
  });
});

describe('its key', () => {
  it('signs nothing before its own event is a leaf', async () => {
    const tree = await aTree();
    const log = new ChangeableLog();
    log.append(10);
    const sealer = await Sealer.open({ log, store: tree.store, keys: [{ ...tree.key, recordedAt: 9 }], now: () => NOW }, { pageEvents: 8 });
    await sealer.check();
    await sealer.page();
    expect(await sealer.sign()).toBeUndefined();
    await sealer.page();
    expect(await sealer.sign()).toMatchObject({ size: 10 });
  });

  it('is replaced by another one: both sign the next head, the new one alone those after it; old heads still verify', async () => {
    const tree = await aTree();
    const log = new ChangeableLog();
    log.append(10);
    const sealer = await open(log, tree);
    await seal(sealer);
    const next = aSigningKey();
    log.append(1);
    await sealer.addKey(ringKey(next.vkey, { createdAt: '2026-03-05T00:00:00.000Z' }), { ...next, recordedAt: 11 });
    const both = await seal(sealer);
    log.append(1);
    const alone = await seal(sealer);

    const [old, young] = [parseVkey(tree.key.vkey), parseVkey(next.vkey)];
    const signersOf = (head: StoredHead | undefined) =>
      verifyNote(parseNote((head as StoredHead).note), [old, young]).map(({ key }) => key.id.toString('hex'));
    expect(signersOf(both)).toEqual([young, old].map(({ id }) => id.toString('hex')));
    expect(signersOf(alone)).toEqual([young.id.toString('hex')]);
    const ring = (await tree.store.keys()).map(({ vkey }) => parseVkey(vkey));
    for (const head of await tree.store.headsAfter(0, 10)) expect(verifyNote(parseNote(head.note), ring).length).toBeGreaterThan(0);
  });

  it('is handed over also where the process ended between', async () => {
    const tree = await aTree();
    const log = new ChangeableLog();
    log.append(10);
    await seal(await open(log, tree));
    const next = aSigningKey();
    await tree.store.addKey(ringKey(next.vkey));
    log.append(1);
    const keys = [
      { ...tree.key, recordedAt: 1 },
      { ...next, recordedAt: 11 },
    ];
    const sealer = await Sealer.open({ log, store: tree.store, keys, now: () => NOW });
    expect(parseNote(((await seal(sealer)) as StoredHead).note).signatures).toHaveLength(2);
  });

  it('dates no head before the one that it follows, where the clock is set back', async () => {
    const tree = await aTree();
    const log = new ChangeableLog();
    let now = NOW;
    const sealer = await Sealer.open({ log, store: tree.store, keys: [{ ...tree.key, recordedAt: 1 }], now: () => now });
    log.append(1);
    const first = await seal(sealer);
    now -= 3_600_000;
    log.append(1);
    expect(await seal(sealer)).toMatchObject({ number: 2, signedAt: first?.signedAt });
  });

  it('signs other texts too, and none that could pass for a tree head', async () => {
    const tree = await aTree();
    const sealer = await open(new ChangeableLog(), tree);
    const note = sealer.signText('an evidence manifest\n0123\n');
    expect(verifyNote(parseNote(note), [parseVkey(tree.key.vkey)])).toHaveLength(1);
    for (const text of [`${ORIGIN}\n5\n${EMPTY_ROOT.toString('base64')}\n`, `${ORIGIN}\n`, 'name/12\nwhatever\n', 'no newline']) {
      expect(() => sealer.signText(text)).toThrow(RangeError);
    }
  });
});

describe('a sealer signs no more', () => {
  let tree: Tree;
  let log: ChangeableLog;
  let head: StoredHead;
  /** 600 events are published, 100 are leaves beyond them. */
  beforeEach(async () => {
    tree = await aTree();
    log = new ChangeableLog();
    log.append(600);
    const sealer = await open(log, tree);
    head = (await seal(sealer)) as StoredHead;
    log.append(100);
    await sealer.page();
  });
  afterEach(() => tree.store.close());

  /** Opens the files as they are now and does what a sealer does. */
  async function again(options: SealerOptions = {}): Promise<Sealer> {
    await tree.store.close();
    tree.store = SqliteTreeStore.open(tree.file, LEDGER);
    const sealer = await open(log, tree, options);
    await seal(sealer);
    return sealer;
  }

  const change = (position: number) => {
    log.events[position - 1] = { ...anEvent(position, { id: 'another' }), position };
  };
  const leafAt = (level: number, index: number) => `UPDATE tiles SET hashes = CAST(substr(hashes, 1, ${32 * (index % 256)})
    || zeroblob(32) || substr(hashes, ${32 * (index % 256) + 33}) AS BLOB) WHERE level = ${level} AND tile = ${Math.floor(index / 256)}`;
  const sql = (statement: string) => () => tamper(tree.file, (db) => void db.exec(statement));

  const cases: [string, RefusalReason, () => void, { position?: number; index?: number }][] = [
    ['an event was changed', 'event-changed', () => change(400), { position: 400, index: 399 }],
    ['the last event under a head was changed', 'event-changed', () => change(600), { position: 600, index: 599 }],
    ['an event that no head covers yet was changed', 'event-changed', () => change(650), { position: 650, index: 649 }],
    ['an event was deleted', 'event-changed', () => void log.events.splice(99, 1), { position: 100, index: 99 }],
    [
      'an event was deleted, and those behind it closed up',
      'event-changed',
      () => {
        log.events = [
          ...log.events.slice(0, 99),
          ...log.events.slice(100).map((event) => ({ ...event, position: event.position - 1 })),
          anEvent(700),
        ];
      },
      { position: 600, index: 599 },
    ],
    [
      'two events changed places',
      'event-changed',
      () => {
        const [a, b] = [anEvent(201, { id: 'record 200' }), anEvent(200, { id: 'record 201' })];
        log.events.splice(199, 2, { ...a, position: 200 }, { ...b, position: 201 });
      },
      { position: 200, index: 199 },
    ],
    [
      'an event was slipped in',
      'event-changed',
      () => {
        log.events = log.events.map((event) => ({ ...event, position: event.position * 2 }));
      },
      { index: 599, position: 600 },
    ],
    [
      'an event can be read no more',
      'event-changed',
      () => void Object.assign(log.events[299] as object, { data: '{' }),
      { position: 300, index: 299 },
    ],
    ['the log ends before what was published', 'log-shorter-than-head', () => void log.events.splice(599), { position: 600 }],
    ['the log ends before what was sealed', 'event-changed', () => void log.events.splice(680), { position: 681, index: 680 }],
    ['the log is empty', 'log-shorter-than-head', () => void log.events.splice(0), { position: 1 }],
    ['a leaf in a tile was changed', 'tiles-changed', sql(leafAt(0, 300)), { position: 301, index: 300 }],
    ['a leaf that no head covers was changed', 'event-changed', sql(leafAt(0, 660)), { position: 661, index: 660 }],
    ['a hash above the leaves was changed', 'tiles-changed', sql(leafAt(1, 0)), {}],
    ['a tile was deleted', 'tiles-changed', sql('DELETE FROM tiles WHERE level = 0 AND tile = 1'), {}],
    ['the last tile was cut', 'tiles-changed', sql('UPDATE tiles SET hashes = substr(hashes, 1, 64) WHERE level = 0 AND tile = 2'), {}],
    [
      'positions were exchanged',
      'tiles-changed',
      sql('UPDATE leaves SET positions = CAST(substr(positions, 9) || substr(positions, 1, 8) AS BLOB)'),
      { index: 599 },
    ],
    ['positions were deleted', 'tiles-changed', sql('DELETE FROM leaves WHERE tile = 1'), { index: 256 }],
    [
      'the root of a head was changed',
      'head-changed',
      () => tamper(tree.file, (db) => void db.prepare('UPDATE heads SET note = ?').run(head.note.replace('600\n', '599\n'))),
      {},
    ],
    ['the size of a head was changed', 'head-changed', sql('UPDATE heads SET size = 599'), {}],
    ['the last position of a head was changed', 'tiles-changed', sql('UPDATE heads SET position = 599'), { index: 599 }],
    ['a head was signed by somebody else', 'head-changed', sql("UPDATE keys SET vkey = 'none'"), {}],
  ];

  it.each(cases)('where %s', async (_, reason, spoil, where) => {
    spoil();
    const sealer = await again();
    expect(sealer.refusal).toMatchObject({ reason, ...where, noticedAt: '2026-03-02T12:00:00.000Z' });
    expect(await tree.store.lastHead()).toMatchObject({ number: 1 });
    expect(await tree.store.refusals()).toEqual([sealer.refusal]);
    // Written down once, however often it is noticed.
    const other = await again();
    expect(await tree.store.refusals()).toHaveLength(1);
    // Nothing more becomes a leaf either.
    const { size } = other.sealed;
    log.append(10);
    expect([await other.page(), await other.sign()]).toEqual([false, undefined]);
    expect((await tree.store.sealed()).size).toBe(size);
  });

  it.each(cases)('and again once it is put right that %s', async (_, __, spoil) => {
    const events = structuredClone(log.events);
    await tree.store.close();
    copyFileSync(tree.file, `${tree.file}.before`);
    tree.store = SqliteTreeStore.open(tree.file, LEDGER);
    spoil();
    expect((await again()).refusal).toBeDefined();
    log.events = events;
    // Refusals are kept: only what was changed is put back.
    putBack(tree.file, `${tree.file}.before`);
    const sealer = await again();
    expect(sealer.refusal).toBeUndefined();
    expect(await tree.store.refusals()).toMatchObject([{ clearedAt: '2026-03-02T12:00:00.000Z' }]);
    expect(openedOf((await tree.store.lastHead()) as StoredHead)).toMatchObject({ size: 700, root: rootOfLog(log) });
  });

  it('where an event that is to become a leaf is none that this program writes; what comes before it is sealed', async () => {
    log.append(3);
    log.events[701] = { ...anEvent(702), data: 'no JSON' };
    const sealer = await again();
    expect(sealer.refusal).toMatchObject({ reason: 'no-leaf', position: 702, index: 701 });
    expect((await tree.store.sealed()).size).toBe(701);
    // Looked at again and again, it is one refusal that stands.
    for (let i = 0; i < 3; i++) await sealer.check();
    expect(await tree.store.refusals()).toEqual([expect.not.objectContaining({ clearedAt: expect.anything() })]);
    log.events[701] = anEvent(702);
    await sealer.check();
    expect((await seal(sealer))?.size).toBe(703);
  });

  it('whether or not that can be written down, which is tried again', async () => {
    change(650);
    const full = jest.spyOn(tree.store, 'addRefusal').mockRejectedValueOnce(new Error('disk full'));
    const sealer = await Sealer.open({ log, store: tree.store, keys: [{ ...tree.key, recordedAt: 1 }], now: () => NOW });
    await expect(sealer.check()).rejects.toThrow('disk full');
    full.mockRestore();
    log.append(1);
    expect([await sealer.page(), await sealer.sign()]).toEqual([false, undefined]);
    expect(sealer.refusal).toMatchObject({ reason: 'event-changed', position: 650 });
    await sealer.check();
    expect(await tree.store.refusals()).toMatchObject([{ reason: 'event-changed', position: 650 }]);
  });

  it('where the change lies further back than it looks at the start, as soon as the patrol gets there', async () => {
    change(100);
    const sealer = await again({ tailLeaves: 10 });
    expect(sealer.refusal).toBeUndefined();
    for (let i = 0; i < 3; i++) await sealer.patrol();
    expect(sealer.refusal).toMatchObject({ reason: 'event-changed', position: 100, index: 99 });
    // It is looked at again at every start, also so far back.
    expect((await again({ tailLeaves: 10 })).refusal).toMatchObject({ position: 100 });
    log.events[99] = anEvent(100);
    expect((await again({ tailLeaves: 10 })).refusal).toBeUndefined();
  });

  it('where its files are changed while it runs', async () => {
    const sealer = await again();
    log.append(1);
    await sealer.page();
    tamper(tree.file, (db) => void db.exec(leafAt(0, 600)));
    expect(await sealer.sign()).toBeUndefined();
    expect(sealer.refusal).toMatchObject({ reason: 'tiles-changed' });
  });

  it('where a leaf is changed between its sealing and its signing', async () => {
    const sealer = await again();
    log.append(5);
    await sealer.page();
    tamper(tree.file, (db) => void db.exec(leafAt(0, 702)));
    expect(await sealer.sign()).toBeUndefined();
    expect(sealer.refusal).toMatchObject({ reason: 'tiles-changed' });
  });

  it('where the newest head is taken back while it runs', async () => {
    const sealer = await again();
    log.append(1);
    await sealer.page();
    tamper(tree.file, (db) => void db.exec('DELETE FROM heads WHERE number = 2'));
    expect(await sealer.sign()).toBeUndefined();
    expect(sealer.refusal).toMatchObject({ reason: 'head-changed' });
  });

  it.each([
    [
      'the note of a head that is not the newest was changed',
      'head-changed',
      "UPDATE heads SET note = replace(note, '— ', '—  ') WHERE number = 2",
    ],
    ['a head that is not the newest was deleted', 'head-changed', 'DELETE FROM heads WHERE number = 2'],
    ['a head that is not the newest covers other leaves', 'head-changed', 'UPDATE heads SET size = 1 WHERE number = 2'],
  ] as const)('where %s', async (_, reason, sql) => {
    for (let i = 0; i < 2; i++) {
      log.append(1);
      await again();
    }
    tamper(tree.file, (db) => void db.exec(sql));
    const sealer = await again();
    expect(sealer.refusal).toMatchObject({ reason, detail: expect.stringContaining('head 2') });
    // It is not forgotten while it stands.
    for (let i = 0; i < 3; i++) await sealer.check();
    expect((await tree.store.refusals()).filter(({ clearedAt }) => clearedAt === undefined)).toHaveLength(1);
  });

  describe('over a tree that was put back from an earlier day', () => {
    let older: string;
    let kept: string;
    const openOlder = async () => {
      await tree.store.close();
      for (const suffix of ['', '-wal', '-shm']) rmSync(tree.file + suffix, { force: true });
      copyFileSync(older, tree.file);
      tree.store = SqliteTreeStore.open(tree.file, LEDGER);
      const sealer = await Sealer.open({ log, store: tree.store, keys: [{ ...tree.key, recordedAt: 1 }], now: () => NOW, kept });
      return { sealer, head: await seal(sealer) };
    };
    beforeEach(async () => {
      await tree.store.close();
      older = `${tree.file}.older`;
      copyFileSync(tree.file, older);
      tree.store = SqliteTreeStore.open(tree.file, LEDGER);
      log.append(100);
      kept = ((await seal(await open(log, tree))) as StoredHead).note;
    });

    it('where the log was changed since: the head that was kept is of other events', async () => {
      change(750);
      const { sealer, head: signed } = await openOlder();
      expect([signed, sealer.refusal]).toEqual([undefined, expect.objectContaining({ reason: 'event-changed', head: kept })]);
      expect(await tree.store.lastHead()).toEqual(head);
    });

    it('where the log is older too', async () => {
      log.events.length = 790;
      const { sealer, head: signed } = await openOlder();
      expect([signed, sealer.refusal]).toEqual([undefined, expect.objectContaining({ reason: 'log-shorter-than-head', head: kept })]);
      expect(await tree.store.lastHead()).toEqual(head);
    });

    it('but where the log leads to the head that was kept', async () => {
      log.append(1);
      const { sealer, head: signed } = await openOlder();
      expect([sealer.refusal, signed?.size]).toEqual([undefined, 801]);
    });

    it('and takes no heed of what is no head of this tree', async () => {
      kept = kept.replace('\n\n', '\n\n— somebody AAAAAAAA\n').replace(ORIGIN, 'another/1');
      expect((await openOlder()).head?.size).toBe(800);
    });
  });

  it('while a witness is ahead, and signs again when none is', async () => {
    const sealer = await again();
    const refusal = {
      reason: 'witness-ahead',
      noticedAt: '2026-03-02T12:00:00.000Z',
      detail: 'w.example has cosigned 900 leaves',
      head: head.note,
    } as const;
    await sealer.refuseAhead(refusal);
    log.append(1);
    expect([await sealer.page(), await sealer.sign()]).toEqual([false, undefined]);
    const after = await again();
    expect(after.refusal).toEqual(refusal);
    await after.check();
    expect(after.refusal).toEqual(refusal);
    await after.clearAhead();
    expect(await seal(after)).toMatchObject({ size: 701 });
    expect(await tree.store.refusals()).toMatchObject([{ ...refusal, clearedAt: '2026-03-02T12:00:00.000Z' }]);
  });
});

it('a patrol looks at every tile, and at those above', async () => {
  const tree = await aTree();
  const log = new ChangeableLog();
  const edge = new Edge();
  const events = Array.from({ length: 66_000 }, (_, i) => anEvent(i + 1));
  for (const event of events) edge.append(hashOf(event));
  await tree.store.grow({
    ...{ from: 0, sealed: { size: events.length, position: events.length }, tiles: edge.takeGrown() },
    positions: events.map(({ position }) => position),
  });
  log.events = events;
  const byPosition = { readAll: (position: number, limit: number) => events.slice(position, position + limit), head: () => events.length };
  const open = () =>
    Sealer.open(
      { log: byPosition, store: tree.store, keys: [{ ...tree.key, recordedAt: 1 }], now: () => NOW },
      { tailLeaves: 100, random: () => 0.5 },
    );
  const sealer = await open();
  await sealer.check();
  expect(await sealer.sign()).toMatchObject({ size: 66_000 });
  for (let i = 0; i < 258; i++) await sealer.patrol();
  expect(sealer.refusal).toBeUndefined();
  // The hash of the first 65,536 leaves stands in a tile of level 2, and in no way up from a leaf below it.
  tamper(tree.file, (db) => void db.exec('UPDATE tiles SET hashes = zeroblob(32) WHERE level = 2'));
  for (let i = 0; i < 258; i++) await sealer.patrol();
  expect(sealer.refusal).toMatchObject({ reason: 'tiles-changed' });
});

async function everyHeadGoesOnFromTheOneBefore(store: TreeStore): Promise<void> {
  const heads = (await store.headsAfter(0, 1_000)).map(openedOf);
  const hashes = hashesFrom(store);
  for (const [i, { size, root }] of heads.entries()) {
    expect(await rootOf(size, hashes)).toEqual(root);
    const before = heads[i - 1];
    if (before)
      expect(checkConsistency(before.size, size, before.root, root, await proveConsistency(before.size, size, hashes))).toBe(true);
  }
}

/** A store whose disk is full now and then. */
function failing(store: TreeStore) {
  const state = { isFailing: false, store };
  state.store = new Proxy(store, {
    get(target, name) {
      const value = Reflect.get(target, name, target) as unknown;
      if (typeof value !== 'function') return value;
      return async (...args: unknown[]) => {
        if (state.isFailing && ['grow', 'addHead'].includes(String(name))) throw new Error('disk full');
        return value.apply(target, args);
      };
    },
  });
  return state;
}

/** Tiles, leaves, heads and keys as they were; refusals as they are. */
function putBack(file: string, copy: string): void {
  const before = new Database(copy);
  tamper(file, (db) => {
    db.pragma('foreign_keys = OFF');
    for (const table of ['tiles', 'leaves', 'heads', 'keys', 'generations']) {
      db.exec(`DELETE FROM ${table}`);
      const rows = before.prepare(`SELECT * FROM ${table}`).raw().all() as unknown[][];
      for (const row of rows) db.prepare(`INSERT INTO ${table} VALUES (${row.map(() => '?').join(', ')})`).run(...row);
    }
  });
  before.close();
}
