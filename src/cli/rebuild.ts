import type { Command } from 'commander';
import { openFolder } from './connect.ts';
import { duration, Progress } from './progress.ts';
import { printable, type Terminal, tell } from './terminal.ts';

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
  let bar: { name: string; progress: Progress } | undefined;
  const finish = () => {
    if (bar === undefined) return;
    bar.progress.stop();
    tell(terminal, `${printable(bar.name)}: rebuilt in ${duration(bar.progress.seconds)}.`);
    bar = undefined;
  };
  try {
    await ledger.rebuild(name, (done, total, model) => {
      if (bar?.name !== model) {
        finish();
        bar = { name: model, progress: new Progress(terminal, { unit: 'events', total }) };
        bar.progress.note(`Rebuilding ${printable(model)}.`);
      }
      bar.progress.update(done, done);
    });
    finish();
  } finally {
    bar?.progress.stop();
    await ledger.close();
  }
}
