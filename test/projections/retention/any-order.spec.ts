/** Whatever was said, in whichever order it arrived and in whichever pages it was applied: the same comes of it. */
import fc from 'fast-check';
import type { ViewsDatabase } from '../../../projections/database.ts';
import type { RecordedEvent } from '../../../src/eventstore/event-store.ts';
import {
  applied,
  corrected,
  destroyed,
  erased,
  findingsIn,
  hold,
  itemsIn,
  linked,
  logOf,
  NOW,
  POLICY,
  published,
  RULES,
  released,
  removeFiles,
  retracted,
  rowsIn,
  separated,
  type Told,
  told,
  used,
} from './given.ts';

afterAll(removeFiles);

const DAY_MS = 86_400_000;
const SECOND = published(
  {
    ...RULES,
    orders: { ...RULES.orders, period: 'P6M', subjects: ['customer'] },
    others: { purposes: ['contract-fulfilment'], subjects: ['subscriber'], trigger: 'first-processing', period: 'P18M' },
    books: { purposes: ['payment'], trigger: 'PersonalDataDisclosed', period: 'P3M' },
  },
  { version: '2', effectiveFrom: '2025-07-01' },
);

/** Few days, people and ids, so that they meet; in places the very same millisecond. */
const time = fc.nat(40).map((n) => new Date(Date.UTC(2024, 0, 1 + 21 * (n % 38), n % 3)).toISOString());
const who = fc
  .subarray(['anna', 'bo', 'cy'], { minLength: 1 })
  .chain((some) =>
    fc
      .constantFrom('customer', 'subscriber', undefined)
      .map((category) => some.map((reference) => ({ reference, ...(category && { category }) }))),
  );
const purpose = fc.constantFrom('contract-fulfilment', 'newsletter', 'recruitment', 'payment', 'security');
const inCase = fc.constantFrom({}, { caseRef: 'case-1' }, { caseRef: 'case-2' });
const system = fc.constantFrom('crm', 'mailer');
const codes = fc.constantFrom('all', 'newsletter', 'contract-fulfilment', 'name', 'phone', 'words');
const id = (of: string) => fc.nat(9).map((n) => `${of}${n}`);

const processing = fc
  .record({
    time,
    who,
    purpose,
    inCase,
    system,
    categories: fc.subarray(['name', 'phone'], { minLength: 1 }),
    type: fc.constantFrom('PersonalDataUsed', 'PersonalDataDisclosed'),
  })
  .chain((of) =>
    id('t').map((name) => ({
      ...used(of.time, { ...of.inCase, subjects: of.who, purpose: of.purpose, system: of.system, categories: of.categories }, name),
      type: of.type,
    })),
  );
const erasure = fc
  .record({ time, who, scope: fc.array(codes, { minLength: 1, maxLength: 2 }), systems: fc.subarray(['crm', 'mailer'], { minLength: 1 }) })
  .chain((of) => id('t').map((name) => erased(of.time, of.scope, of.systems, { subjects: of.who }, name)));
const turn = fc
  .record({
    time,
    who,
    type: fc.constantFrom('ConsentGiven', 'ConsentWithdrawn', 'RecruitmentProcessOpened', 'RecruitmentProcessClosed'),
    inCase,
  })
  .chain((of) =>
    id('t').map((name) => {
      const isConsent = of.type.startsWith('Consent');
      return told(
        of.type,
        of.time,
        isConsent ? { subjects: of.who, purposes: ['newsletter'] } : { ...of.inCase, purpose: 'recruitment' },
        name,
      );
    }),
  );
const held = fc
  .record({
    time,
    who,
    review: fc.constantFrom('2026-01-31', '2027-01-31'),
    scope: fc.option(fc.array(codes, { minLength: 1, maxLength: 2 }), { nil: undefined }),
  })
  .chain((of) => id('h').map((name) => hold(of.time, of.review, { subjects: of.who, ...(of.scope && { scope: of.scope }) }, name)));
const release = fc
  .record({ time, who, target: id('h') })
  .chain((of) => id('r').map((name) => released(of.time, of.target, { subjects: of.who }, name)));
const revision = fc
  .record({ target: fc.oneof(id('t'), id('c')), replacement: id('t'), isRetracted: fc.boolean() })
  .chain(({ target, replacement, isRetracted }) =>
    id('c').map((name) => (isRetracted ? retracted(target, name) : corrected(target, replacement, name))),
  );
const gone = fc.constantFrom('anna', 'cy').map(destroyed);

/** A record each: what is told twice is refused long before. */
const records = fc.uniqueArray(
  fc.oneof(
    { arbitrary: processing, weight: 8 },
    { arbitrary: turn, weight: 3 },
    { arbitrary: revision, weight: 3 },
    erasure,
    held,
    release,
    gone,
  ),
  { maxLength: 24, selector: ({ id, source }) => `${source} ${id}` },
);
/** What the ledger says of itself keeps its order. */
const own = fc.subarray([POLICY, linked('l1', 'anna', 'bo'), SECOND, linked('l2', 'bo', 'cy'), separated('l1')]);

