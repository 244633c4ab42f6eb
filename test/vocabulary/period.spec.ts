import fc from 'fast-check';
import { isPeriod, momentBefore } from '../../src/vocabulary/period.ts';

it.each(['P5Y', 'P18M', 'P1Y6M', 'P90D', 'P2W', 'P1D', 'PT24H', 'P1000Y'])('%s is a period', (text) => {
  expect(isPeriod(text)).toBe(true);
});

it.each(['', 'P', '5Y', 'P5', 'P0D', '-P5Y', 'P-5Y', 'PT1H', 'P1.5Y', 'P1001Y', 'P99999999999Y', 'P5Y\n', 'five years'])(
  '%j is none',
  (text) => {
    expect(isPeriod(text)).toBe(false);
  },
);

it.each([
  ['2026-03-02T09:14:07.120Z', 'P5Y', '2021-03-02T09:14:07.120Z'],
  ['2028-02-29T12:00:00.000Z', 'P1Y', '2027-02-28T12:00:00.000Z'],
  ['2026-03-31T12:00:00.000Z', 'P1M', '2026-02-28T12:00:00.000Z'],
  ['2026-03-31T12:00:00.000Z', 'P1Y1M1D', '2025-02-27T12:00:00.000Z'],
])('before %s by %s lies %s', (now, period, then) => {
  expect(new Date(momentBefore(Date.parse(now), period)).toISOString()).toBe(then);
});

it('what is due by months was kept for all of them: a year later it has been a year', () => {
  const day = fc.integer({ min: Date.UTC(1990, 0), max: Date.UTC(2090, 0) });
  fc.assert(
    fc.property(day, fc.integer({ min: 1, max: 1200 }), (now, months) => {
      const then = new Date(momentBefore(now, `P${months}M`));
      const elapsed = (new Date(now).getUTCFullYear() - then.getUTCFullYear()) * 12 + new Date(now).getUTCMonth() - then.getUTCMonth();
      expect(elapsed).toBe(months);
      expect(then.getUTCDate()).toBeLessThanOrEqual(new Date(now).getUTCDate());
    }),
  );
});
