/** Checks an evidence bundle with nothing but the file and public keys: no service, no database, no secret key. */
import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { type VerifierKey, vkeyOf } from '../integrity/signed-note.ts';
import type { WitnessPolicy } from '../integrity/tlog-proof.ts';
import type { TreeHead } from '../integrity/tree-head.ts';
import { EventCheck } from './event-check.ts';
import { Findings, type Problem, type Verdict } from './findings.ts';
import { FILES, type Manifest, type ManifestFile } from './format.ts';
import { ManifestRefused, parseManifest } from './manifest.ts';
import { checkHeadNote, checkManifestNote, ownKeys, type Trust, type Witness } from './signatures.ts';
import { mustBePacked, NotABundle, Unzipped } from './unzip.ts';

export interface BundleOptions extends WitnessPolicy {
  /** Keys of the ledger that are trusted, retired ones too. Without any the bundle's own are believed. */
  vkeys?: readonly VerifierKey[];
  /** Told now and then how many events were checked, and of how many. */
  onProgress?: (events: number, all: number) => void;
}

export interface CheckedBundle {
  verdict: Verdict;
  problems: readonly Problem[];
  /** Keys whose signatures hold; those that came from the bundle itself say nothing about whose bundle it is. */
  trust: { from: 'caller' | 'bundle'; keys: string[] };
  /** Of the witnesses asked for, those that cosigned the tree head. */
  witnesses: Witness[];
  /** Absent where it could not be read. */
  manifest?: Manifest;
  /** How many events hold, up to the first that does not. */
  events: number;
}

/**
 * Checks a bundle as a whole. It never throws for what stands in the file.
 * @throws the system's error, which has a code, where the file cannot be read
 */
export async function verifyBundle(file: string, options: BundleOptions = {}): Promise<CheckedBundle> {
  const checking = new Checking(options);
  if (!(await stat(file)).isFile()) {
    checking.findings.untold({ message: 'it is no file' });
    return checking.result();
  }
  let archive: Unzipped | undefined;
  try {
    archive = await Unzipped.open(file);
    await checking.run(archive);
  } catch (error) {
    if (!(error instanceof NotABundle)) throw error;
    const problem = { ...(error.file !== undefined && { file: error.file }), message: error.message };
    if (error.kind === 'foreign') checking.findings.tampered(problem);
    else checking.findings.untold(problem);
  } finally {
    archive?.close();
  }
  return checking.result();
}

/** Files that are read line by line, at the same time. */
const LINED: ReadonlySet<string> = new Set([FILES.events, FILES.proofs, FILES.opened]);
/** Files whose content says something that is checked. */
const KEPT: ReadonlySet<string> = new Set([FILES.head, FILES.keys]);

class Checking {
  readonly findings = new Findings();
  readonly #options: BundleOptions;
  readonly #believed = new Set<string>();
  #witnesses: Witness[] = [];
  #manifest: Manifest | undefined;
  #events = 0;

  constructor(options: BundleOptions) {
    this.#options = options;
  }

  result(): CheckedBundle {
    return {
      verdict: this.findings.verdict,
      problems: this.findings.problems,
      trust: { from: this.#options.vkeys ? 'caller' : 'bundle', keys: [...this.#believed] },
      witnesses: this.#witnesses,
      ...(this.#manifest && { manifest: this.#manifest }),
      events: this.#events,
    };
  }

  /** @throws NotABundle, and what the system says of the disk */
  async run(archive: Unzipped): Promise<void> {
    const bytes = await this.#whole(archive, FILES.manifest);
    this.#manifest = bytes && this.#manifestOf(bytes);
    if (!bytes || !this.#manifest) return;
    const files = this.#present(archive, this.#manifest);
    const texts = await this.#smallFiles(archive, files);
    const head = await this.#signed(archive, bytes, this.#manifest, texts);
    const { counts } = this.#manifest;
    const check = new EventCheck(archive, files, head, this.findings, (events) => this.#options.onProgress?.(events, counts.events));
    this.#events = await check.run(counts);
  }

  #manifestOf(bytes: Buffer): Manifest | undefined {
    try {
      return parseManifest(bytes.toString());
    } catch (error) {
      if (!(error instanceof ManifestRefused)) throw error;
      const problem = { file: FILES.manifest, message: error.message };
      if (error.isLater) this.findings.untold(problem);
      else this.findings.tampered(problem);
      return undefined;
    }
  }

  /** The files that the manifest names and the archive has. */
  #present(archive: Unzipped, { files }: Manifest): ManifestFile[] {
    const present = new Set(archive.names);
    const named = new Set([...files.map(({ name }) => name), FILES.manifest, FILES.note]);
    for (const name of named) if (!present.has(name)) this.findings.tampered({ file: name, message: 'it is missing' });
    for (const name of present) if (!named.has(name)) this.findings.tampered({ file: name, message: 'the manifest does not name it' });
    return files.filter(({ name }) => present.has(name));
  }

  /** Digests of whatever is not read line by line; what some of them say. */
  async #smallFiles(archive: Unzipped, files: readonly ManifestFile[]): Promise<Map<string, string>> {
    const texts = new Map<string, string>();
    for (const { name, bytes, sha256 } of files) {
      if (LINED.has(name)) continue;
      const digest = createHash('sha256');
      const content = await this.#whole(archive, name, digest, KEPT.has(name));
      if (!content) continue;
      const length = archive.bytesOf(name);
      if (digest.digest('hex') !== sha256 || length !== bytes) {
        this.findings.tampered({ file: name, message: 'its length or SHA-256 is not the one in the manifest' });
      }
      if (KEPT.has(name)) texts.set(name, content.toString());
    }
    return texts;
  }

  /** Manifest, then tree head: who signed them. */
  async #signed(archive: Unzipped, bytes: Buffer, manifest: Manifest, texts: ReadonlyMap<string, string>): Promise<TreeHead | undefined> {
    const { vkeys, witnesses, least } = this.#options;
    const own = ownKeys(texts.get(FILES.keys) ?? '', this.findings);
    const policy: WitnessPolicy = { ...(witnesses && { witnesses }), ...(least !== undefined && { least }) };
    const trust: Trust = { ...policy, keys: vkeys ?? own, isOwn: vkeys === undefined };
    const note = archive.names.includes(FILES.note) ? await this.#whole(archive, FILES.note) : undefined;
    const signers = note ? checkManifestNote(note.toString(), bytes, manifest, trust, this.findings) : [];
    const headNote = texts.get(FILES.head);
    const checked = headNote === undefined ? undefined : checkHeadNote(headNote, manifest, trust, this.findings);
    for (const { key } of [...signers, ...(checked?.verified ?? [])]) this.#believed.add(vkeyOf(key));
    this.#witnesses = checked?.witnesses ?? [];
    return checked?.head;
  }

  /** All of a file, or, unless it is kept, nothing but its digest; undefined where it cannot be unpacked. */
  async #whole(archive: Unzipped, name: string, digest = createHash('sha256'), isKept = true): Promise<Buffer | undefined> {
    try {
      const parts: Buffer[] = [];
      for await (const part of await archive.read(name)) {
        digest.update(part as Buffer);
        if (isKept) parts.push(part as Buffer);
      }
      return Buffer.concat(parts);
    } catch (error) {
      mustBePacked(error);
      this.findings.tampered({ file: name, message: 'it cannot be unpacked' });
      return undefined;
    }
  }
}
