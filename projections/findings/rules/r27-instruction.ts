import { clauseOf } from '../../../src/policy/promises.ts';
import { momentBefore } from '../../../src/vocabulary/period.ts';
import { CONFORMS, isProcessing, type Rule } from './rule.ts';

const article = '29';

/** Whoever works with personal data was instructed not too long ago. */
export const R27: Rule = {
  id: 'R27',
  title: 'Whoever did it had been instructed',
  needs: ['instructions'],
  judge(event, promises, state) {
    const { instruction } = promises.policy;
    const { actor } = event.data;
    if (actor.kind !== 'human' || !instruction || !isProcessing(event, promises)) return [];
    const clause = clauseOf(instruction);
    const last = state.instructedAt(actor.reference);
    if (last === undefined) return [{ verdict: 'undeterminable', missing: ['StaffInstructed'], clause, article }];
    if (last >= momentBefore(event.time, instruction.every)) return [CONFORMS];
    return [{ verdict: 'violates', what: 'instruction-too-old', clause, article, severity: 'low' }];
  },
};
