import { EventStore } from '../../eventstore/event-store.ts';
import type { Reference } from '../entry.ts';
import { type Folded, fold } from '../handle.ts';
import { groupOf, type Link, type Links, PEOPLE, people, standsAt } from './decider.ts';

/** Which references are one person, as of any moment: folded from the log, kept in memory and caught up at each call. */
export class People {
  private known: Folded<Links> = { state: people.initial(), revision: -1 };
  private reading: Promise<void> | undefined;
  private next: Promise<void> | undefined;

  constructor(private readonly store: EventStore) {}

  /**
   * For each reference, in the order asked for, all references of that person: sorted, itself included, so that the same
   * person always has the same list and its first may stand for them. Whoever was never linked stands alone.
   * @param at milliseconds since 1970, by the log's clock; absent: now
   * @throws StoreUnavailable
   */
  async groupOf(references: readonly Reference[], at?: number): Promise<Reference[][]> {
    const links = await this.caughtUp();
    return references.map((reference) => groupOf(links, reference, at));
  }

  /** Every group of two or more references that are one person, each sorted. `at` as in `groupOf`. @throws StoreUnavailable */
  async merged(at?: number): Promise<Reference[][]> {
    const links = await this.caughtUp();
    const seen = new Set<Reference>();
    const groups: Reference[][] = [];
    for (const reference of links.byReference.keys()) {
      if (seen.has(reference)) continue;
      const group = groupOf(links, reference, at);
      for (const member of group) seen.add(member);
      if (group.length > 1) groups.push(group);
    }
    return groups;
  }

  /** The links that stand now and join this person's references. @throws StoreUnavailable */
  async linksOf(reference: Reference): Promise<Link[]> {
    const links = await this.caughtUp();
    const all = groupOf(links, reference).flatMap((member) => links.byReference.get(member) ?? []);
    return [...new Set(all)].filter((link) => standsAt(link));
  }

  /** A link by the id of its `SubjectsMerged`, also one that was separated. @throws StoreUnavailable */
  async link(id: string): Promise<Link | undefined> {
    return (await this.caughtUp()).byId.get(id);
  }

  /** A reading under way may have begun before what the caller knows of was appended: then the next one counts, for all who wait. */
  private async caughtUp(): Promise<Links> {
    if (this.reading === undefined) await this.read();
    else {
      this.next ??= this.reading.catch(() => undefined).then(() => this.read());
      await this.next;
    }
    return this.known.state;
  }

  private read(): Promise<void> {
    this.next = undefined;
    this.reading = this.readTail().finally(() => {
      this.reading = undefined;
    });
    return this.reading;
  }

  private async readTail(): Promise<void> {
    this.known = await fold(this.store, PEOPLE, people, this.known);
  }
}
