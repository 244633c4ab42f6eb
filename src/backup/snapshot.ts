import { existsSync, statSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import type { Facts } from './parts.ts';
import type { SnapshotOrder } from './sqlite-snapshot.ts';

const LOOK_MS = 200;

/**
 * Copies a database that others write, as it stands now, in a thread of its own.
 * @param onBytes how much of the copy is there, now and then
 * @throws the driver's error: SQLITE_FULL, SQLITE_IOERR… of the target, SQLITE_NOTADB, SQLITE_CORRUPT… of the source
 */
export async function snapshot(order: SnapshotOrder, onBytes: (bytes: number) => void): Promise<Facts> {
  const file = import.meta.url.endsWith('.ts') ? './snapshot-worker.ts' : './snapshot-worker.js';
  const worker = new Worker(new URL(file, import.meta.url), { workerData: order });
  let most = 0;
  const look = setInterval(() => {
    // A copy that fails is cut back to nothing.
    if (existsSync(order.target)) most = Math.max(most, statSync(order.target).size);
    onBytes(most);
  }, LOOK_MS);
  try {
    return await new Promise<Facts>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
      worker.once('exit', () => reject(new Error('the thread that copies ended')));
    });
  } finally {
    clearInterval(look);
    await worker.terminate();
  }
}
