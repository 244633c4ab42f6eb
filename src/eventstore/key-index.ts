/**
 * Which record stands where: from a record key to the position of its event.
 *
 * A unique index on random keys inside the database would touch a random page for every event and slow a growing log
 * down to a quarter. So the keys are kept in memory as fingerprints of 40 bits with their positions, and every hit is
 * verified against the key in the event's own row. The index is derived: `KeyIndexFile` keeps it beside the log only so that a
 * start need not read the whole log again, and whatever is wrong with that file costs time, never correctness.
 */
import { closeSync, constants, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';

const SHARDS = 256;
const INITIAL_SLOTS = 16;

/** Positions are kept in 32 bits, and 0 means a free slot. */
export const MAX_POSITION = 2 ** 32 - 1;

/**
 * Fingerprints with positions, in 256 open-addressed tables that grow each on its own: doubling one of them moves a 256th
 * of all entries, so no append waits for all of them.
 */
export class KeyIndex {
  readonly #shards = Array.from({ length: SHARDS }, () => new Shard());

  /** Memory of the tables in bytes. */
  get bytes(): number {
    return this.#shards.reduce((sum, shard) => sum + shard.bytes, 0);
  }

  get size(): number {
    return this.#shards.reduce((sum, shard) => sum + shard.size, 0);
  }

  /**
   * The position of the key that stands at `offset`, or 0. `matches` must say whether the event at a position really has it.
   * Costs one probe, and one call of `matches` for each entry with the same fingerprint (about one in 10^12 a foreign entry).
   */
  find(keys: Buffer, offset: number, matches: (position: number) => boolean): number {
    return this.#shard(shardOf(keys, offset)).find(tagOf(keys, offset), matches);
  }

  add(keys: Buffer, offset: number, position: number): void {
    this.addFingerprint(shardOf(keys, offset), tagOf(keys, offset), position);
  }

  /** Takes an entry out again whose event was not stored after all. */
  remove(keys: Buffer, offset: number, position: number): void {
    this.#shard(shardOf(keys, offset)).remove(tagOf(keys, offset), position);
  }

  addFingerprint(shard: number, tag: number, position: number): void {
    this.#shard(shard).add(tag, position);
  }

  #shard(number: number): Shard {
    return this.#shards[number] as Shard;
  }
}

function shardOf(keys: Buffer, offset: number): number {
  return keys[offset] as number;
}

function tagOf(keys: Buffer, offset: number): number {
  return keys.readUInt32LE(offset + 1);
}

class Shard {
  size = 0;
  #tags = new Uint32Array(INITIAL_SLOTS);
  #positions = new Uint32Array(INITIAL_SLOTS);

  get bytes(): number {
    return this.#tags.byteLength + this.#positions.byteLength;
  }

