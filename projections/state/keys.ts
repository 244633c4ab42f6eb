/** What facts are about, and what judgements depend on. */

/** Sorts of keys, as rows have them. Whoever acts and is somebody's customer, too, is two keys: what is learnt of one says nothing of the other. */
export const KEY_KINDS = { person: 1, actor: 2, recipient: 3, source: 4, case: 5, policy: 6, grants: 7 } as const;

export type KeyKind = keyof typeof KEY_KINDS;

export interface Key {
  kind: KeyKind;
  /** A reference, an organisation's id, a source; of a case what joins its end with its beginning. */
  value: string;
}
