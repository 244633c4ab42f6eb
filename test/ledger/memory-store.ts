import {
  EventStore,
  type NewEvent,
  type RecordedEvent,
  StoreUnavailable,
  type StreamWrite,
  type Written,
  WrongExpectedRevision,
} from '../../src/eventstore/event-store.ts';

/** A log in memory: as much of the store's promises as the ledger's own cases rely on. Can be made to fail and to lose races. */
export class MemoryStore extends EventStore {
  readonly events: RecordedEvent[] = [];
  readonly fenced = new Set<string>();
  unavailable = false;
  reads = 0;
  /** Called before each append, to let somebody else be faster. */
  beforeAppend: (() => void | Promise<void>) | undefined;

  async append(writes: readonly StreamWrite[]): Promise<Written[][]> {
    const race = this.beforeAppend;
    this.beforeAppend = undefined;
    await race?.();
    if (this.unavailable) throw new StoreUnavailable('the store is away');
    return writes.map((write) => this.write(write));
  }

  private write({ stream, expectedRevision, events }: StreamWrite): Written[] {
    const actual = this.events.filter((event) => event.stream === stream).length - 1;
    const expected = expectedRevision === 'no-stream' ? -1 : expectedRevision;
    if (expected !== 'any' && expected !== actual) throw new WrongExpectedRevision(stream, expectedRevision, actual);
    return events.map((event, index) => this.writeOne(stream, actual + 1 + index, event));
  }

  private writeOne(stream: string, revision: number, { id, type, data, metadata, references = [] }: NewEvent): Written {
    const erased = references.filter((reference) => this.fenced.has(reference));
    if (erased.length > 0) return { outcome: 'fenced', references: erased };
    const position = this.events.length + 1;
    const recordedAt = new Date(1_750_000_000_000 + position).toISOString();
    this.events.push({ position, stream, revision, id, type, data, metadata, recordedAt });
    return { outcome: 'appended', position, revision, recordedAt };
  }

  async readStream(stream: string, revision: number, limit: number): Promise<RecordedEvent[]> {
    this.reads++;
    if (this.unavailable) throw new StoreUnavailable('the store is away');
    return this.events.filter((event) => event.stream === stream && event.revision >= revision).slice(0, limit);
  }

  async readAll(position: number, limit: number): Promise<RecordedEvent[]> {
    return this.events.slice(position, position + limit);
  }

  async at(position: number): Promise<RecordedEvent | undefined> {
    return this.events[position - 1];
  }

  async find(keys: readonly Buffer[]): Promise<undefined[]> {
    return keys.map(() => undefined);
  }

  async head(): Promise<number> {
    return this.events.length;
  }

  async positionAt(): Promise<number> {
    return this.events.length;
  }

  async close(): Promise<void> {}
}
