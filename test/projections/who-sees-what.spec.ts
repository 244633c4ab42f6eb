/** What an answer gives away to whom (domain.md §8), where nobody meant it to. */
import { ownEvent } from '../../src/ledger/own-event.ts';
import { disclosure, NOW } from '../support/write-side.ts';
import { openReadSide, type ReadSide, viewers } from './read-side.ts';

let ledger: ReadSide;
beforeAll(async () => {
  ledger = await openReadSide();
});
afterAll(() => ledger.close());

const system = { reference: 'A'.repeat(22), kind: 'service' };

/** Something that the ledger says of itself. */
async function said(type: string, about: string[], data: object): Promise<void> {
  const subjects = about.map((reference) => ({ reference }));
  const event = ownEvent({ source: 'urn:liggare:test', type, now: NOW, actor: system, subjects, data: data as never });
  await ledger.store.append([{ stream: 'ledger-test', expectedRevision: 'any', events: [event] }]);
  await ledger.caughtUp();
}

const asked = (reference: string) => said('LedgerQueried', [reference], { question: 'timeline', axes: ['actor'], purpose: 'payment' });

/** How an asker who may not name actors comes by the reference of one. */
async function referenceOfActor(id: string, data: object = {}): Promise<string> {
  const actor = { id, kind: 'human', role: 'accountant', capacity: 'controller' };
  await ledger.given(disclosure(id, { data: { actor, ...data } }));
  const [item] = (await ledger.timeline({ about: { actor: id } }, viewers.ask)).items;
  return item?.actor.reference as string;
}

/** The subjects of what the ledger said of a reference. */
async function shownOf(reference: string, viewer: keyof typeof viewers) {
  const { items } = await ledger.timeline({ about: { subject: { reference }, type: 'LedgerQueried' } }, viewers[viewer]);
  return items[0]?.subjects;
}

describe('somebody who is named by reference alone', () => {
  test('and acts: by name only for who may name actors; not erased for anybody', async () => {
    const reference = await referenceOfActor('anna.berg');
    await asked(reference);
    expect(await shownOf(reference, 'ask')).toEqual([{ reference }]);
    expect(await shownOf(reference, 'case')).toEqual([{ reference }]);
    expect(await shownOf(reference, 'investigate')).toEqual([{ scheme: 'actor', value: 'anna.berg' }]);
  });

  test('and acts, and is a customer too: as the customer', async () => {
    const customer = { scheme: 'customer-number', value: '300' };
    await ledger.given(disclosure('both', { data: { subjects: [{ scheme: 'actor', value: 'carl.ek', also: [customer] }] } }));
    const reference = await referenceOfActor('carl.ek');
    await asked(reference);
    for (const viewer of ['ask', 'investigate'] as const) expect(await shownOf(reference, viewer)).toEqual([customer]);
  });

  test('and is a system: never by its key', async () => {
    const [key] = await ledger.vault.resolve([{ scheme: ':api-key', value: 'key-1' }], { create: true });
    const reference = key?.reference as string;
    await asked(reference);
    expect(await shownOf(reference, 'ask')).toEqual([{ reference }]);
  });

  test('and was erased: as erased', async () => {
    const reference = await referenceOfActor('erased.actor');
    await asked(reference);
    await ledger.erase(reference);
    for (const viewer of ['ask', 'investigate'] as const) expect(await shownOf(reference, viewer)).toEqual([{ reference, erased: true }]);
  });

  test('and has no key, though nobody erased them: as somebody whose key is missing', async () => {
    const reference = 'B'.repeat(21).concat('A');
    await asked(reference);
    expect(await shownOf(reference, 'investigate')).toEqual([{ reference, keyMissing: true }]);
  });
});

