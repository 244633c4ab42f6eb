import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import type { Restored, RestoreOptions } from '../backup/restore.ts';
import type { Restoring } from '../backup/restored.ts';
import { MASTER_KEY_FILE } from '../privacy/master-key.ts';
import { configured, Megabytes, named } from './backup.ts';
import { accountName, explained } from './connect.ts';
import { CliError, count, counted, EXIT, printable, type Terminal, tell } from './terminal.ts';

interface Options {
  keys?: string;
  erasures?: string;
  acceptMissingErasures?: boolean;
  acceptLostKeys?: boolean;
}

const HELP = `
Puts a backup into the data folder (LIGGARE_DATA), which must have no log; no service may hold it. Put the master key there
first (master.key), or set LIGGARE_MASTER_KEY or LIGGARE_MASTER_KEY_FILE: no backup has it.

Nothing is served before everybody is erased again who was erased since the backup. That takes an erasures.log from outside the
backup, which has every line of the backup's own: LIGGARE_ERASURE_COPY, --erasures, or the one of the data folder.

A keys.db that is still in the data folder stays: it is newer than any copy, and must have the keys of everybody whom the log
names. Otherwise people who came after the copy of the keys
have lost theirs; they are counted, and it takes --accept-lost-keys. Objections to direct marketing that came later are taken
from the log, as far as their people's keys are there.

What was restored from when, and what was accepted, is recorded in the log (LedgerRestored). Interrupted, the folder is
not served: run the same command again.

Exit codes
  0  the ledger is restored; start it
  2  refused: the message names the file or the reason; nothing was placed
  3  it could not be completed, the disk was full for example; what was placed was removed

Examples
  liggare restore /mnt/backup/2026-11-22 --erasures /mnt/copy/erasures.log
  liggare restore /mnt/backup/2026-11-22 --keys /mnt/keys/2026-11-22`;

/** `liggare restore`. */
export function restoreCommand(program: Command, terminal: Terminal): void {
  program
    .command('restore')
    .summary('put a backup into an empty data folder, without those erased since')
    .description('Restores a backup into a data folder without a log, and erases again who was erased since.')
    .argument('<backup>', 'folder that liggare backup wrote')
    .option('--keys <folder>', 'where the keys lie, if not in the same backup')
    .option('--erasures <file>', 'the newest erasures.log that is known')
    .option('--accept-missing-erasures', 'restore although people erased since the backup may come back')
    .option('--accept-lost-keys', 'restore although people of the log have no key any more')
    .addHelpText('after', HELP)
    .action((backup: string, options: Options) => restore(terminal, backup, options));
}

async function restore(terminal: Terminal, backup: string, options: Options): Promise<void> {
  process.umask(0o077);
  const { dataFolder, erasureCopy, ...config } = configured(terminal);
  if (config.masterKey === undefined && config.masterKeyFile === undefined && !existsSync(join(dataFolder, MASTER_KEY_FILE))) {
    throw new CliError(EXIT.usage, 'There is no master key: nothing is restored.', [
      `Put ${MASTER_KEY_FILE} into ${printable(dataFolder)}, or set LIGGARE_MASTER_KEY or LIGGARE_MASTER_KEY_FILE. No backup has it.`,
    ]);
  }
  const { restoreBackup } = await import('../backup/restore.ts');
  const shown = new Megabytes(terminal);
  tell(terminal, `Restoring ${printable(backup)} into the data folder ${printable(dataFolder)}.`);
  try {
    const restored = await restoreBackup({
      ...{ backup, dataFolder, person: accountName() },
      ...(erasureCopy !== undefined && { erasureCopy }),
      ...(options.keys !== undefined && { keys: options.keys }),
      ...(options.erasures !== undefined && { erasures: options.erasures }),
      acceptMissingErasures: options.acceptMissingErasures === true,
      acceptLostKeys: options.acceptLostKeys === true,
      onBytes: (done, total) => shown.update(done, total),
      complete: (restoring) => {
        shown.stop();
        return complete(terminal, restoring);
      },
    } satisfies RestoreOptions);
    sayDone(terminal, restored);
  } catch (error) {
    throw refused(error, dataFolder);
  } finally {
    shown.stop();
  }
}

/** What every start does with its files, and the record of the restore; nothing is served. */
async function complete(terminal: Terminal, restoring: Restoring): Promise<void> {
  tell(terminal, 'Erasing again who was erased since, and reading the log for people without keys.');
  await import('reflect-metadata');
  const { completeRestore } = await import('../start.ts');
  await completeRestore(terminal.env, restoring);
}

function sayDone(terminal: Terminal, { backupTakenAt, keysTakenAt, head, erasures, acceptedMissingErasures }: Restored): void {
  tell(
    terminal,
    `Restored: the log of ${backupTakenAt} up to position ${count(head)}; ${counted(erasures, 'erased reference')} in erasures.log.`,
  );
  if (keysTakenAt === undefined) tell(terminal, 'keys.db of the data folder stayed.');
  else {
    tell(
      terminal,
      `Keys are those of ${keysTakenAt}. So is the suppression list, but for objections that the log tells of: ` +
        'what came on it later and stands in neither must be entered again.',
    );
  }
  if (acceptedMissingErasures) tell(terminal, 'People erased since the backup may have come back: that was accepted, and is recorded.');
}

function refused(error: unknown, dataFolder: string): unknown {
  const { name, message, lostReferences, code } = error as Error & { lostReferences?: number; code?: string };
  if (name === 'RestoreFailed') return new CliError(EXIT.unavailable, printable(message));
  // While the restore was completed: a full disk above all.
  if (/Unavailable$/.test(name)) return new CliError(EXIT.unavailable, `${printable(message)}; what was placed was removed again`);
  if (code === 'SQLITE_FULL' || code === 'ENOSPC') {
    return new CliError(EXIT.unavailable, `${printable(dataFolder)}: there is no room left; what was placed was removed again`);
  }
  if (lostReferences !== undefined) return keysLost(lostReferences, dataFolder);
  if (name === 'FolderInUse') {
    return new CliError(
      EXIT.usage,
      `Another process holds the data folder ${printable(dataFolder)}: nothing is restored over a ledger in use.`,
      ['Stop it, or choose an empty folder with LIGGARE_DATA.'],
    );
  }
  return named(error) ?? (code === undefined ? explained(error, dataFolder) : error);
}

function keysLost(references: number, dataFolder: string): CliError {
  const own = join(dataFolder, 'keys.db');
  const isOwn = existsSync(own);
  const who = `${counted(references, 'person', 'people')} whom the log names have none`;
  return new CliError(
    EXIT.usage,
    isOwn ? `${printable(own)} is older than the log, or another ledger's: ${who} in it.` : `The keys are older than the log: ${who}.`,
    [
      isOwn
        ? 'Put the newest keys.db of this ledger in its place, or move it away to restore the keys of the backup.'
        : 'Name newer keys with --keys <folder>, or leave the newest keys.db in the data folder.',
      'Or restore with --accept-lost-keys: what was sealed for these people cannot be opened any more. That is recorded.',
    ],
  );
}
