/** What was given as a time is none. */
export class InvalidMoment extends Error {
  override name = 'InvalidMoment';
  constructor() {
    super('a date-time with an offset is needed, or a date');
  }
}

const DATE = /^\d{4}-\d{2}-\d{2}$/;
/** In whichever case: whatever a record may say of a time (RFC 3339, 5.6) is one here. */
const DATE_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})$/i;

/** A date-time or date in milliseconds since 1970; a date means its start or its end (UTC). @throws InvalidMoment */
export function momentOf(text: string, dateMeans: 'start' | 'end'): number {
  const isDate = DATE.test(text);
  if (!isDate && !DATE_TIME.test(text)) throw new InvalidMoment();
  const suffix = !isDate ? '' : dateMeans === 'end' ? 'T23:59:59.999Z' : 'T00:00:00.000Z';
  const moment = Date.parse(text.toUpperCase() + suffix);
  if (Number.isNaN(moment) || !existsDay(text.slice(0, 10))) throw new InvalidMoment();
  return moment;
}

/** Whether the calendar has the day: where it has not, a date silently becomes one of the next month. */
const existsDay = (day: string): boolean => new Date(`${day}T00:00:00Z`).toISOString().startsWith(day);

/** UTC with milliseconds. */
export const iso = (moment: number): string => new Date(moment).toISOString();

/** Recorded more than this after it happened, a record is late (domain.md §1). */
export const LATE_MS = 24 * 3_600_000;

/** More than this ahead of the ledger's clock, a source's clock is skewed (domain.md §1). */
export const SKEW_MS = 5 * 60_000;
