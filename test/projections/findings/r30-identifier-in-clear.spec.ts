import { R30 } from '../../../projections/findings/rules/r30-identifier-in-clear.ts';
import { event, table } from './judging.ts';

const quarantined = (...rules: string[]) => event('RecordQuarantined', { problems: rules.map((rule) => ({ path: '/data/system', rule })) });

table(R30, [
  ['a record with another problem', quarantined('unknown-code'), ['conforms']],
  ['an e-mail address where it would stay', quarantined('unknown-code', 'email-in-clear'), ['identifier-in-clear @null 25(1) high']],
  ['a personal identity number', quarantined('personal-identity-number-in-clear'), ['identifier-in-clear @null 25(1) high']],
  ['nobody says what was wrong', event('RecordQuarantined'), ['? problems']],
  ['no quarantine', event('PersonalDataUsed'), []],
]);
