import { jest } from '@jest/globals';
import type { Entry } from '../../src/ledger/entry.ts';
import { keysFor, openEntry } from '../../src/ledger/sealing.ts';
import { disclosure, NOW, openWriteSide } from '../support/write-side.ts';

const KIM = { scheme: 'customer-number', value: '10027' };
const BO = { scheme: 'customer-number', value: '20054' };
const DAYS_OF_CASE = 365_000;
const AFTER_THE_CASE = NOW + (DAYS_OF_CASE + 1) * 86_400_000;

type WriteSide = Awaited<ReturnType<typeof openWriteSide>>;
let ledger: WriteSide;
beforeEach(async () => {
  ledger = await openWriteSide();
});
afterEach(() => ledger.close());

/** A step in the handling of a request. */
const step = (id: string, subjects: object[], note = 'She said so by phone.', type = 'RightsRequestReceived') => ({
  ...disclosure(id),
  type,
  data: {
    actor: { id: 'maria.ek', kind: 'human', role: 'privacy-officer' },
    subjects,
    requestRef: 'request-31',
    note,
    ...(type === 'RightsRequestReceived' ? { right: 'access' } : { kind: '21(1)', purposes: ['customer-communication'] }),
  },
});
const record = async (event: object) => (await ledger.record([event])).items[0]?.outcome;
const last = async (): Promise<Entry> => (await ledger.entries()).at(-1)?.entry as Entry;
const opened = async (entry: Entry) => openEntry(entry, await keysFor([entry], ledger.vault));
const erase = async (identifier: typeof KIM) => {
  const [person] = await ledger.vault.resolve([identifier], { create: false });
  const references = [person?.reference as string];
  await ledger.store.fence(references);
  await ledger.vault.erase(references, new Date(NOW).toISOString());
};
const VALUES = { requestRef: 'request-31', note: 'She said so by phone.' };

it('what a request’s steps say belongs to its file: sealed under the case, and not with the person', async () => {
  await record(step('1', [KIM]));
  const entry = await last();
  expect(entry.sealed?.under).toBe(`case-${ledger.vault.digest('requestRef', 'request-31')}`);
  expect(JSON.stringify(entry)).not.toMatch(/phone|request-31|10027/);
  expect(await opened(entry)).toEqual({ subjects: [KIM], event: { values: VALUES } });
  await record(step('2', [BO]));
  expect((await last()).sealed?.under).toBe(entry.sealed?.under);
});

it('when the person was erased the file still opens, and nothing in it tells whether a guess of the content is right', async () => {
  await record(step('1', [KIM]));
  await erase(KIM);
  expect(await opened(await last())).toEqual({ subjects: [undefined], event: { values: VALUES } });
});

it('when the case has ended the file opens no more, and what is the person’s still does', async () => {
  await record(step('1', [KIM]));
  await ledger.vault.expirePeriods(AFTER_THE_CASE);
  const { subjects, event } = await opened(await last());
  expect(subjects).toEqual([KIM]);
  expect(event?.values).toEqual({});
});

it.each([
  ['one person', [KIM]],
  ['several', [KIM, BO]],
])('a step about %s sent again is a duplicate, and with other content a conflict, also when the case has ended', async (_, subjects) => {
  expect(await record(step('1', subjects))).toBe('recorded');
  const again = async () => [await record(step('1', subjects)), await record(step('1', subjects, 'Something else.'))];
  expect(await again()).toEqual(['duplicate', 'conflict']);
  await ledger.vault.expirePeriods(AFTER_THE_CASE);
  expect(await again()).toEqual(['duplicate', 'conflict']);
});

it('of a step about several, erasing one leaves the file and the others’ own values, and ends what told guesses', async () => {
  await record(step('1', [KIM, { ...BO, recordRefs: ['letter-7'] }]));
  const entry = await last();
  expect(await opened(entry)).toEqual({ subjects: [KIM, { ...BO, recordRefs: ['letter-7'] }], event: { values: VALUES } });
  await erase(BO);
  expect(await opened(entry)).toEqual({ subjects: [KIM, undefined], event: { values: VALUES } });
  expect(await record(step('1', [KIM], 'Something else.'))).toBe('duplicate');
});

it('what comes when the file has ended is the person’s, like any other event', async () => {
  await record(step('1', [KIM]));
  await ledger.vault.expirePeriods(AFTER_THE_CASE);
  expect(await record(step('2', [KIM]))).toBe('recorded');
  const entry = await last();
  expect(entry.sealed).toBeUndefined();
  expect((await opened(entry)).event?.values).toEqual(VALUES);
});

it('only steps of requests by data subjects have such a file', async () => {
  await record(step('1', [KIM], 'By phone.', 'ObjectionRaised'));
  expect((await last()).sealed).toBeUndefined();
  const { requestRef: _, ...data } = step('2', [KIM]).data;
  await record({ ...step('2', [KIM]), data });
  expect((await last()).sealed).toBeUndefined();
});

it.each([
  ['a stranger', BO],
  ['somebody known', KIM],
])('what was recorded before opens no file and suppresses nobody, sent again about %s', async (_, subject) => {
  await ledger.record([disclosure('1')]);
  const opening = jest.spyOn(ledger.vault, 'periodKey');
  const objection = { ...step('1', [subject], 'No more.', 'ObjectionRaised') };
  const against = { ...objection, data: { ...objection.data, kind: '21(2)' } };
  expect(await record(against)).toBe('conflict');
  expect(await record(step('1', [subject]))).toBe('conflict');
  expect(opening.mock.calls.filter(([name]) => name.startsWith('case-'))).toEqual([]);
  expect(await ledger.vault.suppressed([subject])).toEqual([false]);
});
