import { randomBytes } from 'node:crypto';
import { link, lstat, open, rename, rm, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type Command, Option } from 'commander';
import { type CheckedBundle, verifyBundle } from '../evidence/check.ts';
import { MAX_EVENTS } from '../evidence/format.ts';
import { type AskOptions, AXES, bodyOf } from './ask.ts';
import type { LedgerClient } from './client.ts';
import { withLedger } from './connect.ts';
import { collect, personOf } from './options.ts';
import { Progress } from './progress.ts';
import { CliError, count, counted, EXIT, printable, type Terminal, tell } from './terminal.ts';

const HELP = `
Writes one ZIP archive: the events as they stand in the log, the proof that they do, the signed tree head, public keys, how
complete the sources were, a signed manifest, and a summary to read and print. As far as your key may see it, the archive also
shows what is sealed; with --sealed-only nobody can be told from it. liggare verify checks it anywhere, without the ledger.

The question is recorded: who asked what, about whom and why. --purpose and --case say why *you* ask. The other options narrow
down what is exported, at most ${count(MAX_EVENTS)} events; each may be given several times (any of them), and all combine.

What stands on a command line can be read by others on the same machine, and stays in the shell's history. With
--about - the same is read as JSON from standard input: {"subject": {"scheme": "email", "value": "…"}}.

The file is for you alone (mode 0600), and is there only when it is whole and was verified.

Examples
  liggare export evidence --about customer-number:10027 --purpose rights-fulfilment --case DSR-2026-014 bundle.zip
  liggare export evidence --actor anna.berg --from 2026-03-01 --to 2026-04-01 --purpose security --sealed-only march.zip`;

interface Options extends Omit<AskOptions, 'about' | 'subject'> {
  about: string[];
  sealedOnly?: boolean;
  force?: boolean;
}

/** `liggare export`. */
export function exportCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command('export')
    .summary('write evidence that is checked without the ledger')
    .description('Writes what the ledger knows to a file that stands for itself.')
    .command('evidence')
    .summary('events with the proof that they stand in the log')
    .description('Writes an evidence bundle: events, proofs, tree head, public keys, coverage, signed manifest, summary.')
    .argument('<file>', 'the archive to write, such as bundle.zip')
    .requiredOption('--purpose <code>', 'why you ask (recorded)')
    .option('--case <ref>', 'case in which you ask (recorded)')
    .option('--about <scheme:value>', 'whose data (repeatable); - for all of the question as JSON on standard input', collect, []);
  for (const [, flags, meaning] of AXES) command.addOption(new Option(flags, meaning).argParser(collect).default([], ''));
  command
    .option('--from <time>', 'at or after this time; a day means its start in UTC')
    .option('--to <time>', 'before this time; a day means its start in UTC')
    .option('--as-of <time>', 'what was known then: a time, or a day (its end in UTC)')
    .option('--sealed-only', 'leave out what your key could open')
    .option('--force', 'replace the file where it exists')
    .addHelpText('after', HELP)
    .action((file: string, options: Options) => exportEvidence(terminal, file, options));
}

async function exportEvidence(terminal: Terminal, file: string, options: Options): Promise<void> {
  const { about, sealedOnly, force, ...rest } = options;
  for (const text of about) if (text !== '-') personOf(text, '--about');
  const subject = about.filter((text) => text !== '-');
  const asked = { ...rest, subject, ...(about.includes('-') && { about: '-' }) } as AskOptions;
  const body = { ...(await bodyOf(terminal, asked)), ...(sealedOnly && { opened: false }) };
  if (!force && (await lstat(file).catch(() => undefined))) throw exists(file);
  await withLedger(terminal, async (client) => {
    const part = join(dirname(file), `.${basename(file)}.${randomBytes(6).toString('hex')}.part`);
    try {
      const bytes = await download(terminal, client, body, part);
      const checked = await checkedBundle(part);
      await put(part, file, force ?? false);
      tell(terminal, inWords(file, bytes, checked));
    } finally {
      await rm(part, { force: true });
    }
  });
}

/** @returns bytes written */
async function download(terminal: Terminal, client: LedgerClient, body: object, part: string): Promise<number> {
  const progress = new Progress(terminal, { unit: 'KB' });
  const handle = await open(part, 'wx', 0o600).catch((error: NodeJS.ErrnoException) => {
    throw new CliError(EXIT.usage, `${printable(dirname(part))} cannot be written to (${error.code ?? error.name}).`);
  });
  let bytes = 0;
  try {
    const ask = { method: 'POST', body: JSON.stringify(body), accept: 'application/zip', patienceMs: 60_000 } as const;
    for await (const chunk of client.bytes('/v1/exports/evidence', ask)) {
      await handle.writeFile(chunk);
      bytes += chunk.length;
      progress.update(bytes / 1000, Math.round(bytes / 1000));
    }
    await handle.sync();
    return bytes;
  } finally {
    progress.stop();
    await handle.close();
  }
}

/** Whole, and what it says it is: by the keys that it brings along, since nobody else is asked here. */
async function checkedBundle(part: string): Promise<CheckedBundle> {
  const checked = await verifyBundle(part);
  const [problem] = checked.problems;
  if (checked.verdict === 'intact') return checked;
  const place = [problem?.file, problem?.line && `line ${problem.line}`].filter(Boolean).join(' ');
  throw new CliError(
    EXIT.unavailable,
    `What the ledger sent does not verify, and was not kept (${place}: ${problem?.message ?? 'unknown'}).`,
    ['Run the command again; if it fails again, run liggare verify on the data folder.'],
  );
}

/** Puts the whole file in its place at once; without `force` nothing is ever replaced, be it made a moment ago. */
async function put(part: string, file: string, force: boolean): Promise<void> {
  if (force) return rename(part, file);
  try {
    await link(part, file);
    await unlink(part);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') throw exists(file);
    // Not every file system has hard links.
    if (!['EPERM', 'ENOTSUP', 'ENOSYS', 'EOPNOTSUPP', 'EMLINK'].includes(code ?? '')) throw error;
    if (await lstat(file).catch(() => undefined)) throw exists(file);
    await rename(part, file);
  }
}

function exists(file: string): CliError {
  return new CliError(EXIT.usage, `${printable(file)} exists and is left as it is.`, ['Choose another name, or --force to replace it.']);
}

function inWords(file: string, bytes: number, { events, manifest }: CheckedBundle): string {
  const { treeSize = 0, origin = '' } = manifest?.ledger ?? {};
  const what = manifest?.counts.opened === undefined ? 'sealed' : 'sealed and opened';
  return `Wrote ${printable(file)}: ${counted(events, 'event')}, ${what}, under a tree head of ${counted(treeSize, 'leaf', 'leaves')} of ${printable(origin)}; ${count(Math.ceil(bytes / 1000))} KB. It verifies.`;
}
