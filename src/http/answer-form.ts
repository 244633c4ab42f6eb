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

/**
 * One line an item and one column a field: fields of objects as `recipient.id`, lists of texts joined by `;`, lists of objects as
 * JSON. A cell that a spreadsheet would run as a formula is preceded by an apostrophe (OWASP, CSV injection).
 */
function csvOf(items: readonly object[]): string {
  const rows = items.map((item) => flat(item, ''));
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  return stringify(rows, { header: true, columns, escape_formulas: true, record_delimiter: 'windows' });
}

function flat(value: object, prefix: string): Record<string, string> {
  const row: Record<string, string> = {};
  for (const [name, field] of Object.entries(value)) {
    if (field === null || field === undefined) continue;
    if (Array.isArray(field)) row[prefix + name] = listOf(field);
    else if (typeof field === 'object') Object.assign(row, flat(field, `${prefix}${name}.`));
    else row[prefix + name] = String(field);
  }
  return row;
}

function listOf(list: readonly unknown[]): string {
  return list.every((item) => typeof item !== 'object') ? list.join(';') : JSON.stringify(list);
}
