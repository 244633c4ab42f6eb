/** Proofs that events of the log are leaves of its tree, made of what stands in the log and in the tiles now. */
import { setImmediate as othersTurn } from 'node:timers/promises';
import type { RecordedEvent } from '../../src/eventstore/event-store.ts';
import { checkInclusion, leafHash, proveInclusion } from '../../src/integrity/merkle.ts';
import { pyramidsOf } from '../../src/integrity/tile-pyramids.ts';
import { formatTlogProof } from '../../src/integrity/tlog-proof.ts';
import type { Entry } from '../../src/ledger/entry.ts';
import { leafBytesIfAny } from '../../src/ledger/leaf.ts';
import type { PublishedHead, TransparencyLog } from '../../src/transparency/transparency-log.ts';
import { indexesUnder, LeafDiffers } from '../entries/leaves.ts';

/** An event with all that proves it. */
export interface Proven {
  event: RecordedEvent;
  /** Of its leaf, from 0. */
  index: number;
  bytes: Buffer;
  hash: Buffer;
  /** From the leaf's sibling up. */
  hashes: Buffer[];
  /** The same, with the head, as it is carried away (C2SP tlog-proof@v1). */
  proof: string;
}

/** Events dealt with before others get their turn. */
export const TURN = 32;

/**
 * Proves events under one head, all of whose leaves it covers.
 * @throws LeafDiffers, TileMissing
 */
export async function prove(log: TransparencyLog, events: readonly RecordedEvent[], head: PublishedHead): Promise<Proven[]> {
  const reader = pyramidsOf(log.reader);
  const proven: Proven[] = [];
  const indexes = await indexesUnder(
    log,
    events.map(({ position }) => position),
    head,
  );
  for (const [i, event] of events.entries()) {
    const index = indexes[i] as number;
    const bytes = leafBytesIfAny(event);
    if (bytes === undefined) throw new LeafDiffers(event.position);
    const hash = leafHash(bytes);
    const hashes = await proveInclusion(index, head.size, reader);
    if (!checkInclusion(hash, index, head.size, hashes, head.root)) throw new LeafDiffers(event.position);
    proven.push({ event, index, bytes, hash, hashes, proof: formatTlogProof({ index, hashes, note: head.published }) });
    if (proven.length % TURN === 0) await othersTurn();
  }
  return proven;
}

/** The data subjects of events, each once. */
export function peopleOf(events: readonly RecordedEvent[]): string[] {
  return [...new Set(events.flatMap(({ data }) => (JSON.parse(data) as Entry).data.subjects.map(({ reference }) => reference)))];
}
