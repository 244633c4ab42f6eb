import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { Completeness, rangesOf } from '../../projections/completeness/completeness.ts';
import { ViewsDatabase } from '../../projections/database.ts';
import type { ProjectedEvent } from '../../projections/projection.ts';
import type { Entry } from '../../src/ledger/entry.ts';
import { disclosure } from '../support/write-side.ts';
import { openReadSide, type ReadSide } from './read-side.ts';

let ledger: ReadSide;
beforeAll(async () => {
  ledger = await openReadSide();
});
afterAll(() => ledger.close());

let count = 0;
const numbered = (source: string, ...sequences: number[]) =>
  sequences.map((sequence) => disclosure(String(++count), { source, sequence: String(sequence) }));
const of = async (source: string) => (await ledger.sources()).items.find((item) => item.source === source);

test('what is missing between the lowest and the highest number, and what came out of order', async () => {
  await ledger.given(...numbered('urn:test:gaps', 5, 6, 9));
  await ledger.given(...numbered('urn:test:gaps', 8, 20, 12));
  expect(await of('urn:test:gaps')).toEqual({
    source: 'urn:test:gaps',
    events: 6,
    firstHeardAt: expect.any(String),
    lastHeardAt: expect.any(String),
    nextBy: null,
    highestSequence: 20,
    missing: [
      [7, 7],
      [10, 11],
      [13, 19],
    ],
    missingCount: 10,
    late: 6,
    outOfOrder: 2,
    quarantined: 0,
  });
});

test('a gap that is filled later is none; numbers may come twice', async () => {
  await ledger.given(...numbered('urn:test:filled', 1, 4));
  await ledger.given(...numbered('urn:test:filled', 2, 3, 3));
  expect(await of('urn:test:filled')).toMatchObject({ missing: [], missingCount: 0, outOfOrder: 3 });
});

test('a source that does not count misses nothing that anybody could tell', async () => {
  await ledger.given(disclosure('x', { source: 'urn:test:silent' }));
  expect(await of('urn:test:silent')).toMatchObject({ events: 1, highestSequence: null, missing: [] });
});

test('by when a source said that it would be heard again, by its last heartbeat', async () => {
  const source = 'urn:test:heartbeat';
  const heartbeat = (data: object) => ({
    ...{ specversion: '1.0', source, id: String(++count), type: 'SourceHeartbeat', time: '2026-03-02T09:00:00Z' },
    data: { actor: { id: 'crm', kind: 'service' }, ...data },
  });
  await ledger.given(heartbeat({ nextBy: '2026-03-02T11:00:00+01:00' }));
  expect(await of(source)).toMatchObject({ events: 1, nextBy: '2026-03-02T10:00:00.000Z' });
  await ledger.given(heartbeat({ nextBy: '2026-03-03' }));
  expect(await of(source)).toMatchObject({ nextBy: '2026-03-03T23:59:59.999Z' });
  await ledger.given(heartbeat({}));
  expect(await of(source)).toMatchObject({ nextBy: null });
});

test('a number in quarantine counts as received', async () => {
  const source = 'urn:test:quarantined';
  await ledger.given(...numbered(source, 1, 3));
  await ledger.record([disclosure('bad', { source, sequence: '2', data: { purpose: 'no-such-purpose' } })]);
  await ledger.caughtUp();
  expect(await of(source)).toMatchObject({ events: 2, quarantined: 1, missing: [], missingCount: 0 });
});

test('the ledger itself is no emitting source', async () => {
  expect((await ledger.sources()).items.filter(({ source }) => source.startsWith('urn:liggare:'))).toEqual([]);
});

test('ranges cover exactly the numbers they were made of', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(60)), (numbers) => {
      const ranges = rangesOf(numbers);
      const covered = ranges.flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, i) => first + i));
      expect(covered).toEqual([...new Set(numbers)].sort((a, b) => a - b));
      for (let i = 1; i < ranges.length; i++)
        expect((ranges[i] as [number, number])[0]).toBeGreaterThan((ranges[i - 1] as [number, number])[1] + 1);
    }),
  );
});

describe('stored ranges', () => {
  const file = join(tmpdir(), `liggare-completeness-${process.pid}.db`);
  let views: ViewsDatabase;
  const projection = new Completeness();
  beforeAll(async () => {
    views = new ViewsDatabase(file);
    await projection.create(views.db);
  });
  afterAll(() => {
    views.close();
    for (const suffix of ['', '-wal', '-shm']) rmSync(file + suffix, { force: true });
  });

  const event = (source: string, sequence: number): ProjectedEvent => {
    const entry = { source, sequence, data: {} } as unknown as Entry;
    return { position: 1, stream: '', type: 'PersonalDataUsed', recordedAt: 0, time: 0, entry, text: '' };
  };
  const receive = (source: string, numbers: readonly number[]) =>
    views.transaction((tx) =>
      projection.apply(
        tx,
        numbers.map((number) => event(source, number)),
      ),
    );
  const stored = async (source: string) => {
    const query = views.db.selectFrom('completeness_ranges').select(['first', 'last']).where('source', '=', source).orderBy('first');
    return (await query.execute()).map(({ first, last }) => [first, last]);
  };

  let sources = 0;
  test('are those of all numbers together, in whatever pages and order these came', () =>
    fc.assert(
      fc.asyncProperty(fc.array(fc.array(fc.nat(60), { minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 12 }), async (pages) => {
        const source = `urn:test:${++sources}`;
        await receive(`${source}:other`, [0, 30, 60]);
        for (const page of pages) await receive(source, page);
        expect(await stored(source)).toEqual(rangesOf(pages.flat()));
        expect(await stored(`${source}:other`)).toEqual(rangesOf([0, 30, 60]));
      }),
      { numRuns: 60 },
    ));

  test('far from the numbers received are neither read nor written', async () => {
    const source = 'urn:test:scattered';
    await receive(
      source,
      Array.from({ length: 2_000 }, (_, i) => i * 10),
    );
    const ran: string[] = [];
    const watched: Parameters<Completeness['apply']>[0] = {
      db: views.db,
      insertMany: (table, columns, values, conflict) => {
        if (table === 'completeness_ranges') ran.push(JSON.stringify(values));
        views.insertMany(table, columns, values, conflict);
      },
    };
    await projection.apply(watched, [event(source, 1), event(source, 15_005)]);
    expect(ran).toEqual([JSON.stringify([source, 0, 1, source, 15_005, 15_005])]);
  });
});

test('many gaps are listed up to a bound, and counted in full', async () => {
  await ledger.given(...numbered('urn:test:holes', ...Array.from({ length: 1_000 }, (_, i) => i * 2)));
  await ledger.given(...numbered('urn:test:holes', ...Array.from({ length: 100 }, (_, i) => 2_000 + i * 3)));
  const holes = await of('urn:test:holes');
  expect(holes?.missing).toHaveLength(1_000);
  expect(holes?.missing.slice(0, 2)).toEqual([
    [1, 1],
    [3, 3],
  ]);
  expect(holes?.missingCount).toBe(1_000 + 2 * 99);
});
