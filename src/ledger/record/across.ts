import { groupOf } from '../events.ts';
import type { Problem } from './problem.ts';
import { isObject } from './rules.ts';
import { parseMoment } from './text.ts';

/** How far a source's clock may run ahead of the ledger's: 24 hours. */
const AHEAD_LIMIT_MS = 24 * 60 * 60 * 1_000;

interface Data {
  actor?: { capacity?: string };
  controller?: string;
  subjects?: unknown[];
  categories?: unknown[];
  mode?: string;
  outcome?: string;
  resultCount?: number;
  recipient?: { id?: string; role: string };
  kind?: unknown;
  grounds?: string;
  affectedSubjects?: CountData;
  affectedRecords?: CountData;
  target?: Pointer;
  replacement?: Pointer;
}

interface CountData {
  value?: number;
  accuracy: string;
}

interface Pointer {
  source: string;
  id: string;
}

const ABOUT_SUBJECTS = new Set(['restriction', 'legal-hold', 'consent']);
/** Somebody may complain or claim through an authority or a court without being named. */
const RIGHTS_WITHOUT_SUBJECT = new Set(['ComplaintReceived', 'DamagesClaimReceived', 'DamagesClaimSettled']);

/** Whether an event of this type is about somebody by its nature. */
export function needsSubjects(type: string): boolean {
  const group = groupOf(type);
  if (group === 'rights') return !RIGHTS_WITHOUT_SUBJECT.has(type);
  return type === 'SubjectDeceased' || (group !== undefined && ABOUT_SUBJECTS.has(group));
}

/**
 * The rules that no field can tell alone, for an event whose every field is right.
 *
 * @param now the ledger's clock, milliseconds since 1970
 */
export function problemsAcross(event: Record<string, unknown>, now: number): Problem[] {
  const problems: Problem[] = [];
  const type = event['type'] as string;
  const data = event['data'] as Data;
  if ((parseMoment(event['time'] as string) as number) - now > AHEAD_LIMIT_MS) {
    problems.push(problem('/time', 'time-in-future', 'must be at most 24 hours ahead: check the clock of the source'));
  }
  checkCapacity(data, problems);
  checkSubjects(type, data, problems);
  if (data.recipient !== undefined) checkRecipient(data.recipient, problems);
  if (data.grounds !== undefined && data.kind === '21(2)') {
    problems.push(problem('/data/grounds', 'not-allowed', 'must be absent: an objection to direct marketing is absolute (Art. 21(3))'));
  }
  if (isObject(data.affectedSubjects)) checkCount('affectedSubjects', data.affectedSubjects, problems);
  if (isObject(data.affectedRecords)) checkCount('affectedRecords', data.affectedRecords, problems);
  if (data.target !== undefined) checkTarget(event as unknown as Pointer, data, problems);
  return problems;
}

function problem(path: string, rule: string, message: string): Problem {
  return { path, rule, message };
}

function checkCapacity({ actor, controller }: Data, problems: Problem[]): void {
  const capacity = actor?.capacity;
  if (controller === undefined && (capacity === 'processor' || capacity === 'sub-processor')) {
    problems.push(problem('/data/controller', 'required', 'is required where the actor is a processor: name the controller'));
  }
}

function checkSubjects(type: string, data: Data, problems: Problem[]): void {
  const withoutSubjects = data.subjects === undefined || data.subjects.length === 0;
  if (groupOf(type) !== 'processing') {
    if (withoutSubjects && needsSubjects(type)) {
      problems.push(problem('/data/subjects', 'required', 'must name at least one data subject'));
    }
    return;
  }
  const access = type === 'PersonalDataAccessed';
  const withoutHit = access && data.mode === 'search' && (data.resultCount ?? 0) === 0;
  if (withoutSubjects && !withoutHit) {
    problems.push(problem('/data/subjects', 'too-few', 'must name at least one data subject; it is empty only for a search without a hit'));
  }
  if (data.categories?.length === 0 && !(withoutHit && withoutSubjects) && !(access && data.outcome === 'denied')) {
    problems.push(
      problem(
        '/data/categories',
        'too-few',
        'must name at least one category; it is empty only for a search without a hit or a denied access',
      ),
    );
  }
}

function checkRecipient({ id, role }: { id?: string; role: string }, problems: Problem[]): void {
  if (role === 'data-subject' && id !== undefined) {
    const message = "must be absent for a data subject, whose reference is used: ids of recipients are organisations'";
    problems.push(problem('/data/recipient/id', 'not-allowed', message));
  }
  if (role !== 'data-subject' && id === undefined) {
    problems.push(problem('/data/recipient/id', 'required', 'is required for every recipient but the data subject'));
  }
}

function checkCount(name: string, { value, accuracy }: CountData, problems: Problem[]): void {
  if (accuracy === 'unknown' && value !== undefined) {
    problems.push(problem(`/data/${name}/value`, 'not-allowed', 'must be absent where it is unknown: unknown is not a number'));
  }
  if (accuracy !== 'unknown' && value === undefined) {
    problems.push(problem(`/data/${name}/value`, 'required', 'is required unless accuracy is unknown'));
  }
}

function checkTarget(event: Pointer, { target, replacement }: Data, problems: Problem[]): void {
  if (isSame(event, target)) problems.push(problem('/data/target', 'points-at-itself', 'must be another record'));
  if (replacement === undefined) return;
  if (isSame(event, replacement) || isSame(target, replacement)) {
    problems.push(problem('/data/replacement', 'points-at-itself', 'must be another record'));
  }
}

function isSame(a: Pointer | undefined, b: Pointer | undefined): boolean {
  return a !== undefined && b !== undefined && a.source === b.source && a.id === b.id;
}
