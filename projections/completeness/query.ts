import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import type { Kysely } from 'kysely';
import { iso } from '../moment.ts';
import type { Schema } from '../schema.ts';
import { Views } from '../views.ts';
import type { CompletenessTables } from './tables.ts';

/** What was heard of an emitting source. */
export interface SourceCompleteness {
  source: string;
  /** Records in the log. */
  events: number;
  firstHeardAt: string;
  lastHeardAt: string;
  highestSequence: number | null;
  /** Sequence numbers between the lowest and the highest seen that were never received: ranges, both ends included. */
  missing: [number, number][];
  /** Numbers in all ranges, also where these are too many to be listed. */
  missingCount: number;
  /** Records that came more than a day after they happened. */
  late: number;
  /** Records that came after one with a higher number. */
  outOfOrder: number;
  /** Items that ever came into quarantine; their numbers count as received. */
  quarantined: number;
}

/** Whether anything of an emitting source is missing (Q10). */
export class Sources extends Query<{ items: SourceCompleteness[]; position: number; asOf: string }> {
  constructor(
    readonly question: {
      /** Wait until the read side has reached this position. */
      after?: number;
    } = {},
  ) {
    super();
  }
}

/** Ranges listed for one source, at most. */
const MAX_RANGES = 1_000;

type SourceRow = CompletenessTables['completeness_sources'];

@QueryHandler(Sources)
export class SourcesHandler implements IQueryHandler<Sources> {
  constructor(private readonly views: Views) {}

  /** @throws NotThereYet */
  async execute({ question: { after } }: Sources) {
    await this.views.reached('completeness', after ?? 0);
    const position = this.views.position('completeness');
    const asOf = this.views.recordedAt('completeness') ?? iso(Date.now());
    const rows = await this.views.db.selectFrom('completeness_sources').selectAll().orderBy('source').execute();
    return { items: await Promise.all(rows.map((row) => itemOf(this.views.db, row))), position, asOf };
  }
}

async function itemOf(db: Kysely<Schema>, row: SourceRow): Promise<SourceCompleteness> {
  return {
    source: row.source,
    events: row.events,
    firstHeardAt: iso(row.first_heard_at),
    lastHeardAt: iso(row.last_heard_at),
    highestSequence: row.highest_sequence,
    ...(await missingOf(db, row)),
    late: row.late,
    outOfOrder: row.out_of_order,
    quarantined: row.quarantined,
  };
}

/** What lies between the ranges received. */
async function missingOf(db: Kysely<Schema>, { source, lowest_sequence, highest_sequence }: SourceRow) {
  if (lowest_sequence === null || highest_sequence === null) return { missing: [], missingCount: 0 };
  const received = db.selectFrom('completeness_ranges').where('source', '=', source);
  const ranges = await received
    .select(['first', 'last'])
    .orderBy('first')
    .limit(MAX_RANGES + 1)
    .execute();
  const { total } = await received
    .select(({ fn, eb }) => fn.sum<number | string>(eb('last', '-', eb.ref('first'))).as('total'))
    .select(({ fn }) => fn.countAll<number | string>().as('count'))
    .executeTakeFirstOrThrow()
    .then(({ total, count }) => ({ total: Number(total) + Number(count) }));
  const missing = ranges.slice(1).map(({ first }, i): [number, number] => [(ranges[i] as { last: number }).last + 1, first - 1]);
  return { missing, missingCount: highest_sequence - lowest_sequence + 1 - total };
}
