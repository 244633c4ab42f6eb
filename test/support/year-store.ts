/** A log in memory whose clock is set by whoever writes: what a year brings is recorded in the year, and not all of it now. */
import { EventStore, type RecordedEvent, type StreamWrite, type Written, WrongExpectedRevision } from '../../src/eventstore/event-store.ts';

export class YearStore extends EventStore {
  /** The ledger's clock, milliseconds since 1970; it never runs backwards. */
  now = 0;
  readonly events: RecordedEvent[] = [];
  readonly #streams = new Map<string, RecordedEvent[]>();
  readonly #keys = new Map<string, number>();

  override async append(writes: readonly StreamWrite[]): Promise<Written[][]> {
    return writes.map(({ stream, expectedRevision, events }) => {
      const written = this.#streams.get(stream) ?? [];
      this.#streams.set(stream, written);
      const actual = written.length - 1;
      const expected = expectedRevision === 'no-stream' ? -1 : expectedRevision;
      if (expected !== 'any' && expected !== actual) throw new WrongExpectedRevision(stream, expectedRevision, actual);
      return events.map(({ key, references: _, ...event }): Written => {
        const pair = key?.toString('latin1');
        const known = pair === undefined ? undefined : this.#keys.get(pair);
        if (known !== undefined) return { outcome: 'known', position: known };
        const position = this.events.length + 1;
        if (pair !== undefined) this.#keys.set(pair, position);
        const recordedAt = new Date(this.now).toISOString();
        const recorded = { ...event, stream, position, revision: written.length, recordedAt };
        written.push(recorded);
        this.events.push(recorded);
        return { outcome: 'appended', position, revision: recorded.revision, recordedAt };
      });
    });
  }

  override async find(keys: readonly Buffer[]): Promise<(number | undefined)[]> {
    return keys.map((key) => this.#keys.get(key.toString('latin1')));
  }

  override async at(position: number): Promise<RecordedEvent | undefined> {
    return this.events[position - 1];
  }

  override async readStream(stream: string, revision: number, limit: number, direction = 'forwards'): Promise<RecordedEvent[]> {
    const events = this.#streams.get(stream) ?? [];
    if (direction === 'forwards') return events.slice(revision, revision + limit);
    const end = Math.min(events.length, revision + 1);
    return events.slice(Math.max(0, end - limit), end).reverse();
  }

  override async readAll(position: number, limit: number): Promise<RecordedEvent[]> {
    return this.events.slice(position, position + limit);
  }

  override async head(): Promise<number> {
    return this.events.length;
  }

  override async positionAt(recordedAt: string): Promise<number> {
    return this.events.findLast((event) => event.recordedAt <= recordedAt)?.position ?? 0;
  }

  /** Nobody is erased from the keys of the year. */
  async fence(): Promise<void> {}

  override async close(): Promise<void> {}
}
