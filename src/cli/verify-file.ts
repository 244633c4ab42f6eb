/** A bundle of evidence or a file of receipts, verified with nothing but the file and public keys, and told in words. */
import { type CheckedBundle, verifyBundle } from '../evidence/check.ts';
import type { Problem, Verdict } from '../evidence/findings.ts';
import { type CheckedReceipts, verifyReceipts } from '../evidence/receipts.ts';
import type { VerifierKey } from '../integrity/signed-note.ts';
import { Progress } from './progress.ts';
import { CliError, count, counted, EXIT, print, printable, type Terminal } from './terminal.ts';

export interface VerifyFileOptions {
  /** Keys of the ledger that are trusted; without any those in the file are believed. */
  vkeys?: readonly VerifierKey[];
  witnesses?: readonly VerifierKey[];
  /** How many of the witnesses must have cosigned; all when absent. */
  least?: number;
  json?: boolean;
}

/** Whether `liggare verify` means a file that stands for itself, and not a data folder. */
export const isEvidenceFile = (path: string): boolean => /\.(zip|json)$/i.test(path);

/**
 * Verifies a bundle (`.zip`) or receipts (`.json`) and prints what was found on standard output.
 * @throws CliError (exit 5) where the file cannot be read
 */
export async function verifyEvidenceFile(terminal: Terminal, file: string, { json, ...options }: VerifyFileOptions): Promise<Verdict> {
  const isBundle = /\.zip$/i.test(file);
  const checked = isBundle ? await bundle(terminal, file, options) : await verifyReceipts(file, options).catch(unreadable(file));
  const said = 'events' in checked ? bundleInWords(checked) : receiptsInWords(checked);
  await print(terminal, json ? JSON.stringify(checked, null, 2) : `${said.map(printable).join('\n')}\n`);
  return checked.verdict;
}

async function bundle(terminal: Terminal, file: string, options: Omit<VerifyFileOptions, 'json'>): Promise<CheckedBundle> {
  let progress: Progress | undefined;
  const onProgress = (events: number, all: number) => {
    progress ??= new Progress(terminal, { unit: 'events', total: all });
    progress.update(events, events);
  };
  try {
    return await verifyBundle(file, { ...options, onProgress }).catch(unreadable(file));
  } finally {
    progress?.stop();
  }
}

/** The system's words are a code; what stands in the file is never thrown. */
function unreadable(file: string): (error: NodeJS.ErrnoException) => never {
  return (error) => {
    if (error.code === undefined) throw error;
    throw new CliError(EXIT.couldNotTell, `${printable(file)} cannot be read (${error.code}).`);
  };
}

const HEADLINES: Readonly<Record<Verdict, string>> = {
  intact: 'Intact',
  tampered: 'TAMPERED WITH',
  'could-not-tell': 'Could not tell',
};

/** Of a bundle, where it is not intact. */
const BUNDLES: Readonly<Partial<Record<Verdict, string>>> = {
  tampered: 'something in this bundle is not what the ledger signed. Keep the file as it is, and ask whoever exported it for another one',
  'could-not-tell': 'the bundle could not be checked to its end, for the reason below; whether it is whole is not known',
};

function bundleInWords({ verdict, problems, manifest, events, trust, witnesses }: CheckedBundle): string[] {
  const lines = [`${HEADLINES[verdict]}: ${BUNDLES[verdict] ?? `${counted(events, 'event')}, each proven`}`];
  lines.push(...problems.map((problem) => problemLine(problem, 'line')));
  if (manifest) {
    const { ledger, exportedAt, question, counts } = manifest;
    lines.push(`Tree head  ${count(ledger.treeSize)} leaves, root ${ledger.root}, of ${ledger.origin}`);
    lines.push(`Exported   ${exportedAt}, as the ledger stood ${question.asOf}${counts.opened === undefined ? ', sealed only' : ''}`);
  }
  lines.push(...witnesses.map(({ name, at }) => `Cosigned   by ${name}, ${new Date(at * 1000).toISOString()}`));
  return [...lines, ...keysInWords(trust.keys, trust.from === 'bundle', 'bundle')];
}

function receiptsInWords({ verdict, problems, receipts, all, trust, head }: CheckedReceipts): string[] {
  const lines = [`${HEADLINES[verdict]}: ${count(receipts)} of ${counted(all, 'receipt')} ${receipts === 1 ? 'holds' : 'hold'}`];
  lines.push(...problems.map((problem) => problemLine(problem, 'receipt')));
  if (head) lines.push(`Tree head  ${count(head.size)} leaves of ${head.origin}, the largest of them`);
  return [...lines, ...keysInWords(trust.keys, trust.from === 'file', 'file')];
}

function problemLine({ file, line, message }: Problem, unit: string): string {
  const place = [file, line === undefined ? undefined : `${unit} ${count(line)}`].filter((part) => part !== undefined).join(' ');
  return `  ${place === '' ? '' : `${place}: `}${message}`;
}

function keysInWords(keys: readonly string[], isOwn: boolean, what: string): string[] {
  if (keys.length === 0) return [];
  const lines = keys.map((vkey) => `Signed by  ${vkey}`);
  if (!isOwn) return lines;
  return [
    ...lines,
    `This key came from the ${what} itself: it shows that the ${what} is whole, and not whose it is.`,
    'Compare it with the key of the ledger, or give that as --vkey.',
  ];
}
