/** Whose bundle it is: the manifest and the tree head, and the keys that signed them. */
import {
  COSIGNATURE,
  ED25519,
  NoteRefused,
  parseNote,
  parseVkey,
  type SignedNote,
  type Verified,
  type VerifierKey,
  verifyNote,
  vkeyOf,
} from '../integrity/signed-note.ts';
import type { WitnessPolicy } from '../integrity/tlog-proof.ts';
import { parseTreeHead, type TreeHead } from '../integrity/tree-head.ts';
import type { Findings } from './findings.ts';
import { FILES, type Manifest, signedText } from './format.ts';

/** Keys whose signatures count. */
export interface Trust extends WitnessPolicy {
  /** The ledger's, retired ones too. */
  keys: readonly VerifierKey[];
  /** Whether they come from the bundle itself. */
  isOwn: boolean;
}

export interface Witness {
  name: string;
  /** Seconds since 1970. */
  at: number;
}

const MAX_KEYS = 10_000;

/** The keys that a bundle brings along. */
export function ownKeys(text: string, findings: Findings): VerifierKey[] {
  const lines = text.split('\n');
  if (lines.pop() !== '' || lines.length > MAX_KEYS) {
    findings.tampered({ file: FILES.keys, message: 'it is no list of keys, one a line' });
    return [];
  }
  return lines.flatMap((line, i) => {
    try {
      return [parseVkey(line)];
    } catch {
      findings.tampered({ file: FILES.keys, line: i + 1, message: 'the line is no verifier key' });
      return [];
    }
  });
}

/**
 * Whether the manifest is the one that was signed, and by whom.
 * @returns the keys of the ledger whose signatures hold
 */
export function checkManifestNote(
  note: string,
  manifestBytes: Uint8Array,
  { ledger }: Manifest,
  trust: Trust,
  findings: Findings,
): Verified[] {
  const signed = noteOf(FILES.note, note, findings);
  if (!signed) return [];
  if (signed.text !== signedText(manifestBytes)) {
    findings.tampered({ file: FILES.note, message: `it is not about this ${FILES.manifest}` });
    return [];
  }
  return verifiedBy(FILES.note, signed, ledger.origin, trust, findings);
}

/** The tree head, where it is signed by a key of its origin and is the one that the manifest names. */
export function checkHeadNote(
  note: string,
  { ledger }: Manifest,
  trust: Trust,
  findings: Findings,
): { head: TreeHead | undefined; verified: Verified[]; witnesses: Witness[] } {
  const nothing = { head: undefined, verified: [], witnesses: [] };
  const signed = noteOf(FILES.head, note, findings);
  if (!signed) return nothing;
  let head: TreeHead;
  try {
    head = parseTreeHead(signed.text);
  } catch {
    findings.tampered({ file: FILES.head, message: 'it is no tree head' });
    return nothing;
  }
  const isNamed = head.origin === ledger.origin && head.size === ledger.treeSize && head.root.toString('base64') === ledger.root;
  if (!isNamed) findings.tampered({ file: FILES.head, message: 'it is not the tree head that the manifest names' });
  const verified = verifiedBy(FILES.head, signed, head.origin, trust, findings);
  return { head, verified, witnesses: witnessesOf(signed, trust, findings) };
}

function noteOf(file: string, note: string, findings: Findings): SignedNote | undefined {
  try {
    return parseNote(note);
  } catch (error) {
    findings.tampered({ file, message: `it is no signed note: ${(error as Error).message}` });
    return undefined;
  }
}

function verifiedBy(file: string, note: SignedNote, origin: string, { keys, isOwn }: Trust, findings: Findings): Verified[] {
  const ofOrigin = keys.filter(({ name, kind }) => kind === ED25519 && name === origin);
  if (!ofOrigin.some((key) => hasSigned(note, key))) {
    if (isOwn) findings.tampered({ file, message: `no key of ${FILES.keys} has signed it` });
    else
      findings.untold({
        file,
        message: 'no key that is trusted has signed it: it is of another ledger or of a later key, or it was forged',
      });
    return [];
  }
  return verify(file, note, ofOrigin, findings);
}

function witnessesOf(note: SignedNote, { witnesses = [], least = witnesses.length }: Trust, findings: Findings): Witness[] {
  const asked = witnesses.filter(({ kind }) => kind === COSIGNATURE);
  const verified = asked.some((key) => hasSigned(note, key)) ? verify(FILES.head, note, asked, findings) : [];
  // A witness may have cosigned more than once; it counts once.
  const each = new Map(verified.map(({ key, at }) => [vkeyOf(key), { name: key.name, at: at as number }]));
  if (each.size < least)
    findings.untold({ file: FILES.head, message: `${each.size} of the ${least} witnesses asked for have cosigned it` });
  return [...each.values()];
}

/** Whether a note has a line that says to be of this key. */
export const hasSigned = ({ signatures }: SignedNote, key: VerifierKey): boolean =>
  signatures.some(({ name, id }) => name === key.name && id.equals(key.id));

function verify(file: string, note: SignedNote, keys: readonly VerifierKey[], findings: Findings): Verified[] {
  try {
    return verifyNote(note, keys);
  } catch (error) {
    if (!(error instanceof NoteRefused)) throw error;
    findings.tampered({ file, message: error.message });
    return [];
  }
}
