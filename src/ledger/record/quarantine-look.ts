import { EventStore, type RecordedEvent } from '../../eventstore/event-store.ts';
import type { Identifier, KeyVault } from '../../privacy/key-vault.ts';
import { CannotOpen, open } from '../../privacy/seal.ts';
import type { Entry } from '../entry.ts';
import { namesOneOf } from './naming.ts';

/** Items ever kept, in the order of their positions, from what the read side knows. */
export type ListItems = (after: number, limit: number) => Promise<{ items: { id: string; position: number }[]; seenTo: number }>;

const PAGE = 500;
/** Opened and searched before others get their turn. */
const TURN = 64;

/**
 * Finds what in quarantine names somebody: each item's content is opened and searched. Also what was released or corrected since,
 * because its content stays until its month's key ends. The read side says which items there are, and the end of the log itself
 * what the read side has not seen yet.
 */
export class QuarantineLook {
  constructor(
    private readonly store: EventStore,
    private readonly vault: KeyVault,
    private readonly list: ListItems,
  ) {}

  /**
   * @param most items to find; then `seenTo` is the position after which to go on
   * @param after only items recorded after this position, read from the log alone; absent: all of them
   * @param until nothing recorded after this position, about; absent: to the end of the log
   */
  async naming(
    people: readonly Identifier[],
    most: number,
    after?: number,
    until = Number.POSITIVE_INFINITY,
  ): Promise<{ items: string[]; seenTo: number }> {
    const sought = people.filter(({ scheme }) => !scheme.startsWith(':'));
    const found: string[] = [];
    let seenTo = after ?? 0;
    if (sought.length === 0) return { items: found, seenTo: await this.store.head() };
    for await (const { items, upTo } of after === undefined ? this.all() : this.sinceIn(after, until)) {
      for (const { id, position, event } of await this.opened(items)) {
        if (!namesOneOf(event, sought)) continue;
        found.push(id);
        if (found.length === most) return { items: found, seenTo: position };
      }
      seenTo = upTo;
    }
    return { items: found, seenTo };
  }

  private async *all(): AsyncGenerator<ItemsPage> {
    let seenTo = 0;
    for (;;) {
      const page = await this.list(seenTo, PAGE);
      seenTo = page.items.at(-1)?.position ?? Math.max(seenTo, page.seenTo);
      yield { items: await this.events(page.items), upTo: seenTo };
      if (page.items.length === 0) break;
    }
    yield* this.sinceIn(seenTo, Number.POSITIVE_INFINITY);
  }

  private async *sinceIn(after: number, until: number): AsyncGenerator<ItemsPage> {
    for (let upTo = after; upTo < until; ) {
      const page = await this.store.readAll(upTo, PAGE);
      const last = page.at(-1);
      if (!last) return;
      upTo = last.position;
      yield { items: page.filter(({ type }) => type === 'RecordQuarantined'), upTo };
    }
  }

  private async events(items: readonly { position: number }[]): Promise<RecordedEvent[]> {
    const events = await Promise.all(items.map(({ position }) => this.store.at(position)));
    return events.filter((event) => event !== undefined);
  }

  /** What can still be opened. */
  private async opened(items: readonly RecordedEvent[]): Promise<{ id: string; position: number; event: unknown }[]> {
    const entries = items.map(({ data, position }) => ({ position, entry: JSON.parse(data) as Entry }));
    const keys = await this.vault.itemKeys(entries.map(({ entry }) => entry.id));
    const opened: { id: string; position: number; event: unknown }[] = [];
    for (const [i, { position, entry }] of entries.entries()) {
      if (i % TURN === TURN - 1) await new Promise(setImmediate);
      const key = keys.get(entry.id);
      if (!key || !entry.sealed) continue;
      try {
        const text = open(key, entry.sealed.part, { source: entry.source, id: entry.id, reference: '', part: 'event' }).toString();
        opened.push({ id: entry.id, position, event: JSON.parse(text) });
      } catch (error) {
        if (!(error instanceof CannotOpen)) throw error;
      }
    }
    return opened;
  }
}

interface ItemsPage {
  items: RecordedEvent[];
  /** Everything up to here was looked at. */
  upTo: number;
}
