import { stringify } from 'csv-stringify/sync';
import fc from 'fast-check';
import { readMapping } from '../../src/cli/mapping.ts';
import { EVENT_BYTES, type Read, readCsv, readNdjson } from '../../src/cli/read-events.ts';

async function* inChunks(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function all(reads: AsyncGenerator<Read>): Promise<Read[]> {
  const list: Read[] = [];
  for await (const read of reads) list.push(read);
  return list;
}

const ndjson = (text: string | Buffer, size = 7) => all(readNdjson({ name: 'f', chunks: inChunks(Buffer.from(text), size) }));

const MAPPING = readMapping(`event: { id: '{a}', note: { $from: '{b}', $optional: true } }`, 'm.yaml');
const csv = (text: string | Buffer, mapping = MAPPING, size = 7) =>
  all(readCsv({ name: 'f', chunks: inChunks(Buffer.from(text), size) }, mapping));

/** Line and what became of it: the event's id, or the rule. */
const brief = (reads: Read[]) =>
  reads.map((read) => [read.line, 'json' in read ? JSON.parse(read.json).id : 'reject' in read ? read.reject.rule : read.skipped]);

describe('NDJSON', () => {
  test('each line is an event, sent letter by letter as it stands; empty lines count and are skipped', async () => {
    const first = '{"id":"1", "source":"urn:x:y", "n": 1.0, "big": 12345678901234567890}';
    const reads = await ndjson(`\ufeff${first}\r\n\n  \n{"id":"2","source":"urn:x:y"}`);
    expect(reads[0]).toEqual({ line: 1, json: first, bytes: first.length, source: 'urn:x:y', id: '1' });
    expect(brief(reads)).toEqual([
      [1, '1'],
      [4, '2'],
    ]);
  });

  test('a line that is no event is a reject, and the next one is read', async () => {
    const reads = await ndjson(
      Buffer.concat([Buffer.from('{"id":"1"\n[]\n"x"\n'), Buffer.from([0x7b, 0xff, 0x7d, 0x0a]), Buffer.from('{"id":"5"}\n')]),
    );
    expect(brief(reads)).toEqual([
      [1, 'not-json'],
      [2, 'not-an-event'],
      [3, 'not-an-event'],
      [4, 'not-utf-8'],
      [5, '5'],
    ]);
  });

  test('a line longer than an event may be is a reject, at exactly one byte more', async () => {
    const line = (bytes: number) => `{"id":"${'x'.repeat(bytes - 9)}"}`;
    const reads = await ndjson(`${line(EVENT_BYTES)}\n${line(EVENT_BYTES + 1)}\n{"id":"3"}\n`, 65_536);
    expect(reads.map((read) => ('reject' in read ? read.reject.rule : 'event'))).toEqual(['event', 'too-large', 'event']);
  });

  test('chunks may be cut anywhere, within a character too', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ unit: 'binary' }), { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 1, max: 40 }),
        async (ids, size) => {
          const text = ids.map((id) => JSON.stringify({ id: id.toWellFormed() })).join('\n');
          expect(brief(await ndjson(text, size))).toEqual(ids.map((id, index) => [index + 1, id.toWellFormed()]));
        },
      ),
      { numRuns: 50 },
    );
  });
});

