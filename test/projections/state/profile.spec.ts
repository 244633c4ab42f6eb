/** Events as rules see them: what many share, and what is each one's own. */
import fc from 'fast-check';
import type { Told } from '../../../projections/state/facts.ts';
import { profileKeyOf, profileOf } from '../../../projections/state/profile.ts';
import type { StoredData } from '../../../src/ledger/entry.ts';

const text = fc.constantFrom('1', '2', '12', 'a', '1:a', ':', '');
const texts = fc.array(text, { maxLength: 2 });
const data = fc.record(
  {
    ...{ purpose: text, legalBasis: text, system: text, controller: text, outcome: text, result: text },
    ...{ categories: texts, purposes: texts, scope: fc.oneof(text, texts), systems: texts, resultCount: fc.nat(1) },
    ...{ caseRef: text, releasedBy: text, sealedFields: fc.constantFrom(['grounds'], ['note']) },
    recipient: fc.record({ role: text, id: text, country: text }, { requiredKeys: ['role'] }),
    subjects: fc.array(
      fc.record({ category: fc.constantFrom('customer', 'user', undefined) }).map((of) => ({ reference: 'somebody', ...of })),
      {
        maxLength: 3,
      },
    ),
    actor: fc.record({ kind: text, role: text, capacity: text }, { requiredKeys: ['kind'] }).map((of) => ({ reference: 'anybody', ...of })),
  },
  { requiredKeys: ['actor', 'subjects'] },
);
const event = fc
  .record({ type: fc.constantFrom('PersonalDataUsed', 'ConsentGiven'), source: fc.constantFrom('urn:a', 'urn:b'), data })
  .map((of): Told => ({ ...of, data: of.data as unknown as StoredData, time: 0 }));

const isSame = (one: Told, other: Told) => JSON.stringify(profileOf(one)) === JSON.stringify(profileOf(other));

test('events with the same key have the same profile', () => {
  fc.assert(
    fc.property(event, event, data, (one, other, more) => {
      const near = { ...one, data: { ...one.data, ...more } as StoredData };
      for (const each of [other, near]) if (profileKeyOf(one) === profileKeyOf(each)) expect(isSame(one, each)).toBe(true);
    }),
    { numRuns: 5_000 },
  );
});
