/**
 * Findings: what an event violates, or what cannot be told of it. Rows are opened and closed, never changed or removed, so that every
 * past answer stays. A row tells which event (`position`, in `findings_events`) and which outcome (in `findings_outcomes`); `items.ts`
 * joins them.
 */
export interface FindingsTables {
  findings_rows: {
    /** In the order in which they appeared. */
    row: number;
    /** 16 bytes (`findingId`): which event, and which outcome of which rule. A row that is closed and opened again has the same. */
    finding: Buffer;
    outcome: number;
    /** Of the event that is judged. */
    position: number;
    /** When it happened, milliseconds since 1970, as are all times here. */
    time: number;
    /** In effect from this moment on; null: at once. */
    due_at: number | null;
    /** 1 where `findings_whom` says whom it is about; 0 where everybody on the event. */
    is_partial: number;
    /** Position of the event that made it appear: the judged one, or one that made it be judged again. */
    since: number;
    /** `recordedAt` there; of a finding that was only told anew in other words, when it was detected first. */
    detected_at: number;
    /** The later of `due_at` and `detected_at`: from then on it is a finding. */
    at: number;
    /** Position of the event that made it go; null while it is open. */
    until: number | null;
    /** `recordedAt` there. */
    cleared_at: number | null;
    /** `retracted`, `corrected`, `judged-again`. */
    cleared_why: string | null;
  };
  /** Whom a finding is about, where not everybody on the event is concerned. */
  findings_whom: { row: number; reference: string };
  /** Each outcome that occurred, by number. */
  findings_outcomes: {
    id: number;
    /** Of everything below. */
    digest: string;
    rule: string;
    /** What was broken, as a code; null of what is undeterminable. */
    what: string | null;
    verdict: 'violates' | 'undeterminable';
    severity: string | null;
    clause: number | null;
    article: string;
    /** JSON array: what would have to be known. */
    missing: string | null;
    /** Whom it is about, where the rule speaks of one recipient among several. */
    recipient: string | null;
    policy_version: string | null;
  };
  /**
   * How many events each rule judged, by what it found: sums of all rows up to a day are how it stood at its end. A row may be negative:
   * what was judged again is taken back where it was counted.
   */
  findings_counts: {
    rule: string;
    /** Empty where no version was in force. */
    policy_version: string;
    /** ISO 8601, of the event's time (UTC): `2026-W10`. */
    week: string;
    /** The day (UTC) on which it was recorded, or judged again. */
    recorded_on: string;
    conforms: number;
    violates: number;
    undeterminable: number;
    /** Violations with a day from which they are in effect (`due_at`), and no other; whether it has come is told by their rows. */
    dated: number;
  };
  /** Versions of the policy, by the event that published them. `controller` is whose policy it is. */
  findings_versions: { position: number; version: string; effective_from: string; controller: string; document: string };
  /** Each combination of outcomes that an event ever had, by number. */
  findings_judgements: {
    id: number;
    digest: string;
    policy_version: string | null;
    /** JSON array: the rules that the event conforms to. */
    conforms: string;
    /** JSON array: `id` of `findings_outcomes`, rule, verdict, and whether there is a day from which it is in effect. */
    outcomes: string;
  };
  /** What is being judged again in several steps: at most one row, while the checkpoint waits before `cause`. */
  findings_again: { cause: number; step: string };
}
