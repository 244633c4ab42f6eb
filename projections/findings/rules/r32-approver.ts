import { CONFORMS, type LawRule, textOf } from './rule.ts';

const OF_A_RECORD = new Set(['RecordCorrected', 'RecordRetracted']);

/** Nobody approves their own correction. */
export const R32: LawRule = {
  id: 'R32',
  title: 'Somebody else approved the correction',
  needs: ['people'],
  recordedOnly: true,
  judge({ type, data }, _promises, state) {
    if (!OF_A_RECORD.has(type)) return [];
    const approver = textOf(data['approver']);
    const [clause, article] = [null, '5(1)(f)'];
    if (approver === undefined) return [{ verdict: 'undeterminable', missing: ['approver'], clause, article }];
    const { reference, onBehalfOf = reference } = data.actor;
    const isSelf = [reference, onBehalfOf].some((each) => state.isSamePerson(approver, each));
    return isSelf ? [{ verdict: 'violates', what: 'approved-by-actor', clause, article, severity: 'high' }] : [CONFORMS];
  },
};