  find(tag: number, matches: (position: number) => boolean): number {
    const mask = this.#tags.length - 1;
    // Ends, because a quarter of the slots is always free.
    for (let slot = tag & mask; ; slot = (slot + 1) & mask) {
      const position = this.#positions[slot] as number;
      if (position === 0) return 0;
      if (this.#tags[slot] === tag && matches(position)) return position;
    }
  }

  add(tag: number, position: number): void {
    if ((this.size + 1) * 4 > this.#tags.length * 3) this.#grow();
    this.#put(tag, position);
    this.size++;
  }

  remove(tag: number, position: number): void {
    const mask = this.#tags.length - 1;
    let slot = tag & mask;
    while (this.#positions[slot] !== position || this.#tags[slot] !== tag) {
      if (this.#positions[slot] === 0) return;
      slot = (slot + 1) & mask;
    }
    this.size--;
    this.#close(slot, mask);
  }

  /** Frees a slot and moves up what was pushed behind it, so that no search ends at the gap too early. */
  #close(slot: number, mask: number): void {
    let gap = slot;
    for (let next = (gap + 1) & mask; this.#positions[next] !== 0; next = (next + 1) & mask) {
      const home = (this.#tags[next] as number) & mask;
      // Stays where its home lies behind the gap, going round.
      if (((next - home) & mask) < ((next - gap) & mask)) continue;
      this.#tags[gap] = this.#tags[next] as number;
      this.#positions[gap] = this.#positions[next] as number;
      gap = next;
    }
    this.#positions[gap] = 0;
  }

  #put(tag: number, position: number): void {
    const mask = this.#tags.length - 1;
    let slot = tag & mask;
    while (this.#positions[slot] !== 0) slot = (slot + 1) & mask;
    this.#tags[slot] = tag;
    this.#positions[slot] = position;
  }

  #grow(): void {
    const tags = this.#tags;
    const positions = this.#positions;
    this.#tags = new Uint32Array(tags.length * 2);
    this.#positions = new Uint32Array(tags.length * 2);
    for (let slot = 0; slot < tags.length; slot++) {
      const position = positions[slot] as number;
      if (position !== 0) this.#put(tags[slot] as number, position);
    }
  }
}

/** Up to where an index file knows the log: its last position, and the id of the event there (16 bytes). */
export interface Anchor {
  position: number;
  eventId: Buffer;
}

/*
 * The file, little-endian. Header: magic (8 bytes), the ledger's identity (16), CRC-32 of both, four zero bytes.
 * Then blocks: marker, number of entries, positions covered (after, up to; 4 bytes each), the id of the event at the
 * last of them (16), CRC-32 of all this and the entries, then 8 bytes an entry: tag, shard in the highest byte and the
 * position's distance from the block's start in the other three.
 */
const MAGIC = Buffer.from('LIGGIDX1', 'latin1');
const HEADER_BYTES = 32;
const BLOCK_MARKER = 0x534b4c42;
const BLOCK_HEADER_BYTES = 36;
const ENTRY_BYTES = 8;
const MAX_BLOCK_ENTRIES = 65_536;
/** Written when so many entries are waiting; what a crash takes from the file is read from the log at the next start. */
const FLUSH_ENTRIES = 4_096;

/** The index as a sequential file beside the log: append-only, never synced, trusted only as far as its checksums and the log agree. */
export class KeyIndexFile {
  /** Why the file is no longer written, if so; the next start reads what is missing from the log. */
  problem: string | undefined;
  readonly #ledger: Buffer;
  #handle: number | undefined;
  #end = 0;
  #anchor: Anchor = { position: 0, eventId: Buffer.alloc(16) };
  /** Entries after the anchor. */
  readonly #waiting = Buffer.alloc(MAX_BLOCK_ENTRIES * ENTRY_BYTES);
  #waitingEntries = 0;
  #committed: { entries: number; anchor: Anchor } | undefined;

  /** Opens or creates the file. A file that cannot be opened is a `problem`, not an error: the ledger works without it. */
  constructor(path: string, ledger: Buffer) {
    this.#ledger = ledger;
    this.#attempt(() => {
      this.#handle = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
    });
  }

  /**
   * Reads every whole block into `index` and answers up to where they know the log (position 0: nothing usable). The
   * caller compares the answer with the log, and calls `restart` where they disagree.
   */
  load(index: KeyIndex): Anchor {
    this.#attempt(() => {
      const handle = this.#handle as number;
      if (!this.#hasHeader(handle)) return this.restart();
      this.#end = HEADER_BYTES;
      const size = fstatSync(handle).size;
      for (let block = this.#readBlock(size); block !== undefined; block = this.#readBlock(size)) {
        block.entries((shard, tag, position) => index.addFingerprint(shard, tag, position));
        this.#anchor = block.anchor;
        this.#end += block.bytes;
      }
      ftruncateSync(handle, this.#end);
    });
    return this.#anchor;
  }

