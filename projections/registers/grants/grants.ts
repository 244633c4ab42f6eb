import type { Reference } from '../../../src/ledger/entry.ts';
import type { Document } from '../../entries/walk.ts';
import { textOf } from '../../findings/rules/rule.ts';
import { firstMoment, lastMoment, limits, type Said, saidBy } from '../agreements.ts';

/** What a grant, or what is taken back of it, is limited to; what it leaves out it does not limit. */
export interface Scope {
  purposes?: readonly string[];
  categories?: readonly string[];
  systems?: readonly string[];
}

/** Somebody may see something (Art. 29, 32(4)). Times in milliseconds since 1970. */
export interface Grant extends Scope {
  grantee: Reference;
  /** In words, as it was recorded. */
  scope?: readonly string[];
  from: number;
  /** Last moment: as it was granted, or when it was taken back, whichever is earlier. */
  until?: number;
  grantedBy: Reference;
  granted: Said;
  /** When all of it was taken back, and by whom. */
  revoked?: { at: number; by: Reference; record: Said };
  /** What was taken back of it, where that was not all. */
  revokedInPart: ({ at: number } & Scope)[];
}

export const GRANT_TYPES = ['AccessGranted', 'AccessRevoked'];

/**
 * Grants, by when they begin. A revocation takes back what was granted to the same person before it: of some purposes, categories or
 * systems only what it names, as the rules see it.
 * @param documents those that stand, of `GRANT_TYPES`, in their order
 * @param personOf whoever has several references is one person
 */
export function grantsOf(documents: readonly Document[], personOf: (reference: Reference) => string): Grant[] {
  const ends = documents.filter(({ type }) => type === 'AccessRevoked');
  return documents
    .flatMap((document, i) => {
      const grantee = textOf(document.entry.data['grantee']);
      if (document.type !== 'AccessGranted' || grantee === undefined) return [];
      const later = documents.slice(i + 1).filter((each) => ends.includes(each) && isFor(each, personOf(grantee), personOf));
      return [grantOf(document, grantee, later)];
    })
    .sort((a, b) => a.from - b.from);
}

function isFor({ entry }: Document, person: string, personOf: (reference: Reference) => string): boolean {
  const grantee = textOf(entry.data['grantee']);
  return grantee !== undefined && personOf(grantee) === person;
}

function grantOf(document: Document, grantee: Reference, revocations: readonly Document[]): Grant {
  const { data } = document.entry;
  const scope = scopeOf(document);
  const end = revocations.find((each) => isWhole(scopeOf(each), scope));
  const revoked = end && { at: end.time, by: end.entry.data.actor.reference, record: saidBy(end) };
  const parts = revocations.filter(
    (each) => (end === undefined || each.time < end.time) && touches(scopeOf(each), scope) && !isWhole(scopeOf(each), scope),
  );
  const until = Math.min(lastMoment(data['validUntil']), end?.time ?? Number.POSITIVE_INFINITY);
  return {
    grantee,
    ...scope,
    ...limits({ scope: data['scope'] }),
    from: firstMoment(data['validFrom']) ?? document.time,
    ...(until !== Number.POSITIVE_INFINITY && { until }),
    grantedBy: data.actor.reference,
    granted: saidBy(document),
    ...(revoked && { revoked }),
    revokedInPart: parts.map((each) => ({ at: each.time, ...scopeOf(each) })),
  };
}

const scopeOf = ({ entry: { data } }: Document): Scope =>
  limits({ purposes: data['purposes'], categories: data.categories, systems: data['systems'] });

const LIMITS = ['purposes', 'categories', 'systems'] as const;

/** Whether everything that was granted is taken back. */
const isWhole = (revoked: Scope, granted: Scope): boolean =>
  LIMITS.every((name) => revoked[name] === undefined || granted[name]?.every((each) => revoked[name]?.includes(each)) === true);

/** Whether anything that was granted is. */
const touches = (revoked: Scope, granted: Scope): boolean =>
  LIMITS.every(
    (name) => revoked[name] === undefined || granted[name] === undefined || granted[name].some((each) => revoked[name]?.includes(each)),
  );

/** Whether a grant reaches to all of these; what is not asked about is met. */
export function reaches(granted: Scope, asked: Scope): boolean {
  return LIMITS.every(
    (name) => granted[name] === undefined || asked[name] === undefined || asked[name].some((each) => granted[name]?.includes(each)),
  );
}

/** An access, by what grants are limited to; null where the record does not say. */
export interface Accessed {
  purpose: string | null;
  categories: readonly string[];
  system: string | null;
}

/** Whether grants cover all of an access between them, as in rule R6; what the record leaves out might be what is granted. */
export function cover(grants: readonly Scope[], access: Accessed): boolean {
  const fitting = grants.filter((each) => fits(each, access));
  return fitting.length > 0 && access.categories.every((category) => fitting.some(({ categories }) => includes(categories, category)));
}

/** Whether a grant is for that purpose and system, and for any of the data. */
export function touchesAccess(grant: Scope, access: Accessed): boolean {
  const { categories } = access;
  return fits(grant, access) && (categories.length === 0 || categories.some((each) => includes(grant.categories, each)));
}

const fits = ({ purposes, systems }: Scope, { purpose, system }: Accessed): boolean =>
  includes(purposes, purpose) && includes(systems, system);

const includes = (limit: readonly string[] | undefined, value: string | null): boolean =>
  limit === undefined || value === null || limit.includes(value);
