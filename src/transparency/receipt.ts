/**
 * Receipts: what an emitting system keeps to show that it reported, and that the ledger cannot take back. A receipt is checked with
 * nothing but itself and the keys that are trusted.
 */

import type { VerifierKey } from '../integrity/signed-note.ts';
import { type CheckedProof, checkTlogProof, ProofRefused, type ProofRefusedReason, type WitnessPolicy } from '../integrity/tlog-proof.ts';
import { type Leaf, NotALeaf, parseLeaf } from '../ledger/leaf.ts';

export interface Receipt {
  /** Of the record, and its type: what the leaf says, for whoever does not read leaves. */
  source: string;
  id: string;
  type: string;
  /** Of the leaf, from 0. */
  leafIndex: number;
  /** The leaf's bytes, base64. */
  leaf: string;
  /** C2SP tlog-proof@v1. */
  proof: string;
}

export type ReceiptRefusedReason =
  | ProofRefusedReason
  /** What it says of itself is not what its leaf or its proof says. */
  | 'other-record';

/** The receipt proves nothing. The message says why, and nothing of what stands in it. */
export class ReceiptRefused extends Error {
  override name = 'ReceiptRefused';
  readonly reason: ReceiptRefusedReason;
  constructor(reason: ReceiptRefusedReason, message: string) {
    super(message);
    this.reason = reason;
  }
}

export interface CheckedReceipt extends CheckedProof {
  /** What was recorded, as far as it is said without any key. */
  leaf: Leaf;
}

const FIELDS = { source: 'string', id: 'string', type: 'string', leafIndex: 'number', leaf: 'string', proof: 'string' } as const;

/**
 * Checks a receipt as a whole: that its proof leads from its leaf to a tree head that a trusted log signed, and that it says of
 * itself what its leaf says. Pure, and total: whatever it is given it answers or refuses.
 * @param receipt as it was read from JSON; members that are not a receipt's are passed over
 * @param logs keys of logs that are trusted, also retired ones (`parseVkey`)
 * @throws ReceiptRefused
 */
export function checkReceipt(receipt: unknown, logs: readonly VerifierKey[], policy: WitnessPolicy = {}): CheckedReceipt {
  const given = receiptOf(receipt);
  const bytes = Buffer.from(given.leaf, 'base64');
  if (bytes.toString('base64') !== given.leaf) throw new ReceiptRefused('malformed', 'its leaf is no base64');
  const { leaf, ...checked } = orRefuse(() => ({ ...checkTlogProof(given.proof, bytes, logs, policy), leaf: parseLeaf(bytes) }));
  if (checked.index !== given.leafIndex) throw new ReceiptRefused('other-record', 'its proof is of another leaf than it says');
  for (const field of ['source', 'id', 'type'] as const) {
    if (leaf[field] !== given[field]) throw new ReceiptRefused('other-record', `the ${field} in its leaf is another than it says`);
  }
  return { ...checked, leaf };
}

/**
 * The receipts of a file: any JSON object with a list of them as `receipts`, such as what `liggare receipts` writes, and what the ledger answers.
 * They are not checked.
 * @throws ReceiptRefused (`malformed`) for what is no such file
 */
export function receiptsOf(text: string): unknown[] {
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch {
    // Said below; the parser's words would quote the text.
  }
  const receipts = (file as { receipts?: unknown } | null | undefined)?.receipts;
  if (!Array.isArray(receipts)) throw new ReceiptRefused('malformed', 'a file of receipts is a JSON object with a list, receipts');
  return receipts;
}

function receiptOf(value: unknown): Receipt {
  const given = (value ?? {}) as Record<string, unknown>;
  const wrong = Object.entries(FIELDS).find(([field, type]) => typeof given[field] !== type);
  if (wrong) throw new ReceiptRefused('malformed', `a receipt has ${wrong[0]}, a ${wrong[1]}`);
  return given as unknown as Receipt;
}

function orRefuse<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof ProofRefused) throw new ReceiptRefused(error.reason, error.message);
    if (error instanceof NotALeaf) throw new ReceiptRefused('malformed', error.message);
    throw error;
  }
}
