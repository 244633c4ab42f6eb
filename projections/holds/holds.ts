import { type Kysely, sql } from 'kysely';
import { recordKey } from '../../src/eventstore/record-key.ts';
import { correctionOf, pairOf } from '../entries/corrections.ts';
import type { Page, ProjectedEvent, Projection, Tx, Value } from '../projection.ts';
import type { Schema } from '../schema.ts';

const PLACED = ['position', 'record', 'source', 'id', 'time', 'recorded_at', 'ground', 'review_by', 'scope'];

/**
 * Legal holds and their releases, by the people whom they name. It keeps what was said of them itself, so that an erasure,
 * which cannot be undone, is decided at one checkpoint.
 */
export class Holds implements Projection {
  readonly name = 'holds';
  readonly version = 1;
  readonly tables = ['holds_placed', 'holds_released', 'holds_subjects', 'holds_corrections'] as const;

  async create({ schema }: Kysely<Schema>): Promise<void> {
    await schema
      .createTable('holds_placed')
      .addColumn('position', 'integer', (column) => column.primaryKey())
      .addColumn('record', 'blob', (column) => column.notNull())
      .addColumn('source', 'text', (column) => column.notNull())
      .addColumn('id', 'text', (column) => column.notNull())
      .addColumn('time', 'bigint', (column) => column.notNull())
      .addColumn('recorded_at', 'bigint', (column) => column.notNull())
      .addColumn('ground', 'text', (column) => column.notNull())
      .addColumn('review_by', 'text', (column) => column.notNull())
      .addColumn('scope', 'text')
      .execute();
    await schema
      .createTable('holds_subjects')
      .addColumn('reference', 'text', (column) => column.notNull())
      .addColumn('position', 'integer', (column) => column.notNull())
      .addPrimaryKeyConstraint('holds_subjects_key', ['reference', 'position'])
      .modifyEnd(sql`WITHOUT ROWID`)
      .execute();
    for (const table of ['holds_released', 'holds_corrections'] as const) {
      const about = schema
        .createTable(table)
        .addColumn('position', 'integer', (column) => column.primaryKey())
        .addColumn('record', 'blob', (column) => column.notNull())
        .addColumn('target', 'blob', (column) => column.notNull());
      await (table === 'holds_corrections' ? about.addColumn('replacement', 'blob') : about).execute();
      await schema.createIndex(`${table}_by_target`).on(table).column('target').execute();
    }
  }

  /** Few rows: nothing is cheaper afterwards. */
  async finish(): Promise<void> {}

  async apply(tx: Tx, page: Page): Promise<void> {
    const placed = page.filter(({ type }) => type === 'LegalHoldPlaced');
    const released = page.filter(({ type }) => type === 'LegalHoldReleased');
    tx.insertMany('holds_placed', PLACED, placed.flatMap(holdOf));
    tx.insertMany('holds_released', ['position', 'record', 'target'], released.flatMap(releaseOf));
    tx.insertMany('holds_subjects', ['reference', 'position'], [...placed, ...released].flatMap(subjectsOf));
    tx.insertMany('holds_corrections', ['position', 'record', 'target', 'replacement'], page.flatMap(correctionOf));
  }

  forget(): void {}
}

function holdOf({ position, time, recordedAt, entry: { source, id, data } }: ProjectedEvent): Value[] {
  const { ground, reviewBy, scope } = data;
  const of = scope === undefined ? null : JSON.stringify(scope);
  return [position, recordKey(source, id), source, id, time, recordedAt, String(ground), String(reviewBy), of];
}

function releaseOf({ position, entry: { source, id, data } }: ProjectedEvent): Value[] {
  const target = pairOf(data['target']);
  return target ? [position, recordKey(source, id), target] : [];
}

/** The same person may stand on an event under two identifiers. */
function subjectsOf({ position, entry: { data } }: ProjectedEvent): Value[] {
  return [...new Set(data.subjects.map(({ reference }) => reference))].sort().flatMap((reference) => [reference, position]);
}
