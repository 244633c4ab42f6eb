/**
 * What is kept of the tree: tiles, which event is which leaf, signed heads with what witnesses said of them, the sealer's
 * public keys, and what did not agree. One writer (the sealer), any number of readers.
 */
import type { Tile } from '../integrity/tiles.ts';

/** Events that are leaves: the first `size` of the log. */
export interface Sealed {
  size: number;
  /** Of the last of them; 0 where there is none. */
  position: number;
}

/** A tree under one origin line. Another one begins where a ledger goes on from an older state than it has published. */
export interface Generation {
  /** From 1. */
  number: number;
  /** `<name>/<number>`: origin line of its heads and name of its keys. */
  origin: string;
  /** UTC ISO 8601. */
  startedAt: string;
}

/** A key of the sealer's, in force or retired: heads that it signed still verify. */
export interface RingKey {
  generation: number;
  /** C2SP signed-note: `<origin>+<id>+<base64>`. */
  vkey: string;
  /** UTC ISO 8601. */
  createdAt: string;
  retiredAt?: string;
}

/** A tree head as it was signed and published. */
export interface StoredHead {
  generation: number;
  /** In its generation, from 1 without gaps. */
  number: number;
  size: number;
  /** Position of the last event that it covers; 0 where it covers none. */
  position: number;
  /** UTC ISO 8601. */
  signedAt: string;
  /** Text and the log's own signatures (C2SP signed-note). */
  note: string;
}

/** What a witness answered: it saw that head, and it goes on from what the witness saw before. */
export interface StoredCosignature {
  /** Name of the witness's key. */
  witness: string;
  size: number;
  /** Seconds since 1970, as the witness signed it. */
  at: number;
  /** The signature line, without its newline. */
  line: string;
}

/** Why the sealer signs no more. */
export type RefusalReason =
  /** The log ends before what a published head covers. */
  | 'log-shorter-than-head'
  /** An event is not the one that was sealed. */
  | 'event-changed'
  /** Tiles do not lead to the root that was published. */
  | 'tiles-changed'
  /** The last head is not one that a key of the ring signed. */
  | 'head-changed'
  /** An event is none that this program writes, and can be no leaf. */
  | 'no-leaf'
  /** A witness has seen a later or another head than this ledger knows of: it was rolled back. */
  | 'witness-ahead';

/** Evidence of what did not agree, kept for ever. */
export interface Refusal {
  reason: RefusalReason;
  /** UTC ISO 8601. */
  noticedAt: string;
  /** In words: where, what was expected and what was found; nothing personal. */
  detail: string;
  /** Of the first event concerned, where it is known. */
  position?: number;
  index?: number;
  /** Note of the head that it does not agree with. */
  head?: string;
  /** UTC ISO 8601: from then on it agreed again (the files were put right, or a new generation was begun). */
  clearedAt?: string;
}

/** Reads what the sealer wrote. Every call sees all that was written before it. */
export abstract class TreeReader {
  /** Identity of the ledger whose tree it is, in hex. */
  abstract ledger(): Promise<string>;
  /** The generation in force; undefined before the first start of the sealer. */
  abstract generation(): Promise<Generation | undefined>;
  /** Oldest first. */
  abstract generations(): Promise<Generation[]>;
  /** Of all generations, oldest first: the last one of the last generation is in force. */
  abstract keys(): Promise<RingKey[]>;
  abstract sealed(): Promise<Sealed>;

  /** Hashes of tiles of the generation in force, at least as wide as asked for, in the order asked for (`TileReader`). @throws TileMissing */
  abstract read(tiles: readonly Tile[]): Promise<Buffer[]>;
  /** Leaf index of the event at each position; undefined where it is not sealed (yet). */
  abstract indexesOf(positions: readonly number[]): Promise<(number | undefined)[]>;
  /** Positions of the leaves from `index` on, at most `count`. */
  abstract positionsOf(index: number, count: number): Promise<number[]>;

  abstract lastHead(): Promise<StoredHead | undefined>;
  /** The oldest head of the generation in force with at least `size` leaves. */
  abstract headCovering(size: number): Promise<StoredHead | undefined>;
  /** Heads of a generation (the one in force when absent) by number, after this one. */
  abstract headsAfter(number: number, limit: number, generation?: number): Promise<StoredHead[]>;
  /** Of the head with this size, in the generation in force unless another is named. */
  abstract cosignatures(size: number, generation?: number): Promise<StoredCosignature[]>;
  /** The largest size that each witness cosigned, generation in force. */
  abstract cosignedSizes(): Promise<Map<string, number>>;
  /** Oldest first. */
  abstract refusals(): Promise<Refusal[]>;

  abstract close(): Promise<void>;
}

/** A tile is asked for that is not there: the tree is smaller, or its file was changed. */
export class TileMissing extends Error {
  override name = 'TileMissing';
}

/** Another sealer has taken over: this one writes no more. */
export class SealerReplaced extends Error {
  override name = 'SealerReplaced';
}

/** What `grow` adds. */
export interface Growth {
  /** Leaves there were before: fences out whoever thinks otherwise. */
  from: number;
  sealed: Sealed;
  /** Every tile that became new or wider, with all its hashes. */
  tiles: readonly { tile: Tile; hashes: Buffer }[];
  /** Of the leaves from `from` on, in order. */
  positions: readonly number[];
}

/** Writes as well. Every write is one transaction, durable when it resolves; all throw `SealerReplaced`. */
export abstract class TreeStore extends TreeReader {
  /** A new tree with its first key: the key before is retired, and every refusal that stands is cleared. */
  abstract begin(generation: Generation, key: RingKey): Promise<void>;
  /** Takes the key's place that is in force; that one is retired at `createdAt` of the new one. */
  abstract addKey(key: RingKey): Promise<void>;
  abstract grow(growth: Growth): Promise<void>;
  abstract addHead(head: StoredHead): Promise<void>;
  /** Adds to those of that size; a witness's later one takes the place of its earlier one. */
  abstract addCosignatures(cosignatures: readonly StoredCosignature[]): Promise<void>;
  abstract addRefusal(refusal: Refusal): Promise<void>;
  /** Every refusal that stands is cleared. */
  abstract clearRefusals(at: string): Promise<void>;
}
