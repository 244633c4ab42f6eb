/** How complete an answer about one person is, told in such a way that whoever has the leaves can count it again (README, "Completeness for one person"). */
import type { Kysely } from 'kysely';
import type { PublishedHead, TransparencyLog } from '../../src/transparency/transparency-log.ts';
import type { Schema } from '../schema.ts';
import { countNaming } from './people.ts';

export interface Completeness {
  /** References that are this person, sorted. */
  subjects: string[];
  /** How many of the first `treeHead.size` leaves name at least one of them among their subjects. */
  leaves: number;
  treeHead: PublishedHead;
}

/**
 * What the tree says of one person.
 * @param subjects all references of the person
 * @param position of the answer: a head that covers more says nothing of it
 * @returns undefined where no head had been published by then
 */
export async function completenessOf(
  { db, log }: { db: Kysely<Schema>; log: TransparencyLog },
  subjects: readonly string[],
  position: number,
): Promise<Completeness | undefined> {
  const treeHead = await newestHeadUpTo(log, position);
  if (!treeHead) return undefined;
  return { subjects: [...subjects].sort(), leaves: await countNaming(db, subjects, treeHead.position), treeHead };
}

/** The newest published head that covers nothing recorded after a position. */
async function newestHeadUpTo(log: TransparencyLog, position: number): Promise<PublishedHead | undefined> {
  const newest = await log.head();
  if (!newest || newest.position <= position) return newest;
  // Heads are numbered without gaps, and each covers more than the one before.
  let [known, beyond] = [0, newest.number];
  while (beyond - known > 1) {
    const middle = Math.floor((known + beyond) / 2);
    const [head] = await log.reader.headsAfter(middle - 1, 1);
    if (head && head.position <= position) known = middle;
    else beyond = middle;
  }
  const [head] = known === 0 ? [] : await log.reader.headsAfter(known - 1, 1);
  return head && log.published(head);
}
