import { R8 } from '../../../projections/findings/rules/r08-sale.ts';
import { disclosure, event, NOT_OURS, table } from './judging.ts';

table(R8, [
  ['nothing was given', disclosure(), ['conforms']],
  ...['payment', 'exchange', 'other'].map((consideration): [string, ReturnType<typeof disclosure>, string[]] => [
    `${consideration} was given`,
    disclosure({ consideration }),
    ['consideration @21 5(1)(a) critical'],
  ]),
  [
    'to a data subject, too',
    disclosure({ recipient: { role: 'data-subject' }, consideration: 'payment' }),
    ['consideration @21 5(1)(a) critical'],
  ],
  [
    'nobody says whether anything was',
    { ...disclosure({ consideration: undefined }), type: 'PersonalDataTransferred' },
    ['? consideration'],
  ],
  ['no disclosure', event('PersonalDataUsed', { consideration: 'payment' }), []],
  ...NOT_OURS.map(([what, judged]): [string, typeof judged, string[]] => [what, judged, []]),
]);
