/** How events are judged: what stands found depends on what stands recorded, and on nothing else. */
import fc from 'fast-check';
import type { RecordedEvent } from '../../../src/eventstore/event-store.ts';
import { counted, expected, found, type Given, judging, published, recorded, reference, rowsOf } from './engine.ts';

/** Logs tried of each property; more of them where somebody looks for what is rare. */
const RUNS = Number(process.env['RUNS'] ?? 40);

const people = ['anna', 'bo', 'cia'].map(reference);
const staff = ['maria', 'nils'].map(reference);
const SOURCES = ['urn:test:a', 'urn:test:b'];

const person = fc.constantFrom(...people);
const actor = fc.record({
  reference: fc.constantFrom(...staff),
  kind: fc.constantFrom('human', 'human', 'service'),
  role: fc.constant('clerk'),
  capacity: fc.constantFrom('controller', 'controller', 'controller', 'processor'),
});
const subject = fc.record({ reference: person, category: fc.constantFrom('customer', 'subscriber', undefined) });
const subjects = fc.oneof({ arbitrary: fc.tuple(subject), weight: 4 }, fc.array(subject, { minLength: 2, maxLength: 3 }));
const pointer = fc.record({ source: fc.constantFrom(...SOURCES), id: fc.nat(24).map(String) });
const purpose = fc.constantFrom('customer-communication', 'newsletter', 'invoice-distribution', 'tax-reporting');
const categories = fc.constantFrom(['name'], ['name', 'work-email'], ['tax']);

const processing = (types: readonly string[], more: Record<string, fc.Arbitrary<unknown>> = {}) =>
  fc.record({
    type: fc.constantFrom(...types),
    data: fc.record({
      ...{ actor, subjects, categories, purpose, legalBasis: fc.constantFrom('6(1)(f)', '6(1)(a)') },
      ...{ controller: fc.constantFrom('mailit', 'mailit', undefined, 'other'), country: fc.constant('SE') },
      ...{ system: fc.constantFrom('crm', 'mailer'), caseRef: fc.constantFrom(reference('case'), undefined), ...more },
    }),
  });
const about = (types: readonly string[], more: Record<string, fc.Arbitrary<unknown>> = {}) =>
  fc.record({ type: fc.constantFrom(...types), data: fc.record({ actor, subjects: fc.tuple(subject), ...more }) });

const recipient = fc.constantFrom(
  { id: 'fakturabud', role: 'independent-controller', country: 'SE' },
  { id: 'printshop', role: 'processor', country: 'SE' },
  { id: 'norrdrift', role: 'processor', country: 'SE' },
  { id: 'nd', role: 'processor', country: 'SE' },
  { role: 'data-subject' },
  { id: 'polisen', role: 'authority', country: 'SE' },
);
const scope = fc.constantFrom('all', 'newsletter', ['name']);
const said = { target: pointer, approver: fc.constantFrom(...staff, ...people) };

