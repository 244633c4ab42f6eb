/** Checks events, proofs and opened entries, line by line and all at the same time. */
import { checkInclusion, leafHash } from '../integrity/merkle.ts';
import type { TreeHead } from '../integrity/tree-head.ts';
import { type EventLine, eventLineOf, mustShow, proofLineOf } from './event-lines.ts';
import type { Findings } from './findings.ts';
import { FILES, type Manifest, type ManifestFile } from './format.ts';
import { LineFault, LineReader } from './lines.ts';
import { mustBePacked, type Unzipped } from './unzip.ts';

const PROGRESS_EVENTS = 1_000;

/** Where the first line stands that does not hold. */
interface Fault {
  file: string;
  line: number;
  message: string;
  /** The event and its proof do not lead to the root: either may be the one that was changed. */
  isProof?: boolean;
}

/** A file that is read line by line. */
interface Lined {
  name: string;
  reader: LineReader;
  file: ManifestFile;
}

export class EventCheck {
  readonly #archive: Unzipped;
  readonly #files: ReadonlyMap<string, ManifestFile>;
  readonly #head: TreeHead | undefined;
  readonly #findings: Findings;
  readonly #onProgress: (events: number) => void;

  /** @param head what the proofs lead to; absent where there is none, which was found already */
  constructor(
    archive: Unzipped,
    files: readonly ManifestFile[],
    head: TreeHead | undefined,
    findings: Findings,
    onProgress: (events: number) => void,
  ) {
    this.#archive = archive;
    this.#files = new Map(files.map((file) => [file.name, file]));
    this.#head = head;
    this.#findings = findings;
    this.#onProgress = onProgress;
  }

  /** @returns how many events hold, up to the first line that does not */
  async run(counts: Manifest['counts']): Promise<number> {
    const [events, proofs, opened] = await Promise.all([this.#lined(FILES.events), this.#lined(FILES.proofs), this.#lined(FILES.opened)]);
    // What is missing was found before.
    if (!events || !proofs) return 0;
    const { count, fault } = await this.#lines(events.reader, proofs.reader, opened?.reader);
    const changed = await this.#changed([events, proofs, ...(opened ? [opened] : [])]);
    if (fault) this.#findings.tampered(placed(fault, changed));
    // A line that does not hold says more than the digest of its file.
    for (const name of changed) {
      if (fault === undefined || placed(fault, changed).file !== name) {
        this.#findings.tampered({ file: name, message: 'its length or SHA-256 is not the one in the manifest' });
      }
    }
    if (!fault && count !== counts.events)
      this.#findings.tampered({ file: FILES.events, message: 'it has not as many events as the manifest counts' });
    if (!fault && counts.opened !== undefined && counts.opened !== count) {
      this.#findings.tampered({ file: FILES.opened, message: 'it has not as many entries as the manifest counts' });
    }
    return count;
  }

  async #lined(name: string): Promise<Lined | undefined> {
    const file = this.#files.get(name);
    return file && { name, file, reader: new LineReader(await this.#archive.read(name)) };
  }

  async #lines(events: LineReader, proofs: LineReader, opened: LineReader | undefined): Promise<{ count: number; fault?: Fault }> {
    let last = -1;
    for (let count = 0; ; count++) {
      const event = await at(FILES.events, events, eventLineOf);
      const proof = await at(FILES.proofs, proofs, proofLineOf);
      const item = opened && (await at(FILES.opened, opened, (text) => text));
      const fault = faultOf(event) ?? faultOf(proof) ?? faultOf(item);
      if (fault) return { count, fault };
      if (event.value === undefined) {
        const more = proof.value === undefined ? item : proof;
        return more?.value === undefined ? { count } : { count, fault: faultAt(more, 'there is no event on this line of events.ndjson') };
      }
      const wrong = this.#held(last, event, proof, item);
      if (wrong) return { count, fault: wrong };
      last = event.value.leafIndex;
      if ((count + 1) % PROGRESS_EVENTS === 0) this.#onProgress(count + 1);
    }
  }

  /** What does not hold of one event; undefined where all does. */
  #held(
    last: number,
    event: Line<EventLine>,
    proof: Line<ReturnType<typeof proofLineOf>>,
    item: Line<string> | undefined,
  ): Fault | undefined {
    const { leafIndex, leaf } = event.value as EventLine;
    if (leafIndex <= last) return faultAt(event, 'its leaf does not come after the one before');
    if (proof.value?.leafIndex !== leafIndex) return faultAt(proof, 'it is not the proof of the event on the same line of events.ndjson');
    const { size, root } = this.#head ?? {};
    if (size !== undefined && root && !checkInclusion(leafHash(leaf), leafIndex, size, proof.value.hashes, root)) {
      return { ...faultAt(event, 'the event and its proof do not lead to the root of the tree head'), isProof: true };
    }
    if (item === undefined) return undefined;
    try {
      mustShow(item.value ?? '', event.value as EventLine);
      return undefined;
    } catch (error) {
      return faultAt(item, (error as Error).message);
    }
  }

  /** Reads all files to their ends. @returns the names of those that are not what the manifest says */
  async #changed(lined: readonly Lined[]): Promise<Set<string>> {
    const changed = new Set<string>();
    for (const { name, reader, file } of lined) {
      try {
        const sha256 = await reader.end();
        if (sha256 !== file.sha256 || reader.bytes !== file.bytes) changed.add(name);
      } catch (error) {
        mustBePacked(error);
        changed.add(name);
      }
    }
    return changed;
  }
}

/** A line that was read; without a value where the file ends, with a fault where it is none. */
interface Line<T> {
  file: string;
  line: number;
  value?: T;
  fault?: string;
}

async function at<T>(file: string, reader: LineReader, parse: (text: string) => T): Promise<Line<T>> {
  try {
    const text = await reader.next();
    return { file, line: reader.number, ...(text !== undefined && { value: parse(text) }) };
  } catch (error) {
    if (!(error instanceof LineFault)) {
      mustBePacked(error);
      return { file, line: reader.number + 1, fault: 'it cannot be unpacked from here on' };
    }
    return { file, line: reader.number, fault: error.message };
  }
}

const faultAt = ({ file, line }: Line<unknown>, message: string): Fault => ({ file, line, message });
const faultOf = (line: Line<unknown> | undefined): Fault | undefined => (line?.fault === undefined ? undefined : faultAt(line, line.fault));

/** Of an event and its proof, the digests tell which was changed; where they do not, it is the event that is looked at. */
function placed({ isProof, ...fault }: Fault, changed: ReadonlySet<string>): Omit<Fault, 'isProof'> {
  const isInProofs = isProof === true && changed.has(FILES.proofs) && !changed.has(FILES.events);
  return isInProofs ? { ...fault, file: FILES.proofs } : fault;
}
