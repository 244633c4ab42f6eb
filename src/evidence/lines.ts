/** Reads a file of a bundle line by line, hashes all of it on the way, and holds one line at a time. */
import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';

/** Far more than an event has: an event is refused above 256 KiB, and sealing adds a third. */
const MAX_LINE_BYTES = 8 * 1024 * 1024;
const NEWLINE = 0x0a;

/** A line that is none. */
export class LineFault extends Error {
  override name = 'LineFault';
}

export class LineReader {
  readonly #chunks: AsyncIterator<Buffer>;
  readonly #digest = createHash('sha256');
  readonly #utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  #rest: Buffer = Buffer.alloc(0);
  #parts: Buffer[] = [];
  #partBytes = 0;
  #isEnd = false;
  bytes = 0;
  /** Of the line that was read last, from 1. */
  number = 0;

  constructor(stream: Readable) {
    this.#chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }

  /** The next line without its newline; undefined at the end. @throws LineFault, and what the stream throws */
  async next(): Promise<string | undefined> {
    for (;;) {
      const end = this.#rest.indexOf(NEWLINE);
      if (end >= 0) {
        const line = Buffer.concat([...this.#parts, this.#rest.subarray(0, end)]);
        this.#rest = this.#rest.subarray(end + 1);
        this.#parts = [];
        this.#partBytes = 0;
        this.number++;
        return this.#text(line);
      }
      this.#keep(this.#rest);
      this.#rest = Buffer.alloc(0);
      if (await this.#read()) continue;
      if (this.#partBytes === 0) return undefined;
      this.#partBytes = 0;
      this.number++;
      throw new LineFault('the file ends in the middle of a line');
    }
  }

  /** Reads the rest and hashes it. @returns SHA-256 of the whole file in lower-case hex */
  async end(): Promise<string> {
    while (await this.#read()) this.#rest = Buffer.alloc(0);
    return this.#digest.digest('hex');
  }

  async #read(): Promise<boolean> {
    if (this.#isEnd) return false;
    const { value, done } = await this.#chunks.next();
    if (done) {
      this.#isEnd = true;
      return false;
    }
    this.#digest.update(value);
    this.bytes += value.length;
    this.#rest = value;
    return true;
  }

  #keep(part: Buffer): void {
    if (part.length === 0) return;
    this.#partBytes += part.length;
    this.#parts.push(part);
    if (this.#partBytes <= MAX_LINE_BYTES) return;
    this.number++;
    throw new LineFault('the line is longer than any that is written');
  }

  #text(line: Buffer): string {
    try {
      return this.#utf8.decode(line);
    } catch {
      throw new LineFault('the line is not UTF-8');
    }
  }
}
