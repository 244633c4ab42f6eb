import { type Expression, type Kysely, type RawBuilder, type SqlBool, sql } from 'kysely';
import type { KeyVault } from '../../src/privacy/key-vault.ts';
import { listed } from '../database.ts';
import { momentOf } from '../moment.ts';
import type { Schema } from '../schema.ts';
import { VALUE_AXES } from './numbers.ts';
import { EVERYTHING } from './postings.ts';
import { CODE_AXES } from './profiles.ts';

/** One value, or several of which any may hold. */
export type OneOrMany<T> = T | readonly T[];

/** Somebody: by an identifier, or by the reference that an answer showed. */
export type Somebody = { scheme?: string; value?: string; reference?: string };

/** What a question is about. All axes combine; without any it is about everything. */
export interface About {
  subject?: OneOrMany<Somebody>;
  /** The actor's id, or the reference that an answer showed. Finds also what others did on the actor's behalf. */
  actor?: OneOrMany<string | { reference?: string }>;
  /** A recipient's id, or `data-subject`. */
  recipient?: OneOrMany<string>;
  system?: OneOrMany<string>;
  source?: OneOrMany<string>;
  purpose?: OneOrMany<string>;
  category?: OneOrMany<string>;
  type?: OneOrMany<string>;
  legalBasis?: OneOrMany<string>;
  caseRef?: OneOrMany<string>;
  /** Where it happened, or where the recipient is. */
  country?: OneOrMany<string>;
  /** Inclusive. */
  from?: string;
  /** Exclusive. */
  to?: string;
}

type ValueAxis = keyof typeof VALUE_AXES;
type CodeAxis = (typeof CODE_AXES)[number];

/** `About` in the words of the log: references instead of identifiers, digests instead of case numbers. */
export interface Sought {
  values: Map<ValueAxis, string[]>;
  codes: Map<CodeAxis, string[]>;
  /** Milliseconds since 1970. */
  from?: number;
  to?: number;
}

const REFERENCE_BYTES = 16;

const list = <T>(value: OneOrMany<T> | undefined): readonly T[] => (value === undefined ? [] : Array.isArray(value) ? value : [value as T]);

/** The same text for questions that mean the same, whichever way they were written. */
export function canonicalAbout(about: object): unknown {
  return Object.entries(about)
    .filter(([, values]) => values !== undefined)
    .map(([axis, values]) => [
      axis,
      list<unknown>(values)
        .map((value) => JSON.stringify(value))
        .sort(),
    ])
    .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
}

/** Where people are looked up who are asked about. */
export interface Register {
  db: Kysely<Schema>;
  vault: KeyVault;
  /** For each reference all that are the same person, as of the question. */
  groupOf(references: readonly string[]): Promise<string[][]>;
  /** The time of the question (UTC, ISO 8601), which completes a ten-digit personal identity number. */
  at: string;
}

/**
 * Translates what is asked about. Nobody becomes known by being asked about.
 * @returns undefined where nothing can match: nobody of those asked about is known
 * @throws InvalidMoment
 */
export async function soughtBy(about: About, register: Register): Promise<Sought | undefined> {
  const { vault } = register;
  const values: Sought['values'] = new Map();
  const codes: Sought['codes'] = new Map();
  if (about.subject !== undefined) values.set('subject', await everybody(list(about.subject), register));
  if (about.actor !== undefined) values.set('actor', await everybody(list(about.actor).map(actor), register));
  if (about.recipient !== undefined) values.set('recipient', [...list(about.recipient)]);
  if (about.caseRef !== undefined) {
    values.set(
      'caseRef',
      list(about.caseRef).map((value) => vault.digest('caseRef', value)),
    );
  }
  for (const axis of CODE_AXES) if (about[axis] !== undefined) codes.set(axis, [...list(about[axis])]);
  for (const found of values.values()) if (found.length === 0) return undefined;
  return {
    values,
    codes,
    ...(about.from !== undefined && { from: momentOf(about.from, 'start') }),
    ...(about.to !== undefined && { to: momentOf(about.to, 'start') }),
  };
}

const actor = (value: string | { reference?: string }): Somebody => (typeof value === 'string' ? { scheme: 'actor', value } : value);

async function references(people: readonly Somebody[], { db, vault, at }: Register): Promise<string[]> {
  const identified = people.filter(({ reference }) => reference === undefined);
  // An answer that does not name actors shows their references, which can be asked about in turn.
  const given = people.map(({ scheme, value, reference }) => reference ?? (scheme === 'actor' ? value : undefined));
  const [found, inLog] = await Promise.all([
    vault.resolve(
      identified.map(({ scheme, value }) => ({ scheme: String(scheme), value: String(value), at })),
      { create: false },
    ),
    occurring(given.filter(isReference), db),
  ]);
  const known = found.flatMap((person) => person?.reference ?? []);
  return [...new Set([...given.filter((reference) => reference !== undefined && inLog.has(reference)), ...known])] as string[];
}

