import { ACTOR, FORMER_STAFF } from '../../src/ledger/author.ts';
import type { Identifier, KeyVault } from '../../src/privacy/key-vault.ts';

/** Somebody who cannot be named. */
export interface Gone {
  /** Erased: nobody can tell any more who this was. */
  erased?: true;
  /** Neither key nor erasure is known: the key store is older than the log, or was damaged. */
  keyMissing?: true;
}

type Fence = Pick<KeyVault, 'epoch' | 'erased'>;

/** References remembered of one epoch, at most. */
const REMEMBERED = 10_000;
/** What the fence said: between two erasures it says the same. */
const asked = new WeakMap<Fence, { epoch: number; isErased: Map<string, boolean> }>();

/**
 * Who of these was erased. The same few actors stand on every page: nobody is looked up twice between two erasures.
 * @param epoch as the vault told it for this request
 */
export async function erasedAmong(vault: Fence, epoch: number, references: readonly string[]): Promise<ReadonlySet<string>> {
  let known = asked.get(vault);
  if (known?.epoch !== epoch || known.isErased.size > REMEMBERED) {
    known = { epoch, isErased: new Map() };
    asked.set(vault, known);
  }
  const { isErased } = known;
  const unknown = [...new Set(references)].filter((reference) => !isErased.has(reference));
  if (unknown.length > 0) {
    const erased = await vault.erased(unknown);
    for (const reference of unknown) isErased.set(reference, erased.has(reference));
  }
  return new Set(references.filter((reference) => isErased.get(reference)));
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

/**
 * How people who act are shown to a viewer, all of them looked up at once.
 * @param isNamed whether the viewer may name actors
 */
export async function whoAmong(
  vault: Fence & Pick<KeyVault, 'identifiers'>,
  references: readonly string[],
  isNamed: boolean,
): Promise<(reference: string) => ShownWho> {
  const epoch = await vault.epoch();
  const names = isNamed ? await vault.identifiers([...references]) : undefined;
  const doubtful = names ? references.filter((reference) => !names.has(reference)) : references;
  const erased = await erasedAmong(vault, epoch, doubtful);
  return (reference) => whoOf(reference, { names, erased, isStaff: true });
}

/** Somebody may act under one identifier and be a subject under another. */
export const nameOf = (identifiers: readonly Identifier[] | undefined): string | undefined =>
  (identifiers?.find(({ scheme }) => scheme === ACTOR) ?? identifiers?.[0])?.value;

/** Somebody whom it is about, as a viewer sees them. */
export interface ShownPerson extends Gone {
  scheme?: string;
  value?: string;
  /** Instead of an identifier, where that is gone, or not to be seen. */
  reference?: string;
}

/**
 * People who are named by nothing but their references: by an identifier that is not an actor's, or by a reference.
 * @param groups of each person all references, the one that stands for them first
 */
export async function peopleShown(
  vault: Pick<KeyVault, 'epoch' | 'erased' | 'identifiers'>,
  groups: readonly (readonly string[])[],
  { nameSubjects }: { nameSubjects: boolean },
): Promise<ShownPerson[]> {
  const epoch = await vault.epoch();
  const references = [...new Set(groups.flat())];
  const names = nameSubjects ? await vault.identifiers(references) : new Map<string, Identifier[]>();
  const nameless = references.filter((reference) => !names.has(reference));
  const erased = await erasedAmong(vault, epoch, nameless);
  return groups.map((own) => {
    const identifiers = own.flatMap((each) => names.get(each) ?? []);
    const identifier = identifiers.find(({ scheme }) => scheme !== ACTOR && !scheme.startsWith(':'));
    if (identifier) return { scheme: identifier.scheme, value: identifier.value };
    const [reference = ''] = own;
    if (!nameSubjects) return { reference, ...(erased.has(reference) && { erased: true as const }) };
    return identifiers.length > 0 ? { reference } : { reference, ...goneOf(reference, erased) };
  });
}
