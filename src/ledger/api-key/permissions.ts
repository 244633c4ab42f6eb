/** Who may do what: scopes of API keys, the permissions they carry, and what a holder may report. Pure data and lookups. */

import { isLedgersOwn } from '../../vocabulary/source.ts';
import { COMMON_GROUPS } from '../events.ts';

export const SCOPES = ['emit', 'ask', 'case', 'investigate', 'audit', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

/**
 * Every permission with the scopes that carry it. What a scope is not named for, it may not do.
 * - `openSubject` the sealed details of the person asked about; `openAll` everybody's; `nameActors` actors by name instead
 *   of by reference; `othersOnEvent` the other people on the same event.
 * - `quarantine` list and open quarantined items; `release` release a corrected one.
 * - `link` say that several are one person, and take it back; `erase` erase one (who holds an API key that works is erased by `admin`
 *   alone, and nobody erases themselves); `suppression` ask who must not be
 *   contacted for direct marketing.
 * - `receipts` receipts of records: with `prove` of all, else of those that the key may report.
 * - `prove` proofs of what was recorded, and a tree head signed now; `entries` every leaf's bytes: references, no identities.
 * - `findings` what was found by the policy, and the policy itself; `explain` say what is done about a finding, or how it came about;
 *   `policies` publish and review one; `decide` ask beforehand whether something may be done.
 */
export const PERMISSIONS = {
  record: ['emit', 'admin'],
  ask: ['ask', 'case', 'investigate', 'admin'],
  sources: ['ask', 'case', 'investigate', 'audit', 'admin'],
  openSubject: ['case', 'investigate', 'admin'],
  openAll: ['investigate', 'admin'],
  nameActors: ['investigate', 'admin'],
  othersOnEvent: ['investigate', 'admin'],
  quarantine: ['case', 'investigate', 'admin'],
  release: ['case', 'admin'],
  link: ['case', 'admin'],
  erase: ['case', 'admin'],
  suppression: ['emit', 'case', 'admin'],
  receipts: ['emit', 'ask', 'case', 'investigate', 'audit', 'admin'],
  prove: ['ask', 'case', 'investigate', 'audit', 'admin'],
  entries: ['audit', 'admin'],
  metrics: ['audit', 'admin'],
  keys: ['admin'],
  keyStore: ['admin'],
  retention: ['admin'],
  findings: ['ask', 'case', 'investigate', 'audit', 'admin'],
  explain: ['case', 'investigate', 'admin'],
  policies: ['admin'],
  decide: ['emit', 'ask', 'case', 'investigate', 'admin'],
} as const satisfies Record<string, readonly Scope[]>;
export type Permission = keyof typeof PERMISSIONS;

/** Groups of event types that a key may be given; the ledger's own is nobody's. */
export const GRANTED_GROUPS = ['rights', 'breach', 'governance', 'legal-hold'] as const;
export type GrantedGroup = (typeof GRANTED_GROUPS)[number];

const BY_SCOPE = new Map<Scope, ReadonlySet<Permission>>(
  SCOPES.map((scope) => [scope, new Set((Object.keys(PERMISSIONS) as Permission[]).filter((name) => has(PERMISSIONS[name], scope)))]),
);

function has(scopes: readonly Scope[], scope: Scope): boolean {
  return scopes.includes(scope);
}

/** The permissions that a scope carries. */
export function permissionsOf(scope: Scope): ReadonlySet<Permission> {
  return BY_SCOPE.get(scope) ?? new Set();
}

/** The scopes that carry a permission. */
export function scopesWith(permission: Permission): readonly Scope[] {
  return PERMISSIONS[permission];
}

/** What is known of the holder of a key. */
export interface KeyHolder {
  id: string;
  name: string;
  scope: Scope;
  sources: readonly string[];
  groups: readonly string[];
  /** Reference of the person to whom the key belongs; absent with `emit`. */
  person?: string;
}

/** Whoever presented a valid key, and what they may do. */
export interface Caller {
  readonly keyId: string;
  readonly name: string;
  readonly scope: Scope;
  readonly permissions: ReadonlySet<Permission>;
  readonly sources: readonly string[];
  readonly groups: readonly string[];
  /** `LedgerQueried`'s actor. */
  readonly personReference?: string;
  may(permission: Permission): boolean;
  /** Whether records of this source may be reported; nobody reports under `urn:liggare:`. */
  maySource(source: string): boolean;
  /** Whether event types of this group may be reported; nobody reports the ledger's own. */
  mayGroup(group: string): boolean;
}

export function callerOf(key: KeyHolder): Caller {
  const permissions = permissionsOf(key.scope);
  const sources = new Set(key.sources);
  const groups = new Set(key.scope === 'admin' ? GRANTED_GROUPS : key.groups);
  const mayRecord = permissions.has('record');
  return {
    keyId: key.id,
    name: key.name,
    scope: key.scope,
    permissions,
    sources: key.sources,
    groups: key.groups,
    ...(key.person !== undefined && { personReference: key.person }),
    may: (permission) => permissions.has(permission),
    maySource: (source) => mayRecord && !isLedgersOwn(source) && (key.scope === 'admin' || sources.has(source)),
    mayGroup: (group) => mayRecord && (COMMON_GROUPS.has(group) || (groups as ReadonlySet<string>).has(group)),
  };
}
