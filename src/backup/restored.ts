/** What a ledger does at the first start after a restore, and what it looks at in every start. */
import type { EventStore, RecordedEvent } from '../eventstore/event-store.ts';
import { ACTOR } from '../ledger/author.ts';
import type { Entry, StoredActor } from '../ledger/entry.ts';
import { appendOwn, ownEvent } from '../ledger/own-event.ts';
import { People } from '../ledger/people/people.ts';
import { suppressWhole } from '../ledger/suppression.ts';
import type { KeyVault } from '../privacy/key-vault.ts';
import type { KnownHead, Standing } from './published.ts';

export const RESTORES = { stream: 'ledger-restores', source: 'urn:liggare:restores' } as const;

/** A restore that is being completed. */
export interface Restoring {
  /** The account that restores. */
  person: string;
  /** When the log was copied, and the keys; UTC ISO 8601. The latter is absent where the folder's own keys stayed. */
  backupTakenAt: string;
  keysTakenAt?: string;
  /** Position of the last event restored. */
  head: number;
  /** Erasures may be missing, and that was accepted. */
  acceptedMissingErasures: boolean;
  acceptLostKeys: boolean;
  /** Where the tree comes from: the copy, the folder in which it was left, or there is none. */
  treeFrom: 'backup' | 'folder' | 'nowhere';
  /** A tree head that somebody saved: a signed note. */
  treeHead?: string;
  /** A new tree is begun, whatever was published. */
  newGeneration: boolean;
}

/** What became of the tree. */
export interface RestoredTree {
  /** Under which tree heads are signed from here on; absent where the first start begins a tree. */
  origin?: string;
  /** The newest head that is known. */
  head?: KnownHead;
  /** A new tree was begun: the log says so. */
  begun?: boolean;
  /** Origin of the tree that was given up. */
  previous?: string;
}

/** Of `LedgerRestored`. */
interface RestoredData {
  acceptedLostKeys?: boolean;
  lostReferences: number;
}

/** The key store is older than the log: people whom the log names have no key and were not erased. */
export class KeysOlderThanLog extends Error {
  override name = 'KeysOlderThanLog';
  constructor(readonly lostReferences: number) {
    super(
      `the key store is older than the log: ${lostReferences} ${lostReferences === 1 ? 'person' : 'people'} whom the log names, ` +
        'by reference, have no key and were not erased. Put back the newer keys.db. If there is none: take liggare backup of this folder and restore ' +
        'it with --accept-lost-keys into another; what was sealed for them cannot be opened, and that is recorded',
    );
  }
}

/** Events read at a time. */
const PAGE_EVENTS = 500;

/**
 * Puts on the suppression list again who objected to direct marketing after the key store was copied, and whoever was linked to an objector
 * since: the log knows of it. Comes before the erasures are replayed, because their identifiers end with them.
 */
export async function suppressAgain(store: EventStore, vault: KeyVault): Promise<void> {
  const head = await store.head();
  const concerned = new Set<string>();
  for (let after = Math.min(await vault.sweptPosition(), head); after < head; ) {
    const page = await store.readAll(after, PAGE_EVENTS);
    const last = page.at(-1);
    if (last === undefined) break;
    const objectors = page.flatMap(objectorsOf);
    const identifiers = await vault.identifiers(objectors);
    await vault.suppress([...identifiers.values()].flat());
    for (const reference of [...objectors, ...page.flatMap(linkedBy)]) concerned.add(reference);
    after = last.position;
  }
  await suppressWhole(vault, await new People(store).groupOf([...concerned]));
}

/** Art. 21(2): absolute, so that whoever raised one is on the list whatever was decided later. */
function objectorsOf({ type, data: text }: RecordedEvent): string[] {
  if (type !== 'ObjectionRaised') return [];
  const { data } = JSON.parse(text) as Entry;
  return data['kind'] === '21(2)' ? data.subjects.map(({ reference }) => reference) : [];
}

function linkedBy({ type, data: text }: RecordedEvent): string[] {
  return type === 'SubjectsMerged' ? (JSON.parse(text) as Entry).data.subjects.map(({ reference }) => reference) : [];
}

/**
 * Comes after the erasures were replayed and the log was swept.
 * @throws KeysOlderThanLog where more people have lost their keys than was ever accepted
 */
export async function refuseLostKeys(store: EventStore, vault: KeyVault, restoring: Restoring | undefined): Promise<void> {
  const lost = await vault.lostReferences();
  if (lost === 0 || restoring?.acceptLostKeys) return;
  if (lost > (await acceptedLost(store))) throw new KeysOlderThanLog(lost);
}

async function acceptedLost(store: EventStore): Promise<number> {
  for (let revision = Number.MAX_SAFE_INTEGER; revision >= 0; ) {
    const page = await store.readStream(RESTORES.stream, revision, 100, 'backwards');
    const restores = page.map((event) => (JSON.parse(event.data) as Entry).data as unknown as RestoredData);
    const accepting = restores.find(({ acceptedLostKeys }) => acceptedLostKeys === true);
    if (accepting) return accepting.lostReferences;
    revision = (page.at(-1)?.revision ?? 0) - 1;
  }
  return 0;
}

/** Whoever works on the files, by the name of the account. */
export async function operator(vault: KeyVault, person: string): Promise<StoredActor> {
  const [found] = await vault.resolve([{ scheme: ACTOR, value: person }], { create: true });
  return { reference: (found as { reference: string }).reference, kind: 'human', role: 'admin' };
}

/**
 * Says in the log that it was restored, from when, and what was accepted: durable when this resolves.
 * @returns who restored it
 */
export async function recordRestored(
  store: EventStore,
  vault: KeyVault,
  restoring: Restoring,
  { head: treeHead }: Standing,
  now: number,
): Promise<StoredActor> {
  const { person, backupTakenAt, keysTakenAt, head, acceptedMissingErasures, acceptLostKeys, treeFrom } = restoring;
  const lostReferences = await vault.lostReferences();
  const actor = await operator(vault, person);
  const event = ownEvent({
    ...{ source: RESTORES.source, type: 'LedgerRestored', now, actor },
    data: {
      ...{ backupTakenAt, head, lostReferences, treeFrom },
      ...(treeHead && { treeHeadOrigin: treeHead.origin, treeHeadSize: treeHead.size }),
      ...(keysTakenAt !== undefined && { keysTakenAt }),
      ...(acceptedMissingErasures && { acceptedMissingErasures }),
      ...(acceptLostKeys && lostReferences > 0 && { acceptedLostKeys: true }),
    },
  });
  await appendOwn(store, RESTORES.stream, [event]);
  return actor;
}
