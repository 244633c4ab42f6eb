import { SKEW_MS } from '../../moment.ts';
import { CONFORMS, type LawRule } from './rule.ts';

/** A clock that is ahead puts what happened in the wrong order. Lateness is no fault of the record: it is flagged, and no finding. */
export const R29: LawRule = {
  id: 'R29',
  title: 'It did not happen after it was recorded',
  needs: [],
  recordedOnly: true,
  judge({ time, recordedAt }) {
    if (recordedAt === undefined) return [{ verdict: 'undeterminable', missing: ['recordedAt'], clause: null, article: '5(2)' }];
    if (time - recordedAt <= SKEW_MS) return [CONFORMS];
    return [{ verdict: 'violates', what: 'clock-ahead', clause: null, article: '5(2)', severity: 'low' }];
  },
};
