import { R15 } from '../../../projections/findings/rules/r15-withdrawn-consent.ts';
import { AT, event, KIM, PROMISES, table } from './judging.ts';

const letter = (data: Record<string, unknown> = {}) =>
  event('PersonalDataUsed', {
    purpose: 'newsletter',
    legalBasis: '6(1)(a)',
    subjects: [{ reference: KIM, category: 'subscriber' }],
    ...data,
  });
const consent = (state: 'given' | 'refused' | 'withdrawn' | 'expired') => ({ consent: () => ({ state, at: AT - 1 }) });

table(R15, [
  ['the consent stands', letter(), ['conforms'], PROMISES, consent('given')],
  ['the consent was withdrawn', letter(), ['consent-withdrawn @31 7(3) critical'], PROMISES, consent('withdrawn')],
  ['the consent expired', letter(), ['consent-expired @31 7(3) critical'], PROMISES, consent('expired')],
  ['it goes on under another basis', letter({ legalBasis: '6(1)(f)' }), ['basis-swapped @31 7(3) high'], PROMISES, consent('withdrawn')],
  [
    'it goes on under another basis though it was refused',
    letter({ legalBasis: '6(1)(f)' }),
    ['basis-swapped @31 7(3) high'],
    PROMISES,
    consent('refused'),
  ],
  [
    'it goes on under another basis when it has expired',
    letter({ legalBasis: '6(1)(f)' }),
    ['basis-swapped @31 7(3) high'],
    PROMISES,
    consent('expired'),
  ],
  ['it was refused, of which R3 speaks', letter(), ['conforms'], PROMISES, consent('refused')],
  ['they sign up again', { ...letter(), type: 'PersonalDataCollected' }, ['? consent'], PROMISES, consent('withdrawn')],
  ['they sign up', { ...letter(), type: 'PersonalDataCollected' }, ['conforms']],
  ['nobody says on which basis', letter({ legalBasis: undefined }), ['? legalBasis'], PROMISES, consent('withdrawn')],
  ['another basis, and no consent was withdrawn', letter({ legalBasis: '6(1)(f)' }), [], PROMISES, consent('given')],
  ['nothing was heard of a consent', letter(), ['? consent']],
  ['the address is erased', { ...letter(), type: 'PersonalDataErased' }, [], PROMISES, consent('withdrawn')],
]);
