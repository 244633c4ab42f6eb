import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startLedger } from '../../src/start.ts';
import { disclosure } from '../support/write-side.ts';
import { Client, type InProcess, ledgerInProcess } from './service.ts';

const LONG_AGO = '2019-03-02T09:14:07.120Z';
const KEEP = { LIGGARE_SUBJECT_KEY_KEEP: 'P2Y' };
let events = 0;

const about = (value: string, time: string) =>
  disclosure(`record ${++events}`, { time, data: { subjects: [{ scheme: 'customer-number', value }] } });
const yesterday = () => new Date(Date.now() - 86_400_000).toISOString();
const hold = (value: string) => ({
  ...disclosure(`hold ${++events}`, { time: LONG_AGO }),
  type: 'LegalHoldPlaced',
  data: {
    actor: { id: 'maria.ek', kind: 'human', role: 'lawyer' },
    subjects: [{ scheme: 'customer-number', value }],
    ground: 'legal-claims',
    reviewBy: '2030-12-31',
  },
});

/** Somebody of long ago, of yesterday, on hold, and two who are linked, of whom one was heard of yesterday. */
async function past(client: Client) {
  const link = (...values: string[]) =>
    client.send('POST', '/v1/subjects/link', {
      subjects: values.map((value) => ({ scheme: 'customer-number', value })),
      reason: 'Both are hers.',
    });
  await client.record([
    about('old', LONG_AGO),
    about('recent', LONG_AGO),
    about('recent', yesterday()),
    about('held', LONG_AGO),
    hold('held'),
  ]);
  await client.record(['one', 'two', 'three'].map((value) => about(value, LONG_AGO)));
  await client.record([about('four', yesterday())]);
  await link('one', 'two');
  return link('three', 'four');
}

/** What stood when the last of `past` had been recorded. */
const entriesOf = (client: Client, value: string) =>
  client.ask('timeline', { about: { subject: { scheme: 'customer-number', value } }, after: 13 }).then(({ body }) => body.items.length);

describe('with a period that keys are kept', () => {
  let client: InProcess;
  beforeAll(async () => {
    client = await ledgerInProcess(KEEP);
    await past(client);
  });
  afterAll(() => client.close());

  it('lists who is due by reference, and who is excepted, and never who they are', async () => {
    const { status, body, text } = await client.send('GET', '/v1/retention');
    expect(status).toBe(200);
    expect(body).toMatchObject({ keep: 'P2Y', before: expect.stringMatching(/^20\d\d-/) });
    expect(
      body.items.map(({ references, exception }: { references: string[]; exception?: string }) => [references.length, exception]),
    ).toEqual([
      [1, undefined],
      [1, 'legal-hold'],
      [2, undefined],
    ]);
    expect(text).not.toMatch(/"(old|held|one|two)"|customer-number/);
    expect(await entriesOf(client, 'old')).toBeGreaterThan(0);
  });

  it('erases them, in the ledger’s own name, and nobody else', async () => {
    const { status, body } = await client.send('POST', '/v1/retention');
    expect(status).toBe(200);
    expect(body.items.map(({ erasure }: { erasure?: string }) => erasure !== undefined)).toEqual([true, false, true]);
    for (const value of ['old', 'one', 'two']) expect([value, await entriesOf(client, value)]).toEqual([value, 0]);
    for (const value of ['recent', 'held', 'three', 'four']) expect(await entriesOf(client, value)).toBeGreaterThan(0);
    const certificate = await client.send('GET', `/v1/erasures/${body.items[0].erasure}`);
    expect(certificate.body).toMatchObject({ ground: '17(1)(a)', state: 'completed' });
    const erased = await client.ask('timeline', { about: { type: 'PersonalDataErased' } });
    expect(erased.body.items[0].actor).toMatchObject({ kind: 'service', role: 'ledger' });
  });

  it('finds nobody the next time but those excepted, whose refusal is not recorded every day', async () => {
    const { body } = await client.send('POST', '/v1/retention');
    expect(body.items.map(({ exception }: { exception?: string }) => exception)).toEqual(['legal-hold']);
    expect((await client.ask('timeline', { about: { type: 'PersonalDataErasureFailed' } })).body.items).toEqual([]);
  });
});

it('without one, nobody is due', async () => {
  const client = await ledgerInProcess();
  try {
    await past(client);
    for (const method of ['GET', 'POST']) {
      const { status, body } = await client.send(method, '/v1/retention');
      expect([status, body.detail]).toEqual([409, expect.stringContaining('LIGGARE_SUBJECT_KEY_KEEP is not set')]);
    }
    expect(await entriesOf(client, 'old')).toBeGreaterThan(0);
  } finally {
    await client.close();
  }
});

it('a service does it by itself', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'liggare-retention-'));
  const key = 'admin-key-of-retention';
  const env = { LIGGARE_DATA: folder, LIGGARE_ADMIN_KEY: key, LIGGARE_LOG_LEVEL: 'error' };
  try {
    const before = await startLedger(env, { port: 0, quiet: true });
    await past(new Client(before.url, key));
    await before.close();
    const service = await startLedger({ ...env, ...KEEP }, { port: 0, quiet: true, housekeeping: true });
    const client = new Client(service.url, key);
    try {
      while ((await entriesOf(client, 'old')) + (await entriesOf(client, 'one')) > 0)
        await new Promise((resolve) => setTimeout(resolve, 50));
      expect(await entriesOf(client, 'recent')).toBeGreaterThan(0);
    } finally {
      await service.close();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
