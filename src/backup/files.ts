/** Files that are whole or not there: written under another name, synced, and only then given their own. */
import { createHash, randomUUID } from 'node:crypto';
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncFolder } from '../privacy/master-key.ts';
import type { FileDigest } from './parts.ts';

const CHUNK_BYTES = 4 * 1024 * 1024;

/** A name for what is not whole yet. */
export const unfinished = (file: string): string => `${file}.part`;

/** Gives a synced file its name. */
export function finish(file: string): void {
  renameSync(unfinished(file), file);
  syncFolder(dirname(file));
}

/** @param onBytes how many have been read so far */
export async function digestOf(file: string, onBytes: (bytes: number) => void = () => undefined): Promise<FileDigest> {
  return through(file, undefined, onBytes);
}

/**
 * Copies a file under its unfinished name, for its owner alone, and syncs it.
 * @returns the digest of what was written
 */
export async function copyFile(from: string, to: string, onBytes: (bytes: number) => void = () => undefined): Promise<FileDigest> {
  const copy = await open(unfinished(to), 'w', 0o600);
  try {
    const digest = await through(from, copy, onBytes);
    await copy.sync();
    return digest;
  } finally {
    await copy.close();
  }
}

async function through(from: string, copy: FileHandle | undefined, onBytes: (bytes: number) => void): Promise<FileDigest> {
  const source = await open(from, 'r');
  const hash = createHash('sha256');
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  let bytes = 0;
  try {
    for (;;) {
      const { bytesRead } = await source.read(chunk, 0, CHUNK_BYTES);
      if (bytesRead === 0) return { bytes, sha256: hash.digest('hex') };
      const read = chunk.subarray(0, bytesRead);
      hash.update(read);
      for (let at = 0; copy !== undefined && at < bytesRead; ) at += (await copy.write(read, at)).bytesWritten;
      bytes += bytesRead;
      onBytes(bytes);
    }
  } finally {
    await source.close();
  }
}

/** Writes a text as a whole file, for its owner alone, durable when this returns. */
export function writeWhole(file: string, text: string): void {
  const handle = openSync(unfinished(file), 'w', 0o600);
  try {
    writeSync(handle, text);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  finish(file);
}

/** Syncs what somebody else wrote. */
export function syncFile(file: string): void {
  const handle = openSync(file, 'r+');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** A database with what SQLite keeps beside it. */
export const databaseFiles = (file: string): string[] => ['', '-wal', '-shm', '-journal'].map((suffix) => file + suffix);

/** Removes files that may not be there. */
export function remove(files: readonly string[]): void {
  for (const file of files) rmSync(file, { force: true });
}

export const newBackupId = (): string => randomUUID();
