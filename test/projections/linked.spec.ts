/** Several references of one person: one in every question, as the links stood at its moment. */
import type { Author } from '../../src/ledger/author.ts';
import { LinkSubjects, LinkSubjectsHandler, SeparateSubjects, SeparateSubjectsHandler } from '../../src/ledger/people/commands.ts';
import { LedgerSettings } from '../../src/ledger/settings.ts';
import { anybody, disclosure } from '../support/write-side.ts';
import { openReadSide, type ReadSide, viewers } from './read-side.ts';

const settings = new LedgerSettings({ controller: 'mailit', unboundDays: 365_000, quarantineDays: 365_000, caseDays: 365_000 });

let ledger: ReadSide;
let desk: Author;
beforeAll(async () => {
  ledger = await openReadSide();
  const [karin] = await ledger.vault.resolve([{ scheme: 'actor', value: 'karin' }], { create: true });
  desk = { ...anybody, scope: 'case', personReference: karin?.reference as string };
});
afterAll(() => ledger.close());

type Person = { scheme: string; value: string };
/** One person known by two numbers, and another person. */
let kim: Person;
let lind: Person;
let bo: Person;
let source = '';
let tests = 0;
beforeEach(() => {
  source = `urn:test:${++tests}`;
  [kim, lind, bo] = ['kim', 'lind', 'bo'].map((name) => ({ scheme: 'customer-number', value: `${name}-${tests}` })) as [
    Person,
    Person,
    Person,
  ];
});

const about = (id: string, subjects: object[], data: object = {}) =>
  disclosure(id, { source, time: `2026-03-02T09:00:0${Number(id) % 10}.000Z`, data: { subjects, note: `note ${id}`, ...data } });
const referenceOf = async (person: Person): Promise<string> =>
  (await ledger.vault.resolve([person], { create: false }))[0]?.reference as string;
const referencesOf = (...people: Person[]) => Promise.all(people.map(referenceOf));

async function link(...people: Person[]): Promise<{ id: string; recordedAt: string }> {
  const handler = new LinkSubjectsHandler(ledger.store, ledger.vault, ledger.people);
  const { links } = await handler.execute(new LinkSubjects(people, 'Both are hers.', desk, Date.now()));
  await ledger.caughtUp();
  return { id: links[0]?.id as string, recordedAt: links[0]?.linkedAt as string };
}

async function separate(id: string): Promise<void> {
  const handler = new SeparateSubjectsHandler(ledger.store, ledger.vault, ledger.people, settings);
  await handler.execute(new SeparateSubjects({ source: 'urn:liggare:people', id }, 'Two people.', 'maria.ek', desk, Date.now()));
  await ledger.caughtUp();
}

const before = (moment: string) => new Date(Date.parse(moment) - 1).toISOString();
/** Ids of the records of this test that a question about a person finds. */
async function found(subject: object, asked: object = {}): Promise<string[]> {
  const { items } = await ledger.timeline({ about: { subject, source }, order: 'asc', ...asked });
  return items.map(({ id }) => id);
}
/** So that two moments differ. */
const aMoment = () => new Promise((resolve) => setTimeout(resolve, 5));

