/** What an evidence bundle is made of (README of this room): names, shapes and limits that writer and reader share. */
import { createHash } from 'node:crypto';

export const FORMAT = 'liggare-evidence';
export const VERSION = 1;

/** First line of what the sealer's key signs; a tree head's first line is an origin, which has no space. */
export const SIGNED_LINE = 'liggare evidence 1';

/** The files of a bundle, in the order in which they are written. */
export const FILES = {
  readme: 'README.txt',
  head: 'tree-head.note',
  events: 'events.ndjson',
  proofs: 'proofs.ndjson',
  opened: 'opened.ndjson',
  coverage: 'coverage.json',
  completeness: 'completeness.json',
  text: 'summary.txt',
  page: 'summary.html',
  keys: 'vkeys.txt',
  manifest: 'manifest.json',
  note: 'manifest.note',
} as const;
export type FileName = (typeof FILES)[keyof typeof FILES];

/** Present in every bundle; the others depend on what was asked, and by whom. */
export const ALWAYS: readonly FileName[] = [
  ...[FILES.readme, FILES.head, FILES.events, FILES.proofs, FILES.coverage],
  ...[FILES.text, FILES.page, FILES.keys, FILES.manifest, FILES.note],
];

/** Events of a bundle, at most. */
export const MAX_EVENTS = 100_000;
/** Characters of their entries as they stand in the log, at most. */
export const MAX_CHARACTERS = 1024 * 1024 * 1024;

/** A file that the manifest vouches for. */
export interface ManifestFile {
  name: string;
  bytes: number;
  /** Lower-case hex. */
  sha256: string;
}

/** What the export was about, in the words of the log: references of people, digests of case numbers; ISO 8601 in UTC. */
export type SoughtAbout = Record<string, readonly string[] | string>;

export interface Manifest {
  format: typeof FORMAT;
  version: typeof VERSION;
  /** UTC, ISO 8601. */
  exportedAt: string;
  ledger: {
    origin: string;
    treeSize: number;
    /** Base64. */
    root: string;
  };
  question: {
    about: SoughtAbout;
    /** The same as it was asked, as far as who asked may see identifiers; never in a sealed bundle. */
    asAsked?: object;
    /** Everything recorded up to here was looked through. */
    position: number;
    /** The moment whose state of the ledger the bundle shows: UTC. */
    asOf: string;
  };
  asked: {
    /** Of the API key. */
    scope: string;
    /** Code of the purpose of asking. */
    purpose: string;
    /** Finds the record of this export in the log (`LedgerQueried`). */
    correlationId: string;
  };
  counts: {
    events: number;
    /** Absent from a sealed bundle. */
    opened?: number;
  };
  /** All but the manifest and its note, in the order in which they were written. */
  files: ManifestFile[];
}

/** The text that is signed for a manifest. */
export function signedText(manifest: Uint8Array): string {
  const sha256 = createHash('sha256').update(manifest).digest('hex');
  return `${SIGNED_LINE}\n${FILES.manifest} ${manifest.length} ${sha256}\n`;
}
