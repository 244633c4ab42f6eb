import { R32 } from '../../../projections/findings/rules/r32-approver.ts';
import { ANNA, event, KIM, LEE, PROMISES, table } from './judging.ts';

const corrected = (approver: string | undefined, data: Record<string, unknown> = {}) => event('RecordCorrected', { approver, ...data });

table(R32, [
  ['somebody else approved it', corrected(LEE), ['conforms']],
  ['whoever did it approved it', corrected(ANNA), ['approved-by-actor @null 5(1)(f) high']],
  [
    'whoever it was done for approved it',
    corrected(LEE, { actor: { reference: ANNA, kind: 'service', onBehalfOf: LEE } }),
    ['approved-by-actor @null 5(1)(f) high'],
  ],
  ['a retraction, too', { ...corrected(ANNA), type: 'RecordRetracted' }, ['approved-by-actor @null 5(1)(f) high']],
  [
    'whoever did it approved it under another identifier',
    corrected(LEE),
    ['approved-by-actor @null 5(1)(f) high'],
    PROMISES,
    { isSamePerson: (one, other) => [one, other].every((each) => [ANNA, LEE].includes(each)) },
  ],
  ['nobody says who approved it', corrected(undefined), ['? approver']],
  ['no correction', event('PersonalDataUsed', { approver: KIM }), []],
]);
