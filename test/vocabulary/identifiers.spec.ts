import fc from 'fast-check';
import {
  hasEmailAddress,
  hasPersonalIdentityNumber,
  isPersonalIdentityNumber,
  normaliseIdentifier,
} from '../../src/vocabulary/identifiers.ts';

const AT = '2026-03-02T09:14:07.120Z';

/** Appends the check digit (Luhn) to nine digits. */
function withCheckDigit(nine: string): string {
  const sum = [...nine].reduce((total, digit, i) => {
    const product = Number(digit) * (i % 2 === 0 ? 2 : 1);
    return total + Math.floor(product / 10) + (product % 10);
  }, 0);
  return nine + ((10 - (sum % 10)) % 10);
}

describe('normaliseIdentifier', () => {
  it.each([
    ['email', '  Anna.Berg@Example.SE ', 'anna.berg@example.se'],
    ['customer-number', ' 10027\n', '10027'],
    ['customer-number', 'Ko\u0308p', 'K\u00f6p'],
    ['personal-identity-number', '19900101-2384', '199001012384'],
    ['personal-identity-number', '900101-2384', '199001012384'],
    ['personal-identity-number', '9001012384', '199001012384'],
    ['personal-identity-number', '900101\u20132384', '199001012384'],
    ['personal-identity-number', '121212+1212', '191212121212'],
    ['personal-identity-number', '121212-1212', '201212121212'],
    ['personal-identity-number', '260302-1234', '202603021234'],
    ['personal-identity-number', '261231-1234', '192612311234'],
    ['personal-identity-number', '261231+1234', '192612311234'],
    ['personal-identity-number', '701063-2391', '197010632391'],
    ['personal-identity-number', '556677-8899', '5566778899'],
    ['personal-identity-number', ' born 1990 ', 'born 1990'],
  ])('writes %s %j as %j', (scheme, value, expected) => {
    expect(normaliseIdentifier(scheme, value, AT)).toBe(expected);
  });

  it('leaves ten digits as ten where no time is given', () => {
    expect(normaliseIdentifier('personal-identity-number', '900101-2384')).toBe('9001012384');
  });

  it('changes nothing the second time', () => {
    const scheme = fc.constantFrom('email', 'personal-identity-number', 'case-number');
    const value = fc.oneof(fc.string({ unit: 'grapheme' }), fc.stringMatching(/^(\d\d)?\d{6}[-+]?\d{4}$/));
    fc.assert(
      fc.property(scheme, value, (s, v) => {
        const once = normaliseIdentifier(s, v, AT);
        expect(normaliseIdentifier(s, once, AT)).toBe(once);
      }),
    );
  });
});

describe('a personal identity number in a text', () => {
  const date = fc.date({ min: new Date('1890-01-01'), max: new Date('2026-01-01'), noInvalidDate: true });
  const number = fc.tuple(date, fc.integer({ min: 1, max: 999 }), fc.boolean()).map(([born, serial, coordination]) => {
    const iso = born.toISOString();
    const day = String(born.getUTCDate() + (coordination ? 60 : 0)).padStart(2, '0');
    const ten = withCheckDigit(iso.slice(2, 4) + iso.slice(5, 7) + day + String(serial).padStart(3, '0'));
    return { century: iso.slice(0, 2), ten };
  });

  it('is found in every way of writing it', () => {
    const sign = fc.constantFrom('', '-', '+', ' ', '\u2010', '\u2011', '\u2012', '\u2013');
    const around = fc.constantFrom('', ' ', '/', '_', '-case-', '.');
    fc.assert(
      fc.property(number, fc.boolean(), sign, around, ({ century, ten }, long, s, edge) => {
        const written = `${long ? century : ''}${ten.slice(0, 6)}${s}${ten.slice(6)}`;
        expect(isPersonalIdentityNumber(written)).toBe(true);
        expect(normaliseIdentifier('personal-identity-number', written)).toBe(`${long ? century : ''}${ten}`);
        expect(hasPersonalIdentityNumber(edge + written + edge)).toBe(true);
      }),
    );
  });

  it('is not seen where the check digit is wrong', () => {
    fc.assert(
      fc.property(number, fc.integer({ min: 1, max: 9 }), ({ ten }, offset) => {
        const wrong = ten.slice(0, 9) + ((Number(ten[9]) + offset) % 10);
        expect(hasPersonalIdentityNumber(wrong)).toBe(false);
      }),
    );
  });

  it.each([
    ['no such month', '9013012389'],
    ['no such day', withCheckDigit('900230123')],
    ['part of a longer number', `771${withCheckDigit('900101238')}`],
    ['part of a word', `a${withCheckDigit('900101238')}`],
    ['an impossible century', `77${withCheckDigit('900101238')}`],
    ['a record id', '2026-03-02-000412'],
    ['an organisation number', '556677-8899'],
  ])('is not seen in %s', (_, text) => {
    expect(hasPersonalIdentityNumber(text)).toBe(false);
  });
});

describe('an e-mail address in a text', () => {
  it.each(['anna@example.se', 'mail:Anna.Berg@mail.example.co.uk!', 'x?to=a%40b.se', 'åsa@räksmörgås.se'])('is found in %j', (text) =>
    expect(hasEmailAddress(text)).toBe(true),
  );

  it.each(['billing', 'package@1.2.30', '@mention', 'anna@', 'a @ b.se', 'queue@host', 'urn:x:@y.se'])('is not seen in %j', (text) =>
    expect(hasEmailAddress(text)).toBe(false),
  );

  it('is looked for in linear time', () => {
    const hostile = 'a@'.repeat(400_000) + 'a.'.repeat(400_000);
    expect(hasEmailAddress(hostile)).toBe(false);
  });
});
