/**
 * What every command shares: its streams and environment, how it fails, and how it prints. Results go to standard
 * output, everything about the run (which ledger, progress, rejects, errors) to standard error.
 */

/** Exit codes, as `liggare --help` documents them. */
export const EXIT = { done: 0, notAllRecorded: 1, usage: 2, unavailable: 3, tampered: 4, couldNotTell: 5 } as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** An end that is no surprise: one line that says what is wrong, and what to do. */
export class CliError extends Error {
  override name = 'CliError';
  constructor(
    readonly exitCode: ExitCode,
    message: string,
    /** Further lines: details, then what to do. */
    readonly hints: readonly string[] = [],
  ) {
    super(message);
  }
}

export interface Terminal {
  readonly env: NodeJS.ProcessEnv;
  readonly stdin: NodeJS.ReadableStream;
  readonly stdout: NodeJS.WritableStream & { isTTY?: boolean; columns?: number };
  readonly stderr: NodeJS.WritableStream & { isTTY?: boolean; columns?: number };
}

/** Prints on standard output, and waits where the reader is slower than we are. */
export function print(terminal: Terminal, text: string): Promise<void> {
  return write(terminal.stdout, text.endsWith('\n') ? text : `${text}\n`);
}

/** Says something about the run, on standard error. */
export function tell(terminal: Terminal, text: string): void {
  terminal.stderr.write(`${text}\n`);
}

/** Writes and waits until the stream takes more. */
export function write(stream: NodeJS.WritableStream, text: string): Promise<void> {
  if (stream.write(text)) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const settle = (done: () => void) => {
      stream.off('drain', drained);
      stream.off('error', failed);
      stream.off('close', drained);
      done();
    };
    const drained = () => settle(resolve);
    const failed = (error: Error) => settle(() => reject(error));
    stream.once('drain', drained);
    stream.once('error', failed);
    stream.once('close', drained);
  });
}

/**
 * Text from outside, fit for a terminal: control characters (escape sequences, C1, bidirectional overrides, line
 * separators) shown as their code point instead of being obeyed.
 */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, (found) => `\\u{${(found.codePointAt(0) as number).toString(16)}}`);
}

/** 12345 → `12,345`. */
export function count(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: 0 });
}

/** `one event`, `1,200 events`. */
export function counted(value: number, singular: string, plural = `${singular}s`): string {
  return `${count(value)} ${value === 1 ? singular : plural}`;
}

const GAP = '  ';
const LEAST_COLUMN = 8;

/**
 * A table in plain text. Where its natural width exceeds `width`, the widest columns give way and their cells wrap,
 * so that nothing is cut off; `width` absent (a file, a pipe) means as wide as it gets, one line a row.
 */
export function table(headers: readonly string[], rows: readonly (readonly string[])[], width?: number): string {
  const cells = [headers, ...rows].map((row) => row.map((cell) => printable(cell)));
  const widths = fitted(
    headers.map((_, column) => cells.reduce((widest, row) => Math.max(widest, length(row[column] ?? '')), 1)),
    width,
  );
  const lines: string[] = [];
  for (const [index, row] of cells.entries()) {
    lines.push(...tableLines(row, widths));
    if (index === 0) lines.push(widths.map((columns) => '─'.repeat(columns)).join(GAP));
  }
  return `${lines.join('\n')}\n`;
}

function fitted(natural: number[], width: number | undefined): number[] {
  const widths = [...natural];
  let excess = width === undefined ? 0 : widths.reduce((sum, each) => sum + each, GAP.length * (widths.length - 1)) - width;
  while (excess > 0) {
    const widest = widths.indexOf(Math.max(...widths));
    if ((widths[widest] as number) <= LEAST_COLUMN) break;
    widths[widest] = (widths[widest] as number) - 1;
    excess -= 1;
  }
  return widths;
}

function tableLines(row: readonly string[], widths: readonly number[]): string[] {
  const wrapped = widths.map((columns, index) => wrap(row[index] ?? '', columns));
  const height = Math.max(...wrapped.map((cell) => cell.length));
  return Array.from({ length: height }, (_, line) =>
    widths
      .map((columns, index) => pad(wrapped[index]?.[line] ?? '', columns))
      .join(GAP)
      .trimEnd(),
  );
}

/** Breaks at spaces; a word longer than the column is broken where it must be. */
function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (let word of text.split(' ')) {
    if (line !== '' && length(line) + 1 + length(word) > columns) {
      lines.push(line);
      line = '';
    }
    while (length(word) > columns) {
      lines.push([...word].slice(0, columns).join(''));
      word = [...word].slice(columns).join('');
    }
    line = line === '' ? word : `${line} ${word}`;
  }
  lines.push(line);
  return lines;
}

/** Code points, near enough to columns for codes, names and times. */
function length(text: string): number {
  return [...text].length;
}

function pad(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - length(text)));
}
