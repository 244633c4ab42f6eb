import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { EventStore } from '../../eventstore/event-store.ts';
import { type Identifier, KeyVault } from '../../privacy/key-vault.ts';
import { ACTOR, type Author, actorOf } from '../author.ts';
import type { Reference } from '../entry.ts';
import { handle, PersonErased } from '../handle.ts';
import { newId } from '../new-id.ts';
import { sealAbout } from '../periods.ts';
import { type Named, sealEntry } from '../sealing.ts';
import { LedgerSettings } from '../settings.ts';
import { suppressWhole } from '../suppression.ts';
import { LinkUnknown, PEOPLE, type PeopleCommand, people } from './decider.ts';
import { People } from './people.ts';

/** A person as somebody names them: by an identifier, or by the reference that an answer showed. */
export type NamedPerson = Identifier | { reference: Reference };

/** A link that stands, and so can be separated. */
export interface ShownLink {
  source: string;
  id: string;
  references: readonly Reference[];
  /** UTC ISO 8601, by the log's clock. */
  linkedAt: string;
}

export interface Linked {
  /** All that is one person now, sorted. */
  references: Reference[];
  /** What joins them. */
  links: ShownLink[];
  /** Identifiers that were not known before and are this person's from now on. */
  identifiersAdded: number;
  /** Of the event that says so; absent where everything was so already. */
  position?: number;
}

export interface Separated {
  /** Those whom the link had named, as they belong together now. */
  groups: Reference[][];
  /** Of the event that says so; absent where it was so already. */
  position?: number;
}

/**
 * Says that these are one person (`SubjectsMerged`). An identifier that nobody has becomes one of the first who is known.
 * Linking again what is linked changes nothing. Durable when it resolves.
 * @throws PersonUnknown, LinkOfErased, TooManyLinked, PersonErased (meanwhile), StoreUnavailable, KeyStoreUnavailable
 */
export class LinkSubjects extends Command<Linked> {
  constructor(
    readonly subjects: readonly NamedPerson[],
    /** In words; kept sealed. */
    readonly reason: string,
    readonly author: Author,
    /** The ledger's clock, milliseconds since 1970. */
    readonly now: number,
  ) {
    super();
  }
}

/**
 * Retracts a `SubjectsMerged` and nothing else: whom another link joins stays joined, and identifiers that were added stay.
 * @throws LinkUnknown, OwnApproval, StoreUnavailable, KeyStoreUnavailable
 */
export class SeparateSubjects extends Command<Separated> {
  constructor(
    readonly target: { source: string; id: string },
    /** In words; kept sealed. */
    readonly reason: string,
    /** The id of whoever approved it: somebody else than the author. */
    readonly approver: string,
    readonly author: Author,
    readonly now: number,
  ) {
    super();
  }
}

/** A reference that the ledger never drew, or identifiers of which nobody has a single one. */
export class PersonUnknown extends Error {
  override name = 'PersonUnknown';
  constructor(
    /** Which of those named, from 0; absent where it is all of them. */
    readonly index?: number,
  ) {
    super('nobody is known under this');
  }
}

/** Who was erased is not joined to anybody any more: their events would be somebody's again. */
export class LinkOfErased extends Error {
  override name = 'LinkOfErased';
  constructor(
    /** Which of those named, from 0. */
    readonly index: number,
  ) {
    super('this person was erased');
  }
}

/** Who separates cannot approve it themselves. */
export class OwnApproval extends Error {
  override name = 'OwnApproval';
}

/** New identifiers may be taken by somebody else in between; more than this often in a row is no coincidence. */
const MAX_ROUNDS = 4;

/** Those named, as they are known. */
interface Found {
  /** By reference, with the identifiers by which they were named; the first of them is the one who gets what is new. */
  people: Map<Reference, Identifier[]>;
  /** Identifiers that nobody has. */
  strangers: Identifier[];
}

@CommandHandler(LinkSubjects)
export class LinkSubjectsHandler implements ICommandHandler<LinkSubjects> {
  constructor(
    private readonly store: EventStore,
    private readonly vault: KeyVault,
    private readonly people: People,
  ) {}

  async execute(command: LinkSubjects): Promise<Linked> {
    let identifiersAdded = 0;
    let position: number | undefined;
    for (let round = 1; round <= MAX_ROUNDS; round++) {
      const found = await this.find(command);
      position = (await this.record(command, found)) ?? position;
      identifiersAdded += await this.addStrangers(command, found);
      // Who had one of them meanwhile is known in the next round, and linked.
      const [first] = found.people.keys();
      if (!(await this.belongTo(first as Reference, found.strangers, command.now))) continue;
      const [references = []] = await this.people.groupOf([first as Reference]);
      await suppressWhole(this.vault, [references]);
      const links = (await this.people.linksOf(first as Reference)).map(shownLink);
      return { references, links, identifiersAdded, ...(position !== undefined && { position }) };
    }
    throw new Error(`identifiers were taken by others ${MAX_ROUNDS} times in a row`);
  }

  private async find({ subjects, now }: LinkSubjects): Promise<Found> {
    await this.vault.epoch();
    const identifiers = subjects.flatMap((subject) => ('reference' in subject ? [] : [subject]));
    const known = await this.vault.resolve(timed(identifiers, now), { create: false });
    const referenceOf = new Map(identifiers.map((identifier, i) => [identifier, known[i]?.reference]));
    await this.checkReferences(subjects);
    const found: Found = { people: new Map(), strangers: [] };
    for (const subject of subjects) {
      const reference = 'reference' in subject ? subject.reference : referenceOf.get(subject);
      if (reference === undefined) found.strangers.push(subject as Identifier);
      else found.people.set(reference, [...(found.people.get(reference) ?? []), ...('reference' in subject ? [] : [subject])]);
    }
    if (found.people.size === 0) throw new PersonUnknown();
    await this.nameByReference(found);
    return found;
  }

