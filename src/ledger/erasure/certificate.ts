import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import { EventStore } from '../../eventstore/event-store.ts';
import { type Group, groupOf } from '../events.ts';
import { type Destroyed, findErasure } from './facts.ts';
import { ErasureViews, type Remaining } from './parts.ts';

/** What was erased, what stays and why, and who has heard of it: for whoever must show it (Art. 5(2), 12(3)). */
export interface Certificate {
  id: string;
  /** `withdrawn`: a legal hold had been recorded before it was decided, and nothing was erased. */
  state: 'completed' | 'in-progress' | 'withdrawn';
  references: string[];
  /** Of Art. 17(1). */
  ground: string;
  /** When it was decided, UTC. */
  erasedAt: string;
  /** When the log had confirmed it; absent while it is in progress. */
  completedAt?: string;
  /** Absent while it is in progress, and where it was withdrawn. */
  destroyed?: Destroyed;
  stays: {
    /** Events counted. */
    counted: number;
    /** Whether that is all there are: the answer to the erasure itself counts the first thousand. */
    complete: boolean;
    byType: { type: string; events: number; why: string }[];
  };
  /** The reason and the request are sealed apart from the person, and can be opened until then. */
  caseFile: { until: string };
  /** Whether the person's identifiers stand in the suppression list. */
  suppressed: boolean;
  /** The read models, and whether they have seen it yet. */
  projections: { name: string; acknowledged: boolean; position: number }[];
  limits: readonly string[];
}

/** The ledger knows no erasure of this id. */
export class ErasureUnknown extends Error {
  override name = 'ErasureUnknown';
}

/** The certificate of an erasure as it stands now. @throws ErasureUnknown */
export class ErasureCertificate extends Query<Certificate> {
  constructor(
    readonly id: string,
    /** Remaining events to count at most; absent: all. */
    readonly count?: number,
  ) {
    super();
  }
}

/** Why events that name an erased person stay, by their group. */
const WHY: Readonly<Record<Group, string>> = {
  processing: 'Art. 5(2): that and why personal data was processed; of whom can no longer be told.',
  restriction: 'Art. 5(2), 18: that a restriction was kept.',
  'legal-hold': 'Art. 17(3): that data was held, and on which exception.',
  consent: 'Art. 7(1), 21: that there was consent, or an objection was heeded.',
  rights: 'Art. 5(2), 12: that a request was answered in time; its file is sealed apart and ends by itself.',
  breach: 'Art. 33(5): the documentation of a personal data breach.',
  governance: 'Art. 24, 28, 32: the organisation of the processing.',
  source: 'Art. 5(1)(d): that a record was corrected or retracted.',
  ledger: 'Art. 5(2): what the ledger itself did, such as this erasure and who asked.',
};

/** What an erasure does not reach, in words that may be quoted. */
export const LIMITS: readonly string[] = [
  'Only this ledger: the systems that sent the records, and the recipients named in them, erase on their own.',
  'Only who is known as one person here: somebody who is a data subject under one identifier and acts under another is linked first, or erased twice.',
  'Times, types, codes and the random reference of each record stay, and with them a pattern without a name.',
  'Copies of the key store made before the erasure can still open what they could open then, until they are destroyed.',
  'What was in memory, in swap or in a snapshot of the storage when the key was destroyed is not overwritten.',
  'Where it does not say that the bytes were overwritten, another program read the key store meanwhile: they are overwritten when it is done, at the next start at the latest.',
  "Keyed digests of references (such as a case's number) stay: a holder of the master key can test a guess against them.",
];

@QueryHandler(ErasureCertificate)
export class ErasureCertificateHandler implements IQueryHandler<ErasureCertificate> {
  constructor(
    private readonly store: EventStore,
    private readonly views: ErasureViews,
  ) {}

  async execute({ id, count }: ErasureCertificate): Promise<Certificate> {
    const found = await findErasure(this.store, id);
    if (!found) throw new ErasureUnknown('there is no such erasure');
    const { intention, confirmed, withdrawnAt } = found;
    const { references, ground, at, suppress, caseUntil } = intention;
    const { byType, complete } = await this.remainingOf(references, count);
    return {
      id,
      state: withdrawnAt !== undefined ? 'withdrawn' : confirmed ? 'completed' : 'in-progress',
      references,
      ground,
      erasedAt: at,
      ...(confirmed && { completedAt: confirmed.recordedAt, destroyed: confirmed.destroyed }),
      stays: { counted: byType.reduce((sum, { events }) => sum + events, 0), complete, byType: byType.map(explained) },
      caseFile: { until: caseUntil },
      suppressed: suppress && withdrawnAt === undefined,
      projections: this.views.progress().map(({ name, position }) => {
        return { name, acknowledged: confirmed !== undefined && position >= confirmed.position, position };
      }),
      limits: LIMITS,
    };
  }

  /** Who has just been erased is told so, also while the read models cannot be asked: then nothing was counted, and that is said. */
  private async remainingOf(references: readonly string[], count: number | undefined): Promise<Remaining> {
    try {
      return await this.views.remainingOf(references, count);
    } catch (error) {
      if (count === undefined) throw error;
      return NOTHING_COUNTED;
    }
  }
}

const NOTHING_COUNTED: Remaining = { byType: [], complete: false };

function explained({ type, events, ledgersOwn }: Remaining['byType'][number]) {
  const group = ledgersOwn ? 'ledger' : groupOf(type);
  return { type, events, why: group ? WHY[group] : 'Art. 5(2): that it was recorded.' };
}
