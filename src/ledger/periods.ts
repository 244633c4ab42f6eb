import type { KeyVault } from '../privacy/key-vault.ts';
import type { PeriodKey } from './sealing.ts';

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
