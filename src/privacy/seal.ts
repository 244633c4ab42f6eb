/**
 * Sealing: AES-256-GCM with everything that says where a part belongs as associated data, so that sealed bytes
 * cannot be moved to another event, person or field. Position, revision and `recordedAt` are left out on purpose:
 * sealed bytes survive a migration of the log.
 *
 * Keys are `KeyObject`s: with raw bytes every cipher and HMAC imports its key anew, at three to five times the cost,
 * and OpenSSL wipes a key object's memory when it is let go of.
 */
import { createCipheriv, createDecipheriv, createSecretKey, hkdfSync, type KeyObject, randomFillSync } from 'node:crypto';

const ALGORITHM = 'aes-256-gcm';
const FORMAT = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEAD_BYTES = 1 + NONCE_BYTES;

/** Bytes of every key: AES-256. */
export const KEY_BYTES = 32;

/** Where a sealed part belongs. It opens there and nowhere else. */
export interface AadParts {
  source: string;
  id: string;
  /** The person's reference; empty for a part that belongs to the event as a whole. */
  reference: string;
  /** Name of the part, for example `subject`. A constant of the program, never a value. */
  part: string;
}

/** The key is another one, or the bytes or their place were changed. Says nothing about the content. */
export class CannotOpen extends Error {
  override name = 'CannotOpen';
  constructor(part: string, reason: string) {
    super(`the sealed part "${part}" cannot be opened: ${reason}`);
  }
}

/**
 * Each part as its length in bytes (32 bits, big endian) and its UTF-8 bytes. No two lists of parts have one encoding,
 * which plain joining would allow.
 */
export function lengthPrefixed(parts: readonly string[]): Buffer {
  let size = 0;
  for (const part of parts) size += 4 + Buffer.byteLength(part);
  const bytes = Buffer.allocUnsafe(size);
  let at = 0;
  for (const part of parts) {
    const length = bytes.write(part, at + 4);
    bytes.writeUInt32BE(length, at);
    at += 4 + length;
  }
  return bytes;
}

/** 256 random bits as a key. */
export function randomKey(): KeyObject {
  return keyFrom(fillRandom(Buffer.allocUnsafe(KEY_BYTES)));
}

/** Makes a key of `bytes` (32) and wipes them. */
export function keyFrom(bytes: Buffer): KeyObject {
  if (bytes.length !== KEY_BYTES) throw new RangeError(`a key has ${KEY_BYTES} bytes, not ${bytes.length}`);
  const key = createSecretKey(bytes);
  bytes.fill(0);
  return key;
}

/** Seals `plaintext`: one format byte, nonce (12), ciphertext, tag (16). */
export function sealBytes(key: KeyObject, plaintext: string | Buffer, aad: AadParts): Buffer {
  const clear = typeof plaintext === 'string' ? Buffer.from(plaintext) : plaintext;
  const sealed = Buffer.allocUnsafe(HEAD_BYTES + clear.length + TAG_BYTES);
  sealed[0] = FORMAT;
  const nonce = fillRandom(sealed.subarray(1, HEAD_BYTES));
  const cipher = createCipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(associatedData(aad));
  sealed.set(cipher.update(clear), HEAD_BYTES);
  cipher.final();
  sealed.set(cipher.getAuthTag(), HEAD_BYTES + clear.length);
  return sealed;
}

/**
 * Opens what `sealBytes` made.
 * @throws CannotOpen when key, bytes or place differ from those at sealing.
 */
export function openBytes(key: KeyObject, sealed: Buffer, aad: AadParts): Buffer {
  if (sealed[0] !== FORMAT) throw new CannotOpen(aad.part, 'its format is unknown');
  const end = sealed.length - TAG_BYTES;
  if (end < HEAD_BYTES) throw new CannotOpen(aad.part, 'it is too short');
  const decipher = createDecipheriv(ALGORITHM, key, sealed.subarray(1, HEAD_BYTES), { authTagLength: TAG_BYTES });
  decipher.setAAD(associatedData(aad));
  decipher.setAuthTag(sealed.subarray(end));
  const clear = decipher.update(sealed.subarray(HEAD_BYTES, end));
  try {
    decipher.final();
  } catch {
    clear.fill(0);
    throw new CannotOpen(aad.part, 'the key is another one, or the bytes or their place were changed');
  }
  return clear;
}

/** `sealBytes` in base64: the `SealedPart` of an entry. */
export function seal(key: KeyObject, plaintext: string | Buffer, aad: AadParts): string {
  return sealBytes(key, plaintext, aad).toString('base64');
}

/**
 * Opens a `SealedPart`.
 * @throws CannotOpen, also for base64 that is not spelt the one canonical way.
 */
export function open(key: KeyObject, sealed: string, aad: AadParts): Buffer {
  const bytes = Buffer.from(sealed, 'base64');
  if (bytes.toString('base64') !== sealed) throw new CannotOpen(aad.part, 'it is not base64');
  return openBytes(key, bytes, aad);
}

/**
 * The key for what belongs to several people together (HKDF-SHA256, RFC 5869): it needs every one of their keys, in
 * the order in which they stand on the event, so the first erasure ends it.
 */
export function multiKey(keys: readonly KeyObject[], source: string, id: string): KeyObject {
  if (keys.length === 0) throw new RangeError('a key for several people needs at least one of theirs');
  const material = Buffer.concat(keys.map((key) => key.export()));
  const derived = derive(material, ['several subjects', source, id]);
  material.fill(0);
  return derived;
}

/** A key for one use, told apart by `labels`: HKDF-SHA256 with them, length-prefixed, as `info`. */
export function derive(material: KeyObject | Buffer, labels: readonly string[]): KeyObject {
  return keyFrom(Buffer.from(hkdfSync('sha256', material, '', lengthPrefixed(['liggare', ...labels]), KEY_BYTES)));
}

function associatedData(aad: AadParts): Buffer {
  return lengthPrefixed([String(FORMAT), aad.source, aad.id, aad.reference, aad.part]);
}

/** Random bytes drawn 64 KiB at a time: a call for twelve costs about as much as one for hundreds. */
const pool = Buffer.allocUnsafeSlow(65_536);
let poolAt = pool.length;

/** Fills `target` with random bytes, each drawn once and wiped behind it: some of them become keys. */
export function fillRandom(target: Buffer): Buffer {
  if (poolAt + target.length > pool.length) {
    randomFillSync(pool);
    poolAt = 0;
  }
  pool.copy(target, 0, poolAt, poolAt + target.length);
  pool.fill(0, poolAt, poolAt + target.length);
  poolAt += target.length;
  return target;
}
