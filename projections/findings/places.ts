/** Which findings are asked about, and in which order they stand: statements alone, nothing is opened or shown. */
import { type Kysely, type RawBuilder, type SqlBool, sql } from 'kysely';
import { listed } from '../database.ts';
import { eventMeets, rarestAxis, type Sought } from '../entries/about.ts';
import type { Schema } from '../schema.ts';
import { QuestionTooLong } from '../views.ts';
import type { RemarkKind } from './remarks-tables.ts';
import type { FindingsTables } from './tables.ts';

/**
 * `cleared` where what it was found on was corrected, retracted, or is judged otherwise by now; else what somebody said of it last since it
 * appeared.
 */
export type FindingState = 'open' | 'acknowledged' | 'explained' | 'cleared';

/** Findings are kept by several projections, in the same form. */
export interface Kept {
  projection: string;
  rows: string;
  outcomes: string;
  whom: string;
  /** Whether `whom` names everybody a finding is about, on its event or not; else it names some of those who are on the event. */
  isOfWhom: boolean;
}

export const KEPT: readonly Kept[] = [
  { projection: 'findings', rows: 'findings_rows', outcomes: 'findings_outcomes', whom: 'findings_whom', isOfWhom: false },
  { projection: 'retention', rows: 'retention_findings', outcomes: 'retention_outcomes', whom: 'retention_whom', isOfWhom: true },
];

/** What of an outcome can be asked about; any of the values of each. */
export interface OutcomesWanted {
  rule?: readonly string[];
  verdict?: readonly string[];
  severity?: readonly string[];
  clause?: readonly number[];
  article?: readonly string[];
  policyVersion?: readonly string[];
}

export interface Wanted extends OutcomesWanted {
  /** What the events have to meet. */
  sought: Sought;
  state?: readonly FindingState[];
  /** Ids, 16 bytes each. */
  finding?: readonly Buffer[];
  /** Milliseconds since 1970; inclusive and exclusive. */
  detectedFrom?: number;
  detectedTo?: number;
  /** What was not there in this state of the ledger, and is not cleared by now. */
  newSince?: At;
}

/** The state of the ledger that is asked. */
export interface At {
  /** Nothing recorded after it is seen. */
  position: number;
  /** Nothing that is in effect only later is seen: milliseconds since 1970. */
  moment: number;
}

/** Where a finding stands in the order: by the time of its detection, then by who keeps it (an index of `KEPT`), then as it was found. */
export type Place = readonly [at: number, kept: number, row: number];

export interface From extends At {
  order: 'asc' | 'desc';
  /** Behind which to begin. */
  last: Place | undefined;
}

/** Outcomes whose runs are merged in the order of detection; where more match, everything is walked through instead. */
const MAX_RUNS = 100;
/** Outcomes that one question looks at, at most. */
const MAX_OUTCOMES = 50_000;
/** What occurs less often than this is looked through instead of the findings. */
const FEW = 20_000;
/** Findings on events of a window of time that are sorted by detection, at most: they were mostly detected soon after. */
const FEW_IN_WINDOW = 100_000;
/** How far ahead of the ledger's clock an event may be (domain.md §1). */
const AHEAD_MS = 24 * 3_600_000;

const COLUMNS: Readonly<Record<keyof OutcomesWanted, string>> = {
  ...{ rule: 'rule', verdict: 'verdict', severity: 'severity', clause: 'clause', article: 'article', policyVersion: 'policy_version' },
};

type Row = FindingsTables['findings_rows'];
type Outcome = Omit<FindingsTables['findings_outcomes'], 'id' | 'digest'>;
/** `at`: when it was detected, or, where that is later, when what was due had not been done. */
type Stored = Row & Outcome & { at: number };
/** A finding as it is kept. */
export type FoundRow = Stored & { kept: number };

