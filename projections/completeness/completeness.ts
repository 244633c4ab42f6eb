import type { Kysely } from 'kysely';
import { sql } from 'kysely';
import { isLedgersOwn, isSource } from '../../src/vocabulary/source.ts';
import { listed } from '../database.ts';
import { LATE_MS, momentOf } from '../moment.ts';
import type { Page, ProjectedEvent, Projection, Tx } from '../projection.ts';
import type { Schema } from '../schema.ts';
import type { CompletenessTables } from './tables.ts';

type SourceRow = CompletenessTables['completeness_sources'];
interface Heard {
  row: SourceRow;
  sequences: number[];
}

const COLUMNS = [
  ...['source', 'events', 'first_heard_at', 'last_heard_at', 'next_by', 'lowest_sequence', 'highest_sequence'],
  ...['late', 'out_of_order', 'quarantined'],
] as (keyof SourceRow)[];
const NULLABLE = new Set<keyof SourceRow>(['next_by', 'lowest_sequence', 'highest_sequence']);

/** Sources remembered; beyond, all are read again when they are heard of. */
const REMEMBERED_SOURCES = 10_000;

export class Completeness implements Projection {
  readonly name = 'completeness';
  readonly version: number = 2;
  readonly tables = ['completeness_sources', 'completeness_ranges'] as const;
  readonly #sources = new Map<string, SourceRow>();

  async create({ schema }: Kysely<Schema>): Promise<void> {
    let sources = schema.createTable('completeness_sources').addColumn('source', 'text', (column) => column.primaryKey());
    for (const column of COLUMNS.slice(1)) {
      sources = sources.addColumn(column, 'bigint', (definition) => (NULLABLE.has(column) ? definition : definition.notNull()));
    }
    await sources.execute();
    await schema
      .createTable('completeness_ranges')
      .addColumn('source', 'text', (column) => column.notNull())
      .addColumn('first', 'bigint', (column) => column.notNull())
      .addColumn('last', 'bigint', (column) => column.notNull())
      .addPrimaryKeyConstraint('completeness_ranges_key', ['source', 'first'])
      .modifyEnd(sql`WITHOUT ROWID`)
      .execute();
  }

  /** A few rows a source: nothing is cheaper afterwards. */
  async finish(): Promise<void> {}

