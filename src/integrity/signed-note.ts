/**
 * Signed notes (C2SP signed-note): a text, an empty line, and signature lines. Two kinds of signature are known: Ed25519
 * over the text, and the timestamped cosignatures of witnesses (C2SP tlog-cosignature, cosignature/v1).
 */
import { createHash, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';

/** Kinds of signature by the byte that tells them apart. */
export const ED25519 = 0x01;
export const COSIGNATURE = 0x04;
export type SignatureKind = typeof ED25519 | typeof COSIGNATURE;

/** What a verifier was told to trust: name and key together say whose signature it is. */
export interface VerifierKey {
  name: string;
  kind: SignatureKind;
  /** First four bytes of SHA-256 over name, newline, kind and public key. */
  id: Buffer;
  publicKey: KeyObject;
}

export interface NoteSignature {
  name: string;
  id: Buffer;
  bytes: Buffer;
}

export interface SignedNote {
  /** Ends with a newline; the empty line behind it is not part of it. */
  text: string;
  signatures: NoteSignature[];
}

/** A signature of a known key that holds. */
export interface Verified {
  key: VerifierKey;
  /** Of a cosignature: when the witness saw it, seconds since 1970. */
  at?: number;
}

/** No signed note, or not signed by anybody who is trusted. The message says which. */
export class NoteRefused extends Error {
  override name = 'NoteRefused';
}

const KEY_BYTES = 32;
const ID_BYTES = 4;
const SIGNATURE_BYTES = 64;
const TIME_BYTES = 8;
/** Far more than any note has that is meant well. */
const MAX_NOTE_CHARACTERS = 1024 * 1024;
const MAX_SIGNATURES = 100;

const KEY_NAME = /^[^\s+\p{C}]{1,200}$/u;
const SIGNATURE_LINE = /^— (\S+) (\S+)$/u;
// Every control character but the newline.
const CONTROL = /[^\P{Cc}\n]/u;

/** @throws NoteRefused for a name that a signature line cannot hold */
export function verifierKey(name: string, kind: SignatureKind, publicKey: KeyObject): VerifierKey {
  if (!KEY_NAME.test(name)) throw new NoteRefused("a key's name has 1 to 200 characters and neither spaces nor a plus sign");
  return { name, kind, id: idOf(name, kind, rawOf(publicKey)), publicKey };
}

/** `<name>+<id in hex>+<base64 of kind and public key>` */
export function vkeyOf({ name, kind, id, publicKey }: VerifierKey): string {
  return `${name}+${id.toString('hex')}+${Buffer.concat([Buffer.of(kind), rawOf(publicKey)]).toString('base64')}`;
}

/** @throws NoteRefused for what is no key, or a key of a kind that is not known here */
export function parseVkey(text: string): VerifierKey {
  const [name = '', id = '', ...rest] = text.split('+');
  // Base64 has plus signs of its own.
  const bytes = bytesOf(rest.join('+'));
  if (bytes?.length !== 1 + KEY_BYTES) throw new NoteRefused('a verifier key is <name>+<id>+<base64 of 33 bytes>');
  const kind = bytes[0];
  if (kind !== ED25519 && kind !== COSIGNATURE) throw new NoteRefused('the key is of a kind that is not known here');
  const x = bytes.subarray(1).toString('base64url');
  const key = verifierKey(name, kind, createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' }));
  if (key.id.toString('hex') !== id) throw new NoteRefused("the key's id is not that of its name and key");
  return key;
}

/** One line of signature, without the newline. */
export function signatureLine({ name, id, bytes }: NoteSignature): string {
  return `— ${name} ${Buffer.concat([id, bytes]).toString('base64')}`;
}

/** Signs a text with an Ed25519 key. */
export function signNote(text: string, key: VerifierKey, privateKey: KeyObject): NoteSignature {
  return { name: key.name, id: key.id, bytes: sign(null, Buffer.from(text), privateKey) };
}

/** What a witness does: signs that it saw the text at this time (seconds since 1970) and that it goes on from what it saw before. */
export function cosignNote(text: string, key: VerifierKey, privateKey: KeyObject, at: number): NoteSignature {
  const time = Buffer.alloc(TIME_BYTES);
  time.writeBigUInt64BE(BigInt(at));
  return { name: key.name, id: key.id, bytes: Buffer.concat([time, sign(null, cosigned(text, BigInt(at)), privateKey)]) };
}

/** A note as it is published. */
export function formatNote({ text, signatures }: SignedNote): string {
  return `${text}\n${signatures.map((signature) => `${signatureLine(signature)}\n`).join('')}`;
}

/** @throws NoteRefused for what is no signed note */
export function parseNote(note: string): SignedNote {
  if (note.length > MAX_NOTE_CHARACTERS) throw new NoteRefused('the note is too long');
  if (!note.isWellFormed() || CONTROL.test(note)) throw new NoteRefused('a note is UTF-8 without control characters');
  // The last empty line divides: the text may have some of its own.
  const at = note.lastIndexOf('\n\n');
  if (at < 0 || !note.endsWith('\n')) throw new NoteRefused('a note is a text, an empty line and signature lines');
  const text = note.slice(0, at + 1);
  return { text, signatures: parseSignatures(note.slice(at + 2)) };
}

/** Signature lines as a witness answers them. @throws NoteRefused */
export function parseSignatures(lines: string): NoteSignature[] {
  if (!lines.endsWith('\n')) throw new NoteRefused('a signature line ends with a newline');
  const parsed = lines.slice(0, -1).split('\n').map(parseSignature);
  if (parsed.length > MAX_SIGNATURES) throw new NoteRefused(`a note has at most ${MAX_SIGNATURES} signatures`);
  return parsed;
}

function parseSignature(line: string): NoteSignature {
  const [, name = '', encoded = ''] = SIGNATURE_LINE.exec(line) ?? [];
  const bytes = bytesOf(encoded);
  if (!KEY_NAME.test(name) || bytes === undefined || bytes.length <= ID_BYTES) throw new NoteRefused('a line is no signature line');
  return { name, id: bytes.subarray(0, ID_BYTES), bytes: bytes.subarray(ID_BYTES) };
}

/**
 * The signatures of trusted keys, all of which hold. Signatures of other keys are passed over.
 * @throws NoteRefused where a trusted key's signature is wrong, or nobody trusted has signed
 */
export function verifyNote({ text, signatures }: SignedNote, trusted: readonly VerifierKey[]): Verified[] {
  const verified = signatures.flatMap((signature) => {
    const key = trusted.find(({ name, id }) => name === signature.name && id.equals(signature.id));
    return key ? [verifySignature(text, signature.bytes, key)] : [];
  });
  if (verified.length === 0) throw new NoteRefused('nobody who is trusted has signed it');
  return verified;
}

function verifySignature(text: string, bytes: Buffer, key: VerifierKey): Verified {
  const wrong = () => new NoteRefused(`the signature of ${key.name} is wrong`);
  if (key.kind === ED25519) {
    if (bytes.length !== SIGNATURE_BYTES || !verify(null, Buffer.from(text), key.publicKey, bytes)) throw wrong();
    return { key };
  }
  if (bytes.length !== TIME_BYTES + SIGNATURE_BYTES) throw wrong();
  const at = bytes.readBigUInt64BE();
  if (at > BigInt(Number.MAX_SAFE_INTEGER) || !verify(null, cosigned(text, at), key.publicKey, bytes.subarray(TIME_BYTES))) throw wrong();
  return { key, at: Number(at) };
}

const cosigned = (text: string, at: bigint): Buffer => Buffer.from(`cosignature/v1\ntime ${at}\n${text}`);

function idOf(name: string, kind: SignatureKind, publicKey: Buffer): Buffer {
  return createHash('sha256').update(`${name}\n`).update(Buffer.of(kind)).update(publicKey).digest().subarray(0, ID_BYTES);
}

/** The 32 bytes of an Ed25519 public key (RFC 8032). */
function rawOf(publicKey: KeyObject): Buffer {
  return Buffer.from(String(publicKey.export({ format: 'jwk' }).x), 'base64url');
}

/** Undefined for base64 that is not spelt the one canonical way. */
function bytesOf(base64: string): Buffer | undefined {
  const bytes = Buffer.from(base64, 'base64');
  return bytes.toString('base64') === base64 ? bytes : undefined;
}
