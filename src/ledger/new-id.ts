import { randomFillSync } from 'node:crypto';
import { v7 } from 'uuid';

const BYTES = 16;
/** Randomness for a thousand ids at a time: one call for all of it costs as much as one for sixteen bytes. */
const pool = Buffer.allocUnsafeSlow(BYTES * 1024);
let next = pool.length;

/** The last id's millisecond, and its count within it (32 bits, RFC 9562, 6.2, method 1). */
let lastMs = 0;
let count = 0;

/** A UUID of version 7 (RFC 9562), greater than the one before: the log's index of ids is written at its end. */
export function newId(): string {
  const random = takeRandom();
  const now = Date.now();
  if (now > lastMs) {
    lastMs = now;
    // Half of the range is left to count in.
    count = random.readUInt32BE(12) >>> 1;
  } else count++;
  return v7({ random, msecs: lastMs, seq: count });
}

function takeRandom(): Buffer {
  if (next === pool.length) {
    randomFillSync(pool);
    next = 0;
  }
  next += BYTES;
  return pool.subarray(next - BYTES, next);
}
