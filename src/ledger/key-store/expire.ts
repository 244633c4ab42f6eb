import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { EventStore } from '../../eventstore/event-store.ts';
import { KeyVault } from '../../privacy/key-vault.ts';
import { type Author, actorOf } from '../author.ts';
import { appendOwn, ownEvent } from '../own-event.ts';
import { KEY_STORE } from './stream.ts';

/** A period (a month of quarantine or of entries about nobody, a case) whose key may be, or was, destroyed. */
export interface EndedPeriod {
  name: string;
  /** UTC ISO 8601. */
  endsAt: string;
  /** Items in quarantine that end with it. */
  items: number;
}

/**
 * Destroys the keys of periods whose end has passed: what was sealed under them can be opened no more. Recorded
 * (`PeriodKeysDestroyed`) before it is done: what stopped between is done, and said once more, the next time.
 * @returns what went, or with `dryRun` what would go.
 * @throws StoreUnavailable, KeyStoreUnavailable
 */
export class ExpirePeriods extends Command<EndedPeriod[]> {
  constructor(
    readonly author: Author,
    /** The ledger's clock, milliseconds since 1970. */
    readonly now: number,
    readonly dryRun: boolean,
  ) {
    super();
  }
}

/** Periods that one event names: half as many as its schema allows, so that it stays under what a leaf may have. */
const AN_EVENT = 500;

@CommandHandler(ExpirePeriods)
export class ExpirePeriodsHandler implements ICommandHandler<ExpirePeriods> {
  constructor(
    private readonly store: EventStore,
    private readonly vault: KeyVault,
  ) {}

  async execute({ author, now, dryRun }: ExpirePeriods): Promise<EndedPeriod[]> {
    const due = await this.vault.expirePeriods(now, { dryRun: true });
    if (dryRun || due.length === 0) return due;
    const actor = await actorOf(author, this.vault);
    const events = slices(due).map((periods) =>
      ownEvent({ source: KEY_STORE.source, type: 'PeriodKeysDestroyed', now, actor, data: { periods } }),
    );
    await appendOwn(this.store, KEY_STORE.stream, events);
    await this.vault.expirePeriods(now);
    return due;
  }
}

function slices(periods: readonly EndedPeriod[]): EndedPeriod[][] {
  const count = Math.ceil(periods.length / AN_EVENT);
  return Array.from({ length: count }, (_, i) => periods.slice(i * AN_EVENT, (i + 1) * AN_EVENT));
}
