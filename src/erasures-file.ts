/**
 * `erasures.log`: one line an erased reference, `<reference> <time>`, beside the log and the keys and in neither of them. Who puts
 * back an older copy of either keeps this file, and with it what was erased since. It names nobody: a reference is random.
 */
import { closeSync, existsSync, fstatSync, fsyncSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Reference } from './ledger/entry.ts';
import { type ErasedLine, ErasureCopyUnavailable, ErasuresLog } from './ledger/erasure/parts.ts';
import { syncFolder } from './privacy/master-key.ts';

/** In the data folder. */
export const ERASURES_FILE = 'erasures.log';

const LINE = /^([A-Za-z0-9_-]{22}) (\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z)$/;

/** Every line of a file of erasures; what a crash cut off is no line. An absent file has none. */
export function readErasures(file: string): Map<Reference, string> {
  const lines = new Map<Reference, string>();
  if (!existsSync(file)) return lines;
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const [, reference, at] = LINE.exec(line) ?? [];
    if (reference !== undefined && at !== undefined && !lines.has(reference)) lines.set(reference, at);
  }
  return lines;
}

/** Appends lines, each whole and on its own, and syncs them. */
export function appendErasures(file: string, lines: readonly ErasedLine[]): void {
  const isNew = !existsSync(file);
  const handle = openSync(file, 'a+', 0o600);
  try {
    const text = lines.map(({ reference, at }) => `${reference} ${at}\n`).join('');
    if (text.length > 0) writeSync(handle, endsInside(handle) ? `\n${text}` : text);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  if (isNew) syncFolder(dirname(file));
}

/** Whether the last line has no end: a crash cut it off. */
function endsInside(handle: number): boolean {
  const { size } = fstatSync(handle);
  if (size === 0) return false;
  const last = Buffer.alloc(1);
  readSync(handle, last, 0, 1, size - 1);
  return last[0] !== 0x0a;
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
