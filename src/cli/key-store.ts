import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { withLedger } from './connect.ts';
import { Progress } from './progress.ts';
import { CliError, counted, EXIT, print, printable, type Terminal, table, tell } from './terminal.ts';

const EXPIRE_HELP = `
Keys of months and cases have an end: LIGGARE_QUARANTINE_DAYS, LIGGARE_UNBOUND_DAYS, LIGGARE_CASE_DAYS. What was sealed
under a key that is past it can be opened no more once this has run; the running service does the same once a day.

Examples
  liggare keys expire --dry-run
  liggare keys expire`;

const ROTATE_HELP = `
Wraps every key of the key store under another master key while the service goes on; the old one then opens nothing but
older copies of keys.db. Interrupted, it goes on at the next start, or when this is run again.

A master key in a file (data/master.key, LIGGARE_MASTER_KEY_FILE) is replaced in that file: the next one is made beside
it. Where it comes from the environment, start with the next one in LIGGARE_MASTER_KEY_NEXT or
LIGGARE_MASTER_KEY_NEXT_FILE first, and make it the master key once this is done.

Example
  liggare keys rotate-master`;

interface MasterKey {
  rotation?: { state: string; done: number; total: number; cause?: string; advice?: string };
}

/** Between two looks at how far it is. */
const LOOK_MS = 200;

interface Expired {
  dryRun: boolean;
  count: number;
  periods: { name: string; endsAt: string; items: number }[];
}

/** `liggare keys expire` and `liggare keys rotate-master`. */
export function keyStoreCommands(keys: Command, terminal: Terminal): void {
  keys
    .command('expire')
    .description('Destroys the keys of months and cases whose end has passed.')
    .option('--dry-run', 'only list what would go')
    .option('--json', 'the answer as JSON')
    .addHelpText('after', EXPIRE_HELP)
    .action((options: { dryRun?: boolean; json?: boolean }) => expire(terminal, options));
  keys
    .command('rotate-master')
    .description('Replaces the master key.')
    .addHelpText('after', ROTATE_HELP)
    .action(() => rotate(terminal));
}

async function rotate(terminal: Terminal): Promise<void> {
  await withLedger(terminal, async (client) => {
    let shown = await client.json<MasterKey>('/v1/key-store/rotate-master', { method: 'POST', repeatable: true });
    const progress = new Progress(terminal, { unit: 'people', ...(shown.rotation?.total && { total: shown.rotation.total }) });
    try {
      while (shown.rotation?.state === 'running') {
        await sleep(LOOK_MS);
        shown = await client.json<MasterKey>('/v1/key-store', { repeatable: true });
        progress.update(shown.rotation?.done ?? 0, shown.rotation?.done ?? 0);
      }
    } finally {
      progress.stop();
    }
    ended(terminal, shown);
  });
}

function ended(terminal: Terminal, { rotation }: MasterKey): void {
  if (rotation?.state !== 'completed') {
    const cause = rotation?.cause === undefined ? 'the service was started again' : printable(rotation.cause);
    throw new CliError(EXIT.unavailable, `The master key is not replaced yet: ${cause}.`, ['Run the command again: it goes on.']);
  }
  tell(
    terminal,
    `The next master key is in force, for ${counted(rotation.total, 'person', 'people')}. ${printable(rotation.advice ?? '')}`,
  );
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
