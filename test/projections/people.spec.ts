/** What is known of people by their references alone: what stays of them, and when they were last heard of. */
import { countsByType, lastEventOf, peopleIdleSince } from '../../projections/entries/people.ts';
import { ownEvent } from '../../src/ledger/own-event.ts';
import { disclosure, NOW } from '../support/write-side.ts';
import { openReadSide, type ReadSide } from './read-side.ts';

let ledger: ReadSide;
beforeAll(async () => {
  ledger = await openReadSide();
});
afterAll(() => ledger.close());

/** Two data subjects and somebody who acts, whom no other test knows. */
let [anna, bo, staff] = [1, 2, 3].map(() => ({ scheme: '', value: '' })) as [Person, Person, Person];
type Person = { scheme: string; value: string };
let source = '';
let tests = 0;
beforeEach(() => {
  source = `urn:test:${++tests}`;
  anna = { scheme: 'customer-number', value: `${tests}-1` };
  bo = { scheme: 'customer-number', value: `${tests}-2` };
  staff = { scheme: 'actor', value: `staff.${tests}` };
});

/** An event of `staff`'s. */
const about = (id: string, subjects: object[], time = '2026-03-02T09:14:07.120Z', actor = staff) =>
  disclosure(id, { source, time, data: { subjects, actor: { id: actor.value, kind: 'human', role: 'clerk', capacity: 'controller' } } });
const referenceOf = async (person: typeof anna): Promise<string> => {
  const [found] = await ledger.vault.resolve([person], { create: true });
  return found?.reference as string;
};

/** What the ledger says when somebody was asked about. */
async function asked(reference: string, time = NOW): Promise<void> {
  const actor = { reference: 'A'.repeat(22), kind: 'service' };
  const data = { question: 'timeline', axes: ['subject'], purpose: 'payment', correlationId: 'c' } as never;
  const event = ownEvent({
    ...{ source: 'urn:liggare:questions', type: 'LedgerQueried', now: time, actor },
    ...{ subjects: [{ reference }], data },
  });
  await ledger.store.append([{ stream: 'ledger-questions', expectedRevision: 'any', events: [event] }]);
  await ledger.caughtUp();
}

describe('what stays of somebody', () => {
  test('is counted by type: as data subject, as actor, and what the ledger said of its own', async () => {
    const use = about('3', [anna]);
    const { recipient, method, consideration, ...used } = use['data'] as Record<string, unknown>;
    await ledger.given(about('1', [anna]), about('2', [anna, bo]), { ...use, type: 'PersonalDataUsed', data: used }, about('4', [bo]));
    await asked(await referenceOf(anna));
    expect(await countsByType(ledger.views.db, [await referenceOf(anna)])).toEqual({
      ...{ counted: 4, complete: true },
      byType: [
        { type: 'LedgerQueried', events: 1, ledgersOwn: true },
        { type: 'PersonalDataDisclosed', events: 2 },
        { type: 'PersonalDataUsed', events: 1 },
      ],
    });
    expect(await countsByType(ledger.views.db, [await referenceOf(staff)])).toMatchObject({ counted: 4, complete: true });
  });

  test('each event once, however many of the references it names', async () => {
    await ledger.given(about('1', [anna, bo]), about('2', [bo]));
    const references = [await referenceOf(anna), await referenceOf(bo), await referenceOf(staff)];
    expect(await countsByType(ledger.views.db, references)).toMatchObject({ counted: 2, complete: true });
  });

  test.each([
    [2, { counted: 2, complete: false }],
    [3, { counted: 3, complete: true }],
    [4, { counted: 3, complete: true }],
  ])('no further than %i, and says whether that is all', async (limit, expected) => {
    await ledger.given(...['1', '2', '3'].map((id) => about(id, [anna])));
    const counted = await countsByType(ledger.views.db, [await referenceOf(anna)], { limit });
    expect(counted).toMatchObject(expected);
    expect(counted.byType.reduce((sum, { events }) => sum + events, 0)).toBe(expected.counted);
  });

  test('as of a position', async () => {
    const { position } = await ledger.given(about('1', [anna]));
    await ledger.given(about('2', [anna]));
    expect(await countsByType(ledger.views.db, [await referenceOf(anna)], { position })).toMatchObject({ counted: 1, complete: true });
  });

  test('nothing, where nobody is named', async () => {
    const nothing = { counted: 0, complete: true, byType: [] };
    expect(await countsByType(ledger.views.db, [])).toEqual(nothing);
    expect(await countsByType(ledger.views.db, [await referenceOf(bo)], { limit: 10 })).toEqual(nothing);
  });
});