/** Whoever is linked is one person: asked about by one reference, found by all. */
async function everybody(people: readonly Somebody[], register: Register): Promise<string[]> {
  const found = await references(people, register);
  return found.length === 0 ? [] : [...new Set((await register.groupOf(found)).flat())];
}

/** 16 bytes in base64url, in the one spelling that a reference has. */
function isReference(text: string | undefined): text is string {
  if (text === undefined) return false;
  const bytes = Buffer.from(text, 'base64url');
  return bytes.length === REFERENCE_BYTES && bytes.toString('base64url') === text;
}

/**
 * References of people whom an event names. What merely looks like one is nobody: it might be a name, and would be recorded
 * with the question as if it were none.
 */
async function occurring(given: readonly string[], db: Kysely<Schema>): Promise<ReadonlySet<string>> {
  if (given.length === 0) return new Set();
  const { rows } = await sql<{ value: string }>`select value from entries_values
    where axis in (${sql.lit(VALUE_AXES.subject)}, ${sql.lit(VALUE_AXES.actor)}) and value in ${listed(given)}`.execute(db);
  return new Set(rows.map(({ value }) => value));
}

/** Whatever occurs more often than this is not counted further. */
const PROBE = 1_000;
/** Profiles whose runs are merged in the order of time; where more match, everything is walked through instead. */
const MAX_MERGED = 64;
/** Profiles counted one after the other, which needs no merging. */
const MAX_COUNTED = 2_000;

/** By what the postings are found: some values, each of which is a run in the order of time. The other axes are conditions. */
export type Driver =
  /** One of the axes of `Sought.values`, by its values. */
  | { axis: ValueAxis; values: readonly string[]; coversCodes: false }
  /** Profiles negated, or `EVERYTHING`; `coversCodes`: whether the codes are met already. */
  | { axis?: undefined; values: readonly number[]; coversCodes: boolean };

/** The numbers of an axis's values, as a list to look in. */
const numbersOf = (axis: ValueAxis, values: readonly string[]) =>
  sql`select id from entries_values where axis = ${sql.lit(VALUE_AXES[axis])} and value in ${listed(values)}`;

/** The numbers of what drives, one expression a run; with `+`, because SQLite plans anew for each value that is bound bare beside an order. */
export function runsOf(driver: Driver): RawBuilder<number>[] {
  if (driver.axis === undefined) return driver.values.map((value) => sql<number>`+${value}`);
  const axis = sql.lit(VALUE_AXES[driver.axis]);
  return driver.values.map((value) => sql<number>`(select id from entries_values where axis = ${axis} and value = ${value})`);
}

/** The numbers of what drives, as a list to look in. */
export const anyOf = (driver: Driver): RawBuilder<unknown> =>
  driver.axis === undefined ? listed(driver.values) : sql`(${numbersOf(driver.axis, driver.values)})`;

/**
 * Chooses what to walk through: the axis that occurs least, counted up to a bound.
 * @param purpose `page`: entries in the order of time; `count`: all of them in any order
 * @returns undefined where no combination of the codes ever occurred
 */
export async function driverOf(db: Kysely<Schema>, sought: Sought, purpose: 'page' | 'count' = 'page'): Promise<Driver | undefined> {
  const axes: Driver[] = [...sought.values].map(([axis, values]) => ({ axis, values, coversCodes: false }));
  const [only] = axes;
  if (axes.length === 1 && sought.codes.size === 0) return only;
  const counts = axes.length > 0 ? await probe(db, axes, sought) : [];
  const least = axes[counts.indexOf(Math.min(...counts))];
  if (least && (sought.codes.size === 0 || Math.min(...counts) < PROBE)) return least;
  return byProfiles(db, sought, least, purpose === 'page' ? MAX_MERGED : MAX_COUNTED);
}

/** Profiles, where few match; for a question about codes alone everything, where many do. */
async function byProfiles(db: Kysely<Schema>, sought: Sought, instead: Driver | undefined, most: number): Promise<Driver | undefined> {
  const everything: Driver = { values: [EVERYTHING], coversCodes: false };
  if (sought.codes.size === 0) return everything;
  const { rows: profiles } = await sql<{
    profile: number;
  }>`select profile from (${profilesMeeting(sought)}) as met limit ${most + 1}`.execute(db);
  if (profiles.length === 0) return undefined;
  if (profiles.length > most) return instead ?? everything;
  const byProfile: Driver = { values: profiles.map(({ profile }) => -profile), coversCodes: true };
  if (!instead) return byProfile;
  const [count] = await probe(db, [byProfile], sought);
  return (count as number) < PROBE ? byProfile : instead;
}

