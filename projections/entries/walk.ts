import { type Kysely, type RawBuilder, type SqlBool, sql } from 'kysely';
import type { RecordedEvent } from '../../src/eventstore/event-store.ts';
import type { Entry } from '../../src/ledger/entry.ts';
import { listed } from '../database.ts';
import { latestOf } from '../latest.ts';
import type { Schema } from '../schema.ts';
import { conditionOf, type Driver, runsOf, type Sought } from './about.ts';
import { stands } from './corrections.ts';
import type { EntriesTables } from './tables.ts';

/** An entry as it is read: data in the shape of the latest version. */
export interface Document {
  position: number;
  /** Milliseconds since 1970. */
  recordedAt: number;
  time: number;
  type: string;
  entry: Entry;
}

/** A walk through the entries in the order of time, then position. */
export interface Walk {
  sought: Sought;
  driver: Driver;
  /** Nothing recorded after it is seen. */
  position: number;
  order: 'asc' | 'desc';
  /** Time and position of the entry behind which to begin. */
  last: readonly [number, number] | undefined;
}

/** Entries read by one statement: 1,000 of the largest would be 256 MiB. */
const STEP = 100;
/** Runs merged by one statement: with every axis in use, SQLite takes twice as many and no more. */
const MAX_RUNS = 16;
/** Characters of the entries of a page, at most; the first is always in it. */
const MAX_CHARACTERS = 16 * 1024 * 1024;

type Row = EntriesTables['entries_documents'] & {
  time: number;
  /** Whether anything was ever corrected: where nothing was, nothing needs to be looked up. */
  corrections: number | null;
};

export interface Walked {
  documents: Document[];
  /** Whether nothing follows. */
  isEnd: boolean;
  /** Whether any record of the log, these or others, was ever corrected. */
  hasCorrections: boolean;
  /** Of the entries as they stand in the log. */
  characters: number;
}

/** At most `limit` entries; fewer, though more would follow, where they are large. */
export async function walk(db: Kysely<Schema>, from: Walk, limit: number): Promise<Walked> {
  const documents: Document[] = [];
  let characters = 0;
  let hasCorrections = false;
  let { last } = from;
  while (documents.length < limit) {
    const step = Math.min(STEP, limit - documents.length);
    const rows = await stepAfter(db, { ...from, last }, step);
    for (const row of rows) {
      if (characters + row.entry.length > MAX_CHARACTERS && documents.length > 0) {
        return { documents, isEnd: false, hasCorrections, characters };
      }
      characters += row.entry.length;
      hasCorrections ||= row.corrections !== null;
      documents.push(documentIn(row));
    }
    if (rows.length < step) return { documents, isEnd: true, hasCorrections, characters };
    const { time, position } = rows.at(-1) as Row;
    last = [time, position];
  }
  return { documents, isEnd: false, hasCorrections, characters };
}

type Place = Pick<Row, 'time' | 'position'>;

/** One step: by one statement, or by one for some of the runs each, of whose places the first are taken. */
async function stepAfter(db: Kysely<Schema>, from: Walk, limit: number): Promise<Row[]> {
  const parts = partsOf(from);
  if (parts.length === 1) return (await entriesAfter(from, limit).execute(db)).rows;
  const found = await Promise.all(parts.map((part) => placesAfter(part, limit).execute(db)));
  const places = new Map(found.flatMap(({ rows }) => rows).map((place) => [place.position, place]));
  const sign = from.order === 'asc' ? 1 : -1;
  const sorted = [...places.values()].sort((a, b) => sign * (a.time - b.time || a.position - b.position));
  return entriesAt(db, sorted.slice(0, limit));
}

function partsOf(from: Walk): Walk[] {
  const { driver } = from;
  const parts: Walk[] = [];
  for (let at = 0; at === 0 || at < driver.values.length; at += MAX_RUNS) {
    parts.push({ ...from, driver: { ...driver, values: driver.values.slice(at, at + MAX_RUNS) } as Driver });
  }
  return parts;
}

/** The entries at these places, in their order. */
async function entriesAt(db: Kysely<Schema>, places: readonly Place[]): Promise<Row[]> {
  const positions = listed(places.map(({ position }) => position));
  const { rows } = await sql<Omit<Row, 'time'>>`select d.position, d.recorded_at, d.type, d.entry, ${CORRECTIONS}
    from entries_documents as d where d.position in ${positions}`.execute(db);
  const byPosition = new Map(rows.map((row) => [row.position, row]));
  return places.map(({ time, position }) => ({ ...(byPosition.get(position) as Omit<Row, 'time'>), time }));
}

