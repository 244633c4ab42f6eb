/** People, cases and profiles by number. */
import { hash } from 'node:crypto';
import { type Kysely, sql } from 'kysely';
import { listed } from '../database.ts';
import { Memory } from '../entries/numbers.ts';
import type { ProjectedEvent, Tx, Value } from '../projection.ts';
import type { Schema } from '../schema.ts';
import type { Profile } from './reckon.ts';
import { profileOf } from './said.ts';

export const PERSON = 1;
export const CASE = 2;

/** Values remembered, about. */
const REMEMBERED = 200_000;

/** Gives people and cases small numbers in the order of the log, so that a rebuild gives the same. */
export class Keys {
  readonly #memory = new Memory<number>(REMEMBERED);
  /** The highest number given, read when first needed. */
  #last: number | undefined;

  /** The numbers of all these, each as its kind and value; new ones are made. */
  async of(tx: Tx, wanted: readonly [kind: number, value: string][]): Promise<number[]> {
    this.#memory.age();
    const unknown = wanted.filter(([kind, value]) => this.#memory.get(kind + value) === undefined);
    if (unknown.length > 0) await this.#learn(tx, unknown);
    return wanted.map(([kind, value]) => this.#memory.get(kind + value) as number);
  }

  /** The number of one, where it has one. */
  async find(db: Kysely<Schema>, kind: number, value: string): Promise<number | undefined> {
    const row = await db.selectFrom('retention_keys').select('id').where('kind', '=', kind).where('value', '=', value).executeTakeFirst();
    return row?.id;
  }

  forget(): void {
    this.#memory.clear();
    this.#last = undefined;
  }

  async #learn(tx: Tx, unknown: readonly [number, string][]): Promise<void> {
    this.#last ??= await highest(tx.db);
    for (const kind of this.#last === 0 ? [] : [PERSON, CASE]) {
      const values = [...new Set(unknown.filter((each) => each[0] === kind).map(([, value]) => value))];
      if (values.length === 0) continue;
      const { rows } = await sql<{ id: number; value: string }>`select id, value from retention_keys
        where kind = ${sql.lit(kind)} and value in ${listed(values)}`.execute(tx.db);
      for (const { id, value } of rows) this.#memory.set(kind + value, id);
    }
    const made: Value[] = [];
    for (const [kind, value] of unknown) {
      if (this.#memory.get(kind + value) !== undefined) continue;
      this.#memory.set(kind + value, ++this.#last);
      made.push(this.#last, kind, value);
    }
    tx.insertMany('retention_keys', ['id', 'kind', 'value'], made);
  }
}

async function highest(db: Kysely<Schema>): Promise<number> {
  const { rows } = await sql<{ id: number | null }>`select max(id) as id from retention_keys`.execute(db);
  return rows[0]?.id ?? 0;
}

/** Every combination of codes that occurred: some hundreds in real systems, all of them in memory. */
export class Profiles {
  #ids: Map<string, number> | undefined;
  readonly #byId = new Map<number, Profile>();
  /** By what of an event makes its profile. */
  readonly #memory = new Map<string, number>();

  async load(db: Kysely<Schema>): Promise<void> {
    if (this.#ids) return;
    this.#ids = new Map();
    for (const { id, facts } of await db.selectFrom('retention_profiles').select(['id', 'facts']).orderBy('id').execute()) {
      this.#remember(id, facts);
    }
  }

  /** @param subject category of the data subject */
  of(tx: Tx, event: ProjectedEvent, subject: string | undefined): number {
    const key = keyOf(event, subject);
    const known = this.#memory.get(key);
    if (known !== undefined) return known;
    const id = this.#number(tx, profileOf(event, subject));
    if (this.#memory.size >= REMEMBERED) this.#memory.clear();
    this.#memory.set(key, id);
    return id;
  }

  #number(tx: Tx, profile: Profile): number {
    const facts = JSON.stringify(profile);
    const ids = this.#ids as Map<string, number>;
    const known = ids.get(facts);
    if (known !== undefined) return known;
    const id = ids.size + 1;
    tx.insertMany('retention_profiles', ['id', 'digest', 'facts'], [id, hash('sha256', facts, 'base64url'), facts]);
    this.#remember(id, facts);
    return id;
  }

  named(id: number): Profile {
    return this.#byId.get(id) as Profile;
  }

  forget(): void {
    this.#ids = undefined;
    this.#byId.clear();
    this.#memory.clear();
  }

  #remember(id: number, facts: string): void {
    (this.#ids as Map<string, number>).set(facts, id);
    this.#byId.set(id, JSON.parse(facts) as Profile);
  }
}

/** The codes of an event as a key of the memory. */
function keyOf({ type, entry: { data } }: ProjectedEvent, subject: string | undefined): string {
  const { purpose, system, categories, controller } = data;
  return `${type}\0${purpose}\0${system}\0${controller}\0${subject}\0${categories === undefined ? '' : categories.join('\x01')}`;
}
