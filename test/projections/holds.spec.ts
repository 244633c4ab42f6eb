/** Legal holds: who may not be erased, as of which position, and why. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { ViewsDatabase } from '../../projections/database.ts';
import { Holds } from '../../projections/holds/holds.ts';
import { openHolds } from '../../projections/holds/open-holds.ts';
import { Runner } from '../../projections/runner.ts';
import { recordKey } from '../../src/eventstore/record-key.ts';
import { disclosure } from '../support/write-side.ts';
import { openReadSide, type ReadSide } from './read-side.ts';

let ledger: ReadSide;
beforeAll(async () => {
  ledger = await openReadSide();
});
afterAll(() => ledger.close());

let sources = 0;
let source = '';
/** Two people whom no other test knows. */
let anna = { scheme: 'customer-number', value: '' };
let bo = anna;
beforeEach(() => {
  source = `urn:test:${++sources}`;
  anna = { scheme: 'customer-number', value: `${sources}-1` };
  bo = { scheme: 'customer-number', value: `${sources}-2` };
});

const actor = { id: 'maria.ek', kind: 'human', role: 'privacy-officer', capacity: 'controller' };
const event = (id: string, type: string, data: object, of = source) => ({
  ...{ specversion: '1.0', source: of, id, type, time: '2026-03-02T09:14:07.120Z' },
  data: { actor, subjects: [anna], ...data },
});
const hold = (id = 'hold', data: object = {}) =>
  event(id, 'LegalHoldPlaced', { ground: 'legal-claims', reviewBy: '2026-12-31', reason: 'A dispute.', ...data });
const release = (target = 'hold', data: object = {}, id = `release of ${target}`) =>
  event(id, 'LegalHoldReleased', { target: { source, id: target }, reason: 'Settled.', ...data });
const said = { reason: 'a mistake', approver: 'eva.lind' };
const retraction = (target: string) => event(`retraction of ${target}`, 'RecordRetracted', { target: { source, id: target }, ...said });
const correction = (target: string, replacement: string) =>
  event(`correction of ${target}`, 'RecordCorrected', {
    ...{ target: { source, id: target }, replacement: { source, id: replacement } },
    ...said,
  });

const referenceOf = async (person: typeof anna): Promise<string> => {
  const [found] = await ledger.vault.resolve([person], { create: true });
  return found?.reference as string;
};
const holdsOn = async (person = anna, position?: number) => openHolds(ledger.views.db, ledger.store, [await referenceOf(person)], position);
const idsOn = async (person = anna, position?: number) => (await holdsOn(person, position)).map(({ id }) => id);

test('a hold names its exception, and when it must be looked at again', async () => {
  await ledger.given(hold('hold', { scope: ['tax-reporting'] }));
  expect(await holdsOn()).toEqual([
    {
      ...{ source, id: 'hold', position: expect.any(Number), references: [await referenceOf(anna)] },
      ...{ ground: 'legal-claims', exception: '17(3)(e)', reviewBy: '2026-12-31', scope: ['tax-reporting'] },
      ...{ placedAt: '2026-03-02T09:14:07.120Z', recordedAt: expect.stringMatching(/Z$/) },
    },
  ]);
  expect(await holdsOn(bo)).toEqual([]);
});

test.each([
  ['expression', '17(3)(a)'],
  ['legal-obligation', '17(3)(b)'],
  ['public-health', '17(3)(c)'],
  ['public-interest', '17(3)(d)'],
])('%s is the exception of Art. %s', async (ground, exception) => {
  await ledger.given(hold('hold', { ground }));
  expect(await holdsOn()).toMatchObject([{ ground, exception }]);
});

test('several stand side by side, the oldest first', async () => {
  await ledger.given(hold('first'), hold('second'), disclosure('other', { source }), release('first'), hold('third'));
  expect(await idsOn()).toEqual(['second', 'third']);
});

test('released, it stands no more; as of an earlier position it does', async () => {
  const { position } = await ledger.given(hold());
  await ledger.given(release());
  expect(await idsOn()).toEqual([]);
  expect(await idsOn(anna, position)).toEqual(['hold']);
  expect(await idsOn(anna, position - 1)).toEqual([]);
});

