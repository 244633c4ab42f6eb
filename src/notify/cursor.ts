import type { Horizon, Span } from '../../projections/findings/news.ts';

/**
 * How far somebody was told. Where a span was told in part, it says which, and what of it was told last; so that what became a finding
 * meanwhile belongs to the next one, and nothing is told twice or left out.
 */
export type Cursor = Pick<Span, 'from'> & Partial<Span>;

const VERSION = '1';
const NUMBER = /^\d{1,16}$/;
const FINDING = /^[A-Za-z0-9_-]{22}$/;

/** In one line without spaces, as an event of a stream is named by it. It holds numbers, and the id of a finding. */
export function cursorText({ from, to, last }: Cursor): string {
  const begin = [VERSION, from.position, from.moment, from.recordedAt];
  if (to === undefined || last === undefined) return begin.join('.');
  return [...begin, to.position, to.moment, ...last.place, last.finding].join('.');
}

/** Undefined for what is none: whoever sends it begins now. */
export function cursorOf(text: string): Cursor | undefined {
  const [version, ...parts] = text.split('.');
  if (version !== VERSION || (parts.length !== 3 && parts.length !== 9)) return undefined;
  const finding = parts[8];
  const numbers = parts.slice(0, 8).map((part) => (NUMBER.test(part) ? Number(part) : Number.NaN));
  if (!numbers.every(Number.isSafeInteger) || (finding !== undefined && !FINDING.test(finding))) return undefined;
  const [position, moment, recordedAt, toPosition, toMoment, at, kept, row] = numbers as [number, number, number, ...number[]];
  const from: Horizon = { position, moment, recordedAt };
  if (finding === undefined) return { from };
  const to = { position: toPosition as number, moment: toMoment as number };
  return { from, to, last: { place: [at as number, kept as number, row as number], finding } };
}
