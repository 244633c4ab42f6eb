/** How many leaves concern one person, as a timeline tells it, counted again from the bytes of the leaves alone. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { allProjections } from '../../projections/all.ts';
import { ViewsDatabase } from '../../projections/database.ts';
import { countNaming } from '../../projections/entries/people.ts';
import { Runner } from '../../projections/runner.ts';
import type { Author } from '../../src/ledger/author.ts';
import { leafBytes, parseLeaf } from '../../src/ledger/leaf.ts';
import { ownEvent } from '../../src/ledger/own-event.ts';
import { LinkSubjects, LinkSubjectsHandler, SeparateSubjects, SeparateSubjectsHandler } from '../../src/ledger/people/commands.ts';
import { LedgerSettings } from '../../src/ledger/settings.ts';
import { golden, goldenSamples } from '../ledger/golden.ts';
import { anybody, disclosure, NOW } from '../support/write-side.ts';
import { randomLog } from './given-log.ts';
import { type Asked, openReadSide, type ReadSide, viewers } from './read-side.ts';

/** What an auditor does who has the leaves: reads them, and counts. */
function countAgain(leaves: readonly Buffer[], size: number, subjects: readonly string[]): number {
  const wanted = new Set(subjects);
  return leaves.slice(0, size).filter((bytes) => parseLeaf(bytes).subjects.some(({ reference }) => wanted.has(reference))).length;
}

