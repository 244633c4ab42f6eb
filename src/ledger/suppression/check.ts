import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import { type Identifier, KeyVault } from '../../privacy/key-vault.ts';

/**
 * Whether each of these must not be contacted for direct marketing any more (Art. 21(3)), in the order asked for. The list knows
 * identifiers, not people: it survives an erasure, and says nothing but yes or no. That it was asked has to be recorded before.
 */
export class CheckSuppression extends Query<boolean[]> {
  constructor(
    readonly identifiers: readonly Identifier[],
    /** The ledger's clock, milliseconds since 1970: ten-digit personal identity numbers are completed by it. */
    readonly now: number,
  ) {
    super();
  }
}

@QueryHandler(CheckSuppression)
export class CheckSuppressionHandler implements IQueryHandler<CheckSuppression> {
  constructor(private readonly vault: KeyVault) {}

  execute({ identifiers, now }: CheckSuppression): Promise<boolean[]> {
    const at = new Date(now).toISOString();
    return this.vault.suppressed(identifiers.map(({ scheme, value }) => ({ scheme, value, at })));
  }
}