  private async checkReferences(subjects: readonly NamedPerson[]): Promise<void> {
    const references = subjects.flatMap((subject) => ('reference' in subject ? [subject.reference] : []));
    const keys = await this.vault.keys(references);
    const keyless = references.filter((reference) => !keys.has(reference));
    const erased = keyless.length > 0 ? await this.vault.erased(keyless) : new Set<string>();
    for (const [index, subject] of subjects.entries()) {
      if (!('reference' in subject) || keys.has(subject.reference)) continue;
      throw erased.has(subject.reference) ? new LinkOfErased(index) : new PersonUnknown(index);
    }
  }

  /** Who was named by reference alone is recorded under an identifier of theirs too. */
  private async nameByReference({ people }: Found): Promise<void> {
    const nameless = [...people].flatMap(([reference, names]) => (names.length === 0 ? [reference] : []));
    const identifiers = await this.vault.identifiers(nameless);
    for (const reference of nameless) people.set(reference, identifiers.get(reference)?.slice(0, 1) ?? []);
  }

  /** Before anything is added: what stopped between is completed by linking again. */
  private async record({ reason, author, now }: LinkSubjects, { people: named, strangers }: Found): Promise<number | undefined> {
    if (named.size === 1 && strangers.length === 0) return undefined;
    const id = newId();
    const keys = await this.vault.keys([...named.keys()]);
    const cast = [...named].map(([reference, names], i): Named => {
      const [first, ...also] = i === 0 ? [...names, ...strangers] : names;
      const details = first && { scheme: first.scheme, value: first.value, ...(also.length > 0 && { also: also.map(bare) }) };
      const key = keys.get(reference);
      if (key === undefined) throw new PersonUnknown();
      return { reference, key, ...(details && { details }) };
    });
    const link: PeopleCommand = {
      do: 'link',
      at: new Date(now).toISOString(),
      by: await actorOf(author, this.vault),
      id,
      ...sealEntry({ source: PEOPLE.source, id }, cast, { values: { reason } }),
      sealedFields: ['reason'],
      identifiersAdded: strangers.length,
    };
    return (await handle(this.store, PEOPLE, people, link)).position;
  }

  private async addStrangers({ now }: LinkSubjects, { people: named, strangers }: Found): Promise<number> {
    if (strangers.length === 0) return 0;
    const [first] = named;
    const own = first?.[1][0];
    if (own === undefined) throw new PersonUnknown();
    // Erased meanwhile: what is added to an identifier that nobody has any more would make somebody new of it.
    const [still] = await this.vault.resolve(timed([own], now), { create: false });
    if (still?.reference !== first?.[0]) throw new PersonErased([first?.[0] as Reference]);
    await this.vault.resolve([{ ...bare(own), also: strangers.map(bare), at: isoOf(now) }], { create: true });
    return strangers.length;
  }

  private async belongTo(reference: Reference, identifiers: readonly Identifier[], now: number): Promise<boolean> {
    const owners = await this.vault.resolve(timed(identifiers, now), { create: false });
    return owners.every((owner) => owner?.reference === reference);
  }
}

@CommandHandler(SeparateSubjects)
export class SeparateSubjectsHandler implements ICommandHandler<SeparateSubjects> {
  constructor(
    private readonly store: EventStore,
    private readonly vault: KeyVault,
    private readonly people: People,
    private readonly settings: LedgerSettings,
  ) {}

  async execute({ target, reason, approver, author, now }: SeparateSubjects): Promise<Separated> {
    const link = target.source === PEOPLE.source ? await this.people.link(target.id) : undefined;
    if (!link) throw new LinkUnknown('there is no such SubjectsMerged of two or more references');
    const position = link.until === undefined ? await this.retract(link.id, link.references, { reason, approver, author, now }) : undefined;
    const groups = await this.people.groupOf(link.references);
    const distinct = new Map(groups.map((group) => [group[0], group]));
    return { groups: [...distinct.values()], ...(position !== undefined && { position }) };
  }

  private async retract(
    target: string,
    references: readonly Reference[],
    { reason, approver, author, now }: Pick<SeparateSubjects, 'reason' | 'approver' | 'author' | 'now'>,
  ): Promise<number | undefined> {
    const by = await actorOf(author, this.vault);
    const [approving] = await this.vault.resolve([{ scheme: ACTOR, value: approver }], { create: true });
    const approved = (approving as { reference: string }).reference;
    if (approved === by.reference) throw new OwnApproval('somebody else has to approve it');
    const id = newId();
    const separate: PeopleCommand = {
      ...{ do: 'separate', at: isoOf(now), by, id, target, approver: approved, sealedFields: ['reason'] },
      ...(await sealAbout(this.vault, { source: PEOPLE.source, id }, references, { reason }, now, this.settings)),
      subjects: references.map((reference) => ({ reference })),
    };
    return (await handle(this.store, PEOPLE, people, separate)).position;
  }
}

const isoOf = (now: number): string => new Date(now).toISOString();
const bare = ({ scheme, value }: Identifier): Identifier => ({ scheme, value });
const timed = (identifiers: readonly Identifier[], now: number) => identifiers.map((one) => ({ ...bare(one), at: isoOf(now) }));

function shownLink({ id, references, from }: { id: string; references: readonly Reference[]; from: number }): ShownLink {
  return { source: PEOPLE.source, id, references, linkedAt: isoOf(from) };
}
