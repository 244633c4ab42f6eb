import { existsSync, renameSync, statfsSync, statSync, truncateSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { appendErasures, bytesOfLines, ERASURES_FILE, readErasures } from '../erasures-file.ts';
import { lockFolder } from '../folder-lock.ts';
import { syncFolder } from '../privacy/master-key.ts';
import { copyFile, databaseFiles, finish, remove, unfinished } from './files.ts';
import { type KnownErasures, knownErasures } from './known-erasures.ts';
import { mark, markerOf, unmark } from './marker.ts';
import { BackupRefused, damaged, type Facts, type FileDigest, PARTS, type Part, type PartName, readPart, TREE_FILE } from './parts.ts';
import type { RestoredTree, Restoring } from './restored.ts';
import { factsOf } from './sqlite-snapshot.ts';

/** The restore was begun and could not be completed: what it had placed was removed again. */
export class RestoreFailed extends Error {
  override name = 'RestoreFailed';
}

export interface RestoreOptions {
  /** A backup's folder. */
  backup: string;
  /** Where the part of the keys lies, if not there. */
  keys?: string;
  /** The newest file of erasures that is known. */
  erasures?: string;
  /** LIGGARE_ERASURE_COPY */
  erasureCopy?: string;
  /** Where the ledger is to be. */
  dataFolder: string;
  acceptMissingErasures: boolean;
  acceptLostKeys: boolean;
  /** A tree head that somebody saved: a signed note. */
  treeHead?: string;
  /** Goes on under a new origin, whatever was published. */
  newGeneration?: boolean;
  /** The account that restores. */
  person: string;
  onBytes?: (done: number, total: number) => void;
  /** Starts the ledger on what was placed, which repeats the erasures and records the restore, and closes it again. */
  complete(restoring: Restoring): Promise<RestoredTree>;
}

export interface Restored extends Restoring {
  /** References in the file of erasures now. */
  erasures: number;
  /** What became of the tree. */
  tree: RestoredTree;
}

/** Whoever restores a log may have left these in the folder: they are newer than any copy, and stay. */
const MAY_STAY = [...PARTS.keys.map(({ name }) => name), TREE_FILE];

/** Made of the log at the first start; older ones are of another log. */
const DERIVED = ['views.db', 'ledger.idx'];

/**
 * Puts a backup into a folder that has no log, has the ledger make the keys agree with every erasure that is known, and has it say in its
 * log that it was restored. Interrupted at any point, the folder holds a marker and is not served; restoring again begins anew. Where
 * it is refused, the folder is as it was, keys that were left in it included.
 * @throws BackupRefused, RestoreFailed, FolderInUse, and what `complete` throws
 */
export async function restoreBackup(options: RestoreOptions): Promise<Restored> {
  const { dataFolder, backup } = options;
  const log = readPart(backup, 'log');
  const release = lockFolder(dataFolder);
  let restoring: Restoring & { erasures: number };
  try {
    await removeLeftovers(dataFolder);
    mustBeFree(dataFolder);
    restoring = await place(options, log);
  } finally {
    release();
  }
  let tree: RestoredTree;
  try {
    tree = await options.complete(restoring);
  } catch (error) {
    await undo(dataFolder);
    throw error;
  }
  removeKept(dataFolder);
  unmark(dataFolder);
  return { ...restoring, tree };
}

async function place(options: RestoreOptions, log: Part): Promise<Restoring & { erasures: number }> {
  const { dataFolder, backup, acceptMissingErasures: accepted, erasures: given, erasureCopy: copy } = options;
  const ownKeysStayed = keepsOwnKeys(options);
  const keys = ownKeysStayed ? undefined : readPart(options.keys ?? backup, 'keys');
  if (keys !== undefined && keys.manifest.ledger !== log.manifest.ledger) {
    throw new BackupRefused(`${keys.folder} has the keys of another ledger than ${log.folder}`);
  }
  const backups = [{ folder: backup, part: log }, ...(keys ? [{ folder: options.keys ?? backup, part: keys }] : [])];
  const known = knownErasures({
    backups,
    dataFolder,
    accepted,
    ...(given !== undefined && { given }),
    ...(copy !== undefined && { copy }),
  });
  const ownTreeStayed = keepsOwnTree(dataFolder, log);
  const stay = [...(ownKeysStayed ? PARTS.keys.map(({ name }) => name) : []), ...(ownTreeStayed ? [TREE_FILE] : [])];
  const parts: [PartName, Part][] = [...(keys ? ([['keys', keys]] as [PartName, Part][]) : []), ['log', log]];
  const files = parts.flatMap(([name, part]) => filesOf(name, part, dataFolder)).filter(({ name }) => !stay.includes(name));
  const own = stay.flatMap((name) => ownFiles(join(dataFolder, name)));
  const needed = [...files.map(({ stated }) => stated.bytes), ...own.map((file) => statSync(file).size)];
  mustFit(dataFolder, needed);
  const erasures = join(dataFolder, ERASURES_FILE);
  const before = existsSync(erasures) ? { erasuresBytes: bytesOfLines(erasures) } : {};
  // A tree that is not there may be begun while the restore is completed.
  const placed = new Set([...files.map(({ name }) => name), ...(ownTreeStayed ? [] : [TREE_FILE])]);
  mark(dataFolder, { placed: [...placed], ...before });
  try {
    for (const file of own) await copyWhole(file, kept(file));
    remove(DERIVED.flatMap((name) => databaseFiles(join(dataFolder, name))));
    addErasures(erasures, known);
    await copyAll(files, options.onBytes ?? (() => undefined));
  } catch (error) {
    await undo(dataFolder);
    throw explained(error, dataFolder);
  }
  return {
    person: options.person,
    backupTakenAt: log.manifest.takenAt,
    ...(keys && { keysTakenAt: keys.manifest.takenAt }),
    head: Number(log.manifest.files['ledger.db']?.facts['head']),
    acceptedMissingErasures: known.acceptedMissing,
    acceptLostKeys: options.acceptLostKeys,
    treeFrom: treeFrom(ownTreeStayed, log),
    ...(options.treeHead !== undefined && { treeHead: options.treeHead }),
    newGeneration: options.newGeneration === true,
    erasures: known.lines.size,
  };
}

function treeFrom(ownTreeStayed: boolean, { manifest }: Part): Restoring['treeFrom'] {
  if (ownTreeStayed) return 'folder';
  return manifest.files[TREE_FILE] === undefined ? 'nowhere' : 'backup';
}

/** Keys that were left in the folder are newer than any copy of them, and know of erasures and objections that a copy does not. */
function keepsOwnKeys({ dataFolder, keys }: RestoreOptions): boolean {
  const own = PARTS.keys.map(({ name }) => join(dataFolder, name)).find((file) => existsSync(file));
  if (own === undefined) return false;
  if (keys === undefined) return true;
  throw new BackupRefused(`${own} is there, and --keys names other keys`, [
    'Keys that were left in the folder are newer than any copy: leave out --keys to restore the log alone.',
    `If they are damaged, move ${own} away.`,
  ]);
}

/**
 * A tree that was left in the folder knows heads that a copy of it does not, or at least as many: what was published by it stands.
 * @throws BackupRefused where it is another ledger's, or knows less than the backup's
 */
function keepsOwnTree(dataFolder: string, { folder, manifest }: Part): boolean {
  const file = join(dataFolder, TREE_FILE);
  if (!existsSync(file) || (statSync(file).size === 0 && ownFiles(file).length === 1)) return false;
  const own = treeFacts(file);
  if (own['ledger'] !== manifest.ledger) {
    throw new BackupRefused(`${file} is the tree of another ledger than ${folder}`, [MOVE_TREE]);
  }
  const copied = manifest.files[TREE_FILE]?.facts;
  if (copied !== undefined && isLess(own, copied)) {
    throw new BackupRefused(`${file} knows fewer tree heads than that of the backup`, [MOVE_TREE]);
  }
  return true;
}

const MOVE_TREE = 'Move it away, and keep it: it may be evidence.';

function treeFacts(file: string): Facts {
  const facts = PARTS.log.find(({ name }) => name === TREE_FILE)?.facts ?? {};
  try {
    return factsOf(file, facts);
  } catch (error) {
    throw new BackupRefused(`${file} is no tree of a ledger, or a damaged one (${(error as { code?: string }).code ?? 'unknown reason'})`, [
      MOVE_TREE,
    ]);
  }
}

/** Generation, head and leaves decide, in this order. */
function isLess(one: Facts, other: Facts): boolean {
  for (const fact of ['generation', 'headSize', 'size']) {
    const [a, b] = [Number(one[fact] ?? 0), Number(other[fact] ?? 0)];
    if (a !== b) return a < b;
  }
  return false;
}

/** A database with what SQLite keeps beside it, which comes first: where a copy of the database itself is, there is one of all. */
function ownFiles(file: string): string[] {
  const [database, write, , journal] = databaseFiles(file) as [string, string, string, string];
  return [write, journal, database].filter((one) => existsSync(one));
}

/** Where the folder's own databases are kept as they were: completing a restore changes them. */
const kept = (file: string): string => join(dirname(file), `kept-${basename(file)}`);

async function copyWhole(from: string, to: string): Promise<void> {
  await copyFile(from, to);
  finish(to);
}

/** Cut off anywhere, it can be done again: the database itself moves last. */
async function putBackKept(dataFolder: string): Promise<void> {
  for (const name of MAY_STAY) {
    const [database, ...beside] = databaseFiles(join(dataFolder, name)) as [string, ...string[]];
    if (!existsSync(kept(database))) continue;
    remove(beside);
    for (const file of beside) if (existsSync(kept(file))) await copyWhole(kept(file), file);
    syncFolder(dataFolder);
    renameSync(kept(database), database);
    syncFolder(dataFolder);
  }
  removeKept(dataFolder);
}

function removeKept(dataFolder: string): void {
  const all = MAY_STAY.flatMap((name) => databaseFiles(kept(join(dataFolder, name))));
  remove(all.flatMap((file) => [file, unfinished(file)]));
}

interface Placed {
  name: string;
  from: string;
  to: string;
  stated: FileDigest;
}

function filesOf(part: PartName, { folder, manifest }: Part, dataFolder: string): Placed[] {
  return PARTS[part].flatMap(({ name }) => {
    const stated = manifest.files[name];
    return stated === undefined ? [] : [{ name, from: join(folder, name), to: join(dataFolder, name), stated }];
  });
}

/** Each is read once: what is written is what was found to be the same as when it was copied. */
async function copyAll(files: readonly Placed[], onBytes: (done: number, total: number) => void): Promise<void> {
  const total = files.reduce((sum, { stated }) => sum + stated.bytes, 0);
  let before = 0;
  for (const { from, to, stated } of files) {
    const { bytes, sha256 } = await copyFile(from, to, (done) => onBytes(before + done, total));
    if (bytes !== stated.bytes || sha256 !== stated.sha256) throw damaged(from, 'its SHA-256 is not that of its manifest');
    finish(to);
    before += bytes;
  }
}

function addErasures(file: string, { lines }: KnownErasures): void {
  const there = readErasures(file);
  const missing = [...lines].filter(([reference]) => !there.has(reference)).map(([reference, at]) => ({ reference, at }));
  appendErasures(file, missing);
}

/** What an interrupted restore has placed or changed, and nothing else. */
async function removeLeftovers(dataFolder: string): Promise<void> {
  if (markerOf(dataFolder)) await undo(dataFolder);
}

async function undo(dataFolder: string): Promise<void> {
  const { placed: names = [], erasuresBytes } = markerOf(dataFolder) ?? {};
  const placed = names.map((name) => join(dataFolder, name));
  remove([...placed, ...DERIVED.map((name) => join(dataFolder, name))].flatMap(databaseFiles));
  remove(placed.map(unfinished));
  // With the backup's lines in it the folder's own file would pass for one that knows what came after the backup.
  const erasures = join(dataFolder, ERASURES_FILE);
  if (erasuresBytes === undefined) remove([erasures]);
  else truncateSync(erasures, erasuresBytes);
  await putBackKept(dataFolder);
  // The folder is as it was, on the disk too, before the marker goes.
  syncFolder(dataFolder);
  unmark(dataFolder);
}

/** A log is never written over. A write-ahead file without its database would be taken for the restored one's. */
function mustBeFree(dataFolder: string): void {
  for (const { name } of [...PARTS.log, ...PARTS.keys]) {
    const file = join(dataFolder, name);
    const isLog = !MAY_STAY.includes(name);
    if (existsSync(file) && isLog) {
      throw new BackupRefused(`${file} is there: a backup is restored into a folder without a log`, [
        'Choose an empty folder with LIGGARE_DATA, or move the log away. keys.db, tree.db, master.key and erasures.log may stay.',
      ]);
    }
    const left = databaseFiles(file).find((one) => one !== file && existsSync(one) && statSync(one).size > 0);
    if (left !== undefined && !existsSync(file)) {
      throw new BackupRefused(`${left} is left of a database that is not there: move it away with its database`);
    }
    if (!existsSync(file)) remove(databaseFiles(file));
  }
}

function mustFit(dataFolder: string, bytes: readonly number[]): void {
  const needed = bytes.reduce((sum, one) => sum + one, 0);
  const { bavail, bsize } = statfsSync(dataFolder);
  if (bavail * bsize >= needed) return;
  throw new BackupRefused(
    `${dataFolder} has room for ${Math.floor((bavail * bsize) / 1e6)} MB, and ${Math.ceil(needed / 1e6)} MB are needed`,
  );
}

function explained(error: unknown, folder: string): unknown {
  const { code } = error as { code?: string };
  if (code === undefined) return error;
  const why = code === 'ENOSPC' ? 'there is no room left' : `a file could not be read or written (${code})`;
  return new RestoreFailed(`${folder}: ${why}; what was placed was removed again`);
}
