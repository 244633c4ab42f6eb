import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import { EventStore } from '../../src/eventstore/event-store.ts';
import { People } from '../../src/ledger/people/people.ts';
import { KeyVault } from '../../src/privacy/key-vault.ts';
import { driverOf, type Sought } from '../entries/about.ts';
import { itemsOf, type TimelineItem } from '../entries/items.ts';
import { Opening } from '../entries/opening.ts';
import { type Document, type Walked, walk } from '../entries/walk.ts';
import { type Answer, Asking, type Frame, type Question } from '../question.ts';
import { Views } from '../views.ts';

/** People shown on a page, at most: each is a key to fetch and a part to open. */
const MAX_SHOWN = 10_000;
const DEFAULT_LIMIT = 50;
const NOTHING: Walked = { documents: [], isEnd: true, hasCorrections: false, characters: 0 };

/** Who processed what, of whom, when and why (Q9), on any axes, as the ledger knew it on a day. */
export class Timeline extends Query<Answer<TimelineItem>> {
  constructor(readonly question: Question) {
    super();
  }
}

@QueryHandler(Timeline)
export class TimelineHandler implements IQueryHandler<Timeline> {
  readonly #asking: Asking;

  constructor(
    private readonly views: Views,
    store: EventStore,
    private readonly vault: KeyVault,
    people: People,
  ) {
    this.#asking = new Asking(views, store, vault, people, 'entries');
  }

  /** @throws NotThereYet, InvalidCursor, InvalidMoment, QuestionTooLong, TooManyQuestions */
  async execute({ question }: Timeline): Promise<Answer<TimelineItem>> {
    const frame = await this.#asking.frame('timeline', question);
    const sought = await this.#asking.sought(question, frame);
    const asked = sought?.values.get('subject');
    if (asked) question.onPeople?.(asked, frame.correlationId);
    const opening = new Opening(question.viewer, asked);
    const walked = sought ? await this.read(question, frame, sought, opening) : NOTHING;
    const { documents, isEnd } = walked;
    const last = documents.at(-1);
    return {
      items: await itemsOf(walked, opening, {
        ...{ db: this.views.db, vault: this.vault, position: frame.position },
        groupsOf: this.#asking.groupsOf(frame),
      }),
      next: isEnd || !last ? null : this.#asking.next('timeline', question, frame, [last.time, last.position]),
      position: frame.position,
      asOf: frame.asOf,
      people: asked ?? peopleOf(documents, opening, sought?.values.get('actor')),
      correlationId: frame.correlationId,
      isFurtherPage: question.cursor !== undefined,
    };
  }

  /** The entries of the page; it ends early where it would show too many people. */
  private async read(question: Question, { position, last }: Frame, sought: Sought, opening: Opening): Promise<Walked> {
    const { order = 'desc', limit = DEFAULT_LIMIT } = question;
    const driver = await driverOf(this.views.db, sought);
    if (!driver) return NOTHING;
    const from = { sought, driver, position, order, last: last as [number, number] | undefined };
    const walked = await walk(this.views.db, from, limit + 1);
    const { documents } = walked;
    let shown = 0;
    const fitting = documents.findIndex(({ entry }, i) => {
      shown += opening.shown(entry).length;
      return i === limit || (i > 0 && shown > MAX_SHOWN);
    });
    return fitting < 0 ? walked : { ...walked, documents: documents.slice(0, fitting), isEnd: false };
  }
}

/** Whoever is shown, and the actors asked about: they, too, are people whose doings somebody looks at. */
function peopleOf(documents: readonly Document[], opening: Opening, actors: readonly string[] = []): string[] {
  return [...new Set([...actors, ...documents.flatMap(({ entry }) => opening.shown(entry).map(({ reference }) => reference))])];
}
