import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, statfsSync, statSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { ERASURES_FILE } from '../erasures-file.ts';
import { makeFolder } from '../make-folder.ts';
import { digestOf, finish, newBackupId, remove, unfinished, writeWhole } from './files.ts';
import { linesOf } from './known-erasures.ts';
import { markerOf } from './marker.ts';
import {
  BackupRefused,
  type Facts,
  type FileDigest,
  FORMAT,
  MANIFEST,
  type Manifest,
  PART_NAMES,
  PARTS,
  type PartName,
  TREE_FILE,
} from './parts.ts';
import { snapshot } from './snapshot.ts';

/** The backup was begun and could not be finished: what was written of it was removed again. */
export class BackupFailed extends Error {
  override name = 'BackupFailed';
}

export interface BackupOptions {
  dataFolder: string;
  /** Made where it is missing; nothing may be in it. */
  target: string;
  /** Of all databases together. */
  onBytes?: (done: number, total: number) => void;
}

export interface Backup {
  takenAt: string;
  /** Position of the log's last event in the backup. */
  head: number;
  erasures: number;
  bytes: number;
  /** The last tree head in it; absent where none was published. */
  tree?: { origin: string; headSize: number };
  /** How many master keys it takes to open the keys: two while one replaces the other. */
  masterKeys: number;
}

type Copied = FileDigest & { takenAt: string; facts: Facts };

/**
 * Copies the tree, then the log, then the keys, then the file of erasures, while a service writes them or none does; each database as it stood at
 * one moment. The manifests are written last: a folder without them is no backup.
 * @throws BackupRefused where there is nothing to copy or the target does not serve; BackupFailed
 */
