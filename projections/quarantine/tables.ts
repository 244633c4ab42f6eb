/** What was kept because it breaks the schema, and what became of it (domain.md §8). */
export interface QuarantineTables {
  quarantine_items: {
    /** Of the `RecordQuarantined`. */
    position: number;
    quarantine_id: string;
    received_at: number;
    source: string | null;
    id: string | null;
    type: string | null;
    time: string | null;
    sequence: number | null;
    /** JSON array of paths and rules. */
    problems: string;
    key_id: string | null;
    /** `recordKey` of source and id, where both are known: a record of that pair closes the item. */
    record: Buffer | null;
    state: QuarantineState;
    closed_at: number | null;
    closed_position: number | null;
  };
}

/** `released` by somebody who corrected it here; `corrected` by the source, which sent it again. */
export type QuarantineState = 'open' | 'released' | 'corrected';
