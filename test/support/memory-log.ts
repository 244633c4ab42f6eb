import { generateKeyPairSync } from 'node:crypto';
import type { EventStore } from '../../src/eventstore/event-store.ts';
import { type HashReader, leafHash, nodeHash, proveConsistency, proveInclusion, rootOf } from '../../src/integrity/merkle.ts';
import { ED25519, formatNote, signNote, type VerifierKey, verifierKey, vkeyOf } from '../../src/integrity/signed-note.ts';
import { TILE_WIDTH, type Tile } from '../../src/integrity/tiles.ts';
import { formatTreeHead, parseTreeHead } from '../../src/integrity/tree-head.ts';
import { leafBytes } from '../../src/ledger/leaf.ts';
import {
  NotSealedYet,
  type PublishedHead,
  SealingRefused,
  TransparencyLog,
  type TransparencyStatus,
} from '../../src/transparency/transparency-log.ts';
import {
  type Generation,
  type Refusal,
  type RingKey,
  type Sealed,
  type StoredCosignature,
  type StoredHead,
  TileMissing,
  TreeReader,
} from '../../src/transparency/tree.ts';

const ORIGIN = 'ledger.example/test/1';
const BEGUN: Generation = { number: 1, origin: ORIGIN, startedAt: '2026-03-02T00:00:00.000Z' };
const PAGE = 1_000;

/** A tree in memory that is made of the log's events when a head is asked for, and of nothing between. */
export class MemoryLog extends TransparencyLog {
  readonly leaves: { position: number; hash: Buffer }[] = [];
  readonly heads: StoredHead[] = [];
  /** Whether what is asked for is sealed; otherwise it is not there in time. */
  isSealing = true;
  refusal: Refusal | undefined;
  readonly key: VerifierKey;
  readonly #privateKey;
  readonly #hashes: HashReader = { read: async (subtrees) => subtrees.map(({ level, index }) => this.hashOf(level, index)) };
  override readonly reader: TreeReader = new MemoryTree(this);

  constructor(private readonly store: EventStore) {
    super();
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    this.key = verifierKey(ORIGIN, ED25519, publicKey);
    this.#privateKey = privateKey;
  }

  /** Makes leaves of all that is recorded, and signs. */
  async seal(): Promise<PublishedHead> {
    for (let after = this.leaves.at(-1)?.position ?? 0; ; ) {
      const page = await this.store.readAll(after, PAGE);
      for (const event of page) this.leaves.push({ position: event.position, hash: leafHash(leafBytes(event)) });
      const last = page.at(-1);
      if (!last) break;
      after = last.position;
    }
    const newest = this.heads.at(-1);
    return this.published(newest?.size === this.leaves.length ? newest : await this.#sign());
  }

  async #sign(): Promise<StoredHead> {
    const size = this.leaves.length;
    const text = formatTreeHead({ origin: ORIGIN, size, root: await this.root(size) });
    const head = {
      ...{ generation: 1, number: this.heads.length + 1, size, position: this.leaves.at(-1)?.position ?? 0 },
      signedAt: '2026-03-02T12:00:00.000Z',
      note: formatNote({ text, signatures: [signNote(text, this.key, this.#privateKey)] }),
    };
    this.heads.push(head);
    return head;
  }

  /** Of a complete subtree. */
  hashOf(level: number, index: number): Buffer {
    if (level > 0) return nodeHash(this.hashOf(level - 1, 2 * index), this.hashOf(level - 1, 2 * index + 1));
    const leaf = this.leaves[index];
    if (!leaf) throw new TileMissing('there is no such leaf');
    return leaf.hash;
  }

  override async covering(position: number, _waitMs?: number): Promise<PublishedHead> {
    const newest = this.heads.at(-1);
    if (newest && newest.position >= position) return this.published(newest);
    if (this.refusal) throw new SealingRefused(this.refusal);
    if (!this.isSealing) throw new NotSealedYet('no head covers it yet');
    return this.seal();
  }

  override async published(head: StoredHead): Promise<PublishedHead> {
    const { origin, root } = parseTreeHead(head.note.slice(0, head.note.lastIndexOf('\n\n') + 1));
    return { ...head, origin, root, published: head.note, witnesses: [] };
  }

  override async head(): Promise<PublishedHead | undefined> {
    const newest = this.heads.at(-1);
    return newest && this.published(newest);
  }

  override async indexesOf(positions: readonly number[]): Promise<(number | undefined)[]> {
    return positions.map((position) => {
      const index = this.leaves.findIndex((leaf) => leaf.position === position);
      return index < 0 ? undefined : index;
    });
  }

  override root = (size: number) => rootOf(size, this.#hashes);
  override inclusion = (index: number, size: number) => proveInclusion(index, size, this.#hashes);
  override consistency = (first: number, size: number) => proveConsistency(first, size, this.#hashes);
  override signNow = () => this.seal();
  override generation = async () => BEGUN;
  override keys = async (): Promise<RingKey[]> => [{ generation: 1, vkey: vkeyOf(this.key), createdAt: BEGUN.startedAt }];

  override status(): TransparencyStatus {
    const { length: size } = this.leaves;
    const position = this.leaves.at(-1)?.position ?? 0;
    return { state: 'sealing', generation: 1, origin: ORIGIN, size, position, lagEvents: 0, lagSeconds: 0, witnesses: [] };
  }

  override async rotateKey(): Promise<RingKey> {
    throw new Error('this log keeps its key');
  }

  override async sign(text: string): Promise<string> {
    return formatNote({ text, signatures: [signNote(text, this.key, this.#privateKey)] });
  }

  override async close(): Promise<void> {}
}

class MemoryTree extends TreeReader {
  constructor(private readonly log: MemoryLog) {
    super();
  }

  override async read(tiles: readonly Tile[]): Promise<Buffer[]> {
    return tiles.map(({ level, index, width }) =>
      Buffer.concat(Array.from({ length: width }, (_, i) => this.log.hashOf(level * 8, index * TILE_WIDTH + i))),
    );
  }

  override async sealed(): Promise<Sealed> {
    return { size: this.log.leaves.length, position: this.log.leaves.at(-1)?.position ?? 0 };
  }

  override async positionsOf(index: number, count: number): Promise<number[]> {
    return this.log.leaves.slice(index, index + count).map(({ position }) => position);
  }

  override async headCovering(size: number): Promise<StoredHead | undefined> {
    return this.log.heads.find((head) => head.size >= size);
  }

  override async headsAfter(number: number, limit: number): Promise<StoredHead[]> {
    return this.log.heads.filter((head) => head.number > number).slice(0, limit);
  }

  override ledger = async () => 'c0ffee';
  override indexesOf = (positions: readonly number[]) => this.log.indexesOf(positions);
  override generation = () => this.log.generation();
  override generations = async () => [BEGUN];
  override keys = () => this.log.keys();
  override lastHead = async () => this.log.heads.at(-1);
  override cosignatures = async (): Promise<StoredCosignature[]> => [];
  override cosignedSizes = async () => new Map<string, number>();
  override refusals = async () => (this.log.refusal ? [this.log.refusal] : []);
  override close = async () => undefined;
}