describe('with a timeline', () => {
  let ledger: ReadSide;
  let desk: Author;
  beforeAll(async () => {
    ledger = await openReadSide();
    const [karin] = await ledger.vault.resolve([{ scheme: 'actor', value: 'karin' }], { create: true });
    desk = { ...anybody, scope: 'case', personReference: karin?.reference as string };
  });
  afterAll(() => ledger.close());

  const leaves = async () => (await ledger.entries()).map((event) => leafBytes(event));
  const timeline = (question: Asked, viewer = viewers.ask) => ledger.timeline({ leaves: true, limit: 1_000, ...question }, viewer);
  const customer = (value: string) => ({ scheme: 'customer-number', value });
  const about = (id: string, ...people: object[]) => disclosure(id, { source: 'urn:test:concerning', data: { subjects: people } });
  const said = async (type: string, references: string[], data: object = {}) => {
    const subjects = references.map((reference) => ({ reference }));
    const event = ownEvent({
      source: 'urn:liggare:test',
      type,
      now: NOW,
      actor: { reference: references[0] as string, kind: 'human' },
      subjects,
      data: data as never,
    });
    await ledger.store.append([{ stream: 'ledger-test', expectedRevision: 'any', events: [event] }]);
  };
  const references = async (...people: { scheme: string; value: string }[]) =>
    (await ledger.vault.resolve(people, { create: false })).map((person) => person?.reference as string);

  /** Asks, and counts again. */
  async function checked(question: Asked) {
    const answer = await timeline(question);
    const { completeness, items } = answer;
    if (!completeness) throw new Error('nothing is said of completeness');
    const { subjects, leaves: told, treeHead } = completeness;
    expect(countAgain(await leaves(), treeHead.size, subjects)).toBe(told);
    const covered = items.filter(({ leafIndex }) => leafIndex != null && leafIndex < treeHead.size);
    return { answer, completeness, told, covered: covered.length };
  }

  const [anna, bo] = [customer('anna'), customer('bo')];

  test('it is what an auditor counts, whatever was recorded and by whom', async () => {
    await ledger.given(
      about('1', anna),
      about('2', anna, bo),
      about('3', bo),
      about('twice', { ...anna, before: 'a' }, { scheme: 'email', value: 'anna@example.se', also: [anna] }),
    );
    const retraction = about('4', anna) as { data: Record<string, unknown> };
    for (const field of ['recipient', 'method', 'consideration']) delete retraction.data[field];
    const target = { source: 'urn:test:concerning', id: '1' };
    Object.assign(retraction.data, { target, reason: 'sent twice', approver: 'chief' });
    await ledger.given({ ...retraction, type: 'RecordRetracted' });
    // Sent again it is no other event, and in quarantine it names nobody.
    await ledger.record([about('1', anna), disclosure('broken', { data: { purpose: 'no-such' } })]);
    const [first] = await references(anna);
    await said('LedgerQueried', [first as string], { question: 'timeline', axes: [], purpose: 'payment' });
    await said('PersonalDataErasureFailed', [first as string]);
    await ledger.caughtUp();
    await ledger.log.seal();
    const { told, covered, completeness } = await checked({ about: { subject: anna } });
    expect([told, covered, completeness.subjects]).toEqual([6, 6, [first]]);
  });

  test('every type of event counts that names somebody', async () => {
    const everyone = customer('every-type');
    const wire = goldenSamples
      .filter(({ event: { source } }) => !String(source).startsWith('urn:liggare'))
      .map(({ type, version }) => golden(type, version))
      .map((event, n) => ({ ...event, id: `golden-${n}`, source: 'urn:test:golden', data: { ...event.data, subjects: [everyone] } }));
    const { items } = await ledger.record(wire, { now: NOW });
    const recorded = items.filter(({ outcome }) => outcome === 'recorded').length;
    expect(recorded).toBeGreaterThan(40);
    const [reference] = await references(everyone);
    const own = goldenSamples.filter(({ event: { source } }) => String(source).startsWith('urn:liggare'));
    for (const { type } of own) await said(type, [reference as string]);
    await ledger.caughtUp();
    await ledger.log.seal();
    const { told, covered } = await checked({ about: { subject: everyone } });
    expect([told, covered]).toEqual([recorded + own.length, recorded + own.length]);
  });

  test('whoever was linked is one person, as long as it stands', async () => {
    const [kim, lind] = [customer('kim'), customer('lind')];
    await ledger.given(about('k', kim), about('l', lind), about('both', kim, lind));
    const link = new LinkSubjectsHandler(ledger.store, ledger.vault, ledger.people);
    const { links } = await link.execute(new LinkSubjects([kim, lind], 'Both are hers.', desk, Date.now()));
    await ledger.caughtUp();
    await ledger.log.seal();
    const one = await checked({ about: { subject: kim } });
    expect([one.told, one.covered]).toEqual([4, 4]);
    expect(one.completeness.subjects).toEqual((await references(kim, lind)).sort());
    expect((await checked({ about: { subject: [kim, lind] } })).told).toBe(4);

    const settings = new LedgerSettings({ controller: 'mailit', unboundDays: 365_000, quarantineDays: 365_000, caseDays: 365_000 });
    const separate = new SeparateSubjectsHandler(ledger.store, ledger.vault, ledger.people, settings);
    const target = { source: 'urn:liggare:people', id: links[0]?.id as string };
    await separate.execute(new SeparateSubjects(target, 'Two people.', 'maria.ek', desk, Date.now()));
    await ledger.caughtUp();
    await ledger.log.seal();
    const alone = await checked({ about: { subject: kim } });
    expect([alone.told, alone.covered, alone.completeness.subjects]).toEqual([4, 4, await references(kim)]);
    // Two people are not one: of them nothing is said.
    expect((await timeline({ about: { subject: [kim, lind] } })).completeness).toBeUndefined();
  });

  test('whoever was erased has as many leaves as before', async () => {
    const gone = customer('gone');
    await ledger.given(about('g1', gone), about('g2', gone, bo));
    await ledger.log.seal();
    const before = await checked({ about: { subject: gone } });
    const [reference] = before.completeness.subjects;
    await ledger.erase(reference as string);
    const after = await checked({ about: { subject: { reference: reference as string } } });
    expect([before.told, after.told]).toEqual([2, 2]);
    expect((await timeline({ about: { subject: gone } })).completeness).toBeUndefined();
  });

  test('other axes narrow the items, not what is said of the person', async () => {
    const narrowed = await checked({ about: { subject: anna, type: 'RecordRetracted' } });
    expect([narrowed.told, narrowed.covered]).toEqual([6, 1]);
  });

  test('as of a day it is said of a head that covers nothing recorded later', async () => {
    const dated = customer('dated');
    await ledger.given(about('d1', dated), about('d2', dated));
    const head = await ledger.log.seal();
    const { position } = await ledger.given(about('d3', dated));
    const asOf = (await ledger.store.at(position))?.recordedAt as string;
    await new Promise((resolve) => setTimeout(resolve, 5));
    await ledger.given(about('d4', dated));
    await ledger.log.seal();
    const then = await checked({ about: { subject: dated }, asOf });
    expect(then.answer.items).toHaveLength(3);
    expect([then.told, then.covered, then.completeness.treeHead.size]).toEqual([2, 2, head.size]);
    expect((await checked({ about: { subject: dated } })).told).toBe(4);
    expect((await timeline({ about: { subject: dated }, asOf: '2020-01-01' })).completeness).toBeUndefined();
  });

  test('it is said on the first page, and items tell their leaf on every page', async () => {
    const paged = customer('paged');
    await ledger.given(about('p1', paged), about('p2', paged));
    await ledger.log.seal();
    await ledger.given(about('p3', paged));
    const question = { about: { subject: paged }, limit: 1, order: 'asc' as const };
    const first = await timeline(question);
    expect(first.completeness).toMatchObject({ leaves: 2 });
    const second = await timeline({ ...question, cursor: first.next as string });
    const third = await timeline({ ...question, cursor: second.next as string });
    expect([second.completeness, third.completeness]).toEqual([undefined, undefined]);
    const all = await leaves();
    const indexOf = (id: string) => all.findIndex((bytes) => parseLeaf(bytes).id === id);
    const told = [first, second, third].flatMap(({ items }) => items.map(({ id, leafIndex }) => [id, leafIndex]));
    expect(told).toEqual([
      ['p1', indexOf('p1')],
      ['p2', indexOf('p2')],
      ['p3', null],
    ]);
  });

  test('nothing of it is said that was not asked for', async () => {
    const answer = await timeline({ about: { subject: anna }, leaves: false });
    expect(answer).not.toHaveProperty('completeness');
    for (const item of answer.items) expect(item).not.toHaveProperty('leafIndex');
  });
});

