import { generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { type HashReader, leafHash, nodeHash, proveInclusion, rootOf } from '../../src/integrity/merkle.ts';
import { COSIGNATURE, cosignNote, ED25519, formatNote, signNote, verifierKey } from '../../src/integrity/signed-note.ts';
import { checkTlogProof, formatTlogProof, ProofRefused, parseTlogProof } from '../../src/integrity/tlog-proof.ts';
import { formatTreeHead } from '../../src/integrity/tree-head.ts';

const keyPair = (name: string, kind: typeof ED25519 | typeof COSIGNATURE = ED25519) => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  return { key: verifierKey(name, kind, publicKey), privateKey };
};
const ORIGIN = 'ledger.example/mailit/1';
const log = keyPair(ORIGIN);
const retired = keyPair(ORIGIN);
const witnesses = ['one', 'two'].map((name) => keyPair(`witness.example/${name}`, COSIGNATURE));
const [one, two] = witnesses as [ReturnType<typeof keyPair>, ReturnType<typeof keyPair>];
const AT = 1_772_442_847;

const leaves = Array.from({ length: 11 }, (_, i) => Buffer.from(`leaf ${i}`));
const hashes: HashReader = {
  read: async (subtrees) => {
    const hash = (level: number, index: number): Buffer =>
      level === 0 ? leafHash(leaves[index] as Buffer) : nodeHash(hash(level - 1, 2 * index), hash(level - 1, 2 * index + 1));
    return subtrees.map(({ level, index }) => hash(level, index));
  },
};

interface Given {
  index?: number;
  size?: number;
  origin?: string;
  signers?: ReturnType<typeof keyPair>[];
  cosigners?: ReturnType<typeof keyPair>[];
  extra?: Buffer;
}

async function proof({ index = 4, size = leaves.length, origin = ORIGIN, signers = [log], cosigners = [], extra }: Given = {}) {
  const text = formatTreeHead({ origin, size, root: await rootOf(size, hashes) });
  const signatures = [
    ...signers.map(({ key, privateKey }) => signNote(text, key, privateKey)),
    ...cosigners.map(({ key, privateKey }) => cosignNote(text, key, privateKey, AT)),
  ];
  const path = await proveInclusion(index, size, hashes);
  return formatTlogProof({ index, hashes: path, note: formatNote({ text, signatures }), ...(extra && { extra }) });
}

const leafAt = (index: number) => leaves[index] as Buffer;
const refusal = (work: () => unknown): ProofRefused => {
  try {
    work();
  } catch (error) {
    if (error instanceof ProofRefused) return error;
    throw error;
  }
  throw new Error('nothing was refused');
};

