/** Weeks of ISO 8601, in UTC: they begin on Monday and belong to the year of their Thursday. */

const DAY_MS = 86_400_000;
export const WEEK_MS = 7 * DAY_MS;
/** So many weeks before the one of 1970-01-01 weeks are counted from, so that no time that an event may have is before them. */
const BEFORE = 110_000;
/** Added to a time in milliseconds since 1970, then divided by `WEEK_MS` and rounded down: the number of its week. */
export const WEEK_OFFSET_MS = BEFORE * WEEK_MS + 3 * DAY_MS;

/** The number of the week of a time in milliseconds since 1970. */
export const weekOf = (time: number): number => Math.floor((time + WEEK_OFFSET_MS) / WEEK_MS);

/** When a week begins: milliseconds since 1970. */
export const beginOf = (week: number): number => week * WEEK_MS - WEEK_OFFSET_MS;

/** `2026-W10` */
export function nameOfWeek(week: number): string {
  const thursday = beginOf(week) + 3 * DAY_MS;
  const year = new Date(thursday).getUTCFullYear();
  const first = new Date(0).setUTCFullYear(year, 0, 1);
  const number = 1 + Math.floor((thursday - first) / WEEK_MS);
  return `${String(year).padStart(4, '0')}-W${String(number).padStart(2, '0')}`;
}
