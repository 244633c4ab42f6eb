import { R27 } from '../../../projections/findings/rules/r27-instruction.ts';
import { ANNA, event, PROMISES, table } from './judging.ts';

const instructed = (time: string) => ({ instructedAt: () => Date.parse(time) });

table(R27, [
  ['instructed within a year', event('PersonalDataUsed'), ['conforms'], PROMISES, instructed('2025-03-02T09:14:07.120Z')],
  [
    'instructed a moment more than a year ago',
    event('PersonalDataUsed'),
    ['instruction-too-old @39 29 low'],
    PROMISES,
    instructed('2025-03-02T09:14:07.119Z'),
  ],
  ['nobody ever said so', event('PersonalDataUsed'), ['? StaffInstructed']],
  ['a program', event('PersonalDataUsed', { actor: { reference: ANNA, kind: 'service', capacity: 'controller' } }), []],
  ['no processing', event('ComplaintReceived'), []],
]);
