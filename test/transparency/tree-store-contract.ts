import { HASH_BYTES, leafHash } from '../../src/integrity/merkle.ts';
import { hashesAt, TILE_WIDTH } from '../../src/integrity/tiles.ts';
import { Edge } from '../../src/transparency/edge.ts';
import {
  type Generation,
  type Growth,
  type Refusal,
  SealerReplaced,
  type StoredHead,
  TileMissing,
  type TreeReader,
  type TreeStore,
} from '../../src/transparency/tree.ts';
import { aSigningKey, BEGUN, LEDGER, ringKey } from './given.ts';

/** An empty store to be examined. */
export interface ExaminedTree {
  store: TreeStore;
  /** Another sealer on the same tree. */
  again(): Promise<TreeStore>;
  /** Who only reads it. */
  reading(): Promise<TreeReader>;
  dispose(): Promise<void>;
}

const hashOf = (index: number): Buffer => leafHash(Buffer.from(`leaf ${index}`));
/** Positions with gaps: twice the index, and a jump. */
const positionOf = (index: number): number => 2 * index + 1 + (index > 300 ? 5_000_000_000 : 0);

/** What a sealer would add. */
async function growth(store: TreeReader, count: number): Promise<Growth> {
  const { size: from } = await store.sealed();
  const edge = await Edge.load(from, store);
  const indexes = Array.from({ length: count }, (_, i) => from + i);
  for (const index of indexes) edge.append(hashOf(index));
  const sealed = { size: from + count, position: positionOf(from + count - 1) };
  return { from, sealed, tiles: edge.takeGrown(), positions: indexes.map(positionOf) };
}

const grow = async (store: TreeStore, count: number) => store.grow(await growth(store, count));
const aHead = (number: number, size: number, change: Partial<StoredHead> = {}): StoredHead => ({
  ...{ generation: 1, number, size, position: positionOf(size - 1), signedAt: '2026-03-02T12:00:00.000Z', note: `head of ${size}` },
  ...change,
});
const aRefusal: Refusal = { reason: 'event-changed', noticedAt: '2026-03-02T12:00:00.000Z', detail: 'the event at 7 …' };
const SECOND: Generation = { number: 2, origin: `liggare/${LEDGER}/2`, startedAt: '2026-03-03T00:00:00.000Z' };

