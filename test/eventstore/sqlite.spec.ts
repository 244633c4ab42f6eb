import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import Database from 'better-sqlite3';
import { v7 } from 'uuid';
import {
  EventIdReused,
  InvalidWrite,
  StoreUnavailable,
  type StreamWrite,
  WrongExpectedRevision,
} from '../../src/eventstore/event-store.ts';
import { recordKey } from '../../src/eventstore/record-key.ts';
import { type CommitTiming, indexPathOf, SqliteEventStore, type SqliteStoreOptions } from '../../src/eventstore/sqlite.ts';
import { SqliteLogReader } from '../../src/eventstore/sqlite-reader.ts';
import { eventStoreContract } from './contract.ts';
import { anEvent, aRecord, removeTemporaryFolders, someEvents, temporaryFolder } from './given.ts';

afterAll(removeTemporaryFolders);

eventStoreContract('the embedded store', async () => {
  const path = join(temporaryFolder(), 'ledger.db');
  let store = await SqliteEventStore.open({ path });
  return {
    store,
    restart: async () => {
      await store.close();
      store = await SqliteEventStore.open({ path });
      return store;
    },
    dispose: () => store.close(),
  };
});

describe('the embedded store promises more', () => {
  let path: string;
  let store: SqliteEventStore;

  beforeAll(async () => {
    path = join(temporaryFolder(), 'ledger.db');
    store = await SqliteEventStore.open({ path });
  });
  afterAll(() => store.close());

  const restart = async (options: Partial<SqliteStoreOptions> = {}) => {
    await store.close();
    store = await SqliteEventStore.open({ path, ...options });
  };
  const toStream = (...events: StreamWrite['events'][number][]): StreamWrite => ({
    stream: 'processing-test',
    expectedRevision: 'any',
    events,
  });
  const positionOf = async (...events: StreamWrite['events'][number][]) => {
    const [written] = await store.append([toStream(...events)]);
    return written?.[0]?.outcome === 'appended' ? written[0].position : Number.NaN;
  };

  describe('positions', () => {
    it('are dense from 1, over all streams', async () => {
      const own = await SqliteEventStore.open({ path: join(temporaryFolder(), 'ledger.db') });
      await Promise.all(Array.from({ length: 20 }, (_, i) => own.append([{ ...toStream(...someEvents(2)), stream: `s${i % 3}` }])));
      expect((await own.readAll(0, 100)).map((event) => event.position)).toEqual(Array.from({ length: 40 }, (_, i) => i + 1));
      expect(await own.head()).toBe(40);
      await own.close();
    });
  });

  describe('one append over several streams', () => {
    it('is stored wholly or not at all', async () => {
      const [first, second] = [`a-${v7()}`, `b-${v7()}`];
      await store.append([{ stream: second, expectedRevision: 'no-stream', events: [anEvent()] }]);
      const head = await store.head();
      const writes = [
        { stream: first, expectedRevision: 'no-stream' as const, events: someEvents(3) },
        { stream: second, expectedRevision: 'no-stream' as const, events: someEvents(3) },
      ];
      await expect(store.append(writes)).rejects.toMatchObject({ name: 'WrongExpectedRevision', stream: second, actual: 0 });
      expect(await store.head()).toBe(head);
      expect(await store.readStream(first, 0, 10)).toEqual([]);
    });

    it('sees its own earlier writes to the same stream', async () => {
      const stream = `a-${v7()}`;
      const written = await store.append([
        { stream, expectedRevision: 'no-stream', events: someEvents(2) },
        { stream, expectedRevision: 1, events: someEvents(1) },
      ]);
      expect(written.flat().map((event) => event.outcome === 'appended' && event.revision)).toEqual([0, 1, 2]);
    });
  });

  describe('requests that share a transaction', () => {
    it('do not harm each other', async () => {
      const stream = `a-${v7()}`;
      const reused = anEvent();
      await store.append([toStream(reused)]);
      const outcomes = await Promise.allSettled([
        store.append([{ stream, expectedRevision: 'no-stream', events: someEvents(2) }]),
        store.append([{ stream, expectedRevision: 'no-stream', events: someEvents(2) }]),
        store.append([{ stream, expectedRevision: 'any', events: [anEvent(), { ...reused }] }]),
        store.append([{ stream, expectedRevision: 1, events: someEvents(1) }]),
      ]);
      expect(outcomes.map((outcome) => (outcome.status === 'rejected' ? outcome.reason.constructor : outcome.status))).toEqual([
        'fulfilled',
        WrongExpectedRevision,
        EventIdReused,
        'fulfilled',
      ]);
      expect(await store.readStream(stream, 0, 10)).toHaveLength(3);
    });
  });

  describe('lookups and appends made together', () => {
    it('each get their own answer', async () => {
      const position = await positionOf(aRecord('together-0'));
      const key = (i: number) => recordKey('urn:test:source', `together-${i}`);
      const answers = await Promise.all(
        Array.from({ length: 50 }, (_, i) => [
          store.append([toStream(aRecord(`together-${i + 1}`))]),
          store.find([key(0), key(10_000)]),
        ]).flat(),
      );
      const written = answers.filter((_, i) => i % 2 === 0);
      expect(written.map((answer) => (answer as { position: number }[][])[0]?.[0]?.position)).toEqual(
        written.map((_, i) => position + 1 + i),
      );
      expect(answers.filter((_, i) => i % 2 === 1)).toEqual(written.map(() => [position, undefined]));
    });
  });

  describe('event ids', () => {
    it('are answered as they stand whatever the expected revision', async () => {
      const stream = `a-${v7()}`;
      const events = someEvents(2);
      const first = await store.append([{ stream, expectedRevision: 'no-stream', events }]);
      for (const expectedRevision of ['any', 'no-stream', 0, 1, 17] as const) {
        expect(await store.append([{ stream, expectedRevision, events }])).toEqual(first);
      }
    });

    it('twice in one append are stored once', async () => {
      const event = anEvent();
      const [written] = await store.append([toStream(anEvent(), event, anEvent(), { ...event })]);
      expect(written?.[3]).toEqual(written?.[1]);
    });

    it.each([
      ['another stream', 'processing-other', {}],
      ['another type', 'processing-test', { type: 'PersonalDataUsed' }],
      ['other data', 'processing-test', { data: '{"other":1}' }],
      ['other metadata', 'processing-test', { metadata: '{"other":1}' }],
      ['another key', 'processing-test', { key: recordKey('urn:other', '1') }],
    ])('with %s are refused, also within one append', async (_, stream, change) => {
      const event = anEvent();
      await store.append([toStream(event)]);
      const head = await store.head();
      const other = { stream, expectedRevision: 'any' as const, events: [{ ...event, ...change }] };
      await expect(store.append([toStream(anEvent()), other])).rejects.toEqual(new EventIdReused(event.id));
      const fresh = anEvent();
      await expect(store.append([toStream(fresh), { ...other, events: [{ ...fresh, ...change }] }])).rejects.toBeInstanceOf(EventIdReused);
      expect(await store.head()).toBe(head);
    });
  });

  describe('one event a key', () => {
    it('answers a key of the log as known, with its position', async () => {
      const position = await positionOf(aRecord('known-1'));
      expect(await store.append([toStream(aRecord('known-1'), anEvent())])).toEqual([
        [{ outcome: 'known', position }, expect.objectContaining({ outcome: 'appended' })],
      ]);
    });

    it('answers a key that stands earlier in the same append, in any of its streams', async () => {
      const written = await store.append([
        toStream(aRecord('twice'), aRecord('twice')),
        { ...toStream(aRecord('twice')), stream: 'processing-other' },
      ]);
      const position = written[0]?.[0]?.outcome === 'appended' ? written[0][0].position : Number.NaN;
      expect([written[0]?.[1], written[1]?.[0]]).toEqual([
        { outcome: 'known', position },
        { outcome: 'known', position },
      ]);
    });

    it('lets one of many racing appends of a key win', async () => {
      const written = await Promise.all(Array.from({ length: 30 }, () => store.append([toStream(aRecord('raced'))])));
      const outcomes = written.flat(2);
      const winner = outcomes.filter((outcome) => outcome.outcome === 'appended');
      expect(winner).toHaveLength(1);
      expect(new Set(outcomes.map((outcome) => outcome.outcome !== 'fenced' && outcome.position)).size).toBe(1);
    });

    it('forgets the keys of an append that was refused', async () => {
      const stream = `a-${v7()}`;
      await expect(store.append([{ stream, expectedRevision: 4, events: [aRecord('refused')] }])).rejects.toThrow();
      await expect(store.append([toStream(aRecord('refused')), { stream, expectedRevision: 4, events: [anEvent()] }])).rejects.toThrow();
      expect(await store.find([recordKey('urn:test:source', 'refused')])).toEqual([undefined]);
      expect(await store.append([toStream(aRecord('refused'))])).toEqual([[expect.objectContaining({ outcome: 'appended' })]]);
    });

    it('counts only what is stored for the expected revision', async () => {
      const stream = `a-${v7()}`;
      const position = await positionOf(aRecord('elsewhere'));
      const written = await store.append([{ stream, expectedRevision: 'no-stream', events: [aRecord('elsewhere'), anEvent()] }]);
      expect(written).toEqual([[{ outcome: 'known', position }, expect.objectContaining({ outcome: 'appended', revision: 0 })]]);
    });

    it('finds positions by key, after a restart too, with and without the index file', async () => {
      const records = Array.from({ length: 50 }, (_, i) => aRecord(`found-${i}`));
      const [written] = await store.append([toStream(...records)]);
      const keys = [...records.map((record) => record.key as Buffer), recordKey('urn:test:source', 'never')];
      const positions = [...(written ?? []).map((event) => event.outcome === 'appended' && event.position), undefined];
      expect(await store.find(keys)).toEqual(positions);
      await restart();
      expect(await store.find(keys)).toEqual(positions);
      await store.close();
      writeFileSync(indexPathOf(path), 'no index at all');
      await restart();
      expect(await store.find(keys)).toEqual(positions);
      expect(await store.append([toStream(aRecord('found-7'))])).toEqual([[{ outcome: 'known', position: positions[7] }]]);
      expect(await store.find([])).toEqual([]);
    });

    it('works without its file where the file cannot be written, and says so', async () => {
      const folder = temporaryFolder();
      mkdirSync(join(folder, 'ledger.idx'));
      const own = await SqliteEventStore.open({ path: join(folder, 'ledger.db') });
      await own.append([toStream(aRecord('1'))]);
      expect(await own.append([toStream(aRecord('1'))])).toEqual([[{ outcome: 'known', position: 1 }]]);
      expect(own.status()).toEqual({ ok: true, reason: expect.stringContaining('EISDIR'), queuedEvents: 0 });
      await own.close();
    });
  });

  describe('the fence', () => {
    it('sends back events that name an erased person, and stores the others', async () => {
      await store.fence(['erasedPerson0000000001', 'erasedPerson0000000002']);
      const written = await store.append([
        toStream(
          anEvent({ references: ['someoneElse00000000001'] }),
          anEvent({ references: ['someoneElse00000000001', 'erasedPerson0000000001', 'erasedPerson0000000002'] }),
          anEvent(),
        ),
      ]);
      expect(written).toEqual([
        [
          expect.objectContaining({ outcome: 'appended' }),
          { outcome: 'fenced', references: ['erasedPerson0000000001', 'erasedPerson0000000002'] },
          expect.objectContaining({ outcome: 'appended' }),
        ],
      ]);
    });

    it('answers a record that stands already as known', async () => {
      const position = await positionOf(aRecord('before-erasure', { references: ['erasedPerson0000000003'] }));
      await store.fence(['erasedPerson0000000003']);
      const again = await store.append([toStream(aRecord('before-erasure', { references: ['erasedPerson0000000003'] }))]);
      expect(again).toEqual([[{ outcome: 'known', position }]]);
    });

    it('leaves the key of a fenced record free for the record prepared anew', async () => {
      await store.fence(['erasedPerson0000000004']);
      expect(await store.append([toStream(aRecord('anew', { references: ['erasedPerson0000000004'] }))])).toMatchObject([
        [{ outcome: 'fenced' }],
      ]);
      expect(await store.append([toStream(aRecord('anew', { references: ['newReference0000000001'] }))])).toMatchObject([
        [{ outcome: 'appended' }],
      ]);
    });

    it('holds for whatever commits after it resolved, under load', async () => {
      const reference = 'erasedPerson0000000005';
      const appends = Array.from({ length: 200 }, () => store.append([toStream(anEvent({ references: [reference] }))]));
      await store.fence([reference]);
      const head = await store.head();
      appends.push(...Array.from({ length: 50 }, () => store.append([toStream(anEvent({ references: [reference] }))])));
      const written = (await Promise.all(appends)).flat(2);
      for (const event of written) expect(event.outcome === 'appended' ? event.position : 0).toBeLessThanOrEqual(head);
      expect(written.slice(200).every((event) => event.outcome === 'fenced')).toBe(true);
    });
  });

  describe('limits', () => {
    it('refuses events, appends and names that are too large, and stores nothing of them', async () => {
      const head = await store.head();
      const large = anEvent({ data: 'x'.repeat(1024 * 1024) });
      await expect(store.append([toStream(anEvent(), large)])).rejects.toBeInstanceOf(InvalidWrite);
      await expect(store.append([toStream(...someEvents(5_001))])).rejects.toBeInstanceOf(InvalidWrite);
      await expect(store.append([{ ...toStream(anEvent()), stream: 's'.repeat(256) }])).rejects.toBeInstanceOf(InvalidWrite);
      await expect(store.append([toStream(anEvent({ type: '' }))])).rejects.toBeInstanceOf(InvalidWrite);
      await expect(store.append([{ ...toStream(anEvent()), expectedRevision: -1 }])).rejects.toBeInstanceOf(InvalidWrite);
      await expect(store.append([toStream(anEvent({ data: '"\ud800"' }))])).rejects.toBeInstanceOf(InvalidWrite);
      await expect(store.append([toStream(anEvent({ key: Buffer.alloc(15) }))])).rejects.toBeInstanceOf(InvalidWrite);
      expect(await store.head()).toBe(head);
    });

    it('rejects at once what does not fit the queue, and takes it when the queue has emptied', async () => {
      await restart({ maxQueuedEvents: 10 });
      const first = store.append([toStream(...someEvents(8))]);
      const second = store.append([toStream(...someEvents(3))]);
      await expect(second).rejects.toEqual(new StoreUnavailable('write queue full', 1));
      expect(store.status().queuedEvents).toBe(8);
      await first;
      expect(store.status()).toEqual({ ok: true, queuedEvents: 0 });
      await store.append([toStream(...someEvents(3))]);
    });

    it('rejects by bytes too, and takes an append larger than the queue when nothing waits', async () => {
      await restart({ maxQueuedBytes: 1_000 });
      const large = store.append([toStream(anEvent({ data: JSON.stringify('x'.repeat(2_000)) }))]);
      await expect(store.append([toStream(anEvent())])).rejects.toBeInstanceOf(StoreUnavailable);
      await large;
      await restart();
    });

    it('keeps transactions small, in order', async () => {
      await restart({ maxTransactionEvents: 10 });
      const timings: CommitTiming[] = [];
      const stop = store.onCommit((timing) => timings.push(timing));
      const sizes = [4, 4, 4, 25, 10, 1];
      const written = await Promise.all(sizes.map((size) => store.append([toStream(...someEvents(size))])));
      stop();
      expect(timings.map((timing) => timing.events)).toEqual([8, 4, 25, 10, 1]);
      const positions = written.flat(2).map((event) => (event.outcome === 'appended' ? event.position : 0));
      expect(positions).toEqual([...positions].sort((a, b) => a - b));
      await restart();
    });

    it('cuts pages by size, never to nothing', async () => {
      const head = await store.head();
      await store.append([toStream(...someEvents(6, { data: JSON.stringify('x'.repeat(1_000)) }))]);
      const reader = new SqliteLogReader(path);
      expect(reader.readAll(head, 10, 2_500)).toHaveLength(2);
      expect(reader.readAll(head, 10, 10)).toHaveLength(1);
      expect(reader.readAll(head, 10)).toHaveLength(6);
      expect(await store.readAll(head, 10, 2_500)).toHaveLength(2);
      expect(reader.readStream('processing-test', Number.MAX_SAFE_INTEGER, 10, 'backwards', 2_500)).toHaveLength(2);
      expect(() => reader.readAll(head, 0)).toThrow(RangeError);
      reader.close();
    });
  });

  describe('notice', () => {
    it('tells the position after each commit that stored something, and the timing of each', async () => {
      const positions: number[] = [];
      const timings: CommitTiming[] = [];
      const stops = [store.onAppended((position) => positions.push(position)), store.onCommit((timing) => timings.push(timing))];
      const event = anEvent({ data: '{"a":1}', metadata: '{}' });
      const position = await positionOf(event);
      await positionOf(event);
      await positionOf(anEvent());
      for (const stop of stops) stop();
      await positionOf(anEvent());
      expect(positions).toEqual([position, position + 1]);
      expect(timings.map(({ requests, events }) => ({ requests, events }))).toEqual([
        { requests: 1, events: 1 },
        { requests: 1, events: 0 },
        { requests: 1, events: 1 },
      ]);
      expect(timings[0]).toMatchObject({ bytes: 9, durationMs: expect.any(Number) });
    });
  });

  describe('time', () => {
    it('never runs backwards, also when the clock does between two starts', async () => {
      const own = join(temporaryFolder(), 'ledger.db');
      await (await SqliteEventStore.open({ path: own })).close();
      const ahead = Date.now() + 3_600_000;
      const raw = new Database(own);
      raw.exec(`INSERT INTO streams VALUES (1, 'processing-test')`);
      raw.prepare(`INSERT INTO events VALUES (1, 1, 0, randomblob(16), 'T', ?, NULL, '{}', '{}')`).run(ahead);
      raw.close();
      const later = await SqliteEventStore.open({ path: own });
      expect(await later.append([toStream(aRecord('1'))])).toMatchObject([[{ position: 2, recordedAt: new Date(ahead).toISOString() }]]);
      await later.close();
    });
  });

  describe('trouble', () => {
    it('rejects a group that the database refuses, and goes on', async () => {
      const blocker = new Database(path);
      blocker.exec('BEGIN IMMEDIATE');
      const stream = `a-${v7()}`;
      const write = { stream, expectedRevision: 'no-stream' as const, events: [aRecord('busy'), ...someEvents(2)] };
      await expect(store.append([write])).rejects.toEqual(new StoreUnavailable('the log cannot be written (SQLITE_BUSY)'));
      expect(store.status()).toEqual({ ok: true, queuedEvents: 0 });
      blocker.exec('ROLLBACK');
      blocker.close();
      expect(await store.append([write])).toMatchObject([[{ revision: 0 }, { revision: 1 }, { revision: 2 }]]);
      expect(await store.find([recordKey('urn:test:source', 'busy')])).not.toContain(undefined);
    });

    it('notices that another connection has appended, and counts its events and keys', async () => {
      const head = await store.head();
      const key = recordKey('urn:test:source', 'foreign');
      const raw = new Database(path);
      raw.prepare(`INSERT INTO streams SELECT max(number) + 1, 'processing-foreign' FROM streams`).run();
      raw
        .prepare(`INSERT INTO events SELECT ?, max(number), 0, randomblob(16), 'T', ?, ?, '{}', '{}' FROM streams`)
        .run(head + 1, Date.now() + 1_000, key);
      raw.close();
      await expect(store.append([toStream(anEvent())])).rejects.toBeInstanceOf(StoreUnavailable);
      expect(await store.append([toStream(anEvent())])).toMatchObject([[{ position: head + 2 }]]);
      expect(await store.append([toStream(aRecord('foreign'))])).toEqual([[{ outcome: 'known', position: head + 1 }]]);
    });

    it('tells everybody who waits when the writer is gone, and is not well from then on', async () => {
      const own = await SqliteEventStore.open({ path: join(temporaryFolder(), 'ledger.db') });
      await own.append([toStream(anEvent())]);
      const { worker } = own as unknown as { worker: Worker };
      const waiting = [own.append([toStream(anEvent())]), own.find([Buffer.alloc(16)]), own.fence(['x'])];
      await worker.terminate();
      for (const outcome of await Promise.allSettled(waiting)) {
        expect(outcome.status === 'fulfilled' || outcome.reason instanceof StoreUnavailable).toBe(true);
      }
      expect(own.status()).toEqual({ ok: false, reason: 'the writer stopped', queuedEvents: 0 });
      await expect(own.append([toStream(anEvent())])).rejects.toBeInstanceOf(StoreUnavailable);
      await expect(own.find([Buffer.alloc(16)])).rejects.toBeInstanceOf(StoreUnavailable);
      expect(await own.head()).toBeGreaterThanOrEqual(1);
      await own.close();
    });

    it('after close answers nothing, and closes once', async () => {
      const own = await SqliteEventStore.open({ path: join(temporaryFolder(), 'ledger.db') });
      const accepted = own.append([toStream(anEvent())]);
      await Promise.all([own.close(), own.close()]);
      expect(await accepted).toMatchObject([[{ position: 1 }]]);
      await expect(own.append([toStream(anEvent())])).rejects.toBeInstanceOf(StoreUnavailable);
      await expect(own.readAll(0, 1)).rejects.toBeInstanceOf(StoreUnavailable);
    });
  });
});
