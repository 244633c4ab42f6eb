import { InvalidMoment, iso, momentOf } from '../../projections/moment.ts';

test.each([
  ['2026-02-28', 'end', '2026-02-28T23:59:59.999Z'],
  ['2028-02-29', 'start', '2028-02-29T00:00:00.000Z'],
  ['2026-03-02T09:14+01:00', 'end', '2026-03-02T08:14:00.000Z'],
  ['2026-03-02T09:14:07.120Z', 'end', '2026-03-02T09:14:07.120Z'],
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
