/** Answers for people's eyes. What is not shown here is in `--json`. */
import { table } from './terminal.ts';

type Item = Record<string, unknown>;

/**
 * Items of an answer as a table. A timeline has columns of its own (when, what, who, whom, why, where); the rows of
 * other questions are counts by some key, and have the fields that they have.
 */
export function answerTable(question: string, items: readonly Item[], width?: number): string {
  if (question === 'timeline') return timelineTable(items, width);
  if (question === 'register') return fieldTable(items.map(activityInShort), width);
  if (question === 'retention') return retentionTable(items, width);
  if (question === 'findings') return findingsTable(items, width);
  return question === 'consents' ? consentsTable(items, width) : fieldTable(items, width);
}

/** What was found on which event, and how that stands; who said what of it is in `--json`. */
function findingsTable(items: readonly Item[], width?: number): string {
  const rows = items.map((item) => {
    const { source, id, type } = (item['event'] ?? {}) as Item;
    const { why } = (item['cleared'] ?? {}) as Item;
    const missing = list(item['missing']);
    return [
      text(item['detectedAt']).replace('T', ' '),
      join([text(item['rule']), text(item['what']).replaceAll('-', ' ') || `cannot be told: ${missing}`], ' '),
      text(item['severity']),
      join([text(item['clause']), `Art. ${text(item['article'])}`], ', '),
      join([text(item['state']), text(why).replaceAll('-', ' ')], ': '),
      join([text(type), `${text(source)}/${text(id)}`], ' '),
      party(item['actor']),
      whom(item),
      text(item['finding']),
    ];
  });
  return table(['detected', 'what', 'severity', 'clause', 'state', 'on', 'who', 'whom', 'finding'], rows, width);
}

/** The state of each purpose, and why; statements and what proves them are in `--json`. */
function consentsTable(items: readonly Item[], width?: number): string {
  const rows = items.map(({ subject, purpose, consent, objections, directMarketing }) => {
    const { state, time, textVersion, method } = (consent ?? {}) as Item;
    const { allowed, because } = (directMarketing ?? {}) as Item;
    const answer = allowed === true ? 'allowed' : allowed === false ? 'not allowed' : allowed === null ? 'cannot be told' : '';
    return [
      whom({ subjects: [subject] }),
      text(purpose),
      text(state) || 'nothing said',
      text(time).replace('T', ' '),
      join([text(textVersion), text(method)], ', '),
      (Array.isArray(objections) ? (objections as Item[]) : []).map(objection).join(', '),
      join([answer, text(because).replaceAll('-', ' ')], ': '),
    ];
  });
  return table(['whom', 'purpose', 'consent', 'since', 'text', 'objections', 'direct marketing'], rows, width);
}

/** What is to be erased by when; the event and the policy behind it are in the other forms. */
function retentionTable(items: readonly Item[], width?: number): string {
  const rows = items.map(({ state, subject, purpose, rule, clause, dueOn, openUntil, systems, hold, missing }) => {
    const { id, reviewBy, reviewOverdue } = (hold ?? {}) as Item;
    const held = hold ? `${text(id)}, review by ${text(reviewBy)}${reviewOverdue === true ? ' (overdue)' : ''}` : '';
    return [
      text(dueOn) || (openUntil ? `open until ${text(openUntil)}` : ''),
      text(state).replaceAll('-', ' '),
      whom({ subjects: [subject] }),
      text(purpose),
      join([text(rule), clause ? `clause ${text(clause)}` : ''], ', '),
      list(systems),
      join([held, missing ? `not known: ${list(missing)}` : ''], '; '),
    ];
  });
  return table(['until', 'state', 'whom', 'purpose', 'rule', 'systems', 'because'], rows, width);
}

function objection({ kind, time, decision }: Item): string {
  const outcome = text((decision as Item | null)?.['outcome']) || 'undecided';
  return `${text(kind)} ${text(time).slice(0, 10)} (${kind === '21(2)' ? 'absolute' : outcome})`;
}

/** An activity in a line; what is declared and observed of it, and how both differ, is in the other forms. */
function activityInShort({ capacity, controller, purpose, declared, observed, differences, differencesLeftOut }: Item): Item {
  const { events = 0, lastAt } = (observed ?? {}) as Item;
  const found = Array.isArray(differences) ? (differences as Item[]) : [];
  const count = (direction: string) => found.filter((each) => each['direction'] === direction).length;
  return {
    ...{ purpose, capacity, ...(controller !== undefined && { controller }), declared: declared ? 'yes' : 'no', events, lastAt },
    ...{ neverObserved: count('declared-not-observed'), notDeclared: count('observed-not-declared') },
    ...(differencesLeftOut !== undefined && { leftOut: differencesLeftOut }),
  };
}

