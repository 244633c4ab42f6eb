import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import { sql } from 'kysely';
import { EventStore } from '../../src/eventstore/event-store.ts';
import { People } from '../../src/ledger/people/people.ts';
import { Policies } from '../../src/ledger/policy/policies.ts';
import { KeyVault } from '../../src/privacy/key-vault.ts';
import { listed } from '../database.ts';
import type { About, OneOrMany } from '../entries/about.ts';
import { Opening, type ShownActor, type ShownSubject } from '../entries/opening.ts';
import { type Document, documentsAt } from '../entries/walk.ts';
import { iso, momentOf } from '../moment.ts';
import { type Answer, Asking, type Frame, type Question } from '../question.ts';
import { Views } from '../views.ts';
import { type FindingState, type FoundRow, findingsAfter, KEPT, lastOf, type Place, type Wanted } from './places.ts';
import type { RemarkKind } from './remarks-tables.ts';
import { type SummaryAbout, type SummaryBy, type SummaryItem, summaryOf } from './summary.ts';
import { titleOf } from './titles.ts';

/** What a question about findings is about: their events, on any axes, and what was found. All axes combine. */
export interface FindingsAbout extends About {
  /** Id of a finding, as an answer showed it. */
  finding?: OneOrMany<string>;
  rule?: OneOrMany<string>;
  verdict?: OneOrMany<string>;
  severity?: OneOrMany<string>;
  clause?: OneOrMany<number>;
  article?: OneOrMany<string>;
  policyVersion?: OneOrMany<string>;
  state?: OneOrMany<FindingState>;
  /** Inclusive, as `from` is of the events. */
  detectedFrom?: string;
  /** Exclusive. */
  detectedTo?: string;
}

export interface FindingsQuestion extends Omit<Question, 'about' | 'leaves'> {
  about?: FindingsAbout;
}

/** What somebody said of a finding. It stays when the finding goes, and when it comes back. */
export interface Remark {
  kind: RemarkKind;
  at: string;
  by: ShownActor;
  /** To whoever sees the details of the people it is about. */
  reason?: string;
  position: number;
}

export interface FindingItem {
  finding: string;
  rule: string;
  /** Of the rule. */
  title: string;
  verdict: 'violates' | 'undeterminable';
  /** What was broken, as a code. */
  what?: string;
  severity?: string;
  /** Of the policy; null where none promises it. */
  clause: number | null;
  clauseTitle?: string;
  article: string;
  /** By which it was judged; null before the first was in force. */
  policyVersion: string | null;
  /** What would have to be known. */
  missing?: string[];
  /** Since when it is one: when it was detected, or when what was due had not been done. */
  detectedAt: string;
  dueAt?: string;
  state: FindingState;
  cleared?: { at: string; why: string };
  remarks?: Remark[];
  recipient?: string;
  event: { source: string; id: string; position: number; type: string; time: string };
  actor: ShownActor;
  /** Whom it is about. */
  subjects: ShownSubject[];
  subjectCount: number;
}

/**
 * What was found by the policy (Q11): what it was promised otherwise, and what cannot be told. As of a day it tells what had been detected by
 * then, and was in effect; `order` is by detection.
 */
export class Findings extends Query<Answer<FindingItem>> {
  constructor(readonly question: FindingsQuestion) {
    super();
  }
}

export interface SummaryQuestion extends Omit<FindingsQuestion, 'about' | 'onPeople'> {
  about?: Pick<FindingsAbout, 'rule' | 'clause' | 'policyVersion' | 'from' | 'to'>;
  by?: SummaryBy;
}

/**
 * How many findings there are, by rule or clause and by the week in which their events happened; newest first, whatever `order` says. A day
 * as of which it is asked is a whole one. It names nobody.
 */
export class FindingsSummary extends Query<Answer<SummaryItem>> {
  constructor(readonly question: SummaryQuestion) {
    super();
  }
}

/** A finding as whoever speaks of it has to know it; undefined where nothing was ever found by this name. */
export class FindingNow extends Query<FoundNow | undefined> {
  constructor(
    readonly finding: string,
    /** Wait until the read side has reached this position. */
    readonly after?: number,
  ) {
    super();
  }
}

