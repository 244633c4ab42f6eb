/**
 * What a backup is made of, and the manifest that stands beside each part. A part can be kept, moved and restored without the other,
 * so each names the ledger it belongs to.
 */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Tiles, signed heads and the keys to check them with: `transparency/tree.ts`. */
export const TREE_FILE = 'tree.db';

/** The log and the keys are kept apart: together they say who somebody is, either alone does not. */
export type PartName = 'log' | 'keys';

/** A database that is copied, and what its manifest tells of it. */
export interface BackedUpFile {
  name: string;
  /** What it is, in words. */
  title: string;
  /** Each asks for one value, of the copy. */
  facts: Readonly<Record<string, string>>;
  /** A ledger may have none yet, and backups made before it was thought of have none. */
  optional?: true;
}

/** Of the generation in force. */
const LAST = '(SELECT max(number) FROM generations)';

/**
 * The one list of what is copied, in the order in which it is. The tree comes before the log of which it is made: a copy of it that
 * had more leaves than the copied log has events would be one of a history that is not there, while leaves that are missing are
 * made again. A key is durable before the event that needs it, so keys that are copied after the log have all that the log needs. The file
 * of erasures comes last: whoever was erased meanwhile stands in it, because its line is written before the key goes. Whatever
 * else the ledger's files can be made of again is not copied. The tree belongs to the log's part: it is hashes, and names nobody.
 */
export const PARTS: Readonly<Record<PartName, readonly BackedUpFile[]>> = {
  log: [
    {
      name: TREE_FILE,
      title: 'the tree of a ledger',
      optional: true,
      facts: {
        ledger: "SELECT value FROM meta WHERE name = 'ledger'",
        generation: `SELECT number FROM generations WHERE number = ${LAST}`,
        origin: `SELECT origin FROM generations WHERE number = ${LAST}`,
        size: `SELECT size FROM generations WHERE number = ${LAST}`,
        headNumber: `SELECT max(number) FROM heads WHERE generation = ${LAST}`,
        headSize: `SELECT max(size) FROM heads WHERE generation = ${LAST}`,
      },
    },
    {
      name: 'ledger.db',
      title: 'the log of a ledger',
      facts: {
        ledger: 'SELECT lower(hex(id)) FROM ledger',
        head: 'SELECT coalesce(max(position), 0) FROM events',
        lastRecordedAt: `SELECT strftime('%Y-%m-%dT%H:%M:%fZ', recorded_at / 1000.0, 'unixepoch') FROM events ORDER BY position DESC LIMIT 1`,
      },
    },
  ],
  keys: [
    {
      name: 'keys.db',
      title: 'a key store',
      facts: {
        erased: 'SELECT count(*) FROM fence',
        sweptPosition: "SELECT value FROM meta WHERE name = 'sweptPosition'",
        masterKeyGeneration: "SELECT value FROM meta WHERE name = 'masterKeyGeneration'",
        /** 2 while one replaces the other: the copy needs both. */
        masterKeys: "SELECT count(*) FROM vault_keys WHERE name IN ('check', 'check.next')",
      },
    },
  ],
};

export const PART_NAMES = Object.keys(PARTS) as PartName[];

export const MANIFEST = 'manifest.json';

export interface FileDigest {
  bytes: number;
  /** In hex. */
  sha256: string;
}

export type Facts = Record<string, string | number | null>;

/** From 2 on there may be a tree: a program that knows none would restore a log that has published heads, and lose them. */
export const FORMAT = 2;

/** What a part holds. It is written when all of the backup is, so that what was cut off has none. */
export interface Manifest {
  format: 1 | typeof FORMAT;
  part: PartName;
  /** Drawn for each backup: parts with the same one were taken together. */
  backup: string;
  /** The ledger's own identity, in hex. */
  ledger: string;
  /** UTC ISO 8601: all that was acknowledged before is in the part. */
  takenAt: string;
  files: Record<string, FileDigest & { facts: Facts }>;
  /** `erasures.log` of the same backup. */
  erasures: FileDigest & { lines: number };
}

/** It was not done, and nothing stands where nothing stood: the message says why and what to do. */
export class BackupRefused extends Error {
  override name = 'BackupRefused';
  constructor(
    message: string,
    /** What to do, a line each. */
    readonly hints: readonly string[] = [],
  ) {
    super(message);
  }
}

/** A part of a backup where it lies. */
export interface Part {
  folder: string;
  manifest: Manifest;
}

/**
 * A part of a backup: `folder` is the backup's, or the part's own.
 * @throws BackupRefused, naming the file, where it is not there, not whole or not what it is taken for
 */
export function readPart(folder: string, part: PartName): Part {
  const within = existsSync(join(folder, part)) ? join(folder, part) : folder;
  const manifest = readManifest(join(within, MANIFEST), part);
  for (const { name, optional } of PARTS[part]) {
    const [file, stated] = [join(within, name), manifest.files[name]];
    if (stated === undefined && optional) continue;
    if (stated === undefined) throw damaged(join(within, MANIFEST), `it does not name ${name}`);
    mustHave(file, stated.bytes);
  }
  return { folder: within, manifest };
}

/** A cheap look before anything is copied: a file that is shorter or longer than it was is not the one that was written. */
export function mustHave(file: string, bytes: number): void {
  const size = existsSync(file) ? statSync(file).size : undefined;
  if (size === undefined) throw new BackupRefused(`${file} is missing: the backup is not whole`);
  if (size !== bytes) throw damaged(file, `it has ${size} bytes and its manifest says ${bytes}`);
}

export function damaged(file: string, why: string): BackupRefused {
  return new BackupRefused(`${file} is damaged or was exchanged: ${why}`, ['Take another backup.']);
}

function readManifest(file: string, part: PartName): Manifest {
  if (!existsSync(file)) {
    throw new BackupRefused(`${file} is missing: this is no backup of the ${part}, or one that was cut off`, [
      'A backup is whole when both of its parts have their manifests.',
    ]);
  }
  let read: unknown;
  try {
    read = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    throw damaged(file, 'it cannot be read');
  }
  const { format, part: found } = (read ?? {}) as Partial<Manifest>;
  if (typeof format === 'number' && format > FORMAT)
    throw new BackupRefused(`${file} has format ${format}: it takes a later version of Liggare`);
  if (!isManifest(read)) throw damaged(file, 'something is missing in it');
  if (found !== part) throw new BackupRefused(`${file} is that of the ${found}, and that of the ${part} is needed here`);
  return read;
}

function isManifest(read: unknown): read is Manifest {
  const { format, part, backup, ledger, takenAt, files, erasures } = (read ?? {}) as Partial<Manifest>;
  return (
    (format === 1 || format === FORMAT) &&
    (part === 'log' || part === 'keys') &&
    [backup, ledger].every((text) => typeof text === 'string' && text.length > 0) &&
    !Number.isNaN(Date.parse(String(takenAt))) &&
    typeof files === 'object' &&
    Object.values(files ?? {}).every(isDigest) &&
    isDigest(erasures) &&
    Number.isInteger(erasures?.lines)
  );
}

const isDigest = (digest: unknown): boolean => {
  const { bytes, sha256 } = (digest ?? {}) as Partial<FileDigest>;
  return Number.isInteger(bytes) && /^[0-9a-f]{64}$/.test(String(sha256));
};
