/** How many findings there are: statements alone. Nobody is named. */
import { type Kysely, type RawBuilder, type SqlBool, sql } from 'kysely';
import { listed } from '../database.ts';
import type { Schema } from '../schema.ts';
import { QuestionTooLong } from '../views.ts';
import { type At, inState, KEPT, type Kept, type OutcomesWanted, outcomesWanted, standsAt } from './places.ts';
import { numberOf, titleOf } from './titles.ts';
import { beginOf, nameOfWeek, WEEK_MS, WEEK_OFFSET_MS, weekOf } from './weeks.ts';

export interface SummaryAbout extends OutcomesWanted {
  /** Time of the events in milliseconds since 1970, inclusive and exclusive: the weeks that it touches, as a whole. */
  from?: number;
  to?: number;
}

/** By which findings are counted, beside the week in which their events happened. */
export type SummaryBy = 'rule' | 'clause';

export interface SummaryItem {
  rule?: string;
  /** Of the rule. */
  title?: string;
  clause?: number | null;
  clauseTitle?: string;
  /** ISO 8601 week of the events, in UTC. */
  week: string;
  /** Events on which the rule found nothing; by rule alone. */
  conforms?: number;
  /** Findings that were not cleared. */
  violates: number;
  undeterminable: number;
  open: number;
  acknowledged: number;
  explained: number;
  cleared: number;
  /** Of what has to be done by some day that has not come. */
  notYetDue: number;
  /** Of those that violate. */
  critical: number;
  high: number;
  medium: number;
  low: number;
  gap: number;
}

type Count = Exclude<keyof SummaryItem, 'rule' | 'title' | 'clause' | 'clauseTitle' | 'week'>;
type Severity = 'critical' | 'high' | 'medium' | 'low' | 'gap';
/** What is counted together: a rule or a clause, and a week. */
interface Cell {
  key: string | number | null;
  week: number;
  counts: Record<Count, number>;
}

interface Outcome {
  rule: string;
  clause: number | null;
  verdict: 'violates' | 'undeterminable';
  severity: Severity | null;
}

/** Combinations of outcome and week in one answer, at most. */
const MAX_COMBINATIONS = 100_000;

/** Newest week first. @throws QuestionTooLong */
export async function summaryOf(
  db: Kysely<Schema>,
  about: SummaryAbout,
  by: SummaryBy,
  at: At & { day?: string },
  clauseTitle: (clause: number) => string | undefined,
): Promise<SummaryItem[]> {
  const cells = new Cells(by);
  await Promise.all(KEPT.map((kept) => countKept(db, kept, about, at, cells)));
  if (by === 'rule') await countConforming(db, about, at, cells);
  return cells.sorted().map(({ key, week, counts }) => ({
    ...(by === 'rule' ? { rule: key as string, title: titleOf(key as string) } : clauseOf(key as number | null, clauseTitle)),
    week: nameOfWeek(week),
    ...(by === 'rule' && { conforms: counts.conforms }),
    ...without(counts, 'conforms'),
  }));
}

function clauseOf(clause: number | null, inWords: (clause: number) => string | undefined): Pick<SummaryItem, 'clause' | 'clauseTitle'> {
  const clauseTitle = clause === null ? undefined : inWords(clause);
  return { clause, ...(clauseTitle !== undefined && { clauseTitle }) };
}

/** Counts by rule or clause, and week. */
class Cells {
  readonly #by: SummaryBy;
  readonly #cells = new Map<string, Cell>();

  constructor(by: SummaryBy) {
    this.#by = by;
  }

  add({ rule, clause }: Pick<Outcome, 'rule'> & Partial<Outcome>, week: number, count: Count, by: number): void {
    const key = this.#by === 'rule' ? rule : (clause ?? null);
    const place = `${key} ${week}`;
    let cell = this.#cells.get(place);
    if (!cell) {
      cell = { key, week, counts: { ...NONE } };
      this.#cells.set(place, cell);
    }
    cell.counts[count] += by;
  }

