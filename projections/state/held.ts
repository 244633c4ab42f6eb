/**
 * What is known, held in memory for whoever writes it: the keys of a page with their facts, and those that were used lately. The rows have
 * everything; what is forgotten is read again.
 */
import { type Kysely, sql } from 'kysely';
import { listed } from '../database.ts';
import { Memory } from '../entries/numbers.ts';
import type { Tx, Value } from '../projection.ts';
import type { Schema } from '../schema.ts';
import { MARK_COUNT } from './facts.ts';
import { KEY_KINDS, type Key, type KeyKind } from './keys.ts';
import { inOrder, isQuiet, type Known, type Timed } from './moment.ts';
import { factsOfKeys, groupsBy } from './state.ts';

/** Keys of a kind that are remembered, about; some 300 bytes each where something is known of them. */
const REMEMBERED: Record<KeyKind, number> = {
  ...{ person: 200_000, actor: 50_000, recipient: 10_000, source: 10_000, case: 10_000, policy: 10, grants: 10 },
};
const KINDS = Object.keys(KEY_KINDS) as KeyKind[];

/** Nothing ever happened. */
const NEVER: readonly number[] = new Array(MARK_COUNT).fill(Number.NEGATIVE_INFINITY);
const NOTHING: readonly Timed[] = [];

/** A key with what is known of it. */
export class Held {
  readonly id: number;
  /** In order. */
  facts: readonly Timed[];
  isQuiet = true;
  /** When the last event of each mark happened; undefined where nobody looked. */
  last: readonly number[] | undefined;
  /** The same of events that stand and are certainly the controller's own, as far as they were seen here; never too late. */
  #own: number[] | undefined;

  constructor(id: number, facts: readonly Timed[], last?: readonly number[]) {
    this.id = id;
    this.facts = facts;
    this.last = last;
    this.#look();
  }

  add(fact: Timed): void {
    const facts = [...this.facts];
    let at = facts.length;
    while (at > 0 && inOrder(facts[at - 1] as Timed, fact) > 0) at--;
    facts.splice(at, 0, fact);
    this.know(facts);
  }

  know(facts: readonly Timed[]): void {
    this.facts = facts;
    this.#look();
  }

  /** An event on the key happened. */
  happened(mark: number, time: number): void {
    if (this.last === undefined || (this.last[mark] as number) >= time) return;
    if (this.last === NEVER) this.last = [...NEVER];
    (this.last as number[])[mark] = time;
  }

  /** It was the controller's own, and stands. */
  happenedToOwn(mark: number, time: number): void {
    this.#own ??= [...NEVER];
    if ((this.#own[mark] as number) < time) this.#own[mark] = time;
  }

  /** When the last such event happened that is known of. */
  lastOwn(mark: number): number {
    return this.#own?.[mark] ?? Number.NEGATIVE_INFINITY;
  }

  /** Something fell, or stands again. */
  forgetLast(): void {
    this.last = undefined;
    this.#own = undefined;
  }

  /** When the last event of any mark happened. */
  get lastAt(): number {
    return Math.max(...(this.last ?? [Number.POSITIVE_INFINITY]));
  }

  #look(): void {
    this.isQuiet = isQuiet(this.facts);
  }
}

/** Every key of the pages at hand, and what else is remembered. */
export class Holding implements Known {
  readonly #memories = Object.fromEntries(KINDS.map((kind) => [kind, new Memory<Held>(REMEMBERED[kind])])) as Record<KeyKind, Memory<Held>>;
  readonly #heard = new Map<string, number>();
  #groups: ReadonlyMap<string, readonly string[]> | undefined;
  /** The highest number given, read when first needed. */
  #last: number | undefined;

