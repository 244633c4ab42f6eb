import { type Coverage, coverageOf, type HeardSource } from '../../src/evidence/coverage.ts';
import { Summary, type Told } from '../../src/evidence/summary.ts';
import type { Entry } from '../../src/ledger/entry.ts';

const HEARD: HeardSource = {
  ...{ source: 'urn:a:b', events: 7, firstHeardAt: '2026-02-01T00:00:00.000Z', lastHeardAt: '2026-04-01T00:00:00.000Z' },
  ...{ highestSequence: 9, missing: [], missingCount: 0, late: 0, outOfOrder: 0, quarantined: 0 },
};
const state = { position: 9, asOf: '2026-05-01T00:00:00.000Z' };
const findingsOf = (heard: Partial<HeardSource>, window: Coverage['window'] = {}) =>
  coverageOf({ items: [{ ...HEARD, ...heard }], ...state }, window).sources[0]?.findings;
const day = (text: string) => `${text}T00:00:00.000Z`;

describe('The coverage of a window', () => {
  it.each<[string, Partial<HeardSource>, Coverage['window'], string[]]>([
    ['nothing is known to be missing', {}, {}, []],
    ['it was heard of throughout', {}, { from: day('2026-02-10'), to: day('2026-03-01') }, []],
    ['it was silent: last heard before', {}, { from: day('2026-04-02') }, ['silent']],
    ['it was silent: first heard afterwards', {}, { to: day('2026-02-01') }, ['silent']],
    ['it began late', {}, { from: day('2026-01-01'), to: day('2026-03-01') }, ['began-late']],
    ['it ended early', {}, { from: day('2026-03-01'), to: day('2026-04-02') }, ['ended-early']],
    ['numbers are missing, and some were quarantined', { missing: [[3, 4]], missingCount: 2, quarantined: 1 }, {}, ['gaps', 'quarantined']],
  ])('%s', (_, heard, window, findings) => {
    expect(findingsOf(heard, window)).toEqual(findings);
  });

  it('tells of a source that the question names and nobody ever heard of, and of no other', () => {
    const { sources, ...rest } = coverageOf({ items: [HEARD], ...state }, {}, ['urn:never:heard']);
    expect(sources).toEqual([{ source: 'urn:never:heard', events: 0, missingCount: 0, quarantined: 0, findings: ['never-heard'] }]);
    expect(rest).toEqual({ window: {}, ...state });
    expect(coverageOf({ items: [HEARD], ...state }, {}, ['urn:a:b']).sources).toEqual([{ ...HEARD, findings: [] }]);
  });
});

const told: Told = {
  exportedAt: '2026-03-02T09:20:00.120Z',
  question: { about: { subject: ['q83vEjRWeJCrze8SNFZ4kA'] }, position: 9, asOf: '2026-03-02T09:19:58.001Z' },
  asked: { scope: 'case', purpose: 'rights-fulfilment', correlationId: 'c' },
  counts: { events: 1, opened: 1 },
  head: { origin: 'liggare/1', size: 9, root: Buffer.alloc(32), witnesses: [] },
  coverage: coverageOf({ items: [{ ...HEARD, missingCount: 2, missing: [[3, 4]] }], ...state }, {}),
};
const EVIL = `<script>alert(1)</script>"'&\u202egpj.exe\u0000\u2028`;
const entry = (id: string): Entry => ({
  ...{ format: 1, source: 'urn:a:b', id, time: '2026-03-02T09:14:07.120Z', version: 1 },
  data: { actor: { reference: 'AAAAAAAAAAAAAAAAAAAAAA', kind: 'human' }, subjects: [], purpose: EVIL },
});
const item = {
  leafIndex: 1,
  type: 'PersonalDataUsed',
  time: '2026-03-02T09:14:07.120Z',
  actor: { id: EVIL },
  subjects: [{ scheme: 'name', value: EVIL }],
  subjectCount: 4,
  purpose: EVIL,
};
const given = (summary = new Summary(false)) => {
  summary.count(EVIL, entry('1'));
  summary.addOpened(1, item);
  return summary;
};

describe('The summary', () => {
  it('is a page without scripts, that loads nothing and obeys nothing that stands in an event', () => {
    const page = [...given().page(told)].join('');
    expect(page).not.toMatch(/<script|<img|<link|<iframe|<object|javascript:|\son\w+=|url\(|@import|https?:/i);
    expect(page).toContain('&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;\\u{202e}gpj.exe\\u{0}\\u{2028}');
    expect(page).toContain("default-src 'none'");
    // Every element that is opened is closed.
    for (const tag of ['table', 'tr', 'td', 'th', 'bdi', 'ul', 'li', 'thead', 'tbody', 'div', 'html', 'body', 'head', 'style']) {
      expect(page.match(new RegExp(`<${tag}[ >]`, 'g'))?.length).toBe(page.match(new RegExp(`</${tag}>`, 'g'))?.length);
    }
  });

  it('says in plain text what the page says', () => {
    const text = [...given().text(told)].join('');
    for (const said of ['liggare/1', 'rights-fulfilment', '2 sequence numbers missing', 'and 3 not shown', 'no witness', 'Not proven'])
      expect(text).toContain(said);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202a-\u202e\u2028]/);
  });

  it('counts everything, and shows the first thousand', () => {
    const summary = new Summary(true);
    for (let i = 0; i < 1500; i++) {
      summary.count(`Type${i % 300}`, entry(String(i)));
      summary.addSealed(i, 'PersonalDataUsed', entry(String(i)));
    }
    const page = [...summary.page({ ...told, counts: { events: 1500 } })].join('');
    expect(page).toContain('The first 1,000 of 1,500 events');
    expect(page.match(/PersonalDataUsed/g)).toHaveLength(1000);
    expect(page).toContain('(others)');
    expect(page).toContain('by reference alone');
  });

  it('counts one as one', () => {
    const one = { ...HEARD, events: 1, missingCount: 1, missing: [[3, 3] as [number, number]] };
    const text = [...given().text({ ...told, coverage: coverageOf({ items: [one], ...state }, {}) })].join('');
    expect(text).toContain('urn:a:b: 1 event, last heard 2026-04-01T00:00:00.000Z; 1 sequence number missing\n');
    expect([...given().text(told)].join('')).toContain('7 events, last heard 2026-04-01T00:00:00.000Z; 2 sequence numbers missing\n');
  });

  it('says who was erased, and whose key is missing', () => {
    const summary = new Summary(false);
    const subjects = [{ reference: 'A', erased: true }, { reference: 'B', keyMissing: true }, { reference: 'C' }];
    summary.addOpened(1, { ...item, subjects, subjectCount: 3 });
    expect([...summary.text(told)].join('')).toContain('A (erased), B (key missing), C\n');
  });
});