export interface FoundNow {
  rule: string;
  /** Milliseconds since 1970. */
  appearedAt: number;
  isCleared: boolean;
  people: string[];
}

const DEFAULT_LIMIT = 50;
/** Findings whose events are read at once. */
const STEP = 50;
/** Characters of the events of a page, at most, but for one step. */
const MAX_CHARACTERS = 16 * 1024 * 1024;

/** What is asked: entries for what happened and to whom, the others for what was found and said of it. */
const PROJECTIONS = ['entries', ...KEPT.map(({ projection }) => projection), 'remarks'] as [string, ...string[]];

/** What is counted: events are not looked at. */
const COUNTED = PROJECTIONS.slice(1) as [string, ...string[]];

/** A finding with what it takes to show it. */
interface Found {
  row: FoundRow;
  /** The event, with those people alone whom the finding is about, whether it names them or not. */
  document: Document;
  remarks: { kind: RemarkKind; recordedAt: number; document: Document }[];
}

@QueryHandler(Findings)
export class FindingsHandler implements IQueryHandler<Findings> {
  readonly #asking: Asking;

  constructor(
    private readonly views: Views,
    store: EventStore,
    private readonly vault: KeyVault,
    people: People,
    private readonly policies: Policies,
  ) {
    this.#asking = new Asking(views, store, vault, people, ...PROJECTIONS);
  }

  /** @throws NotThereYet, InvalidCursor, InvalidMoment, QuestionTooLong, TooManyQuestions */
  async execute({ question }: Findings): Promise<Answer<FindingItem>> {
    const frame = momentary(await this.#asking.frame('findings', question), question);
    const sought = await this.#asking.sought(question, frame);
    const asked = sought?.values.get('subject');
    if (asked) question.onPeople?.(asked, frame.correlationId);
    const { found, isEnd } = sought ? await this.read({ ...wantedIn(question.about), sought }, question, frame) : NOTHING;
    // What an event says beyond whom it is about is what a timeline shows.
    const opening = new Opening({ ...question.viewer, openSubject: false, openAll: false }, asked);
    const fitting = opening.fitting(found.map(({ document }) => document));
    const shown = found.slice(0, fitting);
    const items = await this.items(shown, opening, new Opening(question.viewer, asked), frame);
    const last = shown.at(-1)?.row;
    return {
      items,
      next: (isEnd && fitting === found.length) || !last ? null : this.#asking.next('findings', question, frame, placeOf(last)),
      position: frame.position,
      asOf: frame.asOf,
      people: asked ?? peopleOf(shown, opening, sought?.values.get('actor')),
      correlationId: frame.correlationId,
      isFurtherPage: question.cursor !== undefined,
    };
  }

  /** The findings of the page; it ends early where their events are large. */
  private async read(
    wanted: Wanted,
    { order = 'desc', limit = DEFAULT_LIMIT }: FindingsQuestion,
    frame: Frame,
  ): Promise<{ found: Found[]; isEnd: boolean }> {
    const at = { position: frame.position, moment: Date.parse(frame.asOf) };
    const from = { ...at, order, last: frame.last as Place | undefined };
    const rows = await findingsAfter(this.views.db, wanted, from, limit + 1);
    const page = rows.slice(0, limit);
    const remarks = await remarksOn(this.views, page, frame.position);
    const found: Found[] = [];
    let characters = 0;
    for (let step = 0; step < page.length && characters <= MAX_CHARACTERS; step += STEP) {
      const some = page.slice(step, step + STEP);
      const said = some.map((row) => remarks.get(hex(row.finding)) ?? []);
      const positions = [...some.map(({ position }) => position), ...said.flat().map(({ position }) => position)];
      const [documents, whom] = await Promise.all([documentsAt(this.views.db, [...new Set(positions)]), whomOf(this.views, some)]);
      for (const { characters: length } of documents.values()) characters += length;
      const persons = await this.personsOf(some, documents, whom, frame);
      some.forEach((row, i) => {
        const document = concerning(documents.get(row.position) as Document, whom.get(keyOf(row)), persons);
        const words = (said[i] ?? []).map(({ position, ...rest }) => ({ ...rest, document: documents.get(position) as Document }));
        found.push({ row, document, remarks: words });
      });
    }
    return { found, isEnd: rows.length <= limit && found.length === page.length };
  }

  /** All references of those whom findings are about, where their events do not name them by the one that stands with the finding. */
  private async personsOf(
    rows: readonly FoundRow[],
    documents: ReadonlyMap<number, Document>,
    whom: ReadonlyMap<string, ReadonlySet<string>>,
    frame: Frame,
  ): Promise<ReadonlyMap<string, readonly string[]>> {
    const absent = new Set<string>();
    for (const row of rows) {
      const named = new Set((documents.get(row.position) as Document).entry.data.subjects.map(({ reference }) => reference));
      for (const reference of whom.get(keyOf(row)) ?? []) if (!named.has(reference)) absent.add(reference);
    }
    if (absent.size === 0) return new Map();
    const references = [...absent];
    const groups = await this.#asking.groupsOf(frame)(references);
    return new Map(references.map((reference, i) => [reference, groups[i] ?? []]));
  }

  private async items(found: readonly Found[], opening: Opening, words: Opening, frame: Frame): Promise<FindingItem[]> {
    const groupsOf = this.#asking.groupsOf(frame);
    const remarks = found.flatMap(({ remarks: said }) => said.map(({ document }) => document));
    const [titles] = await Promise.all([
      clauseTitles(this.policies),
      opening.fetch(
        found.map(({ document }) => document),
        this.vault,
        groupsOf,
      ),
      remarks.length > 0 ? words.fetch(remarks, this.vault, groupsOf) : undefined,
    ]);
    return found.map((one) => itemOf(one, { opening, words, titles, position: frame.position }));
  }
}

@QueryHandler(FindingsSummary)
export class FindingsSummaryHandler implements IQueryHandler<FindingsSummary> {
  readonly #asking: Asking;

