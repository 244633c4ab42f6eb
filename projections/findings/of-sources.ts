import { iso } from '../moment.ts';
import { type Heard, judgeSource } from './rules/sources.ts';
import { titleOf } from './titles.ts';

/** What was found of a source as a whole: there is no event to name. */
export interface SourceFinding {
  source: string;
  rule: string;
  title: string;
  verdict: 'violates' | 'undeterminable';
  what?: string;
  severity?: string;
  clause: number | null;
  article: string;
  missing?: string[];
  /** Since when it is known: when the source was last heard of, or should have been. */
  detectedAt: string;
  state: 'open';
}

/** What is found of sources at this moment, milliseconds since 1970: how they stood on an earlier day is not kept. */
export function findingsOfSources(heard: readonly Heard[], at: number): SourceFinding[] {
  return heard.flatMap((source) => {
    const { rule, outcomes } = judgeSource(source, at);
    return outcomes.flatMap((outcome): SourceFinding[] => {
      if (outcome.verdict === 'conforms') return [];
      const since = outcome.verdict === 'violates' && outcome.dueAt !== undefined ? outcome.dueAt : source.lastHeardAt;
      return [
        {
          ...{ source: source.source, rule, title: titleOf(rule), verdict: outcome.verdict },
          ...(outcome.verdict === 'violates' ? { what: outcome.what, severity: outcome.severity } : { missing: outcome.missing }),
          ...{ clause: outcome.clause, article: outcome.article, detectedAt: iso(since), state: 'open' },
        },
      ];
    });
  });
}
