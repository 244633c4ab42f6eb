import fc from 'fast-check';
import { Temporal } from 'temporal-polyfill';
import { dueAfter, dueOn, endOfDay } from '../../src/policy/due.ts';

const at = (text: string): number => Date.parse(text);

describe('What is due after a period', () => {
  it.each([
    ['a month, to the end of its last day', '2026-03-02T09:14:07.120Z', 'P1M', '2026-04-02T23:59:59.999Z'],
    ['a month that has no such day', '2026-01-31T09:00:00Z', 'P1M', '2026-02-28T23:59:59.999Z'],
    ['a year from a leap day', '2024-02-29T12:00:00Z', 'P12M', '2025-02-28T23:59:59.999Z'],
    ['days', '2026-03-02T00:00:00Z', 'P30D', '2026-04-01T23:59:59.999Z'],
    ['weeks', '2026-03-02T23:59:59.999Z', 'P2W', '2026-03-16T23:59:59.999Z'],
    ['hours, to the millisecond', '2026-03-02T09:14:07.120Z', 'PT72H', '2026-03-05T09:14:07.120Z'],
  ])('%s', (_what, from, period, due) => {
    expect(new Date(dueAfter(at(from), period)).toISOString()).toBe(due);
  });

  it('is never before what it runs from, and later for what happened later', () => {
    const moment = fc.integer({ min: 0, max: at('2100-01-01') });
    fc.assert(
      fc.property(moment, moment, fc.constantFrom('P1D', 'P1M', 'P12M', 'PT72H'), (one, other, period) => {
        const [first, second] = [Math.min(one, other), Math.max(one, other)];
        expect(dueAfter(first, period)).toBeGreaterThan(first);
        expect(dueAfter(first, period)).toBeLessThanOrEqual(dueAfter(second, period));
      }),
    );
  });
});

describe('What is remembered of it', () => {
  const DAY_MS = 86_400_000;
  function byTheCalendar(from: number, period: string): number {
    const { hours, minutes, seconds } = Temporal.Duration.from(period);
    const start = Temporal.Instant.fromEpochMilliseconds(from).toZonedDateTimeISO('UTC');
    if (hours || minutes || seconds) return start.add(period).epochMilliseconds;
    return endOfDay(start.toPlainDate().add(period).toString());
  }
  const units = fc.tuple(fc.nat(20), fc.nat(30), fc.nat(60), fc.nat(90), fc.constantFrom('', '', 'T1H', 'T36H', 'T90M', 'T5S'));
  const period = units.map(([years, months, weeks, days, time]) => `P${years}Y${months}M${weeks}W${days + 1}D${time}`);

  it('is what the calendar says, at any time of the day, before 1970 too', () => {
    const moment = fc.integer({ min: at('1969-12-01'), max: at('2100-01-01') });
    const asked = fc.array(fc.tuple(moment, fc.integer({ min: -DAY_MS, max: DAY_MS })), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(asked, period, (moments, period) => {
        for (const from of moments.flatMap(([one, apart]) => [one, one + apart, one])) {
          expect(dueAfter(from, period)).toBe(byTheCalendar(from, period));
        }
      }),
    );
  });

  it('is forgotten some day, and then the same again', () => {
    for (let day = 0; day < 25_000; day++) dueAfter(day * DAY_MS, 'P12M');
    for (const day of [0, 9_999, 10_000, 24_999]) expect(dueAfter(day * DAY_MS, 'P12M')).toBe(byTheCalendar(day * DAY_MS, 'P12M'));
  });
});

describe('The last day on which data may be kept', () => {
  const recruitment = { period: 'P12M' };
  const accounts = { period: 'P7Y', countedFrom: 'end-of-financial-year' } as const;

  it.each([
    ['12 months after a process that closed', recruitment, '2026-03-02T09:14:00Z', undefined, '2027-03-02'],
    ['from a leap day', recruitment, '2024-02-29T09:14:00Z', undefined, '2025-02-28'],
    ['by the day in UTC', recruitment, '2026-03-02T23:30:00-02:00', undefined, '2027-03-03'],
    ['accounts: to the end of the seventh year after the financial year', accounts, '2026-03-02T09:14:00Z', '12-31', '2033-12-31'],
    ['the last moment of the financial year', accounts, '2026-12-31T23:59:59.999Z', '12-31', '2033-12-31'],
    ['the first moment of the next', accounts, '2027-01-01T00:00:00Z', undefined, '2034-12-31'],
    ['a financial year that ends in April, before its end', accounts, '2026-04-30T12:00:00Z', '04-30', '2033-12-31'],
    ['and after it', accounts, '2026-05-01T12:00:00Z', '04-30', '2034-12-31'],
    ['a financial year that ends with February', accounts, '2026-02-28T12:00:00Z', '02-29', '2033-12-31'],
  ])('%s', (_what, rule, trigger, ends, day) => {
    expect(dueOn(rule, at(trigger), ends)).toBe(day);
  });

  it('ends with its last moment', () => {
    expect(endOfDay('2033-12-31')).toBe(at('2034-01-01') - 1);
  });
});
