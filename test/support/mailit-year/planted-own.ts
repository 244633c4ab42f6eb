/** What the ledger says of itself: versions and reviews of the policy, and who is one person (R25, R26; links). */
import { at } from './chance.ts';
import { human } from './company.ts';
import type { ExpectedFinding } from './expectations.ts';
import type { Step } from './mailit-year.ts';
import { type Cited, identifierOf, type Planting, versionAt } from './planting.ts';
import { POLICY_TEXTS, TEXT_DIGESTS } from './versions.ts';

/** A label stands for the record, whose id the ledger draws. */
export function plantOwn(p: Planting): Step[] {
  const steps: Step[] = [];
  const [first, second, third, fourth] = POLICY_TEXTS;
  const publish = (time: string, policy: string, label: string) => steps.push({ do: 'publish', now: at(time), policy, label });
  const review = (time: string, textDigest: string | undefined, label: string) =>
    steps.push({ do: 'review', now: at(time), label, ...(textDigest !== undefined && { textDigest }) });
  const finds = (
    record: string,
    time: string,
    finding: Pick<ExpectedFinding, 'rule' | 'verdict'> & Partial<ExpectedFinding>,
    cited: Cited,
  ) => {
    const [severity, clause, article] = cited;
    p.findings.push({
      ...{
        planted: 'the policy: reviewed, and what people read',
        record,
        clause,
        article,
        policyVersion: versionAt(at(time)),
        state: 'open',
      },
      ...(finding.verdict === 'violates' && { severity }),
      ...finding,
    });
  };
  publish('2023-02-20T08:00:00.000Z', first, 'first version');
  // A year later, and one millisecond after the day's end.
  finds(
    'first version',
    '2023-02-20T08:00:00.000Z',
    { rule: 'R25', verdict: 'violates', what: 'review-late', dueAt: at('2024-02-21T00:00:00.000Z') },
    ['medium', 42, '24(1)'],
  );
  // It had applied for years before, and nobody knows who looked at it.
  p.findings.push({
    ...{ planted: 'the policy: reviewed, and what people read', record: 'first version', rule: 'R25', verdict: 'undeterminable' },
    ...{ missing: ['PolicyReviewed'], clause: 42, article: '24(1)', policyVersion: '1', state: 'open' },
  });
  review('2024-02-21T00:00:00.000Z', TEXT_DIGESTS[0], 'late review');
  review('2025-02-21T23:59:59.999Z', TEXT_DIGESTS[0], 'review in time');
  publish('2025-08-20T08:00:00.000Z', second, 'second version');
  publish('2025-11-14T01:00:00.000Z', third, 'third version');
  review('2025-11-14T02:15:00.000Z', TEXT_DIGESTS[1], 'review of a version that does not say what people read');
  finds(
    'review of a version that does not say what people read',
    '2025-11-14T02:15:00.000Z',
    { rule: 'R26', verdict: 'undeterminable', missing: ['publication.textDigest'] },
    ['medium', 43, '12(1)'],
  );
  publish('2025-11-14T02:30:00.000Z', fourth, 'fourth version');
  review('2026-01-15T08:00:00.000Z', TEXT_DIGESTS[0], 'review that found the old text');
  finds(
    'review that found the old text',
    '2026-01-15T08:00:00.000Z',
    { rule: 'R26', verdict: 'violates', what: 'published-text-differs' },
    ['medium', 43, '12(1)'],
  );
  review('2026-01-16T08:00:00.000Z', TEXT_DIGESTS[1], 'review that found the right text');
  review('2026-02-02T08:00:00.000Z', undefined, 'review by somebody who did not look');
  finds(
    'review by somebody who did not look',
    '2026-02-02T08:00:00.000Z',
    { rule: 'R26', verdict: 'undeterminable', missing: ['textDigest'] },
    ['medium', 43, '12(1)'],
  );
  finds('review by somebody who did not look', '2026-02-02T08:00:00.000Z', REVIEW_DUE, ['medium', 42, '24(1)']);
  steps.push(...plantLinks(p));
  return steps.sort((a, b) => a.now - b.now);
}

/** The last review asks for another one within the year. */
const REVIEW_DUE: Pick<ExpectedFinding, 'rule' | 'verdict'> & Partial<ExpectedFinding> = {
  ...{ rule: 'R25', verdict: 'violates', what: 'review-overdue', dueAt: at('2027-02-03T00:00:00.000Z'), state: 'pending' },
};

function plantLinks(p: Planting): Step[] {
  const steps: Step[] = [];
  const link = (time: string, subjects: ReturnType<typeof p.person>[], label: string) =>
    steps.push({ do: 'link', now: at(time), subjects: subjects.map(identifierOf), label });
  p.plant('one person under two numbers, and only one of them had objected', () => {
    const [customer, user] = [p.person(), p.person('user')];
    const raised = p.objects('21(1)', customer, '2025-12-15T08:00:00.000Z', ['customer-communication']);
    p.fact('ObjectionDecided', customer, '2025-12-16T08:00:00.000Z', { target: raised.target, outcome: 'upheld', kind: '21(1)' });
    p.used(user, '2025-12-17T08:00:00.000Z').violates('R14', 'objection-upheld', ['high', 34, '21(1)'], {
      whom: [user],
      detectedBy: 'link one',
    });
    link('2025-12-23T08:00:00.000Z', [customer, user], 'link one');
  });
  p.plant('one person under two numbers, and collected under one of them', () => {
    const [customer, user] = [p.person(), p.stranger('user')];
    p.accessed(user, '2025-12-17T08:00:00.000Z').violates('R28', 'no-earlier-collection', ['low', null, '5(2)'], {
      ...{ state: 'cleared', why: 'judged-again', whom: [user] },
    });
    link('2025-12-23T08:30:00.000Z', [customer, user], 'link two');
    p.accessed(user, '2025-12-29T08:00:00.000Z');
  });
  p.plant('approved by somebody who is the actor under another name', () => {
    const wrong = p.used(p.person(), '2025-12-18T08:00:00.000Z');
    const data = { actor: human('dubbel.ett'), approver: 'dubbel.tva', reason: 'Typed too fast.', target: wrong.target };
    p.tell('RecordRetracted', '2025-12-18T09:00:00.000Z', data).violates('R32', 'approved-by-actor', ['high', null, '5(1)(f)'], {
      detectedBy: 'link three',
    });
    const subjects = ['dubbel.ett', 'dubbel.tva'].map((value) => ({ scheme: 'actor', value }));
    steps.push({ do: 'link', now: at('2025-12-23T09:00:00.000Z'), subjects, label: 'link three' });
  });
  return steps;
}
