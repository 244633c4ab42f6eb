import type { KeyVault } from '../privacy/key-vault.ts';
import type { Entry, Reference, StoredSubject } from './entry.ts';
import { type Named, type PeriodKey, sealEntry } from './sealing.ts';
import type { LedgerSettings } from './settings.ts';

/** The month a moment falls in (UTC, `2026-11`), and when what is sealed in it may be destroyed: so many days after its end. */
export function monthOf(now: number, keepDays: number): { month: string; endsAt: string } {
  const date = new Date(now);
  const end = Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1) + keepDays * 86_400_000;
  return { month: date.toISOString().slice(0, 7), endsAt: new Date(end).toISOString() };
}

/** The key for what is sealed about nobody in this month. */
export async function unboundKey(vault: KeyVault, now: number, keepDays: number): Promise<PeriodKey> {
  const { month, endsAt } = monthOf(now, keepDays);
  const name = `unbound-${month}`;
  return { name, key: await vault.periodKey(name, endsAt) };
}

/**
 * Seals what somebody wrote about people whom an entry of the ledger's own names: it ends with the first of them. About nobody, or
 * where one of them has no key any more, it ends with its month, and nobody is named.
 */
export async function sealAbout(
  vault: KeyVault,
  pair: Pick<Entry, 'source' | 'id'>,
  references: readonly Reference[],
  values: Record<string, unknown>,
  now: number,
  { unboundDays }: Pick<LedgerSettings, 'unboundDays'>,
): Promise<Pick<Entry, 'sealed'> & { subjects: StoredSubject[] }> {
  await vault.epoch();
  const keys = await vault.keys(references);
  const people = references.flatMap((reference): Named[] => {
    const key = keys.get(reference);
    return key ? [{ reference, key }] : [];
  });
  if (people.length > 0 && people.length === references.length) return sealEntry(pair, people, { values });
  return sealEntry(pair, [], { values }, await unboundKey(vault, now, unboundDays));
}

/** A case by the number that its people know it by, or, where it has none, by an id of the ledger's own. */
export type CaseOf = { requestRef: string } | { id: string };

/**
 * The key of a case's own file. What is sealed under it outlives the keys of the people whom the case is about, and ends with
 * the case: so many days after its first entry.
 * @returns with that end
 * @throws PeriodEnded where the case has one already
 */
export async function caseKey(
  vault: KeyVault,
  now: number,
  of: CaseOf,
  { caseDays }: Pick<LedgerSettings, 'caseDays'>,
): Promise<PeriodKey & { endsAt: string }> {
  const name = `case-${'requestRef' in of ? vault.digest('requestRef', of.requestRef) : of.id}`;
  const wanted = new Date(now + caseDays * 86_400_000).toISOString();
  const key = await vault.periodKey(name, wanted);
  return { name, key, endsAt: (await vault.periodEndsAt(name)) ?? wanted };
}
