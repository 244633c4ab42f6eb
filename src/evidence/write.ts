/** Writes an evidence bundle: reads what was found twice, page by page, and signs the manifest when all else is written. */
import type { Readable } from 'node:stream';
import type { RecordedEvent } from '../eventstore/event-store.ts';
import { checkInclusion, HASH_BYTES, leafHash } from '../integrity/merkle.ts';
import { parseNote, parseVkey, verifyNote } from '../integrity/signed-note.ts';
import type { Entry } from '../ledger/entry.ts';
import { leafBytes } from '../ledger/leaf.ts';
import { Archive } from './archive.ts';
import type { Coverage } from './coverage.ts';
import { FILES, FORMAT, type Manifest, type ManifestFile, signedText, VERSION } from './format.ts';
import { README } from './readme.ts';
import { type Completeness, Summary } from './summary.ts';

/** What the ledger would hand out does not verify: the log, the tree or the keys were changed. It is broken off. */
export class EvidenceBroken extends Error {
  override name = 'EvidenceBroken';
}

/** A tree head that covers everything in the bundle. */
export interface BundleHead {
  origin: string;
  size: number;
  root: Buffer;
  /** As it is published, cosignatures included. */
  note: string;
  /** Names of those that cosigned it. */
  witnesses: readonly string[];
}

/** Where the content comes from. Everything is asked for in the order of the leaves. */
export interface BundleSource {
  /** Leaf indexes, ascending, and for each the position of its event. */
  leaves: readonly { index: number; position: number }[];
  at(position: number): Promise<RecordedEvent | undefined>;
  /** From the leaf to the root of the head. */
  inclusion(index: number): Promise<readonly Buffer[]>;
  /** Entries as who asked may see them, in the order of the events; absent where nothing is opened. */
  open?(events: readonly RecordedEvent[]): Promise<readonly object[]>;
  /** The whole ring of keys, as it is when the manifest is signed. */
  vkeys(): Promise<readonly string[]>;
  /** Signs a text with the sealer's key in force: the note. */
  sign(text: string): Promise<string>;
}

export interface BundleContent {
  about: Pick<Manifest, 'exportedAt' | 'question' | 'asked'>;
  head: BundleHead;
  coverage: Coverage;
  completeness?: Completeness;
}

/** Events read, opened and proven at once. */
const PAGE = 50;

/**
 * The bundle as a ZIP archive that is made while it is read. Where anything fails it is destroyed, and has no directory: nobody
 * takes it for whole.
 * @param onFailure told why
 */
export function writeBundle(content: BundleContent, source: BundleSource, onFailure: (error: Error) => void): Readable {
  const archive = new Archive(content.about.exportedAt);
  new Writing(content, source, archive).run().catch((error: Error) => {
    onFailure(error);
    archive.fail(error);
  });
  return archive.stream;
}

class Writing {
  readonly #content: BundleContent;
  readonly #source: BundleSource;
  readonly #archive: Archive;
  readonly #summary: Summary;
  /** Hash of each leaf, as its event makes it. */
  readonly #hashes: Buffer;

  constructor(content: BundleContent, source: BundleSource, archive: Archive) {
    this.#content = content;
    this.#source = source;
    this.#archive = archive;
    this.#summary = new Summary(source.open === undefined);
    this.#hashes = Buffer.alloc(source.leaves.length * HASH_BYTES);
  }

