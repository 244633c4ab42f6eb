/** What the read models of a log have found, as rows. */
import { sql } from 'kysely';
import { ViewsDatabase } from '../../../projections/database.ts';
import { KEPT, type Kept } from '../../../projections/findings/places.ts';
import type { Projection } from '../../../projections/projection.ts';
import { type Log, Runner } from '../../../projections/runner.ts';
import type { RecordedEvent } from '../../../src/eventstore/event-store.ts';

/** A row of findings, in words. */
export interface FoundRow {
  position: number;
  rule: string;
  verdict: 'violates' | 'undeterminable';
  what?: string;
  missing?: string[];
  severity?: string;
  clause: number | null;
  article: string;
  policyVersion: string | null;
  recipient?: string;
  dueAt?: number;
  /** References; absent where everybody on the event is concerned. */
  whom?: string[];
  detectedAt: number;
  /** Position of the event by which it appeared. */
  since: number;
  clearedAt?: number;
  why?: string;
}

interface Stored {
  row: number;
  position: number;
  due_at: number | null;
  is_partial: number;
  detected_at: number;
  since: number;
  cleared_at: number | null;
  cleared_why: string | null;
  rule: string;
  what: string | null;
  verdict: FoundRow['verdict'];
  severity: string | null;
  clause: number | null;
  article: string;
  missing: string | null;
  recipient: string | null;
  policy_version: string | null;
}

/** Follows a log in this thread until it has all of it. */
export class Projected {
  readonly views: ViewsDatabase;
  readonly #runner: Runner;

  private constructor(views: ViewsDatabase, runner: Runner) {
    this.views = views;
    this.#runner = runner;
  }

  /** @param file of the read models: a new one */
  static async open(file: string, events: readonly RecordedEvent[], projections: readonly Projection[]): Promise<Projected> {
    const views = new ViewsDatabase(file);
    const log: Log = { readAll: (position, limit) => events.slice(position, position + limit), head: () => events.length };
    const runner = new Runner(views, log, projections);
    await runner.prepare();
    return new Projected(views, runner);
  }

  async catchUp(): Promise<void> {
    while ((await this.#runner.round()) || !this.#runner.isCaughtUp) {
      if (this.#runner.lastFailure !== undefined) throw this.#runner.lastFailure;
    }
  }

  /** Every finding that ever was, of some of those who keep them. */
  async found(...names: string[]): Promise<FoundRow[]> {
    const kept = KEPT.filter(({ projection }) => names.includes(projection));
    return (await Promise.all(kept.map((each) => this.#rowsOf(each)))).flat();
  }

  async #rowsOf({ rows, outcomes, whom }: Kept): Promise<FoundRow[]> {
    const { db } = this.views;
    const stored = await sql<Stored>`select f.row, f.position, f.due_at, f.is_partial, f.detected_at, f.since, f.cleared_at, f.cleared_why,
      o.rule, o.what, o.verdict, o.severity, o.clause, o.article, o.missing, o.recipient, o.policy_version
      from ${sql.table(rows)} as f join ${sql.table(outcomes)} as o on o.id = f.outcome order by f.row`.execute(db);
    const people = await sql<{ row: number; reference: string }>`select row, reference from ${sql.table(whom)}`.execute(db);
    const byRow = Map.groupBy(people.rows, ({ row }) => row);
    return stored.rows.map((row) => foundOf(row, row.is_partial === 1 ? byRow.get(row.row)?.map(({ reference }) => reference) : undefined));
  }

  close(): void {
    this.views.close();
  }
}

function foundOf(stored: Stored, whom: string[] | undefined): FoundRow {
  const { position, rule, verdict, clause, article, detected_at: detectedAt, since, policy_version: policyVersion } = stored;
  const { what, missing, severity, recipient, due_at: dueAt, cleared_at: clearedAt, cleared_why: why } = stored;
  return {
    ...{ position, rule, verdict, clause, article, detectedAt, since, policyVersion },
    ...(what !== null && { what }),
    ...(missing !== null && { missing: JSON.parse(missing) as string[] }),
    ...(severity !== null && { severity }),
    ...(recipient !== null && { recipient }),
    ...(dueAt !== null && { dueAt }),
    ...(whom && { whom }),
    ...(clearedAt !== null && { clearedAt }),
    ...(why !== null && { why }),
  };
}
