/** What a draft would change of the days until which data may be kept, for what is kept now. */
import { type Kysely, sql } from 'kysely';
import type { Policy, RetentionEntry } from '../../src/policy/document.ts';
import { dueOn, endOfDay } from '../../src/policy/due.ts';
import type { Schema } from '../schema.ts';

export interface RetentionChanges {
  /** Key of the rule in the policy. */
  rule: string;
  /** Items (a person × a purpose, × a case where the rule follows one) whose day is known now. */
  items: number;
  /** Of them, those that would be due sooner, and later. */
  sooner: number;
  later: number;
  /** Of them, those whose day cannot be told under the draft: the rule is gone, or counts from something else or of other data. */
  untold: number;
  /** Overdue now, and under the draft; a hold does not count here. */
  overdue: { before: number; after: number };
}

const DAY_MS = 86_400_000;

interface Items {
  rule: string;
  purpose: string;
  version: string;
  day: number;
  due_at: number;
  count: number;
}

/**
 * By rule, in the order of their names; only rules that say something else in the draft.
 * @param versions every published version by its name
 * @param moment milliseconds since 1970
 * @throws QuestionTooLong
 */
export async function retentionChanges(
  db: Kysely<Schema>,
  draft: Policy,
  versions: ReadonlyMap<string, Policy>,
  moment: number,
): Promise<RetentionChanges[]> {
  const { rows } = await sql<Items>`select rule, purpose, version, time / ${sql.lit(DAY_MS)} as day, due_at, count(*) as count
    from retention_items where until is null and due_at is not null and rule <> '' and kind = 1
    group by rule, purpose, version, time / ${sql.lit(DAY_MS)}, due_at`.execute(db);
  const changes = new Map<string, RetentionChanges>();
  for (const items of rows) {
    const entry = versions.get(items.version)?.retention[items.rule];
    if (entry === undefined) continue;
    const made = changes.get(items.rule) ?? {
      rule: items.rule,
      items: 0,
      sooner: 0,
      later: 0,
      untold: 0,
      overdue: { before: 0, after: 0 },
    };
    changes.set(items.rule, made);
    add(made, items, dueUnder(draft, items, entry, versions.get(items.version) as Policy), moment);
  }
  const changed = [...changes.values()].filter(({ sooner, later, untold }) => sooner + later + untold > 0);
  return changed.sort((a, b) => (a.rule < b.rule ? -1 : 1));
}

function add(made: RetentionChanges, { due_at: before, count }: Items, after: number | undefined, moment: number): void {
  made.items += count;
  if (before < moment) made.overdue.before += count;
  if (after === undefined) made.untold += count;
  else {
    if (after < before) made.sooner += count;
    if (after > before) made.later += count;
    if (after < moment) made.overdue.after += count;
  }
}

/** Undefined where the item alone does not tell: what else would set its period off, or whose data it is, is not kept with it. */
function dueUnder(draft: Policy, { rule, purpose, day, due_at }: Items, entry: RetentionEntry, policy: Policy): number | undefined {
  const next = draft.retention[rule];
  if (next === undefined || !next.purposes.includes(purpose)) return undefined;
  const isOther = next.trigger !== entry.trigger || next.same !== entry.same || String(next.subjects) !== String(entry.subjects);
  if (isOther) return undefined;
  const [before, after] = [policy, draft].map(({ controller }) => controller.financialYearEnds);
  const isSame = next.period === entry.period && next.countedFrom === entry.countedFrom && before === after;
  return isSame ? due_at : endOfDay(dueOn(next, day * DAY_MS, after));
}
