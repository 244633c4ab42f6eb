/** What stands: what was retracted does not, nor what was corrected once its replacement is recorded; what takes either back counts, too. */
import { type RawBuilder, type SqlBool, sql } from 'kysely';

/** Corrections of corrections that are followed, as in the index of entries. */
export const MAX_CHAIN = 16;

/**
 * Whether a record does not stand as of a position. Beyond the longest chain that is followed, and where a chain bites its own tail, the
 * last correction looked at counts.
 * @param source of the record, as SQL; `id` likewise
 */
export function isFallenAt(source: RawBuilder<unknown>, id: RawBuilder<unknown>, position: number, chain = MAX_CHAIN): RawBuilder<SqlBool> {
  const by = `by${chain}`;
  const of = (column: string) => sql.ref(`${by}.${column}`);
  const isRecorded = sql`exists (select 1 from findings_events as e join findings_profiles as p on p.id = e.profile
    where e.id = ${of('replacement_id')} and p.source = ${of('replacement_source')} and e.position <= ${position})`;
  const isTakenBack = chain === 0 ? sql`false` : isFallenAt(of('source'), of('id'), position, chain - 1);
  return sql<SqlBool>`exists (select 1 from findings_corrections as ${sql.raw(by)}
    where ${of('target_id')} = ${id} and ${of('target_source')} = ${source} and ${of('position')} <= ${position}
      and (${of('replacement_id')} is null or ${isRecorded}) and not ${isTakenBack})`;
}

/** Whether the event at a position, as SQL, does not stand: by now, or as of another position. */
export function isFallen(
  { position, source, id }: Record<'position' | 'source' | 'id', RawBuilder<unknown>>,
  asOf: number | undefined,
): RawBuilder<SqlBool> {
  if (asOf !== undefined) return isFallenAt(source, id, asOf);
  return sql<SqlBool>`exists (select 1 from findings_fallen as x where x.position = ${position})`;
}
