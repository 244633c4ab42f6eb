import { randomFillSync } from 'node:crypto';
import { v7 } from 'uuid';

const BYTES = 16;
/** Randomness for a thousand ids at a time: one call for all of it costs as much as one for sixteen bytes. */
const pool = Buffer.allocUnsafeSlow(BYTES * 1024);
let next = pool.length;

/** A UUID of version 7 (RFC 9562): grows with time, so that the log's index of ids is written at its end. */
export function newId(): string {
  if (next === pool.length) {
    randomFillSync(pool);
    next = 0;
  }
  const random = pool.subarray(next, next + BYTES);
  next += BYTES;
  return v7({ random });
}
