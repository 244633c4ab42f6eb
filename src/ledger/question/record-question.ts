import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { EventStore, type NewEvent } from '../../eventstore/event-store.ts';
import { KeyVault } from '../../privacy/key-vault.ts';
import { type Author, actorOf } from '../author.ts';
import type { Entry, Reference, StoredActor } from '../entry.ts';
import { newId } from '../new-id.ts';
import { appendOwn, ownEvent } from '../own-event.ts';
import { unboundKey } from '../periods.ts';
import { type Named, sealEntry } from '../sealing.ts';
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
      /** The item in quarantine that is opened. */
      quarantineId?: string;
      /** What is answered to each of several things asked, as codes. */
      answers?: readonly string[];
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
    for (const { subjects, keys } of await this.parts(asked)) events.push(await this.eventOf(asked, subjects, keys, actor));
    await appendOwn(this.store, 'ledger-questions', events);
  }

  /**
   * The people in parts of at most 1,000. Who has no key (any more) stands in a part of their own: the case's number is sealed
   * under the keys of everybody on the event.
   */
  private async parts({ subjects, reason }: RecordQuestion['asked']): Promise<{ subjects: readonly Reference[]; keys: Keys }[]> {
    const keys: Keys = reason.caseRef === undefined ? new Map() : await this.vault.keys(subjects);
    const sealed = subjects.filter((reference) => keys.has(reference));
    const bare = subjects.filter((reference) => !keys.has(reference));
    const parts = [...slices(sealed), ...slices(bare)].map((part) => ({ subjects: part, keys }));
    return parts.length > 0 ? parts : [{ subjects: [], keys }];
  }

  private async eventOf(asked: RecordQuestion['asked'], subjects: readonly Reference[], keys: Keys, actor: StoredActor): Promise<NewEvent> {
    const { question, axes, reason, correlationId, quarantineId, answers, now } = asked;
    const pair = { source: 'urn:liggare:questions', id: newId() };
    return ownEvent({
      ...pair,
      type: 'LedgerQueried',
      now,
      actor,
      ...(await this.seal(pair, subjects, keys, reason, now)),
      data: {
        purpose: reason.purpose,
        ...(reason.caseRef !== undefined && { caseRef: this.vault.digest('caseRef', reason.caseRef) }),
        question,
        axes: [...axes],
        correlationId,
        ...(quarantineId !== undefined && { quarantineId }),
        ...(answers !== undefined && { answers: [...answers] }),
      },
    });
  }

  /** Only the case's number has to be sealed; without one nothing of the question is personal but the references. */
  private async seal(pair: Pick<Entry, 'source' | 'id'>, subjects: readonly Reference[], keys: Keys, { caseRef }: Reason, now: number) {
    const people = subjects.flatMap((reference): Named[] => {
      const key = keys.get(reference);
      return key ? [{ reference, key }] : [];
    });
    const bare = subjects.map((reference) => ({ reference }));
    if (caseRef === undefined) return { subjects: bare };
    if (people.length > 0) return sealEntry(pair, people, { values: { caseRef } });
    const period = await unboundKey(this.vault, now, this.settings.unboundDays);
    return { ...sealEntry(pair, [], { values: { caseRef } }, period), subjects: bare };
  }
}

type Keys = ReadonlyMap<Reference, Named['key']>;

function slices(references: readonly Reference[]): Reference[][] {
  const count = Math.ceil(references.length / MAX_SUBJECTS);
  return Array.from({ length: count }, (_, i) => references.slice(i * MAX_SUBJECTS, (i + 1) * MAX_SUBJECTS));
}
