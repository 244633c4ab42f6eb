/**
 * The stored form: what stands in the `data` of every event of the log, the ledger's own included.
 * People are references, free text and identifiers are sealed, codes are in clear (README "The stored form").
 */

/** A person: a random 128-bit reference in base64url, 22 characters. */
export type Reference = string;

/** Written in one way only: the last of its 22 characters has four bits to spare, and they are zero. */
export const REFERENCE_PATTERN = /^[A-Za-z0-9_-]{21}[AQgw]$/;

/** A keyed digest of a value that must be matched but not read: base64url, 22 characters. */
export type MatchDigest = string;

/** Sealed bytes in base64: one format byte, nonce (12), ciphertext, tag (16). */
export type SealedPart = string;

export interface StoredActor {
  reference: Reference;
  kind: string;
  role?: string;
  capacity?: string;
  onBehalfOf?: Reference;
  credentialRef?: Reference;
  sessionRef?: Reference;
}

export interface StoredSubject {
  reference: Reference;
  category?: string;
  /**
   * `SealedOfSubject` under this person's key: what is theirs, and of an event about one person `EventDetails` too.
   * Absent only on the ledger's own events that name people by nothing but their reference (`LedgerQueried`).
   */
  sealed?: SealedPart;
}

/** In clear: codes, times, countries, systems, organisations' ids, references of people, digests of references. */
export interface StoredData {
  actor: StoredActor;
  controller?: string;
  subjects: StoredSubject[];
  categories?: string[];
  purpose?: string;
  legalBasis?: string;
  system?: string;
  country?: string;
  recipient?: { id?: string; role: string; country?: string };
  /** `caseRef`, `contractRef`, `consentRef`, `requestRef`, `agreementRef`, `decisionRef` are match digests here. */
  caseRef?: MatchDigest;
  /** Names of the event's own fields whose values are sealed: whether reasons were given can be judged without reading them. */
  sealedFields?: string[];
  /** Fields of the type itself that stay in clear. */
  [field: string]: unknown;
}

export interface Entry {
  /** Of this stored form. */
  format: 1;
  /** `source` and `id` identify a record (CloudEvents 1.0, 3.1). */
  source: string;
  id: string;
  /** When it happened by the source's clock: UTC ISO 8601 with milliseconds. */
  time: string;
  /** The source's own gapless count. */
  sequence?: number;
  /** Version of the type's schema that `data` follows. */
  version: number;
  data: StoredData;
  /** `EventDetails` of an event about nobody or about several people, or of one that belongs to the file of a case. */
  sealed?: {
    /**
     * `subjects`: under a key derived from all subjects' keys; else the name of a period key such as `unbound-2026-11`, or, of what
     * belongs to the file of a rights request, of its case (`case-…`).
     */
    under: string;
    part: SealedPart;
  };
}

/** What is sealed of one person on one event. */
export interface SubjectDetails {
  scheme: string;
  value: string;
  also?: { scheme: string; value: string }[];
  recordRefs?: string[];
  before?: unknown;
  after?: unknown;
  /** What else the event said of the same person, when it named them more than once. */
  repeated?: SubjectDetails[];
}

/** What is sealed of the event as a whole. */
export interface EventDetails {
  /** SHA-256 (base64) of the RFC 8785 form of the event without trace attributes; absent on the ledger's own. */
  digest?: string;
  /** The same, sealed under a key derived from all subjects' keys: in the first one's part, where the rest is in a case's file. */
  digestOfAll?: SealedPart;
  /** `note`, `searchTerms`, `clientAddress`, values of references … under their own field names. */
  values: Record<string, unknown>;
}

/** The one sealed part of a person: what is theirs, and the event's own where nobody else is on it. */
export interface SealedOfSubject {
  subject?: SubjectDetails;
  event?: EventDetails;
}
