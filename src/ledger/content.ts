import { hash } from 'node:crypto';

/** What JSON can say. */
export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** Deeper than any event may be; a value nested deeper has no canonical form here. */
const MAX_DEPTH = 64;

export class NestedTooDeep extends Error {
  override name = 'NestedTooDeep';
}

/** Printable ASCII without quotation mark and backslash: stands for itself in JSON. */
const PLAIN = /^[ !#-[\]-~]*$/;

function quote(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text);
}

/**
 * The canonical form of a JSON value: RFC 8785 (JCS), members in UTF-16 code unit order, numbers as ECMAScript writes them.
 * Our own and not a library's because every event passes through it: this one takes a third of the time of the
 * maintained package, which the tests use to check it.
 * @throws NestedTooDeep beyond 64 levels.
 */
export function canonical(value: unknown, depth = 0): string {
  if (typeof value === 'string') return quote(value);
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (depth > MAX_DEPTH) throw new NestedTooDeep('nested deeper than 64 levels');
  return Array.isArray(value) ? listOf(value, depth + 1) : membersOf(value as Record<string, unknown>, depth + 1);
}

function listOf(list: readonly unknown[], depth: number): string {
  let text = '[';
  for (let i = 0; i < list.length; i++) text += i === 0 ? canonical(list[i], depth) : `,${canonical(list[i], depth)}`;
  return `${text}]`;
}

function membersOf(object: Record<string, unknown>, depth: number): string {
  const names = sortedNames(object);
  let text = '{';
  for (let i = 0; i < names.length; i++) {
    const name = names[i] as string;
    text += `${i === 0 ? '' : ','}${quotedName(name)}:${canonical(object[name], depth)}`;
  }
  return `${text}}`;
}

/** The names of fields are few and come again with every event. */
const quotedNames = new Map<string, string>();
const MAX_QUOTED = 1000;

function quotedName(name: string): string {
  let quoted = quotedNames.get(name);
  if (quoted === undefined) {
    quoted = quote(name);
    if (quotedNames.size < MAX_QUOTED && name.length < 50) quotedNames.set(name, quoted);
  }
  return quoted;
}

/** By insertion for the usual handful, where it is three times faster than `sort`. */
function sortedNames(value: object): string[] {
  const names = Object.keys(value);
  if (names.length > 24) return names.sort();
  for (let i = 1; i < names.length; i++) {
    const name = names[i] as string;
    let j = i;
    for (; j > 0 && (names[j - 1] as string) > name; j--) names[j] = names[j - 1] as string;
    names[j] = name;
  }
  return names;
}

/** Attributes of the CloudEvents distributed tracing extension: they change from one sending to the next and are no content. */
export const TRACE_ATTRIBUTES = ['traceparent', 'tracestate'] as const;

/** The content of an event: its canonical form without trace attributes. Two records are the same when this is the same. */
export function contentOf(event: Record<string, unknown>): string {
  if (!TRACE_ATTRIBUTES.some((name) => Object.hasOwn(event, name))) return canonical(event);
  const content: Record<string, unknown> = Object.create(null);
  for (const name of Object.keys(event)) if (!(TRACE_ATTRIBUTES as readonly string[]).includes(name)) content[name] = event[name];
  return canonical(content);
}

/** SHA-256 of a text, base64. */
export function digestOf(content: string): string {
  return hash('sha256', content, 'base64');
}
