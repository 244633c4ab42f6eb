import type { EventStore } from '../../eventstore/event-store.ts';
import type { Identifier, KeyVault } from '../../privacy/key-vault.ts';
import { appendOwn } from '../own-event.ts';
import { confirmations, ERASURES, type Intention, MAX_ITEMS_NAMED } from './facts.ts';
import type { ErasuresLog, Fence, NamedInQuarantine, PersonsKeys, QuarantineLook } from './parts.ts';

/** Everything that an erasure reaches into. */
export abstract class Reach {
  abstract readonly store: EventStore;
  abstract readonly vault: KeyVault;
  abstract readonly fence: Fence;
  abstract readonly file: ErasuresLog;
  abstract readonly keys: PersonsKeys;
  abstract readonly quarantine: QuarantineLook;
}

/**
 * Carries out what an intention says, once that is durable in the log. Each step may be done again: what a crash stopped is
 * completed by calling this anew, at the next start at the latest.
 *
 * The order is what makes it safe. Whatever could bring the person back ends before the key: quarantined copies, the way back
 * through an older copy of the keys (the file of erasures), events prepared before (the fence). The identifiers end with the key,
 * so all that needs them comes before it.
 * @param now milliseconds since 1970
 * @param until of an erasure that the log has confirmed: where. What came into quarantine after it is somebody else's
 */
export async function carryOut(reach: Reach, intention: Intention, now: number, until?: number): Promise<void> {
  const { store, vault, fence, file, keys } = reach;
  const { references, at, actor } = intention;
  const known = await vault.identifiers(references);
  const identifiers = [...known.values()].flat();
  // They end with whom they belong to.
  const everyone = [...references, ...(await vault.sessionsOf(references))];
  const quarantined = new Set(intention.quarantined);
  if (quarantined.size > 0) await vault.endItems([...quarantined]);
  let { seenTo } = intention;
  const endLate = async () => {
    const late = await endNaming(reach, identifiers, seenTo, until);
    seenTo = late.seenTo;
    for (const item of late.items) quarantined.add(item);
  };
  await file.add(everyone.map((reference) => ({ reference, at })));
  await fence.fence(everyone);
  if (intention.suppress) await vault.suppress(identifiers.filter(({ scheme }) => !scheme.startsWith(':')));
  await keys.revokeOf(references, actor, now);
  await endLate();
  const { keys: destroyedKeys, identifiers: destroyedIdentifiers, sessions, overwritten } = await vault.erase(references, at);
  // What came between the look and the end: a key made for the person, an item that names them.
  await keys.revokeOf(references, actor, now);
  await endLate();
  const destroyed = { keys: destroyedKeys, identifiers: destroyedIdentifiers, sessions, quarantined: quarantined.size, overwritten };
  await appendOwn(store, ERASURES.stream, confirmations(intention, destroyed, now));
}

/**
 * Ends whatever in quarantine names one of these people.
 * @param after looked through from this position of the log on
 * @param until nothing recorded after this position; absent: to the end of the log
 */
export async function endNaming(
  { vault, quarantine }: Reach,
  identifiers: readonly Identifier[],
  after: number,
  until?: number,
): Promise<NamedInQuarantine> {
  const items: string[] = [];
  let seenTo = after;
  for (let found = MAX_ITEMS_NAMED; found >= MAX_ITEMS_NAMED && identifiers.length > 0; ) {
    const named = await quarantine.naming(identifiers, MAX_ITEMS_NAMED, seenTo, until);
    seenTo = named.seenTo;
    found = named.items.length;
    items.push(...named.items);
    if (found > 0) await vault.endItems(named.items);
  }
  return { items, seenTo };
}
