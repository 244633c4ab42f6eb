/**
 * Tree heads: the signed state of the tree, in the form that the world of transparency logs calls a checkpoint (C2SP
 * tlog-checkpoint). Here that word means a projection's, so it is a tree head.
 */
import { HASH_BYTES } from './merkle.ts';
import { NoteRefused } from './signed-note.ts';

export interface TreeHead {
  /** Whose log it is: one line, the name of its key. */
  origin: string;
  /** Leaves of the tree. */
  size: number;
  /** Merkle root of those leaves (RFC 6962). */
  root: Buffer;
}

/** The text that is signed: origin, size and root, a line each. */
export function formatTreeHead({ origin, size, root }: TreeHead): string {
  return `${origin}\n${size}\n${root.toString('base64')}\n`;
}

/**
 * Reads the text of a note. Further lines are passed over: they are signed, and say nothing that is known here.
 * @throws NoteRefused where it is no tree head
 */
export function parseTreeHead(text: string): TreeHead {
  const [origin = '', size = '', encoded = '', ...rest] = text.split('\n');
  const root = Buffer.from(encoded, 'base64');
  const isRoot = root.length === HASH_BYTES && root.toString('base64') === encoded;
  const isSize = /^(0|[1-9]\d{0,15})$/.test(size) && Number.isSafeInteger(Number(size));
  // Every line ends with a newline and none is empty.
  const isWhole = rest.pop() === '' && rest.every((line) => line !== '');
  if (origin === '' || !isSize || !isRoot || !isWhole) throw new NoteRefused('a tree head is an origin, a size and a root, a line each');
  return { origin, size: Number(size), root };
}
