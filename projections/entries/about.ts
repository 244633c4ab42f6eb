import { type Expression, type Kysely, type RawBuilder, type SqlBool, sql } from 'kysely';
import type { KeyVault } from '../../src/privacy/key-vault.ts';
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

const AXES = ['subject', 'actor', 'recipient', 'caseRef', ...CODE_AXES] as const;
const REFERENCE = /^[A-Za-z0-9_-]{22}$/;

const list = <T>(value: OneOrMany<T> | undefined): readonly T[] => (value === undefined ? [] : Array.isArray(value) ? value : [value as T]);

/** The same text for questions that mean the same, whichever way they were written. */
export function canonicalAbout(about: About): unknown {
  const axes = AXES.map((axis) =>
    list<unknown>(about[axis])
      .map((value) => JSON.stringify(value))
      .sort(),
  );
  return [...axes, about.from ?? null, about.to ?? null];
}

/**
 * Translates what is asked about. Nobody becomes known by being asked about.
 * @returns undefined where nothing can match: nobody of those asked about is known
 */
export async function soughtBy(about: About, vault: KeyVault): Promise<Sought | undefined> {
  const values: Sought['values'] = new Map();
  const codes: Sought['codes'] = new Map();
  if (about.subject !== undefined) values.set('subject', await references(list(about.subject), vault));
  if (about.actor !== undefined) values.set('actor', await references(list(about.actor).map(actor), vault));
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

async function references(people: readonly Somebody[], vault: KeyVault): Promise<string[]> {
  const identified = people.filter(({ reference }) => reference === undefined);
  const found = await vault.resolve(
    identified.map(({ scheme, value }) => ({ scheme: String(scheme), value: String(value) })),
    { create: false },
  );
  const known = identified.map(({ scheme, value }, i) => {
    // An answer that does not name actors shows their references, which can be asked about in turn.
    const reference = scheme === 'actor' && REFERENCE.test(String(value)) ? value : undefined;
    return found[i]?.reference ?? reference;
  });
  const given = people.map(({ reference }) => reference);
  return [...new Set([...given, ...known].filter((reference) => reference !== undefined))];
}

/** Whatever occurs more often than this is not counted further. */
const PROBE = 1_000;
/** Profiles whose runs are merged in the order of time; where more match, everything is walked through instead. */
const MAX_MERGED = 64;
/** Profiles counted one after the other, which needs no merging. */
const MAX_COUNTED = 2_000;

/** By what the postings are found: some values, each of which is a run in the order of time. The other axes are conditions. */
export interface Driver {
  /** Where it is one of the axes of `Sought.values`. */
  axis?: ValueAxis;
  /** Values, as expressions of their number. */
  values: Expression<number>[];
  /** Whether the codes are met already. */
  coversCodes: boolean;
}

/** An axis's value by its number. */
const numberOf = (axis: ValueAxis, value: string) =>
  sql<number>`(select id from entries_values where axis = ${VALUE_AXES[axis]} and value = ${value})`;

/**
 * Chooses what to walk through: the axis that occurs least, counted up to a bound.
 * @param purpose `page`: entries in the order of time; `count`: all of them in any order
 * @returns undefined where no combination of the codes ever occurred
 */
export async function driverOf(db: Kysely<Schema>, sought: Sought, purpose: 'page' | 'count' = 'page'): Promise<Driver | undefined> {
  const axes: Driver[] = [...sought.values].map(([axis, values]) => ({
    axis,
    values: values.map((value) => numberOf(axis, value)),
    coversCodes: false,
  }));
  const [only] = axes;
  if (axes.length === 1 && sought.codes.size === 0) return only;
  const counts = axes.length > 0 ? await probe(db, axes, sought) : [];
  const least = axes[counts.indexOf(Math.min(...counts))];
  if (least && (sought.codes.size === 0 || Math.min(...counts) < PROBE)) return least;
  return (await byProfiles(db, sought, least, purpose === 'page' ? MAX_MERGED : MAX_COUNTED)) ?? least;
}

/** Profiles, where few match; for a question about codes alone everything, where many do. */
async function byProfiles(db: Kysely<Schema>, sought: Sought, instead: Driver | undefined, most: number): Promise<Driver | undefined> {
  const everything: Driver = { values: [sql<number>`${EVERYTHING}`], coversCodes: false };
  if (sought.codes.size === 0) return everything;
  const profiles = await db
    .selectFrom('entries_profiles as p')
    .select('p.id')
    .where(all(codesMet(sought, 'p.id')))
    .limit(most + 1)
    .execute();
  if (profiles.length === 0 && !instead) return undefined;
  if (profiles.length > most) return instead ?? everything;
  const byProfile: Driver = { values: profiles.map(({ id }) => sql<number>`${-id}`), coversCodes: true };
  if (!instead) return byProfile;
  const [count] = await probe(db, [byProfile], sought);
  return (count as number) < PROBE ? byProfile : instead;
}

async function probe(db: Kysely<Schema>, drivers: readonly Driver[], sought: Sought): Promise<number[]> {
  const counts = drivers.map(({ values }) =>
    values.length === 0
      ? sql<number>`0`
      : sql<number>`(select count(*) from (select 1 from entries_postings as p where p.value in (${sql.join(values)}) and ${within(sought)} limit ${PROBE}) as some)`,
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

/** The codes as conditions on the profile. */
function codesMet({ codes }: Sought, profile: string): RawBuilder<SqlBool>[] {
  return [...codes].map(
    ([axis, some]) =>
      sql<SqlBool>`${sql.ref(profile)} in (select profile from entries_profile_codes where axis = ${axis} and code in (${sql.join(some)}))`,
  );
}

/** Everything that is asked about but what drives, and nothing recorded after `position`, as a condition on a posting `p`. */
export function conditionOf(sought: Sought, driver: Driver, position: number): RawBuilder<SqlBool> {
  const conditions = [sql<SqlBool>`p.position <= ${position}`, within(sought)];
  if (!driver.coversCodes) conditions.push(...codesMet(sought, 'p.profile'));
  for (const [axis, values] of sought.values) {
    if (axis === driver.axis) continue;
    const numbers = sql.join(values.map((value) => numberOf(axis, value)));
    conditions.push(
      sql<SqlBool>`exists (select 1 from entries_postings as o where o.value in (${numbers}) and o.time = p.time and o.position = p.position)`,
    );
  }
  return all(conditions);
}
