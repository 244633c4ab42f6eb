/** What a restored log means for the tree that was published over the log before it: it goes on, or another one is begun. */
import type { EventStore } from '../eventstore/event-store.ts';
import type { StoredActor } from '../ledger/entry.ts';
import type { KeyVault } from '../privacy/key-vault.ts';
import { beginGeneration, defaultLogName, knownOrigins, refuseOtherKeys } from '../transparency/generations.ts';
import type { TreeStore } from '../transparency/tree.ts';
import { BackupRefused } from './parts.ts';
import { type Standing, standingOf } from './published.ts';
import type { RestoredTree } from './restored.ts';

export interface Files {
  store: EventStore;
  vault: KeyVault;
  /** Absent where there is no `tree.db`. */
  tree?: TreeStore;
}

export interface Known {
  /** The ledger's own identity, in hex. */
  ledger: string;
  /** As the settings give it. */
  logName?: string;
  /** A head that somebody saved: a signed note. */
  note?: string;
  /** The head that the ledger kept beside its tree. */
  kept?: string;
  /** Milliseconds since 1970. */
  now: number;
  /** How far the log was read, of how much. */
  onPosition?: (position: number, head: number) => void;
}

/** @throws BackupRefused where the saved head is none, or another log's */
export async function standingOfFiles(
  { store, vault, tree }: Files,
  { ledger, logName, note, kept, now, onPosition }: Known,
): Promise<Standing> {
  const name = logName ?? defaultLogName(ledger);
  const origins = (await knownOrigins({ log: store, vault })).filter((origin) => !isOfAnother(origin, ledger));
  const keysDiffer = tree && (await whyKeysDiffer(vault, tree));
  const evidence = {
    ...{ store, name, origins, now },
    ...(tree && { tree }),
    ...(note !== undefined && { note }),
    ...(kept !== undefined && { kept }),
    ...(keysDiffer !== undefined && { keysDiffer }),
  };
  const head = await store.head();
  return standingOf(evidence, (position) => onPosition?.(position, head));
}

/** Keys of another ledger were left in the folder: what that has published is nothing of this one's. */
function isOfAnother(origin: string, ledger: string): boolean {
  const [, id = ledger] = ANY_LEDGER.exec(origin) ?? [];
  return id !== ledger;
}

const ANY_LEDGER = new RegExp(`^${defaultLogName('([0-9a-f]{32})')}/\\d+$`);

async function whyKeysDiffer(vault: KeyVault, tree: TreeStore): Promise<string | undefined> {
  const generation = await tree.generation();
  try {
    if (generation) await refuseOtherKeys({ vault, tree }, generation);
    return undefined;
  } catch (error) {
    const { name, message } = error as Error;
    if (/^(OtherTree|SealerKeyMissing)$/.test(name)) return message;
    throw error;
  }
}

/** @throws BackupRefused where the ledger cannot go on under the origin under which it has published */
export function refuseDisagreement({ disagreement, name, generation }: Standing): void {
  if (disagreement === undefined) return;
  throw new BackupRefused(
    `Tree heads of ${name}/${generation} were published, and this log is not the one under them: ${disagreement.detail}`,
    [
      'Restore the newest log there is, or the newest tree.db and keys.db with it.',
      'Or add --new-generation: the ledger goes on under a new origin, and the log says what was given up.',
    ],
  );
}

/** @throws BackupRefused where the log leads to all that is known to have been published */
export function refuseNeedless({ disagreement, generation, name }: Standing, force: boolean): void {
  if (generation === 0) throw new BackupRefused('Nothing was published yet: there is nothing to give up');
  if (disagreement !== undefined || force) return;
  throw new BackupRefused(
    `The log leads to all that is known to have been published under ${name}/${generation}: nothing has to be given up`,
    [
      'Start the ledger: what was refused before is cleared by itself.',
      'Where others hold a tree head that is not known here, name it with --tree-head <file>, or add --force.',
    ],
  );
}

/**
 * Begins another tree after all that is known. What somebody saved of the old one is kept in the new one's evidence.
 * @param how `reason`: a code for why, where nothing disagrees
 */
export async function beginAfter(
  { store, vault, tree }: Required<Files>,
  { name, generation, head, disagreement }: Standing,
  how: { reason: string; actor: StoredActor; now: number },
): Promise<RestoredTree> {
  // A ledger without any tree may have published one that nothing here knows of.
  const number = Math.max(1, generation);
  const origin = `${name}/${number}`;
  const last = head?.generation === number ? { head } : {};
  if (head?.from === 'note' && disagreement?.reason === 'witness-ahead') await keepEvidence(tree, disagreement.detail, head.note, how.now);
  const begun = await beginGeneration(
    { log: store, vault, tree },
    { ...how, reason: disagreement?.reason ?? how.reason, givenUp: { number, origin, ...last } },
  );
  return { origin: begun.origin, begun: true, previous: origin, ...last };
}

async function keepEvidence(tree: TreeStore, detail: string, head: string, now: number): Promise<void> {
  const isKept = (await tree.refusals()).some((refusal) => refusal.head === head && refusal.reason === 'witness-ahead');
  if (!isKept) await tree.addRefusal({ reason: 'witness-ahead', noticedAt: new Date(now).toISOString(), detail, head });
}

/** Where nothing is given up. */
export async function goesOn(tree: TreeStore | undefined, { head }: Standing): Promise<RestoredTree> {
  const generation = await tree?.generation();
  return { ...(generation && { origin: generation.origin }), ...(head && { head }) };
}
