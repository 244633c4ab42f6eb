import { v7 as uuidv7 } from 'uuid';
import type { Entry } from '../../src/ledger/entry.ts';
import { disclosure } from '../support/write-side.ts';
import { openReadSide, type ReadSide, viewers } from './read-side.ts';

const somebody = (number: number) => ({ scheme: 'customer-number', value: String(number) });
/** Each test has people and a source of its own, so that all share one ledger. */
let tests = 0;
let person = somebody(0);
let other = somebody(0);
let source = '';
beforeEach(() => {
  tests++;
  person = somebody(10_000 + tests);
  other = somebody(20_000 + tests);
  source = `urn:test:${tests}`;
});

/** A disclosure about this test's person by this test's source. */
const mine = (id: string, { data, ...envelope }: { data?: object; [attribute: string]: unknown } = {}) =>
  disclosure(id, { source, ...envelope, data: { subjects: [{ ...person, category: 'customer' }], ...data } });

let ledger: ReadSide;

const ids = ({ items }: { items: { id: string }[] }) => items.map(({ id }) => id);

/** An access: the example of the README without what only a disclosure has. */
function access(id: string, { data, ...envelope }: { data?: object; [attribute: string]: unknown } = {}) {
  const event = disclosure(id, { type: 'PersonalDataAccessed', ...envelope });
  const { recipient, method, consideration, caseRef, statuteRef, ...rest } = event['data'] as Record<string, unknown>;
  return { ...event, data: { ...rest, mode: 'view', outcome: 'ok', ...data } };
}

