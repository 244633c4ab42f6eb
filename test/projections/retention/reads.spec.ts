/** What stands recorded of a person is not read again for what changes nothing: however much that is, an event costs the same. */
import { jest } from '@jest/globals';
import { Profiles } from '../../../projections/retention/keys.ts';
import { applied, erased, hold, itemsIn, logOf, POLICY, published, RULES, removeFiles, type Told, used } from './given.ts';

afterAll(removeFiles);

const EVENTS = 100;
const DAY_MS = 86_400_000;
/** A day each. */
const many = (from: string, data: Record<string, unknown> = {}, days = 1) =>
  Array.from({ length: EVENTS }, (_, i) => used(new Date(Date.parse(from) + i * days * DAY_MS).toISOString(), data));
const SECOND = published({ ...RULES, orders: { ...RULES.orders, period: 'P6M' } }, { version: '2', effectiveFrom: '2025-06-01' });

test.each<[string, Told[], string]>([
  ['there was no policy', many('2024-01-01'), 'no-rule'],
  ['no version was in force', [published(RULES, { effectiveFrom: '2025-01-01' }), ...many('2024-01-01')], 'no-rule'],
  ['no rule speaks', [POLICY, SECOND, ...many('2025-05-01', { purpose: 'security' }).slice(40)], 'no-rule'],
  ['it happened before, under an earlier version', [POLICY, SECOND, used('2025-12-01'), ...many('2025-05-30', {}, -1)], 'dated'],
  [
    'it happened before any version',
    [published(RULES, { effectiveFrom: '2025-01-01' }), used('2025-12-01'), ...many('2024-01-01')],
    'dated',
  ],
  ['everything is held', [POLICY, hold('2023-01-01', '2026-01-01'), ...many('2024-01-01')], 'dated'],
  ['something else is held', [POLICY, hold('2023-01-01', '2026-01-01', { scope: ['phone'] }), ...many('2024-01-01')], 'dated'],
  ['everything before was erased', [POLICY, used('2023-01-01'), erased('2023-02-01', 'all'), ...many('2024-01-01')], 'dated'],
])('where %s', async (_, events, kind) => {
  const read = jest.spyOn(Profiles.prototype, 'named');
  const items = await applied(logOf(events), itemsIn, { pageEvents: 1 });
  expect(items.filter(({ purpose }) => purpose !== '')).toMatchObject([{ is: kind }]);
  // Once as it comes; whoever is reckoned anew has all of it read.
  expect(read.mock.calls.length).toBeLessThan(2 * events.length);
  read.mockRestore();
});
