import fc from 'fast-check';
import {
  type AadParts,
  CannotOpen,
  lengthPrefixed,
  multiKey,
  open,
  openBytes,
  randomKey,
  seal,
  sealBytes,
} from '../../src/privacy/seal.ts';

const place: AadParts = { source: 'urn:mailit:billing', id: '2026-03-02-000412', reference: 'AAAAAAAAAAAAAAAAAAAAAA', part: 'subject' };
const aParts = fc.record({ source: fc.string(), id: fc.string(), reference: fc.string(), part: fc.string() });
const key = randomKey();

describe('A sealed part', () => {
  it('opens to what was sealed, with the same key at the same place', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), aParts, (plaintext, aad) => {
        expect(open(key, seal(key, plaintext, aad), aad).toString()).toBe(Buffer.from(plaintext).toString());
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 5_000 }), (bytes) => {
        expect(openBytes(key, sealBytes(key, Buffer.from(bytes), place), place)).toEqual(Buffer.from(bytes));
      }),
    );
  });

  it('is one format byte, a nonce of 12, the ciphertext and a tag of 16, in base64', () => {
    const bytes = Buffer.from(seal(key, 'four', place), 'base64');
    expect(bytes[0]).toBe(1);
    expect(bytes).toHaveLength(1 + 12 + 4 + 16);
  });

  it('does not open with any one bit of it flipped', () => {
    const sealed = sealBytes(key, 'Anna Berg', place);
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const flipped = Buffer.from(sealed);
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(() => openBytes(key, flipped, place)).toThrow(CannotOpen);
    }
  });

  it('does not open with any one bit of its place flipped', () => {
    const sealed = seal(key, 'Anna Berg', place);
    for (const name of Object.keys(place) as (keyof AadParts)[]) {
      const bytes = Buffer.from(place[name], 'latin1');
      // Bits 0 to 6 keep it ASCII, so that each flip is one flipped bit of the associated data.
      for (let bit = 0; bit < bytes.length * 8; bit++) {
        if (bit % 8 === 7) continue;
        const flipped = Buffer.from(bytes);
        flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
        expect(() => open(key, sealed, { ...place, [name]: flipped.toString('latin1') })).toThrow(CannotOpen);
      }
    }
  });

  it('does not open where its parts were shifted into one another', () => {
    fc.assert(
      fc.property(aParts, aParts, (one, other) => {
        fc.pre(JSON.stringify(one) !== JSON.stringify(other));
        expect(() => open(key, seal(key, 'x', one), other)).toThrow(CannotOpen);
      }),
    );
    const shifted = { ...place, source: place.source.slice(0, -1), id: place.source.slice(-1) + place.id };
    expect(() => open(key, seal(key, 'x', place), shifted)).toThrow(CannotOpen);
  });

  it('does not open with another key, cut short, empty, or spelt otherwise in base64', () => {
    const sealed = seal(key, 'Anna Berg', place);
    const wrong = ['', 'AQ==', 'no base64!', `${sealed}\n`, sealed.slice(0, -4), Buffer.alloc(28, 1).toString('base64')];
    expect(() => open(randomKey(), sealed, place)).toThrow(CannotOpen);
    for (const text of wrong) expect(() => open(key, text, place)).toThrow(CannotOpen);
  });

  it('never has the nonce of another, however many were sealed', () => {
    const nonces = new Set<string>();
    for (let i = 0; i < 20_000; i++) nonces.add(sealBytes(key, '', place).toString('latin1', 1, 13));
    expect(nonces.size).toBe(20_000);
  });

  it('says in its error which part it is, and nothing of its content or place', () => {
    const attempt = () => open(key, seal(key, 'Anna Berg', place), { ...place, id: 'elsewhere' });
    expect(attempt).toThrow(/"subject"/);
    expect(attempt).not.toThrow(/Anna|billing|elsewhere/);
  });
});

describe('Length-prefixed parts', () => {
  it('have one encoding for one list, and no other list has it', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme' })), fc.array(fc.string({ unit: 'grapheme' })), (one, other) => {
        expect(lengthPrefixed(one).equals(lengthPrefixed(other))).toBe(JSON.stringify(one) === JSON.stringify(other));
      }),
    );
    expect(lengthPrefixed(['ab', 'c']).equals(lengthPrefixed(['a', 'bc']))).toBe(false);
    expect(lengthPrefixed(['å']).toString('hex')).toBe('00000002c3a5');
  });
});

describe('A key for several people together', () => {
  const [anna, bo, cia] = [randomKey(), randomKey(), randomKey()];
  const derived = multiKey([anna, bo], 'urn:a', '1').export().toString('hex');

  it('is the same for the same people in the same order on the same event', () => {
    expect(multiKey([anna, bo], 'urn:a', '1').export().toString('hex')).toBe(derived);
  });

  it('is another one for other people, another order or another event', () => {
    const others = [
      multiKey([anna], 'urn:a', '1'),
      multiKey([bo, anna], 'urn:a', '1'),
      multiKey([anna, bo, cia], 'urn:a', '1'),
      multiKey([anna, cia], 'urn:a', '1'),
      multiKey([anna, bo], 'urn:b', '1'),
      multiKey([anna, bo], 'urn:a', '2'),
      multiKey([anna, bo], 'urn:a1', ''),
    ];
    expect(new Set([derived, ...others.map((one) => one.export().toString('hex'))]).size).toBe(others.length + 1);
  });

  it('needs somebody', () => expect(() => multiKey([], 'urn:a', '1')).toThrow(RangeError));
});
