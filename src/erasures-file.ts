/**
 * `erasures.log`: one line an erased reference, `<reference> <time>`, beside the log and the keys and in neither of them. Who puts
 * back an older copy of either keeps this file, and with it what was erased since. It names nobody: a reference is random.
 */
import { closeSync, existsSync, fstatSync, fsyncSync, ftruncateSync, openSync, readFileSync, readSync, statSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { REFERENCE_PATTERN, type Reference } from './ledger/entry.ts';
import { type ErasedLine, ErasureCopyUnavailable, ErasuresLog } from './ledger/erasure/parts.ts';
import { syncFolder } from './privacy/master-key.ts';

/** In the data folder. */
export const ERASURES_FILE = 'erasures.log';

/** Copied on its way through other systems, a line may end as theirs do. */
const LINE = /^(\S{22}) (\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z)\r?$/;
const SAMPLE = `${'A'.repeat(22)} 2026-01-01T00:00:00.000Z`;
/** More than any line has, its end included. */
const LINE_BYTES = 64;

/** Not a file of erasures, or a damaged one. What it does not say is not known: it must not pass for nobody's erasure. */
export class ErasuresUnreadable extends Error {
  override name = 'ErasuresUnreadable';
  constructor(file: string, line: number) {
    super(`${file} is no file of erasures, or a damaged one: line ${line} is not a reference and a time. Put back the right one`);
  }
}

/**
 * Every line of a file of erasures; an absent file has none. Only the last line may be unfinished: a crash cut it off, and it is no line.
 * @throws ErasuresUnreadable
 */
export function readErasures(file: string): Map<Reference, string> {
  const lines = new Map<Reference, string>();
  if (!existsSync(file)) return lines;
  // A device may have no end.
  if (!statSync(file).isFile()) throw new ErasuresUnreadable(file, 1);
  const all = readFileSync(file, 'utf8').split('\n');
  for (const [index, text] of all.entries()) {
    const line = parse(text);
    if (line === undefined) {
      if (index === all.length - 1 && isCutOff(text)) break;
      throw new ErasuresUnreadable(file, index + 1);
    }
    if (!lines.has(line.reference)) lines.set(line.reference, line.at);
  }
  return lines;
}

function parse(line: string): ErasedLine | undefined {
  const [, reference = '', at = ''] = LINE.exec(line) ?? [];
  return REFERENCE_PATTERN.test(reference) ? { reference, at } : undefined;
}

/** Whether a line may have begun like this. */
const isCutOff = (text: string): boolean => parse(text + SAMPLE.slice(text.length)) !== undefined;

/** How many bytes of the file are lines: all but what a crash cut off. */
export function bytesOfLines(file: string): number {
  const handle = openSync(file, 'r');
  try {
    return fstatSync(handle).size - cutOff(handle).length;
  } finally {
    closeSync(handle);
  }
}

/** Appends lines, each whole and on its own, and syncs them. A line that was cut off goes. */
export function appendErasures(file: string, lines: readonly ErasedLine[]): void {
  const isNew = !existsSync(file);
  const handle = openSync(file, 'a+', 0o600);
  try {
    const text = lines.map(({ reference, at }) => `${reference} ${at}\n`).join('');
    if (text.length > 0) {
      ftruncateSync(handle, fstatSync(handle).size - cutOff(handle).length);
      writeSync(handle, endOf(handle).length > 0 ? `\n${text}` : text);
    }
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  if (isNew) syncFolder(dirname(file));
}

/** What stands behind the end of the last line that has one, a character a byte. */
function endOf(handle: number): string {
  const { size } = fstatSync(handle);
  const last = Buffer.alloc(Math.min(size, LINE_BYTES));
  readSync(handle, last, 0, last.length, size - last.length);
  return last.toString('latin1').split('\n').at(-1) as string;
}

/** The last line, unless it is whole but for its end. */
function cutOff(handle: number): string {
  const last = endOf(handle);
  return parse(last) === undefined ? last : '';
}

/** The file of a data folder and, where one is configured, its copy: both have every line. */
export class ErasuresFile extends ErasuresLog {
  readonly #files: readonly { path: string; lines: Map<Reference, string> }[];
  #all: Map<Reference, string>;

  private constructor(paths: readonly string[]) {
    super();
    this.#files = paths.map((path) => ({ path, lines: readErasures(path) }));
    this.#all = new Map(this.#files.toReversed().flatMap(({ lines }) => [...lines]));
  }

  /**
   * Reads both and gives each what only the other has.
   * @throws ErasureCopyUnavailable where one cannot be read or written
   */
  static open(dataFolder: string, copy: string | undefined): ErasuresFile {
    return attempt(() => {
      const file = new ErasuresFile([join(dataFolder, ERASURES_FILE), ...(copy === undefined ? [] : [copy])]);
      file.#write(file.#all);
      for (const { path } of file.#files) makeEmpty(path);
      return file;
    });
  }

  override async check(): Promise<void> {
    attempt(() => {
      for (const { path } of this.#files) appendErasures(path, []);
    });
  }

  override async add(lines: readonly ErasedLine[]): Promise<void> {
    const added = new Map(lines.map(({ reference, at }) => [reference, at]));
    attempt(() => this.#write(added));
    for (const [reference, at] of added) if (!this.#all.has(reference)) this.#all.set(reference, at);
  }

  override lines(): ReadonlyMap<Reference, string> {
    return this.#all;
  }

  #write(lines: ReadonlyMap<Reference, string>): void {
    for (const { path, lines: known } of this.#files) {
      const missing = [...lines].filter(([reference]) => !known.has(reference)).map(([reference, at]) => ({ reference, at }));
      if (missing.length > 0) appendErasures(path, missing);
      for (const { reference, at } of missing) known.set(reference, at);
    }
  }
}

/** An empty file says that nobody was erased, an absent one says nothing. Where it cannot be made now, whoever erases is told. */
function makeEmpty(path: string): void {
  try {
    if (!existsSync(path)) appendErasures(path, []);
  } catch {
    // `check` comes before every erasure.
  }
}

/** The system's own message names a path, and nothing of the erasure: the code says enough. */
function attempt<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === undefined) throw error;
    throw new ErasureCopyUnavailable(`erasures.log, or its copy (LIGGARE_ERASURE_COPY), cannot be written (${code})`);
  }
}
