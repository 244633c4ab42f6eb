/** From which leaf on leaves are made anew: the first, the one behind a head that is believed, or the one where an interrupted run stopped. */
import { HASH_BYTES } from '../integrity/merkle.ts';
import { TILE_WIDTH } from '../integrity/tiles.ts';
import type { Context } from './context.ts';
import { COUNTED } from './counts.ts';
import { HashLevels } from './hash-levels.ts';
import { rootAt } from './heads.ts';
import type { KeptHead } from './since.ts';
import type { Progressed, StateFile } from './state.ts';
import type { Beginning } from './walk.ts';

const NOTHING = new Uint8Array(0);

/**
 * @param kept a head that is believed, if the tree goes on from it
 * @param state of an earlier run
 */
export function beginningOf(context: Context, kept: KeptHead | undefined, state: StateFile | undefined): Beginning {
  const { generation, gathered } = context;
  const believed = kept === undefined ? 0 : wholeTilesUnder(context, kept);
  const earlier = state?.read(generation.origin);
  if (earlier !== undefined && earlier.from <= believed && earlier.size > believed && earlier.size <= generation.size) {
    const roots = rootsBefore(context, earlier.size);
    if (roots && HashLevels.of(roots).root(earlier.size, NOTHING).toString('base64') === earlier.root) {
      gathered.resumedAt = earlier.size;
      return { roots, ...(earlier.counts && isCounted(context, earlier) && { counts: earlier.counts }) };
    }
    gathered.notes.push('The tree is not the one that an earlier run had begun with: it was begun anew.');
  }
  return { roots: (believed > 0 && rootsBefore(context, believed)) || Buffer.alloc(0) };
}

/** Whether all that was counted then counts now: from the first event on, and no further than the read models have come. */
function isCounted({ tree, generation, views }: Context, { from, size }: Progressed): boolean {
  const reached = Math.min(...COUNTED.map((name) => views?.limits[name] ?? 0));
  return from === 0 && tree.positionOf(generation.number, size - 1) <= reached;
}

/** Leaves in whole tiles under a head that the tree goes on from; 0 where it does not. */
function wholeTilesUnder(context: Context, kept: KeptHead): number {
  if (kept.isForeign || !continues(context, kept)) return 0;
  return Math.floor(kept.size / TILE_WIDTH) * TILE_WIDTH;
}

/** Whether the tree that is stored has the head's root at its size; true for a size alone that it has. */
export function continues(context: Context, { size, root }: KeptHead): boolean {
  const { tree, generation } = context;
  if (size > generation.size) return false;
  if (root === undefined) return true;
  const roots = rootsBefore(context, Math.floor(size / TILE_WIDTH) * TILE_WIDTH);
  return roots !== undefined && rootAt(tree, generation.number, size, HashLevels.of(roots))?.equals(root) === true;
}

/** Roots of the whole tiles before a leaf, as the tiles of level 1 have them; undefined where one is missing. */
function rootsBefore({ tree, generation }: Context, size: number): Buffer | undefined {
  const tiles = size / TILE_WIDTH;
  const roots: Buffer[] = [];
  for (let at = 0; at < tiles; at += TILE_WIDTH) {
    const width = Math.min(TILE_WIDTH, tiles - at);
    const tile = tree.tile(generation.number, 1, at / TILE_WIDTH, width);
    if (tile?.length !== width * HASH_BYTES) return undefined;
    roots.push(tile);
  }
  return Buffer.concat(roots);
}
