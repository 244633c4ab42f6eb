/**
 * A proof that can be carried away (C2SP tlog-proof@v1): where a leaf stands, the way from it to a root, and the signed tree
 * head with that root. With the leaf's bytes and the keys that are trusted it is checked anywhere, asking nobody.
 */
import { checkInclusion, HASH_BYTES, leafHash } from './merkle.ts';
import { COSIGNATURE, ED25519, NoteRefused, parseNote, type Verified, type VerifierKey, verifyNote, vkeyOf } from './signed-note.ts';
import { parseTreeHead, type TreeHead } from './tree-head.ts';

export interface TlogProof {
  /** Of the leaf, from 0. */
  index: number;
  /** From the leaf's sibling up (`proveInclusion`). */
  hashes: readonly Buffer[];
  /** The signed tree head, as it was published. */
  note: string;
  /** Says what it likes: nothing vouches for it. */
  extra?: Buffer;
}

export type ProofRefusedReason =
  /** It is no proof of this form. */
  | 'malformed'
  /** Its tree head is not signed by a log that is trusted, or a signature is wrong. */
  | 'untrusted'
  /** Fewer witnesses than are asked for cosigned its tree head. */
  | 'too-few-witnesses'
  /** It does not lead from this leaf to the root of its tree head. */
  | 'not-included';

/** The proof does not hold. The message says why, and nothing of what was proven. */
export class ProofRefused extends Error {
  override name = 'ProofRefused';
  readonly reason: ProofRefusedReason;
  constructor(reason: ProofRefusedReason, message: string) {
    super(message);
    this.reason = reason;
  }
}

export interface WitnessPolicy {
  /** Keys of witnesses (kind 0x04) whose cosignatures count. */
  witnesses?: readonly VerifierKey[];
  /** How many of them must have cosigned; all of them when absent. */
  least?: number;
}

export interface CheckedProof {
  head: TreeHead;
  index: number;
  /** Whose signatures hold: the log's, and of the witnesses those that cosigned. */
  verified: Verified[];
}

const FIRST_LINE = 'c2sp.org/tlog-proof@v1';
/** Far more than a proof has that is meant well: a note of a hundred signatures, and hashes for any tree. */
const MAX_CHARACTERS = 1024 * 1024;
/** A tree as high as this has more leaves than are ever counted. */
const MAX_HASHES = 63;

/** The proof as text, as it is kept and sent. */
export function formatTlogProof({ index, hashes, note, extra }: TlogProof): string {
  const lines = [
    FIRST_LINE,
    ...(extra === undefined ? [] : [`extra ${extra.toString('base64')}`]),
    `index ${index}`,
    ...hashes.map((hash) => hash.toString('base64')),
  ];
  return `${lines.join('\n')}\n\n${note}`;
}

/**
 * Takes a proof apart, and believes nothing of it.
 * @throws ProofRefused (`malformed`) for what is no proof
 */
export function parseTlogProof(text: string): TlogProof {
  if (text.length > MAX_CHARACTERS) throw malformed('it is too long');
  // The first empty line: neither the lines before it nor a tree head have one.
  const end = text.indexOf('\n\n');
  const lines = text.slice(0, Math.max(0, end)).split('\n');
  if (end < 0 || lines.shift() !== FIRST_LINE) throw malformed(`it is ${FIRST_LINE}, lines of proof, an empty line and a tree head`);
  const extra = lines[0]?.startsWith('extra ') ? bytesOf((lines.shift() as string).slice('extra '.length)) : undefined;
  const index = indexOf(lines.shift());
  if (lines.length > MAX_HASHES) throw malformed(`it has more than ${MAX_HASHES} hashes`);
  return { index, hashes: lines.map(hashOf), note: text.slice(end + 2), ...(extra && { extra }) };
}

/**
 * Checks a proof as a whole: who signed its tree head, who cosigned it, and that it leads from the leaf to the root.
 * @param leaf the leaf's bytes, not their hash
 * @param logs keys of logs that are trusted (kind 0x01), also retired ones; the head's origin must be the name of one that signed it
 * @throws ProofRefused with the reason
 */
export function checkTlogProof(text: string, leaf: Uint8Array, logs: readonly VerifierKey[], policy: WitnessPolicy = {}): CheckedProof {
  const { index, hashes, note } = parseTlogProof(text);
  const { head, verified } = checkHead(note, logs, policy);
  if (!checkInclusion(leafHash(leaf), index, head.size, hashes, head.root)) {
    throw new ProofRefused('not-included', `the proof does not lead from this leaf at ${index} to the root of ${head.size} leaves`);
  }
  return { head, index, verified };
}

function checkHead(note: string, logs: readonly VerifierKey[], { witnesses = [], least = witnesses.length }: WitnessPolicy) {
  const signed = orRefuse('malformed', () => parseNote(note));
  const head = orRefuse('malformed', () => parseTreeHead(signed.text));
  const verified = orRefuse('untrusted', () => verifyNote(signed, [...logs.filter(isLogs), ...witnesses.filter(isWitness)]));
  // A key that is trusted for one log says nothing about another one's head.
  if (!verified.some(({ key }) => isLogs(key) && key.name === head.origin)) {
    throw new ProofRefused('untrusted', 'its tree head is signed by no trusted key of its origin');
  }
  const cosigned = new Set(verified.flatMap(({ key }) => (isWitness(key) ? [vkeyOf(key)] : [])));
  if (cosigned.size < least) {
    throw new ProofRefused('too-few-witnesses', `${cosigned.size} of the ${least} witnesses asked for cosigned its tree head`);
  }
  return { head, verified };
}

const isLogs = ({ kind }: VerifierKey): boolean => kind === ED25519;
const isWitness = ({ kind }: VerifierKey): boolean => kind === COSIGNATURE;

function orRefuse<T>(reason: ProofRefusedReason, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof NoteRefused) throw new ProofRefused(reason, `its tree head: ${error.message}`);
    throw error;
  }
}

function indexOf(line: string | undefined): number {
  const digits = /^index (0|[1-9]\d{0,15})$/.exec(line ?? '')?.[1];
  if (digits === undefined || !Number.isSafeInteger(Number(digits))) throw malformed('it has no index');
  return Number(digits);
}

function hashOf(line: string): Buffer {
  const hash = bytesOf(line);
  if (hash.length !== HASH_BYTES) throw malformed('a line of it is no hash');
  return hash;
}

/** Only the one canonical spelling: two texts are never the same proof. */
function bytesOf(base64: string): Buffer {
  const bytes = Buffer.from(base64, 'base64');
  if (bytes.toString('base64') !== base64) throw malformed('a line of it is no base64');
  return bytes;
}

const malformed = (message: string): ProofRefused => new ProofRefused('malformed', `this is no proof: ${message}`);
