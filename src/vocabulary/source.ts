/** How an emitting system is named, and which names are the ledger's own. */

/** `urn:` and 1 to 200 of a-z, 0-9 and : . _ - */
export const SOURCE_PATTERN = /^urn:[a-z0-9:._-]{1,200}$/u;

/** Whether a text is written as the name of a source. */
export function isSource(text: string): boolean {
  return SOURCE_PATTERN.test(text);
}

/** What the ledger says of itself nobody else can say: whatever stands under `urn:liggare:` is its own. */
export function isLedgersOwn(source: string): boolean {
  return source === 'urn:liggare' || source.startsWith('urn:liggare:');
}