const happening = fc.oneof(
  { arbitrary: processing(['PersonalDataUsed', 'PersonalDataStored']), weight: 4 },
  {
    arbitrary: processing(['PersonalDataAccessed'], { mode: fc.constant('view'), outcome: fc.constantFrom('ok', 'ok', 'denied') }),
    weight: 3,
  },
  {
    arbitrary: processing(['PersonalDataCollected'], {
      ...{ origin: fc.constantFrom('subject', 'employer', 'third-party'), channel: fc.constant('web-form') },
      noticeRef: fc.constantFrom(undefined, undefined, 'notice-1'),
    }),
    weight: 4,
  },
  {
    arbitrary: processing(['PersonalDataDisclosed'], { recipient, consideration: fc.constant('none'), method: fc.constant('api') }),
    weight: 3,
  },
  { arbitrary: processing(['PersonalDataErased'], { scope, systems: fc.constantFrom(['crm'], ['crm', 'mailer']) }), weight: 2 },
  { arbitrary: processing(['PersonalDataRectified']), weight: 1 },
  {
    arbitrary: about(['ConsentGiven', 'ConsentWithdrawn', 'ConsentRefused', 'ConsentExpired'], { purposes: purpose.map((each) => [each]) }),
    weight: 3,
  },
  {
    arbitrary: about(['ObjectionRaised'], { purposes: purpose.map((each) => [each]), kind: fc.constantFrom('21(1)', '21(2)') }),
    weight: 2,
  },
  { arbitrary: about(['ObjectionDecided'], { target: pointer, outcome: fc.constantFrom('upheld', 'rejected') }), weight: 1 },
  { arbitrary: about(['ProcessingRestricted'], { scope }), weight: 2 },
  {
    arbitrary: about(['RestrictionLifted'], {
      target: fc.option(pointer, { nil: undefined }),
      scope: fc.option(scope, { nil: undefined }),
    }),
    weight: 1,
  },
  { arbitrary: about(['InformationProvided'], { purpose, right: fc.constantFrom(undefined, 'information', 'access') }), weight: 2 },
  {
    arbitrary: about(['RecipientNotified'], {
      recipient: fc.constant({ id: 'fakturabud', role: 'independent-controller' }),
      right: fc.constantFrom(undefined, 'erasure'),
      result: fc.constantFrom('told', 'failed'),
    }),
    weight: 1,
  },
  {
    arbitrary: about(['AccessGranted', 'AccessRevoked'], { grantee: fc.constantFrom(...staff), purposes: purpose.map((each) => [each]) }),
    weight: 2,
  },
  { arbitrary: about(['StaffInstructed'], { staff: fc.constantFrom(...staff) }), weight: 1 },
  {
    arbitrary: about(['ProcessorEngaged', 'ProcessorTerminated'], {
      recipient: fc.constantFrom('printshop', 'norrdrift', 'nd').map((id) => ({ id, role: 'processor' })),
    }),
    weight: 1,
  },
  {
    arbitrary: about(['RightsRequestReceived', 'RightsRequestFulfilled'], {
      right: fc.constant('access'),
      requestRef: fc.constant(reference('request')),
    }),
    weight: 1,
  },
  { arbitrary: about(['RecordRetracted'], said), weight: 4 },
  { arbitrary: about(['RecordCorrected'], { ...said, replacement: pointer }), weight: 3 },
);

/** What sources say: in no order, and hours apart, so that the seconds between recordings decide nothing. */
const facts = fc
  .array(fc.tuple(happening, fc.constantFrom(...SOURCES), fc.integer({ min: -40, max: 20 })), { minLength: 1, maxLength: 24 })
  .map((all) =>
    all.map(([{ type, data }, source, at], i): Given => {
      const known = Object.fromEntries(Object.entries(data).filter(([, value]) => value !== undefined));
      return { type, source, id: String(i), at: at * 3 + 1, data: withoutUndefined(notAtItself(known, source, String(i))) };
    }),
  );

/** No record is let point at itself. */
function notAtItself(data: Record<string, unknown>, source: string, id: string): object {
  const isItself = (value: unknown) => (value as { source?: string })?.source === source && (value as { id?: string })?.id === id;
  return Object.fromEntries(Object.entries(data).map(([name, value]) => [name, isItself(value) ? { source, id: `${id}?` } : value]));
}

/** A processor goes by another name, too. */
const named = (text: string) => text.replace('    name: Norrdrift\n', '    name: Norrdrift\n    aliases: [nd]\n');

/** What the ledger says itself, in its order: versions, links, separations. */
const own: fc.Arbitrary<Given[]> = fc
  .tuple(fc.boolean(), fc.boolean(), fc.boolean(), fc.boolean(), fc.boolean())
  .map(([hasPolicy, hasAliases, hasSecond, hasLink, isSeparated]) => [
    ...(hasPolicy ? [published('1', { change: hasAliases ? named : (text) => text })] : []),
    ...(hasPolicy && hasSecond
      ? [
          published('2', {
            at: 0,
            effectiveFrom: '2026-03-02T16:30:00Z',
            change: (text) => named(text.replace('every: P12M', 'every: P1D')),
          }),
        ]
      : []),
    ...(hasLink ? [link] : []),
    ...(hasLink && isSeparated ? [separation] : []),
  ]);

const PEOPLE = 'urn:liggare:people';
const link: Given = {
  ...{ type: 'SubjectsMerged', source: PEOPLE, id: 'link', at: 0 },
  data: { subjects: people.slice(0, 2).map((each) => ({ reference: each })) },
};
const separation: Given = {
  ...{ type: 'RecordRetracted', source: PEOPLE, id: 'separation', at: 0 },
  data: { subjects: [], target: { source: PEOPLE, id: 'link' }, approver: reference('somebody') },
};

const withoutUndefined = (data: object): Record<string, unknown> => JSON.parse(JSON.stringify(data)) as Record<string, unknown>;

/** Both in one log; what the ledger says keeps its order. */
const logs = fc
  .tuple(facts, own, fc.array(fc.nat(1_000), { minLength: 4, maxLength: 4 }))
  .map(([facts, own, places]) => mixed(facts, own, places));

