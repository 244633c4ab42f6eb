import { hash } from 'node:crypto';
import { type Kysely, sql } from 'kysely';
import { LRUCache } from 'lru-cache';
import { recordKey } from '../../src/eventstore/record-key.ts';
import type { StoredData } from '../../src/ledger/entry.ts';
import type { Page, ProjectedEvent, Projection, Tx, Value } from '../projection.ts';
import type { Schema } from '../schema.ts';
import type { Profile } from './tables.ts';

/** Axes whose values may be many: each has a posting of its own for every event. */
export const VALUE_AXES = { subject: 1, actor: 2, recipient: 3, caseRef: 4 } as const;
/** Axes whose values come from short lists. */
export const CODE_AXES = ['type', 'source', 'system', 'purpose', 'legalBasis', 'category', 'country'] as const;
/** The value that every event has. */
export const EVERYTHING = 0;
/** A recipient that is the person itself has no id of its own. */
export const DATA_SUBJECT = 'data-subject';

const FACTS = ['position', 'time', 'profile', 'actor', 'on_behalf_of', 'recipient', 'case_ref', 'subject', 'subject_count', 'record'];
const PROFILE = [
  ...['type', 'source', 'system', 'purpose', 'legal_basis', 'country', 'recipient_role', 'recipient_country'],
  ...['categories', 'mode', 'outcome', 'decided'],
] as const;

/** Values remembered with their numbers: about 100 bytes each. */
const REMEMBERED_VALUES = 500_000;
const REMEMBERED_PROFILES = 50_000;
/** Values looked up by one statement. */
const LOOKUP = 500;

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
  readonly #values = new LRUCache<string, number>({ max: REMEMBERED_VALUES });
  readonly #profiles = new LRUCache<string, number>({ max: REMEMBERED_PROFILES });
  /** The highest numbers given, read when first needed. */
  #lastValue: number | undefined;
  #lastProfile: number | undefined;

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
    const numbers = await this.#numbersOf(tx, page);
    const profiles = await this.#profilesOf(tx, page);
    const facts = page.map((event, i) => factsOf(event, profiles[i] as number, numbers));
    const severals = page.flatMap((event) => severalSubjects(event, numbers));
    tx.insertMany('entries_facts', FACTS, facts);
    tx.insertMany(
      'entries_documents',
      ['position', 'recorded_at', 'type', 'entry'],
      page.map(({ position, recordedAt, type, text }) => [position, recordedAt, type, text]),
    );
    tx.insertMany('entries_subjects', ['position', 'subject'], severals);
    if (!loading) {
      tx.insertMany('entries_postings', ['value', 'time', 'position', 'profile'], postingsOf(facts as FactsRow[], severals));
    }
    const corrections = page.flatMap(correctionOf);
    if (corrections.length > 0) tx.insertMany('entries_corrections', ['position', 'record', 'target', 'replacement'], corrections);
  }

  forget(): void {
    this.#values.clear();
    this.#profiles.clear();
    this.#lastValue = undefined;
    this.#lastProfile = undefined;
  }

  /** The numbers of all values of a page; new ones are given in the order of the log, so that a rebuild gives the same. */
  async #numbersOf(tx: Tx, page: Page): Promise<Map<string, number>> {
    const numbers = new Map<string, number>();
    const unknown = new Set<string>();
    for (const { entry } of page) {
      forEachValue(entry.data, (key) => {
        if (numbers.has(key) || unknown.has(key)) return;
        const number = this.#values.get(key);
        if (number === undefined) unknown.add(key);
        else numbers.set(key, number);
      });
    }
    if (unknown.size > 0) await this.#lookUp(tx, [...unknown], numbers);
    return numbers;
  }

  async #lookUp(tx: Tx, keys: string[], numbers: Map<string, number>): Promise<void> {
    this.#lastValue ??= await highest(tx.db, 'entries_values');
    // Where nothing was ever numbered there is nothing to look up.
    for (let from = 0; this.#lastValue > 0 && from < keys.length; from += LOOKUP) {
      const some = keys.slice(from, from + LOOKUP);
      const known = await tx.db
        .selectFrom('entries_values')
        .select(['id', 'axis', 'value'])
        .where((where) => where.or(byAxis(some).map(([axis, values]) => where('axis', '=', axis).and('value', 'in', values))))
        .execute();
      for (const { id, axis, value } of known) numbers.set(keyOf(axis, value), id);
    }
    const created: Value[][] = [];
    for (const key of keys) {
      if (!numbers.has(key)) {
        numbers.set(key, ++this.#lastValue);
        created.push([this.#lastValue, key.charCodeAt(0), key.slice(1)]);
      }
      this.#values.set(key, numbers.get(key) as number);
    }
    tx.insertMany('entries_values', ['id', 'axis', 'value'], created);
  }

  async #profilesOf(tx: Tx, page: Page): Promise<number[]> {
    const numbers: number[] = [];
    for (const event of page) {
      const key = profileKey(event);
      let number = this.#profiles.get(key);
      if (number === undefined) {
        number = await this.#profile(tx, event);
        this.#profiles.set(key, number);
      }
      numbers.push(number);
    }
    return numbers;
  }

  async #profile(tx: Tx, event: ProjectedEvent): Promise<number> {
    const profile = profileOf(event);
    const digest = hash('sha256', JSON.stringify(profile), 'base64url');
    const known = await tx.db.selectFrom('entries_profiles').select('id').where('digest', '=', digest).executeTakeFirst();
    if (known) return known.id;
    this.#lastProfile ??= await highest(tx.db, 'entries_profiles');
    const id = ++this.#lastProfile;
    tx.insertMany('entries_profiles', ['id', 'digest', ...PROFILE], [[id, digest, ...PROFILE.map((column) => profile[column])]]);
    tx.insertMany(
      'entries_profile_codes',
      ['axis', 'code', 'profile'],
      codesOf(profile).map(([axis, code]) => [axis, code, id]),
    );
    return id;
  }
}

