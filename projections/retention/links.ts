/** Who is one person, as the events so far say: the projection's own, so that one checkpoint decides. */
import type { Kysely } from 'kysely';
import type { Tx } from '../projection.ts';
import type { Schema } from '../schema.ts';

interface Link {
  position: number;
  people: readonly Member[];
}

/** Somebody by number and by reference. */
export type Member = readonly [person: number, reference: string];

/** Links are rare beside events: all that stand are in memory. */
export class Links {
  #byId: Map<string, Link> | undefined;
  #byPerson = new Map<number, Set<Link>>();

  async load(db: Kysely<Schema>): Promise<void> {
    if (this.#byId) return;
    this.#byId = new Map();
    const rows = await db.selectFrom('retention_links').selectAll().where('until', 'is', null).orderBy('position').execute();
    for (const { id, position, people } of rows) this.#add(id, { position, people: JSON.parse(people) as Member[] });
  }

  /** All that are one person with this one. The smallest reference stands for all of them and comes first; whoever was never linked stands alone. */
  groupOf(person: number): readonly number[] {
    if (!this.#byPerson.has(person)) return [person];
    const group = new Map<number, string>();
    const next = [person];
    for (const each of next) {
      for (const { people } of this.#byPerson.get(each) ?? []) {
        for (const [other, reference] of people) {
          if (group.has(other)) continue;
          group.set(other, reference);
          next.push(other);
        }
      }
    }
    return [...group].sort(([, a], [, b]) => (a < b ? -1 : 1)).map(([member]) => member);
  }

  /** @returns who is concerned; nobody where it joins nobody, or was known */
  link(tx: Tx, position: number, id: string, people: readonly Member[]): number[] {
    if (people.length < 2 || this.#byId?.has(id)) return [];
    tx.insertMany('retention_links', ['position', 'id', 'people', 'until'], [position, id, JSON.stringify(people), null]);
    this.#add(id, { position, people });
    return people.map(([person]) => person);
  }

  /** @returns who was one person until now */
  async separate(tx: Tx, position: number, id: string): Promise<number[]> {
    const link = this.#byId?.get(id);
    if (!link) return [];
    await tx.db.updateTable('retention_links').set({ until: position }).where('position', '=', link.position).execute();
    this.#byId?.delete(id);
    for (const [person] of link.people) {
      const links = this.#byPerson.get(person);
      links?.delete(link);
      if (links?.size === 0) this.#byPerson.delete(person);
    }
    return link.people.map(([person]) => person);
  }

  forget(): void {
    this.#byId = undefined;
    this.#byPerson.clear();
  }

  #add(id: string, link: Link): void {
    this.#byId?.set(id, link);
    for (const [person] of link.people) {
      const links = this.#byPerson.get(person);
      if (links) links.add(link);
      else this.#byPerson.set(person, new Set([link]));
    }
  }
}
