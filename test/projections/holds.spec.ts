/** Legal holds: who may not be erased, as of which position, and why. */
import { openHolds } from '../../projections/holds/open-holds.ts';
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

test('the order of arrival makes no difference', async () => {
  await ledger.given(retraction('retracted'));
  await ledger.given(release('released'));
  await ledger.given(correction('corrected', 'replacement'));
  await ledger.given(hold('replacement'), hold('corrected'), hold('released'), hold('retracted'));
  expect(await idsOn()).toEqual(['replacement']);
});

test('nobody has no holds', async () => {
  expect(await openHolds(ledger.views.db, ledger.store, [])).toEqual([]);
});
