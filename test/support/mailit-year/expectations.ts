/**
 * What has to be found, and what conforms: reckoned from the domain and from MAILIT's policy, and from nothing of the program. Where the
 * two disagree, one of them is wrong.
 */
import type { CloudEvent, Data, Identifier } from './company.ts';

/** A finding as it has to be found. */
export interface ExpectedFinding {
  /** What was planted, in words. */
  planted: string;
  /** Source and id of the record, or a label of an event of the ledger's own. */
  record: string;
  rule: string;
  verdict: 'violates' | 'undeterminable';
  what?: string;
  missing?: readonly string[];
  severity?: 'critical' | 'high' | 'medium' | 'low' | 'gap';
  clause: number | null;
  article: string;
  policyVersion: string | null;
  /** Whom it is about, where not everybody on the event. */
  whom?: readonly Identifier[];
  /** Where it is one of several recipients that are no field of the event. */
  recipient?: string;
  /** From when on it is in effect, milliseconds since 1970. */
  dueAt?: number;
  /** `pending`: what is not done yet, and in time until `dueAt`. */
  state: 'open' | 'cleared' | 'pending';
  /** Of a cleared one: why. */
  why?: 'retracted' | 'corrected' | 'judged-again' | 'erased';
  /** The record by which it appeared, where that was another; `record` unless told. */
  detectedBy?: string;
}

/** What has to be found of a source as a whole, when the year is over; of all others nothing. */
export interface ExpectedOfSource {
  source: string;
  what?: string;
  missing?: string[];
}

export const recordOf = (source: string, id: string): string => `${source} ${id}`;

/** On one line, as two tables are compared. */
export function lineOf(finding: Omit<ExpectedFinding, 'planted' | 'whom' | 'detectedBy'>): string {
  const { record, rule, verdict, what, missing, severity, clause, article, policyVersion, recipient, dueAt, state, why } = finding;
  const said = verdict === 'violates' ? `${what} ${severity}` : `? ${missing && [...missing].sort().join(', ')}`;
  const due = dueAt === undefined ? '' : ` due ${new Date(dueAt).toISOString()}`;
  const whose = recipient === undefined ? '' : ` → ${recipient}`;
  return `${record}: ${rule} ${said} @${clause} ${article} v${policyVersion}${whose}${due} ${state}${why === undefined ? '' : ` ${why}`}`;
}

const PROCESSING = new Set(
  ['Collected', 'Accessed', 'Used', 'Derived', 'Stored', 'Disclosed', 'Transferred', 'Rectified'].map((what) => `PersonalData${what}`),
);

/** The purposes of MAILIT's policy. */
const PURPOSES = new Set([
  ...['contract-fulfilment', 'customer-communication', 'supplier-communication', 'direct-marketing', 'newsletter', 'recruitment'],
  ...[
    'tax-reporting',
    'payment',
    'invoice-distribution',
    'accounting',
    'authority-request',
    'rights-fulfilment',
    'security',
    'legal-claims',
  ],
]);

const OF_THEMSELVES = new Set(['RecordCorrected', 'RecordRetracted', 'SourceHeartbeat']);
const TOLD_TO_RECIPIENTS = new Set(['PersonalDataRectified', 'PersonalDataErased', 'ProcessingRestricted']);

/**
 * The rules that have something to say of an event; where nothing is found, it conforms to each of them. Retention (R17) is no matter of
 * single events.
 */
export function rulesFor({ type, data }: Pick<CloudEvent, 'type' | 'data'>): string[] {
  const { capacity, kind } = data['actor'] as { capacity?: string; kind: string };
  const isAnothers = capacity === 'processor' || capacity === 'sub-processor';
  const isOurs = !isAnothers && (data['controller'] ?? 'mailit') === 'mailit';
  const rules = ['R29'];
  if (type === 'RecordCorrected' || type === 'RecordRetracted') rules.push('R32');
  if (OF_THEMSELVES.has(type)) return rules;
  if (!isAnothers) rules.push('R1');
  if (!isOurs) return rules;
  if (type === 'ObjectionDecided') rules.push('R14');
  if (hasAnEnd(type, data)) rules.push('R28');
  if (TOLD_TO_RECIPIENTS.has(type)) rules.push('R19');
  if (PROCESSING.has(type) && data['outcome'] !== 'denied') rules.push(...rulesForProcessing(type, kind, data));
  return rules;
}

/** Against marketing there is nothing to decide. */
function hasAnEnd(type: string, { kind, purposes }: Data): boolean {
  if (type !== 'ObjectionRaised') return type === 'RecruitmentProcessOpened' || type === 'RightsRequestReceived';
  return kind !== '21(2)' && !(purposes as string[]).some((each) => each === 'direct-marketing' || each === 'newsletter');
}

/** Storing is what a restriction, and an objection, leave; a rectification is often what is waited for. */
const NO_USE = new Set(['PersonalDataStored', 'PersonalDataRectified']);

interface Said {
  purpose: string;
  legalBasis: string;
  recipient?: { role: string };
  origin?: string;
  requestRef?: string;
  resultCount?: number;
  subjects: unknown[];
}

function rulesForProcessing(type: string, kind: string, data: Data): string[] {
  const { purpose, legalBasis, recipient, origin, requestRef, resultCount, subjects } = data as unknown as Said;
  const role = type === 'PersonalDataDisclosed' || type === 'PersonalDataTransferred' ? (recipient?.role ?? '') : undefined;
  const isAccess = type === 'PersonalDataAccessed';
  const rules = ['R2', 'R11'];
  const concerns = (rule: string, isSo: boolean) => void (isSo && rules.push(rule));
  concerns('R3', PURPOSES.has(purpose));
  concerns('R4', PURPOSES.has(purpose));
  concerns('R27', kind === 'human');
  concerns('R5', type === 'PersonalDataCollected' && (PURPOSES.has(purpose) || (origin !== 'subject' && origin !== 'observed')));
  concerns('R6', isAccess && kind === 'human');
  concerns('R8', role !== undefined);
  concerns('R9', role === 'processor' || role === 'sub-processor');
  concerns('R10', role === 'authority');
  concerns('R7', role !== undefined && !['processor', 'sub-processor', 'authority', 'data-subject'].includes(role));
  concerns('R13', purpose === 'direct-marketing' || purpose === 'newsletter');
  if (subjects.length === 0) return rules;
  const isGiven = type === 'PersonalDataCollected' && origin === 'subject';
  const isForClaims = purpose === 'legal-claims';
  const isAskedFor = role === 'data-subject' || (purpose === 'rights-fulfilment' && requestRef !== undefined);
  const isForOthers = legalBasis === '6(1)(d)' || legalBasis === '6(1)(e)';
  const isUse = !NO_USE.has(type) && !isGiven && !isForClaims;
  concerns('R12', isUse && !isForOthers && !isAskedFor);
  concerns('R14', isUse && (legalBasis === '6(1)(e)' || legalBasis === '6(1)(f)'));
  concerns('R15', legalBasis === '6(1)(a)');
  concerns('R16', type !== 'PersonalDataCollected' && resultCount !== 0);
  concerns('R28', (isAccess || role !== undefined) && resultCount !== 0);
  return rules;
}
