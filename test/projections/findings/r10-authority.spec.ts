import { R10 } from '../../../projections/findings/rules/r10-authority.ts';
import { ANNA, disclosure, mailitWith, REF, table } from './judging.ts';

const ordered = (data: Record<string, unknown> = {}) =>
  disclosure({
    purpose: 'authority-request',
    legalBasis: '6(1)(c)',
    recipient: { id: 'polisen', role: 'authority', country: 'SE' },
    ...{ requestRef: REF, decisionRef: REF, statuteRef: 'SFS 1942:740', scope: ['name', 'postal-address'], releasedBy: ANNA },
    ...data,
  });

table(R10, [
  ['all that is needed is named', ordered(), ['conforms']],
  ['a bare request', ordered({ decisionRef: undefined }), ['no-decision @23 6(1)(c) critical']],
  ['more than the decision covers', ordered({ scope: ['name'] }), ['beyond-scope @23 6(1)(c) critical']],
  ['other data than the decision covers', ordered({ scope: ['tax'] }), ['beyond-scope @23 6(1)(c) critical']],
  ['everything', ordered({ scope: 'all' }), ['conforms']],
  ['a scope in words cannot be compared', ordered({ scope: 'invoices of 2025' }), ['? categories of the scope']],
  ['a scope in words beside what was disclosed', ordered({ scope: ['name', 'postal-address', 'invoices of 2025'] }), ['conforms']],
  ['nobody says which data, nor for what', ordered({ categories: undefined, purpose: undefined }), ['? purpose, categories']],
  ['for another purpose', ordered({ purpose: 'customer-communication' }), ['another-purpose @23 6(1)(c) critical']],
  ['nobody says who released it', ordered({ releasedBy: undefined }), ['? releasedBy']],
  ['nobody says by which statute, nor how far', ordered({ statuteRef: undefined, scope: undefined }), ['? scope, statuteRef']],
  [
    'neither decision nor release',
    ordered({ decisionRef: undefined, releasedBy: undefined }),
    ['no-decision @23 6(1)(c) critical', '? releasedBy'],
  ],
  ['a policy that speaks of no authorities', ordered(), ['no-authority-named @21 6(1)(c) critical'], withoutAuthorities()],
  ['no authority', disclosure(), []],
]);

/** Clause 23 is then cited by the purpose alone. */
function withoutAuthorities() {
  return mailitWith(
    'authorities:\n  about: A request alone is not enough.\n  needs: [request, decision, statute, scope, release]\n  purposes: [authority-request]\n  clauses: [23]\n',
    '',
  );
}
