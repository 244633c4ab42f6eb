import type { EventStore, RecordedEvent } from '../../eventstore/event-store.ts';
import type { KeyVault } from '../../privacy/key-vault.ts';
import type { Entry, Reference } from '../entry.ts';
import { appendOwn } from '../own-event.ts';
import { carryOut, endNaming, type Reach } from './carrying-out.ts';
import { confirmationOf, ERASURES, erasuresFrom, type Intention, intentionOf, withdrawal, withdrawnBy } from './facts.ts';
import type { ErasedLine } from './parts.ts';

/** What the replay did. */
export interface Replayed {
  /** Erasures that had not been carried out to their end. */
  completed: number;
  /** References that this key store still knew, or did not know as erased. */
  erased: number;
}

/** References dealt with in one statement. */
const TOGETHER = 500;

/**
 * Makes the keys agree with what was erased, before anything is served: completes what a crash stopped, and erases again whom an
 * older copy of the keys has brought back, or whom an older copy of the log knows nothing of. Idempotent.
 * @param now milliseconds since 1970
 * @throws ErasureCopyUnavailable where an erasure is to be completed and its copy cannot be written
 */
export async function replayErasures(reach: Reach, now: number): Promise<Replayed> {
  const { vault, fence, file } = reach;
  const { completed, erased, next } = await fromLog(reach, now);
  const unknown = await notErased(vault, [...file.lines().keys()]);
  if (unknown.length > 0) {
    // The log does not say which items in quarantine name them: it is an older copy. So all that it has are looked through.
    await endNaming(reach, [...(await vault.identifiers(unknown)).values()].flat(), 0);
  }
  const times = Map.groupBy(unknown, (reference) => file.lines().get(reference) as string);
  for (const [at, references] of times) await vault.erase(references, at);
  await vault.setErasuresReplayed(next);
  const unwritten: Reference[] = [];
  for await (const references of vault.fence()) {
    await fence.fence(references);
    for (const reference of references) if (!file.lines().has(reference)) unwritten.push(reference);
  }
  if (unwritten.length > 0) await file.add(await dated(reach.store, unwritten, now));
  return { completed, erased: erased + unknown.length };
}

/** Carries out what this key store has not seen of the log's erasures, and of them what was not withdrawn. */
async function fromLog(reach: Reach, now: number): Promise<Replayed & { next: number }> {
  const { store, vault } = reach;
  const done = { completed: 0, erased: 0, next: await replayedTo(store, vault) };
  const open = new Map<string, { intention: Intention; position: number; missing: Set<Reference> }>();
  for await (const page of erasuresFrom(store, done.next)) {
    const confirmed: { intention: Intention; position: number }[] = [];
    for (const event of page) {
      const intention = intentionOf(event);
      if (intention) open.set(intention.id, { intention, position: event.position, missing: new Set(intention.references) });
      open.delete(withdrawnBy(event) ?? '');
      const { id, reference } = confirmationOf(event) ?? { id: '', reference: '' };
      const waiting = open.get(id);
      waiting?.missing.delete(reference);
      if (waiting?.missing.size === 0 && open.delete(id)) confirmed.push({ intention: waiting.intention, position: event.position });
      done.next = event.revision + 1;
    }
    // As a rule all of them are: one look for the page.
    const all = confirmed.flatMap(({ intention }) => intention.references);
    const brought = new Set(await notErased(vault, all));
    done.erased += brought.size;
    for (const { intention, position } of confirmed) {
      if (intention.references.some((one) => brought.has(one))) await carryOut(reach, intention, now, position);
    }
  }
  for (const { intention, position } of open.values()) {
    if (await isHeld(reach, intention, position)) await appendOwn(store, ERASURES.stream, [withdrawal(intention, [], now)]);
    else {
      await carryOut(reach, intention, now);
      done.completed++;
    }
  }
  return done;
}

/**
 * Whether a legal hold came between the last look at the holds and the intention, of which a crash kept anybody from learning. There
 * are no read models yet, and the few events between are read; in doubt the hold stands. What has begun cannot be withdrawn.
 */
async function isHeld({ store, vault, file }: Reach, { references, heldTo }: Intention, position: number): Promise<boolean> {
  if (heldTo === undefined || references.some((one) => file.lines().has(one))) return false;
  if ((await vault.erased(references)).size > 0) return false;
  for (let after = heldTo; after < position - 1; ) {
    const page = (await store.readAll(after, TOGETHER)).filter((event) => event.position < position);
    if (page.some((event) => placesHoldOn(event, references))) return true;
    after = page.at(-1)?.position ?? position;
  }
  return false;
}

function placesHoldOn({ type, data }: RecordedEvent, references: readonly Reference[]): boolean {
  return type === 'LegalHoldPlaced' && (JSON.parse(data) as Entry).data.subjects.some(({ reference }) => references.includes(reference));
}

/** From where to read: a log that is shorter than it was is read from its start, since its revisions stand for other events. */
async function replayedTo(store: EventStore, vault: KeyVault): Promise<number> {
  const replayed = await vault.erasuresReplayed();
  if (replayed === 0) return 0;
  const [last] = await store.readStream(ERASURES.stream, replayed - 1, 1);
  return last === undefined ? 0 : replayed;
}

async function notErased(vault: KeyVault, references: readonly Reference[]): Promise<Reference[]> {
  const found: Reference[] = [];
  for (let from = 0; from < references.length; from += TOGETHER) {
    const some = references.slice(from, from + TOGETHER);
    const erased = await vault.erased(some);
    found.push(...some.filter((reference) => !erased.has(reference)));
  }
  return found;
}

/** When each was erased, as the log says, or else now. */
async function dated(store: EventStore, references: readonly Reference[], now: number): Promise<ErasedLine[]> {
  const times = new Map<Reference, string>();
  for await (const page of erasuresFrom(store, 0)) {
    for (const intention of page.map(intentionOf)) for (const one of intention?.references ?? []) times.set(one, intention?.at as string);
  }
  return references.map((reference) => ({ reference, at: times.get(reference) ?? new Date(now).toISOString() }));
}
