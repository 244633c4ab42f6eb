import { R11 } from '../../../projections/findings/rules/r11-territory.ts';
import { disclosure, event, mailitWith, NOT_OURS, PROCESSOR, table } from './judging.ts';

const PROMISE = 'outside-territory @24 5(1)(a) high';
const LAW = 'no-transfer-tool @24 44 critical';
const to = (country: string | undefined, data: Record<string, unknown> = {}) =>
  disclosure({ recipient: { id: 'fakturabud', role: 'independent-controller', country }, ...data });
const transfer = (country: string, transferTool: string | undefined) => ({
  ...to(country, { transferTool }),
  type: 'PersonalDataTransferred',
});
const withSwitzerland = mailitWith('  area: EEA-30', '  area: EEA-30\n  countries: [CH]');

table(R11, [
  ['everything in Sweden', disclosure(), ['conforms']],
  ['a recipient in Norway', to('NO'), ['conforms']],
  ['a system outside: the promise, and the law', event('PersonalDataUsed', { country: 'US' }), [PROMISE, LAW]],
  ['a processor that works for the controller outside', event('PersonalDataUsed', { country: 'US', ...PROCESSOR }), [PROMISE, LAW]],
  ['a recipient outside', to('US'), [PROMISE, LAW]],
  ['a recipient outside with a tool: the promise alone', transfer('US', 'standard-clauses'), [PROMISE]],
  ['a transfer without a tool', transfer('US', undefined), [PROMISE, LAW]],
  ['outside the EEA, where the policy allows it: the law alone', to('CH'), [LAW], withSwitzerland],
  ['the same with a tool', transfer('CH', 'adequacy'), ['conforms'], withSwitzerland],
  ['nobody says where the system is', event('PersonalDataUsed', { country: undefined }), ['? country']],
  ['nobody says where the recipient is', to(undefined), ['? recipient.country']],
  ['the system outside, and nobody says where the recipient is', to(undefined, { country: 'US' }), [PROMISE, LAW, '? recipient.country']],
  ['a data subject who reads their data abroad', disclosure({ recipient: { role: 'data-subject', country: 'US' } }), ['conforms']],
  ...NOT_OURS.map(([what, judged]): [string, typeof judged, string[]] => [what, judged, []]),
]);
