import type { Kysely } from 'kysely';
import type { StoredData } from '../../src/ledger/entry.ts';
import type { Page, Tx, Value } from '../projection.ts';
import type { Schema } from '../schema.ts';

/** Axes whose values may be many: each has a posting of its own for every event. */
export const VALUE_AXES = { subject: 1, actor: 2, recipient: 3, caseRef: 4 } as const;
export type Axis = (typeof VALUE_AXES)[keyof typeof VALUE_AXES];

/** Controllers (Art. 4(7)): a processor may have thousands. They are counted by and nothing is found under them: no postings. */
export const CONTROLLER = 5;
const NUMBERED = [...Object.values(VALUE_AXES), CONTROLLER] as const;
type Numbered = (typeof NUMBERED)[number];

/** A recipient that is the person itself has no id of its own. */
export const DATA_SUBJECT = 'data-subject';

/** Values remembered, about; some 100 bytes each. */
const REMEMBERED = 500_000;
/** Values looked up by one statement. */
const LOOKUP = 500;

/**
 * What was used lately. Two generations: what is not used while the younger one fills is forgotten with the older. Cheaper than
 * keeping an exact order, and nothing that was asked for since the last `age` is ever forgotten.
 */
export class Memory<T> {
  #young = new Map<string, T>();
  #old = new Map<string, T>();
  readonly #size: number;

  constructor(size: number) {
    this.#size = size;
  }

  get(key: string): T | undefined {
    const value = this.#young.get(key);
    if (value !== undefined) return value;
    const old = this.#old.get(key);
    if (old !== undefined) this.#young.set(key, old);
    return old;
  }

  set(key: string, value: T): void {
    this.#young.set(key, value);
  }

  /** To be called where forgetting does no harm. */
  age(): void {
    if (this.#young.size < this.#size / 2) return;
    this.#old = this.#young;
    this.#young = new Map();
  }

  clear(): void {
    this.#young = new Map();
    this.#old = new Map();
  }
}

/** Gives every value of an axis a small number, for ever. */
export class Numbers {
  readonly #memories: Record<Numbered, Memory<number>>;
  /** The highest number given, read when first needed. */
  #last: number | undefined;

  constructor() {
    const memory = () => new Memory<number>(REMEMBERED);
    this.#memories = { 1: memory(), 2: memory(), 3: memory(), 4: memory(), 5: memory() };
  }

  /**
   * The numbers of all values of a page, event by event in the order of `visitValues`. New ones are given in the order of the
   * log, so that a rebuild gives the same.
   */
  async of(tx: Tx, page: Page): Promise<number[]> {
    for (const memory of Object.values(this.#memories)) memory.age();
    const numbers: number[] = [];
    const unknown: { axis: Numbered; value: string; at: number }[] = [];
    const visit = (axis: Numbered, value: string) => {
      const number = this.#memories[axis].get(value);
      if (number === undefined) unknown.push({ axis, value, at: numbers.length });
      numbers.push(number ?? 0);
    };
    for (const { entry } of page) visitValues(entry.data, visit);
    if (unknown.length === 0) return numbers;
    await this.#lookUp(tx.db, unknown);
    const created: Value[] = [];
    for (const { axis, value, at } of unknown) numbers[at] = this.#memories[axis].get(value) ?? this.#give(axis, value, created);
    tx.insertMany('entries_values', ['id', 'axis', 'value'], created);
    return numbers;
  }

  forget(): void {
    for (const memory of Object.values(this.#memories)) memory.clear();
    this.#last = undefined;
  }

  async #lookUp(db: Kysely<Schema>, unknown: readonly { axis: Numbered; value: string }[]): Promise<void> {
    this.#last ??= await highest(db, 'entries_values');
    // Where nothing was ever numbered there is nothing to look up.
    if (this.#last === 0) return;
    for (const axis of NUMBERED) {
      const values = [...new Set(unknown.filter((each) => each.axis === axis).map(({ value }) => value))];
      for (let from = 0; from < values.length; from += LOOKUP) {
        const some = values.slice(from, from + LOOKUP);
        const query = db.selectFrom('entries_values').select(['id', 'value']).where('axis', '=', axis).where('value', 'in', some);
        for (const { id, value } of await query.execute()) this.#memories[axis].set(value, id);
      }
    }
  }

  #give(axis: Numbered, value: string, created: Value[]): number {
    this.#last = (this.#last as number) + 1;
    this.#memories[axis].set(value, this.#last);
    created.push(this.#last, axis, value);
    return this.#last;
  }
}

/** Visits the values of an entry that have numbers: actor, on whose behalf, subjects, recipient, case, controller. */
function visitValues(data: StoredData, visit: (axis: Numbered, value: string) => void): void {
  visit(VALUE_AXES.actor, data.actor.reference);
  if (data.actor.onBehalfOf !== undefined) visit(VALUE_AXES.actor, data.actor.onBehalfOf);
  for (const { reference } of data.subjects) visit(VALUE_AXES.subject, reference);
  const recipient = recipientOf(data);
  if (recipient !== undefined) visit(VALUE_AXES.recipient, recipient);
  if (data.caseRef !== undefined) visit(VALUE_AXES.caseRef, data.caseRef);
  if (data.controller !== undefined) visit(CONTROLLER, data.controller);
}

export function recipientOf({ recipient }: StoredData): string | undefined {
  return recipient && (recipient.role === DATA_SUBJECT ? DATA_SUBJECT : recipient.id);
}

export async function highest(db: Kysely<Schema>, table: 'entries_values' | 'entries_profiles'): Promise<number> {
  const row = await db
    .selectFrom(table)
    .select((select) => select.fn.max<number | null>('id').as('id'))
    .executeTakeFirst();
  return row?.id ?? 0;
}
