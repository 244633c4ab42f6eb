import type { Command } from 'commander';
import { openFolder } from './connect.ts';
import { duration, Progress } from './progress.ts';
import { CliError, EXIT, printable, type Terminal, tell } from './terminal.ts';

const HELP = `
Read models hold nothing of their own: everything in them comes from the log, and is made anew here. The service must
be stopped meanwhile: this works on the files of the data folder (LIGGARE_DATA).

Examples
  liggare rebuild
  liggare rebuild completeness`;

/** `liggare rebuild`. */
export function rebuildCommand(program: Command, terminal: Terminal): void {
  program
    .command('rebuild')
    .summary('make the read models anew from the log')
    .description('Makes one read model, or all of them, anew from the log.')
    .argument('[name]', 'read model; all of them when absent')
    .addHelpText('after', HELP)
    .action((name: string | undefined) => rebuild(terminal, name));
}

async function rebuild(terminal: Terminal, name: string | undefined): Promise<void> {
  const ledger = await openFolder(terminal, {});
  const what = name === undefined ? 'all read models' : printable(name);
  const startedAt = performance.now();
  let progress: Progress | undefined;
  try {
    // All of them are made together; each word of progress is about the one furthest behind, and that changes.
    await ledger.rebuild(name, (done, total) => {
      if (progress === undefined) {
        progress = new Progress(terminal, { unit: 'events', total });
        progress.note(`Rebuilding ${what}.`);
      }
      progress.update(done, done);
    });
    progress?.stop();
    tell(terminal, `${what}: rebuilt in ${duration((performance.now() - startedAt) / 1000)}.`);
  } catch (error) {
    throw unknown(error) ?? error;
  } finally {
    progress?.stop();
    await ledger.close();
  }
}

/** The error knows which read models there are; it holds names of the program alone. */
function unknown(error: unknown): CliError | undefined {
  if (!(error instanceof Error) || error.name !== 'UnknownProjection') return undefined;
  return new CliError(EXIT.usage, `Nothing is rebuilt: ${printable(error.message)}.`);
}
