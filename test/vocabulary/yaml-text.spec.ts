import type { Node } from 'yaml';
import { didYouMean, YAML_LIMITS, YamlText } from '../../src/vocabulary/yaml-text.ts';

const told = (text: string) => new YamlText(text).mistakes.map(({ line, column, message }) => `${line}:${column} ${message}`);

describe('a text in YAML', () => {
  it('gives its entries in order, with where their keys stand', () => {
    const yaml = new YamlText('a: 1\nb:\n  c: 007\n');
    const [a, b] = yaml.entriesOf(yaml.root, 'it');
    expect([a?.key, b?.key, b?.at]).toEqual(['a', 'b', 5]);
    const [c] = yaml.entriesOf(b?.value, 'b');
    expect(yaml.textOf(c?.value, 'c')).toBe('007');
    expect(yaml.mistakes).toEqual([]);
  });

  it('is empty without being wrong', () => {
    expect(new YamlText('# nothing yet\n')).toMatchObject({ root: null, isWrong: false });
  });

  it('tells every mistake with line and column, in the order of the text', () => {
    const yaml = new YamlText('a: 1\nb: [2]\n');
    const [a, b] = yaml.entriesOf(yaml.root, 'it');
    yaml.textOf(b?.value, 'b');
    yaml.mistake(a?.value as Node, 'wrong');
    expect(yaml.mistakes).toEqual([
      { line: 1, column: 4, message: 'wrong' },
      { line: 2, column: 4, message: 'b is a text' },
    ]);
  });

  it('is not read on where it is no YAML', () => {
    expect(told('a: [1')[0]).toMatch(/^1:6 /);
    expect(told('a: 1\na: 2')[0]).toMatch(/^2:1 .*unique/);
    expect(new YamlText('a: [1').root).toBeNull();
  });

  it('has no aliases, by which a short text becomes a long one', () => {
    expect(told('a: &x [1]\nb: *x')).toEqual(['2:4 aliases (*) are not read: write out what stands at the anchor']);
  });

  it.each([
    ['lists in lists', '['.repeat(20_000)],
    ['lists in lists, by dashes', '- '.repeat(10_000)],
    ['mappings in mappings', '{a: '.repeat(20_000)],
  ])('is refused where it is too deep: %s', (_, text) => {
    expect(told(text)).toEqual([expect.stringContaining(`nested more than ${YAML_LIMITS.depth} deep`)]);
  });

  it('is refused where it is too long, or has too many values', () => {
    expect(told(`a: ${'x'.repeat(YAML_LIMITS.characters)}`)).toEqual([expect.stringContaining('1:1 the text has more than')]);
    expect(told(`[${'1,'.repeat(YAML_LIMITS.nodes + 1)}]`)).toEqual([expect.stringContaining('more than 50000 values')]);
  });
});

describe('a name that is not known', () => {
  it('leads to the one that was probably meant', () => {
    expect(didYouMean('tax-reportin', ['payment', 'tax-reporting'])).toBe(' (did you mean tax-reporting?)');
    expect(didYouMean('shoes', ['payment', 'tax-reporting'])).toBe('');
  });
});
