import { EventStore } from '../eventstore/event-store.ts';
import { KeyVault } from '../privacy/key-vault.ts';
import { type Author, actorOf } from './author.ts';
import { clearIdentity } from './clear-identity.ts';
import { appendOwn, ownEvent } from './own-event.ts';

/** An attempt to write what only somebody else may write. */
export interface ForbiddenAttempt {
  source?: string;
  id?: string;
  type?: string;
  problems: { rule: string }[];
}

/** Keeps attempts to record under a source or a type that the key was not given (`RecordRefused`): one entry a request. */
export class Refusals {
  constructor(
    private readonly store: EventStore,
    private readonly vault: KeyVault,
  ) {}

  async record(author: Author, attempts: readonly ForbiddenAttempt[], now: number): Promise<void> {
    const [first] = attempts;
    const event = ownEvent({
      source: 'urn:liggare:refusals',
      type: 'RecordRefused',
      now,
      actor: await actorOf(author, this.vault),
      data: {
        keyId: author.keyId,
        rule: first?.problems[0]?.rule,
        attempts: attempts.length,
        ...clearIdentity(first),
      },
    });
    await appendOwn(this.store, 'ledger-refusals', [event]);
  }
}
