import { type Kysely, type RawBuilder, type SqlBool, sql } from 'kysely';
import type { EventStore } from '../../src/eventstore/event-store.ts';
import { listed } from '../database.ts';
import type { Schema } from '../schema.ts';
import { anyOf, conditionOf, type Driver, type Sought } from './about.ts';
import { stands } from './corrections.ts';
import type { Axis } from './numbers.ts';

/** Corrections whose replacement is looked for, at most. */
const MAX_LOOKED_FOR = 10_000;

/**
 * The facts of the entries that match, for `with matched as (…)`: each once, up to a position, without those that were
 * retracted, and of a record and its correction the later one alone.
 */
export async function matchedFacts(
  db: Kysely<Schema>,
  store: EventStore,
  { sought, driver, position }: { sought: Sought; driver: Driver; position: number },
  extra: RawBuilder<SqlBool> = sql<SqlBool>`1 = 1`,
): Promise<RawBuilder<unknown>> {
  const distinct = driver.axis !== undefined && driver.values.length > 1 ? sql`distinct ` : sql``;
  const { lists, condition } = conditionOf(sought, driver, position);
  const found = sql`${lists}select f.* from (
      select ${distinct}p.position from entries_postings as p where p.value in ${anyOf(driver)} and ${condition}
    ) as m cross join entries_facts as f where f.position = m.position and ${extra}`;
  const some = await db.selectFrom('entries_corrections').select('position').where('position', '<=', position).limit(1).executeTakeFirst();
  if (!some) return found;
  const pending = await withoutReplacement(db, store, found, position);
  const but = pending.length > 0 ? sql` and c.position not in ${listed(pending)}` : sql``;
  return sql`${found} and not exists (select 1 from entries_corrections as c where c.target = f.record and ${stands('c', position)}${but})`;
}

/** Corrections of matching records whose replacement is not recorded yet: until it is, the record counts as it stands. */
async function withoutReplacement(db: Kysely<Schema>, store: EventStore, found: RawBuilder<unknown>, position: number): Promise<number[]> {
  const { rows } = await sql<{ position: number; replacement: Buffer }>`with found as (${found})
    select distinct c.position, c.replacement from found as f cross join entries_corrections as c
    where c.target = f.record and c.replacement is not null and c.position <= ${position} limit ${MAX_LOOKED_FOR}`.execute(db);
  const positions = await store.find(rows.map(({ replacement }) => Buffer.from(replacement)));
  return rows.filter((_, i) => !((positions[i] ?? Number.POSITIVE_INFINITY) <= position)).map((row) => row.position);
}

/**
 * Numbers of an axis that stand for somebody who has several, each with the one that is counted, to be joined as `number` and
 * `person`; undefined where nobody has.
 * @param merged references that are one person, group by group
 */
export function onePerson(merged: readonly (readonly string[])[], axis: Axis): RawBuilder<unknown> | undefined {
  if (merged.length === 0) return undefined;
  return sql`(select v.id as number, min(v.id) over (partition by g.key) as person
    from json_each(${JSON.stringify(merged)}) as g cross join json_each(g.value) as m cross join entries_values as v
    where v.axis = ${sql.lit(axis)} and v.value = m.value)`;
}
