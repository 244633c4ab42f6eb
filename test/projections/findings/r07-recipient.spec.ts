import { R7 } from '../../../projections/findings/rules/r07-recipient.ts';
import { disclosure, event, NOT_OURS, table } from './judging.ts';

const to = (id: string | undefined, role = 'independent-controller', data: Record<string, unknown> = {}) =>
  disclosure({ recipient: { ...(id && { id }), role, country: 'SE' }, ...data });

table(R7, [
  ['a distributor gets an invoice', disclosure(), ['conforms']],
  [
    'the tax agency gets a report',
    to('skatteverket', 'independent-controller', { purpose: 'tax-reporting', categories: ['tax'] }),
    ['conforms'],
  ],
  [
    'the supervisory authority under its former name',
    to('datainspektionen', 'supervisory-authority', { purpose: 'rights-fulfilment' }),
    ['conforms'],
  ],
  ['somebody whom the policy does not name', to('listmaklarna'), ['recipient-not-registered @21 5(1)(b) critical']],
  ['a group, which is nobody by name', to('distributors'), ['recipient-not-registered @21 5(1)(b) critical']],
  [
    'a bank gets what it has no purpose for',
    to('landsbanken', 'independent-controller', { categories: ['name'] }),
    ['recipient-not-bound-to-purpose @25 5(1)(b) high'],
  ],
  [
    'a distributor gets more than it needs',
    disclosure({ categories: ['name', 'credential'] }),
    ['more-than-recipient-may-get @25 5(1)(b) high'],
  ],
  ['a distributor in another role', to('fakturabud', 'joint-controller'), ['recipient-in-another-role @25 5(1)(b) medium']],
  [
    'several things at once',
    to('landsbanken', 'joint-controller'),
    [
      'recipient-in-another-role @25 5(1)(b) medium',
      'recipient-not-bound-to-purpose @25 5(1)(b) high',
      'more-than-recipient-may-get @25 5(1)(b) high',
    ],
  ],
  ['a processor that gets data as if it were its own', to('norrdrift'), ['recipient-in-another-role @22 5(1)(b) high']],
  ['an organisation is nobody’s data subject', to('listmaklarna', 'data-subject'), ['recipient-not-registered @21 5(1)(b) critical']],
  ['nobody says for what, nor which data', disclosure({ purpose: undefined, categories: undefined }), ['? purpose, categories']],
  ['nobody says who it was', to(undefined), ['? recipient.id']],
  ['nobody says that there was anybody', disclosure({ recipient: undefined }), ['? recipient']],
  [
    'a transfer is a disclosure, too',
    { ...to('listmaklarna'), type: 'PersonalDataTransferred' },
    ['recipient-not-registered @21 5(1)(b) critical'],
  ],
  ['a purpose that was never fixed, of which R2 speaks', disclosure({ purpose: 'permit-handling' }), ['conforms']],
  ['processors have agreements', to('norrdrift', 'processor'), []],
  ['authorities have decisions', to('polisen', 'authority'), []],
  ['everybody may have their own data', disclosure({ recipient: { role: 'data-subject' } }), []],
  ['no disclosure', event('PersonalDataUsed', { recipient: { id: 'listmaklarna', role: 'independent-controller' } }), []],
  ...NOT_OURS.map(([what, judged]): [string, typeof judged, string[]] => [what, judged, []]),
]);
