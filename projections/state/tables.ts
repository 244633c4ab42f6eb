/**
 * What was so: facts on keys, each with its own time. Written by the projection `findings`, at whose checkpoint they stand; read by
 * whoever has to know what was so at a moment (README, "Findings: how events are judged").
 */
export interface StateTables {
  /** Keys by number: people, who acts, recipients, cases … (`KEY_KINDS`). */
  findings_keys: { id: number; kind: number; value: string };
  /** Facts that are rare beside events: consents, objections, restrictions, erasures, grants, instructions, agreements, notices … */
  findings_facts: {
    key: number;
    /** When it happened, milliseconds since 1970, as are all times here. */
    time: number;
    position: number;
    /** Which sort of fact (`FACT_KINDS`): one event may tell several of one key. */
    kind: number;
    source: string;
    id: string;
    /** JSON (`Fact.fact`). */
    fact: string;
  };
  /**
   * Every event under each key that its judgement may depend on, or that depends on it, in the order of time: what is judged again
   * when something is learnt late, and where what happens too often to be a fact of its own is found (`mark`).
   */
  findings_dependents: { key: number; mark: number; time: number; position: number };
  /** Events as they are judged again: with their profile everything that rules look at. */
  findings_events: {
    position: number;
    profile: number;
    id: string;
    time: number;
    recorded_at: number;
    /** A key. */
    actor: number;
    /** Of an event about one person: a key. */
    subject: number | null;
    /** Of an event about several: JSON array of keys, each followed by the place of its category in the profile. */
    subjects: string | null;
    /** JSON of what is this event's own and no profile has: whom else it names, what it points at. */
    own: string | null;
    /** What the rules found (`findings_judgements`); null while it does not stand. */
    judgement: number | null;
  };
  /** Each combination of codes that occurred, by number: everything that rules look at and that many events share. */
  findings_profiles: {
    id: number;
    digest: string;
    type: string;
    source: string;
    purpose: string | null;
    recipient: string | null;
    /** JSON (`Profile`). */
    facts: string;
  };
  /** Corrections and retractions, by what they are about, whether that is known or not. */
  findings_corrections: {
    position: number;
    source: string;
    id: string;
    target_source: string;
    target_id: string;
    /** Null of a retraction. */
    replacement_source: string | null;
    replacement_id: string | null;
  };
  /** Events that do not stand as of now: `retracted`, or `corrected` by what is recorded. */
  findings_fallen: { position: number; why: string };
  /** References that were said to be one person, a row each; `findings_fallen` has those that were separated. */
  findings_links: { position: number; reference: string };
  /** How many standing facts of a sort there are, where all that is asked is whether any was ever heard of. */
  findings_heard: { key: number; count: number };
}
