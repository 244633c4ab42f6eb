import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { verifyBundle } from '../../src/evidence/check.ts';
import { formatTreeHead } from '../../src/integrity/tree-head.ts';
import { checkBundle } from '../support/bundle-checker.ts';
import { disclosure } from '../support/write-side.ts';
import { type Exporting, filesOf, linesOf, ofLines, openExporting, zipped } from './bundles.ts';

let ledger: Exporting;
let bundle: string;
let files: ReadonlyMap<string, Buffer>;
beforeAll(async () => {
  ledger = await openExporting();
  const people = [
    { scheme: 'customer-number', value: '1' },
    { scheme: 'email', value: 'nils@example.se', category: 'customer' },
  ];
  await ledger.given(
    ...Array.from({ length: 30 }, (_, i) =>
      disclosure(`t-${i}`, {
        ...(i % 2 === 0 && { sequence: String(i) }),
        data: { subjects: i % 3 === 0 ? people : people.slice(1), note: `Note ${i}` },
      }),
    ),
  );
  bundle = await ledger.export('investigate', { about: { subject: [people[1] as never] } });
  files = await filesOf(bundle);
});
afterAll(() => ledger.close());

type Files = Map<string, Buffer>;

/** The bundle with some files changed; where `isAdjusted`, lengths and digests in the manifest are made to fit. */
async function changed(change: (files: Files) => void, { isAdjusted = false, isSigned = false } = {}): Promise<string> {
  const copy: Files = new Map([...files].map(([name, content]) => [name, Buffer.from(content)]));
  change(copy);
  if (isAdjusted || isSigned) adjust(copy);
  if (isSigned) await sign(copy);
  return zipped(ledger.path(), copy);
}