describe('what it shows', () => {
  beforeAll(async () => {
    ledger = await openReadSide();
  });
  afterAll(() => ledger.close());

  describe('what an item shows', () => {
    test('who, what, whom, when, why, where and to whom, under the names in which it was recorded', async () => {
      await ledger.given(mine('1', { data: { note: 'by hand' } }));
      const { items, next, position, people } = await ledger.timeline({ about: { subject: person } });
      expect(items).toEqual([
        {
          position,
          recordedAt: expect.stringMatching(/^\d{4}-.*Z$/),
          source,
          id: '1',
          type: 'PersonalDataDisclosed',
          time: '2026-03-02T09:14:07.120Z',
          version: 1,
          late: true,
          skew: false,
          actor: { id: 'anna.berg', kind: 'human', role: 'accountant', capacity: 'controller' },
          controller: 'mailit',
          subjects: [{ ...person, category: 'customer' }],
          subjectCount: 1,
          categories: ['name', 'organisation-number'],
          purpose: 'tax-reporting',
          legalBasis: '6(1)(c)',
          statuteRef: 'SFS 2011:1244',
          caseRef: 'VAT-2026-02',
          system: 'billing',
          country: 'SE',
          method: 'api',
          consideration: 'none',
          recipient: { id: 'skatteverket', role: 'independent-controller', country: 'SE' },
          note: 'by hand',
        },
      ]);
      expect(next).toBeNull();
      expect(people).toEqual([expect.stringMatching(/^[\w-]{22}$/)]);
    });

    test('with the scope "ask": identifiers, no sealed details, and actors as references', async () => {
      await ledger.given(mine('1', { data: { note: 'by hand' } }));
      const [item] = (await ledger.timeline({ about: { subject: person } }, viewers.ask)).items;
      expect(item?.subjects).toEqual([{ ...person, category: 'customer' }]);
      expect(item?.actor).toEqual({
        reference: expect.stringMatching(/^[\w-]{22}$/),
        kind: 'human',
        role: 'accountant',
        capacity: 'controller',
      });
      expect(item).not.toHaveProperty('note');
      expect(item).not.toHaveProperty('caseRef');
      expect(JSON.stringify(item)).not.toContain('anna.berg');
    });

    describe('of an event about two people', () => {
      const subjects = () => [
        { ...person, before: { name: 'A' } },
        { ...other, recordRefs: ['r-2'] },
      ];
      beforeEach(() => ledger.given(mine('1', { data: { subjects: subjects(), note: 'of both' } })));

      test('asked about one of them, that person and the number of all', async () => {
        const [item] = (await ledger.timeline({ about: { subject: person } }, viewers.ask)).items;
        expect(item).toMatchObject({ subjects: [person], subjectCount: 2 });
      });

      test('with the scope "case", the details of the person asked about, not what belongs to both', async () => {
        const [item] = (await ledger.timeline({ about: { subject: person } }, viewers.case)).items;
        expect(item).toMatchObject({ subjects: [{ ...person, before: { name: 'A' } }] });
        expect(item).not.toHaveProperty('note');
      });

      test('with the scope "investigate", the others and all details', async () => {
        const [item] = (await ledger.timeline({ about: { subject: person } })).items;
        expect(item).toMatchObject({ subjects: subjects(), subjectCount: 2, note: 'of both' });
      });

      test('asked otherwise, everybody by identifier, and details for nobody but who may see all', async () => {
        const { items, people } = await ledger.timeline({ about: { source } }, viewers.case);
        expect(items[0]?.subjects).toEqual([person, other]);
        expect(people).toHaveLength(2);
      });
    });

    test('of somebody without key whom nobody erased: a reference, and that the key is missing', async () => {
      await ledger.given(mine('1', { data: { note: 'by hand' } }));
      const [event] = await ledger.store.readAll((await ledger.store.head()) - 1, 1);
      const entry = JSON.parse(event?.data as string) as Entry;
      const gone = { ...entry, id: '2', data: { ...entry.data, subjects: [{ ...entry.data.subjects[0], reference: 'A'.repeat(22) }] } };
      const write = { id: uuidv7(), type: 'PersonalDataDisclosed', data: JSON.stringify(gone), metadata: '{}' };
      await ledger.store.append([{ stream: 'processing-test', expectedRevision: 'any', events: [write] }]);
      await ledger.caughtUp();
      const [item] = (await ledger.timeline({ about: { subject: { reference: 'A'.repeat(22) } } })).items;
      expect(item).toMatchObject({
        id: '2',
        subjects: [{ reference: 'A'.repeat(22), category: 'customer', keyMissing: true }],
        purpose: 'tax-reporting',
      });
      expect(item).not.toHaveProperty('note');
    });

    test('a record is late more than a day after it happened, and skewed more than five minutes before', async () => {
      const now = Date.now();
      const at = (ms: number) => new Date(now + ms).toISOString();
      await ledger.record(
        [mine('late', { time: at(-25 * 3_600_000) }), mine('punctual', { time: at(-3_600_000) }), mine('skewed', { time: at(3_600_000) })],
        { now },
      );
      await ledger.caughtUp();
      const { items } = await ledger.timeline({ about: { source }, order: 'asc' });
      expect(items.map(({ id, late, skew }) => [id, late, skew])).toEqual([
        ['late', true, false],
        ['punctual', false, false],
        ['skewed', false, true],
      ]);
    });
  });

  describe('pages', () => {
    beforeEach(async () => {
      await ledger.given(...times.map((time, i) => mine(String(i + 1), { time })));
    });

    const times = ['2026-03-01T10:00:00Z', '2026-03-01T10:00:00Z', '2026-03-01T09:00:00Z', '2026-03-01T11:00:00Z', '2026-03-01T10:00:00Z'];

    test('follow time, then position, and lose and repeat nothing', async () => {
      for (const [order, expected] of [
        ['desc', ['4', '5', '2', '1', '3']],
        ['asc', ['3', '1', '2', '5', '4']],
      ] as const) {
        const seen: string[] = [];
        let cursor: string | undefined;
        do {
          const page = await ledger.timeline({ about: { subject: person }, order, limit: 2, ...(cursor && { cursor }) });
          expect(page.isFurtherPage).toBe(cursor !== undefined);
          seen.push(...ids(page));
          cursor = page.next ?? undefined;
        } while (cursor);
        expect(seen).toEqual(expected);
      }
    });

    test('are of one state of the ledger, whatever is recorded in between', async () => {
      const first = await ledger.timeline({ about: { source }, limit: 2 });
      await ledger.given(mine('6', { time: '2026-03-01T10:00:00Z' }));
      const second = await ledger.timeline({ about: { source }, limit: 10, cursor: first.next as string });
      expect([...ids(first), ...ids(second)]).toEqual(['4', '5', '2', '1', '3']);
      expect([second.position, second.asOf, second.correlationId]).toEqual([first.position, first.asOf, first.correlationId]);
    });

    test('a cursor opens for its own question and its own asker alone', async () => {
      const about = { subject: person };
      const cursor = (await ledger.timeline({ about, limit: 2 })).next as string;
      const refused = { name: 'InvalidCursor' };
      await expect(ledger.timeline({ about: { system: 'billing' }, cursor })).rejects.toMatchObject(refused);
      await expect(ledger.timeline({ about, order: 'asc', cursor })).rejects.toMatchObject(refused);
      await expect(ledger.timeline({ about, cursor }, viewers.ask)).rejects.toMatchObject(refused);
      await expect(ledger.disclosures({ about, cursor })).rejects.toMatchObject(refused);
      await expect(
        ledger.timeline({ about, cursor: `${cursor.slice(0, -3)}${cursor.endsWith('AAA') ? 'BBB' : 'AAA'}` }),
      ).rejects.toMatchObject(refused);
      await expect(ledger.timeline({ about, cursor: 'x' })).rejects.toMatchObject(refused);
      const [body, tag] = cursor.split('.') as [string, string];
      await expect(ledger.timeline({ about, cursor: `${Buffer.from('[9,"",""]').toString('base64url')}.${tag}` })).rejects.toMatchObject(
        refused,
      );
      expect(ids(await ledger.timeline({ about: { subject: [person] }, limit: 3, cursor: `${body}.${tag}` }))).toEqual(['2', '1', '3']);
    });
  });

  describe('corrections and retractions', () => {
    const revision = (type: string, id: string, target: string, more: object = {}) => ({
      specversion: '1.0',
      source,
      id,
      type,
      time: '2026-03-02T10:00:00Z',
      data: {
        actor: { id: 'anna.berg', kind: 'human', role: 'accountant', capacity: 'controller' },
        subjects: [person],
        target: { source, id: target },
        reason: 'wrong purpose',
        approver: 'maria.ek',
        ...more,
      },
    });
    const correction = (id: string, target: string, replacement: string) =>
      revision('RecordCorrected', id, target, { replacement: { source, id: replacement } });

    test('a corrected record stays and says by what it was replaced', async () => {
      await ledger.given(mine('1'), mine('2'), correction('c', '1', '2'));
      const { items } = await ledger.timeline({ about: { source, type: 'PersonalDataDisclosed' }, order: 'asc' });
      expect(items[0]).toMatchObject({
        id: '1',
        corrected: {
          by: { source, id: 'c', position: expect.any(Number), recordedAt: expect.any(String) },
          replacement: { source, id: '2' },
        },
      });
      expect(items[1]).not.toHaveProperty('corrected');
      expect(ids(await ledger.timeline({ about: { subject: person } }))).toContain('c');
    });

    test('in whatever order they arrive', async () => {
      await ledger.given(revision('RecordRetracted', 'r', '1'));
      await ledger.given(mine('1'));
      const { items } = await ledger.timeline({ about: { source, type: 'PersonalDataDisclosed' } });
      expect(items[0]).toMatchObject({ id: '1', retracted: { by: { id: 'r' } } });
    });

    test('as of a moment before, the record stands as it was known then', async () => {
      await ledger.given(mine('1'));
      const [recorded] = (await ledger.timeline({ about: { source } })).items;
      await new Promise((resolve) => setTimeout(resolve, 5));
      await ledger.given(revision('RecordRetracted', 'r', '1'));
      const then = await ledger.timeline({ about: { source }, asOf: recorded?.recordedAt as string });
      expect(then).toMatchObject({ position: recorded?.position, asOf: recorded?.recordedAt, items: [{ id: '1' }] });
      expect(then.items[0]).not.toHaveProperty('retracted');
    });

    test('a retraction that was itself retracted is none', async () => {
      await ledger.given(mine('1'), revision('RecordRetracted', 'r', '1'), revision('RecordRetracted', 'rr', 'r'));
      const { items } = await ledger.timeline({ about: { source, type: 'PersonalDataDisclosed' } });
      expect(items[0]).not.toHaveProperty('retracted');
    });
  });

  describe('as of', () => {
    test('a day is its end in UTC; before anything was recorded there is nothing', async () => {
      await ledger.given(mine('1'));
      expect(await ledger.timeline({ asOf: '2020-02-29' })).toMatchObject({ items: [], position: 0, asOf: '2020-02-29T23:59:59.999Z' });
      expect(ids(await ledger.timeline({ about: { source }, asOf: '2999-12-31' }))).toEqual(['1']);
    });

    test('what is no time is refused', async () => {
      await expect(ledger.timeline({ asOf: '2026-13-45' })).rejects.toMatchObject({ name: 'InvalidMoment' });
      await expect(ledger.timeline({ about: { from: '2026-13-45' } })).rejects.toMatchObject({ name: 'InvalidMoment' });
    });

    test('an answer waits for the position that it was asked to cover', async () => {
      const { position } = await ledger.record([mine('1')]);
      expect(ids(await ledger.timeline({ about: { source }, after: position }))).toEqual(['1']);
    });
  });
});

