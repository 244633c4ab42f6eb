/**
 * Identifiers of people: how one is written so that one person is one reference, and how one is recognised where it
 * must not stand. Pure text in, text or a verdict out; no clock.
 */

/** Ten or twelve digits, a sign allowed before the last four; people also write a space or a dash there. */
const NUMBER = String.raw`((?:\d{2})?)(\d{6})([-+ \u2010-\u2013]?)(\d{4})`;
const WRITTEN_NUMBER = new RegExp(`^${NUMBER}$`);

/**
 * A candidate inside a longer text. It must not touch further letters or digits: a UUID or a long reference
 * number holds such runs by chance.
 */
const NUMBER_IN_TEXT = new RegExp(String.raw`(?<![\p{L}\p{N}])${NUMBER}(?![\p{L}\p{N}])`, 'gu');

/** One character before the sign is enough to tell an address; `%40` is the sign inside a URL. */
const EMAIL_IN_TEXT = /[^\s@,;:<>()[\]](?:@|\uFF20|%40)(?:[\p{L}\p{N}-]+\.)+\p{L}[\p{L}\p{N}-]+/iu;

/** Day numbers above this are coordination numbers' (samordningsnummer): the day of birth plus sixty. */
const COORDINATION_OFFSET = 60;

/**
 * The form under which an identifier is looked up: NFC, without white space around it; `email` in lower case;
 * `personal-identity-number` in twelve digits without a sign.
 *
 * @param at ISO 8601 time of the event, from which a ten-digit personal identity number gets its century: the latest
 *   one in which the date of birth is not after `at`. `+` stands in the number from the year in which its holder
 *   turns a hundred (folkbokföringslagen 1991:481, 18 §). Without `at`, ten digits stay ten.
 */
export function normaliseIdentifier(scheme: string, value: string, at?: string): string {
  const text = value.normalize('NFC').trim();
  if (scheme === 'email') return text.toLowerCase().normalize('NFC');
  if (scheme === 'personal-identity-number') return twelveDigits(text, at);
  return text;
}

/** Whether the whole text is a valid Swedish personal identity number or coordination number. */
export function isPersonalIdentityNumber(text: string): boolean {
  const match = WRITTEN_NUMBER.exec(text);
  return match !== null && isValidMatch(match);
}

/**
 * Whether a valid Swedish personal identity number or coordination number stands anywhere in the text: ten or twelve
 * digits, before the last four whatever an identifier may have there, a real date, the check digit right.
 */
export function hasPersonalIdentityNumber(text: string): boolean {
  if (text.length < 10) return false;
  for (const match of text.matchAll(NUMBER_IN_TEXT)) if (isValidMatch(match)) return true;
  return false;
}

/** Whether an e-mail address stands anywhere in the text. */
export function hasEmailAddress(text: string): boolean {
  return EMAIL_IN_TEXT.test(text);
}

function twelveDigits(text: string, at: string | undefined): string {
  const match = WRITTEN_NUMBER.exec(text);
  if (match === null) return text;
  const [, century, sixDigits, sign, lastFour] = match as unknown as [string, string, string, string, string];
  if (century !== '') return century + sixDigits + lastFour;
  const year = at === undefined ? undefined : yearOfBirth(sixDigits, sign, at);
  return year === undefined ? sixDigits + lastFour : String(year).padStart(4, '0') + sixDigits.slice(2) + lastFour;
}

/** Absent where the six digits are no date: such a number (an organisation's, say) has no century to complete. */
function yearOfBirth(sixDigits: string, sign: string, at: string): number | undefined {
  const now = new Date(at);
  if (Number.isNaN(now.getTime())) return undefined;
  const thisYear = now.getUTCFullYear();
  let year = thisYear - (thisYear % 100) + Number(sixDigits.slice(0, 2));
  if (year > thisYear) year -= 100;
  if (sign === '+') year -= 100;
  else if (isAfter(year, sixDigits, now)) year -= 100;
  return isRealDate(year, sixDigits) ? year : undefined;
}

function isAfter(year: number, sixDigits: string, now: Date): boolean {
  return Date.UTC(year, Number(sixDigits.slice(2, 4)) - 1, dayOf(sixDigits)) > now.getTime();
}

function dayOf(sixDigits: string): number {
  const day = Number(sixDigits.slice(4, 6));
  return day > COORDINATION_OFFSET ? day - COORDINATION_OFFSET : day;
}

function isRealDate(year: number, sixDigits: string): boolean {
  const month = Number(sixDigits.slice(2, 4));
  const day = dayOf(sixDigits);
  return month >= 1 && month <= 12 && day >= 1 && day <= new Date(Date.UTC(year, month, 0)).getUTCDate();
}

function isValidMatch(match: RegExpExecArray): boolean {
  const [, century, sixDigits, , lastFour] = match as unknown as [string, string, string, string, string];
  return isValidNumber(century, sixDigits, lastFour);
}

function isValidNumber(century: string, sixDigits: string, lastFour: string): boolean {
  if (!hasCheckDigit(sixDigits + lastFour)) return false;
  const twoDigits = Number(sixDigits.slice(0, 2));
  if (century === '') return isRealDate(1900 + twoDigits, sixDigits) || isRealDate(2000 + twoDigits, sixDigits);
  // Nobody with a number was born before the nineteenth century, nor after the twenty-first.
  return ['18', '19', '20'].includes(century) && isRealDate(Number(century) * 100 + twoDigits, sixDigits);
}

/** The Luhn sum over all ten digits, the check digit included, ends in zero (ISO/IEC 7812-1, annex B). */
function hasCheckDigit(tenDigits: string): boolean {
  let sum = 0;
  for (let i = 0; i < 10; i++) {
    const product = (tenDigits.charCodeAt(i) - 48) * (i % 2 === 0 ? 2 : 1);
    sum += product > 9 ? product - 9 : product;
  }
  return sum % 10 === 0;
}
