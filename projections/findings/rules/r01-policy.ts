import { groupOf } from '../../../src/ledger/events.ts';
import type { Promises } from '../../../src/policy/promises.ts';
import { CONFORMS, isOurs, isProcessor, type JudgedEvent, type Outcome } from './rule.ts';

/** What sources and the ledger say of themselves stands under no policy. */
const OF_THEMSELVES = new Set(['source', 'ledger']);

/**
 * R1 · A version of the policy was in force. It is asked before all others, which need one.
 * @param promises undefined where no version had begun when the event happened
 */
export function judgePolicy({ type, data }: JudgedEvent, promises: Promises | undefined): Outcome[] {
  if (OF_THEMSELVES.has(groupOf(type) ?? '')) return [];
  if (promises === undefined) return [{ verdict: 'undeterminable', missing: ['policy'], clause: null, article: '24(2)' }];
  if (isOurs(data, promises)) return [CONFORMS];
  // As another's processor: the other's policy is not for this ledger to have (Art. 28).
  if (isProcessor(data.actor)) return [];
  return [
    {
      verdict: 'undeterminable',
      missing: ['policy of the controller'],
      clause: promises.policy.controller.clauses[0] ?? null,
      article: '24(2)',
    },
  ];
}
