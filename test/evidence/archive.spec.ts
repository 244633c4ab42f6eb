import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import { ZipFile } from 'yazl';
import { verifyBundle } from '../../src/evidence/check.ts';
import { disclosure } from '../support/write-side.ts';
import { type Exporting, filesOf, openExporting, zipped } from './bundles.ts';

let ledger: Exporting;
let bundle: string;
let files: Map<string, Buffer>;
beforeAll(async () => {
  ledger = await openExporting();
  await ledger.given(disclosure('z-1'), disclosure('z-2'));
  bundle = await ledger.export('admin');
  files = await filesOf(bundle);
});
afterAll(() => ledger.close());

const written = (bytes: Uint8Array): string => {
  const path = ledger.path();
  writeFileSync(path, bytes);
  return path;
};
/** Replaces a text wherever it stands in the packed archive; both are of one length. */
const replaced = (from: string, to: string): Buffer => Buffer.from(readFileSync(bundle, 'latin1').replaceAll(from, to), 'latin1');

describe('What is no whole archive', () => {
  it('cut off anywhere cannot be told', async () => {
    const packed = readFileSync(bundle);
    await fc.assert(
      fc.asyncProperty(fc.nat(packed.length - 1), async (length) => {
        const { verdict, problems } = await verifyBundle(written(packed.subarray(0, length)));
        expect(verdict).toBe('could-not-tell');
        expect(problems).toHaveLength(1);
      }),
      { numRuns: 60 },
    );
  });

  it.each([
    ['an empty file', Buffer.alloc(0)],
    ['a text', Buffer.from('not an archive at all, but a few words')],
    ['an end of a directory that is not there', Buffer.concat([Buffer.from('PK\u0005\u0006'), Buffer.alloc(18, 0xff)])],
  ])('%s cannot be told', async (_, bytes) => {
    expect(await verifyBundle(written(bytes))).toMatchObject({ verdict: 'could-not-tell', problems: [{ message: expect.any(String) }] });
  });

  it('an archive without files is no bundle', async () => {
    expect(await verifyBundle(await zipped(ledger.path(), []))).toMatchObject({
      verdict: 'tampered',
      problems: [{ file: 'manifest.json', message: 'it is missing' }],
    });
  });

  it('a folder cannot be told, and what is not there is an error of the system', async () => {
    const path = ledger.path();
    await expect(verifyBundle(path)).rejects.toMatchObject({ code: 'ENOENT' });
    mkdirSync(path);
    expect(await verifyBundle(path)).toMatchObject({ verdict: 'could-not-tell' });
  });

  it('any bytes at all are no crash', async () => {
    const head = readFileSync(bundle);
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), fc.nat(head.length), async (bytes, at) => {
        const { verdict } = await verifyBundle(written(Buffer.concat([head.subarray(0, at), bytes, head.subarray(at + bytes.length)])));
        expect(['intact', 'tampered', 'could-not-tell']).toContain(verdict);
      }),
      { numRuns: 100 },
    );
  });
});

describe('Names', () => {
  const EVIL = 'summary.html';
  it.each([
    ['that lead out of the folder', '../../../evil'],
    ['that begin at the root', '/etc/passwd1'],
    ['of a folder', 'summary.htm/'],
    ['with a backslash', '..\\..\\evil1'],
    ['with a zero', 'summary\0html'],
    ['of another drive', 'C:/windows/x'],
    ['that no bundle has', 'summary.exe1'],
  ])('%s', async (_, name) => {
    const { verdict, problems } = await verifyBundle(written(replaced(EVIL, name.padEnd(EVIL.length, 'x').slice(0, EVIL.length))));
    expect(verdict).not.toBe('intact');
    expect(JSON.stringify(problems)).not.toContain('evil');
  });

  it('that stand there twice', async () => {
    const twice = [...files, ['summary.txt', Buffer.from('another')] as const].filter(([name]) => name !== 'completeness.json');
    expect(await verifyBundle(await zipped(ledger.path(), twice))).toMatchObject({
      verdict: 'tampered',
      problems: [{ file: 'summary.txt' }],
    });
  });

  it('that the directory and the file itself spell differently', async () => {
    const packed = readFileSync(bundle, 'latin1');
    const path = written(Buffer.from(packed.replace('summary.html', 'summary.exe1'), 'latin1'));
    expect(await verifyBundle(path)).toMatchObject({ verdict: 'tampered', problems: [{ file: 'summary.html' }] });
  });

  it('that are too many', async () => {
    const many = Array.from({ length: 300 }, (_, i) => [`file-${i}`, Buffer.alloc(0)] as const);
    expect(await verifyBundle(await zipped(ledger.path(), many))).toMatchObject({ verdict: 'tampered' });
  });

  it('that are missing, or that the manifest does not name', async () => {
    for (const name of files.keys()) {
      const path = await zipped(
        ledger.path(),
        [...files].filter(([each]) => each !== name),
      );
      const { verdict, problems } = await verifyBundle(path);
      expect({ verdict, first: problems[0] }).toEqual({ verdict: 'tampered', first: { file: name, message: 'it is missing' } });
    }
    const more = await zipped(ledger.path(), [...files, ['completeness.json', Buffer.from('{}')] as const]);
    expect(await verifyBundle(more)).toMatchObject({ verdict: 'tampered', problems: [{ file: 'completeness.json' }] });
  });
});

