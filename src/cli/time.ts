/** Times as other systems write them → RFC 3339 in UTC with milliseconds, which is what the ledger keeps. */

/** Why a text is no time; never quotes it. */
export class TimeNotRead extends Error {
  override name = 'TimeNotRead';
}

const WRITTEN = /^(\d{4})-(\d{2})-(\d{2})[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s?(Z|[+-]\d{2}(?::?\d{2})?)?$/i;
const OFFSET = /^(?:Z|([+-])(\d{2})(?::?(\d{2}))?)$/i;
const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

/** Local time (as if it were UTC, in ms) → the instants that show it on the wall, the earlier one first. */
type Zone = (wallMs: number) => number[];

/**
 * Reads `2011-10-11 13:45:40.276000+02:00` and its like: date, space or T, time, an offset. A fraction finer than a
 * millisecond is cut off.
 *
 * @param zone where times without an offset are from: `Europe/Stockholm`, `+01:00`. An hour that comes twice, when
 *   clocks are set back, is taken as the first of the two.
 * @throws TimeNotRead on anything else, a day that the month does not have, and an hour that clocks skip.
 */
export function parseTime(text: string, zone?: string): string {
  const match = WRITTEN.exec(text.trim());
  if (match === null) throw new TimeNotRead('a time such as 2026-03-02T09:14:07.120+01:00 is expected');
  const [, year, month, day, hour, minute, second = '00', fraction = '', offset] = match as unknown as string[];
  const wall = `${year}-${month}-${day}T${hour}:${minute}:${second}.${fraction.slice(0, 3).padEnd(3, '0')}Z`;
  const wallMs = Date.parse(wall);
  // Date.parse rolls 30 February over into March.
  if (Number.isNaN(wallMs) || new Date(wallMs).toISOString() !== wall) throw new TimeNotRead('there is no such day or time of day');
  const place = offset ?? zone;
  if (place === undefined) throw new TimeNotRead('the time has no offset; name its zone with $zone');
  const toInstants = zoneOf(place);
  if (toInstants === undefined) throw new TimeNotRead('there is no such offset or zone');
  const [instant] = toInstants(wallMs);
  if (instant === undefined) throw new TimeNotRead('there is no such time in this zone: clocks skipped it');
  return new Date(instant).toISOString();
}

const zones = new Map<string, Zone>();

/** Absent where the name is neither an offset nor a zone that this machine knows. */
export function zoneOf(name: string): Zone | undefined {
  const known = zones.get(name);
  if (known) return known;
  const zone = OFFSET.test(name) ? fixedZone(name) : namedZone(name);
  if (zone) zones.set(name, zone);
  return zone;
}

function fixedZone(name: string): Zone | undefined {
  const [, sign, hours = '0', minutes = '0'] = OFFSET.exec(name) as unknown as string[];
  if (Number(hours) > 23 || Number(minutes) > 59) return undefined;
  const ms = (Number(hours) * 60 + Number(minutes)) * MINUTE_MS * (sign === '-' ? -1 : 1);
  return (wallMs) => [wallMs - ms];
}

function namedZone(name: string): Zone | undefined {
  if (!/^[A-Za-z][A-Za-z0-9_+/-]*$/.test(name)) return undefined;
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
      era: 'short',
    });
  } catch {
    return undefined;
  }
  return (wallMs) => {
    // A day before and a day after, whatever the clocks did in between, give the only offsets that can hold here.
    const offsets = [offsetAt(format, wallMs - DAY_MS), offsetAt(format, wallMs + DAY_MS)];
    const instants = offsets.map((ms) => wallMs - ms).filter((instant) => instant + offsetAt(format, instant) === wallMs);
    return [...new Set(instants)].sort((a, b) => a - b);
  };
}

/** How far the zone's wall is ahead of UTC at an instant, in ms. */
function offsetAt(format: Intl.DateTimeFormat, instant: number): number {
  const part = new Map(format.formatToParts(instant).map(({ type, value }) => [type, Number(value)]));
  const get = (type: Intl.DateTimeFormatPartTypes) => part.get(type) ?? 0;
  const wall = Date.UTC(get('year'), get('month') - 1, get('day'), get('hour'), get('minute'), get('second'));
  return wall - Math.floor(instant / 1000) * 1000;
}
