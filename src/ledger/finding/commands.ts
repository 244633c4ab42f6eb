import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { EventStore } from '../../eventstore/event-store.ts';
import { KeyVault } from '../../privacy/key-vault.ts';
import { type Author, actorOf } from '../author.ts';
import type { Entry, Reference, StoredSubject } from '../entry.ts';
import { handle } from '../handle.ts';
import { newId } from '../new-id.ts';
import { monthOf, sealAbout } from '../periods.ts';
import { sealEntry } from '../sealing.ts';
import { LedgerSettings } from '../settings.ts';
import { FINDINGS_SOURCE, type FindingCommand, findingStream, findings, type SeenFinding } from './decider.ts';

export interface Remarked {
  /** Of the event that says so. */
  position: number;
  /** UTC ISO 8601. */
  at: string;
}

/**
 * Says of a finding that somebody sees to it, or how it came about (`FindingAcknowledged`, `FindingExplained`). Durable when it
 * resolves.
 * @throws FindingUnknown, FindingCleared, FindingAcknowledgedAlready, FindingExplainedAlready, TooManyRemarks, PersonErased (meanwhile),
 *   StoreUnavailable, KeyStoreUnavailable
 */
export class RemarkOnFinding extends Command<Remarked> {
  constructor(
    readonly remark: {
      do: FindingCommand['do'];
      finding: string;
      /** As the read side has it; undefined where it knows no such finding. */
      seen: (SeenFinding & { people: readonly Reference[] }) | undefined;
      /** In words; kept sealed. */
      reason: string;
      again: boolean;
      author: Author;
      /** The ledger's clock, milliseconds since 1970. */
      now: number;
    },
  ) {
    super();
  }
}

@CommandHandler(RemarkOnFinding)
export class RemarkOnFindingHandler implements ICommandHandler<RemarkOnFinding> {
  constructor(
    private readonly store: EventStore,
    private readonly vault: KeyVault,
    private readonly settings: LedgerSettings,
  ) {}

  async execute({ remark }: RemarkOnFinding): Promise<Remarked> {
    const { finding, seen, again, now } = remark;
    const id = newId();
    const command: FindingCommand = {
      ...{ do: remark.do, finding, seen, again, id },
      at: new Date(now).toISOString(),
      by: await actorOf(remark.author, this.vault),
      // Nothing is sealed about a finding that there is not: deciding refuses it.
      ...(seen ? await this.seal(id, seen.people, remark) : { subjects: [] }),
    };
    const { position } = await handle(this.store, findingStream(finding), findings, command);
    return { position: position as number, at: command.at };
  }

  /**
   * What is said of a finding about people ends with the first of them. What is said of one about nobody is part of the controller's
   * account of itself (Art. 5(2)), and is kept as long as the file of a case.
   */
  private async seal(
    id: string,
    people: readonly Reference[],
    { reason, now }: RemarkOnFinding['remark'],
  ): Promise<{ subjects: StoredSubject[]; sealed?: Entry['sealed'] }> {
    const pair = { source: FINDINGS_SOURCE, id };
    if (people.length === 0) {
      const { month, endsAt } = monthOf(now, this.settings.caseDays);
      const name = `findings-${month}`;
      return sealEntry(pair, [], { values: { reason } }, { name, key: await this.vault.periodKey(name, endsAt) });
    }
    const { subjects, sealed } = await sealAbout(this.vault, pair, people, { reason }, now, this.settings);
    // Where somebody has no key any more the words end with their month, and everybody is named by nothing but the reference.
    return { subjects: subjects.length > 0 ? subjects : people.map((reference) => ({ reference })), ...(sealed && { sealed }) };
  }
}
