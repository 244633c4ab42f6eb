import { createReadStream, createWriteStream, type WriteStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { finished } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { LedgerClient, problemLine } from './client.ts';
import { type Connection, withLedger } from './connect.ts';
import { type Mapping, readMapping } from './mapping.ts';
import { wholeNumber } from './options.ts';
import { duration, Progress } from './progress.ts';
import { type Input, type Read, readCsv, readNdjson } from './read-events.ts';
import { EventSender, OUTCOMES, type Unrecorded } from './send-events.ts';
import { CliError, count, counted, EXIT, type ExitCode, print, printable, type Terminal, tell, write } from './terminal.ts';

interface Options {
  mapping?: string;
  dryRun?: boolean;
  batch: number;
  rejects?: string;
  continue?: boolean;
  wait: number;
}

const HELP = `
The file is NDJSON, one CloudEvent a line, or CSV with a mapping (mappings/README.md). "-" reads standard input.
It may be run again at any time: what is recorded already is answered as a duplicate, so an import that was
stopped goes on where it was.

A line that cannot be read, and an event that the ledger did not record, is reported with its line number, the
field and the rule, never with a value; the run goes on. So it does with an event that the key may not record.
Where the ledger refuses a whole request, the run ends, unless --continue is given.

Exit codes
  0  every event is recorded, or was already
  1  something is not: rejected lines, conflicts, quarantined or refused events
  2  wrong usage, mapping or key; nothing more can be recorded until that is changed
  3  the ledger was not available, or did not catch up in time, or the run was stopped: run it again

Examples
  liggare import events.ndjson
  liggare import permit-receipt.csv --mapping mappings/permit-receipt.yaml --dry-run
  liggare import permit-receipt.csv --mapping mappings/permit-receipt.yaml --rejects rejects.ndjson
  zcat events.ndjson.gz | liggare import -`;

/** `liggare import`. */
export function importCommand(program: Command, terminal: Terminal, end: (code: ExitCode) => void): void {
  program
    .command('import')
    .summary('record the events of a file')
    .description('Records the events of a file: NDJSON of CloudEvents, or CSV with a mapping.')
    .argument('<file>', 'file to read, or - for standard input')
    .option('--mapping <file>', 'how the columns of a CSV file become events (YAML)')
    .option('--dry-run', 'check every event, record nothing')
    .option('--batch <events>', 'events a request, 1 to 500', wholeNumber(1, 500), 500)
    .option('--rejects <file>', 'write what was not recorded to a file (NDJSON) instead of the screen')
    .option('--continue', 'go on when the ledger refuses a whole request')
    .option('--wait <seconds>', 'how long to wait at the end for the read side', wholeNumber(0, 86_400), 600)
    .addHelpText('after', HELP)
    .action(async (file: string, options: Options) => end(await runImport(terminal, file, options)));
}

async function runImport(terminal: Terminal, file: string, options: Options): Promise<ExitCode> {
  const mapping = await mappingOf(file, options);
  const input = await inputOf(terminal, file);
  if (options.rejects && resolve(options.rejects) === resolve(file)) {
    throw new CliError(EXIT.usage, '--rejects would overwrite the file that is imported.');
  }
  return withLedger(terminal, (_, connection) => new Import(terminal, connection, input, mapping, options).run());
}

async function mappingOf(file: string, options: Options): Promise<Mapping | undefined> {
  if (options.mapping !== undefined) {
    const text = await readFile(options.mapping, 'utf8').catch((error: unknown) => {
      throw unreadable(options.mapping as string, error);
    });
    return readMapping(text, printable(options.mapping));
  }
  if (/\.(csv|tsv)$/i.test(file)) {
    throw new CliError(EXIT.usage, 'A CSV file needs a mapping: --mapping <file>.', ['How one is written: mappings/README.md']);
  }
  return undefined;
}

async function inputOf(terminal: Terminal, file: string): Promise<Input & { bytes?: number; read: () => number }> {
  let read = 0;
  const counting = (source: AsyncIterable<Buffer | string>) =>
    (async function* () {
      for await (const chunk of source) {
        yield chunk;
        // After it was taken apart: what is counted is behind us.
        read += chunk.length;
      }
    })();
  if (file === '-') return { name: 'standard input', chunks: counting(terminal.stdin as AsyncIterable<Buffer>), read: () => read };
  const about = await stat(file).catch((error: unknown) => {
    throw unreadable(file, error);
  });
  if (about.isDirectory()) throw new CliError(EXIT.usage, `${printable(file)} is a folder; name a file.`);
  const name = printable(basename(file));
  const size = about.isFile() ? { bytes: about.size } : {};
  return { name, chunks: counting(createReadStream(file, { highWaterMark: 64 * 1024 })), read: () => read, ...size };
}

function unreadable(file: string, error: unknown): CliError {
  const code = (error as NodeJS.ErrnoException).code ?? 'unknown reason';
  return new CliError(EXIT.usage, `${printable(file)} cannot be read (${code === 'ENOENT' ? 'there is no such file' : code}).`);
}

class Import {
  private readonly rejects: Rejects;
  private readonly progress: Progress;
  private readonly client: LedgerClient;
  private readonly sender: EventSender;
  private rejectedLines = 0;
  private lines = 0;
  private readonly skipped = new Map<string, number>();
  private isStopped = false;

  constructor(
    private readonly terminal: Terminal,
    connection: Connection,
    private readonly input: Input & { bytes?: number; read: () => number },
    private readonly mapping: Mapping | undefined,
    private readonly options: Options,
  ) {
    this.progress = new Progress(terminal, { unit: 'events', ...(input.bytes === undefined ? {} : { total: input.bytes }) });
    this.rejects = new Rejects(options.rejects, (line) => this.progress.note(line));
    this.client = new LedgerClient(connection, { onWait: (why) => this.progress.note(why) });
    this.sender = new EventSender(this.client, {
      batch: options.batch,
      dryRun: options.dryRun ?? false,
      goOn: options.continue ?? false,
      onUnrecorded: (item) => this.rejects.add(item),
      onProgress: () => this.showProgress(),
    });
  }

  async run(): Promise<ExitCode> {
    const stop = () => {
      this.isStopped = true;
      this.progress.note('Stopping: what was sent is finished first.');
    };
    process.once('SIGINT', stop);
    process.once('SIGTERM', stop);
    try {
      await this.sendAll();
      await this.rejects.close();
    } catch (error) {
      // What is already in flight may well be recorded; the report should know.
      await this.sender.settle();
      await this.rejects.close().catch(() => {});
      this.progress.stop();
      await this.report();
      throw error;
    } finally {
      this.progress.stop();
      process.off('SIGINT', stop);
      process.off('SIGTERM', stop);
    }
    await this.report();
    if (this.isStopped) throw new CliError(EXIT.unavailable, 'The import was stopped.', ['Run the same command again to go on.']);
    if (!this.options.dryRun) await this.readSide();
    return this.notRecorded > 0 ? EXIT.notAllRecorded : EXIT.done;
  }

  private async sendAll(): Promise<void> {
    const items = this.mapping ? readCsv(this.input, this.mapping) : readNdjson(this.input);
    for await (const item of items) {
      if (this.isStopped) break;
      this.lines += 1;
      await this.take(item);
      if ((this.lines & 0xff) === 0) this.showProgress();
    }
    await this.sender.finish();
  }

  private async take(item: Read): Promise<void> {
    if ('json' in item) return this.sender.add(item);
    if ('skipped' in item) {
      this.skipped.set(item.skipped, (this.skipped.get(item.skipped) ?? 0) + 1);
      return;
    }
    this.rejectedLines += 1;
    const { line, reject, id } = item;
    await this.rejects.add({ line, ...(id === undefined ? {} : { id }), outcome: 'rejected', problems: [reject] });
  }

  private showProgress(): void {
    this.progress.update(this.input.read(), this.sender.answered);
  }

  private get notRecorded(): number {
    const { conflicts, quarantined, refused } = this.sender.totals;
    return this.rejectedLines + conflicts + quarantined + refused;
  }

  private async report(): Promise<void> {
    const { terminal, progress, sender, options } = this;
    const rate = sender.answered / Math.max(progress.seconds, 0.001);
    const dry = options.dryRun ? ', checked only: nothing was recorded' : '';
    const rows = OUTCOMES.map((outcome) => [outcome as string, sender.totals[outcome]] as const);
    const all = [...rows, ['rejected lines', this.rejectedLines] as const];
    const lines = all.map(([name, number]) => `  ${name.padEnd(14)} ${count(number).padStart(12)}`);
    for (const [reason, number] of this.skipped)
      lines.push(`  ${'left out'.padEnd(14)} ${count(number).padStart(12)}  ${printable(reason)}`);
    const head = `${this.input.name}: ${counted(sender.answered, 'event')} in ${duration(progress.seconds)}, ${count(rate)}/s${dry}`;
    await print(terminal, [head, ...lines].join('\n'));
    this.rejects.summary(terminal);
  }

  /** The command ends when questions can see what it recorded. */
  private async readSide(): Promise<void> {
    const { position } = this.sender;
    if (position === undefined) return;
    const until = performance.now() + this.options.wait * 1000;
    let hasSaid = false;
    for (;;) {
      const response = await this.client.request('/v1/sources', {
        query: { after: String(position) },
        repeatable: true,
        expect: [403, 503, 504],
      });
      await response.body?.cancel();
      if (response.ok) return tell(this.terminal, `Questions see everything up to position ${count(position)}.`);
      if (response.status === 403) {
        return tell(
          this.terminal,
          'Everything above is durable. This key may not ask how far the read side is, so that was not waited for.',
        );
      }
      if (performance.now() > until) {
        throw new CliError(EXIT.unavailable, 'Everything above is durable, but the read side has not caught up in time.', [
          'Questions will see it in a while; --wait gives it longer.',
        ]);
      }
      if (!hasSaid) tell(this.terminal, `Waiting for the read side to reach position ${count(position)}.`);
      hasSaid = true;
      await sleep(250);
    }
  }
}

interface Reject extends Omit<Unrecorded, 'outcome'> {
  outcome: Unrecorded['outcome'] | 'rejected';
}

const SHOWN = 20;

/** What was not recorded: to a file, all of it; to the screen, the first lines. Rules and places, never values. */
class Rejects {
  private readonly file: WriteStream | undefined;
  private number = 0;
  private failure: Error | undefined;

  constructor(
    private readonly path: string | undefined,
    private readonly say: (line: string) => void,
  ) {
    if (path === undefined) return;
    this.file = createWriteStream(path, { mode: 0o600 });
    this.file.on('error', (error) => {
      this.failure ??= error;
    });
  }

  async add(item: Reject): Promise<void> {
    this.number += 1;
    if (this.failure) throw this.unwritable();
    if (this.file) await write(this.file, `${JSON.stringify(item)}\n`);
    else if (this.number <= SHOWN) this.say(rejectLine(item));
  }

  async close(): Promise<void> {
    if (this.file === undefined) return;
    this.file.end();
    await finished(this.file).catch(() => {});
    if (this.failure) throw this.unwritable();
  }

  summary(terminal: Terminal): void {
    if (this.number === 0) return;
    if (this.path !== undefined) tell(terminal, `${counted(this.number, 'reject')} in ${printable(this.path)}.`);
    else if (this.number > SHOWN)
      tell(terminal, `${counted(this.number - SHOWN, 'more reject')} not shown; --rejects <file> keeps them all.`);
  }

  private unwritable(): CliError {
    return new CliError(
      EXIT.usage,
      `The file for rejects cannot be written (${(this.failure as NodeJS.ErrnoException).code ?? 'unknown reason'}).`,
    );
  }
}

function rejectLine(item: Reject): string {
  const problems = item.problems.map((problem) => problemLine(problem)).join('; ');
  return `line ${item.line}: ${item.outcome}${problems ? ` · ${problems}` : ''}`;
}
