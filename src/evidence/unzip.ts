/**
 * Reads a ZIP archive that may be anything: names, sizes and number of files are checked before a byte is unpacked, and
 * nothing is ever written to disk.
 */
import type { Readable } from 'node:stream';
import { type Entry, openPromise, type ZipFile } from 'yauzl';
import { FILES } from './format.ts';

/** The archive is none, or none that is read here. The message says what is wrong, and repeats no name of a stranger's. */
export class NotABundle extends Error {
  override name = 'NotABundle';
  /** `foreign`: it holds what the ledger never writes. `unreadable`: it is not whole, or larger than is read. */
  readonly kind: 'foreign' | 'unreadable';
  /** The file concerned, where it has a name that is known. */
  readonly file: string | undefined;
  constructor(kind: NotABundle['kind'], message: string, file?: string) {
    super(message);
    this.kind = kind;
    this.file = file;
  }
}

const MIB = 1024 * 1024;
const NAMES: ReadonlySet<string> = new Set(Object.values(FILES));

/** Bytes of a file when unpacked, at most: what a bundle of the largest size has, several times over. */
const MAX_BYTES: Readonly<Record<string, number>> = {
  [FILES.events]: 8192 * MIB,
  [FILES.opened]: 8192 * MIB,
  [FILES.proofs]: 1024 * MIB,
  [FILES.head]: MIB,
  [FILES.keys]: 4 * MIB,
  [FILES.manifest]: MIB,
  [FILES.note]: MIB,
};
const MAX_OTHER_BYTES = 64 * MIB;
/** A file that unpacks to more is no bundle's once it is as large as this. */
const MAX_RATIO = 250;
const RATIO_FROM_BYTES = 4 * MIB;

const DEFLATED = 8;
const STORED = 0;
const UNIX = 3;
const FILE_TYPE = 0o170000;
const REGULAR = 0o100000;

export class Unzipped {
  readonly #zip: ZipFile;
  readonly #entries: ReadonlyMap<string, Entry>;

  private constructor(zip: ZipFile, entries: ReadonlyMap<string, Entry>) {
    this.#zip = zip;
    this.#entries = entries;
  }

  /** @throws NotABundle; the system's error where the file cannot be read */
  static async open(path: string): Promise<Unzipped> {
    const zip = await openPromise(path, { autoClose: false, strictFileNames: true }).catch((error: NodeJS.ErrnoException) => {
      // The system's errors have a code, those of a broken archive have none.
      throw error.code === undefined ? new NotABundle('unreadable', 'it is no whole ZIP archive') : error;
    });
    try {
      return new Unzipped(zip, await entriesOf(zip));
    } catch (error) {
      zip.close();
      throw error instanceof NotABundle || (error as NodeJS.ErrnoException).code !== undefined
        ? error
        : new NotABundle('unreadable', 'its directory is not one of a ZIP archive');
    }
  }

  get names(): string[] {
    return [...this.#entries.keys()];
  }

  /** Length of a file when unpacked. */
  bytesOf(name: string): number | undefined {
    return this.#entries.get(name)?.uncompressedSize;
  }

  /** What stands in a file; the stream fails where it cannot be unpacked. @throws NotABundle where there is no such file */
  async read(name: string): Promise<Readable> {
    const entry = this.#entries.get(name);
    if (!entry) throw new NotABundle('foreign', 'it is missing', name);
    return this.#zip.openReadStreamPromise(entry);
  }

  close(): void {
    this.#zip.close();
  }
}

async function entriesOf(zip: ZipFile): Promise<Map<string, Entry>> {
  if (zip.entryCount > NAMES.size) throw new NotABundle('foreign', 'it has more files than a bundle has');
  const entries = new Map<string, Entry>();
  let packed = 0;
  for await (const entry of zip.eachEntry()) {
    const name = entry.fileName;
    if (!NAMES.has(name)) throw new NotABundle('foreign', 'it has a file that no bundle has');
    if (entries.has(name)) throw new NotABundle('foreign', 'it stands in the archive twice', name);
    packed += entry.compressedSize;
    // Of two files that share bytes, a small archive unpacks to a large one.
    if (packed > zip.fileSize) throw new NotABundle('foreign', 'its files are larger than the archive');
    mustBePlain(entry);
    await mustAgree(zip, entry);
    entries.set(name, entry);
  }
  return entries;
}

function mustBePlain(entry: Entry): void {
  const { fileName: name, compressionMethod, compressedSize, uncompressedSize, versionMadeBy, externalFileAttributes } = entry;
  const mode = versionMadeBy >>> 8 === UNIX ? (externalFileAttributes >>> 16) & FILE_TYPE : 0;
  if (mode !== 0 && mode !== REGULAR) throw new NotABundle('foreign', 'it is a link or no plain file', name);
  if (entry.isEncrypted() || !(compressionMethod === STORED || compressionMethod === DEFLATED)) {
    throw new NotABundle('foreign', 'it is packed in a way that is not read here', name);
  }
  const most = MAX_BYTES[name] ?? MAX_OTHER_BYTES;
  const isBomb = uncompressedSize > RATIO_FROM_BYTES && uncompressedSize > compressedSize * MAX_RATIO;
  if (uncompressedSize > most || isBomb) throw new NotABundle('unreadable', 'it unpacks to more than a bundle may hold', name);
}

/** Programs that read an archive from its start and those that read its directory must see the same files. */
async function mustAgree(zip: ZipFile, entry: Entry): Promise<void> {
  const local = await zip.readLocalFileHeaderPromise(entry);
  const isSame = local.fileName.equals(entry.fileNameRaw) && local.compressionMethod === entry.compressionMethod;
  if (!isSame) throw new NotABundle('foreign', 'the archive says different things of it', entry.fileName);
}

/** @throws the error where it is not about how a file is packed, but about the disk or the archive as a whole */
export function mustBePacked(error: unknown): void {
  const { code } = error as NodeJS.ErrnoException;
  if (error instanceof NotABundle || (code !== undefined && !code.startsWith('Z_'))) throw error;
}
