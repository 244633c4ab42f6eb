/**
 * A file (or a pipe) → events ready to be sent, one at a time and in bounded memory, each with the number of its
 * line. What cannot be read is an item too, with its line and the rule it broke: the run goes on.
 */
import { isUtf8 } from 'node:buffer';
import { parse } from 'csv-parse/sync';
import type { Problem } from './client.ts';
import { type Fields, type Mapped, type Mapping, NotMapped } from './mapping.ts';
import { CliError, EXIT } from './terminal.ts';

export type Read = { line: number } & (
  | { json: string; bytes: number; source: string; id?: string }
  | { reject: Problem; id?: string }
  | { skipped: string }
);

export interface Input {
  /** Its bytes, in chunks. */
  chunks: AsyncIterable<Buffer | string>;
  /** For messages. */
  name: string;
}

/** An event may have this many bytes on the wire; a longer one would only take its whole batch with it. */
export const EVENT_BYTES = 256 * 1024;
const NEWLINE = 0x0a;
const BOM = Buffer.from([0xef, 0xbb, 0xbf]);

interface Line {
  number: number;
  /** Without its line end; absent where it is too long or not UTF-8. */
  text?: string;
  rule?: 'too-large' | 'not-utf-8';
}

/** Events as they stand: one CloudEvent in JSON a line. */
export async function* readNdjson(input: Input): AsyncGenerator<Read> {
  for await (const line of linesOf(input.chunks)) {
    if (line.text === undefined) yield unreadable(line);
    else if (line.text.trim() !== '') yield eventOf(line.number, line.text);
  }
}

function eventOf(line: number, text: string): Read {
  let event: unknown;
  try {
    event = JSON.parse(text);
  } catch {
    return rejected(line, 'not-json', 'the line is not JSON; each line holds one event');
  }
  if (typeof event !== 'object' || event === null || Array.isArray(event)) {
    return rejected(line, 'not-an-event', 'the line is JSON but not an object; each line holds one event');
  }
  // The text itself goes on the wire: reading and writing it again could change a number.
  return sendable(line, event as Record<string, unknown>, text);
}

/** Records of a CSV file, each made an event by the mapping. */
export async function* readCsv(input: Input, mapping: Mapping): AsyncGenerator<Read> {
  const options = { delimiter: mapping.delimiter, relax_column_count: true, record_delimiter: ['\r\n', '\n'] };
  let map: ((record: Fields) => Mapped) | undefined = mapping.columns ? mapping.bind(mapping.columns) : undefined;
  let width = mapping.columns?.length ?? 0;
  let number = 0;
  for await (const record of recordsOf(input.chunks, options)) {
    if ('reject' in record) {
      if (map === undefined) throw noHeader(input.name, record.line);
      number += 1;
      yield record;
    } else if (map === undefined) {
      const header = record.values.map((name) => name.trim());
      map = mapping.bind(header);
      width = header.length;
    } else {
      number += 1;
      yield record.values.length === width
        ? mapped(record.line, { values: record.values, number }, map)
        : rejected(record.line, 'wrong-number-of-columns', `${width} columns are expected, the record has ${record.values.length}`);
    }
  }
  if (map === undefined) throw noHeader(input.name, 1);
}

function noHeader(name: string, line: number): CliError {
  return new CliError(EXIT.usage, `${name} has no header: line ${line} should name the columns.`, [
    'A file without a header line needs csv.columns in its mapping.',
  ]);
}

function mapped(line: number, record: Fields, map: (record: Fields) => Mapped): Read {
  try {
    const result = map(record);
    if ('skipped' in result) return { line, skipped: result.skipped };
    return sendable(line, result.event, JSON.stringify(result.event));
  } catch (error) {
    if (error instanceof NotMapped) return { line, reject: { path: error.path, rule: error.rule, message: error.message } };
    throw error;
  }
}

function sendable(line: number, event: Record<string, unknown>, json: string): Read {
  const id = typeof event['id'] === 'string' ? { id: event['id'] } : {};
  const bytes = Buffer.byteLength(json);
  if (bytes > EVENT_BYTES) return { ...rejected(line, 'too-large', `an event has at most ${EVENT_BYTES / 1024} KiB`), ...id };
  return { line, json, bytes, source: typeof event['source'] === 'string' ? event['source'] : '', ...id };
}

function rejected(line: number, rule: string, message: string): { line: number; reject: Problem } {
  return { line, reject: { path: '', rule, message } };
}

function unreadable(line: Line): { line: number; reject: Problem } {
  return line.rule === 'not-utf-8'
    ? rejected(line.number, 'not-utf-8', 'the line is not UTF-8; convert the file first, for example with iconv')
    : rejected(line.number, 'too-large', `a line has at most ${EVENT_BYTES / 1024} KiB`);
}

/** Lines with their numbers, from 1. A longer line than allowed is not held in memory. */
async function* linesOf(chunks: AsyncIterable<Buffer | string>): AsyncGenerator<Line> {
  let number = 1;
  let held: Buffer[] = [];
  let bytes = 0;
  const take = (): Line => {
    const line = lineOf(number, held, bytes);
    number += 1;
    held = [];
    bytes = 0;
    return line;
  };
  for await (const chunk of chunks) {
    const buffer = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    let from = 0;
    for (let end = buffer.indexOf(NEWLINE); end >= 0; end = buffer.indexOf(NEWLINE, from)) {
      held.push(buffer.subarray(from, end));
      bytes += end - from;
      from = end + 1;
      yield take();
    }
    bytes += buffer.length - from;
    if (bytes <= EVENT_BYTES) held.push(buffer.subarray(from));
    else held = [];
  }
  if (bytes > 0) yield take();
}

