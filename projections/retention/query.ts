import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import { type RawBuilder, sql } from 'kysely';
import { EventStore } from '../../src/eventstore/event-store.ts';
import { People } from '../../src/ledger/people/people.ts';
import { Policies } from '../../src/ledger/policy/policies.ts';
import { dueAfter } from '../../src/policy/due.ts';
import { KeyVault } from '../../src/privacy/key-vault.ts';
import { listed } from '../database.ts';
import type { About, OneOrMany } from '../entries/about.ts';
import { peopleShown, type ShownPerson } from '../entries/gone.ts';
import { type Document, documentsAt } from '../entries/walk.ts';
import { iso, momentOf } from '../moment.ts';
import { type Answer, Asking, type Frame, type Question } from '../question.ts';
import { Views } from '../views.ts';
import type { Touch } from './reckon.ts';
import { RetentionVersion, RetentionVersions, reviewAt } from './rules.ts';
import {
  keptOf,
  numbersOf,
  RETENTION_STATES,
  type RetentionState,
  referencesOf,
  type StandingItem,
  standingItems,
  type Wanted,
} from './standing.ts';
import { KINDS } from './tables.ts';

export interface RetentionAbout extends Pick<About, 'subject' | 'purpose' | 'caseRef'> {
  /** Key of a rule in the policy. */
  rule?: OneOrMany<string>;
  state?: OneOrMany<RetentionState>;
}

export interface RetentionQuestion extends Omit<Question, 'about' | 'leaves'> {
  about?: RetentionAbout;
  /** The day on which is judged, of everything that was known `asOf`; absent: the day of `asOf`. It may lie ahead. */
  on?: string;
  /** The last day of what is `due`; absent: a month after `on`. Counts and calendars of days that end with one are of these days alone. */
  until?: string;
}

/** An event by where it stands. */
export interface RetentionEvent {
  source: string;
  id: string;
  position: number;
  type: string;
  time: string;
}

export interface RetentionHold {
  source: string;
  id: string;
  position: number;
  ground?: string;
  reviewBy: string;
  /** Whether that had passed on the day asked about. It holds all the same. */
  reviewOverdue: boolean;
}

/** Data of one person, kept for one purpose under one rule. */
export interface RetentionItem {
  state: RetentionState;
  subject: ShownPerson;
  purpose: string;
  /** Key of the rule; absent where none speaks. */
  rule?: string;
  /** By which it is judged: the one in force when its trigger came; null before the first. */
  policyVersion: string | null;
  clause: number | null;
  article: string;
  statute?: string;
  /** What the period runs from, as the rule says it. */
  trigger?: string;
  period?: string;
  /** The last day on which the data may be kept. */
  dueOn?: string;
  /** Of what has no trigger: the last day on which that is nothing to be told of. */
  openUntil?: string;
  /** What the period runs from; without a trigger, what it would have to end; without a rule, the first processing. */
  event: RetentionEvent;
  hold?: RetentionHold;
  /** What would have to be known to tell the day. */
  missing?: string[];
  /** Systems in which the data was processed, and not erased since. */
  systems: string[];
  lastProcessedOn?: string;
}

/**
 * What is kept too long, what falls due, what is held, and what nobody can tell (Q6): by person, purpose and rule, ordered by the day.
 */
export class RetentionItems extends Query<Answer<RetentionItem>> {
  constructor(readonly question: RetentionQuestion) {
    super();
  }
}

/** How many items there are of a purpose, by rule and state. */
export interface RetentionCount {
  purpose: string;
  rule?: string;
  state: RetentionState;
  items: number;
  subjects: number;
  /** The first and the last day among them. */
  firstDueOn?: string;
  lastDueOn?: string;
}

/** How many there are, by purpose, rule and state. Nobody is named. */
export class RetentionSummary extends Query<Answer<RetentionCount>> {
  constructor(readonly question: RetentionQuestion) {
    super();
  }
}

/** What is to be done on a day. */
export interface RetentionDay {
  day: string;
  /** To erase; a hold to review; a process that never closed. */
  what: 'erase' | 'review-hold' | 'close';
  purpose: string;
  rule?: string;
  clause: number | null;
  statute?: string;
  items: number;
  /** Some of those whom it is about, by reference: whoever may ask learns from those who it is. */
  references: string[];
}

