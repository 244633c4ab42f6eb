import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import { type Kysely, sql } from 'kysely';
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
  /** By when the source said, in its last heartbeat, that it would be heard again; null where it did not. */
  nextBy: string | null;
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
    const { db } = this.views;
    const [rows, gaps] = await Promise.all([db.selectFrom('completeness_sources').selectAll().orderBy('source').execute(), missing(db)]);
    return { items: rows.map((row) => itemOf(row, gaps.get(row.source))), position, asOf };
  }
}

function itemOf(row: SourceRow, missing: Missing | undefined): SourceCompleteness {
  return {
    source: row.source,
    events: row.events,
    firstHeardAt: iso(row.first_heard_at),
    lastHeardAt: iso(row.last_heard_at),
    nextBy: row.next_by === null ? null : iso(row.next_by),
    highestSequence: row.highest_sequence,
    missing: missing?.ranges ?? [],
    missingCount: missing?.count ?? 0,
    late: row.late,
    outOfOrder: row.out_of_order,
    quarantined: row.quarantined,
  };
}

interface Missing {
  ranges: [number, number][];
  /** Numbers in all ranges, those that are not listed included. */
  count: number;
}

/** What lies between the ranges received, by source. */
async function missing(db: Kysely<Schema>): Promise<Map<string, Missing>> {
  const { rows } = await sql<{ source: string; first: number; last: number; before: number | null; count: number }>`
    select source, first, last, before, count from (
      select source, first, last, lag(last) over each_source as before, row_number() over each_source as place,
        max(last) over whole - min(first) over whole + 1 - sum(last - first + 1) over whole as count
      from completeness_ranges window each_source as (partition by source order by first), whole as (partition by source)
    ) as received where place <= ${MAX_RANGES + 1} order by source, first`.execute(db);
  const bySource = new Map<string, Missing>();
  for (const { source, first, before, count } of rows) {
    const of = bySource.get(source) ?? { ranges: [], count: Number(count) };
    bySource.set(source, of);
    if (before !== null) of.ranges.push([Number(before) + 1, Number(first) - 1]);
  }
  return bySource;
}