describe('a release ends nothing', () => {
  test('that names another hold, or no hold at all', async () => {
    await ledger.given(hold(), disclosure('no hold', { source }), release('no hold'), release('unknown'));
    expect(await idsOn()).toEqual(['hold']);
  });

  test('for people whom it does not name', async () => {
    await ledger.given(hold('hold', { subjects: [anna, bo] }), release('hold', { subjects: [bo] }));
    expect([await idsOn(anna), await idsOn(bo)]).toEqual([['hold'], []]);
  });

  test('once it was retracted, until that is retracted', async () => {
    await ledger.given(hold(), release(), retraction('release of hold'));
    expect(await idsOn()).toEqual(['hold']);
    await ledger.given(retraction('retraction of release of hold'));
    expect(await idsOn()).toEqual([]);
  });

  test('once it was corrected: what stands in its place does', async () => {
    await ledger.given(hold('a'), hold('b'), release('a'), correction('release of a', 'release of b'));
    expect(await idsOn()).toEqual(['a', 'b']);
    await ledger.given(release('b'));
    expect(await idsOn()).toEqual(['a']);
  });
});

describe('a hold', () => {
  test('that was retracted stands no more, until that is retracted', async () => {
    await ledger.given(hold(), retraction('hold'));
    expect(await idsOn()).toEqual([]);
    await ledger.given(retraction('retraction of hold'));
    expect(await idsOn()).toEqual(['hold']);
  });

  test('that was corrected stands until its replacement is recorded, which then stands in its place', async () => {
    await ledger.given(hold('wrong'), correction('wrong', 'right'));
    expect(await idsOn()).toEqual(['wrong']);
    await ledger.given(hold('right', { reviewBy: '2027-06-30' }));
    expect(await holdsOn()).toMatchObject([{ id: 'right', reviewBy: '2027-06-30' }]);
  });

  test('that was corrected stands until its replacement is not only recorded but known here', async () => {
    const { position } = await ledger.given(hold('wrong'), correction('wrong', 'right'));
    const ahead = { find: async () => [position + 1] };
    expect(await openHolds(ledger.views.db, ahead, [await referenceOf(anna)])).toMatchObject([{ id: 'wrong' }]);
  });

  test('that was corrected into something else stands no more once that is recorded', async () => {
    await ledger.given(hold(), correction('hold', 'restriction'));
    await ledger.given(event('restriction', 'ProcessingRestricted', { ground: '18(1)(a)', scope: 'all' }));
    expect(await idsOn()).toEqual([]);
  });

  test('on several people stands for each of them, and is one for one person known by two references', async () => {
    await ledger.given(hold('hold', { subjects: [anna, bo] }), hold('other', { subjects: [bo] }));
    expect([await idsOn(anna), await idsOn(bo)]).toEqual([['hold'], ['hold', 'other']]);
    const both = [await referenceOf(anna), await referenceOf(bo)];
    const found = await openHolds(ledger.views.db, ledger.store, both);
    expect(found.map(({ id, references }) => [id, references.sort()])).toEqual([
      ['hold', both.sort()],
      ['other', [await referenceOf(bo)]],
    ]);
  });

  test('on one reference of a person is released by naming the other', async () => {
    await ledger.given(hold(), release('hold', { subjects: [bo] }));
    expect(await openHolds(ledger.views.db, ledger.store, [await referenceOf(anna), await referenceOf(bo)])).toEqual([]);
  });
});

test('a release may arrive before its hold', async () => {
  await ledger.given(release('released'));
  await ledger.given(hold('stands'), hold('released'));
  expect(await idsOn()).toEqual(['stands']);
});

// Before its target is recorded, nobody can tell whether the author of a correction may take back a hold: in doubt it stands.
describe('a correction or retraction that was recorded before what it points at counts for nothing', () => {
  test('of a hold', async () => {
    await ledger.given(retraction('retracted'), correction('corrected', 'replacement'));
    await ledger.given(hold('replacement'), hold('corrected'), hold('retracted'));
    expect(await idsOn()).toEqual(['replacement', 'corrected', 'retracted']);
  });

  test('of a retraction of a release', async () => {
    await ledger.given(hold(), release(), retraction('retraction of release of hold'));
    await ledger.given(retraction('release of hold'));
    expect(await idsOn()).toEqual(['hold']);
  });

  test('nor of a release, which then ends its hold', async () => {
    await ledger.given(retraction('release of hold'), hold(), release());
    expect(await idsOn()).toEqual([]);
  });
});

test('nobody has no holds', async () => {
  expect(await openHolds(ledger.views.db, ledger.store, [])).toEqual([]);
});

