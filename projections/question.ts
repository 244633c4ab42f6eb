import { v7 as uuidv7 } from 'uuid';
import type { EventStore } from '../src/eventstore/event-store.ts';
import type { People } from '../src/ledger/people/people.ts';
import type { KeyVault } from '../src/privacy/key-vault.ts';
import { type Cursor, openCursor, sealCursor } from './cursor.ts';
import { type About, canonicalAbout, type Sought, soughtBy } from './entries/about.ts';
import { iso, momentOf } from './moment.ts';
import type { Views } from './views.ts';

/** Who asks, and what he may see (domain.md §8). */
export interface Viewer {
  keyId: string;
  /** Data subjects by identifier; else by reference alone. */
  nameSubjects: boolean;
  /** Sealed details of the person asked about. */
  openSubject: boolean;
  /** All sealed details. */
  openAll: boolean;
  nameActors: boolean;
  /** Other people on the same event, when asked about one. */
  othersOnEvent: boolean;
  /** What came into quarantine, and what is wrong with it. */
  quarantine: boolean;
}

/** A question about processing. Everything in it has been validated. */
export interface Question {
  about?: About;
  /** A date-time with an offset, or a date (its end in UTC). */
  asOf?: string;
  /** By time, then position; `desc` when absent. */
  order?: 'asc' | 'desc';
  /** Items of a page; 50 when absent. */
  limit?: number;
  cursor?: string;
  /** Wait until the read side has reached this position. */
  after?: number;
  /** Which leaf of the log's tree each item is; of one person, how many leaves there are. */
  leaves?: boolean;
  viewer: Viewer;
  /**
   * Told about whom it is as soon as that is known, where it is known before anything is read: recording the question takes its
   * time, and so does reading. The answer says it again.
   */
  onPeople?(people: readonly string[], correlationId: string): void;
}

export interface Answer<Item> {
  items: Item[];
  /** The cursor of the next page; null where this is the last. */
  next: string | null;
  /** Everything recorded up to here was considered, and nothing after it. */
  position: number;
  /** The moment that the answer describes: UTC. */
  asOf: string;
  /** References of the people asked about, or else of those in the answer: what `LedgerQueried` names. */
  people: string[];
  /** The same for all pages of an answer. */
  correlationId: string;
  /** Whether this page belongs to a question that was asked, and recorded, before. */
  isFurtherPage: boolean;
}

/** The state of the ledger that an answer is about, and where its page begins. */
export interface Frame {
  position: number;
  asOf: string;
  correlationId: string;
  last: readonly (number | string)[] | undefined;
}

/** What the questions have in common: one state of the ledger for all pages. */
export class Asking {
  readonly #views: Views;
  readonly #store: EventStore;
  readonly #vault: KeyVault;
  readonly #people: Pick<People, 'groupOf' | 'merged'>;
  /** The projections that are asked: what the slowest of them has reached is answered. */
  readonly #projections: readonly string[];

  constructor(
    views: Views,
    store: EventStore,
    vault: KeyVault,
    people: Pick<People, 'groupOf' | 'merged'>,
    ...projections: readonly [string, ...string[]]
  ) {
    this.#views = views;
    this.#store = store;
    this.#vault = vault;
    this.#people = people;
    this.#projections = projections;
  }

  /** @throws NotThereYet, InvalidCursor */
  async frame(name: string, { asOf, cursor, after, ...question }: Question): Promise<Frame> {
    await Promise.all(this.#projections.map((name) => this.#views.reached(name, after ?? 0)));
    if (cursor !== undefined) return openCursor(this.#vault, cursor, boundOf(name, { asOf, ...question }));
    // Position first, its time after: the projection only moves on.
    const slowest = this.#slowest();
    const checkpoint = this.#views.position(slowest);
    const recordedAt = this.#views.recordedAt(slowest);
    const correlationId = uuidv7();
    if (asOf === undefined) {
      return { position: checkpoint, asOf: recordedAt ?? iso(Date.now()), correlationId, last: undefined };
    }
    const moment = iso(momentOf(asOf, 'end'));
    return { position: Math.min(checkpoint, await this.#store.positionAt(moment)), asOf: moment, correlationId, last: undefined };
  }

  #slowest(): string {
    return this.#projections.reduce((least, name) => (this.#views.position(name) < this.#views.position(least) ? name : least));
  }

  /**
   * What is asked about, in the words of the log: people with everybody who is the same person.
   * @returns undefined where nothing can match
   * @throws InvalidMoment
   */
  sought({ about = {}, asOf }: Question, frame: Frame): Promise<Sought | undefined> {
    const at = iso(asOf === undefined ? Date.now() : momentOf(asOf, 'end'));
    return soughtBy(about, { db: this.#views.db, vault: this.#vault, groupOf: this.groupsOf(frame), at });
  }

  /** For each reference all that are the same person, as the links stood at the moment of the answer: the same on all its pages. */
  groupsOf({ asOf }: Frame): (references: readonly string[]) => Promise<string[][]> {
    return (references) => this.#people.groupOf(references, Date.parse(asOf));
  }

  /** Everybody who is one person under several references, at that moment. */
  merged({ asOf }: Frame): Promise<string[][]> {
    return this.#people.merged(Date.parse(asOf));
  }

  /** The cursor of the page after the item whose place in the order is `last`. */
  next(name: string, question: Question, { position, asOf, correlationId }: Frame, last: Cursor['last']): string {
    return sealCursor(this.#vault, { position, asOf, correlationId, last }, boundOf(name, question));
  }
}

function boundOf(name: string, { about, asOf, order, viewer }: Omit<Question, 'cursor' | 'after'>) {
  return { name, question: [canonicalAbout(about ?? {}), asOf ?? null, order ?? 'desc'], keyId: viewer.keyId };
}
