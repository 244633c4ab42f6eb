/** The tables of findings and of the state that they are judged by. */
import { type Kysely, sql } from 'kysely';
import type { Schema } from '../schema.ts';
import { FACT_KINDS } from '../state/facts.ts';

export const TABLES = [
  ...(['findings_keys', 'findings_facts', 'findings_dependents', 'findings_events', 'findings_profiles'] as const),
  ...(['findings_corrections', 'findings_fallen', 'findings_links', 'findings_heard'] as const),
  ...(['findings_rows', 'findings_whom', 'findings_outcomes', 'findings_judgements', 'findings_counts'] as const),
  ...(['findings_versions', 'findings_again'] as const),
];

export async function createTables(db: Kysely<Schema>): Promise<void> {
  await createState(db);
  await createEvents(db);
  await createFindings(db);
}

async function createState(db: Kysely<Schema>): Promise<void> {
  const { schema } = db;
  await schema
    .createTable('findings_keys')
    .addColumn('id', 'integer', (column) => column.primaryKey())
    .addColumn('kind', 'integer', (column) => column.notNull())
    .addColumn('value', 'text', (column) => column.notNull())
    .execute();
  await schema.createIndex('findings_keys_by_value').unique().on('findings_keys').columns(['kind', 'value']).execute();
  await schema
    .createTable('findings_facts')
    .addColumn('key', 'integer', (column) => column.notNull())
    .addColumn('time', 'bigint', (column) => column.notNull())
    .addColumn('position', 'integer', (column) => column.notNull())
    .addColumn('kind', 'integer', (column) => column.notNull())
    .addColumn('source', 'text', (column) => column.notNull())
    .addColumn('id', 'text', (column) => column.notNull())
    .addColumn('fact', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('findings_facts_key', ['key', 'time', 'position', 'kind'])
    .modifyEnd(sql`WITHOUT ROWID`)
    .execute();
  await schema.createIndex('findings_facts_by_position').on('findings_facts').column('position').execute();
  // Consents and objections, which are asked for over everybody: all facts of a large ledger are far more.
  await sql`create index findings_facts_of_consent on findings_facts (key) where kind in (${sql.lit(FACT_KINDS.consent)}, ${sql.lit(FACT_KINDS.objection)})`.execute(
    db,
  );
  await schema
    .createTable('findings_links')
    .addColumn('position', 'integer', (column) => column.notNull())
    .addColumn('reference', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('findings_links_key', ['position', 'reference'])
    .modifyEnd(sql`WITHOUT ROWID`)
    .execute();
  await schema.createIndex('findings_links_by_reference').on('findings_links').column('reference').execute();
  await schema
    .createTable('findings_heard')
    .addColumn('key', 'integer', (column) => column.primaryKey())
    .addColumn('count', 'integer', (column) => column.notNull())
    .execute();
}

async function createEvents({ schema }: Kysely<Schema>): Promise<void> {
  await schema
    .createTable('findings_events')
    .addColumn('position', 'integer', (column) => column.primaryKey())
    .addColumn('profile', 'integer', (column) => column.notNull())
    .addColumn('id', 'text', (column) => column.notNull())
    .addColumn('time', 'bigint', (column) => column.notNull())
    .addColumn('recorded_at', 'bigint', (column) => column.notNull())
    .addColumn('actor', 'integer', (column) => column.notNull())
    .addColumn('subject', 'integer')
    .addColumn('subjects', 'text')
    .addColumn('own', 'text')
    .addColumn('judgement', 'integer')
    .execute();
  await schema
    .createTable('findings_dependents')
    .addColumn('key', 'integer', (column) => column.notNull())
    .addColumn('mark', 'integer', (column) => column.notNull())
    .addColumn('time', 'bigint', (column) => column.notNull())
    .addColumn('position', 'integer', (column) => column.notNull())
    .addPrimaryKeyConstraint('findings_dependents_key', ['key', 'mark', 'time', 'position'])
    .modifyEnd(sql`WITHOUT ROWID`)
    .execute();
  await schema
    .createTable('findings_profiles')
    .addColumn('id', 'integer', (column) => column.primaryKey())
    .addColumn('digest', 'text', (column) => column.notNull().unique())
    .addColumn('type', 'text', (column) => column.notNull())
    .addColumn('source', 'text', (column) => column.notNull())
    .addColumn('purpose', 'text')
    .addColumn('recipient', 'text')
    .addColumn('facts', 'text', (column) => column.notNull())
    .execute();
  await schema
    .createTable('findings_corrections')
    .addColumn('position', 'integer', (column) => column.primaryKey())
    .addColumn('source', 'text', (column) => column.notNull())
    .addColumn('id', 'text', (column) => column.notNull())
    .addColumn('target_source', 'text', (column) => column.notNull())
    .addColumn('target_id', 'text', (column) => column.notNull())
    .addColumn('replacement_source', 'text')
    .addColumn('replacement_id', 'text')
    .execute();
  for (const [name, column] of [
    ['record', 'id'],
    ['target', 'target_id'],
    ['replacement', 'replacement_id'],
  ] as const) {
    await schema.createIndex(`findings_corrections_by_${name}`).on('findings_corrections').column(column).execute();
  }
  await schema
    .createTable('findings_fallen')
    .addColumn('position', 'integer', (column) => column.primaryKey())
    .addColumn('why', 'text', (column) => column.notNull())
    .execute();
}

async function createFindings({ schema }: Kysely<Schema>): Promise<void> {
  await schema
    .createTable('findings_rows')
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
    .createTable('findings_whom')
    .addColumn('row', 'integer', (column) => column.notNull())
    .addColumn('reference', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('findings_whom_key', ['row', 'reference'])
    .modifyEnd(sql`WITHOUT ROWID`)
    .execute();
  await schema
    .createTable('findings_outcomes')
    .addColumn('id', 'integer', (column) => column.primaryKey())
    .addColumn('digest', 'text', (column) => column.notNull().unique())
    .addColumn('rule', 'text', (column) => column.notNull())
    .addColumn('what', 'text')
    .addColumn('verdict', 'text', (column) => column.notNull())
    .addColumn('severity', 'text')
    .addColumn('clause', 'integer')
    .addColumn('article', 'text', (column) => column.notNull())
    .addColumn('missing', 'text')
    .addColumn('recipient', 'text')
    .addColumn('policy_version', 'text')
    .execute();
  await schema
    .createTable('findings_judgements')
    .addColumn('id', 'integer', (column) => column.primaryKey())
    .addColumn('digest', 'text', (column) => column.notNull().unique())
    .addColumn('policy_version', 'text')
    .addColumn('conforms', 'text', (column) => column.notNull())
    .addColumn('outcomes', 'text', (column) => column.notNull())
    .execute();
  await schema
    .createTable('findings_counts')
    .addColumn('rule', 'text', (column) => column.notNull())
    .addColumn('policy_version', 'text', (column) => column.notNull())
    .addColumn('week', 'text', (column) => column.notNull())
    .addColumn('recorded_on', 'text', (column) => column.notNull())
    .addColumn('conforms', 'integer', (column) => column.notNull())
    .addColumn('violates', 'integer', (column) => column.notNull())
    .addColumn('undeterminable', 'integer', (column) => column.notNull())
    .addColumn('dated', 'integer', (column) => column.notNull())
    .addPrimaryKeyConstraint('findings_counts_key', ['rule', 'policy_version', 'week', 'recorded_on'])
    .modifyEnd(sql`WITHOUT ROWID`)
    .execute();
  await schema
    .createTable('findings_versions')
    .addColumn('position', 'integer', (column) => column.primaryKey())
    .addColumn('version', 'text', (column) => column.notNull())
    .addColumn('effective_from', 'text', (column) => column.notNull())
    .addColumn('controller', 'text', (column) => column.notNull())
    .addColumn('document', 'text', (column) => column.notNull())
    .execute();
  await schema
    .createTable('findings_again')
    .addColumn('cause', 'integer', (column) => column.primaryKey())
    .addColumn('step', 'text', (column) => column.notNull())
    .execute();
}

/**
 * What is made once everything is loaded, or when it is first needed: corrections look for records by their id, and whatever is judged again for
 * its findings.
 */
export async function indexRecords({ schema }: Kysely<Schema>): Promise<void> {
  await schema.createIndex('findings_events_by_id').ifNotExists().on('findings_events').column('id').execute();
}

export async function indexRows({ schema }: Kysely<Schema>): Promise<void> {
  await schema.createIndex('findings_rows_by_position').ifNotExists().on('findings_rows').columns(['position', 'row']).execute();
}

/** By what is asked about. */
export async function indexQuestions({ schema }: Kysely<Schema>): Promise<void> {
  for (const columns of [['at', 'row'], ['outcome', 'at', 'row'], ['time', 'row'], ['finding']] as const) {
    await schema
      .createIndex(`findings_rows_by_${columns[0]}`)
      .ifNotExists()
      .on('findings_rows')
      .columns([...columns])
      .execute();
  }
}