  async run(): Promise<void> {
    const { about, head, coverage, completeness } = this.#content;
    const files: ManifestFile[] = [];
    const add = async (name: string, content: Parameters<Archive['add']>[1]) => void files.push(await this.#archive.add(name, content));
    await add(FILES.readme, [README]);
    await add(FILES.head, [head.note]);
    await add(FILES.events, this.#events());
    await add(FILES.proofs, this.#proofs());
    if (this.#source.open) await add(FILES.opened, this.#opened(this.#source.open));
    await add(FILES.coverage, [json(coverage)]);
    if (completeness) await add(FILES.completeness, [json(completeness)]);
    const manifest = this.#manifest(files);
    const told = { ...about, head, coverage, counts: manifest.counts, ...(completeness && { completeness }) };
    await add(FILES.text, this.#summary.text(told));
    await add(FILES.page, this.#summary.page(told));
    const vkeys = await this.#source.vkeys();
    await add(
      FILES.keys,
      vkeys.map((vkey) => `${vkey}\n`),
    );
    await this.#sign(manifest, vkeys);
    this.#archive.end();
  }

  #manifest(files: ManifestFile[]): Manifest {
    const { about, head } = this.#content;
    const events = this.#source.leaves.length;
    return {
      ...{ format: FORMAT, version: VERSION, exportedAt: about.exportedAt },
      ledger: { origin: head.origin, treeSize: head.size, root: head.root.toString('base64') },
      question: about.question,
      asked: about.asked,
      counts: { events, ...(this.#source.open && { opened: events }) },
      files,
    };
  }

  async #sign(manifest: Manifest, vkeys: readonly string[]): Promise<void> {
    const bytes = Buffer.from(json(manifest));
    const note = await this.#source.sign(signedText(bytes));
    // A key that came in the last moment is not in the ring that was written: whoever reads it could not tell whose it is.
    verifyNote(parseNote(note), vkeys.map(parseVkey));
    await this.#archive.add(FILES.manifest, [bytes]);
    await this.#archive.add(FILES.note, [note]);
  }

  async *#events(): AsyncGenerator<string> {
    let place = 0;
    for await (const events of this.#pages()) {
      for (const event of events) {
        const leafIndex = this.#source.leaves[place]?.index as number;
        leafHash(leafBytes(event)).copy(this.#hashes, place++ * HASH_BYTES);
        const entry = JSON.parse(event.data) as Entry;
        this.#summary.count(event.type, entry);
        if (!this.#source.open) this.#summary.addSealed(leafIndex, event.type, entry);
        const { position, stream, revision, recordedAt, type } = event;
        yield `${JSON.stringify({ leafIndex, position, stream, revision, recordedAt, type, entry })}\n`;
      }
    }
  }

  async *#proofs(): AsyncGenerator<string> {
    const { leaves } = this.#source;
    const { size, root } = this.#content.head;
    for (const [place, { index, position }] of leaves.entries()) {
      // One after the other: each finds most of its hashes where the one before has been.
      const hashes = await this.#source.inclusion(index);
      const leaf = this.#hashes.subarray(place * HASH_BYTES, (place + 1) * HASH_BYTES);
      if (!checkInclusion(leaf, index, size, hashes, root))
        throw new EvidenceBroken(`the event at ${position} is not the one that was sealed`);
      yield `${JSON.stringify({ leafIndex: index, hashes: hashes.map((hash) => hash.toString('base64')) })}\n`;
    }
  }

  async *#opened(open: NonNullable<BundleSource['open']>): AsyncGenerator<string> {
    let place = 0;
    for await (const events of this.#pages()) {
      for (const item of await open(events)) {
        const leafIndex = this.#source.leaves[place++]?.index as number;
        this.#summary.addOpened(leafIndex, item);
        // In front, and no field of the item stands in for it.
        yield `${JSON.stringify(Object.assign({ leafIndex }, item, { leafIndex }))}\n`;
      }
    }
  }

  async *#pages(): AsyncGenerator<RecordedEvent[]> {
    const { leaves } = this.#source;
    for (let from = 0; from < leaves.length; from += PAGE) {
      const page = leaves.slice(from, from + PAGE);
      yield await Promise.all(page.map(({ position }) => this.#event(position)));
    }
  }

  async #event(position: number): Promise<RecordedEvent> {
    const event = await this.#source.at(position);
    if (!event) throw new EvidenceBroken(`the log has no event at ${position}`);
    return event;
  }
}

/** Indented: people read it, too. */
const json = (value: object): string => `${JSON.stringify(value, null, 2)}\n`;
