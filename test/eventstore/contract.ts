import fc from 'fast-check';
import { v7 } from 'uuid';
import {
  EventIdReused,
  type EventStore,
  InvalidWrite,
  type RecordedEvent,
  WrongExpectedRevision,
} from '../../src/eventstore/event-store.ts';
import { anEvent, asAppended, someEvents } from './given.ts';

/** A store to be examined. It may hold other events already, and others may write to it meanwhile. */
export interface ExaminedStore {
  store: EventStore;
  /** Closes the store and opens it again on the same log. */
  restart(): Promise<EventStore>;
  /** Lets go of whatever `open` made. */
  dispose(): Promise<void>;
}

/** What every event store promises. An adapter's spec file invites this suite with its name and a way to open it. */
export function eventStoreContract(name: string, open: () => Promise<ExaminedStore>): void {
  describe(`${name} keeps the promises of an event store`, () => {
    let examined: ExaminedStore;
    let store: EventStore;
    let stream: string;
    /** The log's end before the test. */
    let start: number;

    beforeAll(async () => {
      examined = await open();
      store = examined.store;
    });
    afterAll(() => examined.dispose());
    beforeEach(async () => {
      stream = `contract-${v7()}`;
      start = await store.head();
    });

    /** Everything after `start` in streams of this test, in pages. */
    const everything = async (from = start, page = 1_000): Promise<RecordedEvent[]> => {
      const found: RecordedEvent[] = [];
      for (let events = await store.readAll(from, page); events.length > 0; events = await store.readAll(at(events, -1).position, page)) {
        found.push(...events.filter((event) => event.stream.startsWith(stream)));
      }
      return found;
    };

    describe('append', () => {
      it('starts a stream at revision 0 and answers position, revision and time of each event', async () => {
        const events = someEvents(3);
        const [written] = await store.append([{ stream, expectedRevision: 'no-stream', events }]);
        expect(written).toEqual([0, 1, 2].map((revision) => ({ ...appended, revision })));
        const recorded = await store.readStream(stream, 0, 10);
        expect(recorded.map(asAppended)).toEqual(events.map(asAppended));
        expect(recorded.map(({ position, revision, recordedAt }) => ({ outcome: 'appended', position, revision, recordedAt }))).toEqual(
          written,
        );
      });

      it('answers in the order of the writes and of the events in them', async () => {
        const writes = ['a', 'b', 'c'].map((part) => ({
          stream: `${stream}${part}`,
          expectedRevision: 'any' as const,
          events: someEvents(2),
        }));
        const written = await store.append(writes);
        for (const [index, write] of writes.entries()) {
          const recorded = await store.readStream(write.stream, 0, 10);
          expect(recorded.map((event) => event.id)).toEqual(write.events.map((event) => event.id));
          expect(recorded.map((event) => event.position)).toEqual(
            written[index]?.map((event) => event.outcome === 'appended' && event.position),
          );
        }
      });

      it('refuses no-stream on an existing stream', async () => {
        await store.append([{ stream, expectedRevision: 'no-stream', events: someEvents(2) }]);
        const again = store.append([{ stream, expectedRevision: 'no-stream', events: [anEvent()] }]);
        await expect(again).rejects.toMatchObject({ name: 'WrongExpectedRevision', stream, expected: 'no-stream', actual: 1 });
        await expect(again).rejects.toBeInstanceOf(WrongExpectedRevision);
        expect(await store.readStream(stream, 0, 10)).toHaveLength(2);
      });

      it('takes the exact revision of the last event, and no other', async () => {
        await store.append([{ stream, expectedRevision: 'no-stream', events: someEvents(3) }]);
        for (const expectedRevision of [0, 1, 3]) {
          const wrong = store.append([{ stream, expectedRevision, events: [anEvent()] }]);
          await expect(wrong).rejects.toMatchObject({ name: 'WrongExpectedRevision', actual: 2 });
        }
        expect(await store.append([{ stream, expectedRevision: 2, events: [anEvent()] }])).toEqual([[{ ...appended, revision: 3 }]]);
      });

      it('refuses an exact revision of an absent stream, whose revision is -1', async () => {
        const wrong = store.append([{ stream, expectedRevision: 0, events: [anEvent()] }]);
        await expect(wrong).rejects.toMatchObject({ name: 'WrongExpectedRevision', actual: -1 });
        expect(await store.readStream(stream, 0, 10)).toEqual([]);
      });

      it('with any goes on wherever the stream is', async () => {
        await store.append([{ stream, expectedRevision: 'any', events: someEvents(2) }]);
        expect(await store.append([{ stream, expectedRevision: 'any', events: [anEvent()] }])).toEqual([[{ ...appended, revision: 2 }]]);
      });

      it('lets one of two racing appends win, and stores nothing of the other', async () => {
        const racers = [someEvents(2), someEvents(2)];
        const results = await Promise.allSettled(racers.map((events) => store.append([{ stream, expectedRevision: 'no-stream', events }])));
        expect(results.map((result) => result.status).sort()).toEqual(['fulfilled', 'rejected']);
        const winner = racers[results.findIndex((result) => result.status === 'fulfilled')];
        expect((await store.readStream(stream, 0, 10)).map(asAppended)).toEqual(winner?.map(asAppended));
        const lost = results.find((result) => result.status === 'rejected');
        expect(lost).toMatchObject({ reason: { name: 'WrongExpectedRevision' } });
      });

      it('gives many racing appends with any their own revisions, each batch in one piece', async () => {
        const batches = Array.from({ length: 40 }, (_, index) => someEvents(1 + (index % 5)));
        const written = await Promise.all(batches.map((events) => store.append([{ stream, expectedRevision: 'any', events }])));
        const total = batches.flat().length;
        const recorded = await store.readStream(stream, 0, total + 1);
        expect(recorded.map((event) => event.revision)).toEqual(Array.from({ length: total }, (_, revision) => revision));
        for (const [index, events] of batches.entries()) {
          const first = written[index]?.[0]?.[0];
          const from = first?.outcome === 'appended' ? first.revision : Number.NaN;
          expect(recorded.slice(from, from + events.length).map((event) => event.id)).toEqual(events.map((event) => event.id));
        }
      });

      it('takes 1,000 events at once, and none of them where the revision is wrong', async () => {
        const events = someEvents(1_000);
        const [written] = await store.append([{ stream, expectedRevision: 'no-stream', events }]);
        expect(written).toHaveLength(1_000);
        await expect(store.append([{ stream, expectedRevision: 5, events: someEvents(1_000) }])).rejects.toBeInstanceOf(
          WrongExpectedRevision,
        );
        expect((await everything()).map(asAppended)).toEqual(events.map(asAppended));
      });

      it('keeps data and metadata to the character, whatever is in them', async () => {
        await fc.assert(
          fc.asyncProperty(fc.string({ unit: 'grapheme', maxLength: 300 }), fc.json(), async (text, metadata) => {
            const event = anEvent({ data: JSON.stringify({ text }), metadata });
            const [written] = await store.append([{ stream, expectedRevision: 'any', events: [event] }]);
            const [first] = written ?? [];
            const stored = first?.outcome === 'appended' ? await store.at(first.position) : undefined;
            expect(stored && asAppended(stored)).toEqual(asAppended(event));
          }),
          { numRuns: 25 },
        );
      });

      it('takes an event of 400 KiB', async () => {
        const event = anEvent({ data: JSON.stringify({ sealed: 'x'.repeat(400 * 1024) }) });
        await store.append([{ stream, expectedRevision: 'no-stream', events: [event] }]);
        expect((await store.readStream(stream, 0, 1)).map(asAppended)).toEqual([asAppended(event)]);
      });

      it.each(['not-a-uuid', '00000000-0000-4000-8000-000000000000', v7().toUpperCase()])('refuses the event id %s', async (id) => {
        const wrong = store.append([{ stream, expectedRevision: 'any', events: [anEvent(), anEvent({ id })] }]);
        await expect(wrong).rejects.toBeInstanceOf(InvalidWrite);
        expect(await everything()).toEqual([]);
        await store.append([{ stream, expectedRevision: 'no-stream', events: [anEvent()] }]);
      });

      it('does nothing for no events', async () => {
        expect(await store.append([])).toEqual([]);
        expect(await store.append([{ stream, expectedRevision: 'any', events: [] }])).toEqual([[]]);
        expect(await store.readStream(stream, 0, 10)).toEqual([]);
      });
    });

    describe('append again', () => {
      it('answers the same events as they stand and stores nothing new', async () => {
        const write = { stream, expectedRevision: 'no-stream' as const, events: someEvents(5) };
        const first = await store.append([write]);
        expect(await store.append([write])).toEqual(first);
        expect(await store.readStream(stream, 0, 100)).toHaveLength(5);
      });

      it('also when the stream has gone on, or the log was closed and opened', async () => {
        const write = { stream, expectedRevision: 'no-stream' as const, events: someEvents(2) };
        const first = await store.append([write]);
        await store.append([{ stream, expectedRevision: 1, events: someEvents(3) }]);
        expect(await store.append([write])).toEqual(first);
        store = await examined.restart();
        expect(await store.append([write])).toEqual(first);
        expect(await store.readStream(stream, 0, 100)).toHaveLength(5);
      });

      it('sent twice at once, stores once', async () => {
        const write = { stream, expectedRevision: 'no-stream' as const, events: someEvents(3) };
        const [first, second] = await Promise.all([store.append([write]), store.append([write])]);
        expect(second).toEqual(first);
        expect(await everything()).toHaveLength(3);
      });

      it('never overwrites an event by one of the same id and other content', async () => {
        const event = anEvent();
        await store.append([{ stream, expectedRevision: 'no-stream', events: [event] }]);
        const other = { ...event, data: JSON.stringify({ other: true }) };
        // A store that compares ids alone answers the event as it stands; one that compares contents too refuses.
        await store.append([{ stream, expectedRevision: 'no-stream', events: [other] }]).catch((error) => {
          expect(error).toBeInstanceOf(EventIdReused);
        });
        expect((await everything()).map(asAppended)).toEqual([asAppended(event)]);
      });
    });

    describe('read', () => {
      it('finds nothing in an absent stream, at an absent position or after the end', async () => {
        expect(await store.readStream(stream, 0, 10)).toEqual([]);
        expect(await store.readStream(stream, 7, 10, 'backwards')).toEqual([]);
        expect(await store.at((await store.head()) + 1_000_000)).toBeUndefined();
        expect(await store.readAll(await store.head(), 10)).toEqual([]);
      });

      it('pages a stream forwards and backwards, from any revision, inclusive', async () => {
        const ids = await given(25);
        expect(await idsOf(store.readStream(stream, 0, 10))).toEqual(ids.slice(0, 10));
        expect(await idsOf(store.readStream(stream, 10, 10))).toEqual(ids.slice(10, 20));
        expect(await idsOf(store.readStream(stream, 20, 10))).toEqual(ids.slice(20));
        expect(await idsOf(store.readStream(stream, 25, 10))).toEqual([]);
        expect(await idsOf(store.readStream(stream, 4, 10, 'backwards'))).toEqual(ids.slice(0, 5).reverse());
        expect(await idsOf(store.readStream(stream, 24, 3, 'backwards'))).toEqual(ids.slice(22).reverse());
        expect(await idsOf(store.readStream(stream, Number.MAX_SAFE_INTEGER, 1, 'backwards'))).toEqual(ids.slice(24));
      });

      it('reads one event by its position as it stands in its stream', async () => {
        await given(3);
        for (const event of await store.readStream(stream, 0, 3)) expect(await store.at(event.position)).toEqual(event);
      });

      it('reads everything in order of positions, in pages of any size', async () => {
        for (let i = 0; i < 20; i++) await given(1 + (i % 4), `${stream}-${i % 3}`);
        const whole = await everything(start, 10_000);
        expect(whole).toHaveLength(50);
        expect(whole.map((event) => event.position)).toEqual(whole.map((event) => event.position).sort((a, b) => a - b));
        expect(new Set(whole.map((event) => event.position)).size).toBe(50);
        for (const page of [1, 2, 7, 49, 50, 51]) expect(await everything(start, page)).toEqual(whole);
      });

      it('starts after the position it is given', async () => {
        await given(5);
        const whole = await everything();
        for (const [index, event] of whole.entries()) expect(await everything(event.position)).toEqual(whole.slice(index + 1));
      });

      it('shows what is acknowledged at once, and the head with it', async () => {
        for (let i = 0; i < 10; i++) {
          const [written] = await store.append([{ stream, expectedRevision: 'any', events: [anEvent()] }]);
          const position = written?.[0]?.outcome === 'appended' ? written[0].position : Number.NaN;
          expect(await store.head()).toBeGreaterThanOrEqual(position);
          expect(await store.at(position)).toMatchObject({ position, stream, revision: i });
        }
      });

      it('gives a follower every event once and in order while others append', async () => {
        let writing = true;
        const writers = Promise.all(
          Array.from({ length: 8 }, async (_, writer) => {
            for (let i = 0; i < 15; i++) await given(1 + (i % 3), `${stream}-${writer}`);
          }),
        ).finally(() => {
          writing = false;
        });
        const followed: RecordedEvent[] = [];
        for (let position = start, more = true; more; ) {
          more = writing;
          for (let page = await store.readAll(position, 7); page.length > 0; page = await store.readAll(position, 7)) {
            followed.push(...page.filter((event) => event.stream.startsWith(stream)));
            position = at(page, -1).position;
            more = true;
          }
          await new Promise((resolve) => setImmediate(resolve));
        }
        await writers;
        expect(followed).toEqual(await everything());
        expect(followed).toHaveLength(8 * 30);
      });

      it('knows the position of a moment', async () => {
        await given(2);
        await new Promise((resolve) => setTimeout(resolve, 15));
        await given(2);
        const whole = await everything();
        for (const event of whole) {
          const sameMoment = whole.filter((other) => other.recordedAt === event.recordedAt);
          expect(await store.positionAt(event.recordedAt)).toBe(at(sameMoment, -1).position);
        }
        expect(await store.positionAt('1999-12-31T23:59:59.999Z')).toBe(0);
        expect(await store.positionAt('2999-12-31T23:59:59.999Z')).toBe(await store.head());
        await expect(store.positionAt('yesterday')).rejects.toBeInstanceOf(RangeError);
      });

      it('knows times in UTC with milliseconds that never run backwards', async () => {
        for (let i = 0; i < 20; i++) await given(1);
        const times = (await everything()).map((event) => event.recordedAt);
        for (const time of times) expect(new Date(time).toISOString()).toBe(time);
        expect(times).toEqual([...times].sort());
      });
    });

    describe('restart', () => {
      it('keeps every event, every order and every revision', async () => {
        for (let i = 0; i < 12; i++) await given(3, `${stream}-${i % 4}`);
        const before = await everything();
        const head = await store.head();
        store = await examined.restart();
        expect(await everything()).toEqual(before);
        expect(await store.head()).toBeGreaterThanOrEqual(head);
        for (let i = 0; i < 4; i++) {
          const one = `${stream}-${i}`;
          expect(await store.readStream(one, 0, 100)).toEqual(before.filter((event) => event.stream === one));
          expect(await store.append([{ stream: one, expectedRevision: 8, events: [anEvent()] }])).toEqual([[{ ...appended, revision: 9 }]]);
        }
        expect((await everything()).slice(0, before.length)).toEqual(before);
      });

      it('finishes what was accepted before it closes', async () => {
        const accepted = Array.from({ length: 30 }, () => store.append([{ stream, expectedRevision: 'any', events: [anEvent()] }]));
        store = await examined.restart();
        expect((await Promise.all(accepted)).flat(2)).toHaveLength(30);
        expect(await everything()).toHaveLength(30);
      });
    });

    async function given(count: number, to = stream): Promise<string[]> {
      const events = someEvents(count);
      await store.append([{ stream: to, expectedRevision: 'any', events }]);
      return events.map((event) => event.id);
    }
  });
}

const appended = { outcome: 'appended', position: expect.any(Number), revision: expect.any(Number), recordedAt: expect.any(String) };

function at<T>(list: readonly T[], index: number): T {
  return list.at(index) as T;
}

async function idsOf(events: Promise<RecordedEvent[]>): Promise<string[]> {
  return (await events).map((event) => event.id);
}
