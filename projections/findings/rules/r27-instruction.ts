import { dueAfter } from '../../../src/policy/due.ts';
import { clauseOf } from '../../../src/policy/promises.ts';
import { CONFORMS, isProcessing, isProcessor, NOBODY, type Rule } from './rule.ts';

const article = '29';

/** Whoever works with personal data was instructed not too long ago. */
export const R27: Rule = {
  id: 'R27',
  title: 'Whoever did it had been instructed',
  needs: ['instructions'],
  judge(event, promises, state) {
    const { instruction } = promises.policy;
    const { actor } = event.data;
    if (!instruction || !isProcessing(event, promises)) return [];
    const clause = clauseOf(instruction);
    if (actor.kind === NOBODY.kind) return [{ verdict: 'undeterminable', missing: ['actor'], clause, article }];
    // A processor instructs its own.
    if (actor.kind !== 'human' || isProcessor(actor)) return [];
    const last = state.instructedAt(actor.reference);
    if (last === undefined) return [{ verdict: 'undeterminable', missing: ['StaffInstructed'], clause, article }];
    if (event.time <= dueAfter(last, instruction.every)) return [CONFORMS];
    return [{ verdict: 'violates', what: 'instruction-too-old', clause, article, severity: 'low' }];
  },
};
