import { v7 as uuidv7 } from 'uuid';
import { ownEvent } from '../../src/ledger/own-event.ts';
import { disclosure, NOW } from '../support/write-side.ts';
import { openReadSide, type ReadSide } from './read-side.ts';

let ledger: ReadSide;
beforeAll(async () => {
  ledger = await openReadSide();
});
afterAll(() => ledger.close());

const broken = (id: string, source = 'urn:mailit:billing') =>
  disclosure(id, { source, sequence: '7', data: { purpose: 'no-such-purpose' } });

async function quarantined(...events: object[]): Promise<void> {
  const { quarantined } = await ledger.record(events);
  expect(quarantined).toBe(events.length);
  await ledger.caughtUp();
}

/** What releasing an item leaves in the log beside the record. */
async function released(quarantineId: string): Promise<void> {
  const actor = { reference: uuidv7().slice(0, 22), kind: 'human' };
  const data = { quarantineId, target: { source: 'urn:mailit:billing', id: 'x' } };
  const event = ownEvent({ source: 'urn:liggare:releases', id: quarantineId, type: 'RecordReleased', now: NOW, actor, data });
  await ledger.store.append([{ stream: 'ledger-releases', expectedRevision: 'any', events: [{ ...event, references: [] }] }]);
  await ledger.caughtUp();
}

const item = async (recordId: string) => (await ledger.quarantine({ limit: 1000 })).items.find((each) => each.recordId === recordId);

test('what is well-formed of its identity, when it came, and which rule it breaks where; never a value', async () => {
  await quarantined(broken('shown'));
  expect(await item('shown')).toEqual({
    id: expect.stringMatching(/^[\w-]{22}$/),
    position: expect.any(Number),
    receivedAt: expect.any(String),
    state: 'open',
    source: 'urn:mailit:billing',
    recordId: 'shown',
    type: 'PersonalDataDisclosed',
    time: '2026-03-02T09:14:07.120Z',
    sequence: '7',
    keyId: 'test',
    problems: [{ path: '/data/purpose', rule: 'unknown-code' }],
  });
  expect(JSON.stringify(await item('shown'))).not.toContain('no-such-purpose');
});

test('a corrected event of the same source and id closes it', async () => {
  await quarantined(broken('again'));
  await ledger.given(disclosure('again', { sequence: '7' }));
  expect(await item('again')).toMatchObject({ state: 'corrected', closedAt: expect.any(String) });
});

test('somebody who releases it closes it, also when the corrected record was just recorded', async () => {
  await quarantined(broken('by hand'));
  const { id } = (await item('by hand')) as { id: string };
  await ledger.given(disclosure('by hand', { sequence: '7' }));
  await released(id);
  expect(await item('by hand')).toMatchObject({ state: 'released' });
});

test('by source and state, the newest first, page by page', async () => {
  const source = 'urn:test:pages';
  await quarantined(broken('1', source), broken('2', source), broken('3', source));
  await ledger.given(disclosure('2', { source }));
  const open = { source, state: 'open' } as const;
  const first = await ledger.quarantine({ ...open, limit: 1 });
  const second = await ledger.quarantine({ ...open, limit: 1, cursor: first.next as string });
  expect([...first.items, ...second.items].map(({ recordId }) => recordId)).toEqual(['3', '1']);
  expect(second.next).toBeNull();
  await expect(ledger.quarantine({ source, cursor: first.next as string })).rejects.toMatchObject({ name: 'InvalidCursor' });
});
