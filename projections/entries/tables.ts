/**
 * The searchable index of the log, which every question about processing shares, because all axes of `about` combine on
 * each of them (README, "The index of entries").
 */
export interface EntriesTables {
  /** What is counted: a few integers an event. */
  entries_facts: {
    position: number;
    /** Milliseconds since 1970, as are all times here. */
    time: number;
    profile: number;
    actor: number;
    on_behalf_of: number | null;
    recipient: number | null;
    case_ref: number | null;
    controller: number | null;
    /** Of an event about one person; of several, all stand in `entries_subjects`. */
    subject: number | null;
    subject_count: number;
    /** 16 bytes: `recordKey(source, id)`. */
    record: Buffer;
  };
  /** What is shown. */
  entries_documents: { position: number; recorded_at: number; type: string; entry: string };
  /** Where each value occurs, in the order of time. `value`: an id of `entries_values`, a profile negated, or 0 for every event. */
  entries_postings: { value: number; time: number; position: number; profile: number };
  /** The people of events about several. */
  entries_subjects: { position: number; subject: number };
  /** Values that may be many, by number. */
  entries_values: { id: number; axis: number; value: string };
  /** Each combination of codes that occurred, by number: everything of an event that comes from a short list. */
  entries_profiles: { id: number; digest: string } & Profile;
  /** Which profiles have a code. */
  entries_profile_codes: { axis: string; code: string; profile: number };
  /** Corrections and retractions by the record that they are about, whether that is known or not. */
  entries_corrections: { position: number; record: Buffer; target: Buffer; replacement: Buffer | null };
}

export interface Profile {
  type: string;
  source: string;
  system: string | null;
  purpose: string | null;
  legal_basis: string | null;
  country: string | null;
  recipient_role: string | null;
  recipient_country: string | null;
  /** JSON array. */
  categories: string;
  mode: string | null;
  outcome: string | null;
  /** What the actor is: human, service … */
  actor_kind: string | null;
  /** What the actor was to the controller. */
  capacity: string | null;
  /** JSON array, sorted; null in it: somebody of whom nothing was said. */
  subject_categories: string;
  transfer_tool: string | null;
  /** 1 where a decision is named, as an authority's request needs one. */
  decided: number;
}
