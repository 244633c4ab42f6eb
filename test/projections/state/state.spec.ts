/** What was so around a moment, as of a position: read from the rows by whoever asks. */
import type { ViewsDatabase } from '../../../projections/database.ts';
import type { State } from '../../../projections/findings/rules/rule.ts';
import type { Told } from '../../../projections/state/facts.ts';
import { loadState } from '../../../projections/state/state.ts';
import type { StoredData } from '../../../src/ledger/entry.ts';
import { type Given, HOUR, judging, NOW, published, recorded, reference } from '../findings/engine.ts';

const [anna, bo, maria] = [reference('anna'), reference('bo'), reference('maria')];
const SOURCE = 'urn:test:crm';
const PEOPLE = 'urn:liggare:people';

const event = (id: string, type: string, at: number, data: object = {}, source = SOURCE): Given => ({
  ...{ type, source, id, at },
  data: {
    actor: { reference: maria, kind: 'human', capacity: 'controller' },
    controller: 'mailit',
    subjects: [{ reference: anna }],
    ...data,
  },
});
const given = (id: string, at: number, data: object = {}) => event(id, 'ConsentGiven', at, { purposes: ['newsletter'], ...data });
const withdrawn = (id: string, at: number) => event(id, 'ConsentWithdrawn', at, { purposes: ['newsletter'] });
const pointer = (id: string, source = SOURCE) => ({ source, id });
const retracted = (id: string, target: string, source = SOURCE) =>
  event(id, 'RecordRetracted', 0, { target: pointer(target, source), approver: bo, subjects: [] }, source);
const corrected = (id: string, target: string, replacement: string) =>
  event(id, 'RecordCorrected', 0, { target: pointer(target), replacement: pointer(replacement), approver: bo, subjects: [] });
const linked = event('link', 'SubjectsMerged', 0, { subjects: [{ reference: anna }, { reference: bo }] }, PEOPLE);

/** Something of Anna that is about to happen so many hours from now. */
const about = (at: number, data: object = {}, type = 'PersonalDataUsed'): Told => ({
  ...{ type, source: SOURCE, time: NOW + at * HOUR },
  data: {
    actor: { reference: maria, kind: 'human' },
    controller: 'mailit',
    subjects: [{ reference: anna }],
    ...data,
  } as unknown as StoredData,
});

/** What is told after so many events; absent: after all of them. */
const around = async <T>(log: Given[], at: Told, ask: (state: State) => T, events?: number): Promise<T> =>
  judging(recorded(log), async (db: ViewsDatabase['db']) => {
    const stateOf = await loadState(db, { events: [at], position: (events ?? log.length) * 2 });
    return ask(stateOf(at));
  });

const consentAt = (log: Given[], at: number, events?: number) =>
  around(log, about(at), (state) => state.consent(anna, 'newsletter')?.state, events);

describe('the last statement before', () => {
  const log = [given('yes', -9), withdrawn('no', -5), given('again', -2)];
  test.each([
    [-10, undefined],
    [-9, 'given'],
    [-6, 'given'],
    [-4, 'withdrawn'],
    [0, 'given'],
  ])('at %d hours', async (at, then) => {
    expect(await consentAt(log, at)).toBe(then);
  });

  test('of the same moment by source and id, whichever came first', async () => {
    const both = [withdrawn('a', -1), given('b', -1)];
    expect(await consentAt(both, 0)).toBe('given');
    expect(await consentAt(both.toReversed(), 0)).toBe('given');
  });

  test('as of a position: what is recorded behind it is unknown', async () => {
    expect(await consentAt([given('yes', -9), withdrawn('no', -5)], 0, 1)).toBe('given');
  });
});

