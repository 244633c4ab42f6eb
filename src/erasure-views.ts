import { countsByType } from '../projections/entries/people.ts';
import { openHolds } from '../projections/holds/open-holds.ts';
import { itemsAfter } from '../projections/quarantine/items.ts';
import type { Views } from '../projections/views.ts';
import type { EventStore } from './eventstore/event-store.ts';
import { ErasureViews, type Hold, type Remaining } from './ledger/erasure/parts.ts';
import type { ListItems } from './ledger/record/quarantine-look.ts';

/** What an erasure asks of the read models, which the write side does not know. */
export class ViewsOfErasure extends ErasureViews {
  readonly #views: Views;
  readonly #store: EventStore;

  constructor(views: Views, store: EventStore) {
    super();
    this.#views = views;
    this.#store = store;
  }

  override async holdsOn(references: readonly string[], position?: number): Promise<Hold[]> {
    await this.#views.reached('holds', position ?? (await this.#store.head()));
    return openHolds(this.#views.db, this.#store, references, position);
  }

  override async remainingOf(references: readonly string[], limit?: number): Promise<Remaining> {
    await this.#views.reached('entries', 0);
    const { byType, complete } = await countsByType(this.#views.db, references, limit === undefined ? {} : { limit });
    return { byType: byType.toSorted((a, b) => b.events - a.events), complete };
  }

  override progress(): { name: string; position: number }[] {
    return this.#views.status().map(({ name, position }) => ({ name, position }));
  }
}

/** The items that the read side knows; at the end of the log there may be more. */
export function quarantinedIn(views: Views): ListItems {
  return async (after, limit) => {
    const seenTo = await views.reached('quarantine', 0);
    return { items: await itemsAfter(views.db, after, limit), seenTo };
  };
}
