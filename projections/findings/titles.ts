import { RULES } from './rules/all.ts';

/** `R7` → 7 */
export const numberOf = (rule: string): number => Number(rule.slice(1));

/** Those that no event is judged by alone: whether there is a policy, and what is due by time passing. */
const OTHERS: Readonly<Record<string, string>> = {
  R1: 'A version of the policy was in force',
  R17: 'Kept no longer than promised',
};

const TITLES = new Map([...Object.entries(OTHERS), ...RULES.map(({ id, title }) => [id, title] as const)]);

/** Every rule by its name, in the order of their numbers. */
export const RULE_NAMES: readonly string[] = [...TITLES.keys()].sort((a, b) => numberOf(a) - numberOf(b));

/** In a few words; the name itself of a rule that this program does not know. */
export const titleOf = (rule: string): string => TITLES.get(rule) ?? rule;
