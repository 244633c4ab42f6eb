import { type Kysely, sql } from 'kysely';
import { recordKey } from '../../src/eventstore/record-key.ts';
import type { Page, ProjectedEvent, Projection, Tx, Value } from '../projection.ts';
import type { Schema } from '../schema.ts';
import { correctionOf } from './corrections.ts';
import { Numbers, recipientOf } from './numbers.ts';
import { EVERYTHING, Postings } from './postings.ts';
import { PROFILE_COLUMNS, Profiles } from './profiles.ts';

const FACTS = [
  ...['position', 'time', 'profile', 'actor', 'on_behalf_of', 'recipient', 'case_ref', 'controller'],
  ...['subject', 'subject_count', 'record'],
];

/**
 * Facts, documents and postings of every event (README, "The index of entries").
 */
export class Entries implements Projection {
  readonly name = 'entries';
  readonly version = 2;
  readonly tables = [
    'entries_facts',
    'entries_documents',
    'entries_postings',
    'entries_subjects',
    'entries_values',
    'entries_profiles',
    'entries_profile_codes',
    'entries_corrections',
  ] as const;
  readonly #numbers = new Numbers();
  readonly #profiles = new Profiles();

  async create(db: Kysely<Schema>): Promise<void> {
    const { schema } = db;
    await schema
      .createTable('entries_facts')
      .addColumn('position', 'integer', (column) => column.primaryKey())
      .addColumn('time', 'bigint', (column) => column.notNull())
      .addColumn('profile', 'integer', (column) => column.notNull())
      .addColumn('actor', 'integer', (column) => column.notNull())
      .addColumn('on_behalf_of', 'integer')
      .addColumn('recipient', 'integer')
      .addColumn('case_ref', 'integer')
      .addColumn('controller', 'integer')
      .addColumn('subject', 'integer')
      .addColumn('subject_count', 'integer', (column) => column.notNull())
      .addColumn('record', 'blob', (column) => column.notNull())
      .execute();
    await schema
      .createTable('entries_documents')
      .addColumn('position', 'integer', (column) => column.primaryKey())
      .addColumn('recorded_at', 'bigint', (column) => column.notNull())
      .addColumn('type', 'text', (column) => column.notNull())
      .addColumn('entry', 'text', (column) => column.notNull())
      .execute();
    await schema
      .createTable('entries_subjects')
      .addColumn('position', 'integer', (column) => column.notNull())
      .addColumn('subject', 'integer', (column) => column.notNull())
      .addPrimaryKeyConstraint('entries_subjects_key', ['position', 'subject'])
      .modifyEnd(sql`WITHOUT ROWID`)
      .execute();
    await schema
      .createTable('entries_values')
      .addColumn('id', 'integer', (column) => column.primaryKey())
      .addColumn('axis', 'integer', (column) => column.notNull())
      .addColumn('value', 'text', (column) => column.notNull())
      .execute();
    await schema.createIndex('entries_values_by_value').unique().on('entries_values').columns(['axis', 'value']).execute();
    await createProfiles(db);
    await schema
      .createTable('entries_corrections')
      .addColumn('position', 'integer', (column) => column.primaryKey())
      .addColumn('record', 'blob', (column) => column.notNull())
      .addColumn('target', 'blob', (column) => column.notNull())
      .addColumn('replacement', 'blob')
      .execute();
    await schema.createIndex('entries_corrections_by_target').on('entries_corrections').column('target').execute();
  }

  /** Postings repeat what the facts say, in another order: sorted once they are written in one go, from one end to the other. */
  async finish(db: Kysely<Schema>): Promise<void> {
    await db.schema
      .createTable('entries_postings')
      .addColumn('value', 'integer', (column) => column.notNull())
      .addColumn('time', 'bigint', (column) => column.notNull())
      .addColumn('position', 'integer', (column) => column.notNull())
      .addColumn('profile', 'integer', (column) => column.notNull())
      .addPrimaryKeyConstraint('entries_postings_key', ['value', 'time', 'position'])
      .modifyEnd(sql`WITHOUT ROWID`)
      .execute();
    const of = (value: string) => `SELECT ${value} AS value, time, position, profile FROM entries_facts`;
    const optional = ['recipient', 'case_ref', 'subject'].map((column) => `${of(column)} WHERE ${column} IS NOT NULL`);
    await sql
      .raw(
        `INSERT INTO entries_postings (value, time, position, profile) SELECT * FROM (
          ${[of(String(EVERYTHING)), of('-profile'), of('actor'), ...optional].join(' UNION ALL ')}
          UNION ALL ${of('on_behalf_of')} WHERE on_behalf_of <> actor
          UNION ALL SELECT s.subject, f.time, f.position, f.profile FROM entries_subjects AS s JOIN entries_facts AS f ON f.position = s.position
        ) AS occurrences ORDER BY value, time, position`,
      )
      .execute(db);
  }

