/** The text of an API key: `lig_<id>_<secret>`. The id finds the key, the secret (256 random bits) proves it. */
import { hash, randomBytes, timingSafeEqual } from 'node:crypto';

const TEXT = /^lig_([a-z2-7]{12})_[A-Za-z0-9_-]{43}$/;
const ID_LETTERS = 'abcdefghijklmnopqrstuvwxyz234567';

export interface Secret {
  id: string;
  /** Shown once, kept nowhere. */
  text: string;
  /** What is stored of it. */
  digest: string;
}

export function newSecret(): Secret {
  const id = [...randomBytes(12)].map((byte) => ID_LETTERS[byte % 32]).join('');
  const text = `lig_${id}_${randomBytes(32).toString('base64url')}`;
  return { id, text, digest: digestOfKey(text) };
}

/** SHA-256, hexadecimal. Fast on purpose: 256 random bits cannot be guessed, so nothing slow is needed. */
export function digestOfKey(text: string): string {
  return hash('sha256', text, 'hex');
}

/** The id that a presented text names; undefined where it is not of our form. */
export function idOf(presented: string): string | undefined {
  return TEXT.exec(presented)?.[1];
}

/** Compares digests in constant time. */
export function sameDigest(a: string, b: string): boolean {
  const left = Buffer.from(a, 'hex');
  const right = Buffer.from(b, 'hex');
  return left.length === right.length && timingSafeEqual(left, right);
}
