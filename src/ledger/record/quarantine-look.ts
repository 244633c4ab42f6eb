import { setImmediate as othersTurn } from 'node:timers/promises';
import { EventStore, type RecordedEvent } from '../../eventstore/event-store.ts';
import type { Identifier, KeyVault } from '../../privacy/key-vault.ts';
import { CannotOpen, open } from '../../privacy/seal.ts';
import type { Entry } from '../entry.ts';
import { namesOneOf } from './naming.ts';

/** Items ever kept, in the order of their positions, from what the read side knows. */
export type ListItems = (after: number, limit: number) => Promise<{ items: { id: string; position: number }[]; seenTo: number }>;

/** Positions asked of the read side, and events of the log, at a time. */
const PAGE = 500;
/** Items read, opened and searched together: each may have 256 KiB. */
const TOGETHER = 32;
/** Characters searched before others get their turn; one item at least. */
const TURN_CHARACTERS = 64 * 1024;

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
   * @param after only items recorded after this position; absent: all of them
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
    let searched = 0;
    for await (const { items, upTo } of this.since(seenTo, until)) {
      for await (const { id, position, characters, event } of this.opened(items)) {
        searched += characters;
        if (searched > TURN_CHARACTERS) {
          searched = 0;
          await othersTurn();
        }
        if (!namesOneOf(event, sought)) continue;
        found.push(id);
        if (found.length === most) return { items: found, seenTo: position };
      }
      seenTo = upTo;
    }
    return { items: found, seenTo };
  }

  /** Through the list as far as the read side is, then through the log's end. */
  private async *since(after: number, until: number): AsyncGenerator<ItemsPage> {
    let upTo = after;
    for (let listed = PAGE; listed > 0 && upTo < until; ) {
      const page = await this.list(upTo, PAGE);
      listed = page.items.length;
      for (const some of partsOf(page.items)) yield { items: await this.events(some), upTo: some.at(-1)?.position as number };
      upTo = page.items.at(-1)?.position ?? Math.max(upTo, page.seenTo);
      yield { items: [], upTo };
    }
    yield* this.sinceIn(upTo, until);
  }

  private async *sinceIn(after: number, until: number): AsyncGenerator<ItemsPage> {
    for (let upTo = after; upTo < until; ) {
      const page = await this.store.readAll(upTo, PAGE);
      const last = page.at(-1);
      if (!last) return;
      const items = page.filter(({ type }) => type === 'RecordQuarantined');
      for (const some of partsOf(items)) yield { items: some, upTo: some.at(-1)?.position as number };
      upTo = last.position;
      yield { items: [], upTo };
      await othersTurn();
    }
  }

  private async events(items: readonly { position: number }[]): Promise<RecordedEvent[]> {
    const events = await Promise.all(items.map(({ position }) => this.store.at(position)));
    return events.filter((event) => event !== undefined);
  }

  /** What can still be opened. */
  private async *opened(items: readonly RecordedEvent[]): AsyncGenerator<Opened> {
    if (items.length === 0) return;
    const entries = items.map(({ data, position }) => ({ position, entry: JSON.parse(data) as Entry }));
    const keys = await this.vault.itemKeys(entries.map(({ entry }) => entry.id));
    for (const { position, entry } of entries) {
      const key = keys.get(entry.id);
      if (!key || !entry.sealed) continue;
      try {
        const text = open(key, entry.sealed.part, { source: entry.source, id: entry.id, reference: '', part: 'event' }).toString();
        yield { id: entry.id, position, characters: text.length, event: JSON.parse(text) };
      } catch (error) {
        if (!(error instanceof CannotOpen)) throw error;
      }
    }
  }
}

function* partsOf<T>(items: readonly T[]): Generator<T[]> {
  for (let from = 0; from < items.length; from += TOGETHER) yield items.slice(from, from + TOGETHER);
}

interface Opened {
  id: string;
  position: number;
  characters: number;
  event: unknown;
}

interface ItemsPage {
  items: RecordedEvent[];
  /** Everything up to here was looked at. */
  upTo: number;
}
