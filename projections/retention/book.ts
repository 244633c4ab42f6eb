/**
 * Items and findings as they become and end: kept in memory for a page, and written in bulk. Every change is one of a single event, so that
 * pages make no difference.
 */
import { hash } from 'node:crypto';
import { type Kysely, sql } from 'kysely';
import { findingId, outcomeKey } from '../findings/items.ts';
import type { Tx, Value } from '../projection.ts';
import type { Schema } from '../schema.ts';
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

type Outcome = Omit<RetentionTables['retention_outcomes'], 'id' | 'digest'>;

const ITEM_KEY = ['person', 'purpose', 'rule', 'version', 'case_ref'] as const;
const ITEM_STATE = ['kind', 'missing', 'position', 'time', 'due_on', 'due_at', 'hold', 'review_at', 'since'] as const;
const CURRENT = [...ITEM_KEY, ...ITEM_STATE, 'finding_row'] as const;
const PAST = [...ITEM_KEY, ...ITEM_STATE, 'until'] as const;
const COMPARED = ['kind', 'missing', 'position', 'time', 'due_on', 'due_at', 'hold', 'review_at'] as const;
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
  #lastRow: number | undefined;
  /** Up to when findings stand beforehand; undefined before the first event. */
  #foreseen: number | undefined;
  #outcomes: Map<string, number> | undefined;
  readonly #items = new Set<RetentionItem>();
  readonly #gone = new Set<RetentionItem>();
  #past: Value[] = [];
  #findings = new Map<number, Value[]>();
  #cleared: Value[] = [];
  #whom: Value[] = [];

  /** Before a page: what later ones need is read once. */
  async open(page: { tx: Tx; names: Names; versions: RetentionVersions }): Promise<void> {
    this.#page = page;
    if (this.#outcomes) return;
    const { db } = page.tx;
    const { rows } = await sql<{ row: number | null }>`select max(row) as row from retention_findings`.execute(db);
    this.#lastRow = rows[0]?.row ?? 0;
    this.#foreseen = (await db.selectFrom('retention_foreseen').select('until').executeTakeFirst())?.until;
    this.#outcomes = new Map();
    for (const { id, digest } of await db.selectFrom('retention_outcomes').select(['id', 'digest']).execute())
      this.#outcomes.set(digest, id);
  }

  judgeBy(versions: RetentionVersions): void {
    this.#page = { ...this.#page, versions };
  }

  /** What a person's items of some purposes are from an event on. @param items those that stood, by key; changed in place */
  become(
    person: number,
    items: Map<string, RetentionItem>,
    purposes: (purpose: string) => boolean,
    next: readonly Reckoned[],
    cause: Cause,
  ): void {
    const stays = new Map(next.map((item) => [keyOf(item), item]));
    for (const [key, item] of [...items].sort(byKey)) {
      if (!purposes(item.purpose) || stays.has(key)) continue;
      items.delete(key);
      this.end(item, cause);
    }
    for (const [key, item] of [...stays].sort(byKey)) {
      const before = items.get(key);
      if (before) this.change(before, item, cause);
      else items.set(key, this.begin(person, item, cause));
    }
  }

  begin(person: number, item: Reckoned, cause: Cause): RetentionItem {
    const begun: RetentionItem = { ...item, person, since: cause.position, finding_row: null };
    this.#items.add(begun);
    this.#judge(begun, cause);
    return begun;
  }

  change(item: RetentionItem, next: Reckoned, cause: Cause): void {
    if (COMPARED.every((column) => item[column] === next[column])) return;
    this.#close(item, cause.position);
    const before = item.finding_row === null ? undefined : identityOf(item);
    for (const column of COMPARED) (item as unknown as Record<string, unknown>)[column] = next[column];
    item.since = cause.position;
    this.#items.add(item);
    if (before !== undefined && before === identityOf(item)) return;
    this.#clear(item, cause);
    this.#judge(item, cause);
  }

  end(item: RetentionItem, cause: Cause): void {
    this.#close(item, cause.position);
    this.#clear(item, cause);
    this.#items.delete(item);
    this.#gone.add(item);
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
    const { tx } = this.#page;
    tx.insertMany('retention_foreseen', ['id', 'until'], [1, this.#foreseen], { columns: ['id'], update: ['until'] });
    if (from === undefined) return;
    const due = await tx.db
      .selectFrom('retention_items')
      .selectAll()
      .where('due_at', '>', from)
      .where('due_at', '<=', this.#foreseen)
      .where('finding_row', 'is', null)
      .orderBy('due_at')
      .orderBy('person')
      .orderBy('purpose')
      .orderBy('rule')
      .orderBy('version')
      .orderBy('case_ref')
      .execute();
    await this.#page.names.learn(due.map(({ person }) => person));
    for (const row of due) {
      const item = loaded(row);
      this.#judge(item, cause);
      if (item.finding_row !== null) this.#items.add(item);
    }
  }

  /** Writes what has gathered. */
  async flush(): Promise<void> {
    const { tx } = this.#page;
    await remove(tx, [...this.#gone]);
    const items = [...this.#items].sort((a, b) => a.person - b.person);
    tx.insertMany(
      'retention_items',
      CURRENT,
      items.flatMap((item) => CURRENT.map((column) => item[column])),
      {
        columns: ITEM_KEY,
        update: CURRENT.slice(ITEM_KEY.length),
      },
    );
    tx.insertMany('retention_past', PAST, this.#past);
    tx.insertMany('retention_findings', [...FINDING, ...CLEARED], [...this.#findings.values()].flat());
    // Only the last three change; the others are there because a new row would need them.
    tx.insertMany('retention_findings', [...FINDING, ...CLEARED], this.#cleared, { columns: ['row'], update: [...CLEARED] });
    tx.insertMany('retention_whom', ['row', 'reference'], this.#whom);
    this.#items.clear();
    this.#gone.clear();
    this.#findings.clear();
    [this.#past, this.#cleared, this.#whom] = [[], [], []];
  }

  /** New outcomes are written at once: there are few. */
  #outcome(outcome: Outcome): number {
    const text = JSON.stringify(OUTCOME.map((column) => outcome[column]));
    const digest = hash('sha256', text, 'base64url');
    const outcomes = this.#outcomes as Map<string, number>;
    const known = outcomes.get(digest);
    if (known !== undefined) return known;
    const id = outcomes.size + 1;
    this.#page.tx.insertMany('retention_outcomes', ['id', 'digest', ...OUTCOME], [id, digest, ...OUTCOME.map((column) => outcome[column])]);
    outcomes.set(digest, id);
    return id;
  }

  #judge(item: RetentionItem, { position, recordedAt }: Cause): void {
    const outcome = outcomeOf(item, this.#page.versions);
    if (!outcome || (item.due_at !== null && item.due_at > (this.#foreseen ?? 0))) return;
    const row = (this.#lastRow as number) + 1;
    this.#lastRow = row;
    const reference = this.#page.names.of(item.person);
    const about = JSON.stringify([reference, item.purpose, item.rule, item.case_ref]);
    const finding = findingId(item.position, outcomeKey({ ...outcome, recipient: about }));
    const at = Math.max(recordedAt, item.due_at ?? 0);
    const values = [row, finding, this.#outcome(outcome), item.position, item.time, item.due_at, 1, position, recordedAt, at];
    this.#findings.set(row, [...values, null, null, null]);
    this.#whom.push(row, reference);
    item.finding_row = row;
  }

  #close(item: RetentionItem, until: number): void {
    if (item.since === until) return;
    this.#past.push(...ITEM_KEY.map((column) => item[column]), ...ITEM_STATE.map((column) => item[column]), until);
  }

  #clear(item: RetentionItem, { position, recordedAt, why }: Cause): void {
    const row = item.finding_row;
    if (row === null) return;
    item.finding_row = null;
    const open = this.#findings.get(row);
    if (open) open.splice(FINDING.length, CLEARED.length, position, recordedAt, why);
    else this.#cleared.push(row, NO_FINDING, 0, 0, 0, null, 1, 0, 0, 0, position, recordedAt, why);
  }
}

/** Rows removed by one statement. */
const REMOVED = 50;

/** An item that ends and comes again within a page is another one under the same key. */
async function remove(tx: Tx, items: readonly RetentionItem[]): Promise<void> {
  for (let from = 0; from < items.length; from += REMOVED) {
    const keys = items.slice(from, from + REMOVED).map((item) => sql`(${sql.join(ITEM_KEY.map((column) => item[column]))})`);
    await sql`delete from retention_items where (person, purpose, rule, version, case_ref) in (values ${sql.join(keys)})`.execute(tx.db);
  }
}

const byKey = ([a]: [string, unknown], [b]: [string, unknown]): number => (a < b ? -1 : 1);

/** What makes one finding another. */
const identityOf = (item: RetentionItem): string =>
  [item.kind, item.missing, item.position, item.due_at, item.hold !== null && item.kind !== KINDS.hold].join(' ');

/** What rule R17 says of an item; undefined where nothing is to be found, whatever time passes. */
function outcomeOf({ kind, missing, hold, due_at, version, rule }: RetentionItem, versions: RetentionVersions): Outcome | undefined {
  const judged = versions.named(version);
  if (!judged) return undefined;
  const clause = judged.clauseOf(rule);
  const said = { rule: 'R17', clause, article: ARTICLE, recipient: null, policy_version: version };
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
