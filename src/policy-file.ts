import { isUtf8 } from 'node:buffer';
import { open } from 'node:fs/promises';
import { YAML_LIMITS } from './vocabulary/yaml-text.ts';

/** A file that holds no text that could be a policy. The message says why, and nothing of what is in it. */
export class PolicyFileUnreadable extends Error {
  override name = 'PolicyFileUnreadable';
}

/** Characters take up to four bytes in UTF-8. */
const MOST_BYTES = YAML_LIMITS.characters * 4;

/** @throws PolicyFileUnreadable */
export async function readPolicyText(file: string): Promise<string> {
  const refuse = (why: string): never => {
    throw new PolicyFileUnreadable(why);
  };
  const handle = await open(file).catch((error: NodeJS.ErrnoException) => refuse(error.code ?? 'unknown'));
  try {
    const stat = await handle.stat();
    if (stat.isDirectory()) return refuse('it is a folder');
    if (stat.size > MOST_BYTES) return refuse(`it has more than ${MOST_BYTES} bytes`);
    const bytes = await handle.readFile();
    return isUtf8(bytes) ? bytes.toString() : refuse('it is no text in UTF-8');
  } finally {
    await handle.close();
  }
}
