/** Texts in pages of HTML that stand for themselves: whatever somebody wrote is shown, and never obeyed. */

/** Control characters, among them those that turn the direction of writing, are shown and not obeyed. */
export const shown = (text: string): string =>
  text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (found) => `\\u{${(found.codePointAt(0) as number).toString(16)}}`);

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** A text as content of an element, or of an attribute in quotes. */
export const escaped = (text: string): string => shown(text).replace(/[&<>"']/g, (found) => ENTITIES[found] as string);

/** At most so many characters, none of them half. */
export const clipped = (text: string, most: number): string => (text.length > most ? `${text.slice(0, most)}…` : text).toWellFormed();

/** 12345 → `12,345`. */
export const grouped = (value: number): string => value.toLocaleString('en-US');

/** 1 → `1 event`, 12345 → `12,345 events`. */
export const several = (count: number, one: string, many: string): string => `${grouped(count)} ${count === 1 ? one : many}`;
