import fc from 'fast-check';
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
