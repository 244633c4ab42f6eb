import { stringify } from 'csv-stringify/sync';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { HttpProblem } from './problem.ts';

export interface Page {
  items: readonly object[];
  next: string | null;
  position: number;
  asOf: string;
}

const FORMS = ['application/json', 'application/x-ndjson', 'text/csv'] as const;
export type Form = (typeof FORMS)[number];

/**
 * The form in which an answer is wanted: of those named in `Accept` the one with the highest weight (RFC 9110, 12.5.1).
 * @throws HttpProblem 406 when it names none that there is.
 */
export function formOf({ headers }: Pick<FastifyRequest, 'headers'>): Form {
  const wanted = (headers.accept ?? '*/*').split(',').map(rangeOf);
  const weigh = (form: Form) => Math.max(0, ...wanted.filter(({ range }) => matches(range, form)).map(({ weight }) => weight));
  const best = FORMS.reduce((first, form) => (weigh(form) > weigh(first) ? form : first));
  if (weigh(best) > 0) return best;
  throw new HttpProblem('not-acceptable', { detail: `Answers are given as ${FORMS.join(', ')}.` });
}

function rangeOf(text: string): { range: string; weight: number } {
  const [range = '', ...parameters] = text.split(';').map((part) => part.trim().toLowerCase());
  const weight = Number(parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? 1);
  return { range, weight: Number.isNaN(weight) ? 0 : weight };
}

function matches(range: string, form: Form): boolean {
  return range === '*/*' || range === form || (range.endsWith('/*') && form.startsWith(range.slice(0, -1)));
}

/** What JSON says beside the items, NDJSON and CSV say in headers. */
export function answerAs(form: Form, { items, next, position, asOf }: Page, reply: FastifyReply): unknown {
  if (form === 'application/json') return { items, next, position, asOf };
  reply.header('liggare-position', String(position)).header('liggare-as-of', asOf);
  if (next !== null) reply.header('liggare-next', next);
  reply.type(`${form}; charset=utf-8`);
  return form === 'text/csv' ? csvOf(items) : items.map((item) => `${JSON.stringify(item)}\n`).join('');
}

/** Objects whose fields are the ledger's own and few: each gets a column of its own. Any other object is somebody's. */
const STRUCTURED: ReadonlySet<string> = new Set([
  ...['actor', 'recipient', 'target', 'replacement', 'intention', 'affectedSubjects', 'affectedRecords'],
  ...['corrected', 'corrected.by', 'corrected.replacement', 'retracted', 'retracted.by'],
]);
/** More than all types of event have together. */
const MAX_COLUMNS = 400;
/** Of whatever found no column. No field is called so. */
const FURTHER = '(further)';

/** A row, by column. */
type Cells = Map<string, string>;

/**
 * One line an item and one column a field: fields of the ledger's own objects as `recipient.id`, lists of texts joined by `;`,
 * everything else as JSON. A cell that a spreadsheet would run as a formula is preceded by an apostrophe (OWASP, CSV injection).
 */
function csvOf(items: readonly object[]): string {
  const rows = items.map((item) => addCells(new Map(), item, ''));
  const columns = new Set<string>();
  for (const row of rows) giveColumns(row, columns);
  const lines = rows.map((row) => [...columns].map((column) => row.get(column) ?? ''));
  return stringify([[...columns], ...lines], { escape_formulas: true, record_delimiter: 'windows' });
}

function addCells(cells: Cells, value: object, prefix: string): Cells {
  for (const [name, field] of Object.entries(value)) {
    const column = prefix + name;
    if (field === null || field === undefined) continue;
    if (typeof field === 'object' && !Array.isArray(field) && STRUCTURED.has(column)) addCells(cells, field, `${column}.`);
    else cells.set(column, cellOf(field));
  }
  return cells;
}

function cellOf(field: unknown): string {
  if (typeof field !== 'object') return String(field);
  return Array.isArray(field) && field.every((item) => typeof item !== 'object') ? field.join(';') : JSON.stringify(field);
}

/** Gives new fields columns while there are any; nothing is left out. */
function giveColumns(row: Cells, columns: Set<string>): void {
  const further: [string, string][] = [];
  for (const [column, cell] of row) {
    if (columns.has(column)) continue;
    if (columns.size < MAX_COLUMNS) columns.add(column);
    else further.push([column, cell]);
  }
  if (further.length === 0) return;
  columns.add(FURTHER);
  row.set(FURTHER, JSON.stringify(Object.fromEntries(further)));
}