/** The first so many findings, in their order. @throws QuestionTooLong */
export async function findingsAfter(db: Kysely<Schema>, wanted: Wanted, from: From, limit: number): Promise<FoundRow[]> {
  const each = await Promise.all(KEPT.map((_, kept) => placesIn(db, kept, wanted, from, limit)));
  const sign = from.order === 'asc' ? 1 : -1;
  const places = each.flat().sort((a, b) => sign * (a[0] - b[0] || a[1] - b[1] || a[2] - b[2]));
  return (await rowsAt(db, places.slice(0, limit))) as FoundRow[];
}

/** The last row of a finding that appeared up to a position, and is in effect; undefined where nothing was ever found by this name. */
export async function lastOf(db: Kysely<Schema>, finding: Buffer, at: At): Promise<FoundRow | undefined> {
  const wanted: Wanted = { sought: { values: new Map(), codes: new Map() }, finding: [finding] };
  const rows = await findingsAfter(db, wanted, { ...at, order: 'desc', last: undefined }, MAX_RUNS);
  return rows.reduce<FoundRow | undefined>((last, row) => (last && last.since >= row.since ? last : row), undefined);
}

async function placesIn(db: Kysely<Schema>, kept: number, wanted: Wanted, from: From, limit: number): Promise<Place[]> {
  const outcomes = await outcomesWanted(db, KEPT[kept] as Kept, wanted);
  if (outcomes?.length === 0) return [];
  const statement = await placesOf(db, kept, wanted, outcomes, from, limit);
  const { rows } = await statement.execute(db);
  return rows.map(({ at, row }) => [at, kept, row]);
}

/** Their numbers; undefined where any will do. */
export async function outcomesWanted(db: Kysely<Schema>, { outcomes }: Kept, wanted: OutcomesWanted): Promise<number[] | undefined> {
  const conditions = (Object.keys(COLUMNS) as (keyof OutcomesWanted)[]).flatMap((name) => {
    const values = wanted[name];
    return values === undefined ? [] : [sql<SqlBool>`${sql.ref(COLUMNS[name])} in ${listed(values)}`];
  });
  if (conditions.length === 0) return undefined;
  const { rows } = await sql<{ id: number }>`select id from ${sql.table(outcomes)} where ${all(conditions)}
    limit ${sql.lit(MAX_OUTCOMES + 1)}`.execute(db);
  if (rows.length > MAX_OUTCOMES) throw new QuestionTooLong();
  return rows.map(({ id }) => id);
}

/** By what occurs least, as far as that is known; else in the order in which they stand. */
async function placesOf(
  db: Kysely<Schema>,
  kept: number,
  wanted: Wanted,
  outcomes: readonly number[] | undefined,
  from: From,
  limit: number,
): Promise<RawBuilder<{ at: number; row: number }>> {
  const table = sql.table((KEPT[kept] as Kept).rows);
  const { lists, condition } = conditionOn(kept, wanted, from);
  const direction = from.order === 'asc' ? sql`asc` : sql`desc`;
  const most = sql.lit(limit);
  const ofOutcomes = outcomes === undefined ? sql`` : sql` and +f.outcome in ${listed(outcomes)}`;
  const few = await fewOf(db, kept, wanted, from);
  if (few) {
    // With `+`: what is few is sorted, instead of walking through everything in the order that is wanted.
    return sql`${withLists([...lists, ...few.lists])}select f.at, f.row from ${few.from} where ${condition}${ofOutcomes}
      order by +f.at ${direction}, +f.row ${direction} limit ${most}`;
  }
  // In the text: a limit that is bound has SQLite plan the statement anew at every run.
  const first = sql`order by f.at ${direction}, f.row ${direction} limit ${most}`;
  if (outcomes === undefined || outcomes.length > MAX_RUNS) {
    return sql`${withLists(lists)}select f.at, f.row from ${table} as f where ${condition}${ofOutcomes} ${first}`;
  }
  return sql`${withLists([...lists, sql`c(value) as ${listed(outcomes)}`])}select r.at, r.row from c cross join ${table} as r on r.row in (
      select f.row from ${table} as f where f.outcome = c.value and ${condition} ${first}
    ) order by +r.at ${direction}, +r.row ${direction} limit ${most}`;
}