describe('what is asked about as a reference', () => {
  const nobody = 'bm9ib2R5LWF0LWFsbC0tLQ';

  test('is nobody where no event names it, and is not recorded as if it were', async () => {
    for (const about of [{ subject: { reference: nobody } }, { actor: nobody }, { actor: { reference: nobody } }]) {
      expect(await ledger.timeline({ about })).toMatchObject({ items: [], people: [] });
    }
  });

  test('has one spelling', async () => {
    const reference = await referenceOfActor('spelt');
    const other = reference.slice(0, -1) + String.fromCharCode(reference.charCodeAt(21) + 1);
    expect(Buffer.from(other, 'base64url')).toEqual(Buffer.from(reference, 'base64url'));
    expect((await ledger.timeline({ about: { actor: reference } })).items).toHaveLength(1);
    expect((await ledger.timeline({ about: { actor: other } })).items).toEqual([]);
  });

  test('is an actor’s name where somebody has such a name', async () => {
    const name = 'anna-berg-accountantsQ';
    await referenceOfActor(name);
    expect((await ledger.timeline({ about: { actor: name } })).items[0]?.actor.id).toBe(name);
  });
});

describe('a personal identity number of ten digits', () => {
  const scheme = 'personal-identity-number';
  beforeAll(() => ledger.given(disclosure('number', { data: { subjects: [{ scheme, value: '198112289874' }] } })));

  test('finds the person who has it when it is asked', async () => {
    const { items } = await ledger.timeline({ about: { subject: { scheme, value: '811228-9874' } } });
    expect(items).toMatchObject([{ id: 'number', subjects: [{ value: '198112289874' }] }]);
  });

  test('as of a day, the person who had it then', async () => {
    const subject = { scheme, value: '8112289874' };
    expect((await ledger.timeline({ about: { subject }, asOf: '1990-01-01' })).people).toHaveLength(1);
    expect((await ledger.timeline({ about: { subject }, asOf: '1970-01-01' })).people).toEqual([]);
  });
});

test('the digest of an API key is shown to nobody', async () => {
  await said('ApiKeyCreated', [], { keyId: 'key-2', name: 'billing', scope: 'emit', digest: 'f'.repeat(64) });
  const [item] = (await ledger.timeline({ about: { type: 'ApiKeyCreated' } })).items;
  expect(item).toMatchObject({ keyId: 'key-2', name: 'billing', scope: 'emit' });
  expect(item).not.toHaveProperty('digest');
});

test('what came into quarantine is shown to whoever may see quarantine', async () => {
  await ledger.record([disclosure('broken-one', { data: { purpose: 'no-such-purpose' } })]);
  await ledger.caughtUp();
  const shownTo = async (viewer: keyof typeof viewers) =>
    (await ledger.timeline({ about: { type: 'RecordQuarantined' } }, viewers[viewer])).items[0];
  expect(await shownTo('case')).toMatchObject({
    recordId: 'broken-one',
    problems: [{ path: '/data/purpose', rule: 'unknown-code' }],
  });
  const item = await shownTo('ask');
  expect(item).toMatchObject({ type: 'RecordQuarantined', subjects: [] });
  for (const field of ['recordId', 'recordSource', 'recordType', 'problems', 'quarantineId', 'keyId'])
    expect(item).not.toHaveProperty(field);
});

describe('who may prove and see no identities', () => {
  const people = [
    { scheme: 'customer-number', value: 'audited-1', category: 'customer' },
    { scheme: 'customer-number', value: 'audited-2' },
  ];
  beforeAll(() => ledger.given(disclosure('audited', { source: 'urn:test:audited', data: { subjects: people, note: 'By phone.' } })));
  const shown = async () => (await ledger.timeline({ about: { source: 'urn:test:audited' } }, viewers.audit)).items[0];

  test('sees references alone, and nothing that is sealed', async () => {
    const item = await shown();
    const reference = expect.stringMatching(/^[\w-]{22}$/);
    expect(item).toMatchObject({ id: 'audited', purpose: 'tax-reporting', subjectCount: 2 });
    expect(item?.subjects).toEqual([{ reference, category: 'customer' }, { reference }]);
    expect(item?.actor).toEqual({ reference, kind: 'human', role: 'accountant', capacity: 'controller' });
    for (const hidden of ['audited-1', 'audited-2', 'By phone', 'VAT-2026-02']) expect(JSON.stringify(item)).not.toContain(hidden);
  });

  test('sees who was erased', async () => {
    const [first, second] = (await shown())?.subjects ?? [];
    await ledger.erase(first?.reference as string);
    expect((await shown())?.subjects).toEqual([{ ...first, erased: true }, second]);
  });
});