/** What is to be done when: the items by day, for a calendar, which others may read, too. Nobody is named. */
export class RetentionCalendar extends Query<Answer<RetentionDay>> {
  constructor(readonly question: RetentionQuestion) {
    super();
  }
}

/** The last day that is asked about lies before the day on which is judged. */
export class InvalidUntil extends Error {
  override name = 'InvalidUntil';
  constructor() {
    super('`until` is not before `on`');
  }
}

const ARTICLE = '5(1)(e)';
const DEFAULT_LIMIT = 50;
/** References of one day of a calendar. */
const MAX_REFERENCES = 20;
const FURTHER_ON = 'P1M';
/** What a list shows unless asked: everything but what nobody has to do anything about. */
const SHOWN = RETENTION_STATES.filter((state) => state !== 'within-period');

/** What is counted of some days unless asked: what falls due on them. */
const FORECAST: readonly RetentionState[] = ['due'];

const list = <T>(value: OneOrMany<T> | undefined): readonly T[] | undefined =>
  value === undefined ? undefined : Array.isArray(value) ? value : [value as T];
const dayOf = (moment: number): string => iso(moment).slice(0, 10);

/** What the three questions have in common. */
abstract class Handler {
  readonly #asking: Asking;

  constructor(
    protected readonly views: Views,
    store: EventStore,
    protected readonly vault: KeyVault,
    people: People,
    protected readonly policies: Policies,
  ) {
    this.#asking = new Asking(views, store, vault, people, 'retention', 'entries');
  }

  protected async asked(name: string, question: RetentionQuestion) {
    const { on, until, about = {} } = question;
    const own = [name, on, until, list(about.rule), list(about.state)].map((each) => JSON.stringify(each ?? null)).join(' ');
    const { rule: _, state: __, ...axes } = about;
    const common: Question = { ...question, about: axes, order: question.order ?? 'asc' };
    const frame = await this.#asking.frame(own, common);
    const from = momentOf(on ?? dayOf(Date.parse(frame.asOf)), 'start');
    const end = until === undefined ? dueAfter(from, FURTHER_ON) : momentOf(until, 'end');
    if (end < from) throw new InvalidUntil();
    const sought = await this.#asking.sought({ ...common, about: subjectAndCase(about) }, frame);
    const people = sought?.values.get('subject');
    if (people) question.onPeople?.(people, frame.correlationId);
    const wanted: Wanted = {
      ...{ position: frame.position, from, until: end, states: list(about.state) ?? SHOWN },
      ...{ people, purposes: list(about.purpose), rules: list(about.rule), cases: sought?.values.get('caseRef') },
    };
    const next = (last: readonly (number | string)[] | undefined) => (last ? this.#asking.next(own, common, frame, last) : null);
    return { frame, wanted: sought ? wanted : undefined, people, next, order: common.order === 'desc' ? sql`desc` : sql`asc` };
  }

  protected groupsOf(frame: Frame, references: readonly string[]): Promise<string[][]> {
    return this.#asking.groupsOf(frame)(references);
  }

  protected async versions(frame: Frame): Promise<RetentionVersions> {
    const published = await this.policies.versions(Date.parse(frame.asOf));
    return new RetentionVersions(
      published.map(({ version, effectiveFrom, promises }) => new RetentionVersion(version, effectiveFrom, promises.policy)),
    );
  }

  protected async rows<T>(statement: RawBuilder<T>): Promise<T[]> {
    return (await statement.execute(this.views.db)).rows;
  }

  protected answer<Item>(
    question: RetentionQuestion,
    { position, asOf, correlationId }: Frame,
    { items, next, people }: Pick<Answer<Item>, 'items' | 'next' | 'people'>,
  ): Answer<Item> {
    return { items, next, people, position, asOf, correlationId, isFurtherPage: question.cursor !== undefined };
  }
}

const subjectAndCase = ({ subject, caseRef }: RetentionAbout): About => ({
  ...(subject !== undefined && { subject }),
  ...(caseRef !== undefined && { caseRef }),
});

/** Rows behind the last of the page before, in the order of columns. */
const behind = (last: readonly (number | string)[] | undefined, columns: RawBuilder<unknown>, isDown: boolean): RawBuilder<unknown> =>
  last === undefined ? sql`` : sql`where (${columns}) ${isDown ? sql`<` : sql`>`} (${sql.join(last)})`;

@QueryHandler(RetentionItems)
export class RetentionItemsHandler extends Handler implements IQueryHandler<RetentionItems> {
  constructor(views: Views, store: EventStore, vault: KeyVault, people: People, policies: Policies) {
    super(views, store, vault, people, policies);
  }

