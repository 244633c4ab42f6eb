import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { type Identifier, KeyVault } from '../../privacy/key-vault.ts';
import { People } from '../people/people.ts';
import { suppressWhole } from '../suppression.ts';

/**
 * Whether each of these must not be contacted for direct marketing any more (Art. 21(3)), in the order asked for: because it is on
 * the suppression list, or because another identifier of the same person is, and then it is put there too. The list itself knows
 * identifiers, not people, so it survives an erasure. That it was asked has to be recorded before.
 */
export class CheckSuppression extends Command<boolean[]> {
  constructor(
    readonly identifiers: readonly Identifier[],
    /** The ledger's clock, milliseconds since 1970: ten-digit personal identity numbers are completed by it. */
    readonly now: number,
  ) {
    super();
  }
}

@CommandHandler(CheckSuppression)
export class CheckSuppressionHandler implements ICommandHandler<CheckSuppression> {
  constructor(
    private readonly vault: KeyVault,
    private readonly people: People,
  ) {}

  async execute({ identifiers, now }: CheckSuppression): Promise<boolean[]> {
    const at = new Date(now).toISOString();
    const dated = identifiers.map(({ scheme, value }) => ({ scheme, value, at }));
    await this.vault.epoch();
    const listed = await this.vault.suppressed(dated);
    const known = await this.vault.resolve(dated, { create: false });
    const open = known.flatMap((person, i) => (person && !listed[i] ? [person.reference] : []));
    const persons = await this.people.groupOf(open);
    const answers = await suppressWhole(this.vault, persons);
    const objectors = new Set(open.filter((_, i) => answers[i]));
    return listed.map((isListed, i) => isListed || objectors.has(known[i]?.reference ?? ''));
  }
}
