/** What an answer shows of people who were erased, and of people whose key is missing for no reason that the ledger knows. */
import { join } from 'node:path';
import { ownEvent } from '../../src/ledger/own-event.ts';
import { caseKey } from '../../src/ledger/periods.ts';
import { sealEntry } from '../../src/ledger/sealing.ts';
import { KeyVault } from '../../src/privacy/key-vault.ts';
import { loadMasterKey } from '../../src/privacy/master-key.ts';
import { normaliseIdentifier } from '../../src/vocabulary/identifiers.ts';
import { disclosure } from '../support/write-side.ts';
import { openReadSide, type ReadSide, viewers } from './read-side.ts';

let ledger: ReadSide;
beforeAll(async () => {
  ledger = await openReadSide();
});
afterAll(() => ledger.close());

let anna = { scheme: 'customer-number', value: '' };
let bo = anna;
let staff = '';
let source = '';
let tests = 0;
beforeEach(() => {
  source = `urn:test:${++tests}`;
  anna = { scheme: 'customer-number', value: `${tests}-1` };
  bo = { scheme: 'customer-number', value: `${tests}-2` };
  staff = `staff.${tests}`;
});

const actor = () => ({ id: staff, kind: 'human', role: 'clerk', capacity: 'controller' });
const about = (id: string, subjects: object[], data: object = {}) =>
  disclosure(id, { source, data: { subjects, actor: actor(), note: 'a note', ...data } });
const referenceOf = async (person: typeof anna): Promise<string> => {
  const [found] = await ledger.vault.resolve([person], { create: false });
  return found?.reference as string;
};
const scopes = ['ask', 'case', 'investigate'] as const;

describe('somebody who was erased', () => {
  let reference = '';
  beforeEach(async () => {
    await ledger.given(about('alone', [anna]), about('with another', [anna, { ...bo, recordRefs: ['88121'] }]));
    reference = await referenceOf(anna);
    await ledger.erase(reference);
  });

  test.each(scopes)('is not found by the identifier, and is found by the reference as erased, by the scope "%s"', async (scope) => {
    expect(await ledger.timeline({ about: { subject: anna } }, viewers[scope])).toMatchObject({ items: [], people: [] });
    const { items } = await ledger.timeline({ about: { subject: { reference } }, order: 'asc' }, viewers[scope]);
    expect(items.map(({ id }) => id)).toEqual(['alone', 'with another']);
    expect(items[0]).toMatchObject({ subjects: [{ reference, erased: true }], subjectCount: 1, purpose: 'tax-reporting', country: 'SE' });
    expect(JSON.stringify(items)).not.toContain(anna.value);
    for (const item of items) expect(item).not.toHaveProperty('note');
  });

  test('leaves the own values of the others readable, and ends what belonged to all', async () => {
    const { items } = await ledger.timeline({ about: { subject: bo } });
    expect(items).toMatchObject([
      {
        subjects: [
          { reference, erased: true },
          { ...bo, recordRefs: ['88121'] },
        ],
        subjectCount: 2,
      },
    ]);
    expect(items[0]).not.toHaveProperty('note');
  });

  test('is counted as before', async () => {
    const [counted] = (await ledger.disclosures({ about: { source } })).items;
    expect(counted).toMatchObject({ events: 2, subjects: 2 });
    const [day] = (await ledger.activity({ about: { source } })).items;
    expect(day).toMatchObject({ events: 2, subjects: 2 });
  });

  test('coming again is somebody new', async () => {
    await ledger.given(about('again', [anna]));
    const { items } = await ledger.timeline({ about: { subject: anna } });
    expect(items).toMatchObject([{ id: 'again', subjects: [anna] }]);
    expect(await referenceOf(anna)).not.toBe(reference);
  });
});

