import { FILES } from './format.ts';

const CONTENTS = [
  [FILES.page, `for reading and printing; ${FILES.text} says the same in plain text`],
  [FILES.events, 'the events as they stand in the ledger: personal values sealed, people by reference'],
  [FILES.proofs, 'for each event, how it leads to the root of the tree (RFC 6962)'],
  [FILES.opened, 'the events as far as who asked may see them (not in every bundle)'],
  [FILES.head, "the signed state of the ledger's Merkle tree (C2SP tlog-checkpoint), with cosignatures of witnesses"],
  [FILES.coverage, 'how complete what the sources reported was'],
  [FILES.completeness, 'how many events of the ledger concern the person asked about (not in every bundle)'],
  [FILES.keys, 'the public keys of the ledger, as it states them itself'],
  [FILES.manifest, 'what was asked, and the SHA-256 of every file above'],
  [FILES.note, 'the signature of the manifest (C2SP signed-note)'],
] as const;

/** `README.txt` of a bundle: what it is and how it is verified, for whoever gets it and has nothing else. */
export const README = `EVIDENCE BUNDLE, format 1

This archive holds events of a Liggare ledger, an audit ledger of the processing of personal data, with the proof that they
stood in it. It can be checked without the ledger, its database or its secret keys.

${CONTENTS.map(([name, meaning]) => `  ${name.padEnd(19)}${meaning}\n`).join('')}
To verify it, on any machine that has the package "liggare":

  liggare verify bundle.zip --vkey <the ledger's public key>

Get the public key from the ledger (GET /tlog/vkeys) or from whoever runs it, and not from this archive: without --vkey the
archive is checked against the keys that it brings along, which shows that it is whole but not whose it is. Exit codes: 0 it is
intact, 4 it was tampered with, 5 it could not be told.

What is proven: every event in ${FILES.events} stood in the ledger, as it stands here, when the tree head was signed. What is
sealed is proven by the digest of its ciphertext. What the ledger states and signs with the manifest, and the tree does not prove: the
opened values, the summaries, the coverage, and that no other event matches the question.

The format is documented in the source of liggare (src/evidence/README.md), so that another program can check it as well.

This archive holds personal data. Keep it as long as it is needed as evidence and no longer: an erasure in the ledger does not
reach into it.
`;
