/**
 * Retention (Q6): until when data about somebody may be kept for a purpose, by the rules of the policy. An item is one person × purpose × rule,
 * and × case where the rule follows a case. People are the numbers of `retention_keys`; whoever is linked is the smallest reference of them all.
 */
export interface RetentionTables {
  /** People (kind 1) and cases (kind 2) by number. */
  retention_keys: { id: number; kind: number; value: string };
  /** Every combination of codes that processing had, by number: JSON (`Profile`). */
  retention_profiles: { id: number; digest: string; facts: string };
  /**
   * What can be corrected, by its record key (`numbersOf`), and whom it is about: JSON array of numbers, null for nobody. `is_hold`: 1 of a
   * legal hold, 2 of its release.
   */
  retention_records: { first: number; second: number; position: number; people: string | null; case_ref: number; is_hold: number };
  /**
   * Processing of somebody's data. `tie` orders what happened in the same millisecond, whenever it arrived; `case_ref` is a number, or 0. Times are
   * milliseconds since 1970, as all here.
   */
  retention_touches: { person: number; time: number; position: number; profile: number; tie: number; case_ref: number };
  /** What else counts, about a person or a case: triggers, erasures, holds. JSON (`Fact`). */
  retention_facts: { subject: number; time: number; position: number; fact: string };
  /** Corrections and retractions by what they are about, whether that is known or not. */
  retention_corrections: { position: number; record: Buffer; target: Buffer; replacement: Buffer | null };
  /** Records that corrections speak of and that are not recorded yet: their keys in hexadecimal, and since which position. */
  retention_awaited: { record: string; position: number };
  /** Events that did not stand: retracted, or corrected by what is recorded. Open while `until` is null. */
  retention_fallen: { position: number; since: number; until: number | null };
  /** References that are one person, by the `SubjectsMerged` that said so: JSON array. */
  retention_links: { position: number; id: string; people: string; until: number | null };
  /** Versions of the policy. */
  retention_versions: { position: number; version: string; effective_from: string; document: string };
  /** The version by which people are judged again in several transactions, and the last of them who was: at most one row. */
  retention_again: { cause: number; after: number };
  /** Items, as they stand or stood last. */
  retention_items: RetentionItem;
  /** How items stood before, each until something changed it (`until`, a position). */
  retention_past: { item: number; until: number } & ItemState;
  /** Findings of rule R17, as `findings_rows`: opened and closed, never changed or removed. */
  retention_findings: {
    row: number;
    finding: Buffer;
    outcome: number;
    position: number;
    time: number;
    due_at: number | null;
    is_partial: number;
    since: number;
    detected_at: number;
    /** The later of `due_at` and `detected_at`: from then on it is a finding. */
    at: number;
    until: number | null;
    cleared_at: number | null;
    cleared_why: string | null;
  };
  retention_whom: { row: number; reference: string };
  retention_outcomes: {
    id: number;
    digest: string;
    rule: string;
    what: string | null;
    verdict: 'violates' | 'undeterminable';
    severity: string | null;
    clause: number | null;
    article: string;
    missing: string | null;
    recipient: string | null;
    policy_version: string | null;
  };
  /** Up to when findings stand beforehand for what is due in the future: one row. */
  retention_foreseen: { id: number; until: number };
}

/** What tells one item from another. */
export interface ItemKey {
  /** Empty of a hold. */
  purpose: string;
  /** Key of the rule in the policy; empty where none speaks. */
  rule: string;
  /** The version of the policy that it is judged by; empty where none was in force. */
  version: string;
  /** Number of the case, where the rule follows a case; of a hold its position; else 0. */
  case_ref: number;
}

export interface ItemState {
  /** `KINDS`. */
  kind: number;
  /** What would have to be known, where no day can be told. */
  missing: string | null;
  /** The event that the period runs from; without one, that it would have to end: the opening, or the first processing. */
  position: number;
  time: number;
  /** The last moment that is in time: of the last day on which data may be kept, of `openAtMost`, or of a hold's review. */
  due_at: number | null;
  /** Position of the hold that keeps it, of several the one to be reviewed first. */
  hold: number | null;
  /** Last moment of that hold's `reviewBy`. */
  review_at: number | null;
  /** Position at which it became so. */
  since: number;
}

export interface RetentionItem extends ItemKey, ItemState {
  id: number;
  person: number;
  /** Its open finding, and when that was detected. */
  finding_row: number | null;
  detected_at: number | null;
  /** Position at which it ended; null while it stands. */
  until: number | null;
}

/** What is known of an item's day. */
export const KINDS = { dated: 1, 'no-trigger': 2, 'no-rule': 3, hold: 4 } as const;
export type Kind = (typeof KINDS)[keyof typeof KINDS];