const withLists = (lists: readonly RawBuilder<unknown>[]): RawBuilder<unknown> =>
  lists.length === 0 ? sql`` : sql`with ${sql.join(lists)} `;

/** Rows `f` of which there are few, and one of which each finding is that is asked about. */
interface Few {
  lists: RawBuilder<unknown>[];
  from: RawBuilder<unknown>;
}

async function fewOf(db: Kysely<Schema>, kept: number, wanted: Wanted, at: At): Promise<Few | undefined> {
  const { finding, sought } = wanted;
  const { rows } = KEPT[kept] as Kept;
  if (finding !== undefined) return joined(rows, 'finding', sql`(values ${sql.join(finding.map((id) => sql`(${id})`))})`);
  const remarked = await fewRemarked(db, wanted, at);
  if (remarked) return joined(rows, 'finding', remarked);
  const ofPeople = await fewOfPeople(db, kept, sought);
  if (ofPeople) return ofPeople;
  const positions = await rarestAxis(db, { ...sought, values: ofEvents(kept, sought) }, FEW);
  if (positions) return joined(rows, 'position', positions);
  return (await fewOfRecipients(db, kept, sought)) ?? fewInWindow(db, rows, sought);
}

function joined(rows: string, column: 'finding' | 'position' | 'row', values: RawBuilder<unknown>): Few {
  const from = sql`(select distinct value from c) as c cross join ${sql.table(rows)} as f on ${sql.ref(`f.${column}`)} = c.value`;
  return { lists: [sql`c(value) as ${values}`], from };
}

async function fewRemarked(db: Kysely<Schema>, { state }: Wanted, { position }: At): Promise<RawBuilder<unknown> | undefined> {
  if (!state?.every((one) => one === 'acknowledged' || one === 'explained')) return undefined;
  const remarked = sql`select finding from findings_remarks where position <= ${position}`;
  return (await isFew(db, remarked)) ? sql`(${remarked})` : undefined;
}

/** Whom a finding is about need not be on its event: a process that was closed names nobody. */
async function fewOfPeople(db: Kysely<Schema>, kept: number, { values }: Sought): Promise<Few | undefined> {
  const subjects = values.get('subject');
  const { rows, whom, isOfWhom } = KEPT[kept] as Kept;
  if (!subjects || !isOfWhom) return undefined;
  const named = sql`select row from ${sql.table(whom)} where reference in ${listed(subjects)}`;
  return (await isFew(db, named)) ? joined(rows, 'row', sql`(${named})`) : undefined;
}

/** What of all that is asked about has to stand on the event itself. A recipient may be the event's, or the finding's own. */
function ofEvents(kept: number, { values }: Sought): Sought['values'] {
  const rest = without(values, 'recipient');
  return (KEPT[kept] as Kept).isOfWhom ? without(rest, 'subject') : rest;
}

async function fewOfRecipients(db: Kysely<Schema>, kept: number, { values }: Sought): Promise<Few | undefined> {
  const recipients = values.get('recipient');
  if (!recipients) return undefined;
  const { rows, outcomes } = KEPT[kept] as Kept;
  const positions = await rarestAxis(db, { values: new Map([['recipient', recipients]]), codes: new Map() }, FEW);
  if (!positions) return undefined;
  const own = sql`select f.row from ${sql.table(rows)} as f
    where f.outcome in (select id from ${sql.table(outcomes)} where recipient in ${listed(recipients)})`;
  if (!(await isFew(db, own))) return undefined;
  const onEvents = sql`select f.row from (select distinct value from p) as p cross join ${sql.table(rows)} as f on f.position = p.value`;
  const few = joined(rows, 'row', sql`(${onEvents} union ${own})`);
  return { ...few, lists: [sql`p(value) as ${positions}`, ...few.lists] };
}