/** `isLateRare`: lateness is worth a word; where all of a page is late, as after an import, it is not. */
type Cell = (item: Item, isLateRare: boolean) => string;

const TIMELINE: readonly [header: string, cell: Cell][] = [
  ['when', (item) => text(item['time']).replace('T', ' ')],
  ['what', (item, isLateRare) => join([what(item, isLateRare), list(item['categories'])], ': ')],
  ['who', (item) => party(item['actor'])],
  ['whom', whom],
  ['why', (item) => join([text(item['purpose']), text(item['legalBasis']), text(item['caseRef'])], ' ')],
  ['to whom', (item) => party(item['recipient'])],
  ['where', (item) => join([text(item['system']), text(item['country'])], ' ')],
];

function timelineTable(items: readonly Item[], width?: number): string {
  const isLateRare = items.some((item) => item['late'] === false);
  const rows = items.map((item) => TIMELINE.map(([, cell]) => cell(item, isLateRare)));
  // A column that says nothing on this page only takes room.
  const shown = TIMELINE.map((_, column) => column).filter((column) => column < 3 || rows.some((row) => row[column] !== ''));
  return table(
    shown.map((column) => (TIMELINE[column] as (typeof TIMELINE)[number])[0]),
    rows.map((row) => shown.map((column) => row[column] as string)),
    width,
  );
}

/** The type and how it went: `PersonalDataAccessed (view, denied)`. */
function what(item: Item, isLateRare: boolean): string {
  const marks = [item['mode'], item['outcome'] === 'ok' ? undefined : item['outcome'], item['channel'], item['method']];
  const flags = [
    item['late'] === true && isLateRare ? 'late' : '',
    item['retracted'] ? 'retracted' : '',
    item['corrected'] ? 'corrected' : '',
  ];
  const said = [...marks.map(text), ...flags].filter((mark) => mark !== '');
  return said.length > 0 ? `${text(item['type'])} (${said.join(', ')})` : text(item['type']);
}

/** `anna.berg (accountant)`; a reference where the asker may not see the name. */
function party(value: unknown): string {
  if (typeof value !== 'object' || value === null) return text(value);
  const { id, reference, role, kind, country } = value as Item;
  const name = gone(value as Item) || text(id) || text(reference) || text(kind);
  const about = join([text(role), text(country)], ', ');
  return about && name ? `${name} (${about})` : name || about;
}

/** What stands in the place of somebody who cannot be named. */
function gone({ name, erased, keyMissing }: Item): string {
  if (erased === true) return text(name) || 'erased';
  return keyMissing === true ? 'key missing' : '';
}

function whom(item: Item): string {
  const subjects = Array.isArray(item['subjects']) ? (item['subjects'] as Item[]) : [];
  const shown = subjects.slice(0, 3).map((subject) => {
    return gone(subject) || join([text(subject['scheme']), text(subject['value'])], ' ') || text(subject['reference']);
  });
  const total = Number(item['subjectCount'] ?? subjects.length);
  if (total > shown.length) shown.push(`${shown.length > 0 ? '+' : ''}${total - shown.length}${shown.length > 0 ? '' : ' people'}`);
  return shown.join(', ');
}

function fieldTable(items: readonly Item[], width?: number): string {
  const fields = [...new Set(items.flatMap((item) => Object.keys(item)))];
  const headers = fields.map((field) => field.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`));
  return table(
    headers,
    items.map((item) => fields.map((field) => (field === 'hours' ? hours(item[field]) : value(item[field])))),
    width,
  );
}

/** Counts by hour of the day, without the hours in which nothing was: `06h 3, 21h 2`. */
function hours(counts: unknown): string {
  if (!Array.isArray(counts)) return value(counts);
  const busy = counts.map((number, hour) => [hour, Number(number)] as const).filter(([, number]) => number > 0);
  return busy.map(([hour, number]) => `${String(hour).padStart(2, '0')}h ${number}`).join(', ');
}

function value(found: unknown): string {
  if (Array.isArray(found)) return found.map((each) => value(each)).join(', ');
  if (typeof found !== 'object' || found === null) return text(found);
  if ('id' in found || 'reference' in found || 'kind' in found) return party(found);
  return Object.entries(found)
    .map(([key, each]) => `${key} ${value(each)}`)
    .join(', ');
}

function list(found: unknown): string {
  return Array.isArray(found) ? found.map(text).join(', ') : text(found);
}

function text(found: unknown): string {
  if (found === undefined || found === null || typeof found === 'object') return '';
  return String(found);
}

function join(parts: readonly string[], by: string): string {
  return parts.filter((part) => part !== '').join(by);
}