/** What every store of a tree promises. An adapter's spec file invites this suite with its name and a way to open it. */
export function treeStoreContract(name: string, open: () => Promise<ExaminedTree>): void {
  describe(`${name} keeps the promises of a tree store`, () => {
    let examined: ExaminedTree;
    let store: TreeStore;
    const key = aSigningKey();

    beforeEach(async () => {
      examined = await open();
      store = examined.store;
    });
    afterEach(() => examined.dispose());
    const begin = () => store.begin(BEGUN, ringKey(key.vkey));

    it('holds nothing before a tree is begun', async () => {
      expect(await store.ledger()).toBe(LEDGER);
      expect(await store.generation()).toBeUndefined();
      expect([await store.generations(), await store.keys(), await store.refusals()]).toEqual([[], [], []]);
      expect(await store.sealed()).toEqual({ size: 0, position: 0 });
      expect(await store.lastHead()).toBeUndefined();
    });

    it('begins a tree with its first key', async () => {
      await begin();
      expect(await store.generation()).toEqual(BEGUN);
      expect(await store.keys()).toEqual([ringKey(key.vkey)]);
    });

    describe('tiles and leaves', () => {
      beforeEach(begin);

      it.each([1, 255, 256, 257, 700, 66_000])('has every hash and every position of %i leaves', async (size) => {
        await grow(store, size);
        expect(await store.sealed()).toEqual({ size, position: positionOf(size - 1) });
        for (const index of [0, 255, 256, 300, 301, size - 1].filter((i) => i < size)) {
          const [tile] = await store.read([{ level: 0, index: Math.floor(index / TILE_WIDTH), width: (index % TILE_WIDTH) + 1 }]);
          expect(tile?.subarray((index % TILE_WIDTH) * HASH_BYTES)).toEqual(hashOf(index));
          expect(await store.positionsOf(index, 1)).toEqual([positionOf(index)]);
          expect(await store.indexesOf([positionOf(index), positionOf(index) + 1])).toEqual([index, undefined]);
        }
        const [width] = [hashesAt(1, size) % TILE_WIDTH];
        if (width > 0)
          expect((await store.read([{ level: 1, index: Math.floor(hashesAt(1, size) / TILE_WIDTH), width }]))[0]).toHaveLength(
            width * HASH_BYTES,
          );
      });

      it('grows step by step to what it would be at once', async () => {
        for (const count of [1, 2, 253, 1, 300, 200]) await grow(store, count);
        const other = await Edge.load(757, store);
        expect(await store.positionsOf(0, 1_000)).toEqual(Array.from({ length: 757 }, (_, i) => positionOf(i)));
        const all = Array.from({ length: 757 }, (_, i) => positionOf(i));
        expect(await store.indexesOf(all)).toEqual(all.map((_, i) => i));
        const fresh = new Edge();
        for (let i = 0; i < 757; i++) fresh.append(hashOf(i));
        expect(other.root()).toEqual(fresh.root());
      });

      it('answers positions in the order asked for, and none before, between or after leaves', async () => {
        await grow(store, 600);
        expect(await store.indexesOf([positionOf(599), 0, positionOf(3), 2, positionOf(256), positionOf(599) + 1])).toEqual([
          599,
          undefined,
          3,
          undefined,
          256,
          undefined,
        ]);
        expect(await store.positionsOf(598, 10)).toEqual([positionOf(598), positionOf(599)]);
        expect(await store.positionsOf(600, 10)).toEqual([]);
        expect(await store.positionsOf(3, 0)).toEqual([]);
      });

      it('answers a partial tile once the tile is wider, as the part that it was', async () => {
        await grow(store, 10);
        const [before] = await store.read([{ level: 0, index: 0, width: 10 }]);
        await grow(store, 400);
        expect(await store.read([{ level: 0, index: 0, width: 10 }])).toEqual([before]);
      });

      it('names a tile that is not there, or not so wide', async () => {
        await grow(store, 10);
        for (const tile of [
          { level: 0, index: 0, width: 11 },
          { level: 0, index: 1, width: 1 },
          { level: 1, index: 0, width: 1 },
        ]) {
          await expect(store.read([tile])).rejects.toThrow(TileMissing);
        }
      });

      it('takes leaves only behind those that it has', async () => {
        const once = await growth(store, 5);
        await store.grow(once);
        await expect(store.grow(once)).rejects.toThrow(SealerReplaced);
        expect(await store.sealed()).toEqual(once.sealed);
      });
    });

    describe('heads', () => {
      beforeEach(async () => {
        await begin();
        for (const [number, size] of [
          [1, 3],
          [2, 10],
          [3, 400],
        ] as const)
          await store.addHead(aHead(number, size));
      });

      it('gives the last one, the one that covers a size, and those after a number', async () => {
        expect(await store.lastHead()).toEqual(aHead(3, 400));
        expect(await Promise.all([1, 3, 4, 400].map(async (size) => (await store.headCovering(size))?.number))).toEqual([1, 1, 2, 3]);
        expect(await store.headCovering(401)).toBeUndefined();
        expect(await store.headsAfter(1, 10)).toEqual([aHead(2, 10), aHead(3, 400)]);
        expect(await store.headsAfter(0, 1)).toEqual([aHead(1, 3)]);
      });

      it('are numbered without gaps, each larger than the one before', async () => {
        for (const head of [aHead(5, 500), aHead(3, 500), aHead(4, 400), aHead(4, 10)]) await expect(store.addHead(head)).rejects.toThrow();
        expect((await store.lastHead())?.number).toBe(3);
      });

      it('keeps what witnesses said of each, the later word of a witness in the place of the earlier', async () => {
        const says = (witness: string, size: number, at: number) => ({ witness, size, at, line: `— ${witness} ${at}` });
        await store.addCosignatures([says('w.example/b', 10, 100), says('w.example/a', 10, 101), says('w.example/a', 3, 90)]);
        await store.addCosignatures([says('w.example/b', 10, 200)]);
        expect(await store.cosignatures(10)).toEqual([says('w.example/a', 10, 101), says('w.example/b', 10, 200)]);
        expect(await store.cosignatures(400)).toEqual([]);
        expect(await store.cosignedSizes()).toEqual(
          new Map([
            ['w.example/a', 10],
            ['w.example/b', 10],
          ]),
        );
      });
    });

    it('retires the key whose place another one takes', async () => {
      await begin();
      const next = aSigningKey();
      const createdAt = '2026-03-05T00:00:00.000Z';
      await store.addKey(ringKey(next.vkey, { createdAt }));
      expect(await store.keys()).toEqual([ringKey(key.vkey, { retiredAt: createdAt }), ringKey(next.vkey, { createdAt })]);
    });

    it('keeps what was refused, also when it is cleared', async () => {
      await begin();
      await store.addRefusal(aRefusal);
      await store.clearRefusals('2026-03-03T00:00:00.000Z');
      const whole: Refusal = { ...aRefusal, reason: 'tiles-changed', position: 7, index: 6, head: 'note' };
      await store.addRefusal(whole);
      expect(await store.refusals()).toEqual([{ ...aRefusal, clearedAt: '2026-03-03T00:00:00.000Z' }, whole]);
    });

    it('begins another tree beside the old one, which it keeps', async () => {
      await begin();
      await grow(store, 300);
      await store.addHead(aHead(1, 300));
      await store.addCosignatures([{ witness: 'w.example/a', size: 300, at: 1, line: '— w' }]);
      await store.addRefusal(aRefusal);
      const next = aSigningKey(SECOND.origin);
      await store.begin(SECOND, ringKey(next.vkey, { generation: 2, createdAt: SECOND.startedAt }));

      expect([await store.generation(), await store.generations()]).toEqual([SECOND, [BEGUN, SECOND]]);
      expect((await store.keys()).map(({ generation, retiredAt }) => [generation, retiredAt])).toEqual([
        [1, SECOND.startedAt],
        [2, undefined],
      ]);
      expect([await store.sealed(), await store.lastHead(), await store.cosignatures(300)]).toEqual([
        { size: 0, position: 0 },
        undefined,
        [],
      ]);
      expect(await store.cosignedSizes()).toEqual(new Map());
      expect((await store.refusals()).every(({ clearedAt }) => clearedAt === SECOND.startedAt)).toBe(true);
      expect(await store.headsAfter(0, 10, 1)).toEqual([aHead(1, 300)]);
      expect(await store.cosignatures(300, 1)).toHaveLength(1);

      await grow(store, 10);
      expect(await store.indexesOf([positionOf(9), positionOf(10)])).toEqual([9, undefined]);
      await store.addHead(aHead(1, 5, { generation: 2 }));
      expect(await store.headsAfter(0, 10)).toEqual([aHead(1, 5, { generation: 2 })]);
    });

    it('lets nobody write any more once another sealer has opened it, and forgets nothing', async () => {
      await begin();
      await grow(store, 300);
      const other = await examined.again();
      const next = await growth(store, 5);
      const writes: (() => Promise<void>)[] = [
        () => store.grow(next),
        () => store.addHead(aHead(1, 300)),
        () => store.addKey(ringKey(aSigningKey().vkey)),
        () => store.addCosignatures([{ witness: 'w.example/a', size: 300, at: 1, line: '— w' }]),
        () => store.addRefusal(aRefusal),
        () => store.clearRefusals(BEGUN.startedAt),
        () => store.begin(SECOND, ringKey(aSigningKey().vkey, { generation: 2 })),
      ];
      for (const write of writes) await expect(write()).rejects.toThrow(SealerReplaced);
      await other.grow(next);
      expect([await other.sealed(), await other.generation()]).toEqual([next.sealed, BEGUN]);
      await other.close();
    });

    it('shows a reader every write as soon as it is done', async () => {
      await begin();
      const reader = await examined.reading();
      for (const count of [3, 300]) {
        await grow(store, count);
        expect(await reader.sealed()).toEqual(await store.sealed());
        expect(await reader.positionsOf(0, 1_000)).toEqual(await store.positionsOf(0, 1_000));
      }
      await store.addHead(aHead(1, 303));
      expect(await reader.lastHead()).toEqual(aHead(1, 303));
      await reader.close();
    });
  });
}
