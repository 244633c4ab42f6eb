import { type InProcess, ledgerInProcess } from '../e2e/service.ts';
import { MAILIT } from '../policy/given.ts';
import { disclosure } from '../support/write-side.ts';

let ledger: InProcess;
beforeAll(async () => {
  ledger = await ledgerInProcess();
  await ledger.record([disclosure('one'), disclosure('two', { data: { subjects: [{ scheme: 'customer-number', value: '10028' }] } })]);
});
afterAll(() => ledger.close());

const DRAFT = MAILIT.replace('purposes: [tax-reporting]', 'purposes: [payment]');
const simulate = (body: object, key?: string) =>
  (key === undefined ? ledger : ledger.with(key)).send('POST', '/v1/policies/simulate', {
    ...{ document: DRAFT, from: '2026-03-01', to: '2026-04-01', reason: { purpose: 'security', caseRef: 'change-7' }, after: 4 },
    ...body,
  });

it('tells what a draft would have found, publishes nothing, and is recorded before it is told', async () => {
  const { status, body, text } = await simulate({});
  expect(status).toBe(200);
  expect(body).toMatchObject({
    draft: { policy: 'mailit', version: '1' },
    events: 2,
    from: '2026-03-01T00:00:00.000Z',
    items: expect.arrayContaining([expect.objectContaining({ rule: 'R7', appear: 2, go: 0, subjects: { appear: 2, go: 0 } })]),
    retention: [],
  });
  expect(body.examples[0].event).toMatchObject({ source: 'urn:mailit:billing', type: 'PersonalDataDisclosed' });
  expect(text).not.toContain('10028');
  expect((await ledger.send('GET', '/v1/policies')).body.items).toHaveLength(1);
  const { items } = (await ledger.ask('timeline', { about: { type: 'LedgerQueried' }, after: 5 })).body;
  const asked = items.find(({ question }: { question: string }) => question === 'simulate');
  expect(asked).toMatchObject({ axes: ['from', 'to'], purpose: 'security', subjects: [] });
});

it('may be asked by whoever sees findings, references alone included', async () => {
  expect((await simulate({}, await ledger.keyOf('audit'))).status).toBe(200);
  expect((await simulate({}, await ledger.keyOf('emit', { sources: ['urn:mailit:billing'] }))).status).toBe(403);
});

it.each<[string, object, number, string]>([
  ['without a draft', { document: undefined }, 400, '/document'],
  ['with a draft that is wrong', { document: DRAFT.replace('period: P12M', 'period: a year') }, 400, '/document'],
  ['without an end', { to: undefined }, 400, '/to'],
  ['of a window that is too long', { from: '2020-01-01' }, 400, '/to'],
  ['for a purpose that nobody defined', { reason: { purpose: 'curiosity' } }, 400, '/reason/purpose'],
  ['for no reason', { reason: undefined }, 400, '/reason'],
  ['with too many examples', { examples: 11 }, 400, '/examples'],
])('%s it is refused', async (_, body, status, path) => {
  const answer = await simulate(body);
  expect([answer.status, answer.body.errors?.[0]?.path]).toEqual([status, path]);
});