/** By when their events happened. */
async function fewInWindow(db: Kysely<Schema>, rows: string, { from, to }: Sought): Promise<Few | undefined> {
  if (from === undefined && to === undefined) return undefined;
  const window = sql`select f.row from ${sql.table(rows)} as f
    where f.time >= ${from ?? Number.MIN_SAFE_INTEGER} and f.time < ${to ?? Number.MAX_SAFE_INTEGER}`;
  return (await isFew(db, window, FEW_IN_WINDOW)) ? joined(rows, 'row', sql`(${window})`) : undefined;
}

async function isFew(db: Kysely<Schema>, select: RawBuilder<unknown>, few = FEW): Promise<boolean> {
  const { rows } = await sql<{ count: number }>`select count(*) as count from (${select} limit ${sql.lit(few)}) as some`.execute(db);
  return Number(rows[0]?.count) < few;
}

/** Everything that is asked about, as a condition on a row `f`. */
function conditionOn(kept: number, wanted: Wanted, from: From): { lists: RawBuilder<unknown>[]; condition: RawBuilder<SqlBool> } {
  const { sought, state, newSince } = wanted;
  const { lists, conditions } = eventMeets({ ...sought, values: ofEvents(kept, sought) }, sql.ref('f.time'), sql.ref('f.position'));
  conditions.push(
    standsAt({ ...from, moment: latest(wanted, from) }),
    ...earliest(wanted, from),
    ...peopleOf(kept, sought),
    ...behind(kept, from),
  );
  if (newSince !== undefined) {
    conditions.push(sql`(f.since > ${newSince.position} or f.at > ${newSince.moment}) and not ${IS_CLEARED(from.position)}`);
  }
  if (state !== undefined) conditions.push(inState(state, from.position));
  const recipients = sought.values.get('recipient');
  if (recipients) {
    const own = eventMeets({ values: new Map([['recipient', recipients]]), codes: new Map() }, sql.ref('f.time'), sql.ref('f.position'));
    const named = sql`f.outcome in (select id from ${sql.table((KEPT[kept] as Kept).outcomes)} where recipient in ${listed(recipients)})`;
    lists.push(...own.lists);
    conditions.push(sql`(${all(own.conditions)} or ${named})`);
  }
  return { lists, condition: all(conditions) };
}

/** It had appeared, and was in effect. What was cleared before it was in effect never was a finding. */
export const standsAt = ({ position, moment }: At): RawBuilder<SqlBool> =>
  sql`f.since <= ${position} and f.at <= ${moment} and (f.cleared_at is null or f.cleared_at >= f.at)`;

/** One bound on either side: an index is read from one bound to another, and what more is said of it is looked at row by row. */
function latest({ detectedTo }: Wanted, { moment, order, last }: From): number {
  return Math.min(moment, (detectedTo ?? Number.POSITIVE_INFINITY) - 1, order === 'desc' && last ? last[0] : Number.POSITIVE_INFINITY);
}

function earliest({ detectedFrom, sought }: Wanted, { order, last }: From): RawBuilder<SqlBool>[] {
  const bounds = [
    detectedFrom,
    // Nothing is recorded that happens later than that.
    sought.from === undefined ? undefined : sought.from - AHEAD_MS,
    order === 'asc' ? last?.[0] : undefined,
  ].filter((bound) => bound !== undefined);
  return bounds.length === 0 ? [] : [sql<SqlBool>`f.at >= ${Math.max(...bounds)}`];
}

