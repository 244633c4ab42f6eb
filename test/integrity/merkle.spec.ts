import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import {
  checkConsistency,
  checkInclusion,
  EMPTY_ROOT,
  type HashReader,
  leafHash,
  nodeHash,
  proveConsistency,
  proveInclusion,
  rootOf,
} from '../../src/integrity/merkle.ts';

const VECTORS = process.env['LIGGARE_RFC6962'] ?? fileURLToPath(new URL('../../../shared/data/rfc6962', import.meta.url));
/** Every size up to here, with every proof. */
const SIZES = 300;

const leaves = Array.from({ length: 4_096 }, (_, i) => leafHash(Buffer.from(`leaf ${i}`)));

/** MTH as section 2.1 of RFC 6962 defines it: by recursion, without any subtree kept. */
function merkleTreeHash(from: number, to: number): Buffer {
  if (to - from === 1) return leaves[from] as Buffer;
  let k = 1;
  while (k * 2 < to - from) k *= 2;
  return nodeHash(merkleTreeHash(from, from + k), merkleTreeHash(from + k, to));
}

const known = new Map<string, Buffer>();
const reader: HashReader = {
  read: async (subtrees) =>
    subtrees.map(({ level, index }) => {
      const name = `${level}/${index}`;
      const hash = known.get(name) ?? merkleTreeHash(index * 2 ** level, (index + 1) * 2 ** level);
      known.set(name, hash);
      return hash;
    }),
};

/** The same hash with one bit turned. */
function flipped(hash: Buffer, bit: number): Buffer {
  const other = Buffer.from(hash);
  other[bit >> 3] = (other[bit >> 3] as number) ^ (1 << (bit & 7));
  return other;
}

const ends = [0, 7, 128, 255];

describe('the root', () => {
  it('of no leaves is the hash of nothing', async () => {
    expect((await rootOf(0, reader)).toString('hex')).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
    expect(EMPTY_ROOT).toEqual(await rootOf(0, reader));
  });

  it('of every size is what the definition says', async () => {
    for (let size = 1; size <= SIZES; size++) expect(await rootOf(size, reader)).toEqual(merkleTreeHash(0, size));
  });

  it.each([-1, 1.5, Number.NaN, 2 ** 53])('is refused for a size of %p', (size) =>
    expect(rootOf(size, reader)).rejects.toThrow(RangeError),
  );
});

describe('inclusion', () => {
  it('is proven for every leaf of every size, and for no other leaf, place, size or root', async () => {
    for (let size = 1; size <= SIZES; size++) {
      const root = await rootOf(size, reader);
      for (let index = 0; index < size; index++) {
        const leaf = leaves[index] as Buffer;
        const proof = await proveInclusion(index, size, reader);
        const verdicts = [
          checkInclusion(leaf, index, size, proof, root),
          checkInclusion(leaves[index + 1] as Buffer, index, size, proof, root),
          checkInclusion(leaf, index ^ 1, size, proof, root),
          checkInclusion(leaf, index, size, proof.slice(0, -1), root) && proof.length > 0,
          checkInclusion(leaf, index, size, [...proof, root], root),
          checkInclusion(leaf, index, size, proof, flipped(root, index % 256)),
        ];
        expect(verdicts).toEqual([true, false, false, false, false, false]);
      }
    }
  });

  it('no bit of a proof can be turned', async () => {
    for (const [index, size] of [
      [0, 7],
      [6, 7],
      [100, 131],
      [130, 131],
    ] as const) {
      const [proof, root, leaf] = [await proveInclusion(index, size, reader), await rootOf(size, reader), leaves[index] as Buffer];
      for (const [at, hash] of proof.entries()) {
        for (let bit = 0; bit < 256; bit++) expect(checkInclusion(leaf, index, size, proof.with(at, flipped(hash, bit)), root)).toBe(false);
      }
      for (let bit = 0; bit < 256; bit++) expect(checkInclusion(flipped(leaf, bit), index, size, proof, root)).toBe(false);
    }
  });

  it('is not proven of a leaf that the tree does not have', async () => {
    await expect(proveInclusion(7, 7, reader)).rejects.toThrow('a tree of 7 leaves has no leaf 7');
    await expect(proveInclusion(-1, 7, reader)).rejects.toThrow(RangeError);
    expect(checkInclusion(leaves[7] as Buffer, 7, 7, [], leaves[7] as Buffer)).toBe(false);
    expect(checkInclusion(leaves[0] as Buffer, 0, 2 ** 53, [], leaves[0] as Buffer)).toBe(false);
  });
});

