/** Reads a manifest that may be anything. */
import { ALWAYS, FILES, FORMAT, type Manifest, type ManifestFile, VERSION } from './format.ts';

export class ManifestRefused extends Error {
  override name = 'ManifestRefused';
  /** Of a format that a later program writes: nothing is wrong with it that can be told here. */
  readonly isLater: boolean;
  constructor(message: string, isLater = false) {
    super(message);
    this.isLater = isLater;
  }
}

/** @throws ManifestRefused */
export function parseManifest(text: string): Manifest {
  const manifest = objectOf(jsonOf(text));
  if (manifest['format'] !== FORMAT) throw new ManifestRefused('it is JSON, and not the manifest of an evidence bundle');
  if (manifest['version'] !== VERSION) throw new ManifestRefused(`it is of a format that is not known here; this is ${VERSION}`, true);
  const [ledger, question, asked, counts] = ['ledger', 'question', 'asked', 'counts'].map((name) => objectOf(manifest[name]));
  const texts = [manifest['exportedAt'], ledger?.['origin'], ledger?.['root'], question?.['asOf'], asked?.['scope'], asked?.['purpose']];
  const opened = counts?.['opened'];
  const numbers = [ledger?.['treeSize'], question?.['position'], counts?.['events'], ...(opened === undefined ? [] : [opened])];
  const files = manifest['files'];
  if (!texts.every(isText) || !numbers.every(isCount) || !Array.isArray(files))
    throw new ManifestRefused('it is not in the form of a manifest');
  mustBeFiles(files.map(fileOf), opened !== undefined);
  return manifest as unknown as Manifest;
}

function fileOf(value: unknown): ManifestFile {
  const { name, bytes, sha256 } = objectOf(value);
  if (!isText(name) || !isCount(bytes) || !isText(sha256) || !/^[0-9a-f]{64}$/.test(sha256))
    throw new ManifestRefused('of one of the files that it lists, the name, the length or the SHA-256 is missing or is not written as one');
  return { name, bytes, sha256 };
}

const KNOWN: ReadonlySet<string> = new Set(Object.values(FILES));
const ITS_OWN: readonly string[] = [FILES.manifest, FILES.note];

function mustBeFiles(files: readonly ManifestFile[], isOpened: boolean): void {
  const names = new Set(files.map(({ name }) => name));
  const isKnown = [...names].every((name) => KNOWN.has(name) && !ITS_OWN.includes(name));
  if (names.size !== files.length || !isKnown) throw new ManifestRefused('it names a file twice, or one that no bundle has');
  const missing = ALWAYS.find((name) => !names.has(name) && !ITS_OWN.includes(name));
  if (missing !== undefined) throw new ManifestRefused(`it does not name ${missing}`);
  if (names.has(FILES.opened) !== isOpened)
    throw new ManifestRefused(`it counts opened events and names no ${FILES.opened}, or the other way round`);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ManifestRefused('it is not JSON');
  }
}

function objectOf(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new ManifestRefused('it is not in the form of a manifest');
  return value as Record<string, unknown>;
}

const isText = (value: unknown): value is string => typeof value === 'string';
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
