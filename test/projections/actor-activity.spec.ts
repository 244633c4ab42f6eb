import { disclosure } from '../support/write-side.ts';
import { openReadSide, type ReadSide, viewers } from './read-side.ts';

const person = (value: string) => ({ scheme: 'customer-number', value, category: 'customer' });
const actor = (id: string, more: object = {}) => ({ id, kind: 'human', role: 'support', capacity: 'controller', ...more });

function access(id: string, time: string, data: object = {}): object {
  const { recipient, method, consideration, caseRef, statuteRef, ...rest } = disclosure('')['data'] as Record<string, unknown>;
  return {
    ...disclosure(id, { type: 'PersonalDataAccessed', time }),
    data: { ...rest, mode: 'view', outcome: 'ok', actor: actor('anna.berg'), ...data },
  };
}

let ledger: ReadSide;
beforeAll(async () => {
  ledger = await openReadSide();
  await ledger.given(
    access('1', '2026-03-01T09:10:00Z', { caseRef: 'C-1' }),
    access('2', '2026-03-01T09:50:00Z', { caseRef: 'C-1', categories: ['phone'], subjects: [person('10027'), person('10028')] }),
    access('3', '2026-03-01T23:59:59.999Z', { mode: 'search', resultCount: 0, subjects: [] }),
    access('4', '2026-03-02T00:00:00Z', { mode: 'search', caseRef: 'C-2', outcome: 'denied' }),
    access('5', '2026-03-01T10:00:00Z', { actor: actor('bo.ek') }),
    access('6', '2026-03-01T11:00:00Z', { actor: actor('batch', { kind: 'service', onBehalfOf: 'anna.berg' }) }),
    disclosure('7', { time: '2026-03-01T12:00:00Z', data: { actor: actor('anna.berg') } }),
  );
});
afterAll(() => ledger.close());

test('an actor’s day: accesses by hour, people, categories, cases, refused attempts, searches without a case', async () => {
  const { items, people } = await ledger.activity({ about: { actor: 'anna.berg' }, order: 'asc' });
  const hours = new Array(24).fill(0);
  expect(items).toEqual([
    {
      actor: { id: 'anna.berg' },
      day: '2026-03-01',
      events: 4,
      accesses: 3,
      hours: hours.with(9, 2).with(23, 1),
      subjects: 2,
      categories: ['name', 'organisation-number', 'phone'],
      cases: 2,
      denied: 0,
      searches: 1,
      searchesWithoutCase: 1,
    },
    expect.objectContaining({ day: '2026-03-02', hours: hours.with(0, 1), denied: 1, searches: 1, searchesWithoutCase: 0 }),
  ]);
  expect(people).toHaveLength(1);
});

test('what others did on the actor’s behalf is theirs', async () => {
  const { items } = await ledger.activity({
    about: { subject: person('10027'), from: '2026-03-01T11:00:00Z', to: '2026-03-01T11:30:00Z' },
  });
  expect(items).toMatchObject([{ actor: { id: 'batch' }, accesses: 1 }]);
});

test('without the permission to name actors, references that can be asked about', async () => {
  const { items } = await ledger.activity({ about: { actor: 'bo.ek' } }, viewers.ask);
  const actor = items[0]?.actor as { reference: string };
  expect(actor).toEqual({ reference: expect.stringMatching(/^[\w-]{22}$/) });
  expect((await ledger.activity({ about: { actor: actor.reference } }, viewers.ask)).items).toEqual(items);
});

test('page by page, nothing is lost or repeated', async () => {
  const all = (await ledger.activity()).items;
  expect(all.map(({ actor, day }) => [actor, day])).toHaveLength(4);
  const seen: unknown[] = [];
  let cursor: string | undefined;
  do {
    const page = await ledger.activity({ limit: 1, ...(cursor && { cursor }) });
    seen.push(...page.items);
    cursor = page.next ?? undefined;
  } while (cursor);
  expect(seen).toEqual(all);
});

test('as of a moment before anything was recorded there was nothing', async () => {
  expect(await ledger.activity({ asOf: '2020-01-01' })).toMatchObject({ items: [], next: null, position: 0 });
});