/** One thing said, by number; what it is about has a lower one, whenever it is recorded: only revisions must come after it. */
interface Said {
  type: 'LegalHoldPlaced' | 'LegalHoldReleased' | 'RecordRetracted' | 'RecordCorrected';
  people: string[];
  target: number;
  replacement: number;
}
const PEOPLE = ['p1', 'p2'];

/** Which holds stand on a person, said once more without a database. */
function modelOf(all: readonly Said[], recorded: readonly number[], person: string): number[] {
  const about = (types: Said['type'][], target: number) =>
    all.flatMap((each, number) => (types.includes(each.type) && each.target === target ? [number] : []));
  const revisions = (target: number): number[] =>
    about(['RecordRetracted', 'RecordCorrected'], target)
      .filter((number) => recorded.indexOf(number) > recorded.indexOf(target))
      .filter((number) => revisions(number).length === 0);
  const isGone = (number: number) => {
    const { type, replacement } = all[number] as Said;
    return type === 'RecordRetracted' || replacement < all.length;
  };
  const ends = (number: number) => (all[number] as Said).people.includes(person) && revisions(number).length === 0;
  return all.flatMap(({ type, people }, number) => {
    const isOpen = type === 'LegalHoldPlaced' && people.includes(person) && !revisions(number).some(isGone);
    return isOpen && !about(['LegalHoldReleased'], number).some(ends) ? [number] : [];
  });
}

test('whatever was said in whatever order, those stand that a reader of the log would say', () => {
  const folder = mkdtempSync(join(tmpdir(), 'liggare-holds-'));
  let files = 0;
  const said = fc
    .array(
      fc.record({
        type: fc.constantFrom('LegalHoldPlaced', 'LegalHoldReleased', 'RecordRetracted', 'RecordCorrected'),
        people: fc.subarray(PEOPLE, { minLength: 1 }),
        target: fc.nat(),
        replacement: fc.nat(12),
      }),
      { maxLength: 10 },
    )
    .map((all) => all.map((each, i) => ({ ...each, target: i === 0 ? 99 : each.target % i }) as Said));
  const order = fc.array(fc.double({ noNaN: true }), { minLength: 10, maxLength: 10 });
  return fc
    .assert(
      fc.asyncProperty(said, order, async (all, weights) => {
        const inOrder = all.map((_, i) => i).sort((a, b) => (weights[a] as number) - (weights[b] as number));
        const log = inOrder.map((number, i) => recordedAs(all[number] as Said, number, i + 1));
        const views = new ViewsDatabase(join(folder, `views-${++files}.db`));
        const readAll = (position: number, limit: number) => log.slice(position, position + Math.min(limit, 3));
        const runner = new Runner(views, { readAll, head: () => log.length }, [new Holds()]);
        await runner.prepare();
        while ((await runner.round()) || !runner.isCaughtUp) if (runner.lastFailure !== undefined) throw runner.lastFailure;
        const positions = new Map(inOrder.map((number, i) => [recordKey('urn:test:a', String(number)).toString('hex'), i + 1]));
        const find = async (keys: readonly Buffer[]) => keys.map((key) => positions.get(key.toString('hex')));
        for (const person of PEOPLE) {
          const open = await openHolds(views.db, { find }, [person]);
          expect(open.map(({ id }) => Number(id)).sort((a, b) => a - b)).toEqual(modelOf(all, inOrder, person));
        }
        views.close();
      }),
      { numRuns: 60 },
    )
    .finally(() => rmSync(folder, { recursive: true }));
});

function recordedAs({ type, people, target, replacement }: Said, number: number, position: number) {
  const pointer = (id: number) => ({ source: 'urn:test:a', id: String(id) });
  const data = {
    actor: { reference: 'a1', kind: 'human' },
    subjects: people.map((reference) => ({ reference })),
    ...(type !== 'LegalHoldPlaced' && { target: pointer(target) }),
    ...(type === 'RecordCorrected' && { replacement: pointer(replacement) }),
    ...(type === 'LegalHoldPlaced' && { ground: 'legal-claims', reviewBy: '2026-12-31' }),
  };
  const time = new Date(Date.UTC(2026, 2, 1) + position * 1_000).toISOString();
  const entry = { format: 1, ...pointer(number), time, version: 1, data };
  const event = { position, stream: 'processing-a', revision: position - 1, id: `e${position}`, type, metadata: '{}', recordedAt: time };
  return { ...event, data: JSON.stringify(entry) };
}
