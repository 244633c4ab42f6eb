import fc from 'fast-check';
import { rangesOf } from '../../projections/completeness/completeness.ts';
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
