/** Checks a file of receipts with nothing but public keys. */
import { open } from 'node:fs/promises';
import { parseNote, parseVkey, type VerifierKey, vkeyOf } from '../integrity/signed-note.ts';
import { parseTlogProof, type WitnessPolicy } from '../integrity/tlog-proof.ts';
import { checkReceipt, ReceiptRefused, receiptsOf } from '../transparency/receipt.ts';
import { Findings, type Problem, type Verdict } from './findings.ts';
import { hasSigned } from './signatures.ts';

export interface ReceiptsOptions extends WitnessPolicy {
  /** Keys of the ledger that are trusted, retired ones too. Without any those in the file (`vkeys`) are believed, where it has some. */
  vkeys?: readonly VerifierKey[];
}

export interface CheckedReceipts {
  verdict: Verdict;
  /** `line` is the place of the receipt in the list, from 1. */
  problems: readonly Problem[];
  trust: { from: 'caller' | 'file'; keys: string[] };
  /** How many hold. */
  receipts: number;
  /** How many there are. */
  all: number;
  /** The largest tree under which one of them stands. */
  head?: { origin: string; size: number };
}

/** A receipt has at most a leaf and a proof: thousands of them fit. */
const MAX_BYTES = 256 * 1024 * 1024;

/**
 * Checks every receipt of a file. It never throws for what stands in the file.
 * @throws the system's error, which has a code, where the file cannot be read
 */
export async function verifyReceipts(file: string, options: ReceiptsOptions = {}): Promise<CheckedReceipts> {
  const findings = new Findings();
  const nothing = { receipts: 0, all: 0, trust: { from: options.vkeys ? 'caller' : 'file', keys: [] } as CheckedReceipts['trust'] };
  const answer = (rest: Omit<CheckedReceipts, 'verdict' | 'problems'>) => ({
    ...rest,
    verdict: findings.verdict,
    problems: findings.problems,
  });
  const text = await textOf(file, findings);
  const receipts = text === undefined ? undefined : listOf(text, findings);
  if (text === undefined || receipts === undefined) return answer(nothing);
  const keys = options.vkeys ?? keysIn(text);
  if (keys.length === 0) {
    findings.untold({ message: "receipts bring no key along: the ledger's is needed to tell whose they are" });
    return answer({ ...nothing, all: receipts.length });
  }
  const believed = new Set<string>();
  let held = 0;
  let head: CheckedReceipts['head'];
  for (const [i, receipt] of receipts.entries()) {
    try {
      const checked = checkReceipt(receipt, keys, options);
      held++;
      if (head === undefined || checked.head.size > head.size) head = { origin: checked.head.origin, size: checked.head.size };
      for (const { key } of checked.verified) believed.add(vkeyOf(key));
    } catch (error) {
      if (!(error instanceof ReceiptRefused)) throw error;
      refuse(i + 1, receipt, error, keys, findings);
    }
  }
  return answer({ receipts: held, all: receipts.length, trust: { from: nothing.trust.from, keys: [...believed] }, ...(head && { head }) });
}

function refuse(
  line: number,
  receipt: unknown,
  { reason, message }: ReceiptRefused,
  keys: readonly VerifierKey[],
  findings: Findings,
): void {
  const isUntold = reason === 'too-few-witnesses' || (reason === 'untrusted' && !isSignedByOneOf(receipt, keys));
  if (isUntold) findings.untold({ line, message });
  else findings.tampered({ line, message });
}

/** Whether its tree head says to be signed by one of these, so that it is not somebody else's: then the signature is wrong. */
function isSignedByOneOf(receipt: unknown, keys: readonly VerifierKey[]): boolean {
  try {
    const note = parseNote(parseTlogProof((receipt as { proof: string }).proof).note);
    return keys.some((key) => hasSigned(note, key));
  } catch {
    return false;
  }
}

async function textOf(file: string, findings: Findings): Promise<string | undefined> {
  const handle = await open(file);
  try {
    const stat = await handle.stat();
    if (!stat.isFile() || stat.size > MAX_BYTES) {
      findings.untold({ message: 'it is no file, or larger than any file of receipts' });
      return undefined;
    }
    return await handle.readFile('utf8');
  } finally {
    await handle.close();
  }
}

function listOf(text: string, findings: Findings): unknown[] | undefined {
  try {
    return receiptsOf(text);
  } catch (error) {
    findings.untold({ message: (error as Error).message });
    return undefined;
  }
}

function keysIn(text: string): VerifierKey[] {
  const { vkeys } = JSON.parse(text) as { vkeys?: unknown };
  if (!Array.isArray(vkeys)) return [];
  return vkeys.flatMap((vkey) => {
    try {
      return [parseVkey(String(vkey))];
    } catch {
      return [];
    }
  });
}
