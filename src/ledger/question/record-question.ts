import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { EventStore, type NewEvent } from '../../eventstore/event-store.ts';
import { KeyVault } from '../../privacy/key-vault.ts';
import { type Author, actorOf } from '../author.ts';
import type { Entry, Reference, StoredActor } from '../entry.ts';
import { monthOf } from '../month.ts';
import { newId } from '../new-id.ts';
import { ownEvent } from '../own-event.ts';
import { type Named, type PeriodKey, sealEntry } from '../sealing.ts';
import { LedgerSettings } from '../settings.ts';

/** Why somebody asks. */
export interface Reason {
  purpose: string;
  caseRef?: string;
}

/**
 * Records that the ledger was asked (domain.md §6: questions are processing too). Durable when it resolves; the answer
 * leaves after that. About more than 1,000 people it becomes several events with one `correlationId`.
 * @throws StoreUnavailable, KeyStoreUnavailable: then nothing may be answered.
 */
export class RecordQuestion extends Command<void> {
  constructor(
    readonly asked: {
      author: Author;
      /** `timeline`, `disclosures` … */
      question: string;
      /** Names of the axes of `about` that were used, never their values. */
      axes: readonly string[];
      reason: Reason;
      /** The person asked about, or else the people in the answer. */
      subjects: readonly Reference[];
      correlationId: string;
      now: number;
    },
  ) {
    super();
  }
}

const MAX_SUBJECTS = 1000;

@CommandHandler(RecordQuestion)
export class RecordQuestionHandler implements ICommandHandler<RecordQuestion> {
  constructor(
    private readonly store: EventStore,
    private readonly vault: KeyVault,
    private readonly settings: LedgerSettings,
  ) {}

  async execute({ asked }: RecordQuestion): Promise<void> {
    const actor = await actorOf(asked.author, this.vault);
    const events: NewEvent[] = [];
    for (let from = 0; from === 0 || from < asked.subjects.length; from += MAX_SUBJECTS) {
      events.push(await this.eventOf(asked, asked.subjects.slice(from, from + MAX_SUBJECTS), actor));
    }
    await this.store.append([{ stream: 'ledger-questions', expectedRevision: 'any', events }]);
  }

  private async eventOf(asked: RecordQuestion['asked'], subjects: readonly Reference[], actor: StoredActor): Promise<NewEvent> {
    const { question, axes, reason, correlationId, now } = asked;
    const pair = { source: 'urn:liggare:questions', id: newId() };
    return ownEvent({
      ...pair,
      type: 'LedgerQueried',
      now,
      actor,
      ...(await this.seal(pair, subjects, reason, now)),
      data: {
        purpose: reason.purpose,
        ...(reason.caseRef !== undefined && { caseRef: this.vault.digest('caseRef', reason.caseRef) }),
        question,
        axes: [...axes],
        correlationId,
      },
    });
  }

  /** Only the case's number has to be sealed; without one nothing of the question is personal but the references. */
  private async seal(pair: Pick<Entry, 'source' | 'id'>, subjects: readonly Reference[], { caseRef }: Reason, now: number) {
    if (caseRef === undefined) return { subjects: subjects.map((reference) => ({ reference })) };
    const keys = await this.vault.keys(subjects);
    const living = subjects.filter((reference) => keys.has(reference));
    const people: Named[] = living.map((reference) => ({ reference, key: keys.get(reference) as Named['key'] }));
    const period = people.length === 0 ? await this.period(now) : undefined;
    return sealEntry(pair, people, { values: { caseRef } }, period);
  }

  private async period(now: number): Promise<PeriodKey> {
    const { month, endsAt } = monthOf(now, this.settings.unboundDays);
    const name = `unbound-${month}`;
    return { name, key: await this.vault.periodKey(name, endsAt) };
  }
}