function lineOf(number: number, held: readonly Buffer[], bytes: number): Line {
  if (bytes > EVENT_BYTES) return { number, rule: 'too-large' };
  let buffer = held.length === 1 ? (held[0] as Buffer) : Buffer.concat(held);
  if (number === 1 && buffer.subarray(0, 3).equals(BOM)) buffer = buffer.subarray(3);
  if (!isUtf8(buffer)) return { number, rule: 'not-utf-8' };
  return { number, text: buffer.toString('utf8').replace(/\r$/, '') };
}

type CsvRecord = { line: number } & ({ values: string[] } | { reject: Problem });
type CsvOptions = { delimiter: string; relax_column_count: boolean; record_delimiter: string[] };

/** Lines that one record may span: a quote that is never closed must not swallow the rest of the file. */
const RECORD_LINES = 200;
const BLOCK = 200;

/**
 * Records of a CSV file (RFC 4180), quoted line breaks included. The parser runs on blocks of whole records rather
 * than on the stream: after a stray quote it would go on in the wrong state, and lose lines that are in order. Here
 * the line with the quote is rejected and reading goes on with the next.
 */
async function* recordsOf(chunks: AsyncIterable<Buffer | string>, options: CsvOptions): AsyncGenerator<CsvRecord> {
  let block: OpenRecord[] = [];
  let open: OpenRecord | undefined;
  const flush = () => {
    const records = parsed(block, options);
    block = [];
    return records;
  };
  /** Gives up the first line of a record that has no end, and starts again with the second. */
  function* restart(record: OpenRecord): Generator<CsvRecord> {
    yield* flush();
    const [first, ...rest] = record.lines as [Line, ...Line[]];
    yield rejected(first.number, 'quote-not-closed', 'a quote is opened and not closed');
    open = undefined;
    for (const line of rest) yield* add(line);
  }
  function* add(line: Line): Generator<CsvRecord> {
    if (line.text === undefined) {
      if (open) yield* restart(open);
      yield* flush();
      yield unreadable(line);
      return;
    }
    if (open === undefined && line.text === '') return;
    open ??= new OpenRecord();
    open.push(line as Line & { text: string });
    if (open.isWhole) {
      block.push(open);
      open = undefined;
      if (block.length >= BLOCK) yield* flush();
    } else if (open.lines.length >= RECORD_LINES || open.bytes > EVENT_BYTES) yield* restart(open);
  }
  for await (const line of linesOf(chunks)) yield* add(line);
  while (open) yield* restart(open);
  yield* flush();
}

class OpenRecord {
  readonly lines: (Line & { text: string })[] = [];
  bytes = 0;
  private quotes = 0;

  push(line: Line & { text: string }): void {
    this.lines.push(line);
    this.bytes += line.text.length;
    for (let at = line.text.indexOf('"'); at >= 0; at = line.text.indexOf('"', at + 1)) this.quotes += 1;
  }

  /** Quotes come in pairs, a doubled one included. */
  get isWhole(): boolean {
    return this.quotes % 2 === 0;
  }

  get number(): number {
    return (this.lines[0] as Line).number;
  }

  get text(): string {
    return this.lines.map((line) => line.text).join('\n');
  }
}

/** The whole block at once; one by one where something in it is wrong, to find out what. */
function parsed(block: readonly OpenRecord[], options: CsvOptions): CsvRecord[] {
  if (block.length === 0) return [];
  try {
    const records = parse(block.map((record) => record.text).join('\n'), options) as string[][];
    if (records.length === block.length) return records.map((values, index) => ({ line: (block[index] as OpenRecord).number, values }));
  } catch {
    // Told apart below.
  }
  return block.flatMap((record) => parsedAlone(record, options));
}

function parsedAlone(record: OpenRecord, options: CsvOptions): CsvRecord[] {
  try {
    const [values, ...more] = parse(record.text, options) as string[][];
    if (values && more.length === 0) return [{ line: record.number, values }];
  } catch {
    // A stray quote: said below, without the parser's words, which quote the field.
  }
  const [first, ...rest] = record.lines as [Line & { text: string }, ...(Line & { text: string })[]];
  const reject = rejected(first.number, 'stray-quote', 'a quote stands inside a field; quote the field and double the quote');
  // Two stray quotes on different lines looked like one record: the lines between them are records of their own.
  return [reject, ...regrouped(rest).flatMap((next) => parsedOrUnclosed(next, options))];
}

function parsedOrUnclosed(record: OpenRecord, options: CsvOptions): CsvRecord[] {
  if (record.isWhole) return parsedAlone(record, options);
  return record.lines.flatMap((line) => {
    const alone = regrouped([line])[0] as OpenRecord;
    return alone.isWhole ? parsedAlone(alone, options) : [rejected(line.number, 'quote-not-closed', 'a quote is opened and not closed')];
  });
}

function regrouped(lines: readonly (Line & { text: string })[]): OpenRecord[] {
  const records: OpenRecord[] = [];
  let open: OpenRecord | undefined;
  for (const line of lines) {
    if (open === undefined && line.text === '') continue;
    open ??= new OpenRecord();
    open.push(line);
    if (!open.isWhole) continue;
    records.push(open);
    open = undefined;
  }
  return open ? [...records, open] : records;
}
