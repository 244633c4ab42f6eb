import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { EventStore } from '../../eventstore/event-store.ts';
import type { Policy } from '../../policy/document.ts';
import { parsePolicy } from '../../policy/parse.ts';
import { KeyVault } from '../../privacy/key-vault.ts';
import { Vocabulary } from '../../vocabulary/vocabulary.ts';
import { type Author, actorOf } from '../author.ts';
import { eventTypes } from '../events.ts';
import { handle } from '../handle.ts';
import { newId } from '../new-id.ts';
import { LedgerSettings } from '../settings.ts';
import { POLICIES, type Published, policies, type Review } from './decider.ts';
import { Policies } from './policies.ts';
import { type Publication, publishPolicy, sealedReason } from './publish.ts';

/**
 * Publishes a version of the policy, from its text. Publishing again what was published changes nothing. Durable when it resolves.
 * @throws InvalidPolicy with every mistake of the text, PolicyRefused, StoreUnavailable, KeyStoreUnavailable
 */
export class PublishPolicy extends Command<Publication> {
  constructor(
    /** In YAML, or in JSON, which is YAML too. */
    readonly text: string,
    readonly options: {
      /** In words; kept sealed. */
      reason?: string;
      author: Author;
      /** The ledger's clock, milliseconds since 1970. */
      now: number;
      /** Says what would change for whom, and records nothing. */
      dryRun?: boolean;
    },
  ) {
    super();
  }
}

/** A policy from its text, as this ledger reads it. @throws InvalidPolicy */
export function policyOf(text: string, vocabulary: Vocabulary): Policy {
  return parsePolicy(text, { vocabulary, eventTypes: new Set(eventTypes().map(({ type }) => type)) });
}

export interface Reviewed {
  version: Published;
  review: Review;
}

/**
 * Says that somebody went through the version that is in force. Durable when it resolves.
 * @throws PolicyUnknown, PolicyNotInForce, StoreUnavailable, KeyStoreUnavailable
 */
export class ReviewPolicy extends Command<Reviewed> {
  constructor(
    readonly version: string,
    readonly options: {
      /** SHA-256, in hexadecimal, of the text that was found where people read it; absent where nobody looked. */
      textDigest?: string;
      /** What was found, in words; kept sealed. */
      reason?: string;
      author: Author;
      now: number;
    },
  ) {
    super();
  }
}

@CommandHandler(PublishPolicy)
export class PublishPolicyHandler implements ICommandHandler<PublishPolicy> {
  constructor(
    private readonly store: EventStore,
    private readonly vault: KeyVault,
    private readonly policies: Policies,
    private readonly vocabulary: Vocabulary,
    private readonly settings: LedgerSettings,
  ) {}

  async execute({ text, options }: PublishPolicy): Promise<Publication> {
    const { store, vault, vocabulary, settings } = this;
    const document = policyOf(text, vocabulary);
    return publishPolicy({ store, vault, vocabulary, settings, policies: this.policies }, { document, ...options });
  }
}

@CommandHandler(ReviewPolicy)
export class ReviewPolicyHandler implements ICommandHandler<ReviewPolicy> {
  constructor(
    private readonly store: EventStore,
    private readonly vault: KeyVault,
    private readonly policies: Policies,
    private readonly settings: LedgerSettings,
  ) {}

  async execute({ version: name, options }: ReviewPolicy): Promise<Reviewed> {
    const { textDigest, reason, author, now } = options;
    const id = newId();
    const review = {
      do: 'review',
      version: name,
      at: new Date(now).toISOString(),
      ...(textDigest !== undefined && { textDigest }),
    } as const;
    const by = await actorOf(author, this.vault);
    // Looked at beforehand, so that no key is made for what is refused.
    policies.decide({ ...review, by, id }, await this.policies.versions());
    const sealed = await sealedReason(this.vault, id, reason, now, this.settings);
    await handle(this.store, POLICIES, policies, { ...review, by, id, ...sealed });
    const version = await this.policies.version(name);
    const made = version?.reviews.find((each) => each.id === id);
    if (version === undefined || made === undefined) throw new Error('a review that was recorded does not stand in its stream');
    return { version, review: made };
  }
}
