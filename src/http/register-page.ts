/**
 * The records of processing activities as one page to read, print and hand over: no scripts, nothing from elsewhere, and every text
 * that somebody wrote escaped. It shows what the answer in JSON says, the longest lists shortened.
 */
import type {
  Activity,
  Declared,
  DeclaredAgreement,
  DeclaredOnBehalf,
  Difference,
  Observed,
  Seen,
} from '../../projections/registers/processing/activities.ts';
import { clipped, escaped, grouped, several } from '../html.ts';
import { periodInWords } from '../vocabulary/period.ts';
import type { CodeList, Vocabulary } from '../vocabulary/vocabulary.ts';
import type { ToldRegister } from './register-linked-data.ts';

/** Of one list; the answer in JSON has more. */
const MAX_LISTED = 100;
const MAX_TEXT = 500;

/** One page of a register, as a whole document. */
export function pageOf(told: ToldRegister, vocabulary: Vocabulary): string {
  return new Page(told, vocabulary).html();
}

class Page {
  readonly #told: ToldRegister;
  readonly #vocabulary: Vocabulary;

  constructor(told: ToldRegister, vocabulary: Vocabulary) {
    this.#told = told;
    this.#vocabulary = vocabulary;
  }

  html(): string {
    const { head, items, hasMore } = this.#told;
    const own = items.filter(({ capacity }) => capacity === 'controller');
    const others = Map.groupBy(
      items.filter(({ capacity }) => capacity === 'processor'),
      ({ controller }) => controller,
    );
    return [
      HEAD,
      `<h1>Records of processing activities</h1>\n<p class="under">Art. 30 GDPR${head.controller ? `, ${text(head.controller.name)}` : ''}</p>\n`,
      factsTable(this.#facts()),
      ...(hasMore ? ['<p class="note">More activities follow on another page of this answer.</p>\n'] : []),
      this.#security(),
      `<h2>As controller, Art. 30(1)</h2>\n`,
      own.length === 0 ? '<p>Nothing.</p>\n' : this.#overview(own),
      ...own.map((activity) => this.#activity(activity, 'h3')),
      '<h2>On behalf of other controllers, Art. 30(2)</h2>\n',
      others.size === 0 ? '<p>Nothing.</p>\n' : '',
      ...[...others].flatMap(([controller, theirs]) => [
        `<h3>On behalf of ${controller === undefined ? 'somebody who is not named' : text(controller)}</h3>\n`,
        this.#overview(theirs),
        ...theirs.map((activity) => this.#activity(activity, 'h4')),
      ]),
      '</body></html>\n',
    ].join('');
  }

  #facts(): [string, string][] {
    const { head, asOf, position } = this.#told;
    const { controller, policy, window, totals, earlierVersions } = head;
    return [
      ...(controller
        ? ([
            [
              'Controller',
              [controller.name, controller.registrationNumber, controller.address, controller.country].filter(Boolean).join(', '),
            ],
            ['Contact', controller.contact],
            ['Data protection officer', controller.dataProtectionOfficer ?? 'none is declared'],
            ['Supervisory authority', controller.supervisoryAuthority.name],
          ] as [string, string][])
        : []),
      [
        'Declared by',
        policy ? `${policy.title}, version ${policy.version}, in force from ${policy.effectiveFrom}` : 'no policy: none was in force',
      ],
      ...(policy ? ([['Published', `${policy.publishedAt}, SHA-256 ${policy.digest}`]] as [string, string][]) : []),
      ...(earlierVersions.length === 0
        ? []
        : ([['In force before', earlierVersions.slice(0, MAX_LISTED).map(versionInWords).join('; ')]] as [string, string][])),
      ['Observed', `from ${window.from ?? 'the beginning'} to ${window.to ?? asOf}`],
      ['As the ledger stood', `${asOf}, position ${position}`],
      [
        'Altogether',
        `${several(totals.activities, 'activity', 'activities')}: ${grouped(totals.declared)} declared, ${grouped(totals.observed)} observed, ` +
          several(totals.differences, 'difference', 'differences'),
      ],
    ];
  }

  #security(): string {
    const { declared, recorded } = this.#told.head.security;
    const rows: [string, string][] = [
      ['Declared', textsOf(declared)],
      ['Recorded', listOf(recorded.map(({ measure, ...seen }) => `${text(measure)} ${seenIn(seen, 'time', 'times')}`))],
    ];
    return `<h2>Technical and organisational measures, Art. 30(1)(g)</h2>\n${rawTable(rows)}`;
  }

  #overview(activities: readonly Activity[]): string {
    const rows = activities.map(({ purpose, declared, observed, differences, differencesLeftOut = 0 }) => {
      const cells = [
        `<td>${this.#purpose(purpose)}</td>`,
        `<td>${declared ? 'yes' : '<strong>no</strong>'}</td>`,
        `<td class="number">${grouped(observed?.events ?? 0)}</td>`,
        `<td>${observed ? moment(observed.lastAt) : 'never'}</td>`,
        `<td class="number">${grouped(differences.length + differencesLeftOut)}</td>`,
      ];
      return `<tr>${cells.join('')}</tr>\n`;
    });
    const header = ['Purpose', 'Declared', 'Events', 'Last', 'Differences'].map((name) => `<th scope="col">${name}</th>`).join('');
    return `<table class="overview"><thead><tr>${header}</tr></thead>\n<tbody>\n${rows.join('')}</tbody></table>\n`;
  }