  /** @throws NotThereYet, InvalidCursor, InvalidMoment, InvalidUntil, QuestionTooLong, TooManyQuestions */
  async execute({ question }: RetentionItems): Promise<Answer<RetentionItem>> {
    const { frame, wanted, people, next, order } = await this.asked('retention', question);
    const limit = question.limit ?? DEFAULT_LIMIT;
    const after = behind(frame.last, sql`due, id`, question.order === 'desc');
    const found = wanted
      ? await this.rows<StandingItem>(sql<StandingItem>`select * from (${standingItems(wanted)}) as s ${after}
          order by due ${order}, id ${order} limit ${limit + 1}`)
      : [];
    const page = found.slice(0, limit);
    const last = found.length > limit ? page.at(-1) : undefined;
    const { items, shown } = wanted && page.length > 0 ? await this.items(page, question, frame, wanted) : { items: [], shown: [] };
    return this.answer(question, frame, { items, next: next(last && [last.due, last.id]), people: people ?? shown });
  }

  private async items(page: readonly StandingItem[], { viewer }: RetentionQuestion, frame: Frame, wanted: Wanted) {
    const { db } = this.views;
    const persons = [...new Set(page.map(({ person }) => person))];
    const references = await referencesOf(db, persons);
    const groups = await this.groupsOf(
      frame,
      persons.map((person) => references.get(person) as string),
    );
    const versions = await this.versions(frame);
    const numbers = await numbersOf(db, groups.flat());
    const members = new Map(persons.map((person, i) => [person, new Set((groups[i] ?? []).flatMap((each) => numbers.get(each) ?? []))]));
    const positions = page.flatMap(({ position, hold }) => (hold === null ? [position] : [position, hold]));
    const [subjects, documents, kept] = await Promise.all([
      peopleShown(this.vault, groups, viewer),
      documentsAt(db, positions),
      keptOf(
        db,
        [...members.values()].flatMap((each) => [...each]),
        frame.position,
        versions,
      ),
    ]);
    const shownAs = new Map(persons.map((person, i) => [person, subjects[i] as ShownPerson]));
    const keptBy = new Map<number, Touch[]>();
    for (const touch of kept) keptBy.set(touch.person, [...(keptBy.get(touch.person) ?? []), touch]);
    const items = page.map((item) => {
      const own = [...(members.get(item.person) ?? [])].flatMap((member) => keptBy.get(member) ?? []);
      return itemOf(item, shownAs.get(item.person) as ShownPerson, { versions, documents, kept: own, from: wanted.from });
    });
    return { items, shown: [...new Set(groups.flat())] };
  }
}

function itemOf(
  { state, purpose, rule, version, case_ref, kind, missing, position, due_at, hold }: StandingItem,
  subject: ShownPerson,
  {
    versions,
    documents,
    kept,
    from,
  }: { versions: RetentionVersions; documents: ReadonlyMap<number, Document>; kept: readonly Touch[]; from: number },
): RetentionItem {
  const judging = versions.named(version);
  const entry = judging?.policy.retention[rule];
  const own = kept.filter(({ profile, inCase }) => {
    const speaks = judging?.ruleOf(profile.purpose, profile.subject);
    const isRules = rule === '' || (typeof speaks === 'object' && speaks.id === rule);
    return profile.purpose === purpose && isRules && (case_ref === 0 || inCase === case_ref);
  });
  const systems = new Set(own.flatMap(({ profile }) => profile.system ?? []));
  return {
    ...{ state, subject, purpose },
    ...(rule !== '' && { rule }),
    policyVersion: version === '' ? null : version,
    clause: judging?.clauseOf(rule) ?? null,
    article: ARTICLE,
    ...(entry?.statute !== undefined && { statute: entry.statute }),
    ...(entry && { trigger: entry.trigger, period: entry.period }),
    ...(kind === KINDS.dated && { dueOn: dayOf(due_at as number) }),
    ...(kind === KINDS['no-trigger'] && due_at !== null && { openUntil: dayOf(due_at) }),
    event: eventOf(position, documents),
    ...(hold !== null && { hold: holdOf(hold, documents, from) }),
    ...(missing !== null && { missing: [missing] }),
    systems: [...systems].sort(),
    ...(own.length > 0 && { lastProcessedOn: dayOf(Math.max(...own.map(({ time }) => time))) }),
  };
}

function eventOf(position: number, documents: ReadonlyMap<number, Document>): RetentionEvent {
  const { type, entry } = documents.get(position) as Document;
  return { source: entry.source, id: entry.id, position, type, time: entry.time };
}

function holdOf(position: number, documents: ReadonlyMap<number, Document>, from: number): RetentionHold {
  const { entry } = documents.get(position) as Document;
  const { ground, reviewBy } = entry.data as { ground?: string; reviewBy?: string };
  const until = reviewAt(String(reviewBy));
  return {
    ...{ source: entry.source, id: entry.id, position },
    ...(ground !== undefined && { ground }),
    reviewBy: String(reviewBy),
    reviewOverdue: until !== null && until < from,
  };
}

@QueryHandler(RetentionSummary)
export class RetentionSummaryHandler extends Handler implements IQueryHandler<RetentionSummary> {
  constructor(views: Views, store: EventStore, vault: KeyVault, people: People, policies: Policies) {
    super(views, store, vault, people, policies);
  }

