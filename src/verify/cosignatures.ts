/** What witnesses said of heads: with a witness's key all of it is checked, without it whatever can be told of the line by itself. */
import { NoteRefused, parseSignatures, type VerifierKey } from '../integrity/signed-note.ts';
import type { StoredCosignature } from '../transparency/tree.ts';
import type { Context } from './context.ts';
import { cosignedAt } from './heads.ts';

/** Cosignatures looked at before others have their turn. */
const PAGE = 100;
/** C2SP tlog-cosignature, `cosignature/v1`: seconds since 1970 (8 bytes, big endian), then Ed25519 (RFC 8032). */
const COSIGNATURE_BYTES = 8 + 64;

export async function checkCosignatures(context: Context): Promise<void> {
  const { tree, generation, findings, options, gathered, pause } = context;
  const place = { kind: 'cosignature', generation: generation.number } as const;
  for (const { witness, size } of tree.cosignedWithoutHead(generation.number, PAGE)) {
    findings.add({ ...place, size, what: `${witness} cosigned a head of this size, and there is none` });
  }
  const keys = options.witnesses ?? [];
  gathered.witnesses = keys.map(({ name }) => ({ name, size: 0 }));
  gathered.cosignatures = { checked: 0, unchecked: 0 };
  for (let page = tree.cosignatures(generation.number, undefined, PAGE); page.length > 0; ) {
    for (const row of page) {
      const what = wrongOf(context, row, keys);
      if (what !== undefined) findings.add({ ...place, size: row.size, what });
    }
    await pause();
    page = tree.cosignatures(generation.number, page.at(-1), PAGE);
  }
}

/** What is wrong with one; undefined where nothing is. */
function wrongOf(context: Context, row: StoredCosignature, keys: readonly VerifierKey[]): string | undefined {
  const { witness, size, at, line } = row;
  const { tree, generation, gathered } = context;
  const own = keys.filter(({ name }) => name === witness);
  const counts = gathered.cosignatures as { checked: number; unchecked: number };
  if (own.length === 0) {
    counts.unchecked++;
    return wrongForm(row);
  }
  counts.checked++;
  const head = tree.headOfSize(generation.number, size);
  // Without a head there is nothing that it could be of: that is told of by itself.
  if (head === undefined) return undefined;
  const signed = own.find((key) => cosignedAt(head.note, line, key) === at);
  if (signed === undefined) return `it is not what ${witness} signed`;
  Object.assign(gathered.witnesses[keys.indexOf(signed)] ?? {}, { size, at: new Date(at * 1000).toISOString() });
  return undefined;
}

/** A line says who signed and when, whoever can check it. */
function wrongForm({ witness, at, line }: StoredCosignature): string | undefined {
  try {
    const [signature] = parseSignatures(`${line}\n`);
    if (line.includes('\n') || signature?.bytes.length !== COSIGNATURE_BYTES) return 'it is not in the form of a cosignature';
    if (signature.name !== witness) return 'it is the line of another witness than the one it is kept under';
    return signature.bytes.readBigUInt64BE() === BigInt(at) ? undefined : 'it was signed at another time than the one it is kept under';
  } catch (error) {
    // What stands for the time may be no whole number.
    if (error instanceof NoteRefused || error instanceof RangeError) return 'it is not in the form of a cosignature';
    throw error;
  }
}
