import { createHash, timingSafeEqual } from 'node:crypto';
import type { KeyVault } from '../src/privacy/key-vault.ts';

/** The cursor was changed, or belongs to another question or another asker. */
export class InvalidCursor extends Error {
  override name = 'InvalidCursor';
  constructor() {
    super('the cursor does not belong to this question: send the next of its last answer, and the same question otherwise');
  }
}

/** Where the next page of an answer begins. All pages are of one state of the ledger. */
export interface Cursor {
  /** Everything up to this position is in the answer. */
  position: number;
  /** Said again on every page: what the answer is as of. */
  asOf: string;
  /** Under which the question was recorded; further pages belong to the first. */
  correlationId: string;
  /** The last item's place in the order, as the question defines it. */
  last: readonly (number | string)[];
}

/** What a cursor is bound to: the question without its pages, and who asks. */
export interface Bound {
  name: string;
  question: unknown;
  keyId: string;
}

const PURPOSE = 'cursor';
const TAG_BYTES = 16;

/** Opaque and authenticated: nobody can make one up, and it opens for the same question and asker alone. */
export function sealCursor(vault: Pick<KeyVault, 'hmac'>, cursor: Cursor, bound: Bound): string {
  const body = Buffer.from(JSON.stringify([cursor.position, cursor.asOf, cursor.correlationId, cursor.last])).toString('base64url');
  return `${body}.${tagOf(vault, body, bound)}`;
}

/** @throws InvalidCursor */
export function openCursor(vault: Pick<KeyVault, 'hmac'>, text: string, bound: Bound): Cursor {
  const [body = '', tag = '', ...rest] = text.split('.');
  // Compared as text: base64url has several spellings of the same bytes.
  const [given, expected] = [Buffer.from(tag), Buffer.from(tagOf(vault, body, bound))];
  if (rest.length > 0 || given.length !== expected.length || !timingSafeEqual(given, expected)) throw new InvalidCursor();
  const [position, asOf, correlationId, last] = JSON.parse(Buffer.from(body, 'base64url').toString());
  return { position, asOf, correlationId, last };
}

function tagOf(vault: Pick<KeyVault, 'hmac'>, body: string, { name, question, keyId }: Bound): string {
  const digest = createHash('sha256').update(JSON.stringify(question)).digest('base64url');
  return vault.hmac(PURPOSE, JSON.stringify([name, keyId, digest, body])).toString('base64url', 0, TAG_BYTES);
}