  /** Empties the file: it is torn at its start, of another ledger, or does not agree with the log. */
  restart(): void {
    this.#anchor = { position: 0, eventId: Buffer.alloc(16) };
    this.#waitingEntries = 0;
    this.#committed = undefined;
    this.#attempt(() => {
      const handle = this.#handle as number;
      ftruncateSync(handle, 0);
      const header = Buffer.alloc(HEADER_BYTES);
      MAGIC.copy(header);
      this.#ledger.copy(header, MAGIC.length);
      header.writeUInt32LE(crc32(header.subarray(0, 24)), 24);
      writeSync(handle, header, 0, HEADER_BYTES, 0);
      this.#end = HEADER_BYTES;
    });
  }

  /** Notes an entry of the open transaction. */
  add(keys: Buffer, offset: number, position: number): void {
    if (this.#handle === undefined) return;
    // The writer's transactions are far smaller; a block must end where a commit does, so it cannot be split.
    if (this.#waitingEntries === MAX_BLOCK_ENTRIES) throw new RangeError(`a transaction has at most ${MAX_BLOCK_ENTRIES} records`);
    const at = this.#waitingEntries++ * ENTRY_BYTES;
    this.#waiting.writeUInt32LE(tagOf(keys, offset), at);
    this.#waiting.writeUInt32LE(((shardOf(keys, offset) << 24) | (position - this.#anchor.position)) >>> 0, at + 4);
  }

  /** The transaction is durable: its entries may be written. */
  committed(anchor: Anchor): void {
    this.#committed = { entries: this.#waitingEntries, anchor };
    if (this.#waitingEntries >= FLUSH_ENTRIES || anchor.position - this.#anchor.position >= MAX_BLOCK_ENTRIES) this.flush();
  }

  /** The transaction failed: forgets its entries. */
  rolledBack(): void {
    this.#waitingEntries = this.#committed?.entries ?? 0;
  }

  /** Writes what is committed as one block. */
  flush(): void {
    const committed = this.#committed;
    if (this.#handle === undefined || committed === undefined) return;
    const { entries, anchor } = committed;
    const body = this.#waiting.subarray(0, entries * ENTRY_BYTES);
    const header = blockHeader(entries, this.#anchor.position, anchor, body);
    this.#attempt(() => {
      writeWhole(this.#handle as number, Buffer.concat([header, body]), this.#end);
      this.#end += header.length + body.length;
      this.#anchor = anchor;
      this.#waitingEntries = 0;
      this.#committed = undefined;
    });
  }

  close(): void {
    this.flush();
    if (this.#handle !== undefined) closeSync(this.#handle);
    this.#handle = undefined;
  }

  #hasHeader(handle: number): boolean {
    const header = Buffer.alloc(HEADER_BYTES);
    return (
      readSync(handle, header, 0, HEADER_BYTES, 0) === HEADER_BYTES &&
      header.subarray(0, 8).equals(MAGIC) &&
      header.subarray(8, 24).equals(this.#ledger) &&
      header.readUInt32LE(24) === crc32(header.subarray(0, 24))
    );
  }

  /** The block at the end of what is known, or nothing where it is missing, torn or does not follow. */
  #readBlock(size: number): Block | undefined {
    const handle = this.#handle as number;
    const header = Buffer.alloc(BLOCK_HEADER_BYTES);
    if (this.#end + BLOCK_HEADER_BYTES > size || readSync(handle, header, 0, BLOCK_HEADER_BYTES, this.#end) !== BLOCK_HEADER_BYTES) return;
    const count = header.readUInt32LE(4);
    const after = header.readUInt32LE(8);
    const anchor = { position: header.readUInt32LE(12), eventId: header.subarray(16, 32) };
    if (header.readUInt32LE(0) !== BLOCK_MARKER || count > MAX_BLOCK_ENTRIES) return;
    if (after !== this.#anchor.position || anchor.position < after) return;
    const body = Buffer.alloc(count * ENTRY_BYTES);
    if (this.#end + BLOCK_HEADER_BYTES + body.length > size) return;
    if (readSync(handle, body, 0, body.length, this.#end + BLOCK_HEADER_BYTES) !== body.length) return;
    if (header.readUInt32LE(32) !== checksum(header, body)) return;
    return new Block(after, anchor, body);
  }

  /** Whatever goes wrong with a derived file must not stop the ledger. */
  #attempt(work: () => void): void {
    if (this.problem !== undefined) return;
    try {
      work();
    } catch (error) {
      this.#stop((error as { code?: string }).code ?? 'unknown error');
    }
  }

  #stop(reason: string): void {
    this.problem = `the index file is not written: ${reason}`;
    if (this.#handle !== undefined) closeSync(this.#handle);
    this.#handle = undefined;
  }
}

class Block {
  readonly anchor: Anchor;
  readonly #after: number;
  readonly #body: Buffer;

  constructor(after: number, anchor: Anchor, body: Buffer) {
    this.#after = after;
    this.anchor = anchor;
    this.#body = body;
  }

  get bytes(): number {
    return BLOCK_HEADER_BYTES + this.#body.length;
  }

  entries(each: (shard: number, tag: number, position: number) => void): void {
    for (let at = 0; at < this.#body.length; at += ENTRY_BYTES) {
      const place = this.#body.readUInt32LE(at + 4);
      each(place >>> 24, this.#body.readUInt32LE(at), this.#after + (place & 0xffffff));
    }
  }
}

function blockHeader(entries: number, after: number, anchor: Anchor, body: Buffer): Buffer {
  const header = Buffer.alloc(BLOCK_HEADER_BYTES);
  header.writeUInt32LE(BLOCK_MARKER, 0);
  header.writeUInt32LE(entries, 4);
  header.writeUInt32LE(after, 8);
  header.writeUInt32LE(anchor.position, 12);
  anchor.eventId.copy(header, 16);
  header.writeUInt32LE(checksum(header, body), 32);
  return header;
}

function checksum(header: Buffer, body: Buffer): number {
  return crc32(body, crc32(header.subarray(0, 32)));
}

function writeWhole(handle: number, bytes: Buffer, position: number): void {
  for (let written = 0; written < bytes.length; ) written += writeSync(handle, bytes, written, bytes.length - written, position + written);
}
