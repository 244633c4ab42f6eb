import { R27 } from '../../../projections/findings/rules/r27-instruction.ts';
import { NOBODY } from '../../../projections/findings/rules/rule.ts';
import { ANNA, event, PROCESSOR, PROMISES, table } from './judging.ts';

const instructed = (time: string) => ({ instructedAt: () => Date.parse(time) });

table(R27, [
  ['instructed within a year', event('PersonalDataUsed'), ['conforms'], PROMISES, instructed('2025-03-02T09:14:07.120Z')],
  ['instructed a year ago to the day', event('PersonalDataUsed'), ['conforms'], PROMISES, instructed('2025-03-02T00:00:00Z')],
  [
    'instructed a day more than a year ago',
    event('PersonalDataUsed'),
    ['instruction-too-old @39 29 low'],
    PROMISES,
    instructed('2025-03-01T23:59:59Z'),
  ],
  ['nobody says who does it', event('PersonalDataUsed', { actor: NOBODY }), ['? actor']],
  ['nobody ever said so', event('PersonalDataUsed'), ['? StaffInstructed']],
  ['a program', event('PersonalDataUsed', { actor: { reference: ANNA, kind: 'service', capacity: 'controller' } }), []],
  ['somebody at a processor, which instructs its own', event('PersonalDataUsed', PROCESSOR), []],
  ['no processing', event('ComplaintReceived'), []],
]);