describe('what does not stand', () => {
  const log = [given('yes', -9), withdrawn('no', -5), retracted('r', 'no'), retracted('rr', 'r')];
  test.each([
    [2, 'withdrawn'],
    [3, 'given'],
    [4, 'withdrawn'],
  ])('after %d events', async (events, then) => {
    expect(await consentAt(log, 0, events)).toBe(then);
  });

  test('a corrected one stands until what takes its place is there', async () => {
    const replaced = [withdrawn('no', -5), corrected('c', 'no', 'yes'), given('yes', -5)];
    expect(await consentAt(replaced, 0, 2)).toBe('withdrawn');
    expect(await consentAt(replaced, 0, 3)).toBe('given');
  });
});

test('whoever is linked is one person, as of a position', async () => {
  const log = [given('yes', -9, { subjects: [{ reference: bo }] }), linked, retracted('separation', 'link', PEOPLE)];
  expect(await consentAt(log, 0, 1)).toBe(undefined);
  expect(await consentAt(log, 0, 2)).toBe('given');
  expect(await consentAt(log, 0, 3)).toBe(undefined);
  const same = (events: number) => around(log, about(0), (state) => state.isSamePerson(anna, bo), events);
  expect([await same(1), await same(2), await same(3)]).toEqual([false, true, false]);
});

test('what was done for another controller is nothing', async () => {
  const log = [published('1'), given('yes', -9), event('no', 'ConsentWithdrawn', -5, { purposes: ['newsletter'], controller: 'other' })];
  expect(await consentAt(log, 0)).toBe('given');
});

describe('grants', () => {
  const to = (at: number, data: object = {}) => event(`g${at}`, 'AccessGranted', at, { grantee: maria, subjects: [], ...data });
  const from = (at: number, data: object = {}) => event(`r${at}`, 'AccessRevoked', at, { grantee: maria, subjects: [], ...data });
  const grants = (log: Given[], at: Told) => around([published('1'), ...log], at, (state) => state.grants(maria));

  test('nothing is told where nobody ever got one', async () => {
    expect(await grants([], about(0))).toBe(undefined);
  });
  test('a grant counts from its time on, within its validity', async () => {
    const log = [to(-5, { validUntil: '2026-03-02T13:00:00Z', systems: ['crm'] })];
    expect(await grants(log, about(-6))).toEqual([]);
    expect(await grants(log, about(0))).toEqual([{ systems: ['crm'] }]);
    expect(await grants(log, about(2))).toEqual([]);
  });
  test('what is revoked is revoked, and may be granted again', async () => {
    expect(await grants([to(-5), from(-3)], about(0))).toEqual([]);
    expect(await grants([to(-5), from(-3), to(-1)], about(0))).toEqual([{}]);
  });
  test('of some purposes, for those alone', async () => {
    const log = [to(-5), from(-3, { purposes: ['newsletter'] })];
    expect(await grants(log, about(0, { purpose: 'newsletter' }))).toEqual([]);
    expect(await grants(log, about(0, { purpose: 'payment' }))).toEqual([{}]);
  });
});

describe('restrictions', () => {
  const placed = event('placed', 'ProcessingRestricted', -9, { scope: ['newsletter', 'payment'] });
  const lifted = (data: object) => event('lifted', 'RestrictionLifted', -5, data);
  const restrictions = (data: object, of = placed) =>
    around([of, lifted(data)], about(0, { purpose: 'newsletter', categories: ['name'] }), (state) => state.restrictions(anna));

  test.each<[string, object, object[]]>([
    ['the one that is named', { target: pointer('placed') }, []],
    ['another one', { target: pointer('other') }, [{ scope: ['newsletter', 'payment'] }]],
    ['some of it', { scope: 'payment' }, [{ scope: ['newsletter'] }]],
    ['everything', { scope: 'all' }, []],
    ['without saying what', {}, []],
  ])('lifted: %s', async (_what, data, then) => {
    expect(await restrictions(data)).toEqual(then);
  });

  test('of everything, what was lifted is lifted for what it is about', async () => {
    const all = event('placed', 'ProcessingRestricted', -9, { scope: 'all' });
    expect(await restrictions({ scope: 'newsletter' }, all)).toEqual([]);
    expect(await restrictions({ scope: 'payment' }, all)).toEqual([{ scope: ['all'] }]);
  });
});

