import fc from 'fast-check';
import { InvalidMoment, iso, momentOf } from '../../projections/moment.ts';
import { parseMoment } from '../../src/ledger/record/text.ts';

test.each([
  ['2026-02-28', 'end', '2026-02-28T23:59:59.999Z'],
  ['2028-02-29', 'start', '2028-02-29T00:00:00.000Z'],
  ['2026-03-02T09:14+01:00', 'end', '2026-03-02T08:14:00.000Z'],
  ['2026-03-02T09:14:07.120Z', 'end', '2026-03-02T09:14:07.120Z'],
  ['2026-03-02t09:14:07.123456789z', 'end', '2026-03-02T09:14:07.123Z'],
] as const)('%s, its %s: %s', (text, means, expected) => {
  expect(iso(momentOf(text, means))).toBe(expected);
});

test.each([
  '2026-02-30',
  '2026-02-29',
  '2026-04-31T10:00:00Z',
  '2026-13-01',
  '2026-03-02T25:00:00Z',
  '2026-03-02T10:00:00',
  '2 March 2026',
  '',
])('%s is no day that there is, or no moment: refused', (text) => {
  expect(() => momentOf(text, 'end')).toThrow(InvalidMoment);
});

test('whatever a record may say of a time is the same moment here', () => {
  const two = (most: number) => fc.integer({ min: 0, max: most }).map((each) => String(each).padStart(2, '0'));
  const day = fc
    .date({ min: new Date('1901-01-01'), max: new Date('9990-12-31'), noInvalidDate: true })
    .map((each) => each.toISOString().slice(0, 10));
  const time = fc.tuple(fc.constantFrom('T', 't'), two(23), two(59), two(59)).map(([t, ...of]) => t + of.join(':'));
  const fraction = fc.option(
    fc.integer({ min: 0, max: 999_999_999 }).map((each) => `.${each}`),
    { nil: '' },
  );
  const offset = fc.oneof(
    fc.constantFrom('Z', 'z'),
    fc.tuple(fc.constantFrom('+', '-'), two(23), two(59)).map(([sign, h, m]) => `${sign}${h}:${m}`),
  );
  fc.assert(
    fc.property(fc.tuple(day, time, fraction, offset), (parts) => {
      const text = parts.join('');
      expect(momentOf(text, 'end')).toBe(parseMoment(text));
    }),
  );
});
