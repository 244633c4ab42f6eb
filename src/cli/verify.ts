import { existsSync, readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { NoteRefused, parseVkey, type VerifierKey } from '../integrity/signed-note.ts';
import type { Verdict, Verification } from '../verify/result.ts';
import type { Since } from '../verify/since.ts';
import { configured } from './backup.ts';
import { collect, wholeNumber } from './options.ts';
import { Progress } from './progress.ts';
import { CliError, EXIT, type ExitCode, print, printable, type Terminal, tell } from './terminal.ts';
import { foundInWords } from './verify-words.ts';

const HELP = `
Of a data folder (LIGGARE_DATA when none is named), or of the folder of a backup: makes every leaf of the tree anew from the
stored events, every tile and every tree head, checks signatures, keys, the order of streams and the files themselves, and
counts the read models. It only reads, beside a running service too, and needs no key. It names the first event that differs.

It notices: an event changed, added, taken out or moved; a record key, tile, head, key or cosignature that is another one; a tree.db
older than its log, or than the head kept beside it (tree-head.note); tables, indexes, triggers and views that are missing or others
than this program makes. Nobody signs, and it does not notice: which API key recorded an event (its metadata), and the event's own
UUID; when keys and files were made; tiles of earlier generations; what read models say beyond how many rows they have. Events behind
the newest head are vouched for by nobody yet: then the first line says how far the folder is signed.

By themselves the files show that they agree with each other and with the keys in them. Whoever puts the whole folder back to an
older copy, tree-head.note included, or has the signing key, is found by a tree head that somebody kept: save /tlog/checkpoint now and then, elsewhere, and
give it as --since. What came before it is then believed, if the ledger goes on from it.

Of a .zip, an evidence bundle is verified, of a .json, receipts: with nothing but the file and public keys.

With --resume, progress is kept in <folder>.verify.json beside the data folder (or --state), and an interrupted run goes on. What
was read before the interruption is not read again: begin anew (without --resume) where the files may have been changed meanwhile.

Exit codes
  0  intact
  2  wrong usage, or what was given to verify against does not serve; nothing was verified
  4  tampered: something is not what was sealed or signed; the first difference is named
  5  it could not be told: a file is missing, locked, damaged or of a newer version, nothing was signed yet, or it was interrupted

Examples
  liggare verify
  liggare verify /mnt/backup/2026-11-22 --since checkpoint-of-october --vkey "$(cat ledger.vkey)"
  liggare verify --resume --workers 4
  liggare verify bundle.zip`;

interface Options {
  since?: string;
  vkey: string[];
  witness: string[];
  least?: number;
  resume?: boolean;
  state?: string;
  workers?: number;
  json?: boolean;
}

/** Threads that anybody has use for. */
const MAX_WORKERS = 256;
/** A signed note has a few hundred characters. */
const MAX_HEAD_BYTES = 1024 * 1024;

const CODES: Readonly<Record<Verdict, ExitCode>> = { intact: EXIT.done, tampered: EXIT.tampered, 'could-not-tell': EXIT.couldNotTell };

/** `liggare verify`. */
export function verifyCommand(program: Command, terminal: Terminal, end: (code: ExitCode) => void): void {
  program
    .command('verify')
    .summary('find out whether anything was changed behind the ledger')
    .description('Verifies a data folder, a backup, an evidence bundle or receipts.')
    .argument('[what]', 'folder, or a file: bundle.zip, receipts.json; the data folder when absent')
    .option('--since <head>', 'a tree head that was kept (a file), or a size that the ledger has: only what came after it is made anew')
    .option('--vkey <vkey>', 'public key of the ledger that is trusted, instead of those in the files; several times', collect, [])
    .option('--witness <vkey>', 'public key of a witness whose cosignatures are checked; several times', collect, [])
    .option('--least <n>', 'of a file: how many of the witnesses must have cosigned; all when absent', wholeNumber(0, MAX_WORKERS))
    .option('--resume', 'keep progress, and go on where an interrupted run stopped')
    .option('--state <file>', 'where progress is kept (with --resume)')
    .option('--workers <n>', 'threads; as many as there are processors when absent', wholeNumber(1, MAX_WORKERS))
    .option('--json', 'the result as JSON')
    .addHelpText('after', HELP)
    .action(async (what: string | undefined, options: Options) => end(await verify(terminal, what, options)));
}

async function verify(terminal: Terminal, what: string | undefined, options: Options): Promise<ExitCode> {
  const vkeys = options.vkey.map((text) => keyOf(text, '--vkey'));
  const witnesses = options.witness.map((text) => keyOf(text, '--witness'));
  const keys = { ...(vkeys.length > 0 && { vkeys }), ...(witnesses.length > 0 && { witnesses }) };
  const { isEvidenceFile, verifyEvidenceFile } = await import('./verify-file.ts');
  if (what !== undefined && isEvidenceFile(what) && !isFolder(what)) {
    mustBeOfFiles(options);
    const { json, least } = options;
    return CODES[await verifyEvidenceFile(terminal, what, { ...keys, ...(json && { json }), ...(least !== undefined && { least }) })];
  }
  if (options.least !== undefined) throw new CliError(EXIT.usage, '--least is for evidence bundles and receipts.');
  const verification = await verifyData(terminal, what ?? configured(terminal).dataFolder, keys, options);
  await print(terminal, options.json ? JSON.stringify(verification, null, 2) : foundInWords(verification));
  return CODES[verification.verdict];
}

function mustBeOfFiles({ since, resume, state, workers }: Options): void {
  const given = Object.entries({ since, resume, state, workers }).find(([, value]) => value !== undefined);
  if (given) throw new CliError(EXIT.usage, `--${given[0]} is for data folders and backups.`);
}

const isFolder = (path: string): boolean => existsSync(path) && statSync(path).isDirectory();

async function verifyData(
  terminal: Terminal,
  folder: string,
  keys: { vkeys?: VerifierKey[]; witnesses?: VerifierKey[] },
  { since, resume, state, workers }: Options,
): Promise<Verification> {
  const { verifyFolder } = await import('../verify/verify.ts');
  const { defaultStateFile } = await import('../verify/state.ts');
  const stateFile = state ?? (resume ? defaultStateFile(folder) : undefined);
  const interruption = new AbortController();
  const interrupt = () => interruption.abort();
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  let progress: Progress | undefined;
  tell(terminal, `Verifying ${printable(resolve(folder))}.`);
  try {
    return await verifyFolder(folder, {
      ...keys,
      ...(since !== undefined && { since: sinceOf(since) }),
      ...(stateFile !== undefined && { stateFile }),
      ...(workers !== undefined && { workers }),
      signal: interruption.signal,
      onProgress: (done, total) => {
        progress ??= new Progress(terminal, { unit: 'leaves', total });
        progress.update(done, done);
      },
    });
  } catch (error) {
    throw explained(error, stateFile);
  } finally {
    progress?.stop();
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  }
}

function keyOf(text: string, option: string): VerifierKey {
  try {
    return parseVkey(text.trim());
  } catch (error) {
    if (error instanceof NoteRefused) throw new CliError(EXIT.usage, `${option}: ${error.message}.`);
    throw error;
  }
}

/** A size, or a file with a signed tree head in it. */
function sinceOf(text: string): Since {
  if (/^\d{1,15}$/.test(text) && !existsSync(text)) return { size: Number(text) };
  try {
    if (statSync(text).size > MAX_HEAD_BYTES) throw new CliError(EXIT.usage, `${printable(text)} is too large for a tree head.`);
    return { note: readFileSync(text, 'utf8') };
  } catch (error) {
    if (error instanceof CliError) throw error;
    throw new CliError(EXIT.usage, `${printable(text)} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'}).`, [
      '--since takes a file with a tree head, such as a saved /tlog/checkpoint, or a size.',
    ]);
  }
}

/** Whatever stands in the way of verifying, nothing was found out. */
function explained(error: unknown, stateFile: string | undefined): CliError {
  if (error instanceof CliError) return error;
  const { name, message, code, path } = error as NodeJS.ErrnoException;
  if (name === 'NotUsable') return new CliError(EXIT.usage, `Nothing was verified: ${printable(message)}.`);
  if (stateFile !== undefined && path?.startsWith(stateFile)) {
    return new CliError(EXIT.usage, `${printable(stateFile)} cannot be written (${code ?? 'unknown'}): choose another place with --state.`);
  }
  // Its message may quote what was read.
  const which = [name, name === 'ThreadFailed' ? message : code].filter((part) => part !== undefined).join(' ');
  return new CliError(EXIT.couldNotTell, `It could not be told: an error that should not happen (${printable(which)}).`);
}