  async apply(tx: Tx, page: Page, { loading }: { loading: boolean }): Promise<void> {
    const numbers = await this.#numbers.of(tx, page);
    const profiles = await this.#profiles.of(tx, page);
    const rows: Rows = { facts: [], documents: [], severals: [] };
    const postings = loading ? undefined : new Postings(page);
    let at = 0;
    for (let i = 0; i < page.length; i++)
      at = describe(page[i] as ProjectedEvent, profiles[i] as number, numbers, at, rows, postings?.of(i));
    tx.insertMany('entries_facts', FACTS, rows.facts);
    tx.insertMany('entries_documents', ['position', 'recorded_at', 'type', 'entry'], rows.documents);
    tx.insertMany('entries_subjects', ['position', 'subject'], rows.severals);
    if (postings) tx.insertMany('entries_postings', ['value', 'time', 'position', 'profile'], postings.rows(page, profiles));
    tx.insertMany('entries_corrections', ['position', 'record', 'target', 'replacement'], page.flatMap(correctionOf));
  }

  forget(): void {
    this.#numbers.forget();
    this.#profiles.forget();
  }
}

async function createProfiles({ schema }: Kysely<Schema>): Promise<void> {
  let profiles = schema
    .createTable('entries_profiles')
    .addColumn('id', 'integer', (column) => column.primaryKey())
    .addColumn('digest', 'text', (column) => column.notNull().unique());
  for (const column of PROFILE_COLUMNS) profiles = profiles.addColumn(column, column === 'decided' ? 'integer' : 'text');
  await profiles.execute();
  await schema
    .createTable('entries_profile_codes')
    .addColumn('axis', 'text', (column) => column.notNull())
    .addColumn('code', 'text', (column) => column.notNull())
    .addColumn('profile', 'integer', (column) => column.notNull())
    .addPrimaryKeyConstraint('entries_profile_codes_key', ['axis', 'code', 'profile'])
    .modifyEnd(sql`WITHOUT ROWID`)
    .execute();
}

interface Rows {
  facts: Value[];
  documents: Value[];
  /** People of events about several. */
  severals: Value[];
}

/**
 * Adds the rows of one event, and tells all values under which it is found.
 * @param at where its numbers begin among those of the page, in the order of `visitValues`
 * @returns where they end
 */
function describe(
  { position, recordedAt, time, type, text, entry }: ProjectedEvent,
  profile: number,
  numbers: readonly number[],
  at: number,
  rows: Rows,
  found: ((value: number) => void) | undefined,
): number {
  const { actor, subjects, caseRef, controller } = entry.data;
  let end = at;
  const next = () => numbers[end++] as number;
  const doer = next();
  const onBehalfOf = actor.onBehalfOf === undefined ? null : next();
  const first = end;
  end += subjects.length;
  const recipient = recipientOf(entry.data) === undefined ? null : next();
  const inCase = caseRef === undefined ? null : next();
  const posted = end;
  const under = controller === undefined ? null : next();
  const subject = subjects.length === 1 ? (numbers[first] as number) : null;
  const record = recordKey(entry.source, entry.id);
  rows.documents.push(position, recordedAt, type, text);
  rows.facts.push(position, time, profile, doer, onBehalfOf, recipient, inCase, under, subject, subjects.length, record);
  if (subjects.length > 1) {
    // The same person may stand on an event under two identifiers.
    for (const each of new Set(numbers.slice(first, first + subjects.length))) rows.severals.push(position, each);
  }
  if (found) {
    found(EVERYTHING);
    found(-profile);
    for (let i = at; i < posted; i++) found(numbers[i] as number);
  }
  return end;
}
