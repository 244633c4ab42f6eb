import { ACTOR } from '../../src/ledger/author.ts';
import type { Identifier } from '../../src/privacy/key-vault.ts';

/** What stands in the place of somebody who acted and was erased. */
export const FORMER_STAFF = 'former staff';

/** Somebody who cannot be named. */
export interface Gone {
  /** Erased: nobody can tell any more who this was. */
  erased?: true;
  /** Neither key nor erasure is known: the key store is older than the log, or was damaged. */
  keyMissing?: true;
}

/** Why somebody has no key: of those whose key is not there, the fence tells who was erased. */
export const goneOf = (reference: string, erased: ReadonlySet<string>): Gone =>
  erased.has(reference) ? { erased: true } : { keyMissing: true };

/** Somebody who acts, as a viewer sees them. */
export interface ShownWho extends Gone {
  /** With the permission to name actors; else `reference`. */
  id?: string;
  reference?: string;
  /** Of somebody erased, for whoever may name actors. */
  name?: typeof FORMER_STAFF;
}

/**
 * Somebody who acts: by name, by what stands in their place, or by the reference.
 * @param names identifiers by reference; undefined for a viewer who may not name actors
 */
export function whoOf(
  reference: string,
  {
    names,
    erased,
    isStaff,
  }: { names: ReadonlyMap<string, readonly Identifier[]> | undefined; erased: ReadonlySet<string>; isStaff: boolean },
): ShownWho {
  if (!names) return { reference, ...(erased.has(reference) && { erased: true }) };
  const id = nameOf(names.get(reference));
  if (id !== undefined) return { id };
  const gone = goneOf(reference, erased);
  return { reference, ...(gone.erased && isStaff && { name: FORMER_STAFF }), ...gone };
}

/** Somebody may act under one identifier and be a subject under another. */
export const nameOf = (identifiers: readonly Identifier[] | undefined): string | undefined =>
  (identifiers?.find(({ scheme }) => scheme === ACTOR) ?? identifiers?.[0])?.value;