/** Entries by their positions, of which there may be as many as can be held at once. */
export async function documentsAt(
  db: Kysely<Schema>,
  positions: readonly number[],
): Promise<Map<number, Document & { characters: number }>> {
  const { rows } = await sql<
    Omit<Row, 'time' | 'corrections'>
  >`select d.position, d.recorded_at, d.type, d.entry from entries_documents as d
    where d.position in ${listed(positions)}`.execute(db);
  return new Map(
    rows.map(({ position, recorded_at: recordedAt, type, entry: text }) => {
      const entry = latestOf(type, text);
      return [position, { position, recordedAt, time: Date.parse(entry.time), type, entry, characters: text.length }];
    }),
  );
}

const CORRECTIONS = sql`(select 1 from entries_corrections limit 1) as corrections`;

/** One step as a statement. */
export function entriesAfter(from: Walk, limit: number): RawBuilder<Row> {
  const direction = from.order === 'asc' ? sql`asc` : sql`desc`;
  const { lists, places } = placesOf(from, limit);
  return sql<Row>`${lists}select f.time, d.position, d.recorded_at, d.type, d.entry, ${CORRECTIONS}
    from (${places}) as f
    join entries_documents as d on d.position = f.position
    order by f.time ${direction}, f.position ${direction}`;
}

function placesAfter(from: Walk, limit: number): RawBuilder<Place> {
  const { lists, places } = placesOf(from, limit);
  return sql<Place>`${lists}${places}`;
}

/** Each driving value is a run in the order of time, of which no more than a step is read. */
function placesOf({ sought, driver, position, order, last }: Walk, limit: number) {
  const direction = order === 'asc' ? sql`asc` : sql`desc`;
  // In the text: a limit that is bound has SQLite plan the statement anew at every run.
  const most = sql.lit(limit);
  const { lists, condition } = conditionOf(sought, driver, position);
  const behind =
    last === undefined ? sql<SqlBool>`` : sql<SqlBool>` and (p.time, p.position) ${order === 'asc' ? sql`>` : sql`<`} (${sql.join(last)})`;
  const runs = runsOf(driver).map(
    (value) => sql`select * from (select p.time, p.position from entries_postings as p where p.value = ${value} and ${condition}${behind}
      order by p.time ${direction}, p.position ${direction} limit ${most}) as run`,
  );
  return { lists, places: sql`${sql.join(runs, sql` union `)} order by time ${direction}, position ${direction} limit ${most}` };
}

function documentIn({ position, recorded_at, time, type, entry: text }: Row): Document {
  return { position, recordedAt: recorded_at, time, type, entry: latestOf(type, text) };
}

/** An event of the log, as a walk would have found it. @throws UnknownEventVersion */
export function documentOf({ position, type, recordedAt, data }: RecordedEvent): Document {
  const entry = latestOf(type, data);
  return { position, type, recordedAt: Date.parse(recordedAt), time: Date.parse(entry.time), entry };
}

/** What was later said of a record. */
export interface Correction {
  by: { source: string; id: string; position: number; recordedAt: number };
  /** The record that stands in its place; absent where it was retracted. */
  replacement?: { source: string; id: string };
}

/** The last correction or retraction, up to `position`, of each record; by record key in latin1. One that was itself taken back is none (`stands`). */
export async function correctionsOf(db: Kysely<Schema>, records: readonly Buffer[], position: number): Promise<Map<string, Correction>> {
  if (records.length === 0) return new Map();
  const rows = await db
    .selectFrom('entries_corrections as c')
    .innerJoin('entries_documents as d', 'd.position', 'c.position')
    .select(['c.target', 'c.position', 'd.recorded_at', 'd.entry'])
    .where('c.target', 'in', [...records])
    .where(stands('c', position))
    .orderBy('c.position')
    .execute();
  return new Map(rows.map((row) => [Buffer.from(row.target).toString('latin1'), correctionOf(row)]));
}

function correctionOf({ position, recorded_at, entry }: { position: number; recorded_at: number; entry: string }): Correction {
  const { source, id, data } = JSON.parse(entry) as Entry;
  const replacement = data['replacement'] as Correction['replacement'];
  return { by: { source, id, position, recordedAt: recorded_at }, ...(replacement && { replacement }) };
}
