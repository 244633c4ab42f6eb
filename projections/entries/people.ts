/** What the index of entries knows of people by their references alone: what stays of them, and when they were last heard of. */
import { type Kysely, type RawBuilder, sql } from 'kysely';
import { isLedgersOwn } from '../../src/vocabulary/source.ts';
import { listed } from '../database.ts';
import { iso } from '../moment.ts';
import type { Schema } from '../schema.ts';
import { VALUE_AXES } from './numbers.ts';

const SUBJECT = sql.lit(VALUE_AXES.subject);
const ACTOR = sql.lit(VALUE_AXES.actor);

/** Numbers of these people, as data subjects and as actors. */
const numbersOf = (references: readonly string[]): RawBuilder<unknown> =>
  sql`select id from entries_values where axis in (${SUBJECT}, ${ACTOR}) and value in ${listed(references)}`;

/** Profiles of what the ledger said itself: a range of the list of sources. */
const OWN = sql`select profile from entries_profile_codes
  where axis = 'source' and (code = 'urn:liggare' or (code >= 'urn:liggare:' and code < 'urn:liggare;'))`;

export interface TypeCount {
  type: string;
  events: number;
  /** Said by the ledger itself: that it was asked, that it erased. */
  ledgersOwn?: true;
}

/** How many events name somebody. */
export interface Counted {
  /** Events that were counted, each once. */
  counted: number;
  /** Whether there are no more. */
  complete: boolean;
  /** By name. */
  byType: TypeCount[];
}

/**
 * Counts the events that name any of these references, as data subject, as actor or on whose behalf: what stays of somebody
 * who is erased. What was corrected or retracted is counted too: it stays.
 * @param options.limit events counted at most, so that it takes the same time however many there are; all when absent
 * @param options.position nothing recorded after it is counted
 * @throws QuestionTooLong
 */
export async function countsByType(
  db: Kysely<Schema>,
  references: readonly string[],
  { limit, position = Number.MAX_SAFE_INTEGER }: { limit?: number; position?: number } = {},
): Promise<Counted> {
  if (references.length === 0) return { counted: 0, complete: true, byType: [] };
  // One more than is counted tells whether there are more; -1 is no limit.
  const { rows } = await sql<{ type: string; source: string; events: number; found: number }>`with named as (
      select distinct position, profile from entries_postings
      where value in (${numbersOf(references)}) and position <= ${position} limit ${limit === undefined ? -1 : limit + 1}
    ), counted as (select profile, count(*) as events from (select profile from named limit ${limit ?? -1}) as some group by profile)
    select p.type, p.source, c.events, (select count(*) from named) as found
    from counted as c join entries_profiles as p on p.id = c.profile`.execute(db);
  const byType = new Map<string, TypeCount>();
  for (const { type, source, events } of rows) {
    const isOwn = isLedgersOwn(source);
    const key = `${type} ${isOwn}`;
    const before = byType.get(key)?.events ?? 0;
    byType.set(key, { type, events: before + Number(events), ...(isOwn && { ledgersOwn: true }) });
  }
  const counts = [...byType].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, count]) => count);
  const counted = counts.reduce((sum, { events }) => sum + events, 0);
  return { counted, complete: Number(rows[0]?.found ?? 0) === counted, byType: counts };
}

/**
 * How many events have any of these references among their subjects, each once: whoever recorded them, and whatever was said of them since.
 * @param position nothing recorded after it is counted
 * @throws QuestionTooLong
 */
export async function countNaming(db: Kysely<Schema>, references: readonly string[], position: number): Promise<number> {
  const numbers = sql`select id from entries_values where axis = ${SUBJECT} and value in ${listed(references)}`;
  const { rows } = await sql<{ events: number }>`select count(distinct position) as events from entries_postings
    where value in (${numbers}) and position <= ${position}`.execute(db);
  return Number(rows[0]?.events ?? 0);
}

/** Somebody of whom nothing was recorded for a while. */
export interface IdlePerson {
  reference: string;
  /** When the last event that names them happened. */
  lastAt: string;
}

export interface IdlePage {
  items: IdlePerson[];
  /** Where the next page begins; null after the last. A page may be empty and not the last. */
  next: number | null;
}

/** The last event that names any of the numbers and is not the ledger's own; null where there is none. */
const lastTime = (numbers: RawBuilder<unknown>): RawBuilder<number | null> => sql`(select max(last) from (
  select (select p.time from entries_postings as p where p.value = n.id and p.profile not in (${OWN}) order by p.time desc limit 1) as last
  from (${numbers}) as n) as each_last)`;

/**
 * When the last event happened that names any of these references, as data subject or as actor; undefined where none does. What
 * the ledger says of itself does not count: nobody is kept for having been asked about.
 */
export async function lastEventOf(db: Kysely<Schema>, references: readonly string[]): Promise<string | undefined> {
  if (references.length === 0) return undefined;
  const { rows } = await sql<{ last: number | null }>`select ${lastTime(numbersOf(references))} as last`.execute(db);
  const last = rows[0]?.last ?? null;
  return last === null ? undefined : iso(last);
}

/**
 * A page of the data subjects of whom nothing was recorded that happened at or after a moment, in the order in which they became
 * known. Each reference stands for itself: of people who are linked the caller looks at the last event of all (`lastEventOf`).
 * Whoever was never a data subject of a record (an actor, somebody asked about) is not among them; whoever acts is not idle.
 * @param moment milliseconds since 1970
 * @param options.after `next` of the page before
 * @param options.limit values looked at, people or not: what a page costs at most
 * @throws QuestionTooLong
 */
export async function peopleIdleSince(
  db: Kysely<Schema>,
  moment: number,
  { after = 0, limit = 1_000 }: { after?: number; limit?: number } = {},
): Promise<IdlePage> {
  const heard = (number: RawBuilder<unknown>, since: RawBuilder<unknown>) =>
    sql`exists (select 1 from entries_postings as p where p.value = ${number}${since} and p.profile not in (${OWN}))`;
  const recently = sql` and p.time >= ${moment}`;
  const asActor = sql`(select id from entries_values where axis = ${ACTOR} and value = v.value)`;
  // The plus keeps the range of numbers in charge: by axis everybody would be looked at.
  const { rows } = await sql<{ highest: number | null; reference: string | null; last: number | null }>`
    select (select max(id) from entries_values) as highest, idle.value as reference, idle.last from (select 1) as one left join (
      select v.id, v.value, ${lastTime(sql`select id from entries_values where axis in (${SUBJECT}, ${ACTOR}) and value = v.value`)} as last
      from entries_values as v where v.id > ${after} and v.id <= ${after + limit} and +v.axis = ${SUBJECT}
        and not ${heard(sql`v.id`, recently)} and not ${heard(asActor, recently)} and ${heard(sql`v.id`, sql``)}) as idle order by idle.id`.execute(
    db,
  );
  const items = rows.flatMap(({ reference, last }) => (reference === null ? [] : [{ reference, lastAt: iso(last as number) }]));
  return { items, next: after + limit < (rows[0]?.highest ?? 0) ? after + limit : null };
}
