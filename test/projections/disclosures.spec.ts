import { disclosure } from '../support/write-side.ts';
import { openReadSide, type ReadSide, viewers } from './read-side.ts';

const person = (value: string) => ({ scheme: 'customer-number', value, category: 'customer' });
const bank = { id: 'nordbank', role: 'independent-controller', country: 'SE' };

let ledger: ReadSide;
beforeAll(async () => {
  ledger = await openReadSide();
  await ledger.given(
    disclosure('1', { time: '2026-03-01T10:00:00Z' }),
    disclosure('2', {
      time: '2026-03-01T11:00:00Z',
      data: { subjects: [person('10027'), person('10028')], legalBasis: '6(1)(f)', decisionRef: 'D-1' },
    }),
    disclosure('3', {
      time: '2026-03-01T12:00:00Z',
      data: { recipient: bank, purpose: 'payment', categories: ['bank-account'], subjects: [person('10028')] },
    }),
    disclosure('4', { time: '2026-03-01T13:00:00Z', data: { recipient: { role: 'data-subject' }, purpose: 'rights-fulfilment' } }),
    disclosure('5', { time: '2026-03-01T14:00:00Z', data: { recipient: bank, purpose: 'payment', subjects: [person('10029')] } }),
  );
});
afterAll(() => ledger.close());

const short = ({ items }: Awaited<ReturnType<ReadSide['disclosures']>>) =>
  items.map(({ recipient, purpose, events, subjects }) => [recipient.id, purpose, events, subjects]);

test('by recipient and purpose: events, distinct people, categories, bases, countries, decisions, first and last', async () => {
  const answer = await ledger.disclosures();
  expect(short(answer)).toEqual([
    ['nordbank', 'payment', 2, 2],
    ['data-subject', 'rights-fulfilment', 1, 1],
    ['skatteverket', 'tax-reporting', 2, 2],
  ]);
  expect(answer.items[2]).toEqual({
    recipient: { id: 'skatteverket', role: 'independent-controller', country: 'SE' },
    purpose: 'tax-reporting',
    events: 2,
    subjects: 2,
    categories: ['name', 'organisation-number'],
    legalBases: ['6(1)(c)', '6(1)(f)'],
    countries: ['SE'],
    decisions: 1,
    firstAt: '2026-03-01T10:00:00.000Z',
    lastAt: '2026-03-01T11:00:00.000Z',
  });
});

test.each([
  [
    'a person',
    { subject: person('10028') },
    [
      ['nordbank', 'payment', 1, 1],
      ['skatteverket', 'tax-reporting', 1, 2],
    ],
  ],
  ['a recipient in a window', { recipient: 'nordbank', from: '2026-03-01T13:00:00Z' }, [['nordbank', 'payment', 1, 1]]],
  ['a category', { category: 'bank-account' }, [['nordbank', 'payment', 1, 1]]],
  ['what went to the person', { recipient: 'data-subject' }, [['data-subject', 'rights-fulfilment', 1, 1]]],
  ['a type that discloses nothing', { type: 'PersonalDataAccessed' }, []],
])('asked about %s', async (_name, about, expected) => {
  expect(short(await ledger.disclosures({ about }))).toEqual(expected);
});

test('counts name nobody but the person asked about', async () => {
  expect((await ledger.disclosures()).people).toEqual([]);
  expect((await ledger.disclosures({ about: { subject: person('10028') } }, viewers.ask)).people).toHaveLength(1);
});

test('page by page, in either order, nothing is lost or repeated', async () => {
  for (const order of ['asc', 'desc'] as const) {
    const all = (await ledger.disclosures({ order })).items;
    const first = await ledger.disclosures({ order, limit: 2 });
    const second = await ledger.disclosures({ order, limit: 2, cursor: first.next as string });
    expect([...first.items, ...second.items]).toEqual(all);
    expect(second.next).toBeNull();
  }
});

describe('what was said of a record later', () => {
  const revision = (type: string, id: string, target: string, more: object = {}) => {
    const { recipient, method, consideration, ...rest } = disclosure('')['data'] as Record<string, unknown>;
    const said = { target: { source: 'urn:mailit:billing', id: target }, reason: 'wrong', approver: 'maria.ek', ...more };
    return { ...disclosure(id, { type }), data: { actor: rest['actor'], subjects: [], ...said } };
  };
  const about = { recipient: 'imy' };
  const imy = (id: string) => disclosure(id, { data: { recipient: { id: 'imy', role: 'supervisory-authority', country: 'SE' } } });

  test('what was retracted is not counted; what was corrected counts once, its replacement as soon as that is there', async () => {
    const counted = async () => (await ledger.disclosures({ about })).items[0]?.events ?? 0;
    const replacement = { replacement: { source: 'urn:mailit:billing', id: '12' } };
    await ledger.given(imy('10'), imy('11'));
    expect(await counted()).toBe(2);
    await ledger.given(revision('RecordRetracted', 'r', '10'));
    expect(await counted()).toBe(1);
    await ledger.given(revision('RecordCorrected', 'c', '11', replacement));
    expect(await counted()).toBe(1);
    await ledger.given(imy('12'));
    expect(await counted()).toBe(1);
    await ledger.given(revision('RecordRetracted', 'rr', 'r'));
    expect(await counted()).toBe(2);
  });
});