  forget(): void {
    for (const memory of Object.values(this.#memories)) memory.clear();
    this.#heard.clear();
    this.#groups = undefined;
    this.#last = undefined;
  }

  /** To be called between pages: what was not used lately is forgotten. */
  async begin(db: Kysely<Schema>): Promise<void> {
    for (const memory of Object.values(this.#memories)) memory.age();
    if (this.#groups === undefined) await this.link(db);
  }

  /** Reads again who is linked. */
  async link(db: Kysely<Schema>): Promise<void> {
    const rows = await db
      .selectFrom('findings_links as l')
      .select(['l.position', 'l.reference'])
      .where(sql<boolean>`not exists (select 1 from findings_fallen as x where x.position = l.position)`)
      .orderBy('l.position')
      .execute();
    const links = new Map<number, string[]>();
    for (const { position, reference } of rows) links.set(position, [...(links.get(position) ?? []), reference]);
    this.#groups = groupsBy([...links.values()]);
  }

  /** Everybody who is the same person; undefined for whoever is linked to nobody. */
  groupOf(reference: string): readonly string[] | undefined {
    return this.#groups?.get(reference);
  }

  /** Whether a key is in memory, with everybody who is the same person. */
  has(kind: KeyKind, value: string): boolean {
    return (
      this.#memories[kind].get(value) !== undefined && (this.#groups?.get(value) === undefined || (kind !== 'person' && kind !== 'actor'))
    );
  }

  /** A key that was taken. */
  get(kind: KeyKind, value: string): Held | undefined {
    return this.#memories[kind].get(value);
  }

  of(kind: KeyKind, value: string): readonly Timed[] {
    if (kind === 'person' || kind === 'actor') {
      const group = this.#groups?.get(value);
      if (group !== undefined) return this.#ofGroup(kind, group);
    }
    return this.#memories[kind].get(value)?.facts ?? NOTHING;
  }

  #ofGroup(kind: KeyKind, group: readonly string[]): readonly Timed[] {
    const facts = group.flatMap((each) => this.#memories[kind].get(each)?.facts ?? NOTHING);
    return facts.sort(inOrder);
  }

  isHeard(kind: 'source' | 'grants', value: string): boolean {
    return (this.#heard.get(`${kind}:${value}`) ?? 0) > 0;
  }

  isSamePerson(one: string, other: string): boolean {
    return one === other || this.#groups?.get(one)?.includes(other) === true;
  }

  /**
   * Takes keys into memory, with their facts. New ones get their numbers in the order in which they are given, so that a rebuild gives the
   * same. Whoever is linked to a person comes with them.
   * @param others taken where they have a number, and given none
   */
  async take(tx: Tx, keys: readonly Key[], others: readonly Key[] = []): Promise<void> {
    const unknown: Key[] = [];
    const beside: Key[] = others.filter(({ kind, value }) => this.#memories[kind].get(value) === undefined);
    for (const key of keys) {
      if (this.#memories[key.kind].get(key.value) === undefined) unknown.push(key);
      const group = key.kind === 'person' || key.kind === 'actor' ? this.#groups?.get(key.value) : undefined;
      for (const value of group ?? []) if (this.#memories[key.kind].get(value) === undefined) beside.push({ kind: key.kind, value });
    }
    if (unknown.length + beside.length === 0) return;
    await this.#read(tx.db, [...unknown, ...beside]);
    const created: Value[] = [];
    for (const { kind, value } of unknown) {
      if (this.#memories[kind].get(value) !== undefined) continue;
      this.#last = (this.#last as number) + 1;
      this.#memories[kind].set(value, new Held(this.#last, NOTHING, NEVER));
      created.push(this.#last, KEY_KINDS[kind], value);
    }
    tx.insertMany('findings_keys', ['id', 'kind', 'value'], created);
  }

  async #read(db: Kysely<Schema>, keys: readonly Key[]): Promise<void> {
    if (this.#last === undefined) {
      const row = await db
        .selectFrom('findings_keys')
        .select(({ fn }) => fn.max<number | null>('id').as('id'))
        .executeTakeFirst();
      this.#last = row?.id ?? 0;
    }
    // Where nothing was ever numbered there is nothing to look up.
    if (this.#last === 0) return;
    const found: { id: number; kind: KeyKind; value: string }[] = [];
    for (const kind of KINDS) {
      const values = [...new Set(keys.filter((each) => each.kind === kind).map(({ value }) => value))];
      if (values.length === 0) continue;
      const rows = await db
        .selectFrom('findings_keys')
        .select(['id', 'value'])
        .where('kind', '=', KEY_KINDS[kind])
        .where('value', 'in', listed(values) as never)
        .execute();
      for (const row of rows) found.push({ ...row, kind });
    }
    const facts = await factsOfKeys(
      db,
      found.map(({ id }) => id),
    );
    for (const { id, kind, value } of found) this.#memories[kind].set(value, new Held(id, facts.get(id) ?? NOTHING));
    const heard = found.filter(({ kind }) => kind === 'source' || kind === 'grants');
    if (heard.length === 0) return;
    const counts = await db
      .selectFrom('findings_heard')
      .selectAll()
      .where('key', 'in', listed(heard.map(({ id }) => id)) as never)
      .execute();
    for (const { id, kind, value } of heard) this.#heard.set(`${kind}:${value}`, counts.find(({ key }) => key === id)?.count ?? 0);
  }

  /** Reads again what is known of keys, after something fell or stands again. */
  async reread(db: Kysely<Schema>, held: readonly Held[]): Promise<void> {
    const facts = await factsOfKeys(
      db,
      held.map(({ id }) => id),
    );
    for (const each of held) {
      each.know(facts.get(each.id) ?? NOTHING);
      each.forgetLast();
    }
  }

  /** Finds out of each when something last happened. */
  async look(db: Kysely<Schema>, held: readonly Held[]): Promise<void> {
    const unknown = new Map(held.filter(({ last }) => last === undefined).map((each) => [each.id, each]));
    if (unknown.size === 0) return;
    const marks = Array.from({ length: MARK_COUNT }, (_, mark) => mark);
    const { rows } = await sql<{ key: number; mark: number; time: number | null }>`select k.value as key, m.value as mark, (
        select d.time from findings_dependents as d where d.key = k.value and d.mark = m.value
          and not exists (select 1 from findings_fallen as x where x.position = d.position)
        order by d.time desc limit 1) as time
      from ${listed([...unknown.keys()])} as k cross join ${listed(marks)} as m`.execute(db);
    for (const each of unknown.values()) each.last = [...NEVER];
    for (const { key, mark, time } of rows) if (time !== null) unknown.get(key)?.happened(mark, time);
  }

  /** How often something was heard of changes. @returns whether it was never heard of before, or is no more */
  hear(kind: 'source' | 'grants', value: string, by: 1 | -1): boolean {
    const name = `${kind}:${value}`;
    const before = this.#heard.get(name) ?? 0;
    this.#heard.set(name, before + by);
    return before > 0 !== before + by > 0;
  }
}
