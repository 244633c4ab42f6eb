import { isLedgersOwn, isSource } from '../../src/vocabulary/source.ts';

describe('a source', () => {
  it.each(['urn:a', 'urn:mailit:billing', 'urn:a.b_c-d:0', `urn:${'x'.repeat(200)}`])('is %s', (text) => {
    expect(isSource(text)).toBe(true);
  });

  it.each([
    '',
    'urn:',
    'billing',
    'URN:a',
    'urn:A',
    'urn:a b',
    'urn:å',
    'urn:a\n',
    ' urn:a',
    `urn:${'x'.repeat(201)}`,
    'https://a.example',
  ])('is not %j', (text) => {
    expect(isSource(text)).toBe(false);
  });
});

it.each([
  ['urn:liggare', true],
  ['urn:liggare:keys', true],
  ['urn:liggare:', true],
  ['urn:liggaren:billing', false],
  ['urn:mailit:liggare', false],
  ['urn:mailit:urn:liggare:keys', false],
])('of %s the ledger itself is the author: %s', (source, expected) => {
  expect(isLedgersOwn(source)).toBe(expected);
});
