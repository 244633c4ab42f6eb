import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CODES, type CodeList } from '../../src/vocabulary/codes.ts';
import { DeclaredCodesError, loadDeclaredCodes } from '../../src/vocabulary/declared-codes.ts';
import { adequacyOf, EEA, isInEea, Vocabulary } from '../../src/vocabulary/vocabulary.ts';

describe('the built-in vocabulary', () => {
  const vocabulary = Vocabulary.builtIn();

  it('knows its codes and no other', () => {
    expect(vocabulary.has('purpose', 'tax-reporting')).toBe(true);
    expect(vocabulary.has('legalBasis', '6(1)(f)')).toBe(true);
    for (const strange of ['fun', 'toString', '__proto__', 'constructor', '']) {
      expect(vocabulary.has('purpose', strange)).toBe(false);
    }
  });

  it('gives the term of DPV 2.3, and says whether it is exact', () => {
    expect(vocabulary.iri('dataCategory', 'name')).toEqual({ iri: 'https://w3id.org/dpv/pd#Name', exact: true });
    expect(vocabulary.iri('purpose', 'newsletter')).toMatchObject({
      iri: 'https://w3id.org/dpv#Marketing',
      exact: false,
    });
    expect(vocabulary.iri('dataCategory', 'company')).toBeUndefined();
    expect(vocabulary.iri('dataCategory', 'unheard-of')).toBeUndefined();
  });

  it('says of every term that is not exact what it leaves out', () => {
    for (const list of Object.keys(CODES) as CodeList[]) {
      for (const code of vocabulary.codes(list)) {
        const meaning = vocabulary.meaning(list, code);
        if (!meaning?.exact) expect([list, code, meaning?.note]).toEqual([list, code, expect.any(String)]);
      }
    }
  });

  it('never maps to a sale or to a removal that can be undone', () => {
    const iris = Object.values(CODES).flatMap((table) => Object.values(table).map((code) => code.iri));
    expect(iris).not.toContain('https://w3id.org/dpv#SellDataToThirdParties');
    expect(iris).not.toContain('https://w3id.org/dpv#Delete');
  });

  it('knows the thirty countries of the EEA', () => {
    expect(EEA).toHaveLength(30);
    expect([isInEea('SE'), isInEea('NO'), isInEea('CH'), isInEea('GB'), isInEea('US')]).toEqual([true, true, false, false, false]);
  });

  it('knows of which countries the Commission decided that they are adequate, and when', () => {
    const on = (country: string, day: string) => adequacyOf(country, day) !== undefined;
    expect([on('CH', '2018-05-25'), on('JP', '2019-01-22'), on('JP', '2019-01-23'), on('SE', '2026-01-31')]).toEqual([
      true,
      false,
      true,
      false,
    ]);
    expect([on('GB', '2031-12-27'), on('GB', '2031-12-28'), on('toString', '2026-01-31')]).toEqual([true, false, false]);
    expect(adequacyOf('US', '2020-07-16')).toMatchObject({ limited: true });
    expect([on('US', '2020-07-17'), on('US', '2023-07-10')]).toEqual([false, true]);
  });
});

