import type { Identifier, KeyVault } from '../../privacy/key-vault.ts';
import type { People } from '../people/people.ts';
import type { Draft } from './draft.ts';

/**
 * Heeds objections to direct marketing (`ObjectionRaised` of kind 21(2)): Art. 21(3) knows no weighing and no delay, so that the
 * objector stands in the suppression list before the objection stands in the log.
 */
export class Objections {
  constructor(
    private readonly vault: KeyVault,
    private readonly people: People,
  ) {}

  /**
   * Puts every identifier of the objectors, and of whoever is one person with them, into the suppression list; durable when it
   * resolves. The people must be known by now. Again, it changes nothing.
   */
  async heed(drafts: readonly Draft[]): Promise<void> {
    const objectors = drafts.filter(isAgainstMarketing).flatMap(subjectsOf);
    if (objectors.length === 0) return;
    const known = await this.vault.resolve(objectors, { create: false });
    const groups = await this.people.groupOf(known.flatMap((person) => (person ? [person.reference] : [])));
    const identifiers = await this.vault.identifiers([...new Set(groups.flat())]);
    await this.vault.suppress([...identifiers.values()].flat());
  }
}

/** Whether it is an objection that is heeded before it stands in the log. */
export function isAgainstMarketing({ type, event }: Draft): boolean {
  return type === 'ObjectionRaised' && (event['data'] as { kind?: unknown }).kind === '21(2)';
}

function subjectsOf({ event }: Draft): (Identifier & { at: string })[] {
  const { subjects = [] } = event['data'] as { subjects?: Identifier[] };
  return subjects.map(({ scheme, value }) => ({ scheme, value, at: event['time'] as string }));
}
