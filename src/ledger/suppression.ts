import type { DatedIdentifier, KeyVault } from '../privacy/key-vault.ts';
import type { Reference } from './entry.ts';

/**
 * Who objected to direct marketing under one identifier objected under all of theirs (Art. 21(3)): where one of a person's is on the
 * suppression list, the others are put there too.
 * @param persons for each person all their references
 * @returns for each whether they are on the list
 */
export async function suppressWhole(vault: KeyVault, persons: readonly (readonly Reference[])[]): Promise<boolean[]> {
  const known = await vault.identifiers([...new Set(persons.flat())]);
  const identifiers = persons.map((references) => references.flatMap((reference) => known.get(reference) ?? []));
  const listed = await vault.suppressed(identifiers.flat());
  const missing: DatedIdentifier[] = [];
  let next = 0;
  const answers = identifiers.map((own) => {
    const isListed = own.map(() => listed[next++] === true);
    const isAny = isListed.includes(true);
    if (isAny) missing.push(...own.filter((_, i) => !isListed[i]));
    return isAny;
  });
  if (missing.length > 0) await vault.suppress(missing);
  return answers;
}