test('the file of a case about somebody erased opens for whoever may see the details of the person asked about', async () => {
  await ledger.given(about('1', [anna]));
  const reference = await referenceOf(anna);
  const pair = { source: 'urn:liggare:test', id: `file-${tests}` };
  const file = await caseKey(ledger.vault, Date.now(), { id: pair.id }, { caseDays: 1 });
  const event = ownEvent({
    ...pair,
    ...{ type: 'PersonalDataErased', now: Date.now(), actor: { reference, kind: 'human' }, data: { ground: '17(1)(b)' } },
    ...sealEntry(pair, [], { values: { reason: 'by letter' } }, file),
    subjects: [{ reference }],
  });
  await ledger.erase(reference);
  await ledger.store.append([{ stream: 'ledger-test', expectedRevision: 'any', events: [event] }]);
  await ledger.caughtUp();
  const asked = { about: { subject: { reference }, type: 'PersonalDataErased' } };
  const shownTo = async (scope: (typeof scopes)[number]) => (await ledger.timeline(asked, viewers[scope])).items[0];
  for (const scope of ['case', 'investigate'] as const)
    expect(await shownTo(scope)).toMatchObject({ ground: '17(1)(b)', reason: 'by letter' });
  expect(await shownTo('ask')).not.toHaveProperty('reason');
  const others = (await ledger.timeline({ about: { type: 'PersonalDataErased' } }, viewers.case)).items;
  for (const item of others) expect(item).not.toHaveProperty('reason');
});

test('erased by another process is erased here, at the next question', async () => {
  await ledger.given(about('1', [anna]));
  const reference = await referenceOf(anna);
  const shown = async () => (await ledger.timeline({ about: { subject: { reference } } }, viewers.ask)).items[0];
  expect(await shown()).toMatchObject({ subjects: [anna], actor: { reference: expect.any(String) } });
  const other = await KeyVault.openEmbedded({
    file: join(ledger.folder, 'keys.db'),
    master: loadMasterKey({ dataFolder: ledger.folder }).key,
    normalise: normaliseIdentifier,
  });
  await other.erase([reference, await referenceOf({ scheme: 'actor', value: staff })], new Date().toISOString());
  await other.close();
  expect(await shown()).toMatchObject({ subjects: [{ reference, erased: true }], actor: { erased: true } });
});

describe('somebody who acted and was erased', () => {
  let reference = '';
  beforeEach(async () => {
    await ledger.given(about('done', [anna]));
    reference = await referenceOf({ scheme: 'actor', value: staff });
    await ledger.erase(reference);
  });

  test('is former staff to whoever may name actors, and erased to others', async () => {
    const shownTo = async (scope: (typeof scopes)[number]) =>
      (await ledger.timeline({ about: { subject: anna } }, viewers[scope])).items[0]?.actor;
    const rest = { kind: 'human', role: 'clerk', capacity: 'controller' };
    expect(await shownTo('investigate')).toEqual({ reference, name: 'former staff', erased: true, ...rest });
    for (const scope of ['ask', 'case'] as const) expect(await shownTo(scope)).toEqual({ reference, erased: true, ...rest });
  });

  test('is so in the activity of actors, too, and is found by the reference alone', async () => {
    expect((await ledger.activity({ about: { actor: staff } })).items).toEqual([]);
    const shownTo = async (scope: (typeof scopes)[number]) =>
      (await ledger.activity({ about: { actor: { reference } } }, viewers[scope])).items.map((day) => day.actor);
    expect(await shownTo('investigate')).toEqual([{ reference, name: 'former staff', erased: true }]);
    expect(await shownTo('ask')).toEqual([{ reference, erased: true }]);
  });

  test('and is no staff: only erased', async () => {
    await ledger.given(about('by a citizen', [bo], { actor: { ...actor(), id: 'citizen', kind: 'subject' } }));
    const citizen = await referenceOf({ scheme: 'actor', value: 'citizen' });
    await ledger.erase(citizen);
    const { items } = await ledger.timeline({ about: { subject: bo } });
    expect(items[0]?.actor).toEqual({ reference: citizen, erased: true, kind: 'subject', role: 'clerk', capacity: 'controller' });
  });
});