  /** @throws NotThereYet, InvalidCursor, InvalidMoment, InvalidUntil, QuestionTooLong, TooManyQuestions */
  async execute({ question }: RetentionSummary): Promise<Answer<RetentionCount>> {
    const { frame, wanted, people, next } = await this.asked('retention-summary', question);
    const limit = question.limit ?? DEFAULT_LIMIT;
    const states = list(question.about?.state) ?? (question.until === undefined ? RETENTION_STATES : FORECAST);
    const columns = sql`purpose, rule, state`;
    const found = wanted
      ? await this.rows<CountRow>(sql<CountRow>`select * from (
          select purpose, rule, state, count(*) as items, count(distinct person) as subjects, min(due_at) as first, max(due_at) as last
          from (${standingItems({ ...wanted, states })}) as s group by purpose, rule, state) as counts
        ${behind(frame.last, columns, false)} order by ${columns} limit ${limit + 1}`)
      : [];
    const page = found.slice(0, limit);
    const last = found.length > limit ? page.at(-1) : undefined;
    return this.answer(question, frame, {
      items: page.map(countOf),
      next: next(last && [last.purpose, last.rule, last.state]),
      people: people ?? [],
    });
  }
}

interface CountRow {
  purpose: string;
  rule: string;
  state: RetentionState;
  items: number;
  subjects: number;
  first: number | null;
  last: number | null;
}

const DATED = new Set<RetentionState>(['overdue', 'due', 'within-period']);

const countOf = ({ purpose, rule, state, items, subjects, first, last }: CountRow): RetentionCount => ({
  purpose,
  ...(rule !== '' && { rule }),
  ...{ state, items, subjects },
  ...(DATED.has(state) && first !== null && last !== null && { firstDueOn: dayOf(first), lastDueOn: dayOf(last) }),
});

@QueryHandler(RetentionCalendar)
export class RetentionCalendarHandler extends Handler implements IQueryHandler<RetentionCalendar> {
  constructor(views: Views, store: EventStore, vault: KeyVault, people: People, policies: Policies) {
    super(views, store, vault, people, policies);
  }

