/** Questions as large as they may be asked. */
import { disclosure } from '../support/write-side.ts';
import { openReadSide, type ReadSide } from './read-side.ts';

const MANY = 100;
const many = <T>(of: (i: number) => T): T[] => Array.from({ length: MANY }, (_, i) => of(i));
const person = (i: number) => ({ scheme: 'customer-number', value: `1000${i}` });

let ledger: ReadSide;
beforeAll(async () => {
  ledger = await openReadSide();
  const event = (i: number) =>
    disclosure(`${i}`, {
      source: `urn:test:${i}`,
      data: {
        actor: { id: `actor-${i}`, kind: 'human', role: 'accountant', capacity: 'controller' },
        subjects: [person(i)],
        recipient: { id: `recipient-${i}`, role: 'independent-controller', country: 'SE' },
        caseRef: `C-${i}`,
        system: `system-${i}`,
      },
    });
  await ledger.given(...many(event));
});
afterAll(() => ledger.close());

const code = (known: string) => [known, ...many((i) => `code-${i}`).slice(1)];
const about = {
  subject: many(person),
  actor: many((i) => `actor-${i}`),
  recipient: many((i) => `recipient-${i}`),
  caseRef: many((i) => `C-${i}`),
  system: many((i) => `system-${i}`),
  source: many((i) => `urn:test:${i}`),
  purpose: code('tax-reporting'),
  category: code('name'),
  type: code('PersonalDataDisclosed'),
  legalBasis: code('6(1)(c)'),
  country: code('SE'),
  from: '2026-03-01',
  to: '2026-03-03',
};

test('a hundred values on every axis, page by page', async () => {
  const first = await ledger.timeline({ about, limit: 60 });
  const second = await ledger.timeline({ about, limit: 60, cursor: first.next as string });
  expect(new Set([...first.items, ...second.items].map(({ id }) => id)).size).toBe(MANY);
  expect(second.next).toBeNull();
});

test('a hundred values on every axis, counted', async () => {
  expect((await ledger.disclosures({ about, limit: 1000 })).items).toHaveLength(MANY);
  expect((await ledger.activity({ about, limit: 1000 })).items).toHaveLength(MANY);
});

test('codes that never occur together find nothing, however much else there is', async () => {
  await ledger.given(...Array.from({ length: 1_000 }, (_, i) => disclosure(`again-${i}`, { data: { subjects: [person(0)] } })));
  const never = { subject: person(0), purpose: 'newsletter' };
  expect((await ledger.timeline({ about: never })).items).toEqual([]);
  expect((await ledger.disclosures({ about: never })).items).toEqual([]);
});
