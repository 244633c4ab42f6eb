/** Values of options, checked while the command line is read. */
import { createInterface } from 'node:readline';
import { InvalidArgumentError } from 'commander';
import { CliError, count, EXIT, type Terminal } from './terminal.ts';

/** Whole number in an interval. */
export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    throw new InvalidArgumentError(`A whole number from ${count(least)} to ${count(most)} is expected.`);
  };
}

/** For options that may be given several times. */
export function collect(value: string, before: string[]): string[] {
  return [...before, value];
}

/** Somebody named on a command line. */
export type NamedPerson = { scheme: string; value: string } | { reference: string };

/**
 * `customer-number:10027`; also `reference:…`, the reference that an answer showed.
 * @param where the option or line that holds it, to be named instead of what it holds
 */
export function personOf(text: string, where = '--subject'): NamedPerson {
  const colon = text.indexOf(':');
  if (text.startsWith('reference:')) return { reference: text.slice(colon + 1) };
  if (colon > 0 && colon < text.length - 1) return { scheme: text.slice(0, colon), value: text.slice(colon + 1) };
  throw new CliError(EXIT.usage, `${where} is a scheme and a value, such as customer-number:10027.`);
}

/** Standard input line by line, without empty ones. What stands there is in no list of processes and no shell's history. */
export async function* linesOfInput({ stdin }: Terminal): AsyncGenerator<{ line: number; text: string }> {
  let line = 0;
  for await (const text of createInterface({ input: stdin, crlfDelay: Number.POSITIVE_INFINITY })) {
    line += 1;
    if (text.trim() !== '') yield { line, text: text.trim() };
  }
}
