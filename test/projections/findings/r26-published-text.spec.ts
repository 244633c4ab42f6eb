import { R26 } from '../../../projections/findings/rules/r26-published-text.ts';
import { event, mailitWith, PROMISES, table } from './judging.ts';

const digest = PROMISES.policy.publication.textDigest as string;
const reviewed = (textDigest: string | undefined) => event('PolicyReviewed', { policyVersion: '1', textDigest });
const withoutDigest = mailitWith(`  textDigest: ${digest}\n`, '');

table(R26, [
  ['the text on the website is that of the policy', reviewed(digest), ['conforms']],
  ['it is another', reviewed('0'.repeat(64)), ['published-text-differs @43 12(1) medium']],
  ['nobody looked', reviewed(undefined), ['? textDigest']],
  ['the policy does not say which text it was drawn from', reviewed(digest), ['? publication.textDigest'], withoutDigest],
  ['neither', reviewed(undefined), ['? textDigest, publication.textDigest'], withoutDigest],
  ['a publication: it is looked for at the next review', event('PolicyPublished', { textDigest: digest }), []],
]);
