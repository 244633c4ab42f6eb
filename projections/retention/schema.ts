import { type CreateTableBuilder, type Kysely, sql } from 'kysely';
import type { Schema } from '../schema.ts';

export const TABLES = [
  ...([
    'retention_keys',
    'retention_profiles',
    'retention_records',
    'retention_touches',
    'retention_facts',
    'retention_corrections',
  ] as const),
  ...([
    'retention_awaited',
    'retention_fallen',
    'retention_links',
    'retention_versions',
    'retention_again',
    'retention_items',
    'retention_past',
    'retention_findings',
  ] as const),
  ...(['retention_whom', 'retention_outcomes', 'retention_foreseen'] as const),
] as const;

const WITHOUT_ROWID = sql`WITHOUT ROWID`;

export async function createTables({ schema }: Kysely<Schema>): Promise<void> {
  await schema
    .createTable('retention_keys')
    .addColumn('id', 'integer', (column) => column.primaryKey())
    .addColumn('kind', 'integer', (column) => column.notNull())
    .addColumn('value', 'text', (column) => column.notNull())
    .addUniqueConstraint('retention_keys_value', ['kind', 'value'])
    .execute();
  await schema
    .createTable('retention_profiles')
    .addColumn('id', 'integer', (column) => column.primaryKey())
    .addColumn('digest', 'text', (column) => column.notNull())
    .addColumn('facts', 'text', (column) => column.notNull())
    .execute();
  await schema
    .createTable('retention_records')
    .addColumn('first', 'bigint', (column) => column.notNull())
    .addColumn('second', 'bigint', (column) => column.notNull())
    .addColumn('position', 'integer', (column) => column.notNull())
    .addColumn('people', 'text')
    .addColumn('case_ref', 'integer', (column) => column.notNull())
    .addColumn('is_hold', 'integer', (column) => column.notNull())
    .addPrimaryKeyConstraint('retention_records_key', ['first', 'second', 'position'])
    .modifyEnd(WITHOUT_ROWID)
    .execute();
  await schema
    .createTable('retention_touches')
    .addColumn('person', 'integer', (column) => column.notNull())
    .addColumn('time', 'bigint', (column) => column.notNull())
    .addColumn('position', 'integer', (column) => column.notNull())
    .addColumn('profile', 'integer', (column) => column.notNull())
    .addColumn('tie', 'bigint', (column) => column.notNull())
    .addColumn('case_ref', 'integer', (column) => column.notNull())
    .addPrimaryKeyConstraint('retention_touches_key', ['person', 'time', 'position', 'profile'])
    .modifyEnd(WITHOUT_ROWID)
    .execute();
  await schema
    .createTable('retention_facts')
    .addColumn('subject', 'integer', (column) => column.notNull())
    .addColumn('time', 'bigint', (column) => column.notNull())
    .addColumn('position', 'integer', (column) => column.notNull())
    .addColumn('fact', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('retention_facts_key', ['subject', 'time', 'position'])
    .modifyEnd(WITHOUT_ROWID)
    .execute();
  await schema
    .createTable('retention_corrections')
    .addColumn('position', 'integer', (column) => column.primaryKey())
    .addColumn('record', 'blob', (column) => column.notNull())
    .addColumn('target', 'blob', (column) => column.notNull())
    .addColumn('replacement', 'blob')
    .execute();
  for (const column of ['record', 'target', 'replacement'] as const) {
    await schema.createIndex(`retention_corrections_by_${column}`).on('retention_corrections').column(column).execute();
  }
  await schema
    .createTable('retention_awaited')
    .addColumn('record', 'text', (column) => column.primaryKey())
    .addColumn('position', 'integer', (column) => column.notNull())
    .execute();
  await schema
    .createTable('retention_fallen')
    .addColumn('position', 'integer', (column) => column.notNull())
    .addColumn('since', 'integer', (column) => column.notNull())
    .addColumn('until', 'integer')
    .addPrimaryKeyConstraint('retention_fallen_key', ['position', 'since'])
    .modifyEnd(WITHOUT_ROWID)
    .execute();
  await schema
    .createTable('retention_links')
    .addColumn('position', 'integer', (column) => column.primaryKey())
    .addColumn('id', 'text', (column) => column.notNull())
    .addColumn('people', 'text', (column) => column.notNull())
    .addColumn('until', 'integer')
    .execute();
  await schema
    .createTable('retention_versions')
    .addColumn('position', 'integer', (column) => column.primaryKey())
    .addColumn('version', 'text', (column) => column.notNull())
    .addColumn('effective_from', 'text', (column) => column.notNull())
    .addColumn('document', 'text', (column) => column.notNull())
    .execute();
  await schema
    .createTable('retention_again')
    .addColumn('cause', 'integer', (column) => column.primaryKey())
    .addColumn('after', 'integer', (column) => column.notNull())
    .execute();
  // What changes is written over what stands, without saying the rest again.
  await stateColumns(schema.createTable('retention_items').addColumn('id', 'integer', (column) => column.primaryKey()))
    .addColumn('person', 'integer')
    .addColumn('purpose', 'text')
    .addColumn('rule', 'text')
    .addColumn('version', 'text')
    .addColumn('case_ref', 'integer')
    .addColumn('finding_row', 'integer')
    .addColumn('detected_at', 'bigint')
    .addColumn('until', 'integer')
    .execute();
  await schema.createIndex('retention_items_by_person').on('retention_items').column('person').execute();
  await schema.createIndex('retention_items_by_case').on('retention_items').column('case_ref').where('case_ref', '>', 0).execute();
  // Ordered by their end: what was so at a recent position ended lately.
  await stateColumns(schema.createTable('retention_past').addColumn('until', 'integer').addColumn('item', 'integer'))
    .addPrimaryKeyConstraint('retention_past_key', ['until', 'item'])
    .modifyEnd(WITHOUT_ROWID)
    .execute();
  await createFindings({ schema });
}

function stateColumns<T extends string, C extends string>(table: CreateTableBuilder<T, C>): CreateTableBuilder<T, string> {
  return table
    .addColumn('kind', 'integer')
    .addColumn('missing', 'text')
    .addColumn('position', 'integer')
    .addColumn('time', 'bigint')
    .addColumn('due_at', 'bigint')
    .addColumn('hold', 'integer')
    .addColumn('review_at', 'bigint')
    .addColumn('since', 'integer');
}

async function createFindings({ schema }: Pick<Kysely<Schema>, 'schema'>): Promise<void> {
  await schema
    .createTable('retention_findings')
    .addColumn('row', 'integer', (column) => column.primaryKey())
    .addColumn('finding', 'blob', (column) => column.notNull())
    .addColumn('outcome', 'integer', (column) => column.notNull())
    .addColumn('position', 'integer', (column) => column.notNull())
    .addColumn('time', 'bigint', (column) => column.notNull())
    .addColumn('due_at', 'bigint')
    .addColumn('is_partial', 'integer', (column) => column.notNull())
    .addColumn('since', 'integer', (column) => column.notNull())
    .addColumn('detected_at', 'bigint', (column) => column.notNull())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addColumn('until', 'integer')
    .addColumn('cleared_at', 'bigint')
    .addColumn('cleared_why', 'text')
    .execute();
  await schema
    .createTable('retention_whom')
    .addColumn('row', 'integer', (column) => column.notNull())
    .addColumn('reference', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('retention_whom_key', ['row', 'reference'])
    .modifyEnd(WITHOUT_ROWID)
    .execute();
  let outcomes = schema
    .createTable('retention_outcomes')
    .addColumn('id', 'integer', (column) => column.primaryKey())
    .addColumn('digest', 'text', (column) => column.notNull());
  for (const column of ['rule', 'what', 'verdict', 'severity', 'article', 'missing', 'recipient', 'policy_version']) {
    outcomes = outcomes.addColumn(column, 'text');
  }
  await outcomes.addColumn('clause', 'integer').execute();
  await schema
    .createTable('retention_foreseen')
    .addColumn('id', 'integer', (column) => column.primaryKey())
    .addColumn('until', 'bigint', (column) => column.notNull())
    .execute();
}

/** While rows are loaded nothing is looked up by these but what is corrected, which is rare. */
export async function indexTables({ schema }: Kysely<Schema>): Promise<void> {
  for (const columns of [['at', 'row'], ['position', 'row'], ['outcome', 'at', 'row'], ['finding']] as const) {
    await schema
      .createIndex(`retention_findings_by_${columns[0]}`)
      .on('retention_findings')
      .columns([...columns])
      .execute();
  }
  await schema.createIndex('retention_whom_by_reference').on('retention_whom').columns(['reference', 'row']).execute();
}
