import fc from 'fast-check';
import { leafHash, nodeHash, proveConsistency, proveInclusion, rootOf } from '../../src/integrity/merkle.ts';
import { pyramidsOf } from '../../src/integrity/tile-pyramids.ts';
import { hashesAt, hashesFrom, type Tile, type TileReader } from '../../src/integrity/tiles.ts';

const SIZE = 70_000;
const rows: Buffer[][] = [Array.from({ length: SIZE }, (_, i) => leafHash(Buffer.from(`leaf ${i}`)))];
for (let level = 1; level < 3; level++) {
  const below = rows[level - 1] as Buffer[];
  const hash = (row: Buffer[]): Buffer =>
    row.length === 1 ? (row[0] as Buffer) : nodeHash(hash(row.slice(0, row.length / 2)), hash(row.slice(row.length / 2)));
  rows.push(Array.from({ length: hashesAt(level, SIZE) }, (_, i) => hash(below.slice(i * 256, (i + 1) * 256))));
}

let read: Tile[] = [];
beforeEach(() => {
  read = [];
});
const tiles: TileReader = {
  read: async (asked) => {
    read.push(...asked);
    return asked.map(({ level, index, width }) => Buffer.concat((rows[level] as Buffer[]).slice(index * 256, index * 256 + width)));
  },
};

describe('Hashes that are remembered', () => {
  it('are the same as those that are read, whatever was asked before and however few are remembered', async () => {
    const asked = fc.array(fc.tuple(fc.integer({ min: 1, max: SIZE }), fc.nat(SIZE)), { minLength: 1, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(asked, fc.integer({ min: 1, max: 6 }), async (questions, most) => {
        const [remembered, plain] = [pyramidsOf(tiles, most), hashesFrom(tiles)];
        for (const [size, at] of questions) {
          const index = at % size;
          expect(await proveInclusion(index, size, remembered)).toEqual(await proveInclusion(index, size, plain));
          expect(await proveConsistency(index + 1, size, remembered)).toEqual(await proveConsistency(index + 1, size, plain));
          expect(await rootOf(size, remembered)).toEqual(await rootOf(size, plain));
        }
      }),
      { numRuns: 20 },
    );
  });

  it('are read once for proofs of leaves in order', async () => {
    const hashes = pyramidsOf(tiles, 16);
    for (let index = 0; index < 5_000; index += 3) await proveInclusion(index, SIZE, hashes);
    // Twenty tiles of leaves, the last one, and those above; a tile that was too narrow at first is read once more.
    expect(read.length).toBeLessThan(40);
  });
});
