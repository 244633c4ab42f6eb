/** Writes a ZIP archive as a stream: one file after the other, nothing held but what is on its way. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { PassThrough, Readable } from 'node:stream';
import { ZipFile } from 'yazl';
import type { ManifestFile } from './format.ts';

/** Whoever reads the archive has gone: the rest is not written. */
export class NobodyReads extends Error {
  override name = 'NobodyReads';
}

export class Archive {
  readonly #zip = new ZipFile();
  readonly #mtime: Date;
  /** The archive; destroyed, and so never whole, where `fail` is called. */
  readonly stream = new PassThrough();

  /** @param at the time that files carry: ISO 8601 */
  constructor(at: string) {
    this.#mtime = new Date(at);
    const bytes = this.#zip.outputStream as Readable;
    bytes.pipe(this.stream);
    this.#zip.on('error', (error) => this.fail(error as Error));
  }

  /**
   * Adds a file, as fast as it is read.
   * @returns its name, length and digest, once all of it is on its way
   * @throws NobodyReads, and whatever `content` throws
   */
  async add(name: string, content: AsyncIterable<string> | Iterable<string | Buffer>): Promise<ManifestFile> {
    if (this.stream.destroyed) throw new NobodyReads('nobody reads the archive');
    const digest = createHash('sha256');
    let bytes = 0;
    const file = Readable.from(
      (async function* () {
        for await (const chunk of content) {
          const part = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
          digest.update(part);
          bytes += part.length;
          yield part;
        }
      })(),
      { objectMode: false },
    );
    const gone = () => file.destroy(new NobodyReads('nobody reads the archive'));
    this.stream.once('close', gone);
    try {
      this.#zip.addReadStream(file, name, { mtime: this.#mtime, mode: 0o100600 });
      await once(file, 'end');
    } finally {
      this.stream.off('close', gone);
    }
    return { name, bytes, sha256: digest.digest('hex') };
  }

  /** No file follows: the directory is written. */
  end(): void {
    this.#zip.end();
  }

  /** Breaks off, so that nobody takes it for whole. */
  fail(error: Error): void {
    this.stream.destroy(error);
  }
}