describe("a controller's own codes", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'policies-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const given = (name: string, text: string) => writeFileSync(join(folder, name), text);
  const refusal = () => {
    try {
      loadDeclaredCodes(folder);
    } catch (error) {
      expect(error).toBeInstanceOf(DeclaredCodesError);
      return (error as Error).message.slice(folder.length + 1);
    }
    return undefined;
  };

  it('are added to the built-in ones, from all files', () => {
    given(
      'permits.yaml',
      `controller: a municipality
codes:
  purposes:
    permit-handling: { label: Handling permits, broader: "dpv:PublicBenefit" }
  subjectCategories:
    applicant:
`,
    );
    given('staff.yml', 'codes: { channels: { desk: { label: At the desk } }, dataCategories: { plot: { dpv: "pd:Location" } } }');
    given('notes.txt', 'codes: nothing of the sort');

    const vocabulary = Vocabulary.builtIn().with(loadDeclaredCodes(folder));

    expect(vocabulary.has('purpose', 'permit-handling')).toBe(true);
    expect(vocabulary.has('purpose', 'recruitment')).toBe(true);
    expect(vocabulary.has('subjectCategory', 'applicant')).toBe(true);
    expect(vocabulary.has('channel', 'desk')).toBe(true);
    expect(vocabulary.iri('purpose', 'permit-handling')).toEqual({ iri: 'https://w3id.org/dpv#PublicBenefit', exact: false });
    expect(vocabulary.iri('dataCategory', 'plot')).toEqual({ iri: 'https://w3id.org/dpv/pd#Location', exact: true });
    expect(Vocabulary.builtIn().has('channel', 'desk')).toBe(false);
  });

  it('may be absent', () => {
    given('empty.yaml', '');
    given('plain.yaml', 'controller: somebody');
    expect(loadDeclaredCodes(folder)).toEqual({ purposes: {}, dataCategories: {}, subjectCategories: {}, channels: {} });
  });

  it.each([
    ['a list that does not exist', 'codes:\n  colours: {}', ':2:3 '],
    ['a code in capitals', 'codes:\n  purposes:\n    Permits:', ':3:5 '],
    ['a built-in code', 'codes: { purposes: { recruitment: } }', ':1:22 '],
    ['the same code twice', 'codes: { channels: { desk: , desk: } }', ':1:30 '],
    ['a code that is __proto__', 'codes: { channels: { __proto__: } }', ':1:22 '],
    ['a meaning that is a number', 'codes: { channels: { desk: 7 } }', ':1:28 '],
    ['an unknown part of a meaning', 'codes: { channels: { desk: { colour: red } } }', ':1:30 '],
    ['an unknown prefix', 'codes: { purposes: { fun: { dpv: "x:Fun" } } }', ':1:34 '],
    ['a sale', 'codes: { purposes: { fun: { dpv: "dpv:SellDataToThirdParties" } } }', ':1:34 '],
    ['two terms', 'codes: { purposes: { fun: { dpv: "dpv:A", broader: "dpv:B" } } }', ':1:52 '],
    ['no mapping', '- codes', ':1:1 '],
    ['no YAML', 'codes: { purposes: ', ':1:20 '],
  ])('are refused with file, line and column: %s', (_, text, at) => {
    given('bad.yaml', text);
    expect(refusal()).toMatch(new RegExp(`^bad\\.yaml${at}`));
  });

  it('are refused where another file declares them too', () => {
    given('a.yaml', 'codes: { channels: { desk: } }');
    given('b.yaml', 'codes: { channels: { desk: } }');
    expect(refusal()).toBe('b.yaml:1:22 codes.channels.desk is declared twice');
  });

  it('are refused where the folder cannot be read', () => {
    expect(() => loadDeclaredCodes(join(folder, 'absent'))).toThrow(/absent cannot be read as a folder of policies/);
  });
});

describe('a vocabulary that learns', () => {
  const permit = { label: 'A permit', iri: 'https://w3id.org/dpv#PublicBenefit', exact: false };

  it('knows what it learnt, and says that it changed', () => {
    const vocabulary = Vocabulary.builtIn();
    const before = vocabulary.revision;
    vocabulary.learn({ purposes: { permit }, channels: { desk: { label: 'At the desk', exact: false } } });
    expect([vocabulary.has('purpose', 'permit'), vocabulary.has('channel', 'desk')]).toEqual([true, true]);
    expect(vocabulary.revision).not.toBe(before);
    expect(Vocabulary.builtIn().has('purpose', 'permit')).toBe(false);
  });

  it('leaves what it knows as it is, and tells what would mean something else', () => {
    const vocabulary = Vocabulary.builtIn();
    vocabulary.learn({ purposes: { permit } });
    const other = { ...permit, iri: 'https://w3id.org/dpv#Marketing' };
    expect(vocabulary.contradictions({ purposes: { permit: { ...permit, label: 'Permits' } } })).toEqual([]);
    expect(vocabulary.contradictions({ purposes: { permit: other, another: other } })).toEqual(['purposes.permit']);
    vocabulary.learn({ purposes: { permit: other, another: other } });
    expect(vocabulary.iri('purpose', 'permit')?.iri).toBe(permit.iri);
    expect(vocabulary.has('purpose', 'another')).toBe(true);
  });
});