describe('consistency', () => {
  it('is proven from every size to every later one, and between no other roots', async () => {
    for (let size = 1; size <= SIZES; size += size < 70 ? 1 : 13) {
      const root = await rootOf(size, reader);
      for (let first = 1; first <= size; first++) {
        const old = await rootOf(first, reader);
        const proof = await proveConsistency(first, size, reader);
        const verdicts = [
          checkConsistency(first, size, old, root, proof),
          checkConsistency(first, size, flipped(old, first % 256), root, proof),
          checkConsistency(first, size, old, flipped(root, size % 256), proof),
          checkConsistency(first, size, root, old, proof) && first < size,
          checkConsistency(first, size, old, root, [...proof, root]),
          checkConsistency(first, size, old, root, proof.slice(0, -1)) && first < size,
        ];
        expect(verdicts).toEqual([true, false, false, false, false, false]);
      }
    }
  });

  it('no bit of a proof can be turned', async () => {
    for (const [first, size] of [
      [4, 7],
      [3, 7],
      [64, 131],
      [129, 131],
    ] as const) {
      const proof = await proveConsistency(first, size, reader);
      const [old, root] = [await rootOf(first, reader), await rootOf(size, reader)];
      for (const [at, hash] of proof.entries()) {
        for (let bit = 0; bit < 256; bit++)
          expect(checkConsistency(first, size, old, root, proof.with(at, flipped(hash, bit)))).toBe(false);
      }
    }
  });

  it('of an empty tree is not proven: everything goes on from it', async () => {
    await expect(proveConsistency(0, 7, reader)).rejects.toThrow('nothing goes on from 0 to 7 leaves');
    await expect(proveConsistency(8, 7, reader)).rejects.toThrow(RangeError);
    expect(checkConsistency(0, 7, EMPTY_ROOT, merkleTreeHash(0, 7), [])).toBe(false);
  });

  it('a history in which one leaf is another is never consistent', () =>
    fc.assert(
      fc.asyncProperty(fc.integer({ min: 2, max: 600 }), fc.nat(), fc.nat(), async (size, a, b) => {
        const first = 1 + (a % (size - 1));
        const changed = b % first;
        const proof = await proveConsistency(first, size, reader);
        const forged = leaves.with(changed, leafHash(Buffer.from('something else')));
        const rootBy = (from: number, to: number): Buffer => {
          if (to - from === 1) return forged[from] as Buffer;
          let k = 1;
          while (k * 2 < to - from) k *= 2;
          return nodeHash(rootBy(from, from + k), rootBy(from + k, to));
        };
        const [old, root] = [await rootOf(first, reader), await rootOf(size, reader)];
        expect(checkConsistency(first, size, old, root, proof)).toBe(true);
        expect(checkConsistency(first, size, old, rootBy(0, size), proof)).toBe(false);
        expect(checkConsistency(first, size, rootBy(0, first), root, proof)).toBe(false);
      }),
      { numRuns: 60 },
    ));

  it('proofs are short: at most two hashes a level', async () => {
    for (const [first, size] of ends.map((end) => [end + 1, 4_096] as const)) {
      expect((await proveConsistency(first, size, reader)).length).toBeLessThanOrEqual(13);
      expect(await proveInclusion(first, size, reader)).toHaveLength(12);
    }
  });
});

interface Vector {
  desc: string;
  wantErr: boolean;
  proof: string[] | null;
  leafIdx: number;
  treeSize: number;
  leafHash: string;
  root: string;
  size1: number;
  size2: number;
  root1: string;
  root2: string;
}

const bytes = (text: string | undefined): Buffer => Buffer.from(text ?? '', 'base64');

function vectorsOf(kind: string): [string, Vector][] {
  const folder = join(VECTORS, kind);
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.json'));
  return files.map((name) => [name, JSON.parse(readFileSync(join(folder, name), 'utf8'))]);
}

const published = existsSync(VECTORS) ? describe : describe.skip;

published('the published vectors of RFC 6962', () => {
  const verdict = (kind: string, { proof, ...v }: Vector): boolean => {
    const hashes = (proof ?? []).map(bytes);
    return kind === 'inclusion'
      ? checkInclusion(bytes(v.leafHash), v.leafIdx, v.treeSize, hashes, bytes(v.root))
      : checkConsistency(v.size1, v.size2, bytes(v.root1), bytes(v.root2), hashes);
  };

  it('are all judged as they should be', () => {
    const all = ['inclusion', 'consistency'].flatMap((kind) => vectorsOf(kind).map(([name, vector]) => ({ kind, name, vector })));
    const wrong = all.filter(({ kind, vector }) => verdict(kind, vector) === vector.wantErr).map(({ kind, name }) => `${kind}/${name}`);
    expect(wrong).toEqual([]);
    expect(all).toHaveLength(196);
    expect(all.filter(({ vector }) => vector.wantErr)).toHaveLength(184);
  });
});