describe('what it can be asked about', () => {
  const person = somebody(10_027);
  const other = somebody(10_028);
  beforeAll(async () => {
    ledger = await openReadSide();
    await ledger.given(
      disclosure('1', { time: '2026-03-01T10:00:00Z', data: { subjects: [person] } }),
      access('2', {
        time: '2026-03-01T11:00:00Z',
        data: { mode: 'view', outcome: 'ok', system: 'crm', subjects: [other] },
      }),
      disclosure('3', {
        time: '2026-03-01T12:00:00Z',
        source: 'urn:mailit:crm',
        data: {
          actor: { id: 'bot', kind: 'service', role: 'batch', capacity: 'controller', onBehalfOf: 'anna.berg' },
          recipient: { id: 'nordbank', role: 'independent-controller', country: 'DE' },
          purpose: 'payment',
          legalBasis: '6(1)(b)',
          categories: ['bank-account'],
          subjects: [person, other],
        },
      }),
    );
  });
  afterAll(() => ledger.close());

  test.each([
    ['subject', { subject: person }, ['3', '1']],
    ['several subjects', { subject: [person, other] }, ['3', '2', '1']],
    ['actor, and what was done on the actor’s behalf', { actor: 'anna.berg' }, ['3', '2', '1']],
    ['another actor', { actor: ['bot'] }, ['3']],
    ['recipient', { recipient: 'skatteverket' }, ['1']],
    ['system', { system: 'crm' }, ['2']],
    ['source', { source: 'urn:mailit:crm' }, ['3']],
    ['purpose', { purpose: ['tax-reporting', 'payment'] }, ['3', '2', '1']],
    ['category', { category: 'bank-account' }, ['3']],
    ['type', { type: 'PersonalDataAccessed' }, ['2']],
    ['legal basis', { legalBasis: '6(1)(b)' }, ['3']],
    ['case', { caseRef: 'VAT-2026-02' }, ['3', '1']],
    ['country of the recipient', { country: 'DE' }, ['3']],
    ['a window: from inclusive, to exclusive', { from: '2026-03-01T11:00:00Z', to: '2026-03-01T12:00:00Z' }, ['2']],
    ['a window of days', { from: '2026-03-01', to: '2026-03-02' }, ['3', '2', '1']],
    ['all axes together', { subject: person, actor: 'anna.berg', purpose: 'payment', recipient: 'nordbank', country: 'SE' }, ['3']],
    ['axes that never meet', { subject: person, system: 'crm' }, []],
    ['a code that never occurred', { purpose: 'newsletter' }, []],
    ['somebody unknown', { subject: { scheme: 'customer-number', value: '999' } }, []],
    ['an unknown among known', { subject: [{ scheme: 'customer-number', value: '999' }, other] }, ['3', '2']],
  ])('%s', async (_name, about, expected) => {
    expect(ids(await ledger.timeline({ about }))).toEqual(expected);
    expect(ids(await ledger.timeline({ about, order: 'asc' }))).toEqual([...expected].reverse());
  });

  test('the reference that an answer showed', async () => {
    const [item] = (await ledger.timeline({ about: { purpose: 'payment' } }, viewers.ask)).items;
    const actor = item?.actor.reference as string;
    expect(ids(await ledger.timeline({ about: { actor } }, viewers.ask))).toEqual(['3']);
    const { people } = await ledger.timeline({ about: { subject: person } });
    expect(ids(await ledger.timeline({ about: { subject: { reference: people[0] as string } } }))).toEqual(['3', '1']);
  });

  test('asking about somebody unknown makes nobody known', async () => {
    const unknown = { scheme: 'customer-number', value: '999' };
    const { people } = await ledger.timeline({ about: { subject: unknown } });
    expect(people).toEqual([]);
    expect(await ledger.vault.resolve([unknown], { create: false })).toEqual([undefined]);
  });
});