export async function takeBackup({ dataFolder, target, onBytes = () => undefined }: BackupOptions): Promise<Backup> {
  const sources = sourcesIn(dataFolder);
  const folder = resolve(target);
  const isNew = prepare(folder, dataFolder);
  const written = new Written(folder, isNew);
  try {
    mustFit(folder, sources);
    const copied = await copyAll(sources, written, onBytes);
    if (sourcesIn(dataFolder).length > sources.length)
      throw new BackupFailed(`${dataFolder} was started for the first time meanwhile: again`);
    const erasures = copyErasures(join(dataFolder, ERASURES_FILE), written.file(ERASURES_FILE));
    const manifests = manifestsOf(copied, { ...(await digestOf(erasures)), lines: linesOf(erasures).size });
    for (const manifest of manifests) writeWhole(written.file(manifest.part, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`);
    const [log, keys] = manifests as [Manifest, Manifest];
    return {
      takenAt: log.takenAt,
      head: Number(log.files['ledger.db']?.facts['head']),
      erasures: log.erasures.lines,
      masterKeys: Number(keys.files['keys.db']?.facts['masterKeys']),
      ...treeOf(log),
      bytes: [...copied.values()].reduce((sum, { bytes }) => sum + bytes, 0),
    };
  } catch (error) {
    written.undo();
    throw explained(error, folder);
  }
}

function treeOf({ files }: Manifest): Pick<Backup, 'tree'> {
  const { origin, headSize } = files[TREE_FILE]?.facts ?? {};
  return typeof origin === 'string' && typeof headSize === 'number' ? { tree: { origin, headSize } } : {};
}

interface Source {
  part: PartName;
  name: string;
  title: string;
  file: string;
  facts: Readonly<Record<string, string>>;
  optional?: true;
  bytes: number;
}

function sourcesIn(dataFolder: string): Source[] {
  if (markerOf(dataFolder)) {
    throw new BackupRefused(`A restore into ${dataFolder} was not completed: nothing is backed up`, [
      'Complete it first: liggare restore.',
    ]);
  }
  const sources = PART_NAMES.flatMap((part) => PARTS[part].map((one) => ({ part, ...one, file: join(dataFolder, one.name) })));
  const missing = sources.find(({ file, optional }) => !existsSync(file) && !optional);
  if (missing) {
    throw new BackupRefused(`${missing.file} is not there: nothing is backed up`, ['LIGGARE_DATA names the data folder of the ledger.']);
  }
  return sources.filter(isThere).map((source) => ({ ...source, bytes: statSync(source.file).size }));
}

/** An empty file is what a first start leaves that was cut short. */
const isThere = ({ file }: { file: string }): boolean => existsSync(file) && statSync(file).size > 0;

/** Makes the folder, for its owner alone. @returns whether it was made */
function prepare(folder: string, dataFolder: string): boolean {
  const inData = relative(resolve(dataFolder), folder);
  if (inData === '' || !(inData.startsWith('..') || inData.startsWith('/'))) {
    throw new BackupRefused(`${folder} is within the data folder: choose one on other storage`);
  }
  try {
    const made = makeFolder(folder);
    if (readdirSync(folder).length > 0) {
      throw new BackupRefused(`${folder} is not empty: a backup gets a folder of its own`, [
        existsSync(join(folder, 'log')) && !existsSync(join(folder, 'log', MANIFEST))
          ? 'What is in it looks like a backup that was cut off: it can be removed.'
          : 'Name one that is empty or not there yet.',
      ]);
    }
    for (const part of PART_NAMES) mkdirSync(join(folder, part), { mode: 0o700 });
    return made;
  } catch (error) {
    if (error instanceof BackupRefused) throw error;
    throw new BackupRefused(
      `${folder} must be a folder that this account may write (${(error as { code?: string }).code ?? 'unknown reason'})`,
    );
  }
}

/** A copy is as large as what it is of, or smaller. */
function mustFit(folder: string, sources: readonly Source[]): void {
  const needed = sources.reduce((sum, { bytes }) => sum + bytes, 0);
  const { bavail, bsize } = statfsSync(folder);
  if (bavail * bsize < needed) {
    throw new BackupRefused(`${folder} has room for ${megabytes(bavail * bsize)}, and about ${megabytes(needed)} are needed`);
  }
}

const megabytes = (bytes: number): string => `${Math.ceil(bytes / 1e6)} MB`;

async function copyAll(sources: readonly Source[], written: Written, onBytes: Required<BackupOptions>['onBytes']) {
  const total = sources.reduce((sum, { bytes }) => sum + bytes, 0);
  const copied = new Map<Source, Copied>();
  let before = 0;
  for (const source of sources) {
    const file = written.file(source.part, source.name);
    const takenAt = new Date().toISOString();
    const order = { source: source.file, target: unfinished(file), facts: source.facts };
    const facts = await snapshot(order, (bytes) => onBytes(before + Math.min(bytes, source.bytes), total)).catch((error: unknown) => {
      throw notOurs(error, source) ?? error;
    });
    finish(file);
    copied.set(source, { takenAt, facts, ...(await digestOf(file)) });
    before += source.bytes;
    onBytes(before, total);
  }
  return copied;
}

/** @throws BackupRefused for what is no file of erasures. Whole lines only: one that is being written belongs to an erasure that has not touched the keys yet. */
function copyErasures(from: string, to: string): string {
  linesOf(from);
  const text = existsSync(from) ? readFileSync(from, 'utf8') : '';
  writeWhole(to, text.slice(0, text.lastIndexOf('\n') + 1));
  return to;
}

function manifestsOf(copied: ReadonlyMap<Source, Copied>, erasures: Manifest['erasures']): Manifest[] {
  const all = [...copied];
  const ledger = String(all.find(([{ name }]) => name === 'ledger.db')?.[1].facts['ledger']);
  const tree = all.find(([{ name }]) => name === TREE_FILE);
  if (tree !== undefined && tree[1].facts['ledger'] !== ledger) throw new BackupRefused(`${tree[0].file} is the tree of another ledger`);
  const backup = newBackupId();
  return PART_NAMES.map((part) => {
    const own = all.filter(([source]) => source.part === part);
    const files = own.map(([{ name }, { bytes, sha256, facts }]) => [name, { bytes, sha256, facts }] as const);
    // Of the log or the keys themselves: the tree is from before.
    const takenAt = own.at(-1)?.[1].takenAt as string;
    return { format: FORMAT, part, backup, ledger, takenAt, files: Object.fromEntries(files), erasures };
  });
}

/** What was written, so that it can be removed again: half a backup helps nobody and takes room. */
class Written {
  readonly #files: string[] = [];

  constructor(
    private readonly folder: string,
    private readonly isNew: boolean,
  ) {}

  /** A file of the backup, from now on removed when it fails. */
  file(...path: string[]): string {
    const file = join(this.folder, ...path);
    this.#files.push(file, unfinished(file));
    return file;
  }

  undo(): void {
    remove(this.#files.flatMap((file) => [file, `${file}-journal`]));
    try {
      for (const part of PART_NAMES) rmdirSync(join(this.folder, part));
      if (this.isNew) rmdirSync(this.folder);
    } catch {
      // Somebody put something beside it, or the storage is gone: why it failed is what has to be told.
    }
  }
}

function notOurs(error: unknown, { file, title }: Source): BackupRefused | undefined {
  const { code = '' } = error as { code?: string };
  if (/^SQLITE_(NOTADB|ERROR)$/.test(code))
    return new BackupRefused(`${file} is not ${title} that this version of Liggare knows (${code})`);
  if (/^SQLITE_CORRUPT/.test(code)) return new BackupRefused(`${file} is damaged (${code}): restore it from an earlier backup`);
  return undefined;
}

function explained(error: unknown, folder: string): unknown {
  const { code, name } = error as { code?: string; name?: string };
  if (name === 'BackupRefused' || code === undefined) return error;
  const isFull = code === 'ENOSPC' || code === 'SQLITE_FULL';
  const why = isFull ? 'there is no room left' : `it could not be written or read (${code})`;
  return new BackupFailed(`${folder}: ${why}; what was written of the backup was removed`);
}
