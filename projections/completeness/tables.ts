/** What was heard of each emitting source, and which of its sequence numbers (domain.md §6, Q10). */
export interface CompletenessTables {
  completeness_sources: {
    source: string;
    /** Records in the log. */
    events: number;
    /** `recordedAt` of the first and the last thing heard, quarantined ones included; milliseconds since 1970. */
    first_heard_at: number;
    last_heard_at: number;
    lowest_sequence: number | null;
    highest_sequence: number | null;
    /** By when the source said, in the last heartbeat heard, that it would be heard again. */
    next_by: number | null;
    late: number;
    /** Records whose sequence number is lower than one received before. */
    out_of_order: number;
    /** Items that ever came into quarantine. */
    quarantined: number;
  };
  /** Sequence numbers received, as ranges that neither touch nor overlap; both ends included. */
  completeness_ranges: { source: string; first: number; last: number };
}