describe('what happens too often to be kept', () => {
  const collected = (id: string, at: number, data: object = {}) =>
    event(id, 'PersonalDataCollected', at, { categories: ['name'], origin: 'employer', purpose: 'newsletter', ...data });
  const handed = (id: string, at: number, to: string) =>
    event(id, 'PersonalDataDisclosed', at, {
      ...{ categories: ['name'], purpose: 'payment', recipient: { id: to, role: 'independent-controller' } },
    });

  test('the first collection, and the first after each erasure', async () => {
    const erased = event('erased', 'PersonalDataErased', -5, { scope: 'all', systems: ['crm'] });
    const log = [collected('a', -9), collected('b', -8), collected('c', -4), collected('d', -3), erased];
    const found = await around(log, about(0), (state) => state.collections(anna).map(({ at }) => (at - NOW) / HOUR));
    expect(found).toEqual([-9, -4]);
  });

  test('and the next one, where that is taken back', async () => {
    const log = [collected('a', -9), collected('b', -8), retracted('r', 'a')];
    expect(await around(log, about(0), (state) => state.collections(anna).map(({ at }) => (at - NOW) / HOUR))).toEqual([-8]);
  });

  test('whoever got data, the first time each', async () => {
    const log = [handed('a', -9, 'bank'), handed('b', -8, 'bank'), handed('c', -7, 'shop'), handed('d', 5, 'late')];
    const erasing = about(0, { scope: 'all', systems: ['crm'] }, 'PersonalDataErased');
    const found = await around(log, erasing, (state) => state.deliveries(anna).map(({ recipient, at }) => [recipient, (at - NOW) / HOUR]));
    expect(found).toEqual([
      ['bank', -9],
      ['shop', -7],
    ]);
  });

  test('the first contact and the first disclosure afterwards', async () => {
    const log = [
      event('before', 'PersonalDataUsed', -9, { purpose: 'newsletter' }),
      event('contact', 'PersonalDataUsed', 3, { purpose: 'newsletter' }),
      handed('handed', 4, 'bank'),
    ];
    const from = about(0, { origin: 'employer', categories: ['name'] }, 'PersonalDataCollected');
    const found = await around(log, from, (state) => [state.firstContactAfter(anna), state.firstDisclosureAfter(anna)]);
    expect(found).toEqual([NOW + 3 * HOUR, NOW + 4 * HOUR]);
  });

  test('whether a source reports collections at all', async () => {
    const reports = (log: Given[]) => around([published('1'), ...log], about(0), (state) => state.reportsCollections(SOURCE));
    expect(await reports([])).toBe(false);
    expect(await reports([collected('a', 5)])).toBe(true);
    expect(await reports([collected('a', 5), retracted('r', 'a')])).toBe(false);
  });
});

test('agreements end with their last day, or when they are terminated', async () => {
  const engaged = (id: string, at: number, data: object = {}) =>
    event(id, 'ProcessorEngaged', at, { recipient: { id: 'host', role: 'processor' }, subjects: [], ...data });
  const ended = event('ended', 'ProcessorTerminated', -1, {
    recipient: { id: 'host', role: 'processor' },
    agreementRef: 'two',
    subjects: [],
  });
  const log = [engaged('a', -9, { agreementRef: 'one', validUntil: '2026-12-31' }), engaged('b', -8, { agreementRef: 'two' }), ended];
  const to = about(0, { recipient: { id: 'host', role: 'processor' } }, 'PersonalDataDisclosed');
  expect(await around(log, to, (state) => state.agreements(['host']))).toEqual([
    { from: NOW - 9 * HOUR, until: Date.parse('2026-12-31T23:59:59.999Z') },
    { from: NOW - 8 * HOUR, until: NOW - HOUR },
  ]);
});