describe('the last event of somebody', () => {
  test('is the one that happened last, as data subject or actor, however late others were recorded', async () => {
    await ledger.given(about('1', [anna], '2026-03-02T09:00:00.000Z'), about('2', [anna], '2024-01-01T00:00:00.000Z'));
    for (const person of [anna, staff])
      expect(await lastEventOf(ledger.views.db, [await referenceOf(person)])).toBe('2026-03-02T09:00:00.000Z');
  });

  test('of people who are one is that of any of them', async () => {
    await ledger.given(about('1', [anna], '2025-01-01T00:00:00.000Z'), about('2', [bo], '2026-01-01T00:00:00.000Z'));
    expect(await lastEventOf(ledger.views.db, [await referenceOf(anna), await referenceOf(bo)])).toBe('2026-01-01T00:00:00.000Z');
  });

  test('is none that the ledger said of its own', async () => {
    await ledger.given(about('1', [anna], '2025-01-01T00:00:00.000Z'));
    await asked(await referenceOf(anna));
    await asked(await referenceOf(bo));
    expect(await lastEventOf(ledger.views.db, [await referenceOf(anna)])).toBe('2025-01-01T00:00:00.000Z');
    expect(await lastEventOf(ledger.views.db, [await referenceOf(bo)])).toBeUndefined();
    expect(await lastEventOf(ledger.views.db, [])).toBeUndefined();
  });
});

describe('people of whom nothing was recorded for a while', () => {
  const since = Date.parse('2026-01-01T00:00:00.000Z');

  /** All pages, as far as people of this test are concerned, and how many pages there were. */
  async function idle(limit?: number): Promise<{ people: { reference: string; lastAt: string }[]; pages: number }> {
    const events = await ledger.entries();
    const ours = new Set(
      events.filter(({ entry }) => entry.source === source).flatMap(({ entry }) => entry.data.subjects.map(({ reference }) => reference)),
    );
    const people: { reference: string; lastAt: string }[] = [];
    let pages = 0;
    for (let after: number | null = 0; after !== null; pages++) {
      const page: Awaited<ReturnType<typeof peopleIdleSince>> = await peopleIdleSince(ledger.views.db, since, {
        after,
        ...(limit && { limit }),
      });
      people.push(...page.items.filter(({ reference }) => ours.has(reference)));
      after = page.next;
    }
    return { people, pages };
  }

  test('with the time of their last event; not who is heard of still, and not who was asked about only', async () => {
    await ledger.given(
      about('1', [anna], '2025-12-31T23:59:59.999Z'),
      about('2', [anna, bo], '2025-06-01T00:00:00.000Z'),
      about('3', [bo], '2026-01-01T00:00:00.000Z'),
    );
    await asked(await referenceOf(anna));
    await asked(await referenceOf(staff), Date.parse('2020-01-01T00:00:00.000Z'));
    const { people } = await idle();
    expect(people).toEqual([{ reference: await referenceOf(anna), lastAt: '2025-12-31T23:59:59.999Z' }]);
  });

  test('nobody who acts', async () => {
    await ledger.given(about('1', [staff], '2025-01-01T00:00:00.000Z', bo), about('2', [bo], '2026-03-01T00:00:00.000Z'));
    expect((await idle()).people).toEqual([]);
  });

  test('in bounded pages, each once', async () => {
    const people = Array.from({ length: 20 }, (_, i) => ({ scheme: 'customer-number', value: `${tests}-p${i}` }));
    await ledger.given(...people.map((person, i) => about(`${i}`, [person], '2025-01-01T00:00:00.000Z')));
    const all = await idle();
    const paged = await idle(3);
    expect(all.people).toHaveLength(20);
    expect(paged.people).toEqual(all.people);
    expect(paged.pages).toBeGreaterThan(6);
    expect(all.pages).toBe(1);
  });
});