describe('of any log', () => {
  let folder: string;
  let files = 0;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'liggare-concerning-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  /** Of a reference there is one spelling in a leaf; those of the random logs have others. */
  const spelt = (reference: string) => Buffer.from(reference, 'base64url').toString('base64url');

  test('the read models count as many as the leaves do, followed live or made anew', () =>
    fc.assert(
      fc.asyncProperty(randomLog({ minLength: 1 }), fc.nat(40), fc.boolean(), async (events, end, isRebuilt) => {
        const views = new ViewsDatabase(join(folder, `views-${++files}.db`));
        try {
          const log = {
            end: isRebuilt ? events.length : 0,
            readAll: (after: number, limit: number) =>
              events
                .slice(0, log.end)
                .filter(({ position }) => position > after)
                .slice(0, limit),
            head: () => events[log.end - 1]?.position ?? 0,
          };
          const runner = new Runner(views, log, allProjections());
          await runner.prepare();
          for (; ; log.end = events.length) {
            while ((await runner.round()) || !runner.isCaughtUp);
            if (log.end === events.length) break;
          }
          const size = end % (events.length + 1);
          const position = events[size - 1]?.position ?? 0;
          const leaves = events.map((event) => leafBytes(event));
          for (const people of [['p1'], ['p2', 'p3']]) {
            const named = people.map((name) => name.padEnd(22, '_'));
            expect(await countNaming(views.db, named, position)).toBe(countAgain(leaves, size, named.map(spelt)));
          }
        } finally {
          views.close();
        }
      }),
      { numRuns: 40 },
    ));
});
