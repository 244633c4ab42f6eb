/**
 * Items and findings as they become and end, gathered for a page and written in bulk. Every change is one of a single event, so that pages
 * make no difference.
 */
import { hash } from 'node:crypto';
import { sql } from 'kysely';
import { findingId, outcomeKey } from '../findings/items.ts';
import type { Tx, Value } from '../projection.ts';
import { keyOf, type Reckoned } from './reckon.ts';
import type { RetentionVersions } from './rules.ts';
import { KINDS, type RetentionItem, type RetentionTables } from './tables.ts';

/** The event that changes something. */
export interface Cause {
  position: number;
  recordedAt: number;
  /** Why findings go: `processed`, `erased`, `held`, `released`, `linked`, `retracted`, `corrected`, `judged-again`. */
  why: string;
}

/** References of people by their numbers. */
export interface Names {
  /** Of somebody who is in memory. */
  of(person: number): string;
  learn(people: readonly number[]): Promise<void>;
}

/** When findings were detected, by their ids in hexadecimal. */
type Detected = Map<string, number>;

type Outcome = Omit<RetentionTables['retention_outcomes'], 'id' | 'digest'>;

/** What processing moves. */
const MOVED = ['position', 'time', 'due_at', 'since'] as const;
const COMPARED = ['kind', 'missing', 'position', 'time', 'due_at', 'hold', 'review_at'] as const;
const STATE = [...COMPARED, 'since'] as const;
const ITEM = ['id', 'person', 'purpose', 'rule', 'version', 'case_ref', ...STATE, 'finding_row', 'detected_at', 'until'] as const;
const CHANGED = [...STATE, 'finding_row', 'detected_at', 'until'] as const;
const PAST = ['until', 'item', ...STATE] as const;
const FINDING = ['row', 'finding', 'outcome', 'position', 'time', 'due_at', 'is_partial', 'since', 'detected_at', 'at'] as const;
const CLEARED = ['until', 'cleared_at', 'cleared_why'] as const;
const OUTCOME = ['rule', 'what', 'verdict', 'severity', 'clause', 'article', 'missing', 'recipient', 'policy_version'] as const;
const NO_FINDING = Buffer.alloc(16);
const ARTICLE = '5(1)(e)';
const DAY_MS = 86_400_000;
/** Findings stand at least so long before they are due, and are made for so long ahead at once. */
const AT_LEAST_AHEAD_MS = 31 * DAY_MS;
const AHEAD_MS = 92 * DAY_MS;

export class Book {
  /** Of the page at hand. */
  #page!: { tx: Tx; names: Names; versions: RetentionVersions };
  /** The last numbers given; undefined before the first page. */
  #last: { item: number; row: number } | undefined;
  /** Up to when findings stand beforehand; undefined before the first event. */
  #foreseen: number | undefined;
  readonly #outcomes = new Map<string, number>();
  /** What is written of an item: all of it, what may change, or what processing moves. */
  readonly #begun = new Set<RetentionItem>();
  readonly #changed = new Set<RetentionItem>();
  readonly #moved = new Set<RetentionItem>();
  #past: Value[] = [];
  readonly #findings = new Map<number, Value[]>();
  #cleared: Value[] = [];
  #whom: Value[] = [];

