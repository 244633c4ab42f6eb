import { jest } from '@jest/globals';
import type { Author } from '../../src/ledger/author.ts';
import {
  type Linked,
  LinkSubjects,
  LinkSubjectsHandler,
  type NamedPerson,
  SeparateSubjects,
  SeparateSubjectsHandler,
} from '../../src/ledger/people/commands.ts';
import { People } from '../../src/ledger/people/people.ts';
import { keysFor, openEntry } from '../../src/ledger/sealing.ts';
import { LedgerSettings } from '../../src/ledger/settings.ts';
import { anybody, disclosure, NOW, openWriteSide } from '../support/write-side.ts';

const NUMBER = { scheme: 'customer-number', value: '10027' };
const OTHER = { scheme: 'customer-number', value: '20054' };
const EMAIL = { scheme: 'email', value: 'kim.lind@example.com' };

type WriteSide = Awaited<ReturnType<typeof openWriteSide>>;
let ledger: WriteSide;
let people: People;
let desk: Author;

beforeEach(async () => {
  ledger = await openWriteSide();
  people = new People(ledger.store);
  const [karin] = await ledger.vault.resolve([{ scheme: 'actor', value: 'karin' }], { create: true });
  desk = { ...anybody, scope: 'case', personReference: karin?.reference as string };
});
afterEach(() => ledger.close());

const settings = new LedgerSettings({ controller: 'mailit', unboundDays: 365_000, quarantineDays: 365_000, caseDays: 365_000 });
const link = (subjects: NamedPerson[], reason = 'Both are hers.'): Promise<Linked> =>
  new LinkSubjectsHandler(ledger.store, ledger.vault, people).execute(new LinkSubjects(subjects, reason, desk, NOW));
const separate = (id: string, approver = 'maria.ek', source = 'urn:liggare:people') =>
  new SeparateSubjectsHandler(ledger.store, ledger.vault, people, settings).execute(
    new SeparateSubjects({ source, id }, 'Two people of one name.', approver, desk, NOW),
  );
const record = (id: string, subject: object) => ledger.record([disclosure(id, { data: { subjects: [subject] } })]);
const referenceOf = async (identifier: { scheme: string; value: string }) =>
  (await ledger.vault.resolve([identifier], { create: false }))[0]?.reference;
const own = async () => (await ledger.entries()).filter(({ stream }) => stream === 'ledger-people');

