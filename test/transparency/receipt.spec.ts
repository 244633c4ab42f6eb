import { generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { prove } from '../../projections/proofs/proving.ts';
import { COSIGNATURE, ED25519, verifierKey } from '../../src/integrity/signed-note.ts';
import { parseTlogProof } from '../../src/integrity/tlog-proof.ts';
import { leafBytes } from '../../src/ledger/leaf.ts';
import { ownEvent } from '../../src/ledger/own-event.ts';
import { checkReceipt, type Receipt, ReceiptRefused, receiptsOf } from '../../src/transparency/receipt.ts';
import { MemoryStore } from '../ledger/memory-store.ts';
import { MemoryLog } from '../support/memory-log.ts';

let log: MemoryLog;
let receipts: Receipt[];

beforeAll(async () => {
  const store = new MemoryStore();
  const actor = { reference: 'AAECAwQFBgcICQoLDA0ODw', kind: 'service' };
  const events = Array.from({ length: 5 }, (_, i) =>
    ownEvent({ source: 'urn:test:emitter', id: `record-${i}`, type: 'PersonalDataUsed', now: 0, actor, data: { purpose: 'payment' } }),
  );
  await store.append([{ stream: 'processing-urn:test:emitter', expectedRevision: 'any', events }]);
  log = new MemoryLog(store);
  const head = await log.seal();
  const proven = await prove(log, await store.readAll(0, 10), head);
  receipts = proven.map(({ event, index, bytes, proof }, i) => {
    expect(bytes).toEqual(leafBytes(event));
    return {
      ...{ source: 'urn:test:emitter', id: `record-${i}`, type: 'PersonalDataUsed' },
      ...{ leafIndex: index, leaf: bytes.toString('base64'), proof },
    };
  });
});

const receipt = () => receipts[2] as Receipt;
const changed = (changes: Partial<Record<keyof Receipt, unknown>>) => ({ ...receipt(), ...changes });
const refused = (given: unknown, keys = [log.key], policy = {}): string => {
  try {
    checkReceipt(given, keys, policy);
  } catch (error) {
    if (error instanceof ReceiptRefused) return error.reason;
    throw error;
  }
  return 'held';
};

describe('a receipt', () => {
  it('holds with nothing but the keys that are trusted, and tells what was recorded', () => {
    const checked = checkReceipt(receipt(), [log.key]);
    expect(checked).toMatchObject({
      index: 2,
      head: { origin: log.key.name, size: 5 },
      leaf: { id: 'record-2', type: 'PersonalDataUsed' },
    });
    expect(checked.leaf.data).toMatchObject({ purpose: 'payment' });
  });

  it('may have more with it than a receipt has', () => {
    expect(refused({ ...receipt(), index: 7, position: 9, more: {} })).toBe('held');
  });

  it('proves nothing under a key that is not trusted, or under none', () => {
    const another = verifierKey(log.key.name, ED25519, generateKeyPairSync('ed25519').publicKey);
    expect(refused(receipt(), [another])).toBe('untrusted');
    expect(refused(receipt(), [])).toBe('untrusted');
  });

  it('proves nothing without the witnesses that are asked for', () => {
    const witness = verifierKey('witness.example/one', COSIGNATURE, generateKeyPairSync('ed25519').publicKey);
    expect(refused(receipt(), [log.key], { witnesses: [witness] })).toBe('too-few-witnesses');
    expect(refused(receipt(), [log.key], { witnesses: [witness], least: 0 })).toBe('held');
  });

  it.each<[string, () => Partial<Record<keyof Receipt, unknown>>, string]>([
    ['of another source', () => ({ source: 'urn:test:other' }), 'other-record'],
    ['of another id', () => ({ id: 'record-3' }), 'other-record'],
    ['of another type', () => ({ type: 'PersonalDataErased' }), 'other-record'],
    ['at another place', () => ({ leafIndex: 3 }), 'other-record'],
    ["with another record's leaf", () => ({ leaf: (receipts[3] as Receipt).leaf }), 'not-included'],
    ["with another record's proof", () => ({ proof: (receipts[3] as Receipt).proof }), 'not-included'],
    ['whose proof says another place', () => ({ proof: receipt().proof.replace('index 2', 'index 3'), leafIndex: 3 }), 'not-included'],
    ['whose leaf is no base64', () => ({ leaf: `${receipt().leaf} ` }), 'malformed'],
    ['whose proof is none', () => ({ proof: 'x' }), 'malformed'],
    ['without a leaf', () => ({ leaf: undefined }), 'malformed'],
    ['with a number for an id', () => ({ id: 2 }), 'malformed'],
    ['with a text for a place', () => ({ leafIndex: '2' }), 'malformed'],
  ])('%s is refused', (_, changes, reason) => {
    expect(refused(changed(changes()))).toBe(reason);
  });

  it('is refused whatever is given in its place', () => {
    for (const nothing of [undefined, null, 1, 'receipt', [], {}, [receipt()]]) expect(refused(nothing)).toBe('malformed');
    fc.assert(fc.property(fc.jsonValue(), (value) => void expect(refused(value)).not.toBe('held')));
  });

  it('is refused with any bit of its leaf changed, and with any hash of its proof', () => {
    const bytes = Buffer.from(receipt().leaf, 'base64');
    for (let bit = 0; bit < bytes.length * 8; bit += 7) {
      const other = Buffer.from(bytes);
      other[bit >> 3] = (other[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(refused(changed({ leaf: other.toString('base64') }))).toBe('not-included');
    }
    for (const hash of parseTlogProof(receipt().proof).hashes) {
      const other = Buffer.from(hash.map((byte, i) => (i === 0 ? byte ^ 1 : byte)));
      expect(refused(changed({ proof: receipt().proof.replace(hash.toString('base64'), other.toString('base64')) }))).toBe('not-included');
    }
  });

  it('is refused in words that quote nothing of it', () => {
    const secret = { ...receipt(), id: 'kund-48211' };
    expect(() => checkReceipt(secret, [log.key])).toThrow('the id in its leaf is another than it says');
  });
});

describe('a file of receipts', () => {
  it('is any JSON object with a list of them', () => {
    expect(receiptsOf(JSON.stringify({ receipts, pending: [] }))).toEqual(receipts);
    expect(receiptsOf('{"receipts":[]}')).toEqual([]);
  });

  it.each(['', '{', 'null', '7', '[]', '{}', '{"receipts":{}}'])('is not %j', (text) => {
    expect(() => receiptsOf(text)).toThrow(expect.objectContaining({ name: 'ReceiptRefused', reason: 'malformed' }));
  });
});
