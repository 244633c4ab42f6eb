/** A head that somebody kept: what came before it is believed, if the ledger goes on from it. */
import { NoteRefused, parseNote, type SignedNote, type VerifierKey, verifyNote } from '../integrity/signed-note.ts';
import { parseTreeHead, type TreeHead } from '../integrity/tree-head.ts';
import { keysOf } from './heads.ts';
import { NotUsable } from './result.ts';
import type { Snapshot } from './tree-file.ts';

/** As it was given: a published head (a signed note), or a size alone. */
export type Since = { note: string } | { size: number };

export interface KeptHead {
  size: number;
  /** Absent where a size alone was given: nothing is compared then. */
  root?: Buffer;
  /** Of an earlier tree of this ledger; absent where it is of the one in force. */
  generation?: number;
  /** Of this ledger by its origin line, and signed by a key that its ring does not have. */
  isForeign?: true;
}

/**
 * Reads what was given.
 * @param vkeys keys of the log that are trusted beside those of the ring
 * @throws NotUsable for a size that the ledger does not have, and for what is no head, no head of this ledger, or not signed by the key
 */
export function readSince(since: Since, snapshot: Snapshot, vkeys: readonly VerifierKey[], witnesses: readonly VerifierKey[]): KeptHead {
  const { generations, keys } = snapshot;
  if ('size' in since) return { size: mustBeReached(since.size, generations.at(-1)?.size ?? 0) };
  const { head, note } = parsed(since.note);
  const generation = generations.find(({ origin }) => origin === head.origin);
  if (generation === undefined) throw new NotUsable('the head to go on from is of another log: its origin line is none of this ledger');
  const known = [...keysOf(keys.filter((key) => key.generation === generation.number)), ...vkeys];
  mustHold(note, [...known, ...witnesses]);
  const isSigned = signersOf(note, known).length > 0;
  if (!isSigned && vkeys.length > 0)
    throw new NotUsable('the head to go on from is not signed by a key that was given, nor by one of the ring');
  return {
    ...{ size: head.size, root: head.root },
    ...(generation !== generations.at(-1) && { generation: generation.number }),
    ...(!isSigned && { isForeign: true }),
  };
}

/** A number is no evidence that there were more: it may as well be mistyped. */
function mustBeReached(size: number, leaves: number): number {
  if (size <= leaves) return size;
  throw new NotUsable(
    `the size to go on from is ${size}, and this ledger has ${leaves} leaves. A number alone is no evidence that it had more: look whether it is mistyped, or give the file with the tree head that was saved`,
  );
}

function parsed(text: string): { head: TreeHead; note: SignedNote } {
  try {
    const note = parseNote(text);
    return { head: parseTreeHead(note.text), note };
  } catch (error) {
    if (error instanceof NoteRefused) throw new NotUsable(`the head to go on from is no signed tree head: ${error.message}`);
    throw error;
  }
}

const signersOf = ({ signatures }: SignedNote, keys: readonly VerifierKey[]) =>
  signatures.filter(({ name, id }) => keys.some((key) => key.name === name && key.id.equals(id)));

/** Of those who are known, none may have a wrong signature. */
function mustHold(note: SignedNote, keys: readonly VerifierKey[]): void {
  if (signersOf(note, keys).length === 0) return;
  try {
    verifyNote(note, keys);
  } catch (error) {
    if (error instanceof NoteRefused) throw new NotUsable(`the head to go on from: ${error.message}`);
    throw error;
  }
}
