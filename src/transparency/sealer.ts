/**
 * Makes leaves of the log's events, and signs the tree. It follows the log a page at a time and knows no thread and no clock of its
 * own. Before it signs, it looks whether what it published still stands: where it does not, it refuses, and keeps the evidence.
 */
import type { KeyObject } from 'node:crypto';
import { setImmediate as breathe } from 'node:timers/promises';
import type { RecordedEvent } from '../eventstore/event-store.ts';
import {
  checkConsistency,
  checkInclusion,
  HASH_BYTES,
  type HashReader,
  leafHash,
  proveConsistency,
  proveInclusion,
  rootOf,
} from '../integrity/merkle.ts';
import {
  ED25519,
  formatNote,
  NoteRefused,
  parseNote,
  parseVkey,
  signNote,
  type VerifierKey,
  verifyNote,
} from '../integrity/signed-note.ts';
import { pyramidsOf } from '../integrity/tile-pyramids.ts';
import { hashesAt, hashesFrom, TILE_WIDTH, tileRoot } from '../integrity/tiles.ts';
import { formatTreeHead, parseTreeHead, type TreeHead } from '../integrity/tree-head.ts';
import { leafBytesIfAny } from '../ledger/leaf.ts';
import { Edge } from './edge.ts';
import { KEPT_HEAD } from './kept-head.ts';
import {
  type Generation,
  type Refusal,
  type RefusalReason,
  type RingKey,
  type Sealed,
  type StoredHead,
  TileMissing,
  type TreeStore,
} from './tree.ts';

/** The log, as far as the sealer needs it. `SqliteLogReader` is one. */
export interface Log {
  /** Events after `position`, in order; only an empty page is the end of the log. */
  readAll(position: number, limit: number, maxBytes?: number): RecordedEvent[] | Promise<RecordedEvent[]>;
  /** The highest position, 0 in an empty log. */
  head(): number | Promise<number>;
}

/** A key of the ring that is here to sign with. */
export interface SealerKey {
  vkey: string;
  privateKey: KeyObject;
  /** Position of the event that says of it: the first head that it signs covers that. */
  recordedAt: number;
}

export interface SealerOptions {
  /** Events of a page, at most; 4,096 by default. */
  pageEvents?: number;
  /** Characters of a page, at most; 8 Mi by default. */
  pageBytes?: number;
  /** How many of the newest leaves are derived from the log again before the first signing; 100,000 by default. */
  tailLeaves?: number;
  /** A number from 0 up to 1: which tile the patrol begins with. */
  random?: () => number;
}

export interface SealerParts {
  log: Log;
  store: TreeStore;
  /** The one in force last; before it those that may have to sign beside it. */
  keys: readonly SealerKey[];
  /** The head that was signed last, as it was kept outside the tree: a signed note. */
  kept?: string;
  /** Milliseconds since 1970. */
  now(): number;
}

interface Signer extends SealerKey {
  verifier: VerifierKey;
}

/** What was found not to agree. */
class Difference extends Error {
  override name = 'Difference';
  readonly reason: RefusalReason;
  readonly where: Where;
  constructor(reason: RefusalReason, message: string, where: Where = {}) {
    super(message);
    this.reason = reason;
    this.where = where;
  }
}

type Where = Pick<Refusal, 'position' | 'index' | 'head'>;

export class Sealer {
  readonly #log: Log;
  readonly #store: TreeStore;
  readonly #now: () => number;
  readonly #options: Required<SealerOptions>;
  readonly #generation: Generation;
  readonly #signers: Signer[];
  #sealed: Sealed;
  /** Absent until it is needed, and where what was written last is not known to be stored. */
  #edge: Edge | undefined;
  /** The newest head, as it was when it was signed or first checked. */
  #head: StoredHead | undefined;
  /** Whether what was there at the start has been looked through. */
  #isChecked = false;
  /** What stands of what did not agree, oldest first. */
  #standing: Refusal[];
  /** What of it could not be written down yet. */
  #unwritten: Refusal[] = [];
  #isWitnessAhead: boolean;
  /** What was signed last by this ledger, also where the tree does not know of it any more; until a head has been signed that covers it. */
  #kept: (TreeHead & { note: string }) | undefined;
  /** Where the patrol is, in tiles and in heads. */
  #patrolled: number | undefined;
  #patrolledHead = 0;

