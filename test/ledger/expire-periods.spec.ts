import { ACTOR, LEDGER } from '../../src/ledger/author.ts';
import { ExpirePeriods, ExpirePeriodsHandler } from '../../src/ledger/key-store/expire.ts';
import { leafBytes, MAX_LEAF_BYTES } from '../../src/ledger/leaf.ts';
import { openWriteSide } from '../support/write-side.ts';

type WriteSide = Awaited<ReturnType<typeof openWriteSide>>;
let ledger: WriteSide;
beforeEach(async () => {
  ledger = await openWriteSide();
});
afterEach(() => ledger.close());

const SOON = new Date(Date.now() + 3_600_000).toISOString();
const LATER = new Date(Date.now() + 7_200_000).toISOString();
const between = Date.parse(SOON) + 1;

const expire = (dryRun: boolean, now = between) =>
  new ExpirePeriodsHandler(ledger.store, ledger.vault).execute(new ExpirePeriods(LEDGER, now, dryRun));
const own = async () => (await ledger.entries()).filter(({ stream }) => stream === 'ledger-key-store');

it('given a case that ended and one that did not, when keys expire, then the first key is gone, and recorded before', async () => {
  await ledger.vault.periodKey('case-one', SOON);
  await ledger.vault.periodKey('case-two', LATER);
  expect(await expire(false)).toEqual([{ name: 'case-one', endsAt: SOON, items: 0 }]);
  expect([...(await ledger.vault.periodKeys(['case-one', 'case-two'])).keys()]).toEqual(['case-two']);
  const [destroyed] = await own();
  expect(destroyed).toMatchObject({
    type: 'PeriodKeysDestroyed',
    entry: {
      source: 'urn:liggare:key-store',
      data: { actor: { kind: 'service', role: 'ledger' }, periods: [{ name: 'case-one', endsAt: SOON, items: 0 }] },
    },
  });
});

it('given an item in quarantine, when its month ends, then its key ends with it', async () => {
  await ledger.vault.newItemKeys('quarantine-2026-01', SOON, ['item']);
  expect(await expire(false)).toEqual([{ name: 'quarantine-2026-01', endsAt: SOON, items: 1 }]);
  expect((await ledger.vault.itemKeys(['item'])).size).toBe(0);
});

it('given keys that are due, when it is a dry run, then they are listed, and stay', async () => {
  await ledger.vault.periodKey('case-one', SOON);
  expect(await expire(true)).toHaveLength(1);
  expect((await ledger.vault.periodKeys(['case-one'])).size).toBe(1);
  expect(await own()).toEqual([]);
});

it('given nothing that is due, when keys expire, then nothing is recorded', async () => {
  await ledger.vault.periodKey('case-one', LATER);
  expect(await expire(false)).toEqual([]);
  await expire(false, Date.parse(LATER) + 1);
  expect(await expire(false, Date.parse(LATER) + 2)).toEqual([]);
  expect(await own()).toHaveLength(1);
});

it('given a log that takes nothing, when keys expire, then none is destroyed', async () => {
  await ledger.vault.periodKey('case-one', SOON);
  await ledger.vault.resolve([{ scheme: ACTOR, value: 'somebody' }], { create: true });
  await ledger.store.close();
  await expect(expire(false)).rejects.toMatchObject({ name: 'StoreUnavailable' });
  expect((await ledger.vault.periodKeys(['case-one'])).size).toBe(1);
});

it('given very many cases that ended at once, when keys expire, then each entry that says so can be a leaf', async () => {
  const names = Array.from({ length: 1_200 }, (_, i) => `case-${String(i).padStart(22, 'x')}`);
  await Promise.all(names.map((name) => ledger.vault.periodKey(name, SOON)));
  expect(await expire(false)).toHaveLength(names.length);
  const entries = await own();
  for (const entry of entries) expect(leafBytes(entry).length).toBeLessThanOrEqual(MAX_LEAF_BYTES);
  expect(entries.flatMap(({ entry }) => entry.data['periods'])).toHaveLength(names.length);
});
