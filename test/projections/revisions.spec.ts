/** Corrections of corrections: what stands, in a timeline and in a count, whatever the order of arrival. */
import { disclosure } from '../support/write-side.ts';
import { openReadSide, type ReadSide } from './read-side.ts';

let ledger: ReadSide;
beforeAll(async () => {
  ledger = await openReadSide();
});
afterAll(() => ledger.close());

let sources = 0;
let source = '';
beforeEach(() => {
  source = `urn:test:${++sources}`;
});

const person = { scheme: 'customer-number', value: '10027' };
const record = (id: string) => disclosure(id, { source, data: { subjects: [person] } });
const retraction = (id: string, target: string) => ({
  specversion: '1.0',
  source,
  id,
  type: 'RecordRetracted',
  time: '2026-03-02T10:00:00Z',
  data: {
    actor: { id: 'anna.berg', kind: 'human', role: 'accountant', capacity: 'controller' },
    subjects: [person],
    target: { source, id: target },
    reason: 'said twice',
    approver: 'maria.ek',
  },
});

/** Which of the records are shown as retracted, by what; and how many disclosures are counted. */
async function standing() {
  const { items } = await ledger.timeline({ about: { source } });
  const [counted] = (await ledger.disclosures({ about: { source } })).items;
  const by = items.filter(({ retracted }) => retracted).map(({ id, retracted }) => [id, retracted?.by.id]);
  return { retracted: Object.fromEntries(by), counted: counted?.events ?? 0 };
}

const chain = (length: number) => Array.from({ length }, (_, i) => retraction(`r${i + 1}`, i === 0 ? 'a' : `r${i}`));

test.each([
  [1, { a: 'r1' }, 0],
  [2, { r1: 'r2' }, 1],
  [3, { a: 'r1', r2: 'r3' }, 0],
  [4, { r1: 'r2', r3: 'r4' }, 1],
])('a record after %i retractions, each of the one before', async (length, retracted, counted) => {
  await ledger.given(record('a'), ...chain(length));
  expect(await standing()).toEqual({ retracted, counted });
});

test('in the opposite order they say the same', async () => {
  await ledger.given(...chain(3).reverse());
  await ledger.given(record('a'));
  expect(await standing()).toEqual({ retracted: { a: 'r1', r2: 'r3' }, counted: 0 });
});

test('where two say that the other is wrong, an answer still comes', async () => {
  await ledger.given(record('a'), retraction('r1', 'r2'), retraction('r2', 'r1'));
  expect((await standing()).counted).toBe(1);
});

test('a long chain is followed as far as anybody would go', async () => {
  await ledger.given(record('a'), ...chain(40));
  expect(await standing()).toMatchObject({ counted: expect.any(Number) });
});