  /** @throws Error where no generation was begun */
  static async open(parts: SealerParts, options: SealerOptions = {}): Promise<Sealer> {
    const { store } = parts;
    const generation = await store.generation();
    if (generation === undefined) throw new Error('no tree was begun');
    const standing = (await store.refusals()).filter(({ clearedAt }) => clearedAt === undefined);
    const kept = parts.kept === undefined ? undefined : keptOf(parts.kept, generation, await store.keys());
    return new Sealer(parts, options, { generation, sealed: await store.sealed(), head: await store.lastHead(), kept, standing });
  }

  private constructor(
    { log, store, keys, now }: SealerParts,
    options: SealerOptions,
    state: {
      generation: Generation;
      sealed: Sealed;
      head: StoredHead | undefined;
      kept: (TreeHead & { note: string }) | undefined;
      standing: Refusal[];
    },
  ) {
    this.#log = log;
    this.#store = store;
    this.#now = now;
    this.#options = { pageEvents: 4_096, pageBytes: 8 * 1024 * 1024, tailLeaves: 100_000, random: Math.random, ...options };
    this.#generation = state.generation;
    this.#signers = keys.map(signerOf);
    this.#sealed = state.sealed;
    this.#head = state.head;
    this.#kept = state.kept;
    this.#standing = state.standing;
    this.#isWitnessAhead = state.standing.some(({ reason }) => reason === 'witness-ahead');
  }

  get generation(): Generation {
    return this.#generation;
  }

  get sealed(): Sealed {
    return this.#sealed;
  }

  get head(): StoredHead | undefined {
    return this.#head;
  }

  /** The first thing that stands in the way of signing. */
  get refusal(): Refusal | undefined {
    return this.#standing[0];
  }

  /** Whether what was there at the start has been looked through, and agreed or was refused. */
  get isChecked(): boolean {
    return this.#isChecked;
  }

