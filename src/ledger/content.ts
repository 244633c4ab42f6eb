import { hash } from 'node:crypto';

/** What JSON can say. */
export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** Deeper than any event may be; a value nested deeper has no canonical form here. */
const MAX_DEPTH = 64;

export class NestedTooDeep extends Error {
  override name = 'NestedTooDeep';
}

/**
 * Where a canonical form is written. In bytes, because these are what is counted and hashed: its text, of some sixty pieces,
 * is never needed and cost more than all the rest.
 */
let bytes = Buffer.allocUnsafeSlow(64 * 1024);
let end = 0;
/** A larger one is given back. */
const KEPT_BYTES = 1024 * 1024;

/**
 * The canonical form of a JSON value: RFC 8785 (JCS), members in UTF-16 code unit order, numbers as ECMAScript writes them.
 * Our own and not a library's because every event passes through it: this one takes a fifth of the time of the
 * maintained package, which the tests use to check it.
 * @throws NestedTooDeep beyond 64 levels.
 */
export function canonical(value: unknown): string {
  return canonicalBytes(value).toString();
}

/** The canonical form in UTF-8, until the next call of this or `canonical`. @throws NestedTooDeep */
export function canonicalBytes(value: unknown): Buffer {
  begin();
  write(value, 0);
  return bytes.subarray(0, end);
}

/** As `canonicalBytes`, of an object as if it had no member of this name: to make one without it takes longer than all the rest. */
export function canonicalBytesWithout(member: string, object: Record<string, unknown>): Buffer {
  begin();
  writeMembers(object, 1, member);
  return bytes.subarray(0, end);
}

function begin(): void {
  if (bytes.length > KEPT_BYTES) bytes = Buffer.allocUnsafeSlow(KEPT_BYTES);
  end = 0;
}

function write(value: unknown, depth: number): void {
  if (typeof value === 'string') writeQuoted(value);
  else if (value === null || typeof value !== 'object') writeText(JSON.stringify(value));
  else if (depth > MAX_DEPTH) throw new NestedTooDeep('nested deeper than 64 levels');
  else if (Array.isArray(value)) writeList(value, depth + 1);
  else writeMembers(value as Record<string, unknown>, depth + 1);
}

function writeList(list: readonly unknown[], depth: number): void {
  writeByte(OPEN_LIST);
  for (let i = 0; i < list.length; i++) {
    if (i > 0) writeByte(COMMA);
    write(list[i], depth);
  }
  writeByte(CLOSE_LIST);
}

function writeMembers(object: Record<string, unknown>, depth: number, without?: string): void {
  const names = sortedNames(object);
  let isFirst = true;
  writeByte(OPEN_OBJECT);
  for (let i = 0; i < names.length; i++) {
    const name = names[i] as string;
    if (name === without) continue;
    if (!isFirst) writeByte(COMMA);
    isFirst = false;
    writeQuoted(name);
    writeByte(COLON);
    write(object[name], depth);
  }
  writeByte(CLOSE_OBJECT);
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_LIST = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** Printable ASCII without quotation mark and backslash stands for itself; for anything else, JSON says how it is written. */
function writeQuoted(text: string): void {
  reserve(text.length + 2);
  let at = end;
  bytes[at++] = QUOTE;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x20 || code > 0x7e || code === QUOTE || code === BACKSLASH) {
      writeText(JSON.stringify(text));
      return;
    }
    bytes[at++] = code;
  }
  bytes[at++] = QUOTE;
  end = at;
}

function writeText(text: string): void {
  // In UTF-8, no UTF-16 code unit takes more than three bytes.
  reserve(text.length * 3);
  end += bytes.write(text, end);
}

function writeByte(byte: number): void {
  reserve(1);
  bytes[end++] = byte;
}

function reserve(more: number): void {
  if (end + more <= bytes.length) return;
  const grown = Buffer.allocUnsafeSlow(Math.max(end + more, bytes.length * 2));
  bytes.copy(grown, 0, 0, end);
  bytes = grown;
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

/** What an event says: two records are the same when this is the same. */
export interface Content {
  /** SHA-256 of its canonical form without trace attributes, base64. */
  digest: string;
  /** Length of that form in UTF-8. */
  bytes: number;
}

/** The content of an event; undefined where it is nested too deep, or longer than `maxBytes`. */
export function contentOf(event: Record<string, unknown>, maxBytes: number): Content | undefined {
  try {
    const form = canonicalBytes(withoutTrace(event));
    return form.length > maxBytes ? undefined : { digest: hash('sha256', form, 'base64'), bytes: form.length };
  } catch (error) {
    if (error instanceof NestedTooDeep) return undefined;
    throw error;
  }
}

function withoutTrace(event: Record<string, unknown>): Record<string, unknown> {
  if (!TRACE_ATTRIBUTES.some((name) => Object.hasOwn(event, name))) return event;
  const content: Record<string, unknown> = Object.create(null);
  for (const name of Object.keys(event)) if (!(TRACE_ATTRIBUTES as readonly string[]).includes(name)) content[name] = event[name];
  return content;
}
