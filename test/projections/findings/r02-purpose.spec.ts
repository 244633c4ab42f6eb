import { R2 } from '../../../projections/findings/rules/r02-purpose.ts';
import { event, NOT_OURS, table } from './judging.ts';

table(R2, [
  ['a purpose of the policy', event('PersonalDataUsed'), ['conforms']],
  [
    'a purpose that the vocabulary has and the policy has not',
    event('PersonalDataUsed', { purpose: 'permit-handling' }),
    ['purpose-not-fixed @15 5(1)(b) high'],
  ],
  ['no purpose', event('PersonalDataUsed', { purpose: undefined }), ['? purpose']],
  ['an access that was denied', event('PersonalDataAccessed', { purpose: 'permit-handling', outcome: 'denied' }), []],
  ['an erasure', event('PersonalDataErased', { purpose: 'permit-handling' }), []],
  ...NOT_OURS.map(([what, judged]): [string, typeof judged, string[]] => [what, judged, []]),
]);
