import type { Command } from 'commander';
import { withLedger } from './connect.ts';
import { linesOfInput } from './options.ts';
import { CliError, EXIT, print, type Terminal } from './terminal.ts';

const HELP = `
Neither makes a finding go: it is cleared where the record that it was found on is corrected or retracted, or is judged otherwise by
what was learnt since. What is said is recorded with whoever says it, and kept sealed.

What stands on a command line can be read by others on the same machine, and stays in the shell's history: without --reason it is
read from standard input.

Examples
  liggare ask findings --severity critical --state open --purpose security
  liggare findings acknowledge AAAAAAGcH7Zx0qL5mK3nqQ --reason "Billing is asked why"
  liggare findings explain AAAAAAGcH7Zx0qL5mK3nqQ < explanation.txt`;

interface Remarked {
  finding: string;
  state: string;
  at: string;
  position: number;
}

interface Options {
  reason?: string;
  again?: boolean;
  json?: boolean;
}

/** `liggare findings acknowledge` and `liggare findings explain`. */
export function findingsCommand(program: Command, terminal: Terminal): void {
  const command = program.command('findings').summary('say what is done about a finding, or how it came about').addHelpText('after', HELP);
  command
    .command('acknowledge')
    .summary('say that somebody has seen it, and sees to it')
    .argument('<finding>', 'id of the finding')
    .option('--reason <text>', 'what is done about it (recorded, sealed)')
    .option('--json', 'the answer as JSON')
    .action((finding: string, options: Options) => remark(terminal, 'acknowledge', finding, options));
  command
    .command('explain')
    .summary('say how it came about')
    .argument('<finding>', 'id of the finding')
    .option('--reason <text>', 'how it came about (recorded, sealed)')
    .option('--again', 'add to an explanation that stands')
    .option('--json', 'the answer as JSON')
    .action((finding: string, options: Options) => remark(terminal, 'explain', finding, options));
}

async function remark(
  terminal: Terminal,
  what: 'acknowledge' | 'explain',
  finding: string,
  { reason, again, json }: Options,
): Promise<void> {
  if (!/^[A-Za-z0-9_-]{22}$/.test(finding)) {
    throw new CliError(EXIT.usage, 'The finding is named by its id: 22 letters, digits, - and _.', ['liggare ask findings … shows it.']);
  }
  const said = reason ?? (await textOfInput(terminal));
  if (said === '') throw new CliError(EXIT.usage, 'A reason is needed, with --reason or on standard input.');
  await withLedger(terminal, async (client) => {
    const body = JSON.stringify({ reason: said, ...(again && { again }) });
    const answer = await client.json<Remarked>(`/v1/findings/${finding}/${what}`, { method: 'POST', body });
    await print(terminal, json ? JSON.stringify(answer, null, 2) : `${answer.finding} is ${answer.state} (position ${answer.position}).`);
  });
}

async function textOfInput(terminal: Terminal): Promise<string> {
  const lines: string[] = [];
  for await (const { text } of linesOfInput(terminal)) lines.push(text);
  // A text has no line breaks in it (control characters).
  return lines.join(' ');
}
