import { stringify } from 'csv-stringify/sync';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { HttpProblem } from './problem.ts';

export interface Page {
  items: readonly object[];
  next: string | null;
  position: number;
  asOf: string;
  /** What JSON alone says beside all that. */
  further?: Readonly<Record<string, unknown>>;
}

export const FORMS = ['application/json', 'application/x-ndjson', 'text/csv'] as const;
export type Form = (typeof FORMS)[number];

/**
 * The form in which an answer is wanted: of those named in `Accept` the one with the highest weight (RFC 9110, 12.5.1).
 * @param forms those that there are, the usual one first
 * @throws HttpProblem 406 when it names none that there is.
 */
export function formOf<F extends string = Form>(
  { headers }: Pick<FastifyRequest, 'headers'>,
  forms = FORMS as readonly string[] as readonly F[],
): F {
  const wanted = (headers.accept ?? '*/*').split(',').map(rangeOf);
  const weigh = (form: F) => Math.max(0, ...wanted.filter(({ range }) => matches(range, form)).map(({ weight }) => weight));
  const best = forms.reduce((first, form) => (weigh(form) > weigh(first) ? form : first));
  if (weigh(best) > 0) return best;
  throw new HttpProblem('not-acceptable', { detail: `Answers are given as ${forms.join(', ')}.` });
}

function rangeOf(text: string): { range: string; weight: number } {
  const [range = '', ...parameters] = text.split(';').map((part) => part.trim().toLowerCase());
  const weight = Number(parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? 1);
  return { range, weight: Number.isNaN(weight) ? 0 : weight };
}

function matches(range: string, form: string): boolean {
  return range === '*/*' || range === form || (range.endsWith('/*') && form.startsWith(range.slice(0, -1)));
}

/** What JSON says beside the items, NDJSON and CSV say in headers. `columns` are those of the question as CSV. */
export function answerAs(
  form: Form,
  { items, next, position, asOf, further }: Page,
  columns: readonly string[],
  reply: FastifyReply,
): unknown {
  if (form === 'application/json') return { items, next, position, asOf, ...further };
  reply.header('liggare-position', String(position)).header('liggare-as-of', asOf);
  if (next !== null) reply.header('liggare-next', next);
  reply.type(`${form}; charset=utf-8`);
  return form === 'text/csv' ? csvOf(items, columns) : items.map((item) => `${JSON.stringify(item)}\n`).join('');
}

/** Whatever has no column of its own, as one JSON object. No field is called so. */
const FURTHER = '(further)';

/**
 * One line an item. The columns are the question's, whatever the items hold, so that pages can be put together: fields of objects
 * as `recipient.id`, lists of texts joined by `;`, other values as JSON, and what has no column in the last one. A cell that a
 * spreadsheet would run as a formula is preceded by an apostrophe (OWASP, CSV injection).
 */
function csvOf(items: readonly object[], columns: readonly string[]): string {
  const structured = new Set(columns.flatMap(parentsOf));
  const lines = items.map((item) => {
    const cells = cellsOf(item, structured);
    const line = columns.map((column) => textOf(cells.get(column)));
    for (const column of columns) cells.delete(column);
    return [...line, cells.size > 0 ? JSON.stringify(Object.fromEntries(cells)) : ''];
  });
  return stringify([[...columns, FURTHER], ...lines], { escape_formulas: true, record_delimiter: 'windows' });
}

/** `corrected.by.id` → `corrected`, `corrected.by` */
function parentsOf(column: string): string[] {
  const names = column.split('.');
  return names.slice(1).map((_, i) => names.slice(0, i + 1).join('.'));
}

/** Fields by column; objects are taken apart only where a column asks for a part of them. */
function cellsOf(value: object, structured: ReadonlySet<string>, prefix = '', cells = new Map<string, unknown>()): Map<string, unknown> {
  for (const [name, field] of Object.entries(value)) {
    const column = prefix + name;
    if (field === null || field === undefined) continue;
    if (typeof field === 'object' && !Array.isArray(field) && structured.has(column)) cellsOf(field, structured, `${column}.`, cells);
    else cells.set(column, field);
  }
  return cells;
}

function textOf(field: unknown): string {
  if (field === undefined) return '';
  if (typeof field !== 'object') return String(field);
  return Array.isArray(field) && field.every((item) => typeof item !== 'object') ? field.join(';') : JSON.stringify(field);
}