function adjust(copy: Files): void {
  const manifest = JSON.parse(String(copy.get('manifest.json')));
  for (const file of manifest.files) {
    const content = copy.get(file.name);
    if (content) Object.assign(file, { bytes: content.length, sha256: createHash('sha256').update(content).digest('hex') });
  }
  copy.set('manifest.json', Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`));
}

/** As somebody would who has the ledger's key and not its tree. */
async function sign(copy: Files): Promise<void> {
  const manifest = copy.get('manifest.json') as Buffer;
  const sha256 = createHash('sha256').update(manifest).digest('hex');
  copy.set('manifest.note', Buffer.from(await ledger.log.sign(`liggare evidence 1\nmanifest.json ${manifest.length} ${sha256}\n`)));
}

const lines = (name: string, change: (lines: string[]) => string[]) => (copy: Files) =>
  void copy.set(name, ofLines(change(linesOf(copy.get(name) as Buffer))));
// biome-ignore lint/suspicious/noExplicitAny: the tests change whatever stands in an event
const event = (line: number, change: (event: any) => void) =>
  lines('events.ndjson', (all) =>
    all.map((text, i) => {
      if (i !== line - 1) return text;
      const parsed = JSON.parse(text);
      change(parsed);
      return JSON.stringify(parsed);
    }),
  );

describe('A byte that was flipped', () => {
  const place = fc.record({ file: fc.nat(), at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), bit: fc.nat(7) });

  it.each([
    ['and nothing else', {}],
    ['with the digests in the manifest made to fit', { isAdjusted: true }],
  ])('%s: never intact, and the right file is named', async (_, how) => {
    await fc.assert(
      fc.asyncProperty(place, async ({ file, at, bit }) => {
        const name = [...files.keys()][file % files.size] as string;
        const path = await changed(
          (copy) => {
            const content = copy.get(name) as Buffer;
            const index = Math.floor(at * content.length);
            content[index] = (content[index] as number) ^ (1 << bit);
          },
          name.startsWith('manifest') ? {} : how,
        );
        const checked = await verifyBundle(path);
        expect(checked.verdict).not.toBe('intact');
        const named = checked.problems.map((problem) => problem.file);
        // A manifest that says something else of a file is wrong about that file, or no longer the one that was signed.
        if (name !== 'manifest.json' && !('isAdjusted' in how)) expect(named[0]).toBe(name);
        if (name === 'events.ndjson') expect(named).toContain(name);
        await expect(checkBundle(path)).rejects.toThrow();
      }),
      { numRuns: 60 },
    );
  });

  it('of the archive itself is never a crash, and intact only where it is no content', async () => {
    const packed = readFileSync(bundle);
    await fc.assert(
      fc.asyncProperty(fc.nat(packed.length - 1), fc.nat(7), async (index, bit) => {
        const copy = Buffer.from(packed);
        copy[index] = (copy[index] as number) ^ (1 << bit);
        const path = ledger.path();
        writeFileSync(path, copy);
        const { verdict } = await verifyBundle(path);
        if (verdict !== 'intact') return;
        const same = await filesOf(path);
        for (const [name, content] of files) expect(same.get(name)?.equals(content)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });
});

describe('An event', () => {
  const stored = (line: number) => JSON.parse(linesOf(files.get('events.ndjson') as Buffer)[line - 1] as string);

  it.each<[string, Parameters<typeof event>[1]]>([
    ['its purpose', ({ entry }) => (entry.data.purpose = 'payment')],
    ['its time', ({ entry }) => (entry.time = '2026-03-02T09:14:07.121Z')],
    ['when it was recorded', (each) => (each.recordedAt = '2026-03-02T09:14:08.001Z')],
    ['its type', (each) => (each.type = 'PersonalDataUsed')],
    ['its stream', (each) => (each.stream = 'processing-urn:mailit:crm')],
    ['its revision', (each) => each.revision++],
    ['its source', ({ entry }) => (entry.source = 'urn:mailit:crm')],
    ['its version', ({ entry }) => entry.version++],
    ['its sequence', ({ entry }) => (entry.sequence = 7)],
    ['its actor', ({ entry }) => (entry.data.actor.reference = 'AAAAAAAAAAAAAAAAAAAAAA')],
    ['its subject', ({ entry }) => (entry.data.subjects[0].reference = 'AAAAAAAAAAAAAAAAAAAAAA')],
    ['its category', ({ entry }) => (entry.data.subjects[0].category = 'employee')],
    ['what is sealed of its subject', ({ entry }) => (entry.data.subjects[0].sealed = 'AAAA')],
    ['a member that no leaf covers', ({ entry }) => (entry.remark = 'true')],
    ['a member of a subject that no leaf covers', ({ entry }) => (entry.data.subjects[0].remark = 'true')],
    ['another form', ({ entry }) => (entry.format = 2)],
    ['a number as text', ({ entry }) => (entry.version = '1')],
    ['a subject that is none', ({ entry }) => entry.data.subjects.push(null)],
    ['no subjects', ({ entry }) => delete entry.data.subjects],
    ['no entry', (each) => (each.entry = null)],
    ['another leaf', (each) => (each.leafIndex += 1000)],
  ])('changed in %s, by whoever has the key to sign the manifest', async (_, change) => {
    const path = await changed(event(9, change), { isSigned: true });
    const { verdict, problems, events } = await verifyBundle(path, { vkeys: [ledger.log.key] });
    expect({ verdict, events, problem: problems[0] }).toMatchObject({
      verdict: 'tampered',
      events: 8,
      problem: { file: expect.stringMatching(/^(events|proofs)\.ndjson$/), line: 9 },
    });
    await expect(checkBundle(path)).rejects.toThrow();
  });

  it('in another spelling of the same', async () => {
    const spelt = [
      (text: string) => text.replace('"leafIndex":', '"leafIndex": '),
      (text: string) => text.replace('{"leafIndex"', '{"position":1,"leafIndex"'),
      (text: string) => text.replace('"purpose":"tax', '"purpose":"\\u0074ax'),
    ];
    for (const spell of spelt) {
      const path = await changed(
        lines('events.ndjson', (all) => all.map((text, i) => (i === 4 ? spell(text) : text))),
        { isSigned: true },
      );
      expect(await verifyBundle(path)).toMatchObject({ verdict: 'tampered', problems: [{ file: 'events.ndjson', line: 5 }] });
    }
  });

  const all = ['events.ndjson', 'proofs.ndjson', 'opened.ndjson'];
  it.each<[string, (lines: string[]) => string[], { file: string; line?: number }]>([
    ['dropped', (each) => each.toSpliced(4, 1), { file: 'events.ndjson' }],
    ['added twice', (each) => each.toSpliced(4, 0, each[4] as string), { file: 'events.ndjson', line: 6 }],
    ['swapped with the next', (each) => each.toSpliced(4, 2, each[5] as string, each[4] as string), { file: 'events.ndjson', line: 6 }],
  ])('%s with its proof and its opened entry', async (_, change, problem) => {
    const path = await changed(
      (copy) => {
        for (const name of all) lines(name, change)(copy);
      },
      { isSigned: true },
    );
    const checked = await verifyBundle(path);
    expect(checked).toMatchObject({ verdict: 'tampered' });
    expect(checked.problems[0]).toMatchObject(problem);
    await expect(checkBundle(path)).rejects.toThrow();
  });

  it.each(all)('dropped from %s alone', async (name) => {
    for (const how of [{}, { isSigned: true }]) {
      const path = await changed(
        lines(name, (each) => each.toSpliced(4, 1)),
        how,
      );
      const checked = await verifyBundle(path);
      expect(checked).toMatchObject({ verdict: 'tampered' });
      expect(checked.problems[0]).toMatchObject({ file: name === 'events.ndjson' ? 'proofs.ndjson' : name, line: 5 });
      await expect(checkBundle(path)).rejects.toThrow();
    }
  });

  it('of another ledger, with a proof of that', async () => {
    const other = await openExporting();
    await other.given(...Array.from({ length: 30 }, (_, i) => disclosure(`o-${i}`)));
    const foreign = await filesOf(await other.export('investigate', { about: { type: ['PersonalDataDisclosed'] } }));
    await other.close();
    const [event, proof] = ['events.ndjson', 'proofs.ndjson'].map((name) => linesOf(foreign.get(name) as Buffer)[4] as string);
    const path = await changed(
      (copy) => {
        lines('events.ndjson', (each) => each.toSpliced(4, 1, event as string))(copy);
        lines('proofs.ndjson', (each) => each.toSpliced(4, 1, proof as string))(copy);
      },
      { isSigned: true },
    );
    expect(await verifyBundle(path)).toMatchObject({ verdict: 'tampered', events: 4, problems: [{ line: 5 }] });
  });

  it('keeps its sealed parts apart from what is said of them: an opened entry is no proof, but is bound to its event', async () => {
    const other = linesOf(files.get('opened.ndjson') as Buffer)[7] as string;
    const path = await changed(
      lines('opened.ndjson', (each) => each.toSpliced(4, 1, other)),
      { isSigned: true },
    );
    expect(await verifyBundle(path)).toMatchObject({ verdict: 'tampered', problems: [{ file: 'opened.ndjson', line: 5 }] });
    expect(stored(5).leafIndex).not.toBe(JSON.parse(other).leafIndex);
  });
});

describe('A tree head', () => {
  const note = async (size: number, root: Buffer) =>
    Buffer.from(await ledger.log.sign(formatTreeHead({ origin: 'ledger.example/test/1', size, root })));

  it('that is older than some of the events', async () => {
    const size = 12;
    const head = await note(size, await ledger.log.root(size));
    const path = await changed((copy) => void copy.set('tree-head.note', head));
    const { verdict, problems } = await verifyBundle(path);
    expect(verdict).toBe('tampered');
    expect(problems[0]?.file).toBe('tree-head.note');
    const withManifest = await changed(
      (copy) => {
        copy.set('tree-head.note', head);
        const manifest = JSON.parse(String(copy.get('manifest.json')));
        Object.assign(manifest.ledger, { treeSize: size, root: head.toString().split('\n')[2] });
        copy.set('manifest.json', Buffer.from(JSON.stringify(manifest)));
      },
      { isSigned: true },
    );
    expect(await verifyBundle(withManifest)).toMatchObject({ verdict: 'tampered', problems: [{ file: 'events.ndjson', line: 1 }] });
  });

  it('of another ledger, with its keys', async () => {
    const other = await openExporting();
    await other.given(...Array.from({ length: 30 }, (_, i) => disclosure(`o-${i}`)));
    const foreign = await filesOf(await other.export('admin'));
    await other.close();
    const path = await changed((copy) => {
      for (const name of ['tree-head.note', 'vkeys.txt']) copy.set(name, foreign.get(name) as Buffer);
    });
    const { verdict, problems } = await verifyBundle(path);
    expect(verdict).toBe('tampered');
    expect(problems[0]?.file).toBe('tree-head.note');
    const trusted = await verifyBundle(path, { vkeys: [ledger.log.key] });
    expect(trusted.verdict).not.toBe('intact');
  });

  it('whose manifest and note are of another bundle', async () => {
    const other = await filesOf(await ledger.export('admin'));
    for (const name of ['manifest.json', 'manifest.note']) {
      const path = await changed((copy) => void copy.set(name, other.get(name) as Buffer));
      expect(await verifyBundle(path)).toMatchObject({ verdict: 'tampered' });
    }
    const both = await changed((copy) => {
      for (const name of ['manifest.json', 'manifest.note']) copy.set(name, other.get(name) as Buffer);
    });
    expect((await verifyBundle(both)).verdict).toBe('tampered');
  });
});

it("A sealer's note about something else is no note about a manifest", async () => {
  const path = await changed((copy) => void copy.set('manifest.note', copy.get('tree-head.note') as Buffer));
  expect(await verifyBundle(path)).toMatchObject({ verdict: 'tampered', problems: [{ file: 'manifest.note' }] });
});
