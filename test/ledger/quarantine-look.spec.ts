import { jest } from '@jest/globals';
import { type ListItems, QuarantineLook } from '../../src/ledger/record/quarantine-look.ts';
import { disclosure, openWriteSide } from '../support/write-side.ts';

const ANNA = { scheme: 'customer-number', value: '10027' };
const ITEMS = 70;

let ledger: Awaited<ReturnType<typeof openWriteSide>>;
beforeAll(async () => {
  ledger = await openWriteSide();
  const broken = (n: number) => disclosure(String(n), { data: { purpose: 'no-such-purpose', note: 'x'.repeat(20_000) } });
  for (let n = 0; n < ITEMS; n++) await ledger.record([broken(n)]);
});
afterEach(() => jest.restoreAllMocks());
afterAll(() => ledger.close());

/** The read side, as far as it has come. */
const knownTo = (position: number): ListItems => {
  return async (after, limit) => {
    const items = (await ledger.entries()).filter((item) => item.position > after && item.position <= position).slice(0, limit);
    return { items: items.map((item) => ({ id: item.entry.id, position: item.position })), seenTo: position };
  };
};
const allItems = async () => (await ledger.entries()).map(({ entry }) => entry.id);

it.each([[0], [40], [ITEMS]])('finds the same items in rounds, when the read side has come to %p', async (position) => {
  const look = new QuarantineLook(ledger.store, ledger.vault, knownTo(position));
  const found: string[] = [];
  for (let seenTo: number | undefined, round: string[] | undefined; round === undefined || round.length === 25; ) {
    ({ items: round, seenTo } = await look.naming([ANNA], 25, seenTo));
    found.push(...round);
  }
  expect(found).toEqual(await allItems());
});

it('goes on through what the read side knows in later rounds, and reads of the log its end alone', async () => {
  const look = new QuarantineLook(ledger.store, ledger.vault, knownTo(60));
  const { seenTo } = await look.naming([ANNA], 25);
  const read = jest.spyOn(ledger.store, 'readAll');
  expect((await look.naming([ANNA], 100, seenTo)).items).toHaveLength(ITEMS - 25);
  // 60: the end that the read side had not seen; 70: nothing more.
  expect(read.mock.calls.map(([after]) => after).filter((after) => after > 0)).toEqual([60, 70]);
});

it.each([[0], [ITEMS]])('lets others have their turn while it searches what the read side knows to %p', async (position) => {
  const look = new QuarantineLook(ledger.store, ledger.vault, knownTo(position));
  let turns = 0;
  let isDone = false;
  const count = () => {
    turns++;
    if (!isDone) setImmediate(count);
  };
  setImmediate(count);
  await look.naming([ANNA], ITEMS * 2);
  isDone = true;
  // Three items of 20,000 characters are a turn.
  expect(turns).toBeGreaterThan(ITEMS / 5);
});

it('says how far it looked, also where the read side knows of no item', async () => {
  const nothing: ListItems = async () => ({ items: [], seenTo: ITEMS });
  const { seenTo } = await new QuarantineLook(ledger.store, ledger.vault, nothing).naming([ANNA], 25);
  expect(seenTo).toBe(ITEMS);
});

it('opens few items at a time', async () => {
  const asked = jest.spyOn(ledger.vault, 'itemKeys');
  for (const position of [0, ITEMS]) await new QuarantineLook(ledger.store, ledger.vault, knownTo(position)).naming([ANNA], ITEMS * 2);
  expect(Math.max(...asked.mock.calls.map(([ids]) => ids.length))).toBeLessThanOrEqual(32);
});