describe('CSV', () => {
  test('records of RFC 4180: quoted separators, quotes and line breaks; both line ends; a byte order mark', async () => {
    const reads = await csv('\ufeffa,b\r\n1,"x, ""y"""\r\n2,"two\nlines"\r\n\r\n3,\n');
    expect(reads.map((read) => 'json' in read && JSON.parse(read.json))).toEqual([
      { id: '1', note: 'x, "y"' },
      { id: '2', note: 'two\nlines' },
      { id: '3' },
    ]);
    expect(reads.map((read) => read.line)).toEqual([2, 3, 6]);
  });

  test('whatever a CSV writer writes is read back', async () => {
    const cell = fc.string({ unit: fc.constantFrom('"', ',', '\n', 'a', 'é', ' ', ';'), maxLength: 6 });
    const mapping = readMapping(`event: { id: x, n: '{#}', b: { $from: '{b}', $optional: true } }`, 'm.yaml');
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.constant('1'), cell), { minLength: 1, maxLength: 300 }),
        fc.integer({ min: 1, max: 99 }),
        async (rows, size) => {
          const reads = await csv(stringify([['a', 'b'], ...rows]), mapping, size);
          const expected = rows.map(([, b], index) => ({ id: 'x', n: String(index + 1), ...(b.trim() === '' ? {} : { b: b.trim() }) }));
          expect(reads.map((read) => 'json' in read && JSON.parse(read.json))).toEqual(expected);
        },
      ),
      { numRuns: 60 },
    );
  });

  test('a malformed record is a reject with its line, and costs no other', async () => {
    const reads = await csv('a,b\n1,x\n2,x"y\n3,x\n4,"x"y\n5\n6,x,y\n,x\n8,x\n');
    expect(brief(reads)).toEqual([
      [2, '1'],
      [3, 'quote-not-closed'],
      [4, '3'],
      [5, 'stray-quote'],
      [6, 'wrong-number-of-columns'],
      [7, 'wrong-number-of-columns'],
      [8, 'empty-column'],
      [9, '8'],
    ]);
  });

  test('two stray quotes on different lines do not swallow the lines between them', async () => {
    expect(brief(await csv('a,b\n1,x"y\n2,x\n3,x"y\n4,x\n'))).toEqual([
      [2, 'stray-quote'],
      [3, '2'],
      [4, 'quote-not-closed'],
      [5, '4'],
    ]);
  });

  test('a quote that is never closed costs its own line only, however long the file', async () => {
    const lines = Array.from({ length: 1000 }, (_, index) => `${index + 3},x`);
    const reads = await csv(`a,b\n1,"x\n${lines.join('\n')}\n`, MAPPING, 4096);
    expect(brief(reads).slice(0, 2)).toEqual([
      [2, 'quote-not-closed'],
      [3, '3'],
    ]);
    expect(reads.filter((read) => 'json' in read)).toHaveLength(1000);
    expect(brief(await csv('a,b\n1,x\n2,"x\n3,x'))).toEqual([
      [2, '1'],
      [3, 'quote-not-closed'],
      [4, '3'],
    ]);
  });

  test('an unreadable line inside an open quote ends the record there', async () => {
    const reads = await csv(Buffer.concat([Buffer.from('a,b\n1,"x\n'), Buffer.from([0xff, 0x0a]), Buffer.from('3,x\n')]));
    expect(brief(reads)).toEqual([
      [2, 'quote-not-closed'],
      [3, 'not-utf-8'],
      [4, '3'],
    ]);
  });

  test('other delimiters, and files without a header', async () => {
    const mapping = readMapping(`csv: { delimiter: ';', columns: [a, b] }\nevent: { id: '{a}' }`, 'm.yaml');
    expect(brief(await csv('1;x,y\n2;"x;y"\n', mapping))).toEqual([
      [1, '1'],
      [2, '2'],
    ]);
  });

  test('a record left out by a rule says why', async () => {
    const mapping = readMapping(`event: { id: '{a}' }\nrules: [{ when: { b: test }, skip: a test }, { event: { type: T } }]`, 'm.yaml');
    expect(brief(await csv('a,b\n1,test\n2,x\n', mapping))).toEqual([
      [2, 'a test'],
      [3, '2'],
    ]);
  });

  test('an empty file has no header, and a file without a needed column is refused before anything is sent', async () => {
    await expect(csv('')).rejects.toThrow('f has no header');
    await expect(csv('a,c\n1,2\n')).rejects.toMatchObject({ hints: [expect.stringContaining('"b"'), expect.anything()] });
  });
});