async function createProfiles({ schema }: Kysely<Schema>): Promise<void> {
  let profiles = schema
    .createTable('entries_profiles')
    .addColumn('id', 'integer', (column) => column.primaryKey())
    .addColumn('digest', 'text', (column) => column.notNull().unique());
  for (const column of PROFILE) profiles = profiles.addColumn(column, column === 'decided' ? 'integer' : 'text');
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

async function highest(db: Kysely<Schema>, table: 'entries_values' | 'entries_profiles'): Promise<number> {
  const row = await db
    .selectFrom(table)
    .select((select) => select.fn.max<number | null>('id').as('id'))
    .executeTakeFirst();
  return row?.id ?? 0;
}

/** An axis and a value as one text: the axis is its first character. */
const keyOf = (axis: number, value: string): string => String.fromCharCode(axis) + value;

function byAxis(keys: readonly string[]): [number, string[]][] {
  const axes = new Map<number, string[]>();
  for (const key of keys) {
    const axis = key.charCodeAt(0);
    const values = axes.get(axis);
    if (values) values.push(key.slice(1));
    else axes.set(axis, [key.slice(1)]);
  }
  return [...axes];
}

const SUBJECT = String.fromCharCode(VALUE_AXES.subject);
const ACTOR = String.fromCharCode(VALUE_AXES.actor);
const RECIPIENT = String.fromCharCode(VALUE_AXES.recipient);
const CASE = String.fromCharCode(VALUE_AXES.caseRef);

function recipientOf({ recipient }: StoredData): string | undefined {
  return recipient && (recipient.role === DATA_SUBJECT ? DATA_SUBJECT : recipient.id);
}

function forEachValue(data: StoredData, visit: (key: string) => void): void {
  visit(ACTOR + data.actor.reference);
  if (data.actor.onBehalfOf !== undefined) visit(ACTOR + data.actor.onBehalfOf);
  for (const { reference } of data.subjects) visit(SUBJECT + reference);
  const recipient = recipientOf(data);
  if (recipient !== undefined) visit(RECIPIENT + recipient);
  if (data.caseRef !== undefined) visit(CASE + data.caseRef);
}

/** position, time, profile, actor, on_behalf_of, recipient, case_ref, subject, subject_count, record */
type FactsRow = [number, number, number, number, number | null, number | null, number | null, number | null, number, Buffer];

function factsOf({ position, entry }: ProjectedEvent, profile: number, numbers: ReadonlyMap<string, number>): FactsRow {
  const { data } = entry;
  const { actor, subjects, caseRef } = data;
  const recipient = recipientOf(data);
  const number = (key: string) => numbers.get(key) as number;
  return [
    position,
    Date.parse(entry.time),
    profile,
    number(ACTOR + actor.reference),
    actor.onBehalfOf === undefined ? null : number(ACTOR + actor.onBehalfOf),
    recipient === undefined ? null : number(RECIPIENT + recipient),
    caseRef === undefined ? null : number(CASE + caseRef),
    subjects.length === 1 ? number(SUBJECT + subjects[0]?.reference) : null,
    subjects.length,
    recordKey(entry.source, entry.id),
  ];
}

/** The same person may stand on an event under two identifiers. */
function severalSubjects({ position, entry }: ProjectedEvent, numbers: ReadonlyMap<string, number>): [number, number][] {
  const { subjects } = entry.data;
  if (subjects.length < 2) return [];
  const people = new Set(subjects.map(({ reference }) => numbers.get(SUBJECT + reference) as number));
  return [...people].map((subject) => [position, subject]);
}

/** Value, time, position, profile: sorted, so that rows that stand together in the tree are written together. */
function postingsOf(facts: readonly FactsRow[], severals: readonly [number, number][]): Value[][] {
  const rows: [number, number, number, number][] = [];
  const byPosition = new Map<number, FactsRow>();
  for (const row of facts) {
    const [position, time, profile, actor, onBehalfOf, recipient, caseRef, subject] = row;
    rows.push([EVERYTHING, time, position, profile], [-profile, time, position, profile], [actor, time, position, profile]);
    if (onBehalfOf !== null && onBehalfOf !== actor) rows.push([onBehalfOf, time, position, profile]);
    if (recipient !== null) rows.push([recipient, time, position, profile]);
    if (caseRef !== null) rows.push([caseRef, time, position, profile]);
    if (subject !== null) rows.push([subject, time, position, profile]);
    else if (row[8] > 1) byPosition.set(position, row);
  }
  for (const [position, subject] of severals) {
    const [, time, profile] = byPosition.get(position) as FactsRow;
    rows.push([subject, time, position, profile]);
  }
  return rows.sort((a, b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2]);
}

/** Everything of an event that comes from a short list, as a key of the memory. */
function profileKey({ type, entry: { source, data } }: ProjectedEvent): string {
  const { system, purpose, legalBasis, country, recipient, categories, mode, outcome, decisionRef } = data;
  const to = recipient === undefined ? '' : `${recipient.role}\u0001${recipient.country}`;
  return `${type}\0${source}\0${system}\0${purpose}\0${legalBasis}\0${country}\0${to}\0${categories?.join('\u0001')}\0${mode}\0${outcome}\0${decisionRef === undefined}`;
}

function profileOf({ type, entry: { source, data } }: ProjectedEvent): Profile {
  return {
    type,
    source,
    system: text(data.system),
    purpose: text(data.purpose),
    legal_basis: text(data.legalBasis),
    country: text(data.country),
    recipient_role: text(data.recipient?.role),
    recipient_country: text(data.recipient?.country),
    categories: JSON.stringify([...new Set(data.categories ?? [])]),
    mode: text(data['mode']),
    outcome: text(data['outcome']),
    decided: data['decisionRef'] === undefined ? 0 : 1,
  };
}

const text = (value: unknown): string | null => (typeof value === 'string' ? value : null);

/** A country is matched where something happened and where a recipient is. */
function codesOf(profile: Profile): [string, string][] {
  const codes: [(typeof CODE_AXES)[number], string | null][] = [
    ['type', profile.type],
    ['source', profile.source],
    ['system', profile.system],
    ['purpose', profile.purpose],
    ['legalBasis', profile.legal_basis],
    ...(JSON.parse(profile.categories) as string[]).map((category): ['category', string] => ['category', category]),
    ['country', profile.country],
    ...(profile.recipient_country === profile.country ? [] : [['country', profile.recipient_country] as ['country', string | null]]),
  ];
  return codes.filter((code): code is [(typeof CODE_AXES)[number], string] => code[1] !== null);
}

function correctionOf({ position, type, entry }: ProjectedEvent): Value[][] {
  if (type !== 'RecordCorrected' && type !== 'RecordRetracted') return [];
  const target = pairOf(entry.data['target']);
  if (!target) return [];
  const replacement = type === 'RecordCorrected' ? pairOf(entry.data['replacement']) : undefined;
  return [[position, recordKey(entry.source, entry.id), target, replacement ?? null]];
}

function pairOf(value: unknown): Buffer | undefined {
  const { source, id } = (value ?? {}) as { source?: unknown; id?: unknown };
  return typeof source === 'string' && typeof id === 'string' ? recordKey(source, id) : undefined;
}