describe('asked about', () => {
  test('by either identifier or reference, one person is found under both', async () => {
    await ledger.given(about('1', [kim]), about('2', [lind]), about('3', [bo]));
    expect(await found(kim)).toEqual(['1']);
    await aMoment();
    await link(kim, lind);
    for (const asked of [kim, lind, { reference: await referenceOf(lind) }]) expect(await found(asked)).toEqual(['1', '2']);
    expect(await found(bo)).toEqual(['3']);
  });

  test('as of a moment before they were linked, or after they were separated, they are two', async () => {
    await ledger.given(about('1', [kim]), about('2', [lind]));
    await aMoment();
    const { id, recordedAt } = await link(kim, lind);
    expect(await found(kim, { asOf: before(recordedAt) })).toEqual(['1']);
    expect(await found(kim, { asOf: recordedAt })).toEqual(['1', '2']);
    await aMoment();
    await separate(id);
    expect(await found(kim)).toEqual(['1']);
    expect(await found(kim, { asOf: recordedAt })).toEqual(['1', '2']);
  });

  test('the question names all references of that person', async () => {
    await ledger.given(about('1', [kim]), about('2', [lind]));
    await link(kim, lind);
    const all = (await referencesOf(kim, lind)).sort();
    for (const subject of [kim, { reference: await referenceOf(lind) }]) {
      expect([...(await ledger.timeline({ about: { subject } })).people].sort()).toEqual(all);
      expect([...(await ledger.disclosures({ about: { subject } })).people].sort()).toEqual(all);
      expect([...(await ledger.activity({ about: { subject } })).people].sort()).toEqual(all);
    }
  });

  test('with the scope "case", all details of that person open, also those of an event that names only them, twice', async () => {
    const two = [
      { ...kim, recordRefs: ['1'] },
      { ...lind, recordRefs: ['2'] },
    ];
    await ledger.given(about('1', two), about('2', [...two, bo]), about('3', [lind]));
    const shown = async () => (await ledger.timeline({ about: { subject: kim, source }, order: 'asc' }, viewers.case)).items;
    expect((await shown())[0]).toMatchObject({ subjects: [{ ...kim, recordRefs: ['1'] }], subjectCount: 2 });
    expect((await shown())[0]).not.toHaveProperty('note');
    await link(kim, lind);
    const items = await shown();
    expect(items).toMatchObject([
      { id: '1', subjects: two, subjectCount: 1, note: 'note 1' },
      { id: '2', subjects: two, subjectCount: 2 },
      { id: '3', subjects: [lind], subjectCount: 1, note: 'note 3' },
    ]);
    expect(items[1]).not.toHaveProperty('note');
  });

  test('further pages are of the links of the first', async () => {
    await ledger.given(about('1', [kim]), about('2', [kim]), about('3', [lind]));
    const first = await ledger.timeline({ about: { subject: kim }, order: 'asc', limit: 1 });
    await aMoment();
    await link(kim, lind);
    const second = await ledger.timeline({ about: { subject: kim }, order: 'asc', limit: 1, cursor: first.next as string });
    expect(second.items.map(({ id }) => id)).toEqual(['2']);
    expect(second.next).toBeNull();
    expect(second.people).toEqual([await referenceOf(kim)]);
  });
});

describe('counted', () => {
  test('one person is one, as of the moment', async () => {
    await ledger.given(about('1', [kim]), about('2', [lind]), about('3', [kim, bo]));
    await aMoment();
    const { recordedAt } = await link(kim, lind);
    const counted = async (asked: object = {}) => ({
      disclosures: (await ledger.disclosures({ about: { source }, ...asked })).items.map(({ events, subjects }) => [events, subjects]),
      activity: (await ledger.activity({ about: { source }, ...asked })).items.map(({ events, subjects }) => [events, subjects]),
    });
    expect(await counted()).toEqual({ disclosures: [[3, 2]], activity: [[3, 2]] });
    expect(await counted({ asOf: before(recordedAt) })).toEqual({ disclosures: [[3, 3]], activity: [[3, 3]] });
  });
});

describe('who acts under two ids', () => {
  const actor = (id: string) => ({ actor: { id, kind: 'human', role: 'clerk', capacity: 'controller' } });

  test('is one actor by day, asked about by either', async () => {
    const [first, second] = [`kim.${tests}`, `k.lind.${tests}`];
    await ledger.given(about('1', [bo], actor(first)), about('2', [bo], actor(second)), about('3', [bo], actor('somebody.else')));
    expect((await ledger.activity({ about: { source } })).items).toHaveLength(3);
    await link({ scheme: 'actor', value: first }, { scheme: 'actor', value: second });
    const { items, people } = await ledger.activity({ about: { source } });
    expect(items.map((day) => [day.actor.id, day.events]).sort()).toEqual(
      [
        [first, 2],
        ['somebody.else', 1],
      ].sort(),
    );
    const both = await referencesOf({ scheme: 'actor', value: first }, { scheme: 'actor', value: second });
    expect(people).toEqual(expect.arrayContaining(both));
    for (const id of [first, second]) {
      expect((await ledger.activity({ about: { actor: id } })).items).toMatchObject([{ actor: { id: first }, events: 2, subjects: 1 }]);
      expect((await ledger.timeline({ about: { actor: id } })).items).toHaveLength(2);
    }
  });

  test('page by page, each day once', async () => {
    const ids = ['a', 'b', 'c', 'd'].map((name) => `${name}.${tests}`) as [string, string, string, string];
    await ledger.given(...ids.map((id, i) => about(`${i}`, [bo], actor(id))));
    await link({ scheme: 'actor', value: ids[0] }, { scheme: 'actor', value: ids[3] });
    const days: unknown[] = [];
    for (let cursor: string | null | undefined; cursor !== null; ) {
      const page: Awaited<ReturnType<ReadSide['activity']>> = await ledger.activity({
        about: { source },
        limit: 1,
        ...(cursor && { cursor }),
      });
      days.push(...page.items.map((day) => [day.actor.id, day.events]));
      cursor = page.next;
    }
    expect(days.sort()).toEqual(
      [
        [ids[0], 2],
        [ids[1], 1],
        [ids[2], 1],
      ].sort(),
    );
  });
});
