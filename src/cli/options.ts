/** Values of options, checked while the command line is read. */
import { InvalidArgumentError } from 'commander';
import { count } from './terminal.ts';

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
