import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import type { Standing } from '../backup/published.ts';
import type { Restored, RestoreOptions } from '../backup/restore.ts';
import type { RestoredTree, Restoring } from '../backup/restored.ts';
import { MASTER_KEY_FILE } from '../privacy/master-key.ts';
import { configured, Megabytes, named } from './backup.ts';
import { accountName, explained } from './connect.ts';
import { Progress } from './progress.ts';
import { CliError, count, counted, EXIT, printable, type Terminal, tell } from './terminal.ts';

interface Options {
  keys?: string;
  erasures?: string;
  acceptMissingErasures?: boolean;
  acceptLostKeys?: boolean;
  treeHead?: string;
  newGeneration?: boolean;
  force?: boolean;
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

A tree.db that is still in the data folder stays too. A tree head that was published cannot be taken back: where the log does not
lead to every one that is known (that of tree.db; that of --tree-head, which is what somebody saved of /tlog/checkpoint), the
restore is refused. Where a later head may be out that is known nowhere here, nobody can tell; whoever holds it can. With
--new-generation the ledger goes on under a new origin, <name>/<n+1>, with a new key and a tree of all that the log has: that is
recorded (TreeGenerationStarted) with the head that is given up, and what is there of the old tree is kept. Without a backup,
--new-generation does that to the log of the data folder, where it does not lead to what was published. It asks nothing: what is
given up is told before it is done. Whoever follows the log takes the new origin and key, and caches in front of /tlog/ must be
emptied.

What was restored from when, and what was accepted, is recorded in the log (LedgerRestored). Interrupted, the folder is
not served: run the same command again.

Exit codes
  0  the ledger is restored; start it
  2  refused: the message names the file or the reason; nothing was placed
  3  it could not be completed, the disk was full for example; what was placed was removed

Examples
  liggare restore /mnt/backup/2026-11-22 --erasures /mnt/copy/erasures.log
  liggare restore /mnt/backup/2026-11-22 --keys /mnt/keys/2026-11-22
  liggare restore /mnt/backup/2026-11-22 --tree-head checkpoint.txt
  liggare restore --new-generation`;

/** `liggare restore`. */
export function restoreCommand(program: Command, terminal: Terminal): void {
  program
    .command('restore')
    .summary('put a backup into an empty data folder, without those erased since')
    .description('Restores a backup into a data folder without a log, and erases again who was erased since.')
    .argument('[backup]', 'folder that liggare backup wrote; none with --new-generation: the data folder as it is')
    .option('--keys <folder>', 'where the keys lie, if not in the same backup')
    .option('--erasures <file>', 'the newest erasures.log that is known')
    .option('--accept-missing-erasures', 'restore although people erased since the backup may come back')
    .option('--accept-lost-keys', 'restore although people of the log have no key any more')
    .option('--tree-head <file>', 'the newest tree head that is known: what /tlog/checkpoint answered')
    .option('--new-generation', 'go on under a new origin, whatever was published under the old one')
    .option('--force', 'without a backup: also where the log leads to all that was published')
    .addHelpText('after', HELP)
    .action((backup: string | undefined, options: Options) =>
      backup === undefined ? inPlace(terminal, options) : restore(terminal, backup, options),
    );
}

async function restore(terminal: Terminal, backup: string, options: Options): Promise<void> {
  process.umask(0o077);
  const { dataFolder, erasureCopy } = withMasterKey(terminal);
  if (options.force) throw new CliError(EXIT.usage, '--force is for --new-generation without a backup.');
  const treeHead = savedHead(options);
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
      ...(treeHead !== undefined && { treeHead }),
      newGeneration: options.newGeneration === true,
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

/** No backup is named: the log of the data folder is as it is, and what it has published is given up. */
async function inPlace(terminal: Terminal, options: Options): Promise<void> {
  process.umask(0o077);
  const strange = (['keys', 'erasures', 'acceptMissingErasures', 'acceptLostKeys'] as const).filter((name) => options[name] !== undefined);
  if (!options.newGeneration || strange.length > 0) {
    throw new CliError(EXIT.usage, 'No backup is named.', [
      'liggare restore <backup> puts one into the data folder.',
      'liggare restore --new-generation, alone or with --tree-head, begins a new tree over the log that is there.',
    ]);
  }
  const { dataFolder } = withMasterKey(terminal);
  const treeHead = savedHead(options);
  const reading = new Reading(terminal);
  tell(terminal, `Looking through the log of the data folder ${printable(dataFolder)}.`);
  try {
    await import('reflect-metadata');
    const { beginNewTree } = await import('../start.ts');
    const tree = await beginNewTree(terminal.env, {
      person: accountName(),
      ...(treeHead !== undefined && { treeHead }),
      force: options.force === true,
      onPosition: (position, head) => reading.update(position, head),
      onGivenUp: (standing) => {
        reading.stop();
        sayGivenUp(terminal, standing);
      },
    });
    sayBegun(terminal, tree);
  } catch (error) {
    throw refused(error, dataFolder, 'run the command again');
  } finally {
    reading.stop();
  }
}

/** @throws CliError where a restore could open nothing */
function withMasterKey(terminal: Terminal): ReturnType<typeof configured> {
  const config = configured(terminal);
  const { dataFolder, masterKey, masterKeyFile } = config;
  if (masterKey !== undefined || masterKeyFile !== undefined || existsSync(join(dataFolder, MASTER_KEY_FILE))) return config;
  throw new CliError(EXIT.usage, 'There is no master key: nothing is restored.', [
    `Put ${MASTER_KEY_FILE} into ${printable(dataFolder)}, or set LIGGARE_MASTER_KEY or LIGGARE_MASTER_KEY_FILE. No backup has it.`,
  ]);
}

/** Far more than a note has. */
const MAX_NOTE_BYTES = 1024 * 1024;

/** @throws CliError */
function savedHead({ treeHead: file }: Options): string | undefined {
  if (file === undefined) return undefined;
  try {
    const { size } = statSync(file);
    if (statSync(file).isFile() && size <= MAX_NOTE_BYTES) return readFileSync(file, 'utf8');
  } catch (error) {
    throw new CliError(EXIT.usage, `${printable(file)} cannot be read (${(error as { code?: string }).code ?? 'unknown reason'})`);
  }
  throw new CliError(EXIT.usage, `${printable(file)} is no tree head: that is a small file, as /tlog/checkpoint answers it`);
}

/** What every start does with its files, and the record of the restore; nothing is served. */
async function complete(terminal: Terminal, restoring: Restoring): Promise<RestoredTree> {
  tell(terminal, 'Comparing the log with the tree, erasing again who was erased since, and reading the log for people without keys.');
  await import('reflect-metadata');
  const { completeRestore } = await import('../start.ts');
  const reading = new Reading(terminal);
  try {
    return await completeRestore(terminal.env, restoring, (position, head) => reading.update(position, head));
  } finally {
    reading.stop();
  }
}

/** How far the log has been compared with the tree. */
class Reading {
  private progress: Progress | undefined;

  constructor(private readonly terminal: Terminal) {}

  update(position: number, head: number): void {
    this.progress ??= new Progress(this.terminal, { unit: 'events', total: head });
    this.progress.update(position, position);
  }

  stop(): void {
    this.progress?.stop();
    this.progress = undefined;
  }
}

function sayDone(terminal: Terminal, restored: Restored): void {
  const { backupTakenAt, keysTakenAt, head, erasures, acceptedMissingErasures, treeFrom, tree } = restored;
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
  if (treeFrom === 'folder') tell(terminal, 'tree.db of the data folder stayed.');
  if (tree.begun) sayBegun(terminal, tree);
  else sayGoesOn(terminal, restored);
  if (acceptedMissingErasures) tell(terminal, 'People erased since the backup may have come back: that was accepted, and is recorded.');
}

/** What is not known cannot be looked up: whoever holds a later head would be the first to tell. */
function sayGoesOn(terminal: Terminal, { tree: { origin, head }, treeFrom, treeHead }: Restored): void {
  if (origin === undefined) {
    tell(terminal, 'There is no tree in the backup, and no tree head is known: the first start makes it.');
    return;
  }
  const covers = head ? `the newest that is known covers ${counted(head.size, 'event')}` : 'none is known yet';
  tell(terminal, `Tree heads go on under ${printable(origin)}: ${covers}.`);
  if (treeFrom === 'folder' || treeHead !== undefined) return;
  tell(terminal, 'If later ones were published, restore with --new-generation instead: those who hold them would see another history.');
}

function sayGivenUp(terminal: Terminal, { head, disagreement, name, generation }: Standing): void {
  if (disagreement) tell(terminal, `The log does not lead to what was published: ${printable(disagreement.detail)}.`);
  const what = head ? `${counted(head.size, 'event')}, root ${head.root.toString('base64')}` : 'none is known';
  tell(terminal, `Given up: tree heads of ${printable(name)}/${generation}; the newest: ${what}.`);
}

function sayBegun(terminal: Terminal, { origin = '', previous, head }: RestoredTree): void {
  tell(terminal, `A new tree was begun: tree heads are signed under ${printable(origin)}, with a new key.`);
  if (previous !== undefined) {
    const covered = head ? `covered ${counted(head.size, 'event')}` : 'is not known';
    tell(
      terminal,
      `The newest head of ${printable(previous)} ${covered}. What is there of the old tree is kept; the log says that it was given up.`,
    );
  }
  tell(terminal, 'Tell those who follow the log and its witnesses, and empty caches in front of /tlog/.');
}

function refused(error: unknown, dataFolder: string, then = 'what was placed was removed again'): unknown {
  const { name, message, lostReferences, code } = error as Error & { lostReferences?: number; code?: string };
  if (name === 'RestoreFailed') return new CliError(EXIT.unavailable, printable(message));
  // While the restore was completed: a full disk above all.
  if (/Unavailable$/.test(name)) return new CliError(EXIT.unavailable, `${printable(message)}; ${then}`);
  if (code === 'SQLITE_FULL' || code === 'ENOSPC') {
    return new CliError(EXIT.unavailable, `${printable(dataFolder)}: there is no room left; ${then}`);
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
