import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import { EventStore, type RecordedEvent } from '../../src/eventstore/event-store.ts';
import { People } from '../../src/ledger/people/people.ts';
import { KeyVault } from '../../src/privacy/key-vault.ts';
import { type PublishedHead, TransparencyLog } from '../../src/transparency/transparency-log.ts';
import { type About, driverOf, type Sought } from '../entries/about.ts';
import { type Completeness, completenessOf } from '../entries/concerning.ts';
import { itemsOf, type TimelineItem } from '../entries/items.ts';
import { indexesUnder } from '../entries/leaves.ts';
import { VALUE_AXES } from '../entries/numbers.ts';
import { Opening } from '../entries/opening.ts';
import { documentOf, walk } from '../entries/walk.ts';
import { iso, momentOf } from '../moment.ts';
import { Asking, type Frame, type Question } from '../question.ts';
import { Views } from '../views.ts';

/** More than a bundle holds: the question has to be narrower. */
export class EvidenceTooBroad extends Error {
  override name = 'EvidenceTooBroad';
}

export interface EvidenceQuestion extends Pick<Question, 'asOf' | 'after' | 'viewer'> {
  about?: About;
  /** Events, at most. */
  maxEvents: number;
  /** Characters of their entries, at most. */
  maxCharacters: number;
  /** How long a tree head is waited for that covers what was recorded until now. */
  waitMs: number;
}

/** An event that was found, by its place in the tree and in the log. */
export interface FoundLeaf {
  index: number;
  position: number;
}

export interface EvidenceFound {
  /** In the order of the log. */
  leaves: FoundLeaf[];
  /** Covers all of them. Without `asOf` it covers nothing that was not looked through. */
  head: PublishedHead;
  /** Everything recorded up to here was looked through. */
  position: number;
  asOf: string;
  /** What was asked about, in the words of the log: references, match digests, codes; times in UTC. */
  about: Record<string, readonly string[] | string>;
  /** Where it was asked about one person. */
  completeness?: Completeness;
  people: string[];
  correlationId: string;
  /** Entries as the viewer may see them, in the order of these events. */
  open(events: readonly RecordedEvent[]): Promise<TimelineItem[]>;
}

/** Finds everything that an evidence bundle is to hold, under one tree head; nothing of it is read yet. */
export class Evidence extends Query<EvidenceFound> {
  constructor(readonly question: EvidenceQuestion) {
    super();
  }
}

/** People named in a bundle, at most: each is recorded with the question. */
const MAX_PEOPLE = 100_000;
const STEP = 1_000;

@QueryHandler(Evidence)
export class EvidenceHandler implements IQueryHandler<Evidence> {
  readonly #asking: Asking;

  constructor(
    private readonly views: Views,
    private readonly store: EventStore,
    private readonly vault: KeyVault,
    people: People,
    private readonly log: TransparencyLog,
  ) {
    this.#asking = new Asking(views, store, vault, people, 'entries');
  }

  /** @throws EvidenceTooBroad, LeafDiffers, NotThereYet, NotSealedYet, SealingRefused, InvalidMoment, QuestionTooLong, TooManyQuestions */
  async execute({ question }: Evidence): Promise<EvidenceFound> {
    const { frame, head } = await this.#framed(question);
    const sought = await this.#asking.sought(question, frame);
    const asked = sought?.values.get('subject');
    const walked = sought ? await this.#found(question, frame, sought) : NOTHING;
    return {
      leaves: await this.#leavesOf(walked.positions, head),
      head,
      ...{ position: frame.position, asOf: frame.asOf, correlationId: frame.correlationId },
      about: inWordsOfTheLog(question.about ?? {}, sought),
      ...(await this.#completeness(question, asked, frame)),
      people: asked ?? walked.people,
      open: (events) => this.#open(events, question, frame, asked, walked.hasCorrections),
    };
  }

  /**
   * One state of the ledger, and a tree head that covers it: of now, all that the head covers, and so all that was recorded before
   * the question; of a day, all that was known then.
   */
  async #framed({ after = 0, ...question }: EvidenceQuestion): Promise<{ frame: Frame; head: PublishedHead }> {
    const { asOf } = question;
    const recorded = asOf === undefined ? await this.store.head() : await this.store.positionAt(iso(momentOf(asOf, 'end')));
    const frame = await this.#asking.frame('evidence', { ...question, after: Math.max(after, recorded) });
    const head = await this.log.covering(frame.position, question.waitMs);
    if (asOf !== undefined) return { frame, head };
    await this.views.reached('entries', head.position);
    const last = await this.store.at(head.position);
    return { frame: { ...frame, position: head.position, asOf: last?.recordedAt ?? frame.asOf }, head };
  }

