/**
 * A checker of evidence bundles that was written from src/evidence/README.md alone: it knows a reader of ZIP archives and Node's
 * cryptography, and nothing of the program. Not built to be fast, nor to find the best words.
 */
import { createHash, createPublicKey, verify } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { openPromise } from 'yauzl';

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
type Members = { [name: string]: Json };

const sha256 = (...parts: (string | Uint8Array)[]): Buffer =>
  parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest();

class Wrong extends Error {}
function must(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Wrong(what);
}

/** @throws Error that says what does not hold; @returns how many events the bundle proves */
export async function checkBundle(path: string, vkey?: string): Promise<number> {
  const files = await unpacked(path);
  const file = (name: string): Buffer => {
    const content = files.get(name);
    must(content !== undefined, `${name} is missing`);
    return content;
  };
  const manifest = JSON.parse(file('manifest.json').toString());
  must(manifest.format === 'liggare-evidence' && manifest.version === 1, 'manifest.json: another format');
  const named = manifest.files.map(({ name }: { name: string }) => name);
  must(new Set(named).size === named.length, 'manifest.json: a name twice');
  must([...named, 'manifest.json', 'manifest.note'].sort().join() === [...files.keys()].sort().join(), 'manifest.json: other files');
  for (const { name, bytes, sha256: digest } of manifest.files) {
    must(file(name).length === bytes && sha256(file(name)).toString('hex') === digest, `${name}: other bytes`);
  }
  const keys = vkey === undefined ? linesOf(file('vkeys.txt')) : [vkey];
  const signed = file('manifest.json');
  const about = `liggare evidence 1\nmanifest.json ${signed.length} ${sha256(signed).toString('hex')}\n`;
  must(textOf(file('manifest.note'), keys, manifest.ledger.origin) === about, 'manifest.note: another text');
  const head = textOf(file('tree-head.note'), keys, manifest.ledger.origin).split('\n');
  const { origin, treeSize, root } = manifest.ledger;
  must(head[0] === origin && head[1] === String(treeSize) && head[2] === root, 'tree-head.note: another head');
  return checkEvents(files, manifest, Buffer.from(root, 'base64'));
}

async function unpacked(path: string): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>();
  const zip = await openPromise(path, { autoClose: false, strictFileNames: true });
  try {
    for await (const entry of zip.eachEntry()) {
      must(!files.has(entry.fileName), 'a file twice');
      must(entry.uncompressedSize < 100_000_000, 'larger than this checker reads');
      files.set(entry.fileName, await buffer(await zip.openReadStreamPromise(entry)));
    }
  } finally {
    zip.close();
  }
  return files;
}

function linesOf(content: Buffer): string[] {
  const lines = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(content).split('\n');
  must(lines.pop() === '', 'a last line without its newline');
  return lines;
}

/** The text of a note that a key of this name has signed. */
function textOf(note: Buffer, vkeys: readonly string[], name: string): string {
  const whole = note.toString();
  const at = whole.lastIndexOf('\n\n');
  const [text, lines] = [whole.slice(0, at + 1), whole.slice(at + 2)];
  let signatures = 0;
  for (const vkey of vkeys) {
    const [keyName, id = '', ...rest] = vkey.split('+');
    const key = bytesOf(rest.join('+'));
    must(key.length === 33 && key[0] === 1, 'no Ed25519 key');
    must(sha256(`${keyName}\n`, key).subarray(0, 4).toString('hex') === id, 'a key under another id');
    if (keyName !== name) continue;
    const publicKey = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: key.subarray(1).toString('base64url') }, format: 'jwk' });
    for (const line of lines.split('\n')) {
      const [dash, signer, encoded = ''] = line.split(' ');
      const bytes = bytesOf(encoded);
      if (dash !== '—' || signer !== name || bytes.subarray(0, 4).toString('hex') !== id) continue;
      must(verify(null, Buffer.from(text), publicKey, bytes.subarray(4)), 'a signature that does not hold');
      signatures++;
    }
  }
  must(signatures > 0, 'nobody who is trusted has signed it');
  return text;
}

