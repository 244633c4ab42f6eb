import { type RawBuilder, type SqlBool, sql } from 'kysely';

/** Corrections of corrections that are followed; nobody takes back so often. */
const MAX_CHAIN = 16;

/**
 * Whether a correction or retraction counts at a position: it was recorded by then, and none that counts itself was said of
 * it. So what was retracted stands again once its retraction is retracted, and falls with the next one. Beyond the longest
 * chain that is followed, and where a chain bites its own tail, the last one looked at counts.
 * @param of alias of a row of `entries_corrections`
 */
export function stands(of: string, position: number, chain = MAX_CHAIN): RawBuilder<SqlBool> {
  const recorded = sql<SqlBool>`${sql.ref(`${of}.position`)} <= ${position}`;
  if (chain === 0) return recorded;
  const by = `by${chain}`;
  return sql<SqlBool>`${recorded} and not exists (
    select 1 from entries_corrections as ${sql.raw(by)} where ${sql.ref(`${by}.target`)} = ${sql.ref(`${of}.record`)} and ${stands(by, position, chain - 1)})`;
}
