import { R14 } from '../../../projections/findings/rules/r14-objection.ts';
import { event, PROMISES, RAISED, table } from './judging.ts';

const used = (data: Record<string, unknown> = {}) => event('PersonalDataUsed', data);
const objected = (outcome?: string, kind = '21(1)') => ({
  objections: () => [{ ...RAISED, kind, purposes: ['customer-communication'], ...(outcome && { outcome }) }],
});
const decided = (data: Record<string, unknown>) => event('ObjectionDecided', { kind: '21(1)', outcome: 'rejected', ...data });

table(R14, [
  ['nobody objected', used(), ['conforms']],
  ['somebody objected, and nothing is decided', used(), ['objection-pending @34 21(1) high'], PROMISES, objected()],
  ['the objection was upheld', used(), ['objection-upheld @34 21(1) high'], PROMISES, objected('upheld')],
  ['the objection was rejected', used(), ['conforms'], PROMISES, objected('rejected')],
  [
    'the objection was rejected without grounds: it is not decided',
    used(),
    ['objection-pending @34 21(1) high'],
    PROMISES,
    { objections: () => [{ ...RAISED, kind: '21(1)', purposes: ['customer-communication'], outcome: 'rejected', hasGrounds: false }] },
  ],
  ['somebody objected to another purpose', used({ purpose: 'security' }), ['conforms'], PROMISES, objected()],
  ['on a basis that nobody can object to', used({ legalBasis: '6(1)(c)' }), [], PROMISES, objected()],
  ['it is only stored', event('PersonalDataStored'), [], PROMISES, objected()],
  ['an objection to marketing, of which R13 speaks', used(), ['conforms'], PROMISES, objected(undefined, '21(2)')],
  ['rejected with grounds', decided({ sealedFields: ['grounds'] }), ['conforms']],
  ['rejected without grounds', decided({}), ['rejected-without-grounds @34 21(1) high']],
  ['upheld without grounds', decided({ outcome: 'upheld' }), ['conforms']],
  ['rejected though it is absolute', decided({ kind: '21(2)', sealedFields: ['grounds'] }), ['decided-though-absolute @35 21(3) critical']],
  [
    'in the public interest, where one can object, too',
    used({ legalBasis: '6(1)(e)' }),
    ['objection-pending @34 21(1) high'],
    PROMISES,
    objected(),
  ],
  [
    'for a claim, to which an objection gives way',
    used({ purpose: 'legal-claims' }),
    [],
    PROMISES,
    { objections: () => [{ ...RAISED, kind: '21(1)', purposes: ['legal-claims'] }] },
  ],
  [
    'to marketing, whatever the source calls it',
    used({ purpose: 'direct-marketing' }),
    ['conforms'],
    PROMISES,
    { objections: () => [{ ...RAISED, kind: '21(1)', purposes: ['direct-marketing'] }] },
  ],
  ['the person writes', event('PersonalDataCollected', { origin: 'subject', channel: 'email' }), [], PROMISES, objected()],
  ['nobody says on which basis', used({ legalBasis: undefined }), ['? legalBasis'], PROMISES, objected()],
  ['nobody says on which basis, and nobody objected', used({ legalBasis: undefined }), []],
  [
    'rejected, and the objection says which kind it was',
    decided({ kind: undefined, target: RAISED, sealedFields: ['grounds'] }),
    ['conforms'],
    PROMISES,
    objected(),
  ],
  [
    'rejected, and the objection says that it was absolute',
    decided({ target: RAISED, sealedFields: ['grounds'] }),
    ['decided-though-absolute @35 21(3) critical'],
    PROMISES,
    objected(undefined, '21(2)'),
  ],
  [
    'rejected without grounds, and nobody says which kind it was',
    decided({ kind: undefined }),
    ['rejected-without-grounds @34 21(1) high', '? kind'],
  ],
  ['rejected, and nobody says which kind it was', decided({ kind: undefined, sealedFields: ['grounds'] }), ['? kind']],
]);
