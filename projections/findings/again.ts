/** Events judged again, because of something that was learnt later: what differs appears, goes, or is told anew. */
import { type Kysely, sql } from 'kysely';
import { listed } from '../database.ts';
import type { Tx } from '../projection.ts';
import type { Schema } from '../schema.ts';
import { keysOf, MARKS, markOf } from '../state/facts.ts';
import { isQuiet, stateAround } from '../state/moment.ts';
import { hasOwn } from '../state/profile.ts';
import { Recorded, type RecordedEvent, recordedEvents } from '../state/state.ts';
import type { FoundTogether, Profiles } from './interning.ts';
import type { FindingOfEvent, Judging, Plan, Verdict } from './judging.ts';
import { planOf } from './judging.ts';
import type { Range, Reach, Scan } from './reach.ts';
import type { FindingsTables } from './tables.ts';
import type { Cause, Writing } from './writing.ts';

/** Judged at once. */
const CHUNK = 500;
/** Judged in one transaction, about; then the others have their turn. */
const STEP = 5_000;
/** The part of a finding's id that says which outcome it is. */
const OUTCOME_AT = 6;

type Row = Pick<FindingsTables['findings_rows'], 'row' | 'finding' | 'outcome' | 'position' | 'due_at' | 'is_partial' | 'detected_at'>;

/** What is left to do of a reach: its parts one after the other, and within one behind a place. */
export interface Left {
  positions: number[];
  ranges: Range[];
  scans: Scan[];
  /** Of the first range: mark, time, position; of the first scan: position. */
  behind?: readonly number[];
}

export class Again {
  readonly #judging: Judging;
  readonly #profiles: Profiles<Plan>;
  readonly #writing: Writing;

  constructor(judging: Judging, profiles: Profiles<Plan>, writing: Writing) {
    this.#judging = judging;
    this.#profiles = profiles;
    this.#writing = writing;
  }

  /**
   * Judges what a cause reaches, in an order that is the same however many steps it takes.
   * @returns what is left for the next step; undefined where nothing is
   */
  async judge(tx: Tx, cause: Cause, reach: Left | Reach): Promise<Left | undefined> {
    let left: Left | undefined = { positions: [...reach.positions], ranges: [...reach.ranges], scans: [...reach.scans] };
    if ('behind' in reach && reach.behind) left.behind = reach.behind;
    for (let judged = 0; left !== undefined; ) {
      if (judged >= STEP) return left;
      const next = await nextOf(tx.db, left, cause);
      left = next.left;
      judged += next.positions.length;
      if (next.positions.length > 0) await this.#chunk(tx, cause, next.positions);
    }
    return undefined;
  }