/** In an order of their own, the ledger's own as they stand. */
function woven(all: readonly Told[], ledgers: readonly Told[], weights: readonly number[]): Told[] {
  const places = ledgers.map((_, i) => weights[i] as number).sort((a, b) => a - b);
  const placed = [
    ...ledgers.map((told, i) => ({ told, at: places[i] as number })),
    ...all.map((told, i) => ({ told, at: weights[ledgers.length + i] as number })),
  ];
  return placed.sort((a, b) => a.at - b.at).map((each) => each.told);
}

/** Each has other codes and other rules; the one between is the only one to which `words` is a code. */
const between = (effectiveFrom: string, version: string, words: string[]) =>
  published({ ...RULES, orders: { ...RULES.orders, period: `P${version}M` } }, { version, effectiveFrom, words });
const VERSIONS = [
  between('2024-03-01', '3', []),
  between('2024-09-01', '4', ['words']),
  between('2025-03-01', '5', []),
  between('2025-09-01', '6', ['name']),
];

const weights = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 40, maxLength: 40 });
const clock = (i: number) => NOW + i * 9 * DAY_MS;

/** What stands, by the ids of events and not by where they stand in the log. */
const standing = (log: readonly RecordedEvent[]) => async (views: ViewsDatabase) => {
  const idAt = (position: number | null) => {
    const event = log.find((each) => each.position === position);
    return event && (JSON.parse(event.data) as { id: string }).id;
  };
  const items = (await itemsIn(views)).map((item) => ({ ...item, position: idAt(item.position), hold: idAt(item.hold) }));
  const open = (await findingsIn(views)).filter(({ until }) => until === null);
  const findings = open.map(({ position, whom, what, dueAt }) => ({ event: idAt(position), whom, what, dueAt }));
  const sorted = <T>(some: T[]) => some.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  return { items: sorted(items), findings: sorted(findings) };
};

test('any order of arrival gives the same items and open findings', () =>
  fc.assert(
    fc.asyncProperty(records, own, weights, weights, async (all, ledgers, one, other) => {
      const [first, second] = [logOf(woven(all, ledgers, one), clock), logOf(woven(all, ledgers, other), clock)];
      expect(await applied(second, standing(second))).toEqual(await applied(first, standing(first)));
    }),
    { numRuns: Number(process.env['RUNS'] ?? 60) },
  ));

test('nor does the order in which versions are published, before what they speak of or after it', () =>
  fc.assert(
    fc.asyncProperty(records, fc.subarray(VERSIONS, { minLength: 1 }), weights, weights, async (all, versions, one, other) => {
      const logged = (by: readonly number[]) => logOf(woven([...versions, ...all], [], by), clock);
      const [first, second] = [logged(one), logged(other)];
      expect(await applied(second, standing(second))).toEqual(await applied(first, standing(first)));
    }),
    { numRuns: Number(process.env['RUNS'] ?? 60) },
  ));

test('page by page, with the process begun anew between, the same rows as at once', () =>
  fc.assert(
    fc.asyncProperty(
      records,
      own,
      weights,
      fc.array(fc.nat(30), { maxLength: 4 }),
      fc.integer({ min: 1, max: 5 }),
      fc.constantFrom(1, 5, 50_000),
      async (all, ledgers, one, stops, pageEvents, step) => {
        const log = logOf(woven(all, ledgers, one), clock);
        const ends = stops.map((end) => Math.min(end, log.length)).sort((a, b) => a - b);
        expect(await applied(log, rowsIn, { ends, pageEvents, step })).toEqual(await applied(log, rowsIn));
      },
    ),
    { numRuns: Number(process.env['RUNS'] ?? 40) },
  ));

/** Rows of a past that was, against those of a log that ends there. */
test('as of every position what stood is what a log that ends there would say', () =>
  fc.assert(
    fc.asyncProperty(records, own, weights, fc.nat(28), async (all, ledgers, one, at) => {
      const log = logOf(woven(all, ledgers, one), clock);
      const end = Math.min(at, log.length);
      const asOf = (views: ViewsDatabase) => stoodAt(views, end);
      expect(await applied(log, asOf)).toEqual(await applied(log.slice(0, end), asOf));
    }),
    { numRuns: Number(process.env['RUNS'] ?? 40) },
  ));

async function stoodAt({ db }: ViewsDatabase, position: number): Promise<string[]> {
  const items = await db.selectFrom('retention_items').selectAll().execute();
  const past = await db.selectFrom('retention_past').selectAll().execute();
  const isThen = ({ since, until }: { since: number; until: number | null }) => since <= position && (until === null || until > position);
  const of = new Map(items.map((item) => [item.id, item]));
  const then = [...items.filter(isThen), ...past.filter(isThen).map((state) => ({ ...of.get(state.item), ...state }))];
  return then
    .map(({ person, purpose, rule, version, case_ref, kind, missing, time, due_at, hold: by, review_at }) =>
      JSON.stringify([person, purpose, rule, version, case_ref, kind, missing, time, due_at, by, review_at]),
    )
    .sort();
}
