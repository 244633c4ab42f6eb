import { type Kysely, type RawBuilder, type SqlBool, sql } from 'kysely';
import type { Entry, StoredData } from '../../src/ledger/entry.ts';
import { eventType, upcast } from '../../src/ledger/events.ts';
import type { Schema } from '../schema.ts';
import { conditionOf, type Driver, type Sought } from './about.ts';
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
/** Characters of the entries of a page, at most; the first is always in it. */
const MAX_CHARACTERS = 16 * 1024 * 1024;

type Row = Omit<EntriesTables['entries_documents'], 'position'> & { position: number; time: number };

/** At most `limit` entries; fewer, though more would follow, where they are large. */
export async function walk(db: Kysely<Schema>, from: Walk, limit: number): Promise<{ documents: Document[]; isEnd: boolean }> {
  const documents: Document[] = [];
  let characters = 0;
  let { last } = from;
  while (documents.length < limit) {
    const step = Math.min(STEP, limit - documents.length);
    const rows = await entriesAfter({ ...from, last }, step).execute(db);
    for (const row of rows.rows) {
      characters += row.entry.length;
      if (characters > MAX_CHARACTERS && documents.length > 0) return { documents, isEnd: false };
      documents.push(documentOf(row));
    }
    if (rows.rows.length < step) return { documents, isEnd: true };
    const { time, position } = rows.rows.at(-1) as Row;
    last = [time, position];
  }
  return { documents, isEnd: false };
}

/** One step as a statement. Each driving value is a run in the order of time, of which no more than a step is read. */
export function entriesAfter({ sought, driver, position, order, last }: Walk, limit: number): RawBuilder<Row> {
  const direction = order === 'asc' ? sql`asc` : sql`desc`;
  const condition = conditionOf(sought, driver, position);
  const behind =
    last === undefined ? sql<SqlBool>`` : sql<SqlBool>` and (p.time, p.position) ${order === 'asc' ? sql`>` : sql`<`} (${sql.join(last)})`;
  const runs = driver.values.map(
    (value) => sql`select * from (select p.time, p.position from entries_postings as p where p.value = ${value} and ${condition}${behind}
      order by p.time ${direction}, p.position ${direction} limit ${limit}) as run`,
  );
  return sql<Row>`select f.time, d.position, d.recorded_at, d.type, d.entry
    from (${sql.join(runs, sql` union `)} order by time ${direction}, position ${direction} limit ${limit}) as f
    join entries_documents as d on d.position = f.position
    order by f.time ${direction}, f.position ${direction}`;
}

function documentOf({ position, recorded_at, time, type, entry: text }: Row): Document {
  const entry = JSON.parse(text) as Entry;
  const latest = eventType(type)?.version ?? entry.version;
  if (entry.version < latest) entry.data = upcast(type, entry.version, entry.data) as StoredData;
  return { position, recordedAt: recorded_at, time, type, entry };
}

/** What was later said of a record. */
export interface Correction {
  by: { source: string; id: string; position: number; recordedAt: number };
  /** The record that stands in its place; absent where it was retracted. */
  replacement?: { source: string; id: string };
}

/** The last correction or retraction, up to `position`, of each record; by record key in latin1. One that was itself taken back is none. */
export async function correctionsOf(db: Kysely<Schema>, records: readonly Buffer[], position: number): Promise<Map<string, Correction>> {
  if (records.length === 0) return new Map();
  const rows = await db
    .selectFrom('entries_corrections as c')
    .innerJoin('entries_documents as d', 'd.position', 'c.position')
    .select(['c.target', 'c.position', 'd.recorded_at', 'd.entry'])
    .where('c.target', 'in', [...records])
    .where('c.position', '<=', position)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('entries_corrections as u')
            .select('u.position')
            .whereRef('u.target', '=', 'c.record')
            .where('u.position', '<=', position),
        ),
      ),
    )
    .orderBy('c.position')
    .execute();
  return new Map(rows.map((row) => [Buffer.from(row.target).toString('latin1'), correctionOf(row)]));
}

function correctionOf({ position, recorded_at, entry }: { position: number; recorded_at: number; entry: string }): Correction {
  const { source, id, data } = JSON.parse(entry) as Entry;
  const replacement = data['replacement'] as Correction['replacement'];
  return { by: { source, id, position, recordedAt: recorded_at }, ...(replacement && { replacement }) };
}
