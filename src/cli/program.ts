/** The command line as a whole: which commands there are, and how each run ends. */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { SETTINGS } from '../config.ts';
import { askCommand } from './ask.ts';
import { backupCommand } from './backup.ts';
import { demoCommand } from './demo.ts';
import { eraseCommand } from './erase.ts';
import { exportCommand } from './export-evidence.ts';
import { findingsCommand } from './findings.ts';
import { importCommand } from './import.ts';
import { keysCommand } from './keys.ts';
import { peopleCommands } from './people.ts';
import { policyCommand } from './policy.ts';
import { rebuildCommand } from './rebuild.ts';
import { receiptsCommand } from './receipts.ts';
import { restoreCommand } from './restore.ts';
import { retentionCommand } from './retention.ts';
import { sealerKeyCommand } from './sealer-key.ts';
import { sourcesCommand } from './sources.ts';
import { suppressionCommand } from './suppression.ts';
import { CliError, EXIT, type ExitCode, printable, type Terminal, tell } from './terminal.ts';
import { verifyCommand } from './verify.ts';

const HELP = `
Commands that record or ask work on the running service when LIGGARE_URL and LIGGARE_KEY are set, else on the data
folder (LIGGARE_DATA, ./data) when no service holds it; on standard error they say which.

Exit codes
  0  done
  1  import: something was not recorded; receipts: something has none
  2  wrong usage, setting or key
  3  the ledger was not available, or an error
  4  verify: something is not what was sealed or signed
  5  verify: it could not be told

Examples
  liggare demo
  liggare keys create --name billing --scope emit --source urn:mailit:billing
  liggare import events.ndjson
  liggare ask timeline --subject customer-number:10027 --purpose rights-fulfilment`;

/**
 * Runs one command line.
 * @param argv without the names of node and the script.
 * @returns the exit code; every error has been told by then.
 */
export async function run(argv: readonly string[], terminal: Terminal): Promise<ExitCode> {
  let code: ExitCode = EXIT.done;
  const program = commandLine(terminal, (ended) => {
    code = ended;
  });
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return code;
  } catch (error) {
    return explain(error, terminal);
  }
}

function commandLine(terminal: Terminal, end: (code: ExitCode) => void): Command {
  const program = new Command('liggare')
    .description('Personal-data audit ledger: who processed what, of whom, when and why.')
    .version(version())
    .configureOutput({
      writeOut: (text) => void terminal.stdout.write(text),
      writeErr: (text) => void terminal.stderr.write(text),
      getOutHelpWidth: () => terminal.stdout.columns ?? 100,
      getErrHelpWidth: () => terminal.stderr.columns ?? 100,
    })
    .exitOverride()
    .showHelpAfterError('(add --help for the options and examples)')
    .addHelpText('after', HELP);
  // Settings are inherited by the commands that are added from here on.
  demoCommand(program, terminal);
  importCommand(program, terminal, end);
  askCommand(program, terminal);
  receiptsCommand(program, terminal, end);
  sourcesCommand(program, terminal);
  exportCommand(program, terminal);
  keysCommand(program, terminal);
  policyCommand(program, terminal);
  findingsCommand(program, terminal);
  peopleCommands(program, terminal);
  eraseCommand(program, terminal);
  suppressionCommand(program, terminal);
  retentionCommand(program, terminal);
  sealerKeyCommand(program, terminal);
  rebuildCommand(program, terminal);
  backupCommand(program, terminal);
  restoreCommand(program, terminal);
  verifyCommand(program, terminal, end);
  program
    .command('settings')
    .summary('list the environment variables that are read')
    .action(() => void terminal.stdout.write(settingsHelp()));
  return program;
}

function settingsHelp(): string {
  const lines = SETTINGS.map((setting) => {
    const unit = setting.unit ? ` ${setting.unit}` : '';
    return `${setting.name}\n    ${setting.meaning}${setting.default === undefined ? '' : `\n    Default: ${setting.default}${unit}`}`;
  });
  return `${lines.join('\n')}\n`;
}

function explain(error: unknown, terminal: Terminal): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  if (error instanceof CliError) {
    tell(terminal, `liggare: ${error.message}`);
    for (const hint of error.hints) tell(terminal, `  ${hint}`);
    return error.exitCode;
  }
  // Its message may quote what was read; its name and place do not.
  const name = error instanceof Error ? error.name : 'Error';
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  const place = error instanceof Error ? (error.stack ?? '').split('\n').find((line) => line.trim().startsWith('at ')) : undefined;
  tell(
    terminal,
    `liggare: an error that should not happen (${name}${typeof code === 'string' ? ` ${code}` : ''})${printable(place ?? '')}`,
  );
  return EXIT.unavailable;
}

/** From package.json, beside `src` in the sources and two levels above it when built. */
function version(): string {
  const file = new URL(import.meta.url.endsWith('.ts') ? '../../package.json' : '../../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
