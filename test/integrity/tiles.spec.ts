import fc from 'fast-check';
import {
  checkConsistency,
  checkInclusion,
  leafHash,
  nodeHash,
  proveConsistency,
  proveInclusion,
  rootOf,
} from '../../src/integrity/merkle.ts';
import {
  entriesOf,
  entryBundle,
  hashesAt,
  hashesFrom,
  parseTilePath,
  type Tile,
  type TileReader,
  tilePath,
  tilesBetween,
} from '../../src/integrity/tiles.ts';

const SIZE = 70_000;
const leaves = Array.from({ length: SIZE }, (_, i) => leafHash(Buffer.from(`leaf ${i}`)));

function merkleTreeHash(row: readonly Buffer[]): Buffer {
  if (row.length === 1) return row[0] as Buffer;
  let k = 1;
  while (k * 2 < row.length) k *= 2;
  return nodeHash(merkleTreeHash(row.slice(0, k)), merkleTreeHash(row.slice(k)));
}

/** All hashes by level, as the definition says. */
const levels: Buffer[][] = [leaves];
for (let level = 1; level < 3; level++) {
  const below = levels[level - 1] as Buffer[];
  levels.push(Array.from({ length: hashesAt(level, SIZE) }, (_, i) => merkleTreeHash(below.slice(i * 256, (i + 1) * 256))));
}

let read: Tile[] = [];
const tiles: TileReader = {
  read: async (asked) => {
    read = [...asked];
    return asked.map(({ level, index, width }) => Buffer.concat((levels[level] as Buffer[]).slice(index * 256, index * 256 + width)));
  },
};

describe('tiles', () => {
  it('of 70,000 leaves are those that the specification counts', () => {
    const all = tilesBetween(0, SIZE);
    const count = (level: number, full: boolean) => all.filter((tile) => tile.level === level && (tile.width === 256) === full);
    expect([0, 1, 2].map((level) => [count(level, true).length, count(level, false)[0]?.width])).toEqual([
      [273, 112],
      [1, 17],
      [0, 1],
    ]);
    expect(tilesBetween(0, 256)).toEqual([
      { level: 0, index: 0, width: 256 },
      { level: 1, index: 0, width: 1 },
    ]);
    expect(tilesBetween(0, 0)).toEqual([]);
  });

  it('that a growing tree adds are exactly those that became wider', () =>
    fc.assert(
      fc.property(fc.nat(200_000), fc.nat(2_000), (from, more) => {
        const widths = (size: number) => new Map(tilesBetween(0, size).map(({ level, index, width }) => [`${level}/${index}`, width]));
        const [before, after] = [widths(from), widths(from + more)];
        const wider = [...after].filter(([name, width]) => (before.get(name) ?? 0) < width);
        expect(tilesBetween(from, from + more).map(({ level, index, width }) => [`${level}/${index}`, width])).toEqual(wider);
      }),
      { numRuns: 50 },
    ));

  it('hold every root and proof', async () => {
    const reader = hashesFrom(tiles);
    for (const size of [1, 2, 255, 256, 257, 511, 65_535, 65_536, 65_537, SIZE]) {
      const root = await rootOf(size, reader);
      expect(root).toEqual(merkleTreeHash(leaves.slice(0, size)));
      for (const index of [0, Math.floor(size / 3), size - 1]) {
        const proof = await proveInclusion(index, size, reader);
        expect(checkInclusion(leaves[index] as Buffer, index, size, proof, root)).toBe(true);
        const first = index + 1;
        const consistency = await proveConsistency(first, size, reader);
        expect(checkConsistency(first, size, await rootOf(first, reader), root, consistency)).toBe(true);
      }
    }
  });

  it('are read once for a proof, and few', async () => {
    await proveInclusion(12_345, SIZE, hashesFrom(tiles));
    expect(new Set(read.map(({ level, index }) => `${level}/${index}`)).size).toBe(read.length);
    expect(read.length).toBeLessThanOrEqual(6);
  });
});

describe('paths', () => {
  it.each([
    ['tile/0/x001/x234/067', 0, 1_234_067, 256],
    ['tile/2/000.p/1', 2, 0, 1],
    ['tile/entries/999', 'entries', 999, 256],
    ['tile/entries/x001/000.p/255', 'entries', 1_000, 255],
  ] as const)('%s', (path, level, index, width) => {
    expect(tilePath(level, { index, width })).toBe(path);
    expect(parseTilePath(path)).toEqual({ level, index, width });
  });

  it.each([
    'tile/0/0',
    'tile/00/000',
    'tile/0/x000/000',
    'tile/0/000.p/256',
    'tile/0/000.p/0',
    'tile/0/000.p/01',
    'tile/-1/000',
    'tile/0/001/000',
    'tile/0/x001',
    'tile/0/000/',
    '/tile/0/000',
    'tile/0/x999/x999/x999/x999/x999/999',
    'checkpoint',
  ])('%s is none', (path) => expect(parseTilePath(path)).toBeUndefined());

  it('are read as they are written', () =>
    fc.assert(
      fc.property(fc.nat(6), fc.maxSafeNat(), fc.integer({ min: 1, max: 256 }), (level, index, width) =>
        expect(parseTilePath(tilePath(level, { index, width }))).toEqual({ level, index, width }),
      ),
    ));
});

describe('an entry bundle', () => {
  it('gives back what was put in', () =>
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 400 }).map(Buffer.from), { maxLength: 20 }), (entries) => {
        expect(entriesOf(entryBundle(entries))).toEqual(entries);
      }),
    ));

  it('that was cut is none', () => {
    const bundle = entryBundle([Buffer.from('one'), Buffer.from('three')]);
    for (const end of [1, 3, 4, 6, 7, bundle.length - 1]) expect(entriesOf(bundle.subarray(0, end))).toBeUndefined();
  });
});
