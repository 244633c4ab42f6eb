import type { Identifier } from '../../privacy/key-vault.ts';
import type { Author } from '../author.ts';
import type { Reference, StoredActor } from '../entry.ts';

/** Closes the log to events that name these people: whatever commits after it resolved has been checked against them. */
export abstract class Fence {
  abstract fence(references: readonly Reference[]): Promise<void>;
}

/** One line of the file of erasures. */
export interface ErasedLine {
  reference: Reference;
  /** UTC ISO 8601. */
  at: string;
}

/** What is kept of erasures outside the log and outside the keys, so that an older copy of either cannot undo one. */
export abstract class ErasuresLog {
  /** @throws ErasureCopyUnavailable where a line could not be written now. */
  abstract check(): Promise<void>;
  /** Written and synced, in every copy, when it resolves; lines that stand there already are left out. @throws ErasureCopyUnavailable */
  abstract add(lines: readonly ErasedLine[]): Promise<void>;
  /** Every reference of the file or its copy, with the moment of its line. */
  abstract lines(): ReadonlyMap<Reference, string>;
}

/** Nobody is erased while the file of erasures or its copy cannot be written. */
export class ErasureCopyUnavailable extends Error {
  override name = 'ErasureCopyUnavailable';
}

/** The intention is in the log; what could not be done of it now is done as soon as it can be. */
export class ErasureUnfinished extends Error {
  override name = 'ErasureUnfinished';
  constructor(
    /** Of the erasure. */
    readonly id: string,
    cause: unknown,
  ) {
    super('the erasure is recorded and not carried out to its end yet', { cause });
  }
}

/** The API keys of people. */
export abstract class PersonsKeys {
  /**
   * @throws OwnErasure where the author is among them; AdminNeeded where they hold a key that works and the author is no admin;
   *   LastAdminKey, ApiKeyHeld where nobody could administer the ledger afterwards, or the key is not the ledger's to revoke
   */
  abstract mustBeErasable(references: readonly Reference[], author: Author): Promise<void>;
  /** Revokes every key of theirs that still works. */
  abstract revokeOf(references: readonly Reference[], by: StoredActor, now: number): Promise<void>;
}

/** Items in quarantine whose content names somebody. */
export interface NamedInQuarantine {
  items: string[];
  /** The log's position up to which items were looked through. */
  seenTo: number;
}

/** Looks through what is kept in quarantine, released or not, as far as it can still be opened. */
export abstract class QuarantineLook {
  /**
   * @param after only items recorded after this position; absent: all of them
   * @param until nothing recorded after this position, about; absent: to the end of the log
   * @returns so many items at most; then `seenTo` is where to go on
   */
  abstract naming(people: readonly Identifier[], most: number, after?: number, until?: number): Promise<NamedInQuarantine>;
}

/** A legal hold that stands in the way of an erasure. */
export interface Hold {
  ground: string;
  /** Of Art. 17(3). */
  exception?: string;
  /** A day or a moment. */
  reviewBy: string;
}

/** How many events of each type name somebody. */
export interface Remaining {
  /** `ledgersOwn`: said by the ledger itself. */
  byType: { type: string; events: number; ledgersOwn?: true }[];
  /** Whether all were counted. */
  complete: boolean;
}

/** What an erasure asks of the read models. */
export abstract class ErasureViews {
  /**
   * The holds that stand on any of these references of one person.
   * @param position as of which; absent: the end of the log
   * @throws NotThereYet where the read models do not get there in time
   */
  abstract holdsOn(references: readonly Reference[], position?: number): Promise<Hold[]>;
  /** @param limit events to count at most; absent: all */
  abstract remainingOf(references: readonly Reference[], limit?: number): Promise<Remaining>;
  /** How far each read model has come. */
  abstract progress(): { name: string; position: number }[];
}
