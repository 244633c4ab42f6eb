import { dueAfter } from '../../../src/policy/due.ts';
import { clauseOf, type Promises } from '../../../src/policy/promises.ts';
import {
  CASES,
  CONFORMS,
  isHandingOver,
  isMarketingObjection,
  isOurs,
  isProcessing,
  type JudgedEvent,
  type Outcome,
  orConforms,
  peopleOf,
  type Rule,
  type State,
} from './rule.ts';

const article = '5(2)';

/**
 * What the record tells is whole: data that is looked up or handed over came from somewhere, and what was opened ends. Whether records
 * of a source are missing, or a source went silent, no event tells: sources.ts says so of what was heard of it by the time of the question.
 */
export const R28: Rule = {
  id: 'R28',
  title: 'The record is whole: data that came from somewhere, and cases that end',
  needs: ['collections', 'cases'],
  recordedOnly: true,
  judge(event, promises, state) {
    if (CASES[event.type]) return isOurs(event.data, promises) ? judgeCase(event, promises, state) : [];
    return judgeCollection(event, promises, state);
  },
};

/** Only a source that reports collections can have left one out; of others, nobody can tell. */
function judgeCollection(event: JudgedEvent, promises: Promises, state: State): Outcome[] {
  const isOf = event.type === 'PersonalDataAccessed' || isHandingOver(event);
  const { subjects, resultCount } = event.data;
  if (!isOf || subjects.length === 0 || resultCount === 0 || !isProcessing(event, promises)) return [];
  const whom = peopleOf(event.data).filter((person) => state.collections(person).length === 0);
  if (whom.length === 0) return [CONFORMS];
  if (!state.reportsCollections(event.source)) {
    return [{ verdict: 'undeterminable', missing: ['PersonalDataCollected'], clause: null, article }];
  }
  return [{ verdict: 'violates', what: 'no-earlier-collection', clause: null, article, severity: 'low', whom }];
}

/** A case that did not end by the last day that anything allows; when within it an answer was due is for the clocks of requests. */
function judgeCase(event: JudgedEvent, promises: Promises, state: State): Outcome[] {
  const of = CASES[event.type];
  const { openAtMost, clause } = limitOf(event, promises);
  if (of === undefined || openAtMost.length === 0) return [];
  const lacks = (missing: string): Outcome[] => [{ verdict: 'undeterminable', missing: [missing], clause, article }];
  if (of.by !== 'target' && event.data[of.by] === undefined) return lacks(of.by);
  const due = openAtMost.reduce(dueAfter, event.time);
  const ended = state.caseEndedAt(event);
  // What ended late has ended.
  if (ended !== undefined) return [CONFORMS];
  return orConforms([{ verdict: 'violates', what: 'case-not-ended', clause, article, severity: 'low', dueAt: due + 1 }]);
}

/** For how long a case may be open: periods one after the other; none where nothing was promised. */
function limitOf({ type, data }: JudgedEvent, promises: Promises): { openAtMost: string[]; clause: number | null } {
  const { policy } = promises;
  if (type === 'RecruitmentProcessOpened') {
    const rule = Object.values(policy.retention).find(({ trigger, openAtMost }) => openAtMost && CASES[type]?.ends.includes(trigger));
    return { openAtMost: rule?.openAtMost ? [rule.openAtMost] : [], clause: clauseOf(rule ?? policy.storage) };
  }
  // There is nothing to decide of an objection to marketing.
  const [kind, purposes] = [String(data['kind']), (data['purposes'] ?? []) as string[]];
  if (type === 'ObjectionRaised' && isMarketingObjection({ kind, purposes }, promises)) return { openAtMost: [], clause: null };
  const right = type === 'ObjectionRaised' ? 'objection' : String(data['right']);
  const { within, extension } = policy.requests;
  const entry = policy.rights[right];
  return { openAtMost: [entry?.within ?? within, extension], clause: clauseOf(entry ?? policy.requests) };
}