  constructor(
    private readonly views: Views,
    store: EventStore,
    vault: KeyVault,
    people: People,
    private readonly policies: Policies,
  ) {
    this.#asking = new Asking(views, store, vault, people, ...COUNTED);
  }

  /** @throws NotThereYet, InvalidCursor, InvalidMoment, QuestionTooLong, TooManyQuestions */
  async execute({ question }: FindingsSummary): Promise<Answer<SummaryItem>> {
    const { by = 'rule', limit = DEFAULT_LIMIT, about = {}, asOf } = question;
    const name = `findings-summary ${by}`;
    const frame = momentary(await this.#asking.frame(name, question), question);
    const at = { position: frame.position, moment: Date.parse(frame.asOf), ...(asOf !== undefined && { day: frame.asOf.slice(0, 10) }) };
    const titles = await clauseTitles(this.policies);
    const newest = (await this.policies.versions()).at(-1)?.version ?? null;
    const all = await summaryOf(this.views.db, summarised(about), by, at, (clause) => titles(newest, clause));
    const rest = frame.last === undefined ? all : all.slice(1 + all.findIndex((item) => isPlaceOf(item, frame.last as Place)));
    const items = rest.slice(0, limit);
    const last = items.at(-1);
    return {
      items,
      next: rest.length > limit && last ? this.#asking.next(name, question, frame, [last.week, last.rule ?? String(last.clause)]) : null,
      position: frame.position,
      asOf: frame.asOf,
      people: [],
      correlationId: frame.correlationId,
      isFurtherPage: question.cursor !== undefined,
    };
  }
}

const isPlaceOf = ({ week, rule, clause }: SummaryItem, last: readonly unknown[]): boolean =>
  week === last[0] && (rule ?? String(clause)) === last[1];

/** @throws InvalidMoment */
function summarised({ from, to, ...about }: NonNullable<SummaryQuestion['about']>): SummaryAbout {
  return {
    ...wantedIn(about),
    ...(from !== undefined && { from: momentOf(from, 'start') }),
    ...(to !== undefined && { to: momentOf(to, 'start') }),
  };
}

@QueryHandler(FindingNow)
export class FindingNowHandler implements IQueryHandler<FindingNow> {
  constructor(private readonly views: Views) {}

