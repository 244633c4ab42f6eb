/**
 * The master key wraps every other key. It comes from outside (environment or file), or, for an embedded ledger that
 * was given none, from a file made at the very first start.
 */
import { type KeyObject, randomBytes } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, statSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CannotOpen, KEY_BYTES, keyFrom, openBytes, sealBytes } from './seal.ts';

/** The key store of an embedded ledger, in its data folder. */
export const KEY_STORE_FILE = 'keys.db';
/** The master key of an embedded ledger that was given none, in its data folder. */
export const MASTER_KEY_FILE = 'master.key';

const LONGEST_FILE = 1024;

/** `rotating`: the change to another master key was interrupted, and both keys are needed to go on; `unwritable`: the next one cannot be kept. */
export type MasterKeyProblem = 'missing' | 'malformed' | 'wrong' | 'rotating' | 'unwritable';

/** The start stops here and nothing was touched. The message never holds a key. */
export class MasterKeyRefused extends Error {
  override name = 'MasterKeyRefused';
  readonly reason: MasterKeyProblem;
  constructor(reason: MasterKeyProblem, message: string) {
    super(message);
    this.reason = reason;
  }
}

export interface MasterKey {
  key: KeyObject;
  /** `created`: made just now, in `file`; whoever runs the ledger must be told to keep a copy of it elsewhere. */
  origin: 'environment' | 'file' | 'created';
  file?: string;
}

export interface MasterKeySource {
  /** `LIGGARE_MASTER_KEY`: 32 bytes in base64 or hex. */
  value?: string;
  /** `LIGGARE_MASTER_KEY_FILE`: a file that holds the same text. */
  file?: string;
  /** Of an embedded ledger: where `master.key` is, or is made while there is no `keys.db` yet. */
  dataFolder?: string;
}

/**
 * Finds the master key, or makes one at the first start of an embedded ledger.
 * @throws MasterKeyRefused when there is none although keys were wrapped by one, or when it is not 32 bytes.
 */
export function loadMasterKey(source: MasterKeySource): MasterKey {
  if (source.value !== undefined && source.file !== undefined) {
    throw new MasterKeyRefused('malformed', 'LIGGARE_MASTER_KEY and LIGGARE_MASTER_KEY_FILE are both set: set one of them');
  }
  if (source.value !== undefined) return { key: masterKeyFromText(source.value, 'LIGGARE_MASTER_KEY'), origin: 'environment' };
  if (source.file !== undefined) return masterKeyFromFile(source.file, 'LIGGARE_MASTER_KEY_FILE');
  if (source.dataFolder === undefined) {
    throw new MasterKeyRefused('missing', 'there is no master key: set LIGGARE_MASTER_KEY or LIGGARE_MASTER_KEY_FILE');
  }
  const file = join(source.dataFolder, MASTER_KEY_FILE);
  if (existsSync(file)) return masterKeyFromFile(file, MASTER_KEY_FILE);
  const keyStore = join(source.dataFolder, KEY_STORE_FILE);
  if (existsSync(keyStore)) {
    throw new MasterKeyRefused(
      'missing',
      `${keyStore} exists, but its master key does not: put ${file} back, or set LIGGARE_MASTER_KEY or LIGGARE_MASTER_KEY_FILE`,
    );
  }
  return create(file);
}

/** What a wrapped key is for; part of its associated data, so that wrapped keys cannot change places. */
export type KeyKind = 'vault' | 'person' | 'period';

/** Wraps `key` under the master key for the row `kind`, `name`. */
export function wrapKey(master: KeyObject, kind: KeyKind, name: string, key: KeyObject): Buffer {
  const bytes = key.export();
  const wrapped = sealBytes(master, bytes, placeOf(kind, name));
  bytes.fill(0);
  return wrapped;
}

/** @throws CannotOpen when the master key is another one or the row was changed. */
export function unwrapKey(master: KeyObject, kind: KeyKind, name: string, wrapped: Buffer): KeyObject {
  return keyFrom(openBytes(master, wrapped, placeOf(kind, name)));
}

/** Wraps under `next` what `master` wrapped, for the same row. @throws CannotOpen as `unwrapKey` */
export function rewrapKey(master: KeyObject, next: KeyObject, kind: KeyKind, name: string, wrapped: Buffer): Buffer {
  const bytes = openBytes(master, wrapped, placeOf(kind, name));
  const rewrapped = sealBytes(next, bytes, placeOf(kind, name));
  bytes.fill(0);
  return rewrapped;
}

/** Whether `master` wrapped this. */
export function opens(master: KeyObject, kind: KeyKind, name: string, wrapped: Buffer): boolean {
  try {
    unwrapKey(master, kind, name, wrapped);
    return true;
  } catch (error) {
    if (error instanceof CannotOpen) return false;
    throw error;
  }
}

function placeOf(kind: KeyKind, name: string) {
  return { source: 'urn:liggare:key-store', id: kind, reference: name, part: 'key' };
}

/** @throws MasterKeyRefused when it is missing or does not hold 32 bytes. */
export function masterKeyFromFile(file: string, setting: string): MasterKey {
  if (!existsSync(file)) throw new MasterKeyRefused('missing', `${setting}: there is no file ${file}`);
  if (statSync(file).size > LONGEST_FILE) throw malformed(`${setting} (${file})`);
  return { key: masterKeyFromText(readFileSync(file, 'utf8'), `${setting} (${file})`), origin: 'file', file };
}

/** @throws MasterKeyRefused when it is not 32 bytes in base64 or hex. */
export function masterKeyFromText(text: string, setting: string): KeyObject {
  const trimmed = text.trim();
  if (/^[0-9a-fA-F]{64}$/.test(trimmed)) return keyFrom(Buffer.from(trimmed, 'hex'));
  if (/^[0-9a-zA-Z+/_-]{43}=?$/.test(trimmed)) return keyFrom(Buffer.from(trimmed, 'base64'));
  throw malformed(setting);
}

function malformed(setting: string): MasterKeyRefused {
  return new MasterKeyRefused('malformed', `${setting}: expected exactly ${KEY_BYTES} bytes in base64 or hex`);
}

function create(file: string): MasterKey {
  const key = keyFrom(randomBytes(KEY_BYTES));
  writeMasterKey(file, key);
  return { key, origin: 'created', file };
}

/** Durable when it returns, and readable by this account alone. Synced under another name first: a crash leaves the whole key or none. */
export function writeMasterKey(file: string, key: KeyObject): void {
  const draft = `${file}.new`;
  const handle = openSync(draft, 'w', 0o600);
  const bytes = key.export();
  try {
    writeSync(handle, `${bytes.toString('base64')}\n`);
    fsyncSync(handle);
  } finally {
    bytes.fill(0);
    closeSync(handle);
  }
  renameSync(draft, file);
  syncFolder(dirname(file));
}

/** Makes names in `folder` durable: a synced file under an unsynced name can vanish in a power cut. */
export function syncFolder(folder: string): void {
  // Windows cannot open a folder, and keeps names in its own journal.
  if (process.platform === 'win32') return;
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