describe('An archive that is larger than it looks', () => {
  const archive = async (name: string, content: Buffer, options: object = {}): Promise<string> => {
    const zip = new ZipFile();
    for (const [each, bytes] of files) zip.addBuffer(each === name ? content : bytes, each, each === name ? options : {});
    zip.end();
    return written(await buffer(zip.outputStream as Readable));
  };

  it.each(['summary.html', 'events.ndjson', 'manifest.json', 'manifest.note'])('%s unpacks to far more than it is packed', async (name) => {
    const path = await archive(name, Buffer.alloc(5 * 1024 * 1024));
    const { verdict, problems } = await verifyBundle(path);
    expect({ verdict, file: problems[0]?.file }).toEqual({ verdict: 'could-not-tell', file: name });
  });

  it('a file that is larger than its directory says', async () => {
    const packed = readFileSync(bundle);
    // The length of `summary.txt` in the directory, twenty-four bytes into its entry of which the name begins at forty-six.
    const entry = packed.lastIndexOf('summary.txt') - 46;
    packed.writeUInt32LE(packed.readUInt32LE(entry + 24) - 10, entry + 24);
    expect((await verifyBundle(written(packed))).verdict).toBe('tampered');
  });

  it('files that share the same bytes', async () => {
    const packed = readFileSync(bundle);
    const size = packed.lastIndexOf('summary.txt') - 46 + 20;
    packed.writeUInt32LE(packed.length, size);
    expect((await verifyBundle(written(packed))).verdict).not.toBe('intact');
  });

  it('a line without an end', async () => {
    const path = await archive('events.ndjson', Buffer.alloc(9 * 1024 * 1024, '{"leafIndex":0,'), { compress: false });
    expect(await verifyBundle(path)).toMatchObject({ verdict: 'tampered', problems: [{ file: 'events.ndjson', line: 1 }] });
  });

  it('a line that is nested without end', async () => {
    const path = await archive('events.ndjson', Buffer.from(`${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}\n`), { compress: false });
    expect(await verifyBundle(path)).toMatchObject({ verdict: 'tampered', problems: [{ file: 'events.ndjson', line: 1 }] });
  });
});

describe('Files that are no plain files', () => {
  it('a link', async () => {
    const zip = new ZipFile();
    for (const [name, bytes] of files) zip.addBuffer(bytes, name, name === 'summary.txt' ? { mode: 0o120777 } : {});
    zip.end();
    expect(await verifyBundle(written(await buffer(zip.outputStream as Readable)))).toMatchObject({
      verdict: 'tampered',
      problems: [{ file: 'summary.txt' }],
    });
  });

  it('an encrypted one, and one that is packed in another way', async () => {
    const packed = readFileSync(bundle);
    const entry = packed.lastIndexOf('summary.txt') - 46;
    const encrypted = Buffer.from(packed);
    encrypted.writeUInt16LE(encrypted.readUInt16LE(entry + 8) | 1, entry + 8);
    const otherwise = Buffer.from(packed);
    otherwise.writeUInt16LE(14, entry + 10);
    for (const bytes of [encrypted, otherwise]) {
      expect(await verifyBundle(written(bytes))).toMatchObject({ verdict: 'tampered', problems: [{ file: 'summary.txt' }] });
    }
  });
});

it('A manifest of a later version cannot be told', async () => {
  const manifest = JSON.parse(String(files.get('manifest.json')));
  const changed = new Map(files).set('manifest.json', Buffer.from(JSON.stringify({ ...manifest, version: 2 })));
  expect(await verifyBundle(await zipped(ledger.path(), changed))).toMatchObject({
    verdict: 'could-not-tell',
    problems: [{ file: 'manifest.json' }],
  });
});

it.each([
  'null',
  '[]',
  '{',
  '"x"',
  '{"format":"liggare-evidence","version":1}',
  '{"format":"liggare-evidence","version":1,"ledger":[],"files":{}}',
])('A manifest that is %s', async (text) => {
  const changed = new Map(files).set('manifest.json', Buffer.from(text));
  expect(await verifyBundle(await zipped(ledger.path(), changed))).toMatchObject({
    verdict: 'tampered',
    problems: [{ file: 'manifest.json' }],
  });
});