  /** @throws NotThereYet, TooManyQuestions */
  async execute({ finding, after }: FindingNow): Promise<FoundNow | undefined> {
    await Promise.all(PROJECTIONS.map((name) => this.views.reached(name, after ?? 0)));
    const position = Math.min(...PROJECTIONS.map((name) => this.views.position(name)));
    const row = await lastOf(this.views.db, Buffer.from(finding, 'base64url'), { position, moment: Date.now() });
    if (!row) return undefined;
    const [documents, whom] = await Promise.all([documentsAt(this.views.db, [row.position]), whomOf(this.views, [row])]);
    const { entry } = documents.get(row.position) as Document;
    return {
      rule: row.rule,
      appearedAt: row.detected_at,
      isCleared: isClearedAt(row, position),
      people: [...(whom.get(keyOf(row)) ?? new Set(entry.data.subjects.map(({ reference }) => reference)))],
    };
  }
}

const NOTHING = { found: [], isEnd: true };

/** Without a day findings are those of the moment in which somebody asks: some become one by nothing but time passing. */
function momentary(frame: Frame, { asOf, cursor }: FindingsQuestion): Frame {
  if (asOf !== undefined || cursor !== undefined) return frame;
  return { ...frame, asOf: iso(Math.max(Date.now(), Date.parse(frame.asOf))) };
}

const list = <T>(value: OneOrMany<T> | undefined): readonly T[] | undefined =>
  value === undefined ? undefined : Array.isArray(value) ? value : [value as T];

/** @throws InvalidMoment */
function wantedIn(about: FindingsAbout = {}): Omit<Wanted, 'sought'> {
  const { rule, verdict, severity, clause, article, policyVersion, state, finding, detectedFrom, detectedTo } = about;
  const ids = list(finding)?.map((id) => Buffer.from(id, 'base64url'));
  const lists = { rule, verdict, severity, clause, article, policyVersion, state };
  const given = Object.entries(lists).flatMap(([name, values]) => (values === undefined ? [] : [[name, list<unknown>(values)]]));
  return {
    ...Object.fromEntries(given),
    ...(ids && { finding: ids }),
    ...(detectedFrom !== undefined && { detectedFrom: momentOf(detectedFrom, 'start') }),
    ...(detectedTo !== undefined && { detectedTo: momentOf(detectedTo, 'start') }),
  };
}

/** What was said of each of these findings up to a position, in the order in which it was. */
async function remarksOn(views: Views, rows: readonly FoundRow[], position: number) {
  const said = new Map<string, { position: number; kind: RemarkKind; recordedAt: number }[]>();
  if (rows.length === 0) return said;
  const found = await views.db
    .selectFrom('findings_remarks')
    .selectAll()
    .where(
      'finding',
      'in',
      rows.map(({ finding }) => finding),
    )
    .where('position', '<=', position)
    .orderBy('position')
    .execute();
  for (const remark of found) {
    const key = hex(remark.finding);
    said.set(key, [...(said.get(key) ?? []), { position: remark.position, kind: remark.kind, recordedAt: remark.recorded_at }]);
  }
  return said;
}

/** Whom findings are about that are not about everybody on the event. */
async function whomOf(views: Views, rows: readonly FoundRow[]): Promise<Map<string, Set<string>>> {
  const whom = new Map<string, Set<string>>();
  for (const [kept, { whom: table }] of KEPT.entries()) {
    const partial = rows.filter((row) => row.kept === kept && row.is_partial === 1).map(({ row }) => row);
    if (partial.length === 0) continue;
    const { rows: named } = await sql<{ row: number; reference: string }>`select row, reference from ${sql.table(table)}
      where row in ${listed(partial)}`.execute(views.db);
    for (const { row, reference } of named) {
      const key = keyOf({ kept, row });
      whom.set(key, (whom.get(key) ?? new Set()).add(reference));
    }
  }
  return whom;
}

/** Whom the event names under any reference is shown as they stand there; everybody else by the reference that the finding has. */
function concerning(document: Document, whom: ReadonlySet<string> | undefined, persons: ReadonlyMap<string, readonly string[]>): Document {
  if (whom === undefined) return document;
  const { entry } = document;
  const meant = new Set([...whom].flatMap((reference) => [reference, ...(persons.get(reference) ?? [])]));
  const named = entry.data.subjects.filter(({ reference }) => meant.has(reference));
  const references = new Set(named.map(({ reference }) => reference));
  const isNamed = (reference: string) => references.has(reference) || persons.get(reference)?.some((each) => references.has(each));
  const subjects = [...named, ...[...whom].filter((reference) => !isNamed(reference)).map((reference) => ({ reference }))];
  return { ...document, entry: { ...entry, data: { ...entry.data, subjects } } };
}

/** What each clause is about, by version and number: in the words of the policy. */
async function clauseTitles(policies: Policies): Promise<(version: string | null, clause: number | null) => string | undefined> {
  const versions = new Map((await policies.versions()).map(({ version, promises }) => [version, promises.policy.clauses]));
  return (version, clause) => (version === null || clause === null ? undefined : versions.get(version)?.[clause]?.title);
}

interface Showing {
  opening: Opening;
  words: Opening;
  titles(version: string | null, clause: number | null): string | undefined;
  position: number;
}

function itemOf({ row, document, remarks }: Found, { opening, words, titles, position }: Showing): FindingItem {
  const { actor, subjects, subjectCount, ...data } = opening.show(document);
  const clauseTitle = titles(row.policy_version, row.clause);
  const recipient = row.recipient ?? recipientIn(data);
  const { source, id, time } = document.entry;
  return {
    // What comes from another thread has lost what made it a buffer.
    finding: Buffer.from(row.finding).toString('base64url'),
    rule: row.rule,
    title: titleOf(row.rule),
    verdict: row.verdict,
    ...(row.what !== null && { what: row.what }),
    ...(row.severity !== null && { severity: row.severity }),
    clause: row.clause,
    ...(clauseTitle !== undefined && { clauseTitle }),
    article: row.article,
    policyVersion: row.policy_version,
    ...(row.missing !== null && { missing: JSON.parse(row.missing) as string[] }),
    detectedAt: iso(row.at),
    ...(row.due_at !== null && { dueAt: iso(row.due_at) }),
    ...stateOf(row, remarks, position),
    ...(remarks.length > 0 && { remarks: remarks.map((remark) => shownRemark(remark, words)) }),
    ...(recipient !== undefined && { recipient }),
    event: { source, id, position: row.position, type: document.type, time },
    ...{ actor, subjects, subjectCount },
  };
}

/** What was said before a finding went and came back is shown, and says nothing of how it stands now. */
function stateOf(row: FoundRow, remarks: Found['remarks'], position: number): Pick<FindingItem, 'state' | 'cleared'> {
  if (isClearedAt(row, position))
    return { state: 'cleared', cleared: { at: iso(row.cleared_at as number), why: row.cleared_why as string } };
  const since = remarks.filter(({ recordedAt }) => recordedAt >= row.detected_at).map(({ kind }) => kind);
  return { state: since.includes('explained') ? 'explained' : since.includes('acknowledged') ? 'acknowledged' : 'open' };
}

const isClearedAt = ({ until }: FoundRow, position: number): boolean => until !== null && until <= position;

function shownRemark({ kind, recordedAt, document }: Found['remarks'][number], words: Opening): Remark {
  const { actor, ...data } = words.show(document);
  const { reason } = data as { reason?: string };
  return { kind, at: iso(recordedAt), by: actor, ...(reason !== undefined && { reason }), position: document.position };
}

function recipientIn({ recipient }: Record<string, unknown>): string | undefined {
  const { id, role } = (recipient ?? {}) as { id?: string; role?: string };
  return id ?? (role === 'data-subject' ? role : undefined);
}

function peopleOf(found: readonly Found[], opening: Opening, actors: readonly string[] = []): string[] {
  return [...new Set([...actors, ...found.flatMap(({ document }) => opening.shown(document.entry).map(({ reference }) => reference))])];
}

const placeOf = ({ at, kept, row }: FoundRow): [number, number, number] => [at, kept, row];
const keyOf = ({ kept, row }: Pick<FoundRow, 'kept' | 'row'>): string => `${kept}:${row}`;
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
