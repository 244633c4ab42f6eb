/**
 * A stranger's client of a transparency log, written from the published specifications alone (C2SP signed-note, tlog-checkpoint,
 * tlog-tiles, tlog-cosignature; RFC 6962; RFC 9162) and from nothing of this program: it shows that the log can be followed by
 * whoever has read them. It downloads every tile, and believes none.
 */
import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto';

export const sha256 = (...parts: (string | Uint8Array)[]): Buffer =>
  parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest();
export const hashOfLeaf = (leaf: Uint8Array): Buffer => sha256(Buffer.from([0x00]), leaf);
export const hashOfNode = (left: Uint8Array, right: Uint8Array): Buffer => sha256(Buffer.from([0x01]), left, right);

/** MTH of RFC 6962, 2.1, over hashes of leaves. */
export function merkleTreeHash(leaves: readonly Buffer[]): Buffer {
  if (leaves.length === 0) return sha256('');
  if (leaves.length === 1) return leaves[0] as Buffer;
  const k = 2 ** Math.ceil(Math.log2(leaves.length) - 1);
  return hashOfNode(merkleTreeHash(leaves.slice(0, k)), merkleTreeHash(leaves.slice(k)));
}

/** RFC 9162, 2.1.4.2, step by step. */
export function isConsistent(first: number, second: number, firstHash: Buffer, secondHash: Buffer, proof: readonly Buffer[]): boolean {
  if (first === second) return proof.length === 0 && firstHash.equals(secondHash);
  if (first <= 0 || first > second || proof.length === 0) return false;
  const path = Number.isInteger(Math.log2(first)) ? [firstHash, ...proof] : [...proof];
  let [fn, sn] = [BigInt(first - 1), BigInt(second - 1)];
  while ((fn & 1n) === 1n) [fn, sn] = [fn >> 1n, sn >> 1n];
  let [fr, sr] = [path[0] as Buffer, path[0] as Buffer];
  for (const c of path.slice(1)) {
    if (sn === 0n) return false;
    if ((fn & 1n) === 1n || fn === sn) {
      fr = hashOfNode(c, fr);
      sr = hashOfNode(c, sr);
      while ((fn & 1n) === 0n && fn !== 0n) [fn, sn] = [fn >> 1n, sn >> 1n];
    } else {
      sr = hashOfNode(sr, c);
    }
    fn >>= 1n;
    sn >>= 1n;
  }
  return sn === 0n && fr.equals(firstHash) && sr.equals(secondHash);
}

export interface Key {
  name: string;
  id: string;
  algorithm: number;
  publicKey: KeyObject;
}

/** `<name>+<id>+<base64 of algorithm and key>`, with the id checked. */
export function readKey(vkey: string): Key {
  const parts = vkey.split('+');
  const [name, id] = parts as [string, string];
  const material = Buffer.from(parts.slice(2).join('+'), 'base64');
  const expected = sha256(`${name}\n`, material).subarray(0, 4).toString('hex');
  if (expected !== id || material.length !== 33) throw new Error('the id of the key is wrong');
  const spki = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), material.subarray(1)]);
  return { name, id, algorithm: material[0] as number, publicKey: createPublicKey({ key: spki, format: 'der', type: 'spki' }) };
}

export interface Checkpoint {
  body: string;
  origin: string;
  size: number;
  root: Buffer;
  /** Keys, of those given, whose signatures hold. */
  signedBy: Key[];
}

/** Reads a checkpoint and checks the signatures of the keys given. Throws where one of theirs is wrong. */
export function readCheckpoint(note: string, keys: readonly Key[]): Checkpoint {
  const divide = note.lastIndexOf('\n\n');
  const body = note.slice(0, divide + 1);
  const [origin, size, root, end] = body.split('\n') as [string, string, string, string];
  if (divide < 0 || end !== '' || !/^(0|[1-9][0-9]*)$/.test(size)) throw new Error('this is no checkpoint');
  const lines = note.slice(divide + 2).split('\n');
  if (lines.pop() !== '') throw new Error('the last signature line does not end');
  const signedBy = lines.flatMap((line) => {
    const [, name, signature] = /^\u2014 (\S+) (\S+)$/.exec(line) ?? [];
    const bytes = Buffer.from(signature ?? '', 'base64');
    if (name === undefined || bytes.length < 5) throw new Error('this is no signature line');
    const key = keys.find((known) => known.name === name && known.id === bytes.subarray(0, 4).toString('hex'));
    if (key === undefined) return [];
    if (!isSignedBy(key, body, bytes.subarray(4))) throw new Error('a signature is wrong');
    return [key];
  });
  return { body, origin, size: Number(size), root: Buffer.from(root, 'base64'), signedBy };
}

function isSignedBy({ algorithm, publicKey }: Key, body: string, signature: Buffer): boolean {
  if (algorithm === 0x01) return verify(null, Buffer.from(body), publicKey, signature);
  if (algorithm !== 0x04) throw new Error('keys of this kind are not known');
  const time = signature.readBigUInt64BE(0);
  return verify(null, Buffer.from(`cosignature/v1\ntime ${time}\n${body}`), publicKey, signature.subarray(8));
}

/** The path of a tile: groups of three digits, all but the last behind an x. */
export function pathOfTile(level: number | 'entries', index: number, width: number): string {
  const groups: string[] = [];
  for (let rest = index; groups.length === 0 || rest > 0; rest = Math.floor(rest / 1000)) {
    groups.unshift(`${groups.length === 0 ? '' : 'x'}${String(rest % 1000).padStart(3, '0')}`);
  }
  return `tile/${level}/${groups.join('/')}${width < 256 ? `.p/${width}` : ''}`;
}

