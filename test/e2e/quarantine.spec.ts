import { disclosure } from '../support/write-side.ts';
import { type InProcess, ledgerInProcess } from './service.ts';

let ledger: InProcess;
beforeAll(async () => {
  ledger = await ledgerInProcess();
});
afterAll(() => ledger.close());

const reason = { purpose: 'rights-fulfilment', caseRef: 'Q-1' };
const broken = (id: string) => disclosure(id, { data: { purpose: 'tax-raporting', note: 'a misspelt purpose' } });

async function quarantined(id: string): Promise<{ id: string; position: number }> {
  const { body } = await ledger.record([broken(id)]);
  expect(body).toMatchObject({ quarantined: 1 });
  const list = await ledger.send('GET', `/v1/quarantine?after=${body.items[0].position}&limit=1000`);
  const item = list.body.items.find((one: Record<string, unknown>) => Object.values(one).includes(id));
  return { id: item.quarantineId ?? item.id, position: body.items[0].position };
}

it('lists identity and problems, never a value', async () => {
  await quarantined('list-1');
  const { body, text } = await ledger.send('GET', '/v1/quarantine');
  expect(body.items[0]).toMatchObject({ state: 'open', problems: [{ path: '/data/purpose', rule: 'unknown-code' }] });
  expect(text).not.toMatch(/tax-raporting|misspelt|10027/);
});

it('opens an item, and records the opening', async () => {
  const { id, position } = await quarantined('open-1');
  const opened = await ledger.send('POST', `/v1/quarantine/${id}/open`, { reason });
  expect(opened).toMatchObject({ status: 200, body: { event: broken('open-1') } });
  const { body } = await ledger.ask('timeline', { about: { type: 'LedgerQueried' }, after: position + 1 });
  expect(body.items).toEqual(expect.arrayContaining([expect.objectContaining({ question: 'quarantine', caseRef: 'Q-1' })]));
  expect((await ledger.send('POST', `/v1/quarantine/${id}/open`, {})).status).toBe(400);
  expect((await ledger.send('POST', '/v1/quarantine/AAAAAAAAAAAAAAAAAAAAAA/open', { reason })).status).toBe(404);
});

it('releases a corrected event, once, and closes the item', async () => {
  const { id } = await quarantined('release-1');
  const released = await ledger.send('POST', `/v1/quarantine/${id}/release`, { event: disclosure('release-1'), reason: 'spelling' });
  expect(released).toMatchObject({ status: 200, body: { recorded: 1 } });
  const again = await ledger.send('POST', `/v1/quarantine/${id}/release`, { event: disclosure('release-1'), reason: 'spelling' });
  expect(again).toMatchObject({ status: 200, body: { recorded: 0, duplicates: 1 } });
  const { body } = await ledger.send('GET', `/v1/quarantine?after=${released.body.position + 1}&state=released&limit=1000`);
  expect(JSON.stringify(body.items)).toContain('release-1');
});

it('keeps why it was released with those whom the record is about, and ends it with them', async () => {
  const subject = { scheme: 'customer-number', value: 'RL-1' };
  const subjects = [{ ...subject, category: 'customer' }];
  const { body: kept } = await ledger.record([disclosure('release-reason', { data: { subjects, purpose: 'tax-raporting' } })]);
  const { body: list } = await ledger.send('GET', `/v1/quarantine?after=${kept.items[0].position}&limit=1000`);
  const { id } = list.items.find((item: Record<string, unknown>) => Object.values(item).includes('release-reason'));
  const event = disclosure('release-reason', { data: { subjects } });
  const released = await ledger.send('POST', `/v1/quarantine/${id}/release`, { event, reason: 'RL-1 called about it' });
  expect(released).toMatchObject({ status: 200, body: { recorded: 1 } });
  const releases = async () => {
    const { body } = await ledger.ask('timeline', { about: { type: 'RecordReleased' }, after: released.body.position + 1, limit: 1000 });
    return body.items.filter((item: { target: { id: string } }) => item.target.id === 'release-reason');
  };
  expect(await releases()).toMatchObject([{ reason: 'RL-1 called about it', subjects: [subject] }]);
  const erased = await ledger.send('POST', '/v1/subjects/erase', { subject, ground: '17(1)(b)', reason: 'withdrawn' });
  expect(erased.status).toBe(201);
  const [after] = await releases();
  expect(after).toMatchObject({ subjects: [{ erased: true }] });
  expect(after).not.toHaveProperty('reason');
});

it('releases an event whatever names its own data has, as it would have been recorded', async () => {
  const { id } = await quarantined('release-names');
  const before = JSON.parse('{"constructor":"Berg & Co","toString":[{"then":1}]}');
  const subjects = [{ scheme: 'customer-number', value: '10027', category: 'customer', before }];
  const event = disclosure('release-names', { data: { subjects } });
  const released = await ledger.send('POST', `/v1/quarantine/${id}/release`, { event, reason: 'spelling' });
  expect(released).toMatchObject({ status: 200, body: { recorded: 1 } });
  const { body } = await ledger.ask('timeline', {
    about: { subject: { scheme: 'customer-number', value: '10027' } },
    after: released.body.position,
  });
  expect(body.items.find((item: { id: string }) => item.id === 'release-names').subjects).toEqual(subjects);
});

it('releases nothing that is still wrong, or that is another record', async () => {
  const { id } = await quarantined('release-2');
  const still = await ledger.send('POST', `/v1/quarantine/${id}/release`, { event: broken('release-2'), reason: 'no' });
  expect(still).toMatchObject({ status: 400, body: { errors: [{ path: '/data/purpose' }] } });
  const other = await ledger.send('POST', `/v1/quarantine/${id}/release`, { event: disclosure('another'), reason: 'no' });
  expect(other).toMatchObject({ status: 400, body: { errors: [{ rule: 'other-record' }] } });
});

it('closes an item when its sender corrects it', async () => {
  await quarantined('sent-again');
  const { body } = await ledger.record([disclosure('sent-again')]);
  expect(body).toMatchObject({ recorded: 1 });
  const list = await ledger.send('GET', `/v1/quarantine?after=${body.position}&state=corrected&limit=1000`);
  expect(JSON.stringify(list.body.items)).toContain('sent-again');
});

it('lets case staff release in the name of the source, and nobody whom it is not for', async () => {
  const { id } = await quarantined('by-case');
  const release = { event: disclosure('by-case'), reason: { purpose: 'rights-fulfilment' } };
  for (const scope of ['emit', 'ask', 'audit', 'investigate']) {
    const refused = await ledger.with(await ledger.keyOf(scope)).send('POST', `/v1/quarantine/${id}/release`, release);
    expect(refused.status).toBe(403);
  }
  const done = await ledger.with(await ledger.keyOf('case')).send('POST', `/v1/quarantine/${id}/release`, release);
  expect(done).toMatchObject({ status: 200, body: { recorded: 1 } });
});