describe('a proof that is carried away', () => {
  it('holds for its leaf alone, for every leaf of every tree', async () => {
    for (let size = 1; size <= leaves.length; size++) {
      for (let index = 0; index < size; index++) {
        const text = await proof({ index, size });
        expect(checkTlogProof(text, leafAt(index), [log.key])).toMatchObject({ index, head: { origin: ORIGIN, size } });
        const others = leaves.filter((_, i) => i !== index);
        for (const other of others) expect(refusal(() => checkTlogProof(text, other, [log.key])).reason).toBe('not-included');
      }
    }
  });

  it('is text of the documented form', async () => {
    const text = await proof({ extra: Buffer.from('context') });
    const path = (await proveInclusion(4, 11, hashes)).map((hash) => hash.toString('base64'));
    expect(text.split('\n').slice(0, 10)).toEqual(['c2sp.org/tlog-proof@v1', 'extra Y29udGV4dA==', 'index 4', ...path, '', ORIGIN, '11']);
    expect(parseTlogProof(text)).toMatchObject({ index: 4, extra: Buffer.from('context') });
    expect(formatTlogProof(parseTlogProof(text))).toBe(text);
  });

  it('of a tree of one leaf has no hashes', async () => {
    expect(parseTlogProof(await proof({ index: 0, size: 1 })).hashes).toEqual([]);
  });

  it('holds no more with any bit turned', async () => {
    const bytes = Buffer.from(await proof({ cosigners: witnesses }));
    const policy = { witnesses: [one.key, two.key] };
    expect(checkTlogProof(bytes.toString(), leafAt(4), [log.key], policy).verified).toHaveLength(3);
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const turned = Buffer.from(bytes);
      turned[bit >> 3] = (turned[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(() => checkTlogProof(turned.toString(), leafAt(4), [log.key], policy)).toThrow(ProofRefused);
    }
  });

  it('of a head that a retired key signed holds for whoever trusts that one', async () => {
    const text = await proof({ signers: [retired] });
    expect(checkTlogProof(text, leafAt(4), [log.key, retired.key]).verified).toEqual([{ key: retired.key }]);
    expect(refusal(() => checkTlogProof(text, leafAt(4), [log.key])).reason).toBe('untrusted');
  });

  it("is not believed where a key signs another log's head", async () => {
    const other = keyPair('ledger.example/other/1');
    const text = await proof({ signers: [other] });
    expect(refusal(() => checkTlogProof(text, leafAt(4), [log.key, other.key])).reason).toBe('untrusted');
  });

  it('is not believed where a witness alone signed', async () => {
    const text = await proof({ signers: [], cosigners: [one] });
    expect(refusal(() => checkTlogProof(text, leafAt(4), [log.key], { witnesses: [one.key] })).reason).toBe('untrusted');
    // Nor where a witness bears the log's name.
    const named = keyPair(ORIGIN, COSIGNATURE);
    const forged = await proof({ signers: [], cosigners: [named] });
    expect(refusal(() => checkTlogProof(forged, leafAt(4), [named.key], { witnesses: [named.key] })).reason).toBe('untrusted');
  });
});

describe('witnesses of a proof', () => {
  it('are asked for as many as the policy says, all where it says nothing', async () => {
    const text = await proof({ cosigners: [one] });
    const both = [one.key, two.key];
    expect(checkTlogProof(text, leafAt(4), [log.key], { witnesses: both, least: 1 }).verified).toEqual([
      { key: log.key },
      { key: one.key, at: AT },
    ]);
    expect(refusal(() => checkTlogProof(text, leafAt(4), [log.key], { witnesses: both })).reason).toBe('too-few-witnesses');
    expect(refusal(() => checkTlogProof(text, leafAt(4), [log.key], { least: 1 })).reason).toBe('too-few-witnesses');
  });

  it('count once, however often they cosigned', async () => {
    const text = await proof({ cosigners: [one, one] });
    const policy = { witnesses: [one.key, two.key], least: 2 };
    expect(refusal(() => checkTlogProof(text, leafAt(4), [log.key], policy)).reason).toBe('too-few-witnesses');
  });

  it('that nobody named are passed over', async () => {
    const text = await proof({ cosigners: [one, two] });
    expect(checkTlogProof(text, leafAt(4), [log.key]).verified).toEqual([{ key: log.key }]);
  });
});

describe('what is no proof', () => {
  let good: string;
  beforeAll(async () => {
    good = await proof();
  });

  it.each<[string, (text: string) => string]>([
    ['nothing', () => ''],
    ['another first line', (text) => text.replace('@v1', '@v2')],
    ['no index', (text) => text.replace('index 4\n', '')],
    ['an index with a zero in front', (text) => text.replace('index 4', 'index 04')],
    ['a negative index', (text) => text.replace('index 4', 'index -4')],
    ['an index that cannot be counted', (text) => text.replace('index 4', 'index 9007199254740993')],
    ['lines that end as on Windows', (text) => text.replaceAll('\n', '\r\n')],
    ['a hash too short', (text) => text.replace('index 4\n', 'index 4\nAAAA\n')],
    ['a hash spelt otherwise', (text) => text.replace(/=\n/, '\n')],
    ['no base64', (text) => text.replace('index 4\n', 'index 4\n????\n')],
    ['extra data twice', (text) => text.replace('index 4\n', 'extra AAAA\nextra AAAA\nindex 4\n')],
    ['extra data behind the index', (text) => text.replace('index 4\n', 'index 4\nextra AAAA\n')],
    ['no tree head', (text) => text.slice(0, text.indexOf('\n\n') + 2)],
    ['no empty line', (text) => text.replace('\n\n', '\n')],
    ['more hashes than any tree is high', (text) => text.replace('index 4\n', `index 4\n${`${'A'.repeat(43)}=\n`.repeat(64)}`)],
    ['too much', (text) => text + 'A'.repeat(1024 * 1024)],
    ['text behind it', (text) => `${text}more`],
  ])('%s is refused', (_, change) => {
    expect(refusal(() => checkTlogProof(change(good), leafAt(4), [log.key])).reason).toBe('malformed');
  });

  it('is refused whatever comes, and nothing else happens', () =>
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: 'binary' }), lines()), (text) => {
        expect(refusal(() => checkTlogProof(text, leafAt(4), [log.key])).reason).toBeDefined();
      }),
    ));
});

/** Texts that come near. */
function lines() {
  const line = fc.oneof(fc.constantFrom('c2sp.org/tlog-proof@v1', 'index 0', 'extra ', '', ORIGIN, '1', `${'A'.repeat(43)}=`), fc.string());
  return fc.array(line, { maxLength: 12 }).map((all) => `c2sp.org/tlog-proof@v1\n${all.join('\n')}\n`);
}