/** Follows one log from visit to visit. */
export class LogFollower {
  readonly #prefix: string;
  readonly #trusted: Key[];
  /** Key for entry bundles; they are not looked at without one. */
  readonly #apiKey: string | undefined;
  #leaves: Buffer[] = [];
  #last: Checkpoint | undefined;
  /** Every leaf, where entry bundles were looked at. */
  readonly entries: Buffer[] = [];
  /** Addresses that were fetched. */
  readonly fetched: string[] = [];

  /** @param prefix such as `http://127.0.0.1:3000/tlog` */
  constructor(prefix: string, vkey: string, apiKey?: string) {
    this.#prefix = prefix;
    this.#trusted = [readKey(vkey)];
    this.#apiKey = apiKey;
  }

  /** Looks at the log once more: all of it that is new. Throws where anything does not fit what was seen before. */
  async visit(): Promise<Checkpoint> {
    const head = await this.#head();
    const before = this.#last;
    if (before && head.size < before.size) throw new Error('the log has become shorter');
    if (before && head.size === before.size && !head.root.equals(before.root)) throw new Error('the log shows two trees of one size');
    const leaves = await this.#leavesOf(head.size);
    if (before && !merkleTreeHash(leaves.slice(0, before.size)).equals(before.root)) throw new Error('the log has changed its past');
    if (!merkleTreeHash(leaves).equals(head.root)) throw new Error('the tiles do not lead to the root');
    await this.#checkUpperTiles(leaves);
    if (this.#apiKey !== undefined) await this.#checkEntries(leaves);
    this.#leaves = leaves;
    this.#last = head;
    return head;
  }

  /** The checkpoint, signed by a key that is trusted. Who signs beside such a key is trusted from then on. */
  async #head(): Promise<Checkpoint> {
    const note = (await this.#get('checkpoint', 'text/plain; charset=utf-8')).toString('utf8');
    const head = readCheckpoint(note, this.#trusted);
    if (!head.signedBy.some(({ name }) => name === head.origin)) throw new Error('nobody who is trusted signed the checkpoint');
    const ring = (await this.#get('vkeys', 'text/plain; charset=utf-8')).toString('utf8').trimEnd().split('\n').map(readKey);
    const alsoSigned = readCheckpoint(note, ring).signedBy;
    this.#trusted.push(...alsoSigned.filter(({ id }) => !this.#trusted.some((known) => known.id === id)));
    return head;
  }

  /** Hashes of all leaves: those of full tiles that were seen stay as they are, and a tile that was partial is fetched anew. */
  async #leavesOf(size: number): Promise<Buffer[]> {
    const kept = Math.floor(this.#leaves.length / 256) * 256;
    const leaves = this.#leaves.slice(0, kept);
    for (let at = kept; at < size; at += 256) leaves.push(...(await this.#tile(0, at / 256, Math.min(256, size - at))));
    if (this.#leaves.some((leaf, i) => !leaf.equals(leaves[i] as Buffer))) throw new Error('a tile has changed');
    return leaves;
  }

  /** Each hash of a level above is the root of a full tile below. */
  async #checkUpperTiles(leaves: readonly Buffer[]): Promise<void> {
    let below = leaves;
    for (let level = 1; below.length >= 256; level++) {
      const expected = Array.from({ length: Math.floor(below.length / 256) }, (_, i) =>
        merkleTreeHash(below.slice(i * 256, (i + 1) * 256)),
      );
      for (let at = 0; at < expected.length; at += 256) {
        const hashes = await this.#tile(level, at / 256, Math.min(256, expected.length - at));
        if (hashes.some((hash, i) => !hash.equals(expected[at + i] as Buffer))) throw new Error('a tile of tiles is wrong');
      }
      below = expected;
    }
  }

  async #checkEntries(leaves: readonly Buffer[]): Promise<void> {
    for (let at = Math.floor(this.entries.length / 256) * 256; at < leaves.length; at += 256) {
      const width = Math.min(256, leaves.length - at);
      const bundle = await this.#get(pathOfTile('entries', at / 256, width), 'application/octet-stream');
      const entries: Buffer[] = [];
      for (let read = 0; read < bundle.length; ) {
        const length = bundle.readUInt16BE(read);
        entries.push(bundle.subarray(read + 2, read + 2 + length));
        read += 2 + length;
      }
      if (entries.length !== width) throw new Error('a bundle has another number of entries');
      if (entries.some((entry, i) => !hashOfLeaf(entry).equals(leaves[at + i] as Buffer))) throw new Error('an entry is not the leaf');
      this.entries.splice(at, Number.POSITIVE_INFINITY, ...entries);
    }
  }

  async #tile(level: number, index: number, width: number): Promise<Buffer[]> {
    const bytes = await this.#get(pathOfTile(level, index, width), 'application/octet-stream');
    if (bytes.length !== width * 32) throw new Error('a tile has another width');
    return Array.from({ length: width }, (_, i) => bytes.subarray(i * 32, (i + 1) * 32));
  }

  async #get(path: string, type: string): Promise<Buffer> {
    this.fetched.push(path);
    const headers = path.startsWith('tile/entries/') ? { authorization: `Bearer ${this.#apiKey}` } : undefined;
    const response = await fetch(`${this.#prefix}/${path}`, headers && { headers });
    if (response.status !== 200) throw new Error(`${path}: ${response.status}`);
    if (response.headers.get('content-type') !== type) throw new Error(`${path}: ${response.headers.get('content-type')}`);
    return Buffer.from(await response.arrayBuffer());
  }
}
