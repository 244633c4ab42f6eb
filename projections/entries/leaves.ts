/** Events as leaves of the tree. */
import type { PublishedHead, TransparencyLog } from '../../src/transparency/transparency-log.ts';

/** The event is not the one that was sealed: the log or the tree was changed. */
export class LeafDiffers extends Error {
  override name = 'LeafDiffers';
  constructor(position: number) {
    super(`the event at ${position} is not one that was sealed`);
  }
}

/**
 * Which leaves the events at these positions are, under a head that covers the last of them.
 * @throws LeafDiffers for one that is none: it was put between others after they were sealed
 */
export async function indexesUnder(log: TransparencyLog, positions: readonly number[], head: PublishedHead): Promise<number[]> {
  const indexes = await log.indexesOf(positions);
  return positions.map((position, i) => {
    const index = indexes[i];
    if (index === undefined || index >= head.size) throw new LeafDiffers(position);
    return index;
  });
}