function checkEvents(
  files: ReadonlyMap<string, Buffer>,
  manifest: { ledger: { treeSize: number }; counts: Members },
  root: Buffer,
): number {
  const events = linesOf(files.get('events.ndjson') as Buffer);
  const proofs = linesOf(files.get('proofs.ndjson') as Buffer);
  const opened = files.has('opened.ndjson') ? linesOf(files.get('opened.ndjson') as Buffer) : undefined;
  must(events.length === manifest.counts['events'] && proofs.length === events.length, 'other counts');
  must(opened?.length === manifest.counts['opened'], 'another count of opened entries');
  let last = -1;
  for (const [i, text] of events.entries()) {
    const event: Event = JSON.parse(text);
    must(JSON.stringify(event) === text, `events.ndjson ${i + 1}: written otherwise`);
    must(event.leafIndex > last, `events.ndjson ${i + 1}: out of order`);
    last = event.leafIndex;
    const { leafIndex, hashes } = JSON.parse(proofs[i] as string);
    must(leafIndex === event.leafIndex, `proofs.ndjson ${i + 1}: of another leaf`);
    const way = hashes.map(bytesOf);
    must(
      holds(sha256(Buffer.of(0), leafBytes(event)), leafIndex, manifest.ledger.treeSize, way, root),
      `events.ndjson ${i + 1}: not proven`,
    );
    if (!opened) continue;
    const item = JSON.parse(opened[i] as string);
    const shown: Record<string, unknown> = { ...event, ...event.entry };
    for (const name of ['leafIndex', 'position', 'recordedAt', 'type', 'source', 'id', 'time', 'version']) {
      must(item[name] === shown[name], `opened.ndjson ${i + 1}: of another event`);
    }
  }
  return events.length;
}

function holds(leaf: Buffer, index: number, size: number, hashes: readonly Buffer[], root: Buffer): boolean {
  let [fn, sn, r] = [index, size - 1, leaf];
  if (fn > sn) return false;
  for (const p of hashes) {
    if (sn === 0 || p.length !== 32) return false;
    if (fn % 2 === 1 || fn === sn) {
      r = sha256(Buffer.of(1), p, r);
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [fn / 2, Math.floor(sn / 2)];
    } else r = sha256(Buffer.of(1), r, p);
    [fn, sn] = [Math.floor(fn / 2), Math.floor(sn / 2)];
  }
  return sn === 0 && r.equals(root);
}

interface Subject {
  reference: string;
  category?: string;
  sealed?: string;
}

interface Event {
  leafIndex: number;
  position: number;
  stream: string;
  revision: number;
  recordedAt: string;
  type: string;
  entry: Members;
}

function leafBytes({ stream, revision, recordedAt, type, entry, ...line }: Event): Buffer {
  mustHave(line, ['leafIndex', 'position']);
  must(entry['format'] === 1, 'another form of the entry');
  mustHave(entry, ['format', 'source', 'id', 'time', 'version', 'data'], ['sequence', 'sealed']);
  const { subjects, ...clear } = entry['data'] as Members & { subjects: Json };
  const people = subjects as unknown as Subject[];
  const sealed = entry['sealed'] as { under: string; part: string } | undefined;
  if (sealed) mustHave(sealed, ['under', 'part']);
  const categories = [...new Set(people.flatMap(({ category }) => category ?? []))];
  return Buffer.concat([
    Buffer.of(1),
    ...[entry['source'], entry['id'], type, entry['time'], recordedAt, stream].map((each) => text(each as string)),
    number(entry['version'] as number, 4),
    number(revision, 8),
    text(entry['sequence'] === undefined ? '' : String(entry['sequence'])),
    text(rfc8785(clear)),
    text(sealed?.under ?? ''),
    ...(sealed ? [digest(sealed.part)] : []),
    number(categories.length, 2),
    ...categories.map(text),
    number(people.length, 4),
    ...people.flatMap((person) => {
      mustHave(person, ['reference'], ['category', 'sealed']);
      must(/^[A-Za-z0-9_-]{21}[AQgw]$/.test(person.reference), 'a reference in another spelling');
      return [
        Buffer.from(person.reference, 'base64url'),
        number(person.category === undefined ? 0 : categories.indexOf(person.category) + 1, 2),
        ...(person.sealed === undefined ? [Buffer.of(0)] : [Buffer.of(1), digest(person.sealed)]),
      ];
    }),
  ]);
}

function mustHave(object: object, required: readonly string[], optional: readonly string[] = []): void {
  const names = Object.keys(object);
  must(
    required.every((name) => names.includes(name)),
    'a member is missing',
  );
  must(
    names.every((name) => required.includes(name) || optional.includes(name)),
    'a member that no leaf covers',
  );
}

function bytesOf(base64: string): Buffer {
  const bytes = Buffer.from(base64, 'base64');
  must(bytes.toString('base64') === base64, 'base64 in another spelling');
  return bytes;
}

const digest = (base64: string): Buffer => sha256(bytesOf(base64));

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([number(bytes.length, 4), bytes]);
}

function number(value: number, bytes: 2 | 4 | 8): Buffer {
  const buffer = Buffer.alloc(8);
  buffer.writeBigUInt64BE(BigInt(value));
  return buffer.subarray(8 - bytes);
}

function rfc8785(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(rfc8785).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  // Without a comparison of their own, names are sorted by UTF-16 code units.
  const names = Object.keys(value).sort();
  return `{${names.map((name) => `${JSON.stringify(name)}:${rfc8785(value[name] as Json)}`).join(',')}}`;
}
