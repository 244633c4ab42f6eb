import { Command, CommandHandler, type ICommandHandler, type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import { KeyVault } from '../../privacy/key-vault.ts';
import { type Author, actorOf } from '../author.ts';
import { ApiKeys, type CreatedKey, type ShownKey, type WantedKey } from './api-keys.ts';

/** Makes a key; the answer holds its text, once. */
export class CreateApiKey extends Command<CreatedKey> {
  constructor(
    readonly wanted: WantedKey,
    readonly by: Author,
    /** The ledger's clock, milliseconds since 1970. */
    readonly now: number,
  ) {
    super();
  }
}

/** Revokes a key, at once and for good. */
export class RevokeApiKey extends Command<void> {
  constructor(
    readonly id: string,
    readonly by: Author,
    readonly now: number,
  ) {
    super();
  }
}

/** A page of the keys, without their secrets. */
export class ListApiKeys extends Query<{ items: ShownKey[]; next?: string }> {
  constructor(readonly options: { after?: string; limit: number; revoked: boolean }) {
    super();
  }
}

@CommandHandler(CreateApiKey)
export class CreateApiKeyHandler implements ICommandHandler<CreateApiKey> {
  constructor(
    private readonly keys: ApiKeys,
    private readonly vault: KeyVault,
  ) {}

  async execute({ wanted, by, now }: CreateApiKey): Promise<CreatedKey> {
    return this.keys.create(wanted, await actorOf(by, this.vault), now);
  }
}

@CommandHandler(RevokeApiKey)
export class RevokeApiKeyHandler implements ICommandHandler<RevokeApiKey> {
  constructor(
    private readonly keys: ApiKeys,
    private readonly vault: KeyVault,
  ) {}

  async execute({ id, by, now }: RevokeApiKey): Promise<void> {
    return this.keys.revoke(id, await actorOf(by, this.vault), now);
  }
}

@QueryHandler(ListApiKeys)
export class ListApiKeysHandler implements IQueryHandler<ListApiKeys> {
  constructor(private readonly keys: ApiKeys) {}

  execute({ options }: ListApiKeys): Promise<{ items: ShownKey[]; next?: string }> {
    return this.keys.list(options);
  }
}
