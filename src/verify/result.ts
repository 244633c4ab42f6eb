/** What a verification answers. Everything in it may be shown to anybody: it names places and never what stands in them. */

/**
 * `could-not-tell`: something could not be read or is not vouched for by anybody; what was read agrees. A difference that was found is
 * `tampered` even where something else could not be read.
 */
export type Verdict = 'intact' | 'tampered' | 'could-not-tell';

/** What differs. */
export type FindingKind =
  /** An event is not the one that was sealed. */
  | 'event-changed'
  /** An event that was sealed is not in the log. */
  | 'event-missing'
  /** An event stands among sealed ones that never was. */
  | 'event-inserted'
  /** Two events stand in each other's place. */
  | 'events-exchanged'
  /** Events were changed, and the tree was made anew to suit them; which of a range is told by the heads alone. */
  | 'history-rewritten'
  /** What is stored of an event is written otherwise than this program writes, where its leaf does not show it. */
  | 'event-form'
  /** A table, an index, a trigger or a view is missing, changed, or was added. */
  | 'schema'
  /** Which event is which leaf does not agree. */
  | 'position'
  /** The revisions of a stream have a gap, or do not follow the order of the log. */
  | 'revision'
  /** A tile is changed, missing, or more than was sealed. */
  | 'tile'
  /** A stored head is not one that was signed, or is out of order. */
  | 'head'
  | 'cosignature'
  /** The ring of keys does not agree with the log, with the heads or with the key that was given. */
  | 'key'
  /** What is kept of generations does not agree with the log. */
  | 'generation'
  /** The ledger does not go on from a head that was published. */
  | 'rolled-back'
  /** A read model does not have what the log has. */
  | 'projection';

/** Where. Only what is known and applies is there. */
export interface Place {
  generation?: number;
  /** Of the leaf, from 0. */
  index?: number;
  /** Where more than one leaf is concerned: the last of them. */
  lastIndex?: number;
  position?: number;
  stream?: string;
  revision?: number;
  type?: string;
  source?: string;
  id?: string;
  /** C2SP tlog-tiles: `tile/<level>/<index>`. */
  tile?: string;
  /** Number of the head in its generation. */
  head?: number;
  /** Leaves that a head covers. */
  size?: number;
  projection?: string;
  /** `trigger events_never_deleted of ledger.db`. */
  object?: string;
}

export interface Finding extends Place {
  kind: FindingKind;
  /** In words, without the place. */
  what: string;
}

/** Why nothing can be said of a part, or of the whole. */
export type Obstacle =
  | 'missing'
  | 'locked'
  | 'unreadable'
  | 'damaged'
  | 'newer-format'
  | 'not-a-ledger'
  | 'other-ledger'
  | 'restore-unfinished'
  | 'nothing-sealed'
  | 'no-head'
  | 'changed-meanwhile'
  | 'interrupted';

export interface Hindrance {
  obstacle: Obstacle;
  /** In words: which file or part, and what to do. */
  what: string;
}

/** Nothing, or no more, can be said. */
export class CannotTell extends Error {
  override name = 'CannotTell';
  readonly obstacle: Obstacle;
  constructor(obstacle: Obstacle, what: string) {
    super(what);
    this.obstacle = obstacle;
  }

  get hindrance(): Hindrance {
    return { obstacle: this.obstacle, what: this.message };
  }
}

/** What was given to verify against does not serve: no head, no head of this log, a key of another one. */
export class NotUsable extends Error {
  override name = 'NotUsable';
}

export interface HeadFound {
  number: number;
  size: number;
  signedAt: string;
}

export interface WitnessFound {
  name: string;
  /** Largest head that it cosigned; 0 where none. */
  size: number;
  /** When it did, UTC ISO 8601. */
  at?: string;
}

export interface ProjectionCompared {
  name: string;
  state: 'agrees' | 'differs' | 'not-compared';
  /** Up to where it was compared. */
  position?: number;
  /** Rows and events counted, where compared. */
  counted?: number;
  /** Why it was not. */
  why?: string;
}

export interface CosignaturesFound {
  /** Whose signature was checked, with the key of the witness. */
  checked: number;
  /** Of which the form alone was looked at: no key of their witness was given. */
  unchecked: number;
}

export interface Verification {
  verdict: Verdict;
  /** The first difference, by leaf; absent where there is none. */
  first?: Finding;
  /** By leaf, then by kind; of each kind the first twenty. */
  findings: Finding[];
  /** How many there are of each kind, those not listed included. */
  found: Partial<Record<FindingKind, number>>;
  /** What could not be read, or was not finished. */
  hindrances: Hindrance[];
  origin?: string;
  generation?: number;
  /** Generations whose heads were checked. */
  generations?: number;
  /** Leaves of the tree, and the position of the last. */
  size?: number;
  position?: number;
  /** Leaves that were made anew from their events: from this index on. */
  from?: number;
  /** How many that were. */
  leaves?: number;
  /** Heads whose signature and root were checked, all generations. */
  heads?: number;
  newestHead?: HeadFound;
  /** Leaves that no head covers yet. */
  unsigned?: number;
  /** Events that are no leaf yet: read, and compared with nothing. */
  unsealed?: number;
  /** Keys of the ring, retired ones included. */
  keys?: number;
  witnesses: WitnessFound[];
  cosignatures?: CosignaturesFound;
  since?: { size: number; isContinued: boolean };
  /** Leaves that an interrupted run had made anew already. */
  resumedAt?: number;
  projections: ProjectionCompared[];
  /** What is worth knowing and no difference. */
  notes: string[];
  milliseconds: number;
}
