/**
 * When something is due. Pure; reckoned in UTC by the calendar. A period in days, weeks, months or years ends with the last moment of its last
 * day, and where a month has no such day, with the month's last (Regulation 1182/71, Art. 3); one in hours ends to the millisecond.
 * Holidays do not lengthen it.
 */
import { Temporal } from 'temporal-polyfill';
import type { RetentionEntry } from './document.ts';

/** What the calendar year's end is to a financial year, unless the policy says otherwise. */
const YEAR_ENDS = '12-31';

/**
 * The last moment at which something is in time.
 * @param from what the period runs from, milliseconds since 1970
 * @param period of ISO 8601, as policies have them
 * @returns milliseconds since 1970
 */
export function dueAfter(from: number, period: string): number {
  // Of a whole day it is the same: judging asks it of one event after the other.
  const key = `${Math.floor(from / DAY_MS)} ${period}`;
  const known = reckoned.get(key);
  if (known !== undefined) return known;
  const duration = Temporal.Duration.from(period);
  const start = Temporal.Instant.fromEpochMilliseconds(from).toZonedDateTimeISO('UTC');
  const isOfHours = duration.hours !== 0 || duration.minutes !== 0 || duration.seconds !== 0;
  if (isOfHours) return start.add(duration).epochMilliseconds;
  const due = endOfDay(start.toPlainDate().add(duration).toString());
  if (reckoned.size >= MAX_RECKONED) reckoned.clear();
  reckoned.set(key, due);
  return due;
}

const DAY_MS = 24 * 3_600_000;
/** What the calendar was asked lately, by day and period. */
const reckoned = new Map<string, number>();
const MAX_RECKONED = 10_000;

/** The last moment of a day (UTC), milliseconds since 1970. */
export const endOfDay = (day: string): number => Date.parse(`${day}T23:59:59.999Z`);

/**
 * The last day on which data may be kept under a rule of retention: after it, the data is overdue (`endOfDay`).
 * @param trigger when what the rule counts from happened, milliseconds since 1970
 * @param financialYearEnds month and day, as in 12-31, of `controller.financialYearEnds`
 * @returns a day, as in 2033-12-31
 */
export function dueOn(
  rule: Pick<RetentionEntry, 'period' | 'countedFrom'>,
  trigger: number,
  financialYearEnds: string = YEAR_ENDS,
): string {
  const day = Temporal.Instant.fromEpochMilliseconds(trigger).toZonedDateTimeISO('UTC').toPlainDate();
  const from = rule.countedFrom === 'end-of-financial-year' ? endOfYearOf(day, financialYearEnds) : day;
  return from.add(rule.period).toString();
}

/** The last day of the calendar year in which the financial year ended that a day fell into. */
function endOfYearOf(day: Temporal.PlainDate, financialYearEnds: string): Temporal.PlainDate {
  const [month, last] = financialYearEnds.split('-').map(Number) as [number, number];
  // Where February has no 29th, the year ends on the 28th.
  const ends = Temporal.PlainDate.from({ year: day.year, month, day: last });
  const year = Temporal.PlainDate.compare(day, ends) <= 0 ? day.year : day.year + 1;
  return Temporal.PlainDate.from({ year, month: 12, day: 31 });
}
