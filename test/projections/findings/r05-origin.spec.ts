import { R5 } from '../../../projections/findings/rules/r05-origin.ts';
import { event, KIM, LEE, table } from './judging.ts';

const collected = (origin: string | undefined, channel: string | undefined, data: Record<string, unknown> = {}) =>
  event('PersonalDataCollected', { origin, channel, ...data });
/** Whether a notice followed is the other half (r05-notice.spec.ts). */
const NOTICE = { noticeRef: 'notice-customers-3' };
const observed = (category: string | undefined) =>
  collected('observed', 'product-usage', { purpose: 'security', subjects: [{ reference: KIM, ...(category && { category }) }] });

table(R5, [
  ['from the person, by e-mail', collected('subject', 'email'), ['conforms']],
  ['from their employer, with the contract', collected('employer', 'contract', NOTICE), ['conforms']],
  ['from a register', collected('public-register', 'public-register', NOTICE), ['conforms']],
  ['from somebody else', collected('third-party', 'phone', NOTICE), ['origin-not-named @10 5(1)(a) medium']],
  [
    'from their employer, by a register: each is named, but not together',
    collected('employer', 'public-register', NOTICE),
    ['channel-not-named @10 5(1)(a) medium'],
  ],
  [
    'from a register, by e-mail: what is promised of registers is broken, wherever the document has it',
    collected('public-register', 'email', NOTICE),
    ['channel-not-named @13 5(1)(a) medium'],
  ],
  [
    'from a register, for a newsletter',
    collected('public-register', 'public-register', { purpose: 'newsletter', ...NOTICE }),
    ['origin-not-named @11 5(1)(a) medium'],
  ],
  [
    'for a purpose that nothing is collected for',
    collected('subject', 'email', { purpose: 'authority-request' }),
    ['origin-not-named @9 5(1)(a) medium'],
  ],
  ['from use of the systems', observed('user'), ['conforms']],
  ['from use of the systems by people who have none', observed('prospect'), ['not-of-these-people @8 5(1)(a) medium']],
  ['from use of the systems by who knows whom', observed(undefined), ['? subjects.category']],
  [
    'of several people, of some of whom nobody knows who they are',
    collected('observed', 'product-usage', {
      purpose: 'security',
      subjects: [{ reference: KIM, category: 'prospect' }, { reference: LEE }],
    }),
    ['not-of-these-people @8 5(1)(a) medium', '? subjects.category'],
  ],
  ['for a purpose that was never fixed, of which R2 speaks', collected('subject', 'email', { purpose: 'permit-handling' }), []],
  ['nobody says from where', collected(undefined, 'email'), ['? origin']],
  ['nobody says from where, nor how', collected(undefined, undefined), ['? origin, channel']],
  ['no collection', event('PersonalDataUsed', { origin: 'third-party' }), []],
]);
