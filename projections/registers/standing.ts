import { type Kysely, sql } from 'kysely';
import type { EventStore } from '../../src/eventstore/event-store.ts';
import { eventTypes } from '../../src/ledger/events.ts';
import { listed } from '../database.ts';
import { driverOf, type Sought } from '../entries/about.ts';
import { matchedFacts } from '../entries/count.ts';
import type { Document } from '../entries/walk.ts';
import { latestOf } from '../latest.ts';
import type { Schema } from '../schema.ts';
import { QuestionTooLong } from '../views.ts';

/** An erasure ends processing; one that failed processed nothing. */
const NO_PROCESSING = ['PersonalDataErased', 'PersonalDataErasureFailed'];
/** Types of events in which personal data is processed. */
export const PROCESSING_TYPES: string[] = eventTypes()
  .filter(({ type, group }) => group === 'processing' && !NO_PROCESSING.includes(type))
  .map(({ type }) => type);

/** Records of a register, at most: more is no register that anybody reads. */
const MAX_RECORDS = 100_000;
/** Documents read by one statement. */
const STEP = 1_000;

interface Row {
  position: number;
  recorded_at: number;
  type: string;
  entry: string;
}

/**
 * Everything of some types that stands at a position: what was retracted, or corrected and its replacement recorded, is left out. By
 * time, then source and id, so that the order of arrival does not show.
 * @param types of events that are rare beside processing
 * @throws QuestionTooLong
 */
export async function standingOf(db: Kysely<Schema>, store: EventStore, types: readonly string[], position: number): Promise<Document[]> {
  const sought: Sought = { values: new Map(), codes: new Map([['type', [...types]]]) };
  const driver = await driverOf(db, sought, 'count');
  if (!driver) return [];
  const matched = await matchedFacts(db, store, { sought, driver, position });
  const found = await sql<{ position: number; time: number }>`with matched as (${matched})
    select position, time from matched order by position limit ${MAX_RECORDS + 1}`.execute(db);
  if (found.rows.length > MAX_RECORDS) throw new QuestionTooLong();
  const documents: Document[] = [];
  for (let i = 0; i < found.rows.length; i += STEP) {
    const times = new Map(found.rows.slice(i, i + STEP).map(({ position, time }) => [position, Number(time)]));
    const { rows } = await sql<Row>`select position, recorded_at, type, entry from entries_documents
      where position in ${listed([...times.keys()])} order by position`.execute(db);
    for (const { position, recorded_at: recordedAt, type, entry } of rows) {
      documents.push({ position, recordedAt: Number(recordedAt), time: times.get(position) as number, type, entry: latestOf(type, entry) });
    }
  }
  return documents.sort((a, b) => a.time - b.time || by(a.entry.source, b.entry.source) || by(a.entry.id, b.entry.id));
}

const by = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/**
 * Whoever has several references goes by the first of them.
 * @param merged references that are one person, group by group
 */
export function personsOf(merged: readonly (readonly string[])[]): (reference: string) => string {
  const persons = new Map(merged.flatMap((group) => group.map((each) => [each, group[0] as string])));
  return (reference) => persons.get(reference) ?? reference;
}
