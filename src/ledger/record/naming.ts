import type { Identifier } from '../../privacy/key-vault.ts';
import { isPersonalIdentityNumber, normaliseIdentifier } from '../../vocabulary/identifiers.ts';
import { eventTypes } from '../events.ts';
import { ACTOR_FATES, fieldsOf, SUBJECT_FATES } from './catalogue.ts';
import { isObject } from './rules.ts';

/** Shorter ones are words and numbers that stand in any text. */
const FOUND_IN_TEXT = 4;

/** Whatever may be a personal identity number, with or without its century, however its digits are set apart. */
const NUMBERS = /(?<!\d)(?:\d{2}[ .-]?)?(\d{2})[ .-]?(\d{2})[ .-]?(\d{2})[-+ \u2010-\u2013]?(\d{4})(?!\d)/g;

/** No word and no running number: a letter together with a digit, a full stop or an underscore, like `KX-778899` or `anna.berg`. */
const TELLING = /^(?=.*\p{L})(?=.*[\d._@]).{6,}$/u;

/**
 * Whether what somebody sent names one of these people. It broke the schema, so an identifier may stand anywhere in it: whatever is
 * no mere word or number, such as an e-mail address or a personal identity number, is looked for everywhere, names of members and
 * the envelope included; any other identifier where no code of the ledger's stands, as a whole or as a word of a text.
 * @param people identifiers in normalised form
 */
export function namesOneOf(event: unknown, people: readonly Identifier[]): boolean {
  const at = isObject(event) && typeof event['time'] === 'string' ? event['time'] : undefined;
  const matches = people.map((identifier) => matcherOf(identifier, at));
  const telling = matches.filter(({ isTelling }) => isTelling).map(({ test }) => test);
  const all = matches.map(({ test }) => test);
  const named = (value: unknown, tests: readonly Test[], depth: number): boolean => {
    if (typeof value === 'string') return tests.some((test) => test(value));
    if (typeof value === 'number') return tests.some((test) => test(String(value)));
    if (Array.isArray(value)) return value.some((item) => named(item, tests, depth));
    if (!isObject(value)) return false;
    return Object.entries(value).some(([name, member]) => {
      const isCode = depth === 0 ? name !== 'data' && ENVELOPE.has(name) : codeNames().has(name);
      return telling.some((test) => test(name)) || named(member, isCode ? telling : tests, depth + 1);
    });
  };
  return named(event, all, 0);
}

type Test = (text: string) => boolean;

function matcherOf({ scheme, value }: Identifier, at: string | undefined): { isTelling: boolean; test: Test } {
  const isWhole: Test = (text) => normaliseIdentifier(scheme, text, at) === value;
  if (isPersonalIdentityNumber(value)) {
    const last = value.slice(-10);
    return {
      isTelling: true,
      test: (text) =>
        text.length >= last.length &&
        readings(text).some((read) => [...read.matchAll(NUMBERS)].some((found) => found.slice(1).join('') === last)),
    };
  }
  const isTelling = TELLING.test(value);
  if (value.length < FOUND_IN_TEXT) return { isTelling, test: isWhole };
  const sought = folded(value);
  return {
    isTelling,
    test: (text) => text.length >= value.length && (readings(text).some((read) => hasWord(read, sought)) || isWhole(text)),
  };
}

/** Without case, and whatever form its characters have (Unicode NFKC): full-width ones are the same. */
const folded = (text: string): string => text.normalize('NFKC').toLowerCase();

/** A text as it stands, and as an address would be read. */
function readings(text: string): string[] {
  if (!text.includes('%')) return [folded(text)];
  // A percent sign that encodes nothing stands for itself.
  const read = text.replaceAll(/(?:%[0-9a-f]{2})+/gi, (encoded) => Buffer.from(encoded.replaceAll('%', ''), 'hex').toString());
  return [folded(text), folded(read)];
}

/** Whether it stands in the text and touches no further letter or digit. */
function hasWord(text: string, word: string): boolean {
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) {
    if (!isPartOfWord(text[at - 1]) && !isPartOfWord(text[at + word.length])) return true;
  }
  return false;
}

const isPartOfWord = (character: string | undefined): boolean => character !== undefined && /[\p{L}\p{N}]/u.test(character);

/** Attributes of the envelope, which describe the record and nobody. */
const ENVELOPE: ReadonlySet<string> = new Set([
  ...['specversion', 'source', 'id', 'type', 'time', 'datacontenttype', 'dataschema', 'sequence', 'traceparent', 'tracestate'],
]);

let codes: ReadonlySet<string> | undefined;

/** Members that hold codes, systems and organisations wherever the catalogue knows them. */
function codeNames(): ReadonlySet<string> {
  if (codes) return codes;
  const fates = [ACTOR_FATES, SUBJECT_FATES, ...eventTypes().flatMap(({ type, version }) => everyVersion(type, version))];
  const people = new Set(fates.flatMap(({ of }) => [...of].flatMap(([name, fate]) => (fate === 'clear' ? [] : [name]))));
  codes = new Set(fates.flatMap(({ clear }) => [...clear]).filter((name) => !people.has(name)));
  return codes;
}

const everyVersion = (type: string, latest: number) => Array.from({ length: latest }, (_, i) => fieldsOf(type, i + 1));
