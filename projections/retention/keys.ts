/** People, cases and profiles by number. */
import { hash } from 'node:crypto';
import { type Kysely, sql } from 'kysely';
import { listed } from '../database.ts';
import { Memory } from '../entries/numbers.ts';
import type { ProjectedEvent, Tx, Value } from '../projection.ts';
import type { Schema } from '../schema.ts';
import type { Profile } from './reckon.ts';
import { profileOf } from './said.ts';

export const PERSON = 1 as const;
export const CASE = 2 as const;

/** Values remembered, about. */
const REMEMBERED = 200_000;

/** Gives people and cases small numbers in the order of the log, so that a rebuild gives the same. */
export class Keys {
  readonly #memory = [new Memory<number>(0), new Memory<number>(REMEMBERED), new Memory<number>(REMEMBERED)] as const;
  /** The highest number given, read when first needed. */
  #last: number | undefined;

  /** The numbers of all these, values of their kinds; new ones are made. */
  async of(tx: Tx, kinds: readonly (typeof PERSON | typeof CASE)[], values: readonly string[]): Promise<number[]> {
    for (const memory of this.#memory) memory.age();
    const numbers: number[] = [];
    const unknown: number[] = [];
    for (let i = 0; i < values.length; i++) {
      const number = this.#memory[kinds[i] as 1 | 2].get(values[i] as string);
      if (number === undefined) unknown.push(i);
      numbers.push(number ?? 0);
    }
    if (unknown.length === 0) return numbers;
    await this.#learn(
      tx,
      unknown.map((i) => [kinds[i] as 1 | 2, values[i] as string]),
    );
    for (const i of unknown) numbers[i] = this.#memory[kinds[i] as 1 | 2].get(values[i] as string) as number;
    return numbers;
  }

  forget(): void {
    for (const memory of this.#memory) memory.clear();
    this.#last = undefined;
  }

  async #learn(tx: Tx, unknown: readonly [1 | 2, string][]): Promise<void> {
    this.#last ??= await highest(tx.db);
    for (const kind of this.#last === 0 ? [] : ([PERSON, CASE] as const)) {
      const values = [...new Set(unknown.filter((each) => each[0] === kind).map(([, value]) => value))];
      if (values.length === 0) continue;
      const { rows } = await sql<{ id: number; value: string }>`select id, value from retention_keys
        where kind = ${sql.lit(kind)} and value in ${listed(values)}`.execute(tx.db);
      for (const { id, value } of rows) this.#memory[kind].set(value, id);
    }
    const made: Value[] = [];
    for (const [kind, value] of unknown) {
      if (this.#memory[kind].get(value) !== undefined) continue;
      this.#memory[kind].set(value, ++this.#last);
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
