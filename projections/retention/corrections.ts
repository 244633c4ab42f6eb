/** What was retracted or corrected, in whichever order it was recorded: which events do not stand any more, as of the event at hand. */
import { type Kysely, sql } from 'kysely';
import { correctionOf } from '../entries/corrections.ts';
import type { ProjectedEvent, Tx } from '../projection.ts';
import type { Schema } from '../schema.ts';

/** Corrections of corrections that are followed; nobody takes back so often. */
const MAX_CHAIN = 16;

/** A record key as two numbers of 48 bits, which take less than its bytes: no two records are ever taken for each other. */
export const numbersOf = (record: Buffer): [first: number, second: number] => [record.readUIntBE(0, 6), record.readUIntBE(6, 6)];

/** `is_hold` of whatever has to do with legal holds. */
export const HOLD = 1;
export const RELEASE = 2;

interface Correction {
  position: number;
  record: Buffer;
  target: Buffer;
  replacement: Buffer | null;
}

/** An event that does not stand any more, or stands again. */
export interface Turned {
  position: number;
  people: number[];
  inCase: number;
  isFallen: boolean;
}

export class Corrections {
  /** Records, in hexadecimal, that corrections speak of and that are not recorded yet. */
  #awaited: Set<string> | undefined;
  /** Whether any event ever fell: looking for none costs nothing. */
  #hasFallen = false;

  async load(db: Kysely<Schema>): Promise<void> {
    if (this.#awaited) return;
    this.#awaited = new Set((await db.selectFrom('retention_awaited').select('record').execute()).map(({ record }) => record));
    this.#hasFallen = (await db.selectFrom('retention_fallen').select('position').limit(1).executeTakeFirst()) !== undefined;
  }

  get hasFallen(): boolean {
    return this.#hasFallen;
  }

  isAwaited(record: Buffer): boolean {
    return (this.#awaited as Set<string>).size > 0 && (this.#awaited as Set<string>).has(hex(record));
  }

  /** Notes a correction or retraction. @returns the record that it is about; undefined where it is none */
  note(tx: Tx, event: ProjectedEvent): Buffer | undefined {
    const row = correctionOf(event);
    if (row.length === 0) return undefined;
    tx.insertMany('retention_corrections', ['position', 'record', 'target', 'replacement'], row);
    return row[2] as Buffer;
  }

  /**
   * What turns by what was said of a record, or because it arrived.
   * @param position of the event at hand; what comes after it in the page is in the tables, and does not count
   */
  async turned(tx: Tx, record: Buffer, position: number): Promise<Turned[]> {
    const turned: Turned[] = [];
    for (const each of await this.#concerned(tx.db, record, position)) turned.push(...(await this.#turn(tx, each, position)));
    return turned;
  }

  forget(): void {
    this.#awaited = undefined;
    this.#hasFallen = false;
  }

  /** The record, what it corrects where it is a correction itself, and what it replaces. */
  async #concerned(db: Kysely<Schema>, record: Buffer, position: number): Promise<Buffer[]> {
    const all = new Map([[hex(record), record]]);
    let next = [record];
    for (let depth = 0; depth < MAX_CHAIN && next.length > 0; depth++) {
      const keys = sql.join(next);
      const { rows } = await sql<{ target: Buffer }>`select target from retention_corrections
        where (record in (${keys}) or replacement in (${keys})) and position <= ${position}`.execute(db);
      next = rows.map(({ target }) => target).filter((target) => !all.has(hex(target)));
      for (const target of next) all.set(hex(target), target);
    }
    return [...all.values()];
  }

  async #turn(tx: Tx, record: Buffer, position: number): Promise<Turned[]> {
    const [first, second] = numbersOf(record);
    const { rows: events } = await sql<{
      position: number;
      people: string | null;
      case_ref: number;
      is_hold: number;
      fallen: number | null;
    }>`
      select e.position, e.people, e.case_ref, e.is_hold, f.since as fallen from retention_records as e
      left join retention_fallen as f on f.position = e.position and f.until is null
      where e.first = ${first} and e.second = ${second} and e.position <= ${position} order by e.position`.execute(tx.db);
    if (events.length === 0) this.#await(tx, record, position);
    else if (this.isAwaited(record)) await this.#arrived(tx, record);
    const turned: Turned[] = [];
    for (const { fallen, is_hold, people, case_ref, ...event } of events) {
      // Who may take back a hold can be told only once it is known: as where erasures are decided.
      const isFallen = await this.#isFallen(tx, record, position, is_hold, event.position);
      if (isFallen === (fallen !== null)) continue;
      await this.#write(tx, event.position, position, fallen);
      turned.push({ ...event, people: JSON.parse(people ?? '[]') as number[], inCase: case_ref, isFallen });
    }
    return turned;
  }

  async #write(tx: Tx, event: number, position: number, fallen: number | null): Promise<void> {
    this.#hasFallen = true;
    if (fallen === null)
      tx.insertMany('retention_fallen', ['position', 'since', 'until'], [event, position, null], {
        columns: ['position', 'since'],
        update: ['until'],
      });
    else
      await tx.db
        .updateTable('retention_fallen')
        .set({ until: position })
        .where('position', '=', event)
        .where('since', '=', fallen)
        .execute();
  }

  /**
   * Of a hold and of a release only what was recorded after it counts, and of that only what was recorded after it in turn. A release that was
   * corrected ends nothing any more, whether its replacement is recorded or not.
   */
  async #isFallen(tx: Tx, record: Buffer, position: number, isHold: number, at: number): Promise<boolean> {
    for (const { replacement } of await this.#standing(tx.db, record, position, isHold === 0 ? undefined : at)) {
      if (replacement === null || isHold === RELEASE || (await this.#isRecorded(tx, replacement, position))) return true;
    }
    return false;
  }

  /** Corrections of a record that count. */
  async #standing(
    db: Kysely<Schema>,
    target: Buffer,
    position: number,
    /** Only what was recorded after this position counts. */
    after: number | undefined,
    chain = MAX_CHAIN,
  ): Promise<Correction[]> {
    const said = await db
      .selectFrom('retention_corrections')
      .selectAll()
      .where('target', '=', target)
      .where('position', '<=', position)
      .where('position', '>', after ?? 0)
      .execute();
    const standing: Correction[] = [];
    for (const each of said) {
      const against = chain === 0 ? [] : await this.#standing(db, each.record, position, after && each.position, chain - 1);
      if (against.length === 0) standing.push(each);
    }
    return standing;
  }

  async #isRecorded(tx: Tx, record: Buffer, position: number): Promise<boolean> {
    const [first, second] = numbersOf(record);
    const found = await sql`select 1 from retention_records
      where first = ${first} and second = ${second} and position <= ${position} limit 1`.execute(tx.db);
    if (found.rows.length === 0) this.#await(tx, record, position);
    return found.rows.length > 0;
  }

  #await(tx: Tx, record: Buffer, position: number): void {
    const key = hex(record);
    if (this.#awaited?.has(key)) return;
    this.#awaited?.add(key);
    tx.insertMany('retention_awaited', ['record', 'position'], [key, position]);
  }

  async #arrived(tx: Tx, record: Buffer): Promise<void> {
    const key = hex(record);
    this.#awaited?.delete(key);
    await tx.db.deleteFrom('retention_awaited').where('record', '=', key).execute();
  }
}

const hex = (record: Buffer): string => Buffer.from(record).toString('hex');
