import type { Command } from 'commander';
import type { LedgerClient } from './client.ts';
import { withLedger } from './connect.ts';
import { counted, print, printable, type Terminal, tell } from './terminal.ts';

const HELP = `
This is about the ledger's own keys; how long the sources may keep data is asked with: liggare ask retention.

With LIGGARE_SUBJECT_KEY_KEEP set, data subjects about whom nothing was recorded for that long are erased, in the way in
which everybody is: once a day by the running service, and by this command. Legal holds are excepted. Shown are
references and when the last event about them happened, never who they are.

Examples
  liggare retention --dry-run
  liggare retention --json`;

interface Due {
  references: string[];
  lastAt: string;
  exception?: string;
  erasure?: string;
}

interface Page {
  keep: string;
  before: string;
  items: Due[];
  next?: string;
}

interface Options {
  dryRun?: boolean;
  json?: boolean;
}

/** `liggare retention`. */
export function retentionCommand(program: Command, terminal: Terminal): void {
  program
    .command('retention')
    .summary('erase, in the ledger, data subjects who are kept long enough')
    .description('Erases the data subjects about whom nothing was recorded for as long as keys are kept.')
    .option('--dry-run', 'only list who would be erased')
    .option('--json', 'one JSON object a line')
    .addHelpText('after', HELP)
    .action((options: Options) => retention(terminal, options));
}

async function retention(terminal: Terminal, { dryRun = false, json = false }: Options): Promise<void> {
  await withLedger(terminal, async (client) => {
    const seen = new Set<string>();
    let [due, excepted] = [0, 0];
    let limits: Pick<Page, 'keep' | 'before'> | undefined;
    for await (const page of pages(client, dryRun)) {
      limits = page;
      for (const person of page.items) {
        const [first = ''] = person.references;
        if (seen.has(first)) continue;
        seen.add(first);
        if (person.exception === undefined) due += 1;
        else excepted += 1;
        await print(terminal, json ? JSON.stringify(person) : lineOf(person));
      }
    }
    const what = `${counted(due, 'data subject')} ${dryRun ? 'would be' : due === 1 ? 'was' : 'were'} erased`;
    tell(terminal, `${what}, ${excepted} excepted: nothing recorded since ${limits?.before} (${limits?.keep}).`);
  });
}

async function* pages(client: LedgerClient, dryRun: boolean): AsyncGenerator<Page> {
  for (let cursor: string | undefined; ; ) {
    const query: Record<string, string> = cursor === undefined ? {} : { cursor };
    const method = dryRun ? 'GET' : 'POST';
    const page = await client.json<Page>('/v1/retention', { method, query, repeatable: true });
    yield page;
    if (page.next === undefined) return;
    cursor = page.next;
  }
}

function lineOf({ references, lastAt, exception, erasure }: Due): string {
  return [lastAt, references.map(printable).join(' '), exception ?? erasure ?? ''].join('  ').trimEnd();
}
