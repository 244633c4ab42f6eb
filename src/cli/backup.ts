import type { Command } from 'commander';
import type { Backup } from '../backup/backup.ts';
import { readConfig } from '../config.ts';
import { duration, Progress } from './progress.ts';
import { CliError, count, counted, EXIT, printable, type Terminal, tell } from './terminal.ts';

const HELP = `
Works on the files of the data folder (LIGGARE_DATA), also while a service writes them. The folder must be empty or not
there yet. It gets

  log/ledger.db   the log, and log/manifest.json with its digest
  log/tree.db     the Merkle tree over it, with every signed tree head
  keys/keys.db    keys and identities, and keys/manifest.json with its digest
  erasures.log    who was erased, by reference

Keep log and keys apart: together they tell who somebody is. Keep the log as long as you need its evidence, and the keys no
longer than erased people may remain in a copy. The master key is not in the backup: keep it apart from both. Read models are
not in it either: they are made anew.

While the copy is made, the log's write-ahead file (ledger.db-wal) grows by what is recorded meanwhile.

Exit codes
  0  the backup is whole
  2  nothing was written: wrong usage or setting, or there is something in the way
  3  it could not be finished, the disk was full for example; what was written of it was removed

Examples
  liggare backup /mnt/backup/2026-11-22
  liggare backup /mnt/backup/$(date +%F)`;

/** `liggare backup`. */
export function backupCommand(program: Command, terminal: Terminal): void {
  program
    .command('backup')
    .summary('copy the log and the keys, beside a running service too')
    .description('Takes consistent copies of the log and, apart from it, of the keys.')
    .argument('<folder>', 'where to; must be empty or not there yet')
    .addHelpText('after', HELP)
    .action((folder: string) => backup(terminal, folder));
}

async function backup(terminal: Terminal, target: string): Promise<void> {
  process.umask(0o077);
  const { dataFolder } = configured(terminal);
  const { takeBackup } = await import('../backup/backup.ts');
  const shown = new Megabytes(terminal);
  const startedAt = performance.now();
  let taken: Backup;
  try {
    tell(terminal, `Backing up the data folder ${printable(dataFolder)}.`);
    taken = await takeBackup({ dataFolder, target, onBytes: (done, total) => shown.update(done, total) });
  } catch (error) {
    throw named(error) ?? error;
  } finally {
    shown.stop();
  }
  const seconds = (performance.now() - startedAt) / 1000;
  tell(
    terminal,
    `Backed up up to position ${count(taken.head)}, ${count(taken.bytes / 1e6)} MB in ${duration(seconds)}: ${printable(target)}`,
  );
  if (taken.tree) {
    const { origin, headSize } = taken.tree;
    tell(terminal, `The last tree head in it is one of ${printable(origin)} and covers ${counted(headSize, 'event')}.`);
  }
  tell(terminal, `${counted(taken.erasures, 'erased reference')} in erasures.log. Keep log and keys apart; the master key is in neither.`);
  if (taken.masterKeys > 1) tell(terminal, 'The master key is being replaced: these keys need both, the old one and the new one.');
}

/** @throws CliError (exit 2) with every bad setting */
export function configured(terminal: Terminal): ReturnType<typeof readConfig>['config'] {
  try {
    return readConfig(terminal.env).config;
  } catch (error) {
    const [first = '', ...rest] = (error as Error).message.split('\n');
    throw new CliError(
      EXIT.usage,
      printable(first),
      rest.map((line) => printable(line.trim())),
    );
  }
}

/** What the room of backups throws, as the command line tells it. It names files and numbers, nothing that was recorded. */
export function named(error: unknown): CliError | undefined {
  const { name, message, hints = [] } = error as Error & { hints?: readonly string[] };
  if (name === 'BackupRefused') return new CliError(EXIT.usage, printable(message), hints.map(printable));
  if (name === 'BackupFailed') return new CliError(EXIT.unavailable, printable(message), hints.map(printable));
  return undefined;
}

/** Progress in megabytes, from when the whole is known. */
export class Megabytes {
  private progress: Progress | undefined;

  constructor(private readonly terminal: Terminal) {}

  update(done: number, total: number): void {
    this.progress ??= new Progress(this.terminal, { unit: 'MB', total: total / 1e6 });
    this.progress.update(done / 1e6, done / 1e6);
  }

  stop(): void {
    this.progress?.stop();
    this.progress = undefined;
  }
}