  #activity(activity: Activity, level: 'h3' | 'h4'): string {
    const { capacity, controller, purpose, observed, differences, differencesLeftOut = 0 } = activity;
    const whose = capacity === 'controller' && controller !== undefined ? `, as controller ${text(controller)}` : '';
    const declared =
      activity.declared === null
        ? {}
        : activity.capacity === 'controller'
          ? this.#declared(activity.declared)
          : this.#onBehalf(activity.declared);
    const seen = observed === null ? {} : this.#observed(observed);
    const rows = ROWS.filter((name) => name in declared || name in seen).map(
      (name) => `<tr><th scope="row">${name}</th><td>${declared[name] ?? UNSAID}</td><td>${seen[name] ?? UNSAID}</td></tr>\n`,
    );
    const found = this.#differences(differences);
    return [
      `<section><${level}>${this.#purpose(purpose)}${whose}</${level}>\n`,
      ...(activity.capacity === 'controller' && activity.declared
        ? [`<p>${text(activity.declared.about)} ${clausesOf(activity.declared.clauses)}</p>\n`]
        : []),
      '<table class="beside"><thead><tr><td></td><th scope="col">Declared</th><th scope="col">Observed</th></tr></thead>\n<tbody>\n',
      ...rows,
      '</tbody></table>\n',
      found.length === 0
        ? '<p>What was declared and what was observed do not differ.</p>\n'
        : `<p class="differ">${several(differences.length + differencesLeftOut, 'difference', 'differences')}</p>\n${listOf(found, differencesLeftOut)}\n`,
      '</section>\n',
    ].join('');
  }

  #declared({ legalBases, data, recipients, processors, authorities, thirdCountries, retention, withoutRetention }: Declared): Cells {
    const bases = legalBases.map(({ basis, assessments = [], statutes = [], subjects = [] }) => {
      const by = [...assessments, ...statutes.map((statute) => this.#statute(statute))].map((each) => clipped(each, MAX_TEXT)).join(', ');
      const whom = subjects.length === 0 ? '' : `, for ${subjects.map((each) => this.#label('subjectCategory', each)).join(', ')}`;
      return `${this.#code('legalBasis', basis)}${by === '' ? '' : `: ${escaped(by)}`}${escaped(whom)}`;
    });
    const kept = retention.map(({ period, trigger, countedFrom, statute, subjects = [], clauses }) => {
      const start = countedFrom === 'end-of-financial-year' ? `the end of the financial year of ${trigger}` : trigger;
      const whom = subjects.length === 0 ? '' : `${subjects.map((each) => this.#label('subjectCategory', each)).join(', ')}: `;
      const by = statute === undefined ? '' : `, by ${this.#statute(statute)}`;
      return `${text(`${whom}${periodInWords(period)} after ${start}${by}`)} ${clausesOf(clauses)}`;
    });
    return {
      'Legal basis': listOf(bases),
      'Whose data, and which': listOf(data.map(({ subjectCategory, categories }) => this.#row(subjectCategory, categories))),
      Recipients: listOf([
        ...recipients.map(({ id, name, role, country, group, clauses }) => {
          const label = `${name} (${[id, this.#label('recipientRole', role), country, ...(group ? [group] : [])].join(', ')})`;
          return `${text(label)} ${clausesOf(clauses)}`;
        }),
        ...(authorities ? [`any authority, with ${text(authorities.needs.join(', '))} ${clausesOf(authorities.clauses)}`] : []),
      ]),
      Processors: listOf(
        processors.map(({ id, name, role, service, agreements, clauses }) => {
          const label = `${name} (${id}, ${this.#label('recipientRole', role)})${service === undefined ? '' : `: ${service}`}`;
          return `${text(label)} ${clausesOf(clauses)} ${listOf(agreements.map((each) => this.#agreement(each)))}`;
        }),
      ),
      Countries: text(this.#territory()),
      'Third countries': textsOf(thirdCountries),
      'Kept for': listOf([
        ...kept,
        ...(withoutRetention.length === 0
          ? []
          : [`<strong>no rule</strong>: ${text(withoutRetention.map((each) => this.#label('subjectCategory', each)).join(', '))}`]),
      ]),
    };
  }

  #onBehalf({ agreements, thirdCountries }: DeclaredOnBehalf): Cells {
    return { Agreements: listOf(agreements.map((each) => this.#agreement(each))), 'Third countries': textsOf(thirdCountries) };
  }

  #agreement({ reference, from, until, purposes, categories, countries }: DeclaredAgreement): string {
    const limits = [
      ...(purposes ? [purposes.map((each) => this.#label('purpose', each)).join(', ')] : []),
      ...(categories ? [categories.map((each) => this.#label('dataCategory', each)).join(', ')] : []),
      ...(countries ? [countries.join(', ')] : []),
    ];
    return text([reference ?? 'recorded', `from ${from}${until === undefined ? '' : ` to ${until}`}`, ...limits].join('; '));
  }

  #observed(observed: Observed): Cells {
    const { legalBases, data, recipients, thirdCountries, countries, operations, systems, leftOut } = observed;
    const rows = Map.groupBy(data, ({ subjectCategory }) => subjectCategory);
    const counted = (name: CodeList, all: readonly ({ code: string } & Seen)[]) =>
      listOf(all.map(({ code, ...seen }) => `${this.#code(name, code)} ${seenIn(seen)}`));
    return {
      'Legal basis': counted('legalBasis', legalBases),
      'Whose data, and which': listOf(
        [...rows].map(([whose, all]) =>
          this.#row(
            whose,
            all.map(({ category }) => category),
          ),
        ),
      ),
      Recipients: listOf(
        recipients.map(({ id, role, country, ...seen }) => {
          const more = [role === undefined ? undefined : this.#label('recipientRole', role), country].filter(Boolean).join(', ');
          return `${text(more === '' ? id : `${id} (${more})`)} ${seenIn(seen)}`;
        }),
        leftOut?.recipients,
      ),
      'Third countries': listOf(
        thirdCountries.map(({ country, transferTools, recipients: to, ...seen }) => {
          const tools =
            transferTools.length === 0 ? 'no transfer tool' : transferTools.map((tool) => this.#label('transferTool', tool)).join(', ');
          const whom = to.length === 0 ? '' : `, to ${to.slice(0, MAX_LISTED).join(', ')}`;
          return `${text(`${country}: ${tools}${whom}`)} ${seenIn(seen)}`;
        }),
      ),
      Countries: text(countries.map(({ code }) => code).join(', ')),
      Operations: counted('operation', operations),
      Systems: listOf(
        systems.map(({ code, ...seen }) => `${text(code)} ${seenIn(seen)}`),
        leftOut?.systems,
      ),
    };
  }

  #row(subjectCategory: string | undefined, categories: readonly string[]): string {
    const whose = subjectCategory === undefined ? 'not said whose' : this.#label('subjectCategory', subjectCategory);
    return text(`${whose}: ${categories.map((category) => this.#label('dataCategory', category)).join(', ')}`, 10 * MAX_TEXT);
  }

  /** What was declared and never observed in one line for all that is alike; what was observed, each with how often. */
  #differences(differences: readonly Difference[]): string[] {
    const never = Map.groupBy(
      differences.filter(({ direction }) => direction === 'declared-not-observed'),
      ({ of, subjectCategory, clauses }) => JSON.stringify([of, subjectCategory, clauses]),
    );
    const beyond = differences.filter(({ direction }) => direction === 'observed-not-declared');
    return [
      ...beyond.map((each) => {
        const often = `${several(each.events ?? 0, 'event', 'events')}${each.lastAt === undefined ? '' : `, last ${moment(each.lastAt)}`}`;
        return `<strong>Observed, not declared: ${this.#differing([each])}</strong> <span class="seen">${often}</span> ${clausesOf(each.clauses ?? [])}`;
      }),
      ...[...never.values()].map((alike) => `Declared, never observed: ${this.#differing(alike)} ${clausesOf(alike[0]?.clauses ?? [])}`),
    ];
  }

  /** Differences of one kind, in words: `data of customers: Name, Tax`. */
  #differing(alike: readonly Difference[]): string {
    const [{ of, subjectCategory }] = alike as [Difference];
    const list = LISTS[of];
    const whose = subjectCategory === undefined ? '' : ` of ${this.#label('subjectCategory', subjectCategory)}`;
    const values = alike.map(({ value }) => (value === '' ? 'none named' : list === undefined ? value : this.#label(list, value)));
    return text(`${NAMES[of]}${whose}: ${values.join(', ')}`, 10 * MAX_TEXT);
  }

  #purpose(purpose: string | undefined): string {
    return purpose === undefined ? 'No purpose named' : this.#code('purpose', purpose);
  }

  /** Where the policy says that everything lies. */
  #territory(): string {
    const { area, countries } = this.#told.head.territory;
    return [...(area === undefined ? [] : [area === 'EEA-30' ? 'the European Economic Area' : area]), ...countries].join(', ');
  }

  #statute(statute: string): string {
    const title = this.#told.head.statutes[statute];
    return title === undefined ? statute : `${statute} ${title}`;
  }

  /** In words, with the code behind it where that says something else. */
  #code(list: CodeList, code: string): string {
    const label = this.#vocabulary.meaning(list, code)?.label;
    return label === undefined ? text(code) : `${text(label)} <code>${text(code)}</code>`;
  }

  #label(list: CodeList, code: string): string {
    return this.#vocabulary.meaning(list, code)?.label ?? code;
  }
}

/** What a table beside has in its rows, by the name of the row: HTML. */
type Cells = Partial<Record<(typeof ROWS)[number], string>>;

const ROWS = [
  ...(['Agreements', 'Legal basis', 'Whose data, and which', 'Recipients', 'Processors', 'Countries'] as const),
  ...(['Third countries', 'Kept for', 'Operations', 'Systems'] as const),
] as const;

const NAMES: Readonly<Record<Difference['of'], string>> = {
  purpose: 'purpose',
  controller: 'controller',
  agreement: 'agreement with',
  legalBasis: 'legal basis',
  subjectCategory: 'people',
  dataCategory: 'data',
  recipient: 'recipient',
  country: 'country',
};
const LISTS: Readonly<Partial<Record<Difference['of'], CodeList>>> = {
  ...{ purpose: 'purpose', legalBasis: 'legalBasis', subjectCategory: 'subjectCategory', dataCategory: 'dataCategory' },
};

const NOTHING = '<span class="none">none</span>';
/** What one side does not speak of. */
const UNSAID = '<span class="none">–</span>';

/** A text that somebody wrote; isolated, since it may be written the other way. */
const text = (said: string, most = MAX_TEXT): string => `<bdi>${escaped(clipped(said, most))}</bdi>`;

const textsOf = (texts: readonly string[]): string => listOf(texts.map((each) => text(each)));

/** @param items HTML @param leftOut how many more there are that the answer does not list */
function listOf(items: readonly string[], leftOut = 0): string {
  if (items.length === 0) return NOTHING;
  const more = Math.max(0, items.length - MAX_LISTED) + leftOut;
  const shown = items.slice(0, MAX_LISTED).map((item) => `<li>${item}</li>`);
  return `<ul>${shown.join('')}${more > 0 ? `<li>and ${grouped(more)} more</li>` : ''}</ul>`;
}

const seenIn = ({ events, lastAt }: Seen, one = 'event', many = 'events'): string =>
  `<span class="seen">${several(events, one, many)}, last ${moment(lastAt)}</span>`;

/** The day; the whole moment for whoever looks closer. */
const moment = (at: string): string => `<time datetime="${escaped(at)}">${escaped(at.slice(0, 10))}</time>`;

const clausesOf = (clauses: readonly number[]): string =>
  clauses.length === 0
    ? ''
    : `<span class="seen">clause${clauses.length === 1 ? '' : 's'} ${clauses.slice(0, MAX_LISTED).join(', ')}</span>`;

const versionInWords = ({ version, effectiveFrom }: { version: string; effectiveFrom: string }): string =>
  `version ${version} from ${effectiveFrom}`;

const factsTable = (facts: readonly [string, string][]): string => rawTable(facts.map(([name, value]) => [name, text(value)]));

/** @param rows names, and HTML */
const rawTable = (rows: readonly [string, string][]): string =>
  `<table class="facts">\n${rows.map(([name, html]) => `<tr><th scope="row">${escaped(name)}</th><td>${html}</td></tr>\n`).join('')}</table>\n`;

/** Sent with the page, and in it for whoever keeps the file. */
export const PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

const HEAD = `<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${PAGE_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>Records of processing activities</title>
<style>
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color: #111; background: #fff; }
h1 { font-size: 1.6rem; margin-bottom: 0; } .under { margin-top: .2rem; font-size: 1.1rem; }
h2 { font-size: 1.25rem; margin-top: 2.2rem; } h3 { font-size: 1.1rem; margin: 1.8rem 0 .3rem; } h4 { font-size: 1rem; margin: 1.4rem 0 .3rem; }
h1, h2, h3, h4 { break-after: avoid; overflow-wrap: anywhere; } h2 { border-bottom: 2px solid #111; }
table { border-collapse: collapse; } th, td { text-align: start; vertical-align: top; padding: .25rem .6rem; border-bottom: 1px solid #bbb; }
td { overflow-wrap: anywhere; } tbody th, .facts th { font-weight: 600; } thead th { border-bottom: 2px solid #777; }
.number { text-align: end; font-variant-numeric: tabular-nums; }
.facts th { white-space: nowrap; }
.beside { width: 100%; table-layout: fixed; } .beside thead td, .beside tbody th { width: 9.5rem; }
time { white-space: nowrap; } section { overflow-x: auto; } .beside { min-width: 36rem; }
ul { margin: 0; padding-inline-start: 1.1rem; } p { margin: .4rem 0; } section > ul { margin-bottom: .6rem; }
code { font-size: .85em; color: #444; } .seen, .none { color: #555; font-size: .85em; } .differ { font-weight: 600; break-after: avoid; }
.note { border: 1px solid #777; padding: .5rem .8rem; }
thead { display: table-header-group; } tr, li { break-inside: avoid; } .beside tr { break-inside: auto; }
@media print { body { margin: 0; max-width: none; font-size: 9.5pt; padding: 0; } @page { size: A4; margin: 14mm; } section { overflow-x: visible; } .beside { min-width: 0; } }
</style></head><body>
`;
