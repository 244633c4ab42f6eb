import { CONFORMS, type Rule } from './rule.ts';

const OF_A_RECORD = new Set(['RecordCorrected', 'RecordRetracted']);

/** Nobody approves their own correction. */
export const R32: Rule = {
  id: 'R32',
  title: 'Somebody else approved the correction',
  needs: [],
  recordedOnly: true,
  judge({ type, data }) {
    if (!OF_A_RECORD.has(type)) return [];
    const approver = data['approver'];
    const [clause, article] = [null, '5(1)(f)'];
    if (approver === undefined) return [{ verdict: 'undeterminable', missing: ['approver'], clause, article }];
    const isSelf = approver === data.actor.reference || approver === data.actor.onBehalfOf;
    return isSelf ? [{ verdict: 'violates', what: 'approved-by-actor', clause, article, severity: 'high' }] : [CONFORMS];
  },
};
