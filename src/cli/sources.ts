import type { Command } from 'commander';
import { withLedger } from './connect.ts';
import { wholeNumber } from './options.ts';
import { count, print, type Terminal, table } from './terminal.ts';

/** A number may come as text: a sequence is text in an event, and may have more digits than a number holds. */
type Figure = number | string;

interface SourceRow {
  source: string;
  events: Figure;
  firstHeardAt?: string | null;
  lastHeardAt?: string | null;
  highestSequence?: Figure | null;
  missing?: [Figure, Figure][];
  /** Numbers in all gaps, also where these are too many to be listed. */
  missingCount?: Figure;
  late: Figure;
  outOfOrder: Figure;
  quarantined: Figure;
}

const HELP = `
A source that counts its events (sequence) shows which numbers are missing; quarantined events count as received.

Examples
  liggare sources
  liggare sources --json`;

/** `liggare sources`. */
export function sourcesCommand(program: Command, terminal: Terminal): void {
  program
    .command('sources')
    .summary('which systems report, and what is missing from them')
    .description('Completeness of every source: events, last heard, gaps, lateness, quarantine.')
    .option('--after <position>', 'wait until the answer covers this position', wholeNumber(0, Number.MAX_SAFE_INTEGER))
    .option('--json', 'the answer as JSON')
    .addHelpText('after', HELP)
    .action((options: { after?: number; json?: boolean }) => sources(terminal, options));
}

async function sources(terminal: Terminal, options: { after?: number; json?: boolean }): Promise<void> {
  await withLedger(terminal, async (client) => {
    const query: Record<string, string> = options.after === undefined ? {} : { after: String(options.after) };
    const answer = await client.json<{ items: SourceRow[] }>('/v1/sources', { query, repeatable: true });
    if (options.json) return print(terminal, JSON.stringify(answer, null, 2));
    const headers = ['source', 'events', 'first heard', 'last heard', 'sequence', 'missing', 'late', 'out of order', 'quarantined'];
    const rows = answer.items.map((row) => [
      row.source,
      count(Number(row.events)),
      row.firstHeardAt ?? '',
      row.lastHeardAt ?? '',
      String(row.highestSequence ?? ''),
      missing(row),
      count(Number(row.late)),
      count(Number(row.outOfOrder)),
      count(Number(row.quarantined)),
    ]);
    await print(terminal, table(headers, rows, terminal.stdout.isTTY ? terminal.stdout.columns : undefined));
  });
}

const SHOWN_GAPS = 10;

/** `7, 20–118`, and how many numbers are missing in all where not every gap is shown. */
function missing({ missing: gaps = [], missingCount = 0 }: SourceRow): string {
  const shown = gaps.slice(0, SHOWN_GAPS);
  const listed = shown.map(([from, to]) => (String(from) === String(to) ? String(from) : `${from}–${to}`)).join(', ');
  const numbers = shown.reduce((sum, [from, to]) => sum + Number(to) - Number(from) + 1, 0);
  const all = Number(missingCount);
  return all > numbers ? `${listed}, … ${count(all)} in all` : listed;
}
