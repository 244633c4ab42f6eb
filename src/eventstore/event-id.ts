import { InvalidWrite } from './event-store.ts';

/** Length of an event id in its stored form. */
export const EVENT_ID_BYTES = 16;

const HYPHENS = new Set([8, 13, 18, 23]);
/** Where the 32 hexadecimal digits of a UUID stand in its text. */
const DIGITS = Array.from({ length: 36 }, (_, at) => at).filter((at) => !HYPHENS.has(at));
const NIBBLE = new Int8Array(128).fill(-1);
for (let value = 0; value < 16; value++) NIBBLE[value.toString(16).charCodeAt(0)] = value;

/**
 * Writes the 16 bytes of a UUID version 7 (RFC 9562) to `target`. Lower case only, so that an id has one text.
 * Other versions are refused because ids that do not grow with time turn every append into a random page of the id index.
 * @throws InvalidWrite when `text` is anything else.
 */
export function writeEventId(text: string, target: Uint8Array, offset: number): void {
  let valid = text.length === 36 && text[8] === '-' && text[13] === '-' && text[18] === '-' && text[23] === '-' && text[14] === '7';
  for (let i = 0; valid && i < 32; i += 2) {
    const high = nibble(text, DIGITS[i] as number);
    const low = nibble(text, DIGITS[i + 1] as number);
    valid = high >= 0 && low >= 0;
    target[offset + (i >> 1)] = (high << 4) | low;
  }
  // The variant of RFC 9562: the two highest bits of the ninth byte are 10.
  if (!valid || ((target[offset + 8] as number) & 0xc0) !== 0x80)
    throw new InvalidWrite('an event id must be a UUID version 7 in lower case');
}

function nibble(text: string, at: number): number {
  return NIBBLE[text.charCodeAt(at)] ?? -1;
}

/** The text of an id's 16 bytes. */
export function eventIdText(bytes: Buffer): string {
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
