/**
 * Whose erasure a restore must repeat: everybody who stands in any file of erasures that can be found. An older copy of the keys
 * still has the keys of those who were erased since, and says nothing of them; so one file from outside the backup is asked for.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { ERASURES_FILE, ErasuresUnreadable, readErasures } from '../erasures-file.ts';
import { BackupRefused, type Part } from './parts.ts';

export interface ErasureSources {
  /** The backup's folder, and that of the keys where they lie elsewhere. */
  backups: readonly { folder: string; part: Part }[];
  dataFolder: string;
  /** LIGGARE_ERASURE_COPY */
  copy?: string;
  /** Named by whoever restores. */
  given?: string;
  accepted: boolean;
}

export interface KnownErasures {
  lines: Map<string, string>;
  /** Erasures may be missing, and whoever restores accepted that. */
  acceptedMissing: boolean;
}

interface Found {
  file: string;
  lines: Map<string, string>;
  /** Not out of the backup itself: it can tell of what came later. */
  isOutside: boolean;
}

/**
 * Every erased reference that is known, with its time.
 * @throws BackupRefused unless one file from outside the backup has every line that any has, or it was accepted that some may be missing;
 *   and where a file that is there is none of erasures
 */
export function knownErasures(sources: ErasureSources): KnownErasures {
  const { backups, dataFolder, copy, given, accepted } = sources;
  if (given !== undefined) mustBeOutside(given, backups);
  const found = [
    ...backups.flatMap(({ folder, part }) => ofBackup(folder, part)),
    ...[given, copy].flatMap((file) => outside(file, accepted)),
    ...inFolder(dataFolder),
  ];
  const lines = new Map(found.flatMap((one) => [...one.lines]));
  const stated = Math.max(...backups.map(({ part }) => part.manifest.erasures.lines));
  const lacks = ({ lines: of }: Found) => Math.max(lines.size - of.size, stated - of.size);
  const candidates = found.filter(({ isOutside }) => isOutside);
  const isKnown = candidates.some((one) => lacks(one) <= 0);
  if (!isKnown && !accepted) throw missing(candidates, lacks, backups);
  return { lines, acceptedMissing: !isKnown };
}

/** It is checked against the manifest: one that is shorter, or says something else, would let somebody back in. */
function ofBackup(folder: string, { manifest }: Part): Found[] {
  const file = join(folder, ERASURES_FILE);
  if (!existsSync(file)) return [];
  const lines = linesOf(file);
  const { bytes, sha256, lines: stated } = manifest.erasures;
  if (lines.size < stated) throw exchanged(file, `it has ${lines.size} references and its manifest says ${stated}`);
  // Another part's file of erasures may lie here, from a later day: longer is welcome, because lines are only ever added.
  const begin = readFileSync(file).subarray(0, bytes);
  if (createHash('sha256').update(begin).digest('hex') !== sha256) throw exchanged(file, 'its SHA-256 is not that of its manifest');
  return [{ file, lines, isOutside: false }];
}

function exchanged(file: string, why: string): BackupRefused {
  return new BackupRefused(`${file} is damaged or was exchanged: ${why}`, [
    'Where it is a newer one, take it out of the backup and name it with --erasures.',
  ]);
}

function outside(file: string | undefined, accepted: boolean): Found[] {
  if (file === undefined) return [];
  try {
    readFileSync(file);
  } catch (error) {
    if (accepted) return [];
    throw new BackupRefused(`${file} cannot be read (${(error as { code?: string }).code ?? 'unknown reason'})`, ASK);
  }
  return [{ file, lines: linesOf(file), isOutside: true }];
}

/** The folder's own, where the ledger that was there left one. An empty one may be of a start that was tried meanwhile: it tells nothing. */
function inFolder(dataFolder: string): Found[] {
  const file = join(dataFolder, ERASURES_FILE);
  const lines = linesOf(file);
  return lines.size > 0 ? [{ file, lines, isOutside: true }] : [];
}

/**
 * The lines of a file of erasures: a damaged one, or another file, would pass for one that says that nobody was erased.
 * @throws BackupRefused
 */
export function linesOf(file: string): Map<string, string> {
  try {
    return readErasures(file);
  } catch (error) {
    throw error instanceof ErasuresUnreadable ? new BackupRefused(error.message) : error;
  }
}

function mustBeOutside(given: string, backups: ErasureSources['backups']): void {
  if (backups.some(({ folder }) => !relative(resolve(folder), resolve(given)).startsWith('..'))) {
    throw new BackupRefused(`${given} is the backup's own: it cannot tell whether somebody was erased since`, ASK);
  }
}

const ASK = [
  'Name a newer one: --erasures <file>, or LIGGARE_ERASURE_COPY, or erasures.log put into the data folder.',
  'Or restore with --accept-missing-erasures: people erased since the backup may come back. That is recorded.',
];

function missing(candidates: readonly Found[], lacks: (one: Found) => number, backups: ErasureSources['backups']): BackupRefused {
  const takenAt = backups.map(({ part }) => part.manifest.takenAt).sort()[0] as string;
  const why = candidates.map((one) => `${one.file} lacks ${lacks(one)} erased references that others have`);
  if (why.length === 0)
    why.push(`whether somebody was erased since the backup of ${takenAt} is not known: only its own erasures.log is there`);
  return new BackupRefused(why.join('; '), ASK);
}