  /**
   * Looks whether the newest head, the tiles and the newest leaves agree with the log, and what was refused before. Where all of it does,
   * refusals are cleared; where a witness is ahead, that is for the witness to say.
   * @param signal ends it early: then nothing was found out
   */
  async check(signal?: AbortSignal): Promise<void> {
    await this.#writeDown();
    await this.#refusing(async () => {
      this.#sealed = await this.#store.sealed();
      this.#head ??= await this.#store.lastHead();
      if (this.#head !== undefined) await this.#checkHead(this.#head);
      await this.#checkKept();
      await this.#checkNewestHeads(signal);
      const { size } = this.#sealed;
      for (const { index } of this.#standing) if (index !== undefined && index < size) await this.#checkTile(tileOf(index));
      // Whatever no head covers yet is derived again too: it will be signed next.
      const first = tileOf(Math.max(0, Math.min(this.#head?.size ?? 0, size - this.#options.tailLeaves)));
      for (let tile = first; tile * TILE_WIDTH < size; tile++) {
        if (signal?.aborted) return;
        await this.#checkTile(tile);
        await breathe();
      }
      if (this.#standing.some(({ reason }) => reason === 'no-leaf')) await this.#checkNext();
      this.#isChecked = true;
      if (this.#standing.length > 0 && !this.#isWitnessAhead) await this.#clear();
    });
  }

  /**
   * Makes leaves of the next page of events.
   * @returns whether there was one
   */
  async page(): Promise<boolean> {
    if (!this.#isChecked || this.refusal !== undefined) return false;
    const events = await this.#log.readAll(this.#sealed.position, this.#options.pageEvents, this.#options.pageBytes);
    if (events.length === 0) {
      await this.#refusing(() => this.#checkEnd());
      return false;
    }
    await this.#refusing(() => this.#seal(events));
    return this.refusal === undefined;
  }

  async #seal(events: readonly RecordedEvent[]): Promise<void> {
    const leaves: Buffer[] = [];
    for (const event of events) {
      const leaf = leafOf(event);
      if (leaf === undefined) break;
      leaves.push(leaf);
    }
    const { size: from, position } = this.#sealed;
    const bad = events[leaves.length];
    if (leaves.length === 0 && bad !== undefined) throw noLeaf(bad, from);
    const edge = this.#edge ?? (await Edge.load(from, this.#store));
    const positions = events.slice(0, leaves.length).map((event) => event.position);
    for (const leaf of leaves) edge.append(leaf);
    const sealed = { size: edge.size, position: positions.at(-1) ?? position };
    await this.#writing(() => this.#store.grow({ from, sealed, tiles: edge.takeGrown(), positions }));
    this.#sealed = sealed;
    this.#edge = edge;
  }

  /** Whatever fails in here leaves it open what is stored: all of it is looked through again before anything else is written. */
  async #writing(write: () => Promise<void>): Promise<void> {
    const [edge, head] = [this.#edge, this.#head];
    this.#isChecked = false;
    this.#edge = undefined;
    this.#head = undefined;
    await write();
    this.#isChecked = true;
    this.#edge = edge;
    this.#head = head;
  }

  /**
   * Signs the tree as it is, unless the newest head has its size; nothing is signed before the key's own event is a leaf.
   * @returns the newest head; undefined where there is none or something stands in the way
   */
  async sign(): Promise<StoredHead | undefined> {
    if (!this.#isChecked || this.refusal !== undefined) return undefined;
    const { size, position } = this.#sealed;
    const inForce = this.#signers.at(-1) as Signer;
    if (size === (this.#head?.size ?? 0) || size < (this.#kept?.size ?? 0) || position < inForce.recordedAt) return this.#head;
    await this.#refusing(async () => {
      if (this.#head !== undefined) await this.#checkHead(this.#head);
      await this.#checkKept();
      const root = await this.#checkedRoot(size);
      await this.#checkLeaf(size - 1, position);
      const text = formatTreeHead({ origin: this.#generation.origin, size, root });
      const signatures = this.#signersOf(this.#head).map(({ verifier, privateKey }) => signNote(text, verifier, privateKey));
      const head: StoredHead = {
        generation: this.#generation.number,
        number: (this.#head?.number ?? 0) + 1,
        size,
        position,
        signedAt: this.#timeAfter(this.#head),
        note: formatNote({ text, signatures }),
      };
      await this.#writing(() => this.#store.addHead(head));
      this.#head = head;
      // From here on it is under this head.
      this.#kept = undefined;
    });
    return this.refusal === undefined ? this.#head : undefined;
  }

  /** The key in force; and the one before it, where that alone has signed so far: who trusts it learns of the new one. */
  #signersOf(head: StoredHead | undefined): Signer[] {
    const inForce = this.#signers.at(-1) as Signer;
    if (head === undefined || isSignedBy(head, inForce.verifier)) return [inForce];
    return [inForce, ...this.#signers.filter((signer) => signer !== inForce && isSignedBy(head, signer.verifier))];
  }

  /** A key that takes the place of the one in force: the next head is signed by both. */
  async addKey(key: RingKey, signer: SealerKey): Promise<void> {
    await this.#store.addKey(key);
    this.#signers.push(signerOf(signer));
  }

  /** Signs a text that is no tree head under the key in force. @throws RangeError for what could pass for a tree head of this log */
  signText(text: string): string {
    const [first = ''] = text.split('\n');
    if (/\/\d+$/.test(first) || !text.endsWith('\n'))
      throw new RangeError('a text to sign ends with a newline and does not begin like a tree head');
    const { verifier, privateKey } = this.#signers.at(-1) as Signer;
    return formatNote({ text, signatures: [signNote(text, verifier, privateKey)] });
  }

  /**
   * Derives the leaves of one tile from the log again, and the tiles above it, and looks at some heads; the next call takes the next ones,
   * for ever.
   */
  async patrol(): Promise<void> {
    const tiles = Math.ceil(this.#sealed.size / TILE_WIDTH);
    if (!this.#isChecked || this.refusal !== undefined || tiles === 0) return;
    const tile = this.#patrolled ?? Math.floor(this.#options.random() * tiles);
    await this.#refusing(async () => {
      await this.#checkTile(tile % tiles);
      this.#patrolledHead = await this.#checkHeadsAfter(this.#patrolledHead, PATROLLED_HEADS);
    });
    this.#patrolled = (tile % tiles) + 1;
  }

  /** A witness has seen more, or other, than this ledger knows of. */
  async refuseAhead(refusal: Refusal): Promise<void> {
    this.#isWitnessAhead = true;
    await this.#refuse(refusal);
  }

  /** No witness is ahead any more. */
  async clearAhead(): Promise<void> {
    if (!this.#isWitnessAhead) return;
    this.#isWitnessAhead = false;
    await this.check();
  }

  /** All of them where one was found to be another one before; else as many as are looked through in no time. */
  async #checkNewestHeads(signal: AbortSignal | undefined): Promise<void> {
    const isDoubtful = this.#standing.some(({ reason }) => reason === 'head-changed');
    let number = isDoubtful ? 0 : Math.max(0, (this.#head?.number ?? 0) - HEADS_AT_START);
    do {
      number = await this.#checkHeadsAfter(number, PATROLLED_HEADS);
      await breathe();
    } while (number !== 0 && !signal?.aborted);
  }

  /**
   * Heads are signed by a key of the ring, numbered without gaps, each of more leaves than the one before, and the tiles lead to their roots.
   * @returns the number of the last one looked at; 0 where there are no more
   */
  async #checkHeadsAfter(number: number, count: number): Promise<number> {
    let [before] = number === 0 ? [] : await this.#store.headsAfter(number - 1, 1);
    const heads = await this.#store.headsAfter(number, count);
    const roots: Buffer[] = [];
    for (const [i, head] of heads.entries()) {
      const changed = (what: string) => new Difference('head-changed', `head ${number + i + 1} ${what}`, { head: head.note });
      if (head.number !== number + i + 1) throw changed('is not there');
      const { size, root } = await this.#opened(head);
      if (size <= (before?.size ?? 0)) throw changed('is of no more leaves than the one before it');
      roots.push(root);
      before = head;
    }
    // Newest first: the tiles of a larger tree have all that those of a smaller one need, and are read and hashed once.
    const hashes = pyramidsOf(this.#store);
    for (let i = heads.length - 1; i >= 0; i--) await this.#checkRoot(heads[i] as StoredHead, roots[i] as Buffer, hashes);
    return heads.length < count ? 0 : number + count;
  }

  /** What was signed last is known outside the tree too: whatever the tree knows, the log leads to it. */
  async #checkKept(): Promise<void> {
    const kept = this.#kept;
    if (kept === undefined || kept.size > this.#sealed.size) return;
    const root = await fromTiles(() => rootOf(kept.size, hashesFrom(this.#store)), this.#head);
    if (root.equals(kept.root)) return;
    const what = `the first ${kept.size} events do not lead to the root that was signed of them, and ${KEPT_HEAD} has`;
    throw new Difference('event-changed', what, { head: kept.note });
  }

  /** The log has ended: what was signed is in it. */
  async #checkEnd(): Promise<void> {
    const kept = this.#kept;
    if (kept !== undefined && this.#sealed.size < kept.size) {
      const what = `the log has ${this.#sealed.size} events, and the head that was signed last covers ${kept.size}`;
      throw new Difference('log-shorter-than-head', what, { head: kept.note });
    }
  }

  /** The newest head is what a key of the ring signed, what the store gives as it, and what tiles and log lead to. */
  async #checkHead(head: StoredHead): Promise<void> {
    const stored = await this.#store.lastHead();
    if (stored?.note !== head.note)
      throw new Difference('head-changed', `head ${head.number} is not the one that was signed`, { head: head.note });
    const { root } = await this.#opened(head);
    const end = await this.#log.head();
    if (end < head.position) {
      throw new Difference('log-shorter-than-head', `the log ends at ${end}, and head ${head.number} covers it up to ${head.position}`, {
        position: end + 1,
        head: head.note,
      });
    }
    await this.#checkRoot(head, root, hashesFrom(this.#store));
    await this.#checkLeaf(head.size - 1, head.position);
  }

  /** @param root that was signed */
  async #checkRoot(head: StoredHead, root: Buffer, hashes: HashReader): Promise<void> {
    const now = await fromTiles(() => rootOf(head.size, hashes), head);
    if (!now.equals(root))
      throw new Difference('tiles-changed', `the tiles do not lead to the root of head ${head.number}`, { head: head.note });
  }

  /** Size and root of a head that a key of the ring signed. */
  async #opened(head: StoredHead): Promise<{ size: number; root: Buffer }> {
    const ring = (await this.#store.keys()).filter(({ generation }) => generation === head.generation);
    const changed = (why: string) => new Difference('head-changed', `head ${head.number} ${why}`, { head: head.note });
    try {
      const note = parseNote(head.note);
      verifyNote(
        note,
        ring.map(({ vkey }) => parseVkey(vkey)),
      );
      const { origin, size, root } = parseTreeHead(note.text);
      if (origin !== this.#generation.origin || size !== head.size) throw changed('is of another tree, or of another size');
      return { size, root };
    } catch (error) {
      throw error instanceof NoteRefused ? changed('is signed by no key of the ring') : error;
    }
  }

  /** The root of the tree, after it was proven that it goes on from the newest head. */
  async #checkedRoot(size: number): Promise<Buffer> {
    const hashes = hashesFrom(this.#store);
    const head = this.#head;
    const root = await fromTiles(() => rootOf(size, hashes), head);
    const wanted = this.#edge?.root();
    const isGrown = wanted === undefined || wanted.equals(root);
    const old = head && (await this.#opened(head));
    const proof = old && (await fromTiles(() => proveConsistency(old.size, size, hashes), head));
    if (!isGrown || (old && !checkConsistency(old.size, size, old.root, root, proof ?? []))) {
      throw new Difference('tiles-changed', `the tiles of ${size} leaves do not go on from what was sealed`, {
        ...(head && { head: head.note }),
      });
    }
    return root;
  }

  /** The event behind the last leaf can be one. */
  async #checkNext(): Promise<void> {
    const { size, position } = this.#sealed;
    const [next] = await this.#log.readAll(position, 1, this.#options.pageBytes);
    if (next !== undefined && leafOf(next) === undefined) throw noLeaf(next, size);
  }

  /** The event of one leaf is the one that was sealed. */
  async #checkLeaf(index: number, position: number): Promise<void> {
    const [at] = await this.#store.positionsOf(index, 1);
    if (at !== position) throw new Difference('tiles-changed', `leaf ${index} is not the event at ${position}`, { index, position });
    await this.#checkLeaves(index, 1);
  }

  /** The leaves of a tile, and that the tile is the one that those above it are made of. */
  async #checkTile(tile: number): Promise<void> {
    const first = tile * TILE_WIDTH;
    await this.#checkLeaves(first, Math.min(TILE_WIDTH, this.#sealed.size - first));
    const hashes = hashesFrom(this.#store);
    for (let level = 1, index = tile; hashesAt(level, this.#sealed.size) > index; level++) {
      const [below, above] = [8 * level, { level, index: Math.floor(index / TILE_WIDTH), width: (index % TILE_WIDTH) + 1 }];
      const made = await fromTiles(() => this.#madeOf(level - 1, index), this.#head);
      const [kept] = await fromTiles(() => hashes.read([{ level: below, index }]), this.#head);
      if (!made.equals(kept as Buffer)) {
        throw new Difference('tiles-changed', `tile ${above.index} of level ${level} is not made of those below it`, { index: first });
      }
      // A tile above is looked at once it is the last one below that is.
      if (index % TILE_WIDTH !== TILE_WIDTH - 1) return;
      index = above.index;
    }
  }

  /** The hash that a full tile stands for in the level above. */
  async #madeOf(level: number, index: number): Promise<Buffer> {
    const [tile] = await this.#store.read([{ level, index, width: TILE_WIDTH }]);
    return tileRoot(tile as Buffer);
  }

  /** The events of these leaves (of one tile), as the log has them now, are the ones that were sealed. */
  async #checkLeaves(index: number, count: number): Promise<void> {
    const [before, ...positions] =
      index > 0 ? await this.#store.positionsOf(index - 1, count + 1) : [0, ...(await this.#store.positionsOf(0, count))];
    const width = (index % TILE_WIDTH) + count;
    const [tile] = await fromTiles(() => this.#store.read([{ level: 0, index: tileOf(index), width }]), this.#head);
    if (positions.length !== count)
      throw new Difference('tiles-changed', `the positions of the leaves from ${index} on are not there`, { index });
    let after = before as number;
    for (let i = 0; i < count; ) {
      // A page at a time: a tile of the largest events there can be is not held at once.
      const page = await this.#log.readAll(after, count - i, this.#options.pageBytes);
      for (const event of page.length > 0 ? page : [undefined]) {
        const position = positions[i] as number;
        const sealed = hashAt(tile as Buffer, index + i);
        const found = event?.position === position ? leafOf(event) : undefined;
        if (!found?.equals(sealed)) throw await this.#differs(index + i, position, sealed, found);
        after = position;
        i++;
      }
    }
  }

  /** Which of both was changed: where the leaf that was sealed is under the root that was published, the event was. */
  async #differs(index: number, position: number, sealed: Buffer, found: Buffer | undefined): Promise<Difference> {
    const head = this.#head;
    const where = { index, position, ...(head && { head: head.note }) };
    if (found !== undefined && head !== undefined && index < head.size) {
      const { size, root } = await this.#opened(head);
      const proof = await fromTiles(() => proveInclusion(index, size, hashesFrom(this.#store)), head);
      if (!checkInclusion(sealed, index, size, proof, root)) {
        return new Difference('tiles-changed', `leaf ${index} in the tiles is not what was published of the event at ${position}`, where);
      }
    }
    const what = found === undefined ? 'is not there, or another one stands in its place' : 'is not the one that was sealed';
    return new Difference('event-changed', `the event at ${position}, leaf ${index}, ${what}`, where);
  }

  async #refusing(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof Difference)) throw error;
      await this.#refuse({ reason: error.reason, noticedAt: this.#time(), detail: error.message, ...error.where });
      this.#isChecked = true;
    }
  }

  /** What stands already is not written down again. Whether or not it can be written down, nothing is signed from here on. */
  async #refuse(refusal: Refusal): Promise<void> {
    if (this.#standing.some((known) => whatOf(known) === whatOf(refusal))) return;
    this.#standing.push(refusal);
    this.#unwritten.push(refusal);
    await this.#writeDown();
  }

  /** Evidence is kept before anything is cleared. */
  async #writeDown(): Promise<void> {
    for (let next = this.#unwritten[0]; next !== undefined; next = this.#unwritten[0]) {
      await this.#store.addRefusal(next);
      this.#unwritten.shift();
    }
  }

  async #clear(): Promise<void> {
    await this.#store.clearRefusals(this.#time());
    this.#standing = [];
  }

  #time(): string {
    return new Date(this.#now()).toISOString();
  }

  /** A clock that is set back does not put a head before the one that it follows. */
  #timeAfter(head: StoredHead | undefined): string {
    const now = this.#time();
    return head !== undefined && head.signedAt > now ? head.signedAt : now;
  }
}

/** Heads looked at in one piece. */
const PATROLLED_HEADS = 16;
/** Heads looked at before the first signing. */
const HEADS_AT_START = 1_000;

/** A head of this tree that a key of the ring signed; anything else is as good as nothing. */
function keptOf(text: string, { number, origin }: Generation, ring: readonly RingKey[]): (TreeHead & { note: string }) | undefined {
  try {
    const note = parseNote(text);
    const head = parseTreeHead(note.text);
    if (head.origin !== origin) return undefined;
    verifyNote(
      note,
      ring.filter(({ generation }) => generation === number).map(({ vkey }) => parseVkey(vkey)),
    );
    return { ...head, note: text };
  } catch (error) {
    if (error instanceof NoteRefused) return undefined;
    throw error;
  }
}

const tileOf = (index: number): number => Math.floor(index / TILE_WIDTH);
const hashAt = (tile: Buffer, index: number): Buffer =>
  tile.subarray((index % TILE_WIDTH) * HASH_BYTES, ((index % TILE_WIDTH) + 1) * HASH_BYTES);

/** What a refusal is about: the rest of it may change from one look to the next. */
const whatOf = ({ reason, index, head, detail }: Refusal): string =>
  `${reason} ${index ?? (reason === 'witness-ahead' ? detail : (head ?? detail))}`;

const noLeaf = ({ position }: RecordedEvent, index: number): Difference =>
  new Difference('no-leaf', `the event at ${position} is none that this program writes`, { position, index });

/** Undefined for what can be no leaf. */
function leafOf(event: RecordedEvent): Buffer | undefined {
  const bytes = leafBytesIfAny(event);
  return bytes && leafHash(bytes);
}

function signerOf(key: SealerKey): Signer {
  const verifier = parseVkey(key.vkey);
  if (verifier.kind !== ED25519) throw new RangeError('a sealer signs with a key of Ed25519');
  return { ...key, verifier };
}

/** Whether a signature of this key stands on the head; whether it holds is not looked at. */
export function isSignedBy(head: Pick<StoredHead, 'note'>, { name, id }: VerifierKey): boolean {
  return parseNote(head.note).signatures.some((signature) => signature.name === name && signature.id.equals(id));
}

async function fromTiles<Out>(read: () => Promise<Out>, head: StoredHead | undefined): Promise<Out> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof TileMissing) throw new Difference('tiles-changed', error.message, { ...(head && { head: head.note }) });
    throw error;
  }
}