  sorted(): Cell[] {
    const order = (key: Cell['key']) => (typeof key === 'string' ? numberOf(key) : (key ?? Number.POSITIVE_INFINITY));
    return [...this.#cells.values()].sort((a, b) => b.week - a.week || order(a.key) - order(b.key));
  }
}

const NONE: Record<Count, number> = {
  ...{ conforms: 0, violates: 0, undeterminable: 0, open: 0, acknowledged: 0, explained: 0, cleared: 0, notYetDue: 0 },
  ...{ critical: 0, high: 0, medium: 0, low: 0, gap: 0 },
};

const WEEK = sql`(f.time + ${sql.lit(WEEK_OFFSET_MS)}) / ${sql.lit(WEEK_MS)}`;

interface CountedRow {
  outcome: number;
  week: number;
  fate: 'cleared' | 'standing' | 'later';
  findings: number;
}

async function countKept(db: Kysely<Schema>, kept: Kept, about: SummaryAbout, at: At, cells: Cells): Promise<void> {
  const wanted = await outcomesWanted(db, kept, about);
  if (wanted?.length === 0) return;
  const rows = sql.table(kept.rows);
  const of = sql.join([...window(about), ...(wanted ? [sql<SqlBool>`f.outcome in ${listed(wanted)}`] : []), sql`1 = 1`], sql` and `);
  const { position, moment } = at;
  const [counted, said] = await Promise.all([
    sql<CountedRow>`select f.outcome, ${WEEK} as week,
        case when f.until <= ${position} then 'cleared' when f.at > ${moment} then 'later' else 'standing' end as fate, count(*) as findings
      from ${rows} as f where f.since <= ${position} and (f.cleared_at is null or f.cleared_at >= f.at) and ${of}
      group by 1, 2, 3 limit ${sql.lit(MAX_COMBINATIONS + 1)}`.execute(db),
    sql<{ outcome: number; week: number; explained: number; findings: number }>`
      select outcome, week, explained, count(*) as findings from (
        select f.outcome, ${WEEK} as week, case when ${inState(['explained'], position)} then 1 else 0 end as explained
        from (select distinct finding from findings_remarks where position <= ${position}) as m cross join ${rows} as f on f.finding = m.finding
        where ${standsAt(at)} and ${inState(['acknowledged', 'explained'], position)} and ${of}
      ) as said group by 1, 2, 3`.execute(db),
  ]);
  if (counted.rows.length > MAX_COMBINATIONS) throw new QuestionTooLong();
  const outcomes = await outcomesBy(db, kept);
  for (const row of counted.rows) addCounted(cells, outcomes.get(row.outcome) as Outcome, row);
  for (const { outcome, week, explained, findings } of said.rows) {
    const of = outcomes.get(outcome) as Outcome;
    cells.add(of, Number(week), explained ? 'explained' : 'acknowledged', Number(findings));
    cells.add(of, Number(week), 'open', -Number(findings));
  }
}

function addCounted(cells: Cells, outcome: Outcome, { week, fate, findings }: CountedRow): void {
  const add = (count: Count) => cells.add(outcome, Number(week), count, Number(findings));
  if (fate !== 'standing') {
    add(fate === 'cleared' ? 'cleared' : 'notYetDue');
    return;
  }
  add('open');
  add(outcome.verdict);
  if (outcome.severity !== null) add(outcome.severity);
}

async function outcomesBy(db: Kysely<Schema>, { outcomes }: Kept): Promise<Map<number, Outcome>> {
  const { rows } = await sql<Outcome & { id: number }>`select id, rule, clause, verdict, severity from ${sql.table(outcomes)}`.execute(db);
  return new Map(rows.map(({ id, ...outcome }) => [id, outcome]));
}

/** Sums of what each day changed, up to one. */
async function countConforming(db: Kysely<Schema>, about: SummaryAbout, { day }: { day?: string }, cells: Cells): Promise<void> {
  const asksOtherwise = about.verdict ?? about.severity ?? about.clause ?? about.article;
  if (asksOtherwise !== undefined) return;
  const { from, to, rule, policyVersion } = about;
  const conditions = [
    sql`1 = 1`,
    ...(day === undefined ? [] : [sql`recorded_on <= ${day}`]),
    ...(rule === undefined ? [] : [sql`rule in ${listed(rule)}`]),
    ...(policyVersion === undefined ? [] : [sql`policy_version in ${listed(policyVersion)}`]),
    ...(from === undefined ? [] : [sql`week >= ${nameOfWeek(weekOf(from))}`]),
    ...(to === undefined ? [] : [sql`week <= ${nameOfWeek(weekOf(to - 1))}`]),
  ];
  const { rows } = await sql<{
    rule: string;
    week: string;
    conforms: number;
  }>`select rule, week, sum(conforms) as conforms from findings_counts
    where ${sql.join(conditions, sql` and `)} group by rule, week having sum(conforms) <> 0 limit ${sql.lit(MAX_COMBINATIONS + 1)}`.execute(
    db,
  );
  if (rows.length > MAX_COMBINATIONS) throw new QuestionTooLong();
  for (const { rule: name, week, conforms } of rows) cells.add({ rule: name }, weekNamed(week), 'conforms', Number(conforms));
}

/** The week of a name, as `nameOfWeek` gives it: January 4 is always in the first. */
function weekNamed(name: string): number {
  const [year, week] = name.split('-W').map(Number) as [number, number];
  return weekOf(new Date(0).setUTCFullYear(year, 0, 4)) + week - 1;
}

function window({ from, to }: SummaryAbout): RawBuilder<SqlBool>[] {
  return [
    ...(from === undefined ? [] : [sql<SqlBool>`f.time >= ${beginOf(weekOf(from))}`]),
    ...(to === undefined ? [] : [sql<SqlBool>`f.time < ${beginOf(weekOf(to - 1) + 1)}`]),
  ];
}

function without<T extends object, K extends keyof T>(object: T, key: K): Omit<T, K> {
  const { [key]: _, ...rest } = object;
  return rest;
}
