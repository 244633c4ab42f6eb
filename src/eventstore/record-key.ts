import { hash } from 'node:crypto';

/** Length of a record key in bytes. */
export const RECORD_KEY_BYTES = 16;

/**
 * The key under which a record is looked up: the first 16 bytes of SHA-256 over `source`, a NUL and `id`
 * (together they identify an event: CloudEvents 1.0, 3.1.1). The NUL keeps ("ab", "c") and ("a", "bc") apart,
 * since no source contains one.
 */
export function recordKey(source: string, id: string): Buffer {
  // By way of a text: a hash given as bytes has memory of its own, which costs more to make and to collect than this.
  return Buffer.from(hash('sha256', `${source}\0${id}`, 'binary').slice(0, RECORD_KEY_BYTES), 'binary');
}
