/**
 * The bundle for people: a page that prints, and the same in plain text. Counts of everything, and the first events in a table. It
 * says what the other files say, and proves nothing.
 */
import { clipped as clippedTo, escaped, grouped, several, shown } from '../html.ts';
import type { Entry } from '../ledger/entry.ts';
import type { Coverage, CoverageFinding } from './coverage.ts';
import type { Manifest } from './format.ts';

/** Events that stand in the table; all of them are counted. */
const MAX_ROWS = 1_000;
/** Different values of one kind that are counted apart. */
const MAX_VALUES = 200;
const MAX_CELL = 300;

export interface Told extends Pick<Manifest, 'exportedAt' | 'question' | 'asked' | 'counts'> {
  head: { origin: string; size: number; root: Buffer; witnesses: readonly string[] };
  coverage: Coverage;
  completeness?: Completeness;
}

/** How many leaves of a tree name a person (README, "completeness.json"). */
export interface Completeness {
  subjects: readonly string[];
  leaves: number;
  treeHead: { origin: string; size: number; root: string; note: string };
}

const COLUMNS = ['Leaf', 'Time', 'Type', 'Who', 'Whom', 'What', 'Why', 'To whom', 'Where'] as const;
const TIME = COLUMNS.indexOf('Time');

const PROVEN = [
  'Proven, with nothing but the public key of the ledger: every event in events.ndjson stood in the ledger when the tree head was signed, exactly as it stands there.',
  'Stated by the ledger and signed with the manifest: what the sealed parts say when they are opened, how complete the sources were, and that these are all the events that match the question.',
  'Not proven: that a source reported everything, or that what it reported is true.',
];

const FINDINGS: Readonly<Record<CoverageFinding, string>> = {
  'never-heard': 'never heard of',
  silent: 'nothing heard within the window',
  'began-late': 'first heard after the window began',
  'ended-early': 'last heard before the window ended',
  gaps: 'sequence numbers missing',
  quarantined: 'items came into quarantine',
};