/** An event about several may break a promise to one of them. */
function peopleOf(kept: number, { values }: Sought): RawBuilder<SqlBool>[] {
  const subjects = values.get('subject');
  if (!subjects) return [];
  const { whom, isOfWhom } = KEPT[kept] as Kept;
  const isNamed = sql<SqlBool>`exists (select 1 from ${sql.table(whom)} as w where w.row = f.row and w.reference in ${listed(subjects)})`;
  return isOfWhom ? [isNamed] : [sql`(f.is_partial = 0 or ${isNamed})`];
}

function behind(kept: number, { order, last }: From): RawBuilder<SqlBool>[] {
  if (last === undefined) return [];
  const [at, of, row] = last;
  const isAsc = order === 'asc';
  if (kept === of) return [sql`(f.at, f.row) ${isAsc ? sql`>` : sql`<`} (${at}, ${row})`];
  const isAfter = isAsc ? kept > of : kept < of;
  const sign = isAsc ? (isAfter ? sql`>=` : sql`>`) : isAfter ? sql`<=` : sql`<`;
  return [sql`f.at ${sign} ${at}`];
}

const IS_CLEARED = (position: number): RawBuilder<SqlBool> => sql`(f.until is not null and f.until <= ${position})`;

/** Something was said of it since it was detected: told anew in other words or under another version, it is the one that was detected then. */
const isSaid = (kind: RemarkKind | undefined, position: number): RawBuilder<SqlBool> => {
  const ofKind = kind === undefined ? sql`` : sql` and m.kind = ${sql.lit(kind)}`;
  return sql`exists (select 1 from findings_remarks as m
    where m.finding = f.finding and m.recorded_at >= f.detected_at and m.position <= ${position}${ofKind})`;
};

/** What was said of it counts where it was said since it was detected. */
export function inState(states: readonly FindingState[], position: number): RawBuilder<SqlBool> {
  const isOpen: Readonly<Record<Exclude<FindingState, 'cleared'>, RawBuilder<SqlBool>>> = {
    open: sql`not ${isSaid(undefined, position)}`,
    acknowledged: sql`${isSaid('acknowledged', position)} and not ${isSaid('explained', position)}`,
    explained: isSaid('explained', position),
  };
  const each = [...new Set(states)].map((state) =>
    state === 'cleared' ? IS_CLEARED(position) : sql<SqlBool>`(not ${IS_CLEARED(position)} and ${isOpen[state]})`,
  );
  return sql`(${sql.join(each, sql` or `)})`;
}

/** The findings at these places, in their order; undefined where there is none. */
export async function rowsAt(db: Kysely<Schema>, places: readonly Place[]): Promise<(FoundRow | undefined)[]> {
  const found = await Promise.all(
    KEPT.map(async ({ rows: table, outcomes }, kept): Promise<FoundRow[]> => {
      const numbers = places.flatMap(([, of, row]) => (of === kept ? [row] : []));
      if (numbers.length === 0) return [];
      const { rows } = await sql<Stored>`select f.row, f.finding, f.position, f.time, f.due_at, f.at, f.is_partial, f.since, f.detected_at,
          f.until, f.cleared_at, f.cleared_why, o.rule, o.what, o.verdict, o.severity, o.clause, o.article, o.missing, o.recipient,
          o.policy_version
        from ${sql.table(table)} as f join ${sql.table(outcomes)} as o on o.id = f.outcome where f.row in ${listed(numbers)}`.execute(db);
      return rows.map((row) => ({ ...row, kept }));
    }),
  );
  const byPlace = new Map(found.flat().map((row) => [`${row.kept}:${row.row}`, row]));
  return places.map(([, kept, row]) => byPlace.get(`${kept}:${row}`));
}

const all = (conditions: readonly RawBuilder<unknown>[]): RawBuilder<SqlBool> =>
  conditions.length === 0 ? sql<SqlBool>`1 = 1` : sql<SqlBool>`${sql.join(conditions, sql` and `)}`;

function without<K, V>(values: ReadonlyMap<K, V>, key: K): Map<K, V> {
  return new Map([...values].filter(([each]) => each !== key));
}
