import { CONFORMS, type LawRule } from './rule.ts';

const IDENTIFYING = new Set(['email-in-clear', 'personal-identity-number-in-clear']);

/** A source that writes identifiers of people where they would stay for ever. The record waits in quarantine; what wrote it has to change. */
export const R30: LawRule = {
  id: 'R30',
  title: 'No identifier of a person stood in a clear field',
  needs: [],
  recordedOnly: true,
  judge({ type, data }) {
    if (type !== 'RecordQuarantined') return [];
    const problems = data['problems'];
    const [clause, article] = [null, '25(1)'];
    if (!Array.isArray(problems)) return [{ verdict: 'undeterminable', missing: ['problems'], clause, article }];
    const found = problems.some((each: { rule?: unknown }) => IDENTIFYING.has(String(each?.rule)));
    return found ? [{ verdict: 'violates', what: 'identifier-in-clear', clause, article, severity: 'high' }] : [CONFORMS];
  },
};