export class Summary {
  readonly #isSealed: boolean;
  readonly #counts = {
    Type: new Count(),
    Source: new Count(),
    Purpose: new Count(),
    'Legal basis': new Count(),
    Recipient: new Count(),
    System: new Count(),
  };
  readonly #rows: string[][] = [];
  #first = '';
  #last = '';

  /** @param isSealed nothing is opened: people are references */
  constructor(isSealed: boolean) {
    this.#isSealed = isSealed;
  }

  count(type: string, { source, time, data }: Entry): void {
    this.#first = this.#first === '' || time < this.#first ? time : this.#first;
    this.#last = time > this.#last ? time : this.#last;
    this.#counts.Type.add(type);
    this.#counts.Source.add(source);
    this.#counts.Purpose.add(data.purpose);
    this.#counts['Legal basis'].add(data.legalBasis);
    this.#counts.Recipient.add(data.recipient?.id ?? data.recipient?.role);
    this.#counts.System.add(data.system);
  }

  addSealed(leafIndex: number, type: string, { time, data }: Entry): void {
    this.#row(leafIndex, { ...data, type, time });
  }

  addOpened(leafIndex: number, item: object): void {
    this.#row(leafIndex, item);
  }

  #row(leafIndex: number, shown: Shown): void {
    if (this.#rows.length === MAX_ROWS) return;
    const { time, type, actor, subjects = [], subjectCount, categories = [], purpose, legalBasis, recipient, system, country } = shown;
    const others = (subjectCount ?? subjects.length) - subjects.length;
    const whom = [...subjects.slice(0, 10).map(nameOf), ...(subjects.length > 10 ? [`and ${subjects.length - 10} more`] : [])];
    if (others > 0) whom.push(`and ${others} not shown`);
    const cells = [
      String(leafIndex),
      time,
      type,
      [actor && nameOf(actor), actor?.role && `(${actor.role})`].filter(Boolean).join(' '),
      whom.join(', '),
      categories.join(', '),
      [purpose, legalBasis].filter(Boolean).join(', '),
      recipient?.id ?? recipient?.role,
      [system, country].filter(Boolean).join(', '),
    ];
    this.#rows.push(cells.map((cell) => clipped(String(cell ?? ''))));
  }

  /** Plain text, in lines. */
  *text(told: Told): Generator<string> {
    yield `EVIDENCE FROM THE LEDGER ${shown(told.head.origin)}\n\n`;
    for (const [name, value] of this.#facts(told)) yield `${name.padEnd(20)}${shown(value)}\n`;
    yield '\nWHAT IT PROVES\n';
    for (const line of PROVEN) yield `  - ${line}\n`;
    for (const [name, values] of this.#counted()) {
      yield `\n${name.toUpperCase()}\n`;
      for (const [value, count] of values) yield `  ${grouped(count).padStart(9)}  ${shown(value)}\n`;
    }
    yield '\nSOURCES\n';
    for (const [source, found] of sourcesOf(told.coverage)) yield `  ${shown(source)}: ${shown(found)}\n`;
    yield `\n${this.#tableTitle(told).toUpperCase()}\n`;
    for (const row of this.#rows) {
      yield `\n  leaf ${row[0]}\n`;
      for (const [i, cell] of row.entries()) if (i > 0 && cell !== '') yield `    ${(COLUMNS[i] as string).padEnd(9)}${shown(cell)}\n`;
    }
  }

  /** One page of HTML without scripts and without anything from elsewhere. */
  *page(told: Told): Generator<string> {
    yield `${HEAD}<h1>Evidence from the ledger <bdi>${escaped(told.head.origin)}</bdi></h1>\n<table class="facts">\n`;
    for (const [name, value] of this.#facts(told))
      yield `<tr><th scope="row">${escaped(name)}</th><td><bdi>${escaped(value)}</bdi></td></tr>\n`;
    yield `</table>\n<h2>What it proves</h2>\n<ul>${PROVEN.map((line) => `<li>${escaped(line)}</li>`).join('')}</ul>\n`;
    yield '<h2>Counts</h2>\n<div class="counts">\n';
    for (const [name, values] of this.#counted()) {
      yield `<table><caption>${escaped(name)}</caption>\n`;
      for (const [value, count] of values)
        yield `<tr><td><bdi>${escaped(value)}</bdi></td><td class="number">${grouped(count)}</td></tr>\n`;
      yield '</table>\n';
    }
    yield '</div>\n<h2>Sources</h2>\n<table><thead><tr><th>Source</th><th>How complete it was</th></tr></thead>\n<tbody>\n';
    for (const [source, found] of sourcesOf(told.coverage))
      yield `<tr><td><bdi>${escaped(source)}</bdi></td><td>${escaped(found)}</td></tr>\n`;
    yield `</tbody></table>\n<h2>${escaped(this.#tableTitle(told))}</h2>\n<table class="events"><thead><tr>`;
    yield `${COLUMNS.map((name) => `<th>${name}</th>`).join('')}</tr></thead>\n<tbody>\n`;
    for (const row of this.#rows)
      yield `<tr>${row.map((cell, i) => `<td><bdi>${i === TIME ? moment(cell) : escaped(cell)}</bdi></td>`).join('')}</tr>\n`;
    yield '</tbody></table>\n</body></html>\n';
  }

  #facts({ exportedAt, question, asked, counts, head, completeness }: Told): [string, string][] {
    const about = Object.entries(question.asAsked ?? question.about).map(([axis, value]) => `${axis}: ${inWords(value)}`);
    return [
      ['Exported', exportedAt],
      ['By a key of scope', asked.scope],
      ['Purpose', asked.purpose],
      ['About', about.length === 0 ? 'everything' : about.join('; ')],
      ['As the ledger stood', question.asOf],
      ['Events', grouped(counts.events)],
      ...facts(counts.events > 0 && ['Happened', `${this.#first} to ${this.#last}`]),
      ['People', this.#isSealed ? 'by reference alone: nothing is opened' : 'as far as who asked may see them'],
      ['Tree head', `${several(head.size, 'leaf', 'leaves')}, root ${head.root.toString('base64')}`],
      ['Cosigned by', head.witnesses.length === 0 ? 'no witness' : head.witnesses.join(', ')],
      ...facts(
        completeness && [
          'Completeness',
          `${grouped(completeness.leaves)} of the first ${grouped(completeness.treeHead.size)} leaves ${completeness.leaves === 1 ? 'names' : 'name'} this person`,
        ],
      ),
    ];
  }

  #counted(): [string, [string, number][]][] {
    return Object.entries(this.#counts).flatMap(([name, count]) => (count.isEmpty ? [] : [[name, count.sorted()]]));
  }

  #tableTitle({ counts }: Told): string {
    return counts.events <= MAX_ROWS ? 'Events' : `The first ${grouped(MAX_ROWS)} of ${grouped(counts.events)} events`;
  }
}

/** What a table needs of an entry or an item; both have these names. */
interface Shown {
  time?: string;
  type?: string;
  actor?: Person & { role?: string };
  subjects?: Person[];
  subjectCount?: number;
  categories?: string[];
  purpose?: string;
  legalBasis?: string;
  recipient?: { id?: string; role?: string };
  system?: string;
  country?: string;
}

interface Person {
  id?: string;
  name?: string;
  scheme?: string;
  value?: string;
  reference?: string;
  erased?: boolean;
  keyMissing?: boolean;
}

function nameOf({ id, name, scheme, value, reference, erased, keyMissing }: Person): string {
  const who = scheme !== undefined ? `${scheme} ${value}` : (id ?? name ?? reference ?? '');
  if (erased) return `${who} (erased)`;
  return keyMissing ? `${who} (key missing)` : who;
}

/** Counts values up to a number of different ones. */
class Count {
  readonly #values = new Map<string, number>();
  #others = 0;

  add(value: unknown): void {
    if (typeof value !== 'string') return;
    const key = clipped(value);
    if (this.#values.has(key) || this.#values.size < MAX_VALUES) this.#values.set(key, (this.#values.get(key) ?? 0) + 1);
    else this.#others++;
  }

  get isEmpty(): boolean {
    return this.#values.size === 0;
  }

  sorted(): [string, number][] {
    const values = [...this.#values].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
    return this.#others > 0 ? [...values, ['(others)', this.#others]] : values;
  }
}

function sourcesOf({ sources }: Coverage): [string, string][] {
  return sources.map(({ source, events, lastHeardAt, missingCount, findings }) => {
    const found = findings.map((finding) =>
      finding === 'gaps' ? several(missingCount, 'sequence number missing', FINDINGS.gaps) : FINDINGS[finding],
    );
    const heard = lastHeardAt === undefined ? '' : `${several(events, 'event', 'events')}, last heard ${lastHeardAt}; `;
    return [source, `${heard}${found.length === 0 ? 'nothing is known to be missing' : found.join(', ')}`];
  });
}

const facts = (fact: [string, string] | false | undefined): [string, string][] => (fact ? [fact] : []);

function inWords(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? 'nobody that the ledger knows' : value.map(inWords).join(' or ');
  if (typeof value !== 'object' || value === null) return String(value);
  return nameOf(value);
}

const clipped = (text: string): string => clippedTo(text, MAX_CELL);

/** A moment that is broken between day and time alone. */
const moment = (text: string): string =>
  text
    .split(/(?<=T)(?=\d)/)
    .map((part) => `<span>${escaped(part)}</span>`)
    .join('<wbr>');

const HEAD = `<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>Evidence from the ledger</title>
<style>
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; color: #111; background: #fff; }
h1 { font-size: 1.5rem; overflow-wrap: anywhere; } h2 { font-size: 1.15rem; margin-top: 2rem; break-after: avoid; }
table { border-collapse: collapse; } th, td { text-align: start; vertical-align: top; padding: .2rem .6rem; border-bottom: 1px solid #bbb; }
td { overflow-wrap: anywhere; } th { white-space: nowrap; }
caption { text-align: start; font-weight: 600; padding: .4rem .6rem; } .number { text-align: end; font-variant-numeric: tabular-nums; }
.counts { display: flex; flex-wrap: wrap; gap: 1rem 2rem; align-items: flex-start; }
.events { width: 100%; font-size: .8rem; } .events th, .events td { padding: .2rem .4rem; } .events td { min-width: 5.2rem; }
.events td:nth-child(-n+3) { min-width: 0; overflow-wrap: break-word; } .events span { white-space: nowrap; }
thead { display: table-header-group; } tr { break-inside: avoid; }
@media print { body { margin: 0; max-width: none; font-size: 10pt; padding: 0; } @page { size: A4 landscape; margin: 12mm; } }
</style></head><body>
`;
