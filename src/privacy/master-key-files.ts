/**
 * Where the key that is to replace the master key comes from, and what becomes of the files once it has. A key that came from a file
 * is replaced in that file; what comes from outside (environment, or a file that was given as the next one) is for whoever set it.
 */
import type { KeyObject } from 'node:crypto';
import { existsSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  MASTER_KEY_FILE,
  type MasterKey,
  MasterKeyRefused,
  masterKeyFromFile,
  masterKeyFromText,
  syncFolder,
  writeMasterKey,
} from './master-key.ts';
import { randomKey } from './seal.ts';

export interface NextMasterKeySource {
  /** `LIGGARE_MASTER_KEY_NEXT`: 32 bytes in base64 or hex. */
  value?: string;
  /** `LIGGARE_MASTER_KEY_NEXT_FILE`: a file that holds the same text. */
  file?: string;
  /** Of an embedded ledger: a `master.key` that lies there is the ledger's own. */
  dataFolder: string;
}

/** The next key, and what it replaces. Files are changed by `prepare` and `complete` alone; both may be done again. */
export class MasterKeyFiles {
  /** The file beside the present one that the next key stands in until it takes its place; absent where files are not the ledger's. */
  readonly #beside: string | undefined;
  /** Set from outside: it stays the next one when it has taken the other's place. */
  readonly #given: KeyObject | undefined;
  #current: MasterKey;
  #next: KeyObject | undefined;

  /** @throws MasterKeyRefused when a next key is malformed, or two of them differ: nothing was touched. */
  constructor(current: MasterKey, source: NextMasterKeySource) {
    const given = givenBy(source);
    const isOwn = current.file === join(source.dataFolder, MASTER_KEY_FILE);
    this.#current = current;
    this.#given = given;
    this.#beside = current.file !== undefined && (isOwn || given === undefined) ? `${current.file}.next` : undefined;
    const begun =
      this.#beside !== undefined && existsSync(this.#beside) ? masterKeyFromFile(this.#beside, 'the next master key').key : undefined;
    // What took the other's place already may still be set.
    const isOther = begun !== undefined && given !== undefined && !given.equals(begun) && !given.equals(current.key);
    if (isOther) {
      throw new MasterKeyRefused(
        'malformed',
        `the next master key is not the one in ${this.#beside}, which is replacing the old one already`,
      );
    }
    this.#next = begun ?? given;
    this.isBegun = begun !== undefined;
  }

  /** Whether a change to the next key was begun and its file has not taken the other's place: then it goes on at the start. */
  readonly isBegun: boolean;

  /** The next key, where there is one yet. */
  get next(): KeyObject | undefined {
    return this.#next;
  }

  /**
   * The key to change to, durable in its file before anything is wrapped under it; made where none was given.
   * @throws MasterKeyRefused (`missing`) where the present key came from the environment and no next one did, (`malformed`) where the
   *   next one is the present one, (`unwritable`) where its file cannot be written
   */
  prepare(): KeyObject {
    if (this.#next?.equals(this.#current.key)) {
      throw new MasterKeyRefused('malformed', 'the next master key is the one in force: unset LIGGARE_MASTER_KEY_NEXT, or set another one');
    }
    if (this.#next === undefined && this.#beside === undefined) {
      throw new MasterKeyRefused(
        'missing',
        'the master key came from outside, and so must the next one: set LIGGARE_MASTER_KEY_NEXT or _FILE',
      );
    }
    const next = this.#next ?? randomKey();
    if (this.#beside !== undefined && !existsSync(this.#beside)) write(this.#beside, next);
    this.#next = next;
    return next;
  }

  /** The next key has taken the other's place in the key store: so does its file. */
  complete(): void {
    if (this.#next !== undefined) this.#current = { ...this.#current, key: this.#next };
    this.#next = this.#given;
    if (this.#beside === undefined || !existsSync(this.#beside)) return;
    renameSync(this.#beside, this.#current.file as string);
    syncFolder(dirname(this.#beside));
  }

  /** What is left to whoever runs the ledger once the change is complete. */
  get advice(): string {
    const { file } = this.#current;
    const setting = file === undefined ? 'LIGGARE_MASTER_KEY' : 'LIGGARE_MASTER_KEY_FILE';
    const where =
      this.#beside === undefined ? `Before the next start set ${setting} to the next key.` : `Keep a copy of ${file} apart from the data.`;
    const given = this.#given === undefined ? '' : ' Unset LIGGARE_MASTER_KEY_NEXT.';
    return `${where}${given} The old key opens nothing but older copies of keys.db.`;
  }
}

function givenBy({ value, file }: NextMasterKeySource): KeyObject | undefined {
  if (value !== undefined) return masterKeyFromText(value, 'LIGGARE_MASTER_KEY_NEXT');
  return file === undefined ? undefined : masterKeyFromFile(file, 'LIGGARE_MASTER_KEY_NEXT_FILE').key;
}

function write(file: string, key: KeyObject): void {
  try {
    writeMasterKey(file, key);
  } catch (error) {
    throw new MasterKeyRefused(
      'unwritable',
      `${file} cannot be written (${(error as NodeJS.ErrnoException).code}): set LIGGARE_MASTER_KEY_NEXT`,
    );
  }
}
