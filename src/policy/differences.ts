/**
 * What changed from one policy to another, in words, and for whom. Everything that differs is told: what no words are made for is
 * told by its place in the document.
 */
import { comparePeriods, periodInWords } from '../vocabulary/period.ts';
import { POLICY, type Policy, type PurposeEntry, type RecipientEntry, type RetentionEntry } from './document.ts';

export interface Difference {
  /** The key of the document under which it stands. */
  section: string;
  kind: 'added' | 'removed' | 'changed';
  /** Subject categories that it is about; empty where it is about everybody. */
  whom: string[];
  words: string;
}

/** Differences in the order of the document. None exactly where both say the same. */
export function differences(before: Policy, after: Policy): Difference[] {
  const told: Difference[] = [];
  walk([], before, after, { before, after, told });
  return told.sort((a, b) => SECTIONS.indexOf(a.section) - SECTIONS.indexOf(b.section));
}

const SECTIONS = Object.keys(POLICY.fields);

interface Comparison {
  before: Policy;
  after: Policy;
  told: Difference[];
}

type Path = readonly string[];

function walk(path: Path, a: unknown, b: unknown, of: Comparison): void {
  if (isSame(a, b)) return;
  const words = TELLERS.filter(({ at }) => isAt(at, path))
    .map(({ tell }) => tell(path, a, b, of))
    .find((said) => said !== undefined);
  if (words !== undefined) {
    for (const each of Array.isArray(words) ? words : [words]) tell(path, a, b, each, of);
  } else if (isMapping(a) && isMapping(b)) {
    for (const name of new Set([...Object.keys(a), ...Object.keys(b)])) walk([...path, name], a[name], b[name], of);
  } else tell(path, a, b, plainly(path, a, b), of);
}

const isAt = (at: Path, path: Path): boolean => at.length === path.length && at.every((name, i) => name === '*' || name === path[i]);

function tell(path: Path, a: unknown, b: unknown, words: string, of: Comparison): void {
  const kind = a === undefined ? 'added' : b === undefined ? 'removed' : 'changed';
  of.told.push({ section: path[0] as string, kind, whom: concerned(path, of), words });
}

/** Words for one place of the document. Undefined leaves it to what lies below. */
interface Teller {
  at: Path;
  tell(path: Path, a: unknown, b: unknown, of: Comparison): string | string[] | undefined;
}

/** For entries that come and go; of one that stays, its parts are told. */
function entry<T>(at: Path, words: (name: string, entry: T, path: Path) => string, verbs: [added: string, removed: string]): Teller {
  return {
    at,
    tell: (path, a, b) => {
      if (a !== undefined && b !== undefined) return undefined;
      const [verb, value] = a === undefined ? [verbs[0], b] : [verbs[1], a];
      return `${verb} ${words(path.at(-1) as string, value as T, path)}`;
    },
  };
}

/** For sets, of which elements come and go. */
function elements(at: Path, added: (path: Path, names: string) => string, removed: (path: Path, names: string) => string): Teller {
  return {
    at,
    tell: (path, a, b) => {
      const [old, now] = [a ?? [], b ?? []] as [string[], string[]];
      const came = now.filter((each) => !old.includes(each));
      const went = old.filter((each) => !now.includes(each));
      return [...(came.length > 0 ? [added(path, came.join(', '))] : []), ...(went.length > 0 ? [removed(path, went.join(', '))] : [])];
    },
  };
}

function period(at: Path, words: (path: Path, of: Comparison) => string): Teller {
  return {
    at,
    tell: (path, a, b, of) => {
      if (typeof a !== 'string' || typeof b !== 'string') return undefined;
      const order = comparePeriods(b, a);
      const how = order > 0 ? 'longer' : order < 0 ? 'shorter' : 'the same length, written otherwise';
      return `${words(path, of)} ${periodInWords(b)} instead of ${periodInWords(a)} (${how})`;
    },
  };
}

const purposeWords = (name: string, { about, bases, data }: PurposeEntry) =>
  `purpose ${name}, resting on ${Object.keys(bases).join(', ')}, with data of ${dataWords(data)}: ${about}`;

const dataWords = (data: PurposeEntry['data']) =>
  Object.entries(data)
    .map(([subject, categories]) => `${subject} (${categories.join(', ')})`)
    .join('; ');

const recipientWords = (id: string, { name, role, country, purposes }: RecipientEntry) =>
  `recipient ${name} (${id}), ${role} in ${country}, for ${purposes.join(', ')}`;

const keepingWords = ({ period, trigger, same, countedFrom }: RetentionEntry) =>
  `kept for ${periodInWords(period)} after ${countedFrom === 'end-of-financial-year' ? 'the end of the financial year of ' : ''}${trigger}${same === 'case' ? ' of the same case' : ''}`;

