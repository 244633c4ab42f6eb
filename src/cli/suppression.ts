import type { Command } from 'commander';
import type { LedgerClient } from './client.ts';
import { withLedger } from './connect.ts';
import { linesOfInput, personOf } from './options.ts';
import { CliError, counted, EXIT, print, type Terminal, tell } from './terminal.ts';

const HELP = `
Reads identifiers from standard input, one a line as scheme:value. Prints a line for each: its number and yes (suppressed:
no direct marketing, for good) or no. With --pass it prints instead the lines that are not suppressed, as they came.

Examples
  liggare suppression check < addresses.txt
  liggare suppression check --pass < addresses.txt > may-be-contacted.txt`;

/** Identifiers that one request may hold. */
const A_REQUEST = 1000;

/** `liggare suppression check`. */
export function suppressionCommand(program: Command, terminal: Terminal): void {
  const suppression = program
    .command('suppression')
    .summary('who must not be contacted for direct marketing')
    .description('The suppression list for direct marketing (Art. 21(3)).');
  suppression
    .command('check')
    .description('Says which identifiers are on the suppression list.')
    .option('--pass', 'print the lines that are not suppressed')
    .addHelpText('after', HELP)
    .action((options: { pass?: boolean }) => check(terminal, options.pass ?? false));
}

interface Line {
  line: number;
  text: string;
}

async function check(terminal: Terminal, isPass: boolean): Promise<void> {
  await withLedger(terminal, async (client) => {
    let [checked, suppressed] = [0, 0];
    for await (const lines of portions(terminal)) {
      const answers = await suppressedOf(client, lines);
      checked += lines.length;
      suppressed += answers.filter((answer) => answer).length;
      const shown = isPass
        ? lines.flatMap(({ text }, i) => (answers[i] ? [] : [text]))
        : lines.map(({ line }, i) => `${line}  ${answers[i] ? 'yes' : 'no'}`);
      if (shown.length > 0) await print(terminal, shown.join('\n'));
    }
    tell(terminal, `${counted(checked, 'identifier')} checked, ${suppressed} suppressed.`);
  });
}

async function* portions(terminal: Terminal): AsyncGenerator<Line[]> {
  let lines: Line[] = [];
  for await (const one of linesOfInput(terminal)) {
    lines.push(one);
    if (lines.length < A_REQUEST) continue;
    yield lines;
    lines = [];
  }
  if (lines.length > 0) yield lines;
}

async function suppressedOf(client: LedgerClient, lines: readonly Line[]): Promise<boolean[]> {
  const identifiers = lines.map(({ line, text }) => {
    const identifier = personOf(text, `Line ${line}`);
    if ('reference' in identifier) throw new CliError(EXIT.usage, `Line ${line} is a reference: the list knows identifiers only.`);
    return identifier;
  });
  const body = JSON.stringify({ identifiers });
  const ask = { method: 'POST', body, repeatable: true } as const;
  const { items } = await client.json<{ items: { index: number; suppressed: boolean }[] }>('/v1/suppression/check', ask);
  const answers = new Map(items.map(({ index, suppressed }) => [index, suppressed]));
  return lines.map((_, index) => {
    const answer = answers.get(index);
    // Nobody is contacted because an answer was missing.
    if (answer === undefined) throw new CliError(EXIT.unavailable, 'The ledger did not answer for every identifier.');
    return answer;
  });
}
