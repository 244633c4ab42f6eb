import { type Kysely, sql } from 'kysely';
import { recordKey } from '../../src/eventstore/record-key.ts';
import type { StoredSubject } from '../../src/ledger/entry.ts';
import type { Page, ProjectedEvent, Projection, Tx, Value } from '../projection.ts';
import type { Schema } from '../schema.ts';
import { type Axis, Numbers, recipientOf, VALUE_AXES } from './numbers.ts';
import { EVERYTHING, Postings } from './postings.ts';
import { PROFILE_COLUMNS, Profiles } from './profiles.ts';

const FACTS = ['position', 'time', 'profile', 'actor', 'on_behalf_of', 'recipient', 'case_ref', 'subject', 'subject_count', 'record'];

/**
 * Facts, documents and postings of every event (README, "The index of entries").
 */
export class Entries implements Projection {
  readonly name = 'entries';
  readonly version = 1;
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
    await this.#numbers.learn(tx, page);
    const profiles = await this.#profiles.of(tx, page);
    const facts: Value[] = [];
    const documents: Value[] = [];
    const severals: number[] = [];
    const postings = loading ? undefined : new Postings(page);
    for (let i = 0; i < page.length; i++) {
      const event = page[i] as ProjectedEvent;
      const { position, recordedAt, type, text } = event;
      documents.push(position, recordedAt, type, text);
      describe(event, profiles[i] as number, this.#numbers, facts, severals, postings?.of(i));
    }
    tx.insertMany('entries_facts', FACTS, facts);
    tx.insertMany('entries_documents', ['position', 'recorded_at', 'type', 'entry'], documents);
    tx.insertMany('entries_subjects', ['position', 'subject'], severals);
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

/** Adds one event's facts, its people where they are several, and all values under which it is found. */
function describe(
  { position, time, entry }: ProjectedEvent,
  profile: number,
  numbers: Numbers,
  facts: Value[],
  severals: number[],
  found: ((value: number) => void) | undefined,
): void {
  const { data } = entry;
  const { actor, subjects, caseRef } = data;
  const recipient = recipientOf(data);
  const number = (axis: Axis, value: string): number => {
    const of = numbers.of(axis, value);
    found?.(of);
    return of;
  };
  found?.(EVERYTHING);
  found?.(-profile);
  facts.push(
    position,
    time,
    profile,
    number(VALUE_AXES.actor, actor.reference),
    actor.onBehalfOf === undefined ? null : number(VALUE_AXES.actor, actor.onBehalfOf),
    recipient === undefined ? null : number(VALUE_AXES.recipient, recipient),
    caseRef === undefined ? null : number(VALUE_AXES.caseRef, caseRef),
    subjects.length === 1 ? number(VALUE_AXES.subject, (subjects[0] as StoredSubject).reference) : null,
    subjects.length,
    recordKey(entry.source, entry.id),
  );
  if (subjects.length < 2) return;
  // The same person may stand on an event under two identifiers.
  for (const reference of new Set(subjects.map((subject) => subject.reference)))
    severals.push(position, number(VALUE_AXES.subject, reference));
}

function correctionOf({ position, type, entry }: ProjectedEvent): Value[] {
  if (type !== 'RecordCorrected' && type !== 'RecordRetracted') return [];
  const target = pairOf(entry.data['target']);
  if (!target) return [];
  const replacement = type === 'RecordCorrected' ? pairOf(entry.data['replacement']) : undefined;
  return [position, recordKey(entry.source, entry.id), target, replacement ?? null];
}

function pairOf(value: unknown): Buffer | undefined {
  const { source, id } = (value ?? {}) as { source?: unknown; id?: unknown };
  return typeof source === 'string' && typeof id === 'string' ? recordKey(source, id) : undefined;
}
