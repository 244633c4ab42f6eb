import { createReadStream, createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { finished } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { pairOf } from './ask-proof.ts';
import type { LedgerClient } from './client.ts';
import { withLedger } from './connect.ts';
import { wholeNumber } from './options.ts';
import { CliError, counted, EXIT, type ExitCode, printable, type Terminal, tell, write } from './terminal.ts';

const HELP = `
A receipt proves that the ledger recorded an event: it holds the leaf of the signed tree that the event is, the way from it to a
tree head, and that head. It is checked offline, with the public key of the log alone: liggare verify receipts.json. The file names
the keys of the log too; whoever is to be convinced by it takes them from elsewhere.

The file has a record a line: source/id, or the event itself in JSON, so that what was imported can be exchanged as it stands. "-"
reads standard input. What is not covered by a tree head yet is waited for; what is not recorded, or in quarantine, is reported.

A key that reports (scope emit) gets receipts of its own sources. Whoever may ask gets them of all, and says why (--purpose): that
is recorded like any question.

Exit codes
  0  a receipt of every record
  1  some have none
  2  wrong usage or key
  3  the ledger was not available

Examples
  liggare receipts events.ndjson --out receipts.json
  echo urn:mailit:billing/2026-03-02-000412 | liggare receipts - --out receipts.json --purpose security`;

interface Options {
  out: string;
  purpose?: string;
  case?: string;
  wait: number;
}

interface Pair {
  source: string;
  id: string;
}
interface Answer {
  receipts: (Pair & { index: number })[];
  pending: (Pair & { why: string })[];
  unknown: (Pair & { why: string })[];
}

/** As many as one request may ask for. */
const BATCH = 1_000;
const PAUSE_MS = 1_000;
const SHOWN = 20;
/** More than that nobody checks at once. */
const MAX_BYTES = 256 * 1024 * 1024 - 100;

/** `liggare receipts`. */
export function receiptsCommand(program: Command, terminal: Terminal, end: (code: ExitCode) => void): void {
  program
    .command('receipts')
    .summary('exchange what was recorded for signed receipts')
    .description('Writes signed receipts of recorded events to a file that is checked offline.')
    .argument('<file>', 'records, one a line: source/id, or events as NDJSON; - for standard input')
    .requiredOption('--out <file>', 'where the receipts are written (JSON)')
    .option('--purpose <code>', 'why you ask (recorded); not needed of a key that reports')
    .option('--case <ref>', 'case in which you ask (recorded)')
    .option('--wait <seconds>', 'how long to wait for a tree head that covers all of it', wholeNumber(0, 86_400), 60)
    .addHelpText('after', HELP)
    .action(async (file: string, options: Options) => end(await exchange(terminal, file, options)));
}

async function exchange(terminal: Terminal, file: string, options: Options): Promise<ExitCode> {
  const pairs = pairsIn(file === '-' ? terminal.stdin : createReadStream(file), file);
  // Read before anything is written: a file that is none makes no file of receipts.
  const batches = batchesOf(pairs);
  const first = await batches.next();
  return withLedger(terminal, async (client) => {
    const keys = await (await client.request('/tlog/vkeys', { repeatable: true })).text();
    const receipts = new ReceiptsFile(options.out, keys.split('\n').filter(isText));
    const without: (Pair & { why: string })[] = [];
    try {
      for (let batch = first; !batch.done; batch = await batches.next()) {
        for (const each of await exchanged(client, batch.value, options, receipts)) if (without.push(each) <= SHOWN) report(terminal, each);
      }
    } catch (error) {
      await receipts.abandon();
      throw error;
    }
    await receipts.close();
    const more = without.length > SHOWN ? ` (${counted(without.length - SHOWN, 'more is', 'more are')} not shown)` : '';
    tell(
      terminal,
      `${counted(receipts.number, 'receipt')} in ${printable(options.out)}; ${counted(without.length, 'record')} without${more}.`,
    );
    return without.length === 0 ? EXIT.done : EXIT.notAllRecorded;
  });
}

const isText = (text: string): boolean => text !== '';

function report(terminal: Terminal, { source, id, why }: Pair & { why: string }): void {
  tell(terminal, printable(`${source}/${id}: ${why}`));
}

/** Asks again for what is not covered yet. @returns those without a receipt, and why */
async function exchanged(client: LedgerClient, pairs: readonly Pair[], { purpose, case: caseRef, wait }: Options, file: ReceiptsFile) {
  const reason = purpose === undefined ? {} : { reason: { purpose, ...(caseRef !== undefined && { caseRef }) } };
  const until = performance.now() + wait * 1000;
  const without: (Pair & { why: string })[] = [];
  for (let items = [...pairs]; ; ) {
    const body = JSON.stringify({ items, wait: wait > 0, ...reason });
    const { receipts, pending, unknown } = await client.json<Answer>('/v1/receipts', { method: 'POST', body, repeatable: true });
    for (const { index: _, ...receipt } of receipts) await file.add(receipt);
    without.push(...unknown);
    // Whatever an answer had no room for is had at once.
    const isLate = receipts.length === 0 && performance.now() >= until;
    if (pending.length === 0 || isLate) return [...without, ...pending];
    if (receipts.length === 0) await sleep(PAUSE_MS);
    items = pending.map(({ source, id }) => ({ source, id }));
  }
}

/** @throws CliError for a line that names no record */
async function* pairsIn(input: NodeJS.ReadableStream, file: string): AsyncGenerator<Pair> {
  // Whoever reads its lines does not hear of its failure.
  const opened = new Promise<void>((resolve, reject) => {
    if (file === '-') resolve();
    else input.once('open', resolve).once('error', () => reject(new CliError(EXIT.usage, `${printable(file)} cannot be read.`)));
  });
  await opened;
  let line = 0;
  for await (const text of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    line += 1;
    const trimmed = text.trim();
    if (trimmed !== '') yield trimmed.startsWith('{') ? pairOfEvent(trimmed, line) : pairOf(trimmed, `Line ${line}`);
  }
}

function pairOfEvent(json: string, line: number): Pair {
  try {
    const { source, id } = JSON.parse(json) as Partial<Pair>;
    if (typeof source === 'string' && typeof id === 'string') return { source, id };
  } catch {
    // Said below; the parser's words would quote the text.
  }
  throw new CliError(EXIT.usage, `Line ${line} is no event: it has no source and id.`);
}

async function* batchesOf(pairs: AsyncIterable<Pair>): AsyncGenerator<Pair[]> {
  let batch: Pair[] = [];
  for await (const pair of pairs) {
    batch.push(pair);
    if (batch.length < BATCH) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

/** Written beside its name, and put in place when it is whole. */
class ReceiptsFile {
  number = 0;
  private bytes = 0;
  private failure: Error | undefined;
  private readonly file;

  /** @param keys of the log, for whoever has them from nowhere else */
  constructor(
    private readonly path: string,
    private readonly keys: readonly string[],
  ) {
    this.file = createWriteStream(`${path}.part`, { mode: 0o600 });
    this.file.on('error', (error) => {
      this.failure ??= error;
    });
  }

  async add(receipt: object): Promise<void> {
    if (this.failure) throw this.unwritable();
    const text = `${this.number === 0 ? this.head : ',\n'}${JSON.stringify(receipt)}`;
    this.bytes += Buffer.byteLength(text);
    if (this.bytes > MAX_BYTES) throw new CliError(EXIT.usage, 'A file of receipts has at most 256 MiB: exchange fewer records at once.');
    await write(this.file, text);
    this.number += 1;
  }

  async close(): Promise<void> {
    this.file.end(`${this.number === 0 ? this.head : '\n'}]}\n`);
    await finished(this.file).catch(() => {});
    if (this.failure) throw this.unwritable();
    await rename(`${this.path}.part`, this.path);
  }

  async abandon(): Promise<void> {
    this.file.destroy();
    await finished(this.file).catch(() => {});
    await rm(`${this.path}.part`, { force: true });
  }

  private get head(): string {
    return `{"vkeys":${JSON.stringify(this.keys)},\n"receipts":[\n`;
  }

  private unwritable(): CliError {
    return new CliError(EXIT.usage, `${printable(this.path)} cannot be written.`);
  }
}