function mixed(facts: readonly Given[], own: readonly Given[], places: readonly number[]): Given[] {
  const at = own.map((_, i) => (places[i] as number) % (facts.length + 1)).sort((a, b) => a - b);
  return facts.flatMap((each, i) => [...own.filter((_, n) => at[n] === i), each]).concat(own.filter((_, n) => at[n] === facts.length));
}

const answers = (events: readonly RecordedEvent[], options?: Parameters<typeof judging>[2]) =>
  judging(events, async (db) => ({ found: await found(db), counted: await counted(db) }), options);

describe('what stands found', () => {
  test('is what the rules say of everything that stands recorded', () =>
    fc.assert(
      fc.asyncProperty(logs, async (log) => {
        const events = recorded(log);
        expect(await answers(events)).toEqual(expected(events));
      }),
      { numRuns: RUNS },
    ));
});

describe('any order of arrival', () => {
  test('gives the same open findings and counts; what the ledger says itself keeps its order', () =>
    fc.assert(
      fc.asyncProperty(
        logs.chain((log) => {
          const isOwn = ({ source }: Given) => source.startsWith('urn:liggare:');
          const others = log.filter((each) => !isOwn(each));
          const places = fc.array(fc.nat(1_000), { minLength: 5, maxLength: 5 });
          const shuffled = fc.tuple(fc.shuffledSubarray(others, { minLength: others.length }), places);
          return fc.tuple(
            fc.constant(log),
            shuffled.map(([facts, at]) => mixed(facts, log.filter(isOwn), at)),
          );
        }),
        async ([log, shuffled]) => {
          expect(await answers(recorded(shuffled))).toEqual(await answers(recorded(log)));
        },
      ),
      { numRuns: RUNS },
    ));
});

describe('the same rows', () => {
  test('page by page, one by one, live as rebuilt, and with nothing remembered', () =>
    fc.assert(
      fc.asyncProperty(
        logs,
        fc.integer({ min: 1, max: 7 }),
        fc.array(fc.nat(24), { maxLength: 3 }),
        fc.boolean(),
        async (log, pageEvents, ends, restarts) => {
          const events = recorded(log);
          const live = ends.sort((a, b) => a - b).map((end) => Math.min(end, events.length));
          const rows = await judging(events, rowsOf, { pageEvents, restarts, ends: [0, ...live] });
          expect(rows).toEqual(await judging(events, rowsOf));
        },
      ),
      { numRuns: RUNS },
    ));
});

describe('a processor that goes by several names', () => {
  const by = {
    actor: { reference: staff[0], kind: 'service', capacity: 'controller' },
    subjects: [{ reference: people[0], category: 'customer' }],
  };
  const policy = published('1', { change: named });
  const handed = (id: string, at: number): Given => ({
    ...{ type: 'PersonalDataDisclosed', source: SOURCES[0] as string, id: `to ${id} ${at}`, at },
    data: {
      ...by,
      categories: ['tax'],
      purpose: 'tax-reporting',
      legalBasis: '6(1)(c)',
      recipient: { id, role: 'processor', country: 'SE' },
    },
  });
  const engaged: Given = {
    ...{ type: 'ProcessorEngaged', source: SOURCES[0] as string, id: 'engaged', at: -5 },
    data: { ...by, recipient: { id: 'nd', role: 'processor' } },
  };
  const unsaid: Given = {
    ...{ type: 'RecordRetracted', source: SOURCES[0] as string, id: 'unsaid', at: 5 },
    data: { ...by, target: { source: SOURCES[0], id: 'engaged' }, approver: people[1] },
  };
  const disclosed = [handed('norrdrift', 1), handed('nd', 2)];

  test.each<[string, Given[], number]>([
    ['engaged before', [policy, engaged, ...disclosed], 0],
    ['engaged late', [policy, ...disclosed, engaged], 0],
    ['the policy last', [...disclosed, engaged, policy], 0],
    ['the policy in between', [engaged, policy, ...disclosed], 0],
    ['which was taken back', [policy, engaged, ...disclosed, unsaid], 2],
  ])('%s: it has one agreement', async (_given, log, beyond) => {
    const events = recorded(log);
    for (const pageEvents of [1, 100]) {
      const answer = await answers(events, { pageEvents });
      expect(answer).toEqual(expected(events));
      expect(answer.found.filter((each) => each.includes(' R9 beyond-agreement'))).toHaveLength(beyond);
    }
  });
});