  /** Before a page: what later ones need is read once. */
  async open(page: { tx: Tx; names: Names; versions: RetentionVersions }): Promise<void> {
    this.#page = page;
    if (this.#last) return;
    const { db } = page.tx;
    const highest = sql<{ item: number | null; row: number | null }>`select
      (select max(id) from retention_items) as item, (select max("row") from retention_findings) as "row"`;
    const [found] = (await highest.execute(db)).rows;
    this.#last = { item: found?.item ?? 0, row: found?.row ?? 0 };
    this.#foreseen = (await db.selectFrom('retention_foreseen').select('until').executeTakeFirst())?.until;
    for (const { id, digest } of await db.selectFrom('retention_outcomes').select(['id', 'digest']).execute())
      this.#outcomes.set(digest, id);
  }

  judgeBy(versions: RetentionVersions): void {
    this.#page = { ...this.#page, versions };
  }

  /** What a person's items of some purposes are from an event on. @param items those that stood; changed in place */
  become(
    { person, items }: { person: number; items: RetentionItem[] },
    isOf: (purpose: string) => boolean,
    next: readonly Reckoned[],
    cause: Cause,
  ): void {
    const stays = new Map(next.map((item) => [keyOf(item), item]));
    const detected: Detected = new Map();
    for (const item of items.filter(({ purpose }) => isOf(purpose)).sort(byKey)) {
      const now = stays.get(keyOf(item));
      stays.delete(keyOf(item));
      if (now) this.change(item, now, cause);
      else {
        items.splice(items.indexOf(item), 1);
        this.end(item, cause, detected);
      }
    }
    for (const item of [...stays.values()].sort(byKey)) items.push(this.#begin(person, item, cause, detected));
  }

  /** Processing moves the day. */
  move(item: RetentionItem, { position, time, due_at }: Pick<RetentionItem, 'position' | 'time' | 'due_at'>, cause: Cause): void {
    this.#close(item, cause.position);
    item.position = position;
    item.time = time;
    item.due_at = due_at;
    item.since = cause.position;
    if (!this.#begun.has(item) && !this.#changed.has(item)) this.#moved.add(item);
    if (item.finding_row !== null || (due_at as number) <= (this.#foreseen as number)) this.#judgeAgain(item, cause);
  }

  change(item: RetentionItem, next: Reckoned, cause: Cause): void {
    if (COMPARED.every((column) => item[column] === next[column])) return;
    this.#close(item, cause.position);
    const before = identityOf(item);
    for (const column of COMPARED) (item as unknown as Record<string, unknown>)[column] = next[column];
    item.since = cause.position;
    this.#write(item);
    if (item.finding_row === null || before !== identityOf(item)) this.#judgeAgain(item, cause);
  }

  /** @param detected receives what was found of it */
  end(item: RetentionItem, cause: Cause, detected?: Detected): void {
    this.#clear(item, cause, detected);
    item.until = cause.position;
    this.#write(item);
  }

  /** Whether more has to be foreseen before an event that was recorded then. */
  isBehind(recordedAt: number): boolean {
    return this.#foreseen === undefined || recordedAt + AT_LEAST_AHEAD_MS > this.#foreseen;
  }

  /**
   * Makes the findings of what is due in the time ahead.
   * @param loaded the item in memory, where it is there
   */
  async foresee(cause: Cause, loaded: (item: RetentionItem) => RetentionItem): Promise<void> {
    const from = this.#foreseen;
    this.#foreseen = cause.recordedAt + AHEAD_MS;
    const { tx, names } = this.#page;
    tx.insertMany('retention_foreseen', ['id', 'until'], [1, this.#foreseen], { columns: ['id'], update: ['until'] });
    if (from === undefined) return;
    const due = await tx.db
      .selectFrom('retention_items')
      .selectAll()
      .where('until', 'is', null)
      .where('due_at', '>', from)
      .where('due_at', '<=', this.#foreseen)
      .where('finding_row', 'is', null)
      .orderBy('due_at')
      .orderBy('id')
      .execute();
    await names.learn(due.map(({ person }) => person));
    for (const row of due) {
      const item = loaded(row);
      this.#judge(item, cause);
      if (item.finding_row !== null) this.#write(item);
    }
  }

  /** Writes what has gathered. */
  flush(): void {
    const { tx } = this.#page;
    const rows = (items: ReadonlySet<RetentionItem>, columns: readonly (keyof RetentionItem)[]) =>
      [...items].sort((a, b) => a.id - b.id).flatMap((item) => columns.map((column) => item[column]));
    tx.insertMany('retention_items', ITEM, rows(this.#begun, ITEM));
    const [changed, moved] = [['id', ...CHANGED] as const, ['id', ...MOVED] as const];
    tx.insertMany('retention_items', changed, rows(this.#changed, changed), { columns: ['id'], update: CHANGED });
    tx.insertMany('retention_items', moved, rows(this.#moved, moved), { columns: ['id'], update: MOVED });
    tx.insertMany('retention_past', PAST, this.#past);
    tx.insertMany('retention_findings', [...FINDING, ...CLEARED], [...this.#findings.values()].flat());
    // Only the last three change; the others are there because a new row would need them.
    tx.insertMany('retention_findings', [...FINDING, ...CLEARED], this.#cleared, { columns: ['row'], update: CLEARED });
    tx.insertMany('retention_whom', ['row', 'reference'], this.#whom);
    for (const some of [this.#begun, this.#changed, this.#moved, this.#findings]) some.clear();
    [this.#past, this.#cleared, this.#whom] = [[], [], []];
  }

  #begin(person: number, next: Reckoned, cause: Cause, detected: Detected): RetentionItem {
    const last = this.#last as { item: number };
    const item = { ...next, id: ++last.item, person, since: cause.position, finding_row: null, detected_at: null, until: null };
    this.#begun.add(item);
    this.#judge(item, cause, detected);
    return item;
  }

  #write(item: RetentionItem): void {
    if (this.#begun.has(item)) return;
    this.#moved.delete(item);
    this.#changed.add(item);
  }

  /** How it stood until now; what stood for no position at all was never seen. */
  #close(item: RetentionItem, until: number): void {
    if (item.since === until) return;
    this.#past.push(until, item.id);
    for (const column of STATE) this.#past.push(item[column]);
  }

  #judgeAgain(item: RetentionItem, cause: Cause): void {
    this.#clear(item, cause);
    this.#judge(item, cause);
    this.#write(item);
  }

  /** @param detected what was found and goes by the same event: told anew in other words, it is what was detected then */
  #judge(item: RetentionItem, { position, recordedAt }: Cause, detected?: Detected): void {
    if (item.due_at !== null && item.due_at > (this.#foreseen as number)) return;
    const found = this.#found(item);
    if (!found) return;
    const last = this.#last as { row: number };
    const row = ++last.row;
    const { finding, outcome, reference } = found;
    const detectedAt = detected?.get(finding.toString('hex')) ?? recordedAt;
    // In effect once the last moment that is in time has passed, as every finding with a day is.
    const due = item.due_at === null ? null : item.due_at + 1;
    const at = Math.max(detectedAt, due ?? 0);
    const values = [row, finding, this.#outcome(outcome), item.position, item.time, due, 1, position, detectedAt, at];
    this.#findings.set(row, [...values, null, null, null]);
    this.#whom.push(row, reference);
    item.finding_row = row;
    item.detected_at = detectedAt;
  }

  /** What is to be found of an item, and by which name. */
  #found(item: RetentionItem): { finding: Buffer; outcome: Outcome; reference: string } | undefined {
    const outcome = outcomeOf(item, this.#page.versions);
    if (!outcome) return undefined;
    const reference = this.#page.names.of(item.person);
    const about = JSON.stringify([reference, item.purpose, item.rule, item.case_ref]);
    return { finding: findingId(item.position, outcomeKey({ ...outcome, recipient: about })), outcome, reference };
  }

  #clear(item: RetentionItem, { position, recordedAt, why }: Cause, detected?: Detected): void {
    const row = item.finding_row;
    if (row === null) return;
    const found = detected && this.#found(item);
    if (found) detected.set(found.finding.toString('hex'), item.detected_at as number);
    item.finding_row = null;
    item.detected_at = null;
    const open = this.#findings.get(row);
    if (open) open.splice(FINDING.length, CLEARED.length, position, recordedAt, why);
    else this.#cleared.push(row, NO_FINDING, 0, 0, 0, null, 1, 0, 0, 0, position, recordedAt, why);
  }

  /** The number of an outcome; a new one is written at once. */
  #outcome(outcome: Outcome): number {
    const values = OUTCOME.map((column) => outcome[column]);
    const digest = hash('sha256', JSON.stringify(values), 'base64url');
    const known = this.#outcomes.get(digest);
    if (known !== undefined) return known;
    const id = this.#outcomes.size + 1;
    this.#page.tx.insertMany('retention_outcomes', ['id', 'digest', ...OUTCOME], [id, digest, ...values]);
    this.#outcomes.set(digest, id);
    return id;
  }
}

const byKey = (a: Reckoned, b: Reckoned): number => (keyOf(a) < keyOf(b) ? -1 : 1);

/** What makes one finding another. */
const identityOf = (item: RetentionItem): string =>
  [item.kind, item.missing, item.position, item.due_at, item.hold !== null && item.kind !== KINDS.hold].join(' ');

/** What rule R17 says of an item; undefined where nothing is to be found, whatever time passes. */
function outcomeOf({ kind, missing, hold, due_at, version, rule }: RetentionItem, versions: RetentionVersions): Outcome | undefined {
  const judged = versions.named(version);
  if (!judged) return undefined;
  const said = { rule: 'R17', clause: judged.clauseOf(rule), article: ARTICLE, recipient: null, policy_version: version };
  const violates = (what: string, severity: string): Outcome => ({ ...said, what, verdict: 'violates', severity, missing: null });
  const unknown = (what: string): Outcome => ({
    ...{ ...said, what: null, verdict: 'undeterminable', severity: null },
    missing: JSON.stringify([what]),
  });
  if (kind === KINDS.hold) return due_at === null ? undefined : violates('hold-not-reviewed', 'medium');
  if (hold !== null) return undefined;
  if (kind === KINDS.dated) return missing === null ? violates('kept-too-long', 'high') : unknown(missing);
  if (kind === KINDS['no-rule']) return unknown(String(missing));
  return due_at === null ? undefined : unknown(String(missing));
}
