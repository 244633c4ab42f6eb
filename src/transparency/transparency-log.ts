/**
 * The transparency log as the rest of the program sees it: which leaf an event is, proofs, signed heads. What follows the log and
 * signs is the sealer, in a thread of its own; here is asked only.
 */
import type { Author } from '../ledger/author.ts';
import type { Generation, Refusal, RingKey, StoredHead, TreeReader } from './tree.ts';

/** A head with all that speaks for it: what `GET /tlog/checkpoint` answers. */
export interface PublishedHead extends StoredHead {
  origin: string;
  root: Buffer;
  /** The note with the cosignatures that came so far: `note` has the log's own signatures alone. */
  published: string;
  /** Names of the witnesses that cosigned it. */
  witnesses: string[];
}

export interface WitnessStatus {
  name: string;
  /** Largest size that it cosigned; 0 where none. */
  size: number;
  /** When it last cosigned, UTC ISO 8601. */
  at?: string;
  /** Why the last attempt failed, in words without an address or a body. */
  failing?: string;
}

export interface TransparencyStatus {
  /** `refusing`: what was published and what is stored do not agree; `failing`: it could not read or write and tries again. */
  state: 'sealing' | 'refusing' | 'failing';
  /** Name or code of the error, while it fails. */
  failing?: string;
  generation: number;
  origin: string;
  size: number;
  position: number;
  /** Positions between the last leaf and the end of the log. */
  lagEvents: number;
  /** Age of the oldest event that is no leaf yet. */
  lagSeconds: number;
  head?: { size: number; signedAt: string };
  refusal?: Refusal;
  witnesses: WitnessStatus[];
}

/** The event is not sealed yet, or no head covers it: trying again later is safe. */
export class NotSealedYet extends Error {
  override name = 'NotSealedYet';
  readonly retryAfterSeconds: number;
  constructor(message: string, retryAfterSeconds = 1) {
    super(message);
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** No head is signed any more: what was published and what is stored do not agree. */
export class SealingRefused extends Error {
  override name = 'SealingRefused';
  constructor(readonly refusal: Refusal) {
    super(`no tree head is signed: ${refusal.detail}`);
  }
}

export abstract class TransparencyLog {
  abstract readonly reader: TreeReader;
  abstract status(): TransparencyStatus;

  abstract generation(): Promise<Generation>;
  /** The key in force last. */
  abstract keys(): Promise<RingKey[]>;

  /** The newest head; undefined before the first. */
  abstract head(): Promise<PublishedHead | undefined>;
  /** The published form of a stored head. */
  abstract published(head: StoredHead): Promise<PublishedHead>;
  /**
   * A head that covers the event at `position` (0: any head): the newest, where it does; else one that is signed as soon as the event is a leaf.
   * @param waitMs how long at most
   * @throws NotSealedYet, SealingRefused
   */
  abstract covering(position: number, waitMs: number): Promise<PublishedHead>;
  /** Signs the tree as it is now, unless the newest head has its size already. @throws NotSealedYet, SealingRefused */
  abstract signNow(): Promise<PublishedHead>;

  /** Leaf indexes, as `TreeReader.indexesOf`. */
  abstract indexesOf(positions: readonly number[]): Promise<(number | undefined)[]>;
  /** Root of the first `size` leaves. @throws RangeError beyond what is sealed */
  abstract root(size: number): Promise<Buffer>;
  /** @throws RangeError */
  abstract inclusion(index: number, size: number): Promise<Buffer[]>;
  /** @throws RangeError */
  abstract consistency(first: number, size: number): Promise<Buffer[]>;

  /**
   * Replaces the sealer's key; the next head is signed by both, so that whoever trusts the old key learns the new one. Recorded in the log (`SealerKeyCreated`).
   * @param author recorded as who did it
   */
  abstract rotateKey(author: Author, now: number): Promise<RingKey>;

  /** Signs any text that is no tree head under the key in force (an evidence manifest): answers the note. */
  abstract sign(text: string): Promise<string>;

  abstract close(): Promise<void>;
}
