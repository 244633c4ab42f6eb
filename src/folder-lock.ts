import { join } from 'node:path';
import Database from 'better-sqlite3';
import { makeFolder } from './make-folder.ts';

/** Another process works on this data folder. */
export class FolderInUse extends Error {
  override name = 'FolderInUse';
  constructor(folder: string) {
    super(
      `the data folder ${folder} is in use by another Liggare process: stop it, choose another folder with LIGGARE_DATA, ` +
        'or work on the running service by setting LIGGARE_URL and LIGGARE_KEY',
    );
  }
}

/** There is no such folder and none can be made. */
export class FolderUnusable extends Error {
  override name = 'FolderUnusable';
  constructor(folder: string, code = 'unknown') {
    super(`LIGGARE_DATA must be a folder that this account may write: ${folder} is not (${code})`);
  }
}

/**
 * Holds the folder for this process. The lock is the operating system's, through an exclusive lock on an empty SQLite file: it is
 * gone when the process is, however it ended, and nothing stale is ever left behind.
 * @returns how to let go.
 * @throws FolderInUse
 */
export function lockFolder(folder: string): () => void {
  try {
    makeFolder(folder);
  } catch (error) {
    throw new FolderUnusable(folder, (error as { code?: string }).code);
  }
  const db = new Database(join(folder, 'lock.db'), { timeout: 0 });
  try {
    db.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    db.close();
    if ((error as { code?: string }).code?.startsWith('SQLITE_BUSY')) throw new FolderInUse(folder);
    throw error;
  }
  return () => db.close();
}