describe('linking', () => {
  it('given two who are known, when they are linked, then they are merged by reference, and what was said is sealed', async () => {
    await record('1', NUMBER);
    await record('2', OTHER);
    const references = [await referenceOf(NUMBER), await referenceOf(OTHER)];
    const linked = await link([NUMBER, OTHER], 'Kim Lind has both.');
    expect(linked).toMatchObject({ references: [...references].sort(), identifiersAdded: 0, position: 3 });
    const [merged] = await own();
    expect(merged).toMatchObject({ type: 'SubjectsMerged', entry: { source: 'urn:liggare:people', data: { actor: { role: 'case' } } } });
    expect(merged?.entry.data.subjects.map(({ reference }) => reference)).toEqual(references);
    expect(merged?.data).not.toContain('Kim');
    expect(merged?.data).not.toContain('10027');
    const opened = openEntry(merged?.entry as never, await keysFor([merged?.entry as never], ledger.vault));
    expect(opened).toEqual({ subjects: [NUMBER, OTHER], event: { values: { reason: 'Kim Lind has both.' } } });
    expect(linked.links).toEqual([{ source: 'urn:liggare:people', id: merged?.entry.id, references, linkedAt: merged?.recordedAt }]);
  });

  it('given somebody who is erased while an address is added to them, then the address is nobody’s, and so is the number', async () => {
    await record('1', NUMBER);
    const reference = (await referenceOf(NUMBER)) as string;
    const append = ledger.store.append.bind(ledger.store);
    jest.spyOn(ledger.store, 'append').mockImplementationOnce(async (writes) => {
      const written = await append(writes);
      await ledger.store.fence([reference]);
      await ledger.vault.erase([reference], new Date(NOW).toISOString());
      return written;
    });
    await expect(link([NUMBER, EMAIL])).rejects.toMatchObject({ name: 'PersonErased' });
    expect([await referenceOf(NUMBER), await referenceOf(EMAIL)]).toEqual([undefined, undefined]);
  });

  it('given a known number, when an unknown address is linked to it, then it is an identifier of that person, and recorded', async () => {
    await record('1', NUMBER);
    const reference = await referenceOf(NUMBER);
    const linked = await link([EMAIL, NUMBER]);
    expect(linked).toMatchObject({ references: [reference], links: [], identifiersAdded: 1 });
    expect(await referenceOf(EMAIL)).toBe(reference);
    const [added] = await own();
    expect(added?.entry.data).toMatchObject({ identifiersAdded: 1, subjects: [{ reference }] });
    expect(added?.data).not.toContain('kim.lind');
    const opened = openEntry(added?.entry as never, await keysFor([added?.entry as never], ledger.vault));
    expect(opened.subjects).toEqual([{ ...NUMBER, also: [EMAIL] }]);
    await record('2', EMAIL);
    expect((await ledger.entries()).at(-1)?.entry.data.subjects[0]?.reference).toBe(reference);
  });

  it('given a link, when it is made again in whatever order, then nothing is recorded', async () => {
    await record('1', NUMBER);
    await record('2', OTHER);
    const first = await link([NUMBER, OTHER, EMAIL]);
    const head = await ledger.store.head();
    const { position: _, ...same } = first;
    expect(await link([EMAIL, OTHER, NUMBER])).toEqual({ ...same, identifiersAdded: 0 });
    expect(await link([NUMBER, EMAIL])).toEqual({ ...same, identifiersAdded: 0 });
    expect(await ledger.store.head()).toBe(head);
  });

  it('given references that an answer showed, when they are linked, then they are one', async () => {
    await record('1', NUMBER);
    await record('2', OTHER);
    const references = [await referenceOf(NUMBER), await referenceOf(OTHER)] as [string, string];
    await link(references.map((reference) => ({ reference })));
    expect(await people.groupOf([references[0]])).toEqual([[...references].sort()]);
    const linked = await link([{ reference: references[0] }, EMAIL]);
    expect(linked).toMatchObject({ identifiersAdded: 1, references: [...references].sort() });
    expect(await referenceOf(EMAIL)).toBe(references[0]);
  });

  it('given nobody who is known, when they are linked, then nobody is made', async () => {
    await expect(link([NUMBER, EMAIL])).rejects.toMatchObject({ name: 'PersonUnknown' });
    await record('1', NUMBER);
    await expect(link([NUMBER, { reference: 'A'.repeat(22) }])).rejects.toMatchObject({ name: 'PersonUnknown', index: 1 });
    expect(await referenceOf(EMAIL)).toBeUndefined();
    expect(await own()).toEqual([]);
  });

  it('given somebody who was erased, when another is linked to their reference, then it is refused', async () => {
    await record('1', NUMBER);
    await record('2', OTHER);
    const erased = (await referenceOf(NUMBER)) as string;
    await ledger.store.fence([erased]);
    await ledger.vault.erase([erased], new Date(NOW).toISOString());
    await expect(link([OTHER, { reference: erased }])).rejects.toMatchObject({ name: 'LinkOfErased', index: 1 });
    expect(await own()).toEqual([]);
  });

  it('given somebody who is erased at that moment, when they are linked, then nothing is recorded', async () => {
    await record('1', NUMBER);
    await record('2', OTHER);
    await ledger.store.fence([(await referenceOf(NUMBER)) as string]);
    await expect(link([NUMBER, OTHER])).rejects.toMatchObject({ name: 'PersonErased' });
    expect(await own()).toEqual([]);
  });
});

describe('separating', () => {
  const linkedTwo = async () => {
    await record('1', NUMBER);
    await record('2', OTHER);
    const { links, references } = await link([NUMBER, OTHER]);
    return { id: links[0]?.id as string, references };
  };

  it('given a link, when it is separated, then they are two again, and what was said is sealed', async () => {
    const { id, references } = await linkedTwo();
    const { groups, position } = await separate(id);
    expect([...groups].sort()).toEqual(references.map((reference) => [reference]));
    expect(position).toBe(4);
    const retracted = (await own())[1];
    expect(retracted).toMatchObject({ type: 'RecordRetracted', entry: { data: { target: { source: 'urn:liggare:people', id } } } });
    expect(retracted?.data).not.toContain('maria.ek');
    expect(retracted?.data).not.toContain('of one name');
    const opened = openEntry(retracted?.entry as never, await keysFor([retracted?.entry as never], ledger.vault));
    expect(opened.event?.values).toEqual({ reason: 'Two people of one name.' });
  });

  it('given a separated link, when it is separated again, then nothing is recorded', async () => {
    const { id } = await linkedTwo();
    await separate(id);
    expect((await separate(id)).position).toBeUndefined();
    expect(await own()).toHaveLength(2);
  });

  it('given a link of people of whom one was erased, when it is separated, then it is', async () => {
    const { id, references } = await linkedTwo();
    await ledger.vault.erase([references[0] as string], new Date(NOW).toISOString());
    expect((await separate(id)).groups).toHaveLength(2);
  });

  it.each([
    ['an unknown one', 'no-link', 'urn:liggare:people'],
    ['a record of a source', '1', 'urn:mailit:billing'],
  ])('given a link, when %s is separated, then it is refused', async (_, id, source) => {
    await linkedTwo();
    await expect(separate(id, 'maria.ek', source)).rejects.toMatchObject({ name: 'LinkUnknown' });
  });

  it('given a link, when whoever separates approves it too, then it is refused', async () => {
    const { id } = await linkedTwo();
    await expect(separate(id, 'karin')).rejects.toMatchObject({ name: 'OwnApproval' });
    expect(await own()).toHaveLength(1);
  });
});