  async apply(tx: Tx, page: Page): Promise<void> {
    const heard = new Map<string, Heard>();
    for (const event of page) {
      const signal = signalOf(event);
      if (!signal) continue;
      let of = heard.get(signal.source);
      if (!of) {
        of = { row: await this.#row(tx.db, signal.source, event.recordedAt), sequences: [] };
        heard.set(signal.source, of);
      }
      hear(of, event, signal);
    }
    if (heard.size === 0) return;
    const rows = [...heard.values()].flatMap(({ row }) => COLUMNS.map((column) => row[column]));
    tx.insertMany('completeness_sources', COLUMNS, rows, { columns: ['source'], update: COLUMNS.slice(1) });
    for (const [source, { sequences }] of heard) if (sequences.length > 0) await receive(tx, source, rangesOf(sequences));
  }

  forget(): void {
    this.#sources.clear();
  }

  async #row(db: Kysely<Schema>, source: string, recordedAt: number): Promise<SourceRow> {
    let row = this.#sources.get(source);
    if (!row) {
      row = await db.selectFrom('completeness_sources').selectAll().where('source', '=', source).executeTakeFirst();
      row ??= {
        ...{ source, events: 0, first_heard_at: recordedAt, last_heard_at: recordedAt, lowest_sequence: null, highest_sequence: null },
        ...{ next_by: null, late: 0, out_of_order: 0, quarantined: 0 },
      };
      if (this.#sources.size >= REMEMBERED_SOURCES) this.#sources.clear();
      this.#sources.set(source, row);
    }
    return row;
  }
}

/** What an event says about a source: a record of it, or an item of it that came into quarantine. */
interface Signal {
  source: string;
  sequence: number | undefined;
  isQuarantined: boolean;
}

function signalOf({ type, entry }: ProjectedEvent): Signal | undefined {
  if (type === 'RecordQuarantined') {
    const { recordSource, recordSequence } = entry.data;
    // A sequence number in quarantine was received: the record is not missing (domain.md §8).
    if (typeof recordSource !== 'string' || !isSource(recordSource)) return undefined;
    return { source: recordSource, sequence: sequenceOf(recordSequence), isQuarantined: true };
  }
  if (isLedgersOwn(entry.source)) return undefined;
  return { source: entry.source, sequence: sequenceOf(entry.sequence), isQuarantined: false };
}

const sequenceOf = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;

function hear({ row, sequences }: Heard, event: ProjectedEvent, { sequence, isQuarantined }: Signal): void {
  row.last_heard_at = event.recordedAt;
  if (isQuarantined) row.quarantined++;
  else {
    row.events++;
    if (event.recordedAt - event.time > LATE_MS) row.late++;
    if (event.type === 'SourceHeartbeat') row.next_by = nextByOf(event.entry.data['nextBy']);
  }
  if (sequence === undefined) return;
  sequences.push(sequence);
  if (!isQuarantined && row.highest_sequence !== null && sequence < row.highest_sequence) row.out_of_order++;
  row.highest_sequence = Math.max(row.highest_sequence ?? sequence, sequence);
  row.lowest_sequence = Math.min(row.lowest_sequence ?? sequence, sequence);
}

/** A heartbeat that promises nothing ends what an earlier one promised. */
const nextByOf = (value: unknown): number | null => (typeof value === 'string' ? momentOf(value, 'end') : null);

type Range = [number, number];

/** Numbers in any order, doubles included, as ranges in ascending order that do not touch. */
export function rangesOf(numbers: readonly number[]): Range[] {
  return joined([...numbers].sort((a, b) => a - b).map((number): Range => [number, number]));
}

/** Ranges in ascending order of their start, joined where they touch or overlap. */
function joined(ranges: readonly Range[]): Range[] {
  const result: Range[] = [];
  for (const [first, last] of ranges) {
    const before = result.at(-1);
    if (before && first <= before[1] + 1) before[1] = Math.max(before[1], last);
    else result.push([first, last]);
  }
  return result;
}

/** Ranges looked up by one statement. */
const LOOKUP = 250;

/** Adds ranges to those stored: reads their neighbours alone, and writes what changed. */
async function receive(tx: Tx, source: string, ranges: readonly Range[]): Promise<void> {
  const stored = await neighboursOf(tx, source, ranges);
  const next = joined([...[...stored].map(([first, last]): Range => [first, last]), ...ranges].sort((a, b) => a[0] - b[0]));
  const starts = new Set(next.map(([first]) => first));
  const gone = [...stored.keys()].filter((first) => !starts.has(first));
  if (gone.length > 0) {
    await sql`delete from completeness_ranges where source = ${source} and first in ${listed(gone)}`.execute(tx.db);
  }
  tx.insertMany(
    'completeness_ranges',
    ['source', 'first', 'last'],
    next.filter(([first, last]) => stored.get(first) !== last).flatMap(([first, last]) => [source, first, last]),
    { columns: ['source', 'first'], update: ['last'] },
  );
}

/** The stored ranges that any of these touches or overlaps: the last by their first number. */
async function neighboursOf(tx: Tx, source: string, ranges: readonly Range[]): Promise<Map<number, number>> {
  const neighbours = new Map<number, number>();
  for (let from = 0; from < ranges.length; from += LOOKUP) {
    const some = ranges.slice(from, from + LOOKUP).map(([first, last]) => sql`(${first}, ${last})`);
    // Stored ranges never overlap: of those that begin before, only the last one can reach as far.
    const { rows } = await sql<{ first: number; last: number }>`with received(first, last) as (values ${sql.join(some)})
      select r.first, r.last from received as n cross join completeness_ranges as r
      where r.source = ${source} and r.first <= n.last + 1 and r.last >= n.first - 1 and r.first >= coalesce(
        (select max(b.first) from completeness_ranges as b where b.source = ${source} and b.first < n.first), n.first)`.execute(tx.db);
    for (const { first, last } of rows) neighbours.set(first, last);
  }
  return neighbours;
}
