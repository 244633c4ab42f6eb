import { hasEmailAddress, hasPersonalIdentityNumber } from '../../vocabulary/identifiers.ts';

/** Characters (Unicode code points) that any one text of an event may have. */
export const TEXT_LIMIT = 1_024;

/** Objects and arrays inside one another that an event may have, itself included. */
export const DEPTH_LIMIT = 16;

/**
 * What a text is for, which decides what it may hold: `clear` stays readable for ever, so it names nobody;
 * `identifier` is one line that is sealed or becomes a reference; `free` is written by people, sealed, and may have
 * lines and tabs.
 */
export type TextKind = 'clear' | 'identifier' | 'free';

/** Names of the rules that a text can break. */
export type TextRule =
  | 'too-short'
  | 'too-long'
  | 'control-character'
  | 'broken-unicode'
  | 'email-in-clear'
  | 'personal-identity-number-in-clear';

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL_BUT_LINES = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/;

/**
 * The first rule that a text breaks. Most texts hold nothing that any rule could mind, which one look at each character
 * tells; only the rest are searched.
 */
export function brokenTextRule(kind: TextKind, text: string, limit: number): TextRule | undefined {
  if (text.length <= limit && text.length > 0 && isUnsuspicious(text)) return undefined;
  if (text === '') return 'too-short';
  if (text.length > limit && countCharacters(text, limit) > limit) return 'too-long';
  if (!text.isWellFormed()) return 'broken-unicode';
  if ((kind === 'free' ? CONTROL_BUT_LINES : CONTROL).test(text)) return 'control-character';
  if (kind === 'identifier') return text.trim() === '' ? 'too-short' : undefined;
  return kind === 'clear' ? identifierInClear(text) : undefined;
}

/** Whether somebody can be told by an identifier in a text that stays in clear. */
export function identifierInClear(text: string): TextRule | undefined {
  if (isUnsuspicious(text)) return undefined;
  if (hasEmailAddress(text)) return 'email-in-clear';
  return hasPersonalIdentityNumber(text) ? 'personal-identity-number-in-clear' : undefined;
}

/** No control character, no surrogate, no `@` in any form, fewer digits than any personal identity number. */
function isUnsuspicious(text: string): boolean {
  let digits = 0;
  let visible = false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code <= 0x20) {
      if (code < 0x20) return false;
    } else {
      visible = true;
      if (code >= 0x30 && code <= 0x39) digits++;
      else if (code === 0x40 || code === 0x25 || code >= 0x7f) {
        if (code < 0xa1 || code >= 0x2000 || code === 0x40) return false;
      }
    }
  }
  return visible && digits < 10;
}

/** Counted only as far as is needed to tell that there are too many. */
function countCharacters(text: string, limit: number): number {
  let count = 0;
  for (const _ of text) if (++count > limit) break;
  return count;
}

/**
 * The first rule that a value of any shape breaks: its texts and the names in it follow the rules of `free` and
 * `identifier` texts, its numbers are finite (a number beyond the range of a double arrives as infinity, and would
 * be stored as null), it is not too deep, and no name is `__proto__`.
 *
 * @param depth how many objects and arrays may lie inside one another
 */
export function brokenJsonRule(value: unknown, depth: number): string | undefined {
  if (typeof value === 'string') return value === '' ? undefined : brokenTextRule('free', value, TEXT_LIMIT);
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : 'number-out-of-range';
  if (value === null || typeof value === 'boolean') return undefined;
  if (typeof value !== 'object') return 'wrong-type';
  if (depth <= 0) return 'too-deep';
  if (Array.isArray(value)) {
    for (const item of value) {
      const broken = brokenJsonRule(item, depth - 1);
      if (broken !== undefined) return broken;
    }
    return undefined;
  }
  for (const [name, item] of Object.entries(value)) {
    if (name === '__proto__') return 'forbidden-name';
    const broken = (name === '' ? undefined : brokenTextRule('identifier', name, TEXT_LIMIT)) ?? brokenJsonRule(item, depth - 1);
    if (broken !== undefined) return broken;
  }
  return undefined;
}

/** 1900-01-01 and the last millisecond of 9999, UTC. */
const EARLIEST = Date.UTC(1900, 0, 1);
const LATEST = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

const DAY = /^\d{4}-\d\d-\d\d$/;
const MOMENT = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)$/;

/** An event's time is asked for more than once in a row. */
let lastText = '';
let lastMoment: number | undefined;

/**
 * A date-time of RFC 3339, which always has an offset, as milliseconds since 1970 UTC; finer fractions are cut off.
 * Undefined for anything else, for a date or time of day that does not exist, and outside the years 1900 to 9999.
 */
export function parseMoment(text: string): number | undefined {
  if (text !== lastText) {
    lastMoment = text.length <= 40 && MOMENT.test(text) ? momentOf(text) : undefined;
    lastText = text;
  }
  return lastMoment;
}

function momentOf(text: string): number | undefined {
  const date = dateOf(text);
  const hour = digitsAt(text, 11, 2);
  const minute = digitsAt(text, 14, 2);
  const second = digitsAt(text, 17, 2);
  if (date === undefined || hour > 23 || minute > 59 || second > 59) return undefined;
  const offset = offsetOf(text);
  if (offset === undefined) return undefined;
  const moment = date + ((hour * 60 + minute) * 60 + second) * 1_000 + millisecondsOf(text) - offset;
  return moment < EARLIEST || moment > LATEST ? undefined : moment;
}

function millisecondsOf(text: string): number {
  if (text.charAt(19) !== '.') return 0;
  let milliseconds = 0;
  for (let i = 20, worth = 100; worth >= 1 && isDigit(text, i); i++, worth /= 10) milliseconds += digitsAt(text, i, 1) * worth;
  return milliseconds;
}

/** Milliseconds that the clock of the text is ahead of UTC. */
function offsetOf(text: string): number | undefined {
  const start = text.length - 6;
  const sign = text.charAt(start);
  if (!isDigit(text, text.length - 1) || (sign !== '+' && sign !== '-')) return 0;
  const hours = digitsAt(text, start + 1, 2);
  const minutes = digitsAt(text, start + 4, 2);
  if (hours > 23 || minutes > 59) return undefined;
  return (sign === '-' ? -1 : 1) * (hours * 60 + minutes) * 60_000;
}

/** Whether a text is a date (ISO 8601, `2026-03-02`) that exists, from the year 1900 on. */
export function isDay(text: string): boolean {
  if (!DAY.test(text)) return false;
  const date = dateOf(text);
  return date !== undefined && date >= EARLIEST;
}

/** The date at the beginning of a text, as its first millisecond in UTC. An offset may carry 1899 into 1900. */
function dateOf(text: string): number | undefined {
  const year = digitsAt(text, 0, 4);
  const month = digitsAt(text, 5, 2);
  const day = digitsAt(text, 8, 2);
  if (year < 1899 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month)) return undefined;
  return Date.UTC(year, month - 1, day);
}

function daysIn(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

function digitsAt(text: string, start: number, count: number): number {
  let number = 0;
  for (let i = start; i < start + count; i++) number = number * 10 + text.charCodeAt(i) - 48;
  return number;
}

function isDigit(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code >= 48 && code <= 57;
}