  /** @throws NotThereYet, InvalidCursor, InvalidMoment, InvalidUntil, QuestionTooLong, TooManyQuestions */
  async execute({ question }: RetentionCalendar): Promise<Answer<RetentionDay>> {
    const { frame, wanted, people, next } = await this.asked('retention-calendar', question);
    const limit = question.limit ?? DEFAULT_LIMIT;
    const onThem = wanted && onDays(wanted, question.until !== undefined);
    const found = onThem ? await this.days(onThem, frame, limit + 1) : [];
    const page = found.slice(0, limit);
    const last = found.length > limit ? page.at(-1) : undefined;
    const versions = await this.versions(frame);
    const references = page.length > 0 && onThem ? await this.some(onThem, page) : new Map<string, string[]>();
    const items = page.map((row): RetentionDay => {
      const { rule, purpose } = row;
      const named = new Set(JSON.parse(row.versions) as string[]);
      // Where several judge what is due on one day, the newest speaks.
      const judging = versions.latestFirst().find(({ version }) => named.has(version));
      const statute = judging?.policy.retention[rule]?.statute;
      return {
        ...{ day: dayOf(row.at), what: row.what, purpose },
        ...(rule !== '' && { rule }),
        clause: judging?.clauseOf(rule) ?? null,
        ...(statute !== undefined && { statute }),
        items: row.items,
        references: references.get(placeOf(row).join(' ')) ?? [],
      };
    });
    const shown = await this.groupsOf(frame, [...references.values()].flat());
    return this.answer(question, frame, { items, next: next(last && placeOf(last)), people: people ?? [...new Set(shown.flat())] });
  }

  private days(onThem: RawBuilder<unknown>, frame: Frame, limit: number): Promise<DayRow[]> {
    return this.rows(sql<DayRow>`select * from (select at, what, purpose, rule, json_group_array(distinct version) as versions, count(*) as items
        from (${onThem}) as d group by ${DAY_COLUMNS}) as days
      ${behind(frame.last, DAY_COLUMNS, false)} order by ${DAY_COLUMNS} limit ${limit}`);
  }

  /** Some of the people of each day. */
  private async some(onThem: RawBuilder<unknown>, page: readonly DayRow[]): Promise<Map<string, string[]>> {
    const rows = await this.rows(sql<Omit<DayRow, 'versions'> & { reference: string }>`select n.*, k.value as reference from (
        select d.*, row_number() over (partition by ${DAY_COLUMNS} order by d.id) as n from (${onThem}) as d
        where d.at in ${listed([...new Set(page.map(({ at }) => at))])}
      ) as n join retention_keys as k on k.id = n.person where n.n <= ${MAX_REFERENCES} order by n.id`);
    const references = new Map<string, string[]>();
    for (const row of rows) {
      const place = placeOf(row).join(' ');
      references.set(place, [...new Set([...(references.get(place) ?? []), row.reference])]);
    }
    return references;
  }
}

interface DayRow {
  /** The last moment that is in time. */
  at: number;
  what: RetentionDay['what'];
  purpose: string;
  rule: string;
  /** By which they are judged: JSON array. */
  versions: string;
  items: number;
}

const DAY_COLUMNS = sql`at, what, purpose, rule`;
const placeOf = ({ at, what, purpose, rule }: Omit<DayRow, 'versions' | 'items'>): (number | string)[] => [at, what, purpose, rule];

/**
 * Items that have a day: to erase, to review, to ask why it is still open. Of several moments of a day the last stands for it.
 * @param isWindow the days that are asked about, and no other; else whatever has a day
 */
const onDays = (wanted: Wanted, isWindow: boolean): RawBuilder<unknown> => {
  const within = isWindow ? sql` where at between ${wanted.from} and ${wanted.until}` : sql``;
  return sql`select * from (${everyDay(wanted)}) as every${within}`;
};

const everyDay = (wanted: Wanted): RawBuilder<unknown> => sql`select id, person, purpose, rule, version,
    case when state = 'on-hold' then 'review-hold' when state = 'no-trigger' then 'close' else 'erase' end as what,
    ${endOf(sql`case when state = 'on-hold' then review_at else due_at end`)} as at
  from (${standingItems(wanted)}) as s where case when state = 'on-hold' then review_at else due_at end is not null`;

const DAY_LENGTH = sql.lit(86_400_000);
const endOf = (moment: RawBuilder<unknown>): RawBuilder<number> => sql<number>`(${moment} - ${moment} % ${DAY_LENGTH} + ${DAY_LENGTH} - 1)`;
