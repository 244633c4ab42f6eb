/** Periods of ISO 8601 (`P5Y`, `P18M`, `P90D`), reckoned in UTC by the calendar. Pure; no clock. */
import { Temporal } from 'temporal-polyfill';

/** Longer than anything is kept, and short enough for any date. */
const LONGEST = Temporal.Duration.from('P1000Y');
const SHORTEST = Temporal.Duration.from('P1D');
/** Years differ in length; a comparison needs to know which ones. */
const relativeTo = '2000-01-01';

/** Whether the text is a period of ISO 8601 from one day to a thousand years. */
export function isPeriod(text: string): boolean {
  const period = parsed(text);
  if (period === undefined) return false;
  const isTooShort = Temporal.Duration.compare(period, SHORTEST, { relativeTo }) < 0;
  return !isTooShort && Temporal.Duration.compare(period, LONGEST, { relativeTo }) <= 0;
}

function parsed(text: string): Temporal.Duration | undefined {
  try {
    return Temporal.Duration.from(text);
  } catch {
    return undefined;
  }
}

/**
 * The moment that lies a period before another. What happened then or earlier is at least that long ago: where a month has no such
 * day the month's last is taken, so that nothing is older than it is.
 * @param now milliseconds since 1970
 * @param period as `isPeriod` accepts it
 */
export function momentBefore(now: number, period: string): number {
  return Temporal.Instant.fromEpochMilliseconds(now).toZonedDateTimeISO('UTC').subtract(period).epochMilliseconds;
}

/** Which of two periods is longer: below 0 where the first is shorter, 0 where they are of one length. */
export function comparePeriods(a: string, b: string): number {
  return Temporal.Duration.compare(a, b, { relativeTo });
}

const UNITS = ['years', 'months', 'weeks', 'days', 'hours', 'minutes', 'seconds'] as const;

/** `P1Y6M` → `1 year 6 months`. */
export function periodInWords(period: string): string {
  const parts = Temporal.Duration.from(period);
  const said = UNITS.filter((unit) => parts[unit] !== 0).map((unit) => `${parts[unit]} ${parts[unit] === 1 ? unit.slice(0, -1) : unit}`);
  return said.join(' ');
}
