import type { KeyVault } from '../privacy/key-vault.ts';
import type { StoredActor } from './entry.ts';
import type { Group } from './events.ts';

/** Who writes to the ledger or asks it: the holder of an API key. */
export interface Author {
  keyId: string;
  scope: string;
  /** The named person who holds the key; a key that only emits belongs to a system and has none. */
  personReference?: string;
  maySource(source: string): boolean;
  mayGroup(group: Group): boolean;
}

/** The scheme under which those are known who act, ask and approve: actors have an id and no scheme. */
export const ACTOR = 'actor';

/** What stands in the place of somebody who acted and was erased. */
export const FORMER_STAFF = 'former staff';

/** The scheme under which a system is known by its API key; no wire scheme has a colon. */
const API_KEY = ':api-key';

/** What the ledger does by itself, once a day, it does in its own name. */
export const LEDGER: Author = { keyId: 'ledger', scope: 'ledger', maySource: () => false, mayGroup: () => false };

/** How the log names the author of an entry of the ledger's own. */
export async function actorOf(author: Author, vault: KeyVault): Promise<StoredActor> {
  if (author.personReference) return { reference: author.personReference, kind: 'human', role: author.scope };
  const [system] = await vault.resolve([{ scheme: API_KEY, value: author.keyId }], { create: true });
  return { reference: (system as { reference: string }).reference, kind: 'service', role: author.scope };
}
