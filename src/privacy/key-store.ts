/**
 * What the vault needs of a database: rows in, rows out. A store sees wrapped keys, digests and sealed identifiers;
 * no open key and no identifier in clear ever passes through here.
 */

import type { KeyKind } from './master-key.ts';

/** The key store cannot take or answer anything now; nothing was acknowledged. Trying again later is safe. */
export class KeyStoreUnavailable extends Error {
  override name = 'KeyStoreUnavailable';
  readonly retryAfterSeconds: number;
  constructor(reason: string, retryAfterSeconds = 1) {
    super(`the key store is not available: ${reason}`);
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** A key as it stands, and which master key wrapped it. */
export interface WrappedKey {
  wrapped: Buffer;
  /** Counts master keys. */
  generation: number;
}

/** With the name of its row: of a person, the reference in base64url. */
export interface NamedKey extends WrappedKey {
  name: string;
}

/** An identity that is known, with the key that its owner's values are sealed under. */
export interface KnownIdentity extends WrappedKey {
  reference: Buffer;
  /** Whose key seals the identity: the person; for a session or credential, the person it belongs to. */
  owner: Buffer;
}

/** An identity row as it stands: scheme and value are in `sealed`, under the owner's key. */
export interface IdentityRow {
  digest: Buffer;
  reference: Buffer;
  owner: Buffer;
  sealed: Buffer;
}

/** Identities to be stored together with what they need, all or nothing. */
export interface Claim {
  reference: Buffer;
  owner: Buffer;
  /** The reference was drawn for this claim: it goes again at the next start, unless an event names it. */
  isNew: boolean;
  /** A new person's. */
  key?: WrappedKey;
  identities: { digest: Buffer; sealed: Buffer }[];
}

/** Empty where the key was destroyed: none is made again. */
export interface PeriodKeyRow extends NamedKey {
  /** UTC ISO 8601. */
  endsAt: string;
}

/** One thing with an end of its own inside a period: its key needs the period's key and this secret. */
export interface PeriodItemRow {
  item: string;
  period: string;
  /** Empty: the item was ended, and stays so. */
  secret: Buffer;
}

/** What an erasure destroyed of one reference, when it did. */
export interface Erased {
  /** UTC ISO 8601. */
  at: string;
  keys: number;
  identifiers: number;
  sessions: number;
}

/** A period whose end has passed and whose key is still there. */
export interface EndedPeriod {
  name: string;
  endsAt: string;
  /** That could still be opened. */
  items: number;
}

export interface KeyStoreStatus {
  writer: 'running' | 'stopped';
  /** Why it stopped. */
  reason?: string;
  /** Rows handed to the writer and not yet answered. */
  waiting: number;
  /** Something was destroyed and its bytes are still in the files, because somebody reads them there: it is tried again. */
  residue: boolean;
}

export type Claimed = boolean | 'outdated';

/** Every write is durable when it resolves. All but `status` may throw `KeyStoreUnavailable`. */
export abstract class KeyStore {
  /** The vault's own wrapped keys by name. */
  abstract vaultKeys(): Promise<Map<string, WrappedKey>>;

  /** Adds a key of the vault's own unless the name is taken (then the first one stands) or its master key is not the newest. */
  abstract addVaultKey(row: NamedKey): Promise<void>;

  /** By digest, in the order asked for. */
  abstract find(digests: readonly Buffer[]): Promise<(KnownIdentity | undefined)[]>;

  /** Wrapped keys of people, in the order asked for. */
  abstract personKeys(references: readonly Buffer[]): Promise<(WrappedKey | undefined)[]>;

  /** Every identity of these references. */
  abstract identities(references: readonly Buffer[]): Promise<IdentityRow[]>;

  /**
   * For each claim: whether it was stored. It is not when one of its digests is already known or its owner has no
   * key (any more): the caller looks again. `outdated`: its key is wrapped under a master key that is not the newest.
   * Claims are taken in order, and a later one may name the owner of an earlier.
   */
  abstract claim(claims: readonly Claim[]): Promise<Claimed[]>;

  abstract periodKeys(names: readonly string[]): Promise<(PeriodKeyRow | undefined)[]>;
  /** Stores the row unless the name is taken (then the first one stands) or its master key is not the newest. */
  abstract addPeriodKey(row: PeriodKeyRow): Promise<void>;

  abstract periodItems(items: readonly string[]): Promise<(PeriodItemRow | undefined)[]>;
  /** Stores each row unless its item is known (then the first one stands) or its period is not (any more). */
  abstract addPeriodItems(rows: readonly PeriodItemRow[]): Promise<void>;
  /** Destroys the secrets of these items, in the files too. Answers how many had one. */
  abstract endPeriodItems(items: readonly string[]): Promise<number>;
  /** Periods that have ended by `now` (milliseconds since 1970) and still have a key. */
  abstract endedPeriods(now: number): Promise<EndedPeriod[]>;
  /** Destroys the keys of these periods and their items' secrets. Answers how many items went; undefined where there was no key. */
  abstract endPeriods(names: readonly string[]): Promise<(number | undefined)[]>;

  /**
   * Destroys keys and identities of these references and puts them into the fence, known or not, in one transaction that raises
   * the erasure epoch; sessions and credentials go with their owner. Who stands in the fence already is left as is. Answers what
   * went of each, then or now, the epoch, and whether the bytes are overwritten in every file by now.
   */
  abstract erase(references: readonly Buffer[], at: string): Promise<{ erased: Erased[]; epoch: number; overwritten: boolean }>;
  /** Which of these stand in the fence, in the order asked for. */
  abstract fenced(references: readonly Buffer[]): Promise<boolean[]>;
  /** References in the fence, in their order, after this one. */
  abstract fenceAfter(reference: Buffer, limit: number): Promise<Buffer[]>;
  abstract erasuresReplayed(): Promise<number>;
  abstract setErasuresReplayed(revision: number): Promise<void>;
  /** References of sessions and credentials that belong to these people. */
  abstract sessions(owners: readonly Buffer[]): Promise<Buffer[]>;

  abstract suppress(digests: readonly Buffer[]): Promise<void>;
  abstract suppressed(digests: readonly Buffer[]): Promise<boolean[]>;

  /** Counts erasures; a change means that cached keys may be dead. */
  abstract erasureEpoch(): Promise<number>;

  /** The log's position up to which new references were confirmed. */
  abstract sweptPosition(): Promise<number>;
  /** Events up to `position` name these references: their keys stay. */
  abstract confirm(references: readonly Buffer[], position: number): Promise<void>;
  /** Whether there are references that were drawn and not confirmed yet. */
  abstract hasUnconfirmed(): Promise<boolean>;
  /** Removes every reference drawn and not confirmed, with keys and identities. Answers how many. */
  abstract removeUnconfirmed(): Promise<number>;

  /** Which of these have neither key nor identity nor a place in the fence. */
  abstract missing(references: readonly Buffer[]): Promise<Buffer[]>;
  abstract addLost(references: readonly Buffer[]): Promise<void>;
  abstract lostReferences(): Promise<number>;

  /** Of the newest master key: no key is stored under another. */
  abstract masterKeyGeneration(): Promise<number>;
  /** Begins the next generation with a key of the vault's own that tells its master key; nothing where one has begun already. */
  abstract beginRotation(check: NamedKey): Promise<void>;
  /** Counts people, those whose keys were destroyed included. */
  abstract lastPerson(): Promise<number>;
  /** Keys of people in the order in which they came, after this number. */
  abstract peopleAfter(person: number, limit: number): Promise<(NamedKey & { person: number })[]>;
  abstract allPeriodKeys(): Promise<NamedKey[]>;
  /** Replaces keys by the same ones under a newer master key; who was destroyed meanwhile stays so. */
  abstract rewrap(kind: KeyKind, rows: readonly NamedKey[]): Promise<void>;
  /**
   * Unless a key of an older generation is left, puts the next check in the place of the old one: from then on the old master key
   * is useless. `overwritten` as of an erasure.
   */
  abstract finishRotation(check: string, next: string): Promise<{ isFinished: boolean; overwritten: boolean }>;

  /** Leaves nothing in the files of what was destroyed. Answers whether that succeeded. */
  abstract overwrite(): Promise<boolean>;

  abstract status(): KeyStoreStatus;
  /** Finishes what was accepted, then lets go of files and connections. */
  abstract close(): Promise<void>;
}