  async #chunk(tx: Tx, cause: Cause, positions: readonly number[]): Promise<void> {
    const events = await recordedEvents(tx.db, positions);
    const fallen = await fallenOf(tx.db, positions);
    const standing = events.filter(({ position }) => !fallen.has(position));
    const verdicts = await this.verdicts(tx, standing);
    const changed = new Changes();
    const open = await openRows(tx.db, events, this.#hadFindings(tx));
    for (const recorded of events) {
      const verdict = verdicts.get(recorded.position);
      const before = recorded.judgement === null ? undefined : await this.#judging.judgements.byId(tx, recorded.judgement);
      if (before !== verdict?.together) this.#recount(recorded, before, verdict?.together, cause, changed);
      const why = verdict === undefined ? (fallen.get(recorded.position) as string) : 'judged-again';
      const rows = open.get(recorded.position) ?? [];
      for (const row of this.#differences(recorded, rows, verdict?.findings ?? [], cause)) changed.close(row, why);
    }
    this.#writing.flush(tx);
    await changed.write(tx.db, cause);
  }

  /** Of events that are among the rows, with everything that they are judged by: what the rules say. */
  async verdicts(tx: Tx, events: readonly RecordedEvent[]): Promise<Map<number, Verdict>> {
    const controllers = this.#judging.published.map(({ promises }) => promises.policy.controller.id);
    const known = await Recorded.load(tx.db, this.#judging.names.with(events.flatMap(({ event }) => keysOf(event))), { controllers });
    await known.lookAround(events.map(({ event }) => event));
    const verdicts = new Map<number, Verdict>();
    for (const { position, profile: id, profileFacts, event } of events) {
      const version = this.#judging.versionAt(event.time);
      const state = stateAround(known, event, version?.promises.policy.controller.id);
      if (isOneOfAKind(event.type, markOf(event))) {
        verdicts.set(position, await this.#judging.inFull(tx, event, state));
        continue;
      }
      const plan = planOf(this.#profiles.byId(id, profileFacts), version);
      const isNothingKnown = event.data.subjects.every(({ reference }) => isQuiet(known.of('person', reference)));
      const planned = { plan, event, isQuiet: isNothingKnown, state };
      verdicts.set(position, this.#judging.byPlan(planned) ?? (await this.#judging.withPlan(tx, planned)));
    }
    return verdicts;
  }

  #recount(
    recorded: RecordedEvent,
    before: FoundTogether | undefined,
    now: FoundTogether | undefined,
    { recordedAt }: Cause,
    changed: Changes,
  ) {
    const { position, event } = recorded;
    if (before?.id === now?.id) return;
    if (before) this.#writing.count(before, event.time, recordedAt, -1);
    if (now) this.#writing.count(now, event.time, recordedAt, 1);
    changed.judgement(position, now?.id ?? null);
  }

  /** Opens what is new. @returns rows that are to be closed */
  #differences({ position, event }: RecordedEvent, rows: readonly OpenRow[], findings: readonly FindingOfEvent[], cause: Cause): OpenRow[] {
    const left = new Set(rows);
    const isSame = ({ row, whom }: OpenRow, { outcome, dueAt, whom: now }: FindingOfEvent) =>
      row.outcome === outcome.id && row.due_at === (dueAt ?? null) && whom === (now === undefined ? '' : [...now].sort().join());
    const fresh = findings.filter((finding) => {
      const same = [...left].find((row) => isSame(row, finding));
      if (same) left.delete(same);
      return same === undefined;
    });
    for (const finding of fresh) {
      // Told anew in other words, it is the one that was detected then.
      const before = [...left].find(({ row }) => row.finding.subarray(OUTCOME_AT).equals(finding.outcome.key));
      this.#writing.finding(position, event.time, finding, cause, before?.row.detected_at);
    }
    return [...left];
  }

  /** Whether an event had findings when it was judged last. */
  #hadFindings(tx: Tx): (judgement: number | null) => Promise<boolean> {
    return async (judgement) => judgement !== null && (await this.#judging.judgements.byId(tx, judgement)).outcomes.length > 0;
  }
}

/** Nothing that one such event is judged by is true of another of its profile. */
export const isOneOfAKind = (type: string, mark: number): boolean => hasOwn(type) || mark === MARKS.obliging || mark === MARKS.elsewhere;

/** What differs after a chunk, written in few statements. */
class Changes {
  readonly #judgements = new Map<number | null, number[]>();
  readonly #closed = new Map<string, number[]>();

  judgement(position: number, judgement: number | null): void {
    this.#judgements.set(judgement, [...(this.#judgements.get(judgement) ?? []), position]);
  }

  close({ row: { row } }: OpenRow, why: string): void {
    this.#closed.set(why, [...(this.#closed.get(why) ?? []), row]);
  }

  async write(db: Kysely<Schema>, { position, recordedAt }: Cause): Promise<void> {
    for (const [judgement, positions] of this.#judgements) {
      await db
        .updateTable('findings_events')
        .set({ judgement })
        .where('position', 'in', listed(positions) as never)
        .execute();
    }
    for (const [why, rows] of this.#closed) {
      const closed = { until: position, cleared_at: recordedAt, cleared_why: why };
      await db
        .updateTable('findings_rows')
        .set(closed)
        .where('row', 'in', listed(rows) as never)
        .execute();
    }
  }
}

interface OpenRow {
  row: Row;
  /** References, sorted; empty where it is about everybody. */
  whom: string;
}

async function openRows(
  db: Kysely<Schema>,
  events: readonly RecordedEvent[],
  hadFindings: (judgement: number | null) => Promise<boolean>,
): Promise<Map<number, OpenRow[]>> {
  const positions: number[] = [];
  for (const { position, judgement } of events) if (await hadFindings(judgement)) positions.push(position);
  const open = new Map<number, OpenRow[]>();
  if (positions.length === 0) return open;
  const rows = await db
    .selectFrom('findings_rows')
    .select(['row', 'finding', 'outcome', 'position', 'due_at', 'is_partial', 'detected_at'])
    .where('position', 'in', listed(positions) as never)
    .where('until', 'is', null)
    .orderBy('row')
    .execute();
  const partial = rows.filter(({ is_partial }) => is_partial === 1).map(({ row }) => row);
  const whom = new Map<number, string[]>();
  if (partial.length > 0) {
    const named = await db
      .selectFrom('findings_whom')
      .selectAll()
      .where('row', 'in', listed(partial) as never)
      .execute();
    for (const { row, reference } of named) whom.set(row, [...(whom.get(row) ?? []), reference]);
  }
  for (const row of rows) {
    const one = { row, whom: (whom.get(row.row) ?? []).sort().join() };
    open.set(row.position, [...(open.get(row.position) ?? []), one]);
  }
  return open;
}

/** Of those that do not stand, why. */
async function fallenOf(db: Kysely<Schema>, positions: readonly number[]): Promise<Map<number, string>> {
  const rows = await db
    .selectFrom('findings_fallen')
    .selectAll()
    .where('position', 'in', listed(positions) as never)
    .execute();
  return new Map(rows.map(({ position, why }) => [position, why]));
}

/** The next events of a reach. */
async function nextOf(db: Kysely<Schema>, left: Left, cause: Cause): Promise<{ positions: number[]; left: Left | undefined }> {
  const { positions, ranges, scans, behind } = left;
  if (positions.length > 0) return { positions: positions.slice(0, CHUNK), left: { ...left, positions: positions.slice(CHUNK) } };
  const [range, ...otherRanges] = ranges;
  if (range) {
    const rows = await inRange(db, range, behind, cause);
    const last = rows.at(-1);
    const isMore = rows.length === CHUNK && last !== undefined;
    const next: Left = isMore ? { ...left, behind: [last.mark, last.time, last.position] } : { positions: [], ranges: otherRanges, scans };
    return { positions: [...new Set(rows.map(({ position }) => position))], left: next };
  }
  const [scan, ...otherScans] = scans;
  if (!scan) return { positions: [], left: undefined };
  const found = await inScan(db, scan, behind?.[0] ?? scan.after, cause);
  const last = found.at(-1);
  const isMore = found.length === CHUNK && last !== undefined;
  return { positions: found, left: isMore ? { ...left, behind: [last] } : { positions: [], ranges: [], scans: otherScans } };
}

async function inRange(db: Kysely<Schema>, { key, mark, from, to }: Range, behind: readonly number[] | undefined, { position }: Cause) {
  const marked = mark === null ? sql`` : sql` and mark = ${mark}`;
  const after = behind === undefined ? sql`` : sql` and (mark, time, position) > (${sql.join([...behind])})`;
  const { rows } = await sql<{ mark: number; time: number; position: number }>`select mark, time, position from findings_dependents
    where key = ${key} and time >= ${from} and time <= ${to} and position < ${position}${marked}${after}
    order by mark, time, position limit ${sql.lit(CHUNK)}`.execute(db);
  return rows;
}

async function inScan(db: Kysely<Schema>, { from, types, source }: Scan, behind: number, { position }: Cause): Promise<number[]> {
  const ofSource = source === undefined ? sql`` : sql` and source = ${source}`;
  const ofTypes =
    types === undefined ? sql`` : sql` and profile in (select id from findings_profiles where type in ${listed(types)}${ofSource})`;
  const { rows } = await sql<{ position: number }>`select position from findings_events
    where position > ${behind} and position < ${position} and time >= ${from}${ofTypes} order by position limit ${sql.lit(CHUNK)}`.execute(
    db,
  );
  return rows.map((row) => row.position);
}
