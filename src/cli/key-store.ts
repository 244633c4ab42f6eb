import type { Command } from 'commander';
import { withLedger } from './connect.ts';
import { counted, print, type Terminal, table, tell } from './terminal.ts';

const EXPIRE_HELP = `
Keys of months and cases have an end: LIGGARE_QUARANTINE_DAYS, LIGGARE_UNBOUND_DAYS, LIGGARE_CASE_DAYS. What was sealed
under a key that is past it can be opened no more once this has run; the running service does the same once a day.

Examples
  liggare keys expire --dry-run
  liggare keys expire`;

interface Expired {
  dryRun: boolean;
  count: number;
  periods: { name: string; endsAt: string; items: number }[];
}

/** `liggare keys expire`. */
export function keyStoreCommands(keys: Command, terminal: Terminal): void {
  keys
    .command('expire')
    .description('Destroys the keys of months and cases whose end has passed.')
    .option('--dry-run', 'only list what would go')
    .option('--json', 'the answer as JSON')
    .addHelpText('after', EXPIRE_HELP)
    .action((options: { dryRun?: boolean; json?: boolean }) => expire(terminal, options));
}

async function expire(terminal: Terminal, { dryRun = false, json }: { dryRun?: boolean; json?: boolean }): Promise<void> {
  await withLedger(terminal, async (client) => {
    const query: Record<string, string> = dryRun ? { dryRun: 'true' } : {};
    const answer = await client.json<Expired>('/v1/key-store/expire', { method: 'POST', query, repeatable: true });
    if (json) return print(terminal, JSON.stringify(answer, null, 2));
    const rows = answer.periods.map(({ name, endsAt, items }) => [name, endsAt, String(items)]);
    const width = terminal.stdout.isTTY ? terminal.stdout.columns : undefined;
    if (rows.length > 0) await print(terminal, table(['period', 'ended', 'items'], rows, width));
    tell(terminal, `${counted(answer.count, 'key')} ${dryRun ? 'would be' : answer.count === 1 ? 'was' : 'were'} destroyed.`);
  });
}
