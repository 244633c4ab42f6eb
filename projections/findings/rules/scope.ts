/** What a scope of codes covers: of a restriction, an erasure. */
import type { Promises } from '../../../src/policy/promises.ts';
import { Vocabulary } from '../../../src/vocabulary/vocabulary.ts';

/** What is compared with a scope: an event, or what somebody got. */
interface Covered {
  purpose?: string | undefined;
  categories?: readonly string[] | undefined;
}

const BUILT_IN = Vocabulary.builtIn();

/** Whether a word of a scope is a code of purposes; declared ones are known from the policy. */
const isPurpose = (word: string, { policy }: Promises): boolean =>
  BUILT_IN.has('purpose', word) || Object.hasOwn(policy.purposes, word) || Object.hasOwn(policy.codes?.purposes ?? {}, word);

/** Whether it is a code of categories of data. */
export const isCategory = (word: string, { policy }: Promises): boolean =>
  BUILT_IN.has('dataCategory', word) ||
  Object.hasOwn(policy.dataCategories, word) ||
  Object.hasOwn(policy.codes?.dataCategories ?? {}, word);

/**
 * Whether a scope covers something: it says `all`, or the purpose, or one of the categories. What is missing where that cannot be told: a scope
 * in words means what only people can say.
 */
export function covers(
  scope: readonly string[],
  { purpose, categories }: Covered,
  promises: Promises,
): boolean | 'scope' | 'purpose' | 'categories' {
  if (scope.some((word) => word === 'all' || word === purpose || categories?.includes(word))) return true;
  const purposes = scope.filter((word) => isPurpose(word, promises));
  const data = scope.filter((word) => isCategory(word, promises));
  if (scope.length === 0 || scope.some((word) => !purposes.includes(word) && !data.includes(word))) return 'scope';
  if (purposes.length > 0 && purpose === undefined) return 'purpose';
  return data.length > 0 && categories === undefined ? 'categories' : false;
}