async function probe(db: Kysely<Schema>, drivers: readonly Driver[], sought: Sought, most = PROBE): Promise<number[]> {
  const counts = drivers.map(
    (driver) =>
      sql<number>`(select count(*) from (select 1 from entries_postings as p where p.value in ${anyOf(driver)} and ${within(sought)} limit ${most}) as some)`,
  );
  const row = await db.selectNoFrom(counts.map((count, i) => count.as(`c${i}`))).executeTakeFirstOrThrow();
  return drivers.map((_, i) => Number((row as Record<string, number>)[`c${i}`]));
}

const all = (conditions: readonly Expression<SqlBool>[]): RawBuilder<SqlBool> =>
  conditions.length === 0 ? sql<SqlBool>`1 = 1` : sql<SqlBool>`${sql.join(conditions, sql` and `)}`;

function within({ from, to }: Sought): RawBuilder<SqlBool> {
  return all([
    ...(from === undefined ? [] : [sql<SqlBool>`p.time >= ${from}`]),
    ...(to === undefined ? [] : [sql<SqlBool>`p.time < ${to}`]),
  ]);
}

/** The profiles in which the codes of all axes meet. */
function profilesMeeting({ codes }: Sought): RawBuilder<unknown> {
  const each = [...codes].map(
    ([axis, some]) => sql`select profile from entries_profile_codes where axis = ${axis} and code in ${listed(some)}`,
  );
  return sql.join(each, sql` intersect `);
}

/**
 * Everything that is asked about but what drives, and nothing recorded after `position`, as a condition on a posting `p`.
 * @returns `lists`: what the condition looks in, to stand before the statement once, however often the condition does
 */
export function conditionOf(
  sought: Sought,
  driver: Driver,
  position: number,
): { lists: RawBuilder<unknown>; condition: RawBuilder<SqlBool> } {
  const lists: RawBuilder<unknown>[] = [];
  const conditions = [sql<SqlBool>`p.position <= ${position}`, within(sought)];
  if (!driver.coversCodes && sought.codes.size > 0) {
    lists.push(sql`met(profile) as (${profilesMeeting(sought)})`);
    conditions.push(sql<SqlBool>`p.profile in (select profile from met)`);
  }
  for (const [axis, values] of sought.values) {
    if (axis === driver.axis) continue;
    const numbers = sql.ref(`of_${axis.toLowerCase()}`);
    lists.push(sql`${numbers}(id) as (${numbersOf(axis, values)})`);
    conditions.push(
      sql<SqlBool>`exists (select 1 from entries_postings as o where o.value in (select id from ${numbers}) and o.time = p.time and o.position = p.position)`,
    );
  }
  return { lists: lists.length === 0 ? sql`` : sql`with ${sql.join(lists)} `, condition: all(conditions) };
}

/**
 * Everything that is asked about events, as a condition on whatever tells of one: the columns that say when it happened and where it stands.
 * @returns `lists` as of `conditionOf`, without `with`
 */
export function eventMeets(
  { values, codes, from, to }: Sought,
  time: RawBuilder<unknown>,
  position: RawBuilder<unknown>,
): { lists: RawBuilder<unknown>[]; conditions: RawBuilder<SqlBool>[] } {
  const lists: RawBuilder<unknown>[] = [];
  const conditions: RawBuilder<SqlBool>[] = [];
  if (from !== undefined) conditions.push(sql`${time} >= ${from}`);
  if (to !== undefined) conditions.push(sql`${time} < ${to}`);
  if (codes.size > 0) {
    lists.push(sql`met(profile) as (${profilesMeeting({ values, codes })})`);
    conditions.push(
      sql`exists (select 1 from entries_facts as e where e.position = ${position} and e.profile in (select profile from met))`,
    );
  }
  for (const [axis, some] of values) {
    const numbers = sql.ref(`of_${axis.toLowerCase()}`);
    lists.push(sql`${numbers}(id) as (${numbersOf(axis, some)})`);
    conditions.push(
      sql`exists (select 1 from entries_postings as o where o.value in (select id from ${numbers}) and o.time = ${time} and o.position = ${position})`,
    );
  }
  return { lists, conditions };
}

/**
 * The axis of people, recipients or cases that occurs least, as a list of positions to look in; undefined where each occurs more often than
 * `most` times.
 */
export async function rarestAxis(db: Kysely<Schema>, sought: Sought, most: number): Promise<RawBuilder<unknown> | undefined> {
  const axes: Driver[] = [...sought.values].map(([axis, values]) => ({ axis, values, coversCodes: false }));
  if (axes.length === 0) return undefined;
  const counts = await probe(db, axes, sought, most);
  const least = Math.min(...counts);
  if (least >= most) return undefined;
  return sql`(select p.position from entries_postings as p where p.value in ${anyOf(axes[counts.indexOf(least)] as Driver)} and ${within(sought)})`;
}
