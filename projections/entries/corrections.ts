import { type RawBuilder, type SqlBool, sql } from 'kysely';
import { recordKey } from '../../src/eventstore/record-key.ts';
import type { ProjectedEvent, Value } from '../projection.ts';

/** Corrections of corrections that are followed; nobody takes back so often. */
const MAX_CHAIN = 16;

/**
 * Whether a correction or retraction counts at a position: it was recorded by then, and none that counts itself was said of
 * it. So what was retracted stands again once its retraction is retracted, and falls with the next one. Beyond the longest
 * chain that is followed, and where a chain bites its own tail, the last one looked at counts. Of holds only what was recorded
 * after its target is followed: see `openHolds`.
 * @param of alias of a row of `table`
 * @param table who keeps corrections, in the columns of `correctionOf`
 */
export function stands(
  of: string,
  position: number,
  table: 'entries_corrections' | 'holds_corrections' = 'entries_corrections',
  chain = MAX_CHAIN,
): RawBuilder<SqlBool> {
  const recorded = sql<SqlBool>`${sql.ref(`${of}.position`)} <= ${position}`;
  if (chain === 0) return recorded;
  const by = `by${chain}`;
  const counted = table === 'holds_corrections' ? sql<SqlBool>`${sql.ref(`${by}.position`)} > ${sql.ref(`${of}.position`)} and` : sql``;
  return sql<SqlBool>`${recorded} and not exists (
    select 1 from ${sql.table(table)} as ${sql.raw(by)} where ${sql.ref(`${by}.target`)} = ${sql.ref(`${of}.record`)} and ${counted} ${stands(by, position, table, chain - 1)})`;
}

/** Position, record, target and replacement of what corrects or retracts a record; empty for anything else. */
export function correctionOf({ position, type, entry }: ProjectedEvent): Value[] {
  if (type !== 'RecordCorrected' && type !== 'RecordRetracted') return [];
  const target = pairOf(entry.data['target']);
  if (!target) return [];
  const replacement = type === 'RecordCorrected' ? pairOf(entry.data['replacement']) : undefined;
  return [position, recordKey(entry.source, entry.id), target, replacement ?? null];
}

/** The record key of the record that a field points at. */
export function pairOf(value: unknown): Buffer | undefined {
  const { source, id } = (value ?? {}) as { source?: unknown; id?: unknown };
  return typeof source === 'string' && typeof id === 'string' ? recordKey(source, id) : undefined;
}