  async #found({ viewer, maxEvents, maxCharacters }: EvidenceQuestion, { position }: Frame, sought: Sought): Promise<Walked> {
    const driver = await driverOf(this.views.db, sought);
    if (!driver) return NOTHING;
    const opening = new Opening(viewer, sought.values.get('subject'));
    const positions: number[] = [];
    const people = new Set(sought.values.get('actor'));
    let hasCorrections = false;
    let characters = 0;
    let last: [number, number] | undefined;
    for (;;) {
      const page = await walk(this.views.db, { sought, driver, position, order: 'asc', last }, STEP);
      for (const document of page.documents) {
        positions.push(document.position);
        for (const { reference } of opening.shown(document.entry)) people.add(reference);
        last = [document.time, document.position];
      }
      hasCorrections ||= page.hasCorrections;
      characters += page.characters;
      if (positions.length > maxEvents) throw new EvidenceTooBroad(`a bundle holds at most ${maxEvents} events`);
      if (characters > maxCharacters) throw new EvidenceTooBroad(`a bundle holds at most ${maxCharacters} characters of entries`);
      if (people.size > MAX_PEOPLE) throw new EvidenceTooBroad(`a bundle names at most ${MAX_PEOPLE} people`);
      if (page.isEnd) return { positions: positions.sort((a, b) => a - b), people: [...people], hasCorrections };
    }
  }

  async #leavesOf(positions: readonly number[], head: PublishedHead): Promise<FoundLeaf[]> {
    const leaves: FoundLeaf[] = [];
    for (let from = 0; from < positions.length; from += STEP) {
      const page = positions.slice(from, from + STEP);
      const indexes = await indexesUnder(this.log, page, head);
      leaves.push(...page.map((position, i) => ({ position, index: indexes[i] as number })));
    }
    return leaves;
  }

  async #completeness({ about }: EvidenceQuestion, asked: readonly string[] | undefined, { position }: Frame) {
    const isOne = asked !== undefined && (!Array.isArray(about?.subject) || about.subject.length === 1);
    if (!isOne) return {};
    const completeness = await completenessOf({ db: this.views.db, log: this.log }, asked, position);
    return completeness ? { completeness } : {};
  }

  async #open(
    events: readonly RecordedEvent[],
    { viewer }: EvidenceQuestion,
    frame: Frame,
    asked: readonly string[] | undefined,
    hasCorrections: boolean,
  ): Promise<TimelineItem[]> {
    const shelf = { db: this.views.db, vault: this.vault, position: frame.position, groupsOf: this.#asking.groupsOf(frame) };
    const items: TimelineItem[] = [];
    const documents = events.map(documentOf);
    while (documents.length > 0) {
      const opening = new Opening(viewer, asked);
      const part = documents.splice(0, opening.fitting(documents));
      items.push(...(await itemsOf({ documents: part, hasCorrections }, opening, shelf)));
    }
    return items;
  }
}

interface Walked {
  positions: number[];
  people: string[];
  hasCorrections: boolean;
}
const NOTHING: Walked = { positions: [], people: [], hasCorrections: false };

/** Each axis as the log has it: whoever and whatever it does not know is an empty list. */
function inWordsOfTheLog({ from, to, ...axes }: About, sought: Sought | undefined): EvidenceFound['about'] {
  const values: ReadonlyMap<string, readonly string[]> = sought?.values ?? new Map();
  const isLookedUp = (axis: string) => Object.hasOwn(VALUE_AXES, axis);
  return {
    ...Object.fromEntries(
      Object.entries(axes).map(([axis, asked]) => [axis, isLookedUp(axis) ? (values.get(axis) ?? []) : ([asked].flat() as string[])]),
    ),
    ...(from !== undefined && { from: iso(momentOf(from, 'start')) }),
    ...(to !== undefined && { to: iso(momentOf(to, 'start')) }),
  };
}
