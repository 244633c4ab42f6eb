import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/**
 * Makes a folder for its owner alone, with those above it that are missing. Node's own way never ends where a folder that is there
 * takes no entry and says ENOENT: below /proc, behind a link to storage that is not mounted.
 * @returns whether it was made
 * @throws the system's error
 */
export function makeFolder(folder: string): boolean {
  const missing: string[] = [];
  let at = resolve(folder);
  for (; !existsSync(at) && dirname(at) !== at; at = dirname(at)) missing.unshift(at);
  if (missing.length === 0 && !statSync(at).isDirectory()) throw Object.assign(new Error('not a folder'), { code: 'ENOTDIR' });
  for (const one of missing) makeOne(one);
  return missing.length > 0;
}

/** Another process may have made it just now. */
function makeOne(folder: string): void {
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    const isThere = (error as { code?: string }).code === 'EEXIST' && existsSync(folder) && statSync(folder).isDirectory();
    if (!isThere) throw error;
  }
}
