/** Events → what they say that retention looks at. Pure. */
import type { StoredData } from '../../src/ledger/entry.ts';
import { groupOf } from '../../src/ledger/events.ts';
import { isLedgersOwn } from '../../src/vocabulary/source.ts';
import { pairOf } from '../entries/corrections.ts';
import type { ProjectedEvent } from '../projection.ts';
import type { Fact, Profile, Said } from './reckon.ts';

const NO_TOUCH = new Set(['PersonalDataErased', 'PersonalDataErasureFailed']);
/** Groups of types that may set off a period, or undo that, beside processing itself. */
const TURNING = new Set(['restriction', 'consent', 'rights', 'breach', 'governance']);

/** Whether it can be corrected: everything but what the ledger says of itself. */
export const isRecord = ({ entry: { source } }: ProjectedEvent): boolean => !isLedgersOwn(source);

/**
 * Whether it is processing that retention is reckoned from: not what was done on behalf of others, who have policies of their own; not an access
 * that was denied.
 */
export function isTouch({ type, entry: { source, data } }: ProjectedEvent): boolean {
  if (groupOf(type) !== 'processing' || NO_TOUCH.has(type) || isLedgersOwn(source)) return false;
  return data.purpose !== undefined && data.subjects.length > 0 && data['outcome'] !== 'denied' && isOwn(data);
}

const isOwn = ({ actor: { capacity } }: StoredData): boolean => capacity !== 'processor' && capacity !== 'sub-processor';

export function profileOf({ type, entry: { data } }: ProjectedEvent, subject: string | undefined): Profile {
  const { purpose = '', system = null, categories = [], controller = null } = data;
  return { type, purpose, system, categories: [...new Set(categories)].sort(), controller, subject: subject ?? null };
}

/** What else it says; undefined where it says nothing. */
export function saidOf({ type, entry: { source, data } }: ProjectedEvent): Said | undefined {
  if (type === 'SubjectKeyDestroyed') return source === 'urn:liggare:erasures' ? { kind: 'destroyed' } : undefined;
  if (isLedgersOwn(source)) return undefined;
  const controller = data.controller ?? null;
  if (type === 'PersonalDataErased') {
    return isOwn(data) ? { kind: 'erased', scope: textsOf(data['scope']), systems: textsOf(data['systems']), controller } : undefined;
  }
  if (type === 'LegalHoldPlaced') {
    const scope = data['scope'] === undefined ? null : textsOf(data['scope']);
    return { kind: 'hold', reviewBy: String(data['reviewBy']), scope };
  }
  if (type === 'LegalHoldReleased') return releasedOf(data);
  return TURNING.has(groupOf(type) ?? '') && isOwn(data) ? { kind: 'trigger', type, purposes: purposesOf(data), controller } : undefined;
}

function releasedOf({ target }: StoredData): Said | undefined {
  const key = pairOf(target);
  return key && { kind: 'released', target: key.toString('hex') };
}

/** Which purposes it is about; null where it does not say: all. */
function purposesOf({ purposes, purpose }: StoredData): string[] | null {
  const several = textsOf(purposes);
  if (several.length > 0) return several;
  return purpose === undefined ? null : [purpose];
}

const textsOf = (value: unknown): string[] => (Array.isArray(value) ? value : [value]).filter((each) => typeof each === 'string');

/** A fact with the key of its record, which releases name. */
export const textOf = (said: Said, record: Buffer | undefined): string => JSON.stringify([hexOf(record), said]);

export const hexOf = (record: Buffer | undefined): string => record?.toString('hex') ?? '';

export function saidIn(fact: string): Pick<Fact, 'record' | 'tie' | 'said'> {
  const [record, said] = JSON.parse(fact) as [string, Said];
  return { record, tie: record === '' ? 0 : Number.parseInt(record.slice(0, 12), 16), said };
}