const TELLERS: readonly Teller[] = [
  entry<object>(['clauses', '*'], (number, clause) => `clause ${number}: ${(clause as { title: string }).title}`, ['New', 'Gone:']),
  entry<object>(['subjectCategories', '*'], (name) => `category of data subjects ${name}`, ['New', 'No longer there: the']),
  entry<object>(['dataCategories', '*'], (name) => `category of data ${name}`, ['New', 'No longer there: the']),
  entry<PurposeEntry>(['purposes', '*'], purposeWords, ['New', 'Given up: the']),
  entry<string[]>(
    ['purposes', '*', 'data', '*'],
    (subject, categories, path) => `${path[1]}: data of ${subject} (${categories.join(', ')})`,
    ['Now also for', 'No longer for'],
  ),
  elements(
    ['purposes', '*', 'data', '*'],
    ([, purpose, , subject], names) => `For ${purpose}, more data of ${subject}: ${names}`,
    ([, purpose, , subject], names) => `For ${purpose}, no longer data of ${subject}: ${names}`,
  ),
  entry<object>(['purposes', '*', 'bases', '*'], (basis, _, path) => `${path[1]} may rest on ${basis}`, ['Now also:', 'No longer:']),
  entry<object>(['collection', '*'], (name, way) => wayWords(name, way as Policy['collection'][string]), ['New', 'Given up: the']),
  entry<RecipientEntry>(['recipients', '*'], recipientWords, ['New', 'No longer there: the']),
  entry<{ name: string }>(['recipients', '*', 'organisations', '*'], (id, { name }, path) => `among ${path[1]}: ${name} (${id})`, [
    'New',
    'No longer',
  ]),
  elements(
    ['recipients', '*', 'purposes'],
    ([, id], names) => `${id} may also get data for ${names}`,
    ([, id], names) => `${id} no longer gets data for ${names}`,
  ),
  {
    at: ['recipients', '*', 'country'],
    tell: ([, id], a, b) => `${id} receives data in ${b} instead of ${a}`,
  },
  entry<{ name: string; service: string }>(['processors', '*'], (id, { name, service }) => `processor ${name} (${id}): ${service}`, [
    'New',
    'No longer there: the',
  ]),
  entry<object>(['processors', '*', 'agreements', '*'], (reference, _, path) => `agreement ${reference} with ${path[1]}`, [
    'New',
    'Ended: the',
  ]),
  {
    at: ['territory', 'area'],
    tell: (_, a, b) => (b === undefined ? `Data need no longer stay within ${a}` : a === undefined ? `Data stays within ${b}` : undefined),
  },
  elements(
    ['territory', 'countries'],
    (_, names) => `Data may also be processed in ${names}`,
    (_, names) => `Data is no longer processed in ${names}`,
  ),
  entry<RetentionEntry>(['retention', '*'], (name, rule) => `rule ${name}: data for ${rule.purposes.join(', ')} is ${keepingWords(rule)}`, [
    'New',
    'Gone: the',
  ]),
  period(
    ['retention', '*', 'period'],
    ([, rule], { after }) => `Data for ${after.retention[rule as string]?.purposes.join(', ')} is kept for`,
  ),
  elements(
    ['retention', '*', 'purposes'],
    ([, rule], names) => `The rule ${rule} now also keeps data for ${names}`,
    ([, rule], names) => `The rule ${rule} no longer keeps data for ${names}`,
  ),
  entry<object>(['rights', '*'], (right) => `right: ${right}`, ['New', 'No longer spoken of, the']),
  period(['requests', 'within'], () => 'Requests are answered within'),
  period(['requests', 'extension'], () => 'Answers may be put off by'),
  period(['information', 'within'], () => 'Notices under Art. 14 are given within'),
  period(['instruction', 'every'], () => 'Staff is instructed every'),
  period(['review', 'every'], () => 'The policy is reviewed every'),
];

const wayWords = (name: string, { purposes, origins, channels }: Policy['collection'][string]) =>
  `way of collecting ${name}: from ${origins.join(', ')} by ${channels.join(', ')}, for ${purposes.join(', ')}`;

/** What is told where there are no better words. */
function plainly(path: Path, a: unknown, b: unknown): string {
  const where = path.join('.');
  if (Array.isArray(a ?? b) && Array.isArray(b ?? a)) {
    const [old, now] = [(a ?? []) as unknown[], (b ?? []) as unknown[]];
    const came = now.filter((each) => !old.includes(each)).map((each) => `with ${each}`);
    const went = old.filter((each) => !now.includes(each)).map((each) => `without ${each}`);
    return `${where}: now ${[...came, ...went].join(', ')}`;
  }
  if (a === undefined) return `${where} is new: ${shown(b)}`;
  if (b === undefined) return `${where} is gone; it was ${shown(a)}`;
  return `${where}: ${shown(b)} instead of ${shown(a)}`;
}

const shown = (value: unknown): string => (typeof value === 'string' ? `"${value}"` : JSON.stringify(value));

/** Whose data a place of the document is about, in either version. */
function concerned(path: Path, { before, after }: Comparison): string[] {
  const whom = new Set([...subjectsAt(path, before), ...subjectsAt(path, after)]);
  return [...whom].sort();
}

function subjectsAt([section, name = '', part, item]: Path, policy: Policy): string[] {
  const of = (purposes: readonly string[] = []) => purposes.flatMap((purpose) => Object.keys(policy.purposes[purpose]?.data ?? {}));
  switch (section) {
    case 'subjectCategories':
      return [name];
    case 'dataCategories':
      return Object.values(policy.purposes).flatMap(({ data }) => Object.keys(data).filter((subject) => data[subject]?.includes(name)));
    case 'purposes':
      return part === 'data' && item !== undefined ? [item] : of([name]);
    case 'collection':
      return policy.collection[name]?.subjects ?? of(policy.collection[name]?.purposes);
    case 'recipients':
      return of(policy.recipients[name]?.purposes);
    case 'processors':
      return of(Object.values(policy.processors?.[name]?.agreements ?? {}).flatMap(({ purposes }) => purposes));
    case 'retention':
      return policy.retention[name]?.subjects ?? of(policy.retention[name]?.purposes);
    case 'directMarketing':
      return of(policy.directMarketing?.purposes);
    default:
      return [];
  }
}

function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (!isMapping(a) && !Array.isArray(a)) return false;
  if (!isMapping(b) && !Array.isArray(b)) return false;
  const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>];
  const names = new Set([...Object.keys(left), ...Object.keys(right)]);
  return Array.isArray(a) === Array.isArray(b) && [...names].every((name) => isSame(left[name], right[name]));
}

const isMapping = (value: unknown): value is Record<string, unknown> =>
  value !== null && typeof value === 'object' && !Array.isArray(value);
