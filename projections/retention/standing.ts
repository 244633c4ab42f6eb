/** Items as they stood at a position, judged on a day: the statements that the questions share. Only reading. */
import { type Kysely, type RawBuilder, type SqlBool, sql } from 'kysely';
import { listed } from '../database.ts';
import type { Schema } from '../schema.ts';
import { type Fact, isKept, type Profile, type Touch } from './reckon.ts';
import type { RetentionVersions } from './rules.ts';
import { saidIn } from './said.ts';
import { type ItemKey, type ItemState, KINDS } from './tables.ts';

/**
 * What became of an item on a day. `on-hold`: a legal hold keeps it, whatever its day. `within-period`: its day comes later than what is asked
 * about. `no-trigger`: what its period runs from has not come. `no-rule`: nobody can tell.
 */
export const RETENTION_STATES = ['overdue', 'due', 'on-hold', 'no-trigger', 'no-rule', 'within-period'] as const;
export type RetentionState = (typeof RETENTION_STATES)[number];

/** What is asked: which items, of which state of the ledger, on which days (their first and last moments). */
export interface Wanted {
  position: number;
  /** Beginning of the day on which is judged. */
  from: number;
  /** End of the last day on which something is `due`. */
  until: number;
  states: readonly RetentionState[];
  /** References; undefined: everybody. */
  people?: readonly string[] | undefined;
  purposes?: readonly string[] | undefined;
  rules?: readonly string[] | undefined;
  /** Digests of case references. */
  cases?: readonly string[] | undefined;
}

export interface StandingItem extends ItemKey, Omit<ItemState, 'since'> {
  id: number;
  person: number;
  state: RetentionState;
  /** By which items are ordered: the day; those that have none come last. */
  due: number;
}

/** Behind every day. */
const NEVER = 8.64e15;

const judged = ({ from, until }: Wanted): RawBuilder<RetentionState> => sql<RetentionState>`case when t.hold is not null then 'on-hold'
  when t.kind = ${sql.lit(KINDS['no-rule'])} then 'no-rule' when t.kind = ${sql.lit(KINDS['no-trigger'])} then 'no-trigger'
  when t.due_at < ${from} then 'overdue' when t.due_at <= ${until} then 'due' else 'within-period' end`;

/** Items as they stood, as `judged`, with their state. */
export function standingItems(wanted: Wanted): RawBuilder<unknown> {
  const { position, people, purposes, rules, cases, states } = wanted;
  const keys = (kind: number, values: readonly string[]) =>
    sql`(select id from retention_keys where kind = ${sql.lit(kind)} and value in ${listed(values)})`;
  const conditions: RawBuilder<SqlBool>[] = [
    sql`i.purpose <> ''`,
    ...(people ? [sql<SqlBool>`i.person in ${keys(1, people)}`] : []),
    ...(purposes ? [sql<SqlBool>`i.purpose in ${listed(purposes)}`] : []),
    ...(rules ? [sql<SqlBool>`i.rule in ${listed(rules)}`] : []),
    ...(cases ? [sql<SqlBool>`i.case_ref in ${keys(2, cases)}`] : []),
  ];
  const matching = sql.join(conditions, sql` and `);
  const key = sql`i.id, i.person, i.purpose, i.rule, i.version, i.case_ref`;
  const state = (of: string) =>
    sql.join(['kind', 'missing', 'position', 'time', 'due_at', 'hold', 'review_at'].map((column) => sql.ref(`${of}.${column}`)));
  return sql`select j.* from (select t.*, ${judged(wanted)} as state, coalesce(t.due_at, ${sql.lit(NEVER)}) as due from (
      select ${key}, ${state('i')} from retention_items as i
      where i.since <= ${position} and (i.until is null or i.until > ${position}) and ${matching}
      union all select ${key}, ${state('p')} from retention_past as p join retention_items as i on i.id = p.item
      where p.until > ${position} and p.since <= ${position} and ${matching}
    ) as t) as j where j.state in ${listed(states)}`;
}

const isStanding = (of: RawBuilder<unknown>, position: number): RawBuilder<SqlBool> => sql<SqlBool>`not exists (
  select 1 from retention_fallen as x where x.position = ${of} and x.since <= ${position} and (x.until is null or x.until > ${position}))`;

/** Where somebody's data was processed, as far as it was not erased: the last of each combination of codes. */
export async function keptOf(
  db: Kysely<Schema>,
  people: readonly number[],
  position: number,
  versions: RetentionVersions,
): Promise<Touch[]> {
  const { rows } = await sql<{ person: number; profile: string; case_ref: number; time: number }>`
    select t.person, p.facts as profile, t.case_ref, max(t.time) as time from retention_touches as t join retention_profiles as p on p.id = t.profile
    where t.person in ${listed(people)} and t.position <= ${position} and ${isStanding(sql`t.position`, position)}
    group by t.person, t.profile, t.case_ref`.execute(db);
  const touches = rows.map(({ profile, case_ref, ...row }): Touch => {
    return { ...row, position: 0, tie: 0, profile: JSON.parse(profile) as Profile, inCase: case_ref };
  });
  const facts = await factsOf(db, people, position);
  return touches.filter((touch) => isKept(touch, facts, versions));
}

async function factsOf(db: Kysely<Schema>, people: readonly number[], position: number): Promise<Fact[]> {
  const { rows } = await sql<{ subject: number; time: number; position: number; fact: string }>`
    select f.subject, f.time, f.position, f.fact from retention_facts as f
    where f.subject in ${listed(people)} and f.position <= ${position} and ${isStanding(sql`f.position`, position)}`.execute(db);
  return rows.map(({ fact, ...row }) => ({ ...row, ...saidIn(fact) }));
}

/** References of people by their numbers. */
export async function referencesOf(db: Kysely<Schema>, people: readonly number[]): Promise<Map<number, string>> {
  const { rows } = await sql<{ id: number; value: string }>`select id, value from retention_keys where id in ${listed(people)}`.execute(db);
  return new Map(rows.map(({ id, value }) => [id, value]));
}

/** Numbers of people by their references; of those who have one. */
export async function numbersOf(db: Kysely<Schema>, references: readonly string[]): Promise<Map<string, number>> {
  const { rows } = await sql<{ id: number; value: string }>`select id, value from retention_keys
    where kind = 1 and value in ${listed(references)}`.execute(db);
  return new Map(rows.map(({ id, value }) => [value, id]));
}
