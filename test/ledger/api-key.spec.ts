import fc from 'fast-check';
import {
  type ApiKeyUnknown,
  apiKeys,
  type InvalidApiKey,
  type KeyCommand,
  type KeyFact,
  MAX_ACTIVE_KEYS,
} from '../../src/ledger/api-key/decider.ts';
import { callerOf, PERMISSIONS, permissionsOf, SCOPES } from '../../src/ledger/api-key/permissions.ts';
import { digestOfKey, idOf, newSecret, sameDigest } from '../../src/ledger/api-key/secret.ts';

const BY = { reference: 'A'.repeat(22), kind: 'human', role: 'admin' };
const AT = '2026-03-02T09:14:07.120Z';
const LATER = '2026-04-01T08:00:00.000Z';
const DIGEST = 'd'.repeat(43);
const PERSON = 'P'.repeat(22);

type Create = Extract<KeyCommand, { do: 'create' }>;

const emitting = (id: string, changes: Partial<Create> = {}): Create => ({
  ...{ do: 'create', at: AT, by: BY, digest: DIGEST, id, name: 'billing', scope: 'emit', sources: ['urn:mailit:billing'], groups: [] },
  ...changes,
});
const asking = (id: string, changes: Partial<Create> = {}): Create => ({
  ...{ do: 'create', at: AT, by: BY, digest: DIGEST, id, name: 'Karin', scope: 'ask', sources: [], groups: [], person: PERSON },
  ...changes,
});
const revoking = (id: string, lockoutPossible = true): KeyCommand => ({ do: 'revoke', at: LATER, by: BY, id, lockoutPossible });

/** Given commands that went before, when one more is given, then these facts. */
function decided(given: KeyCommand[], when: KeyCommand): KeyFact[] {
  let keys = apiKeys.initial();
  for (const command of given) for (const fact of apiKeys.decide(command, keys)) keys = apiKeys.evolve(keys, fact);
  return apiKeys.decide(when, keys);
}

function rulesOf(work: () => unknown): string[] {
  try {
    work();
  } catch (error) {
    if ((error as Error).name === 'InvalidApiKey') return (error as InvalidApiKey).problems.map(({ path, rule }) => `${path} ${rule}`);
    throw error;
  }
  return [];
}

describe('the decider of API keys', () => {
  it('given nothing, when a key is made for a source, then it is created with the digest alone', () => {
    expect(decided([], emitting('k1'))).toEqual([
      {
        type: 'ApiKeyCreated',
        time: AT,
        data: {
          ...{
            actor: BY,
            subjects: [],
            keyId: 'k1',
            name: 'billing',
            scope: 'emit',
            sources: ['urn:mailit:billing'],
            groups: [],
            digest: DIGEST,
          },
        },
      },
    ]);
  });

  it('given nothing, when a key is made for a person, then the person is a subject of the fact, by reference', () => {
    expect(decided([], asking('k1'))[0]).toMatchObject({ data: { person: PERSON, subjects: [{ reference: PERSON }] } });
  });

  it.each([
    ['no source', emitting('k', { sources: [] }), ['/sources required']],
    ['a source that is no urn', emitting('k', { sources: ['urn:a:b', 'https://a.example'] }), ['/sources/1 pattern']],
    ['a source with capitals', emitting('k', { sources: ['urn:MAILIT:billing'] }), ['/sources/0 pattern']],
    ["a source of the ledger's own", emitting('k', { sources: ['urn:liggare:keys'] }), ['/sources/0 ledgers-own']],
    [
      'a personal identity number in a source',
      emitting('k', { sources: ['urn:a:b', 'urn:mailit:191212121212:x'] }),
      ['/sources/1 personal-identity-number-in-clear'],
    ],
    ['too many sources', emitting('k', { sources: Array.from({ length: 101 }, (_, i) => `urn:s:${i}`) }), ['/sources too-many']],
    ['a group that needs no grant', emitting('k', { groups: ['rights', 'processing'] }), ['/groups/1 unknown-code']],
    ["the ledger's own group", emitting('k', { groups: ['ledger'] }), ['/groups/0 unknown-code']],
    ['a person on a key that emits', emitting('k', { person: PERSON }), ['/person not-allowed']],
    ['nobody on a key that asks', asking('k', { person: undefined as never }), ['/person required']],
    [
      'sources and groups on a key that asks',
      asking('k', { sources: ['urn:a:b'], groups: ['rights'] }),
      ['/sources not-allowed', '/groups not-allowed'],
    ],
    ['an e-mail address for a name', emitting('k', { name: 'anna.berg@example.com' }), ['/name pattern']],
    ['a personal identity number for a name', emitting('k', { name: 'case 19121212-1212' }), ['/name personal-identity-number-in-clear']],
    ['an empty name', emitting('k', { name: '' }), ['/name pattern']],
    ['a name of 101 characters', emitting('k', { name: 'x'.repeat(101) }), ['/name pattern']],
    ['an unknown scope', asking('k', { scope: 'root' as never }), ['/scope unknown-code']],
  ])('given nothing, when a key is wanted with %s, then it is refused with field and rule', (_, command, rules) => {
    expect(rulesOf(() => decided([], command))).toEqual(rules);
  });

  it('names every problem at once', () => {
    expect(rulesOf(() => decided([], emitting('k', { name: '@', sources: [], groups: ['x'] })))).toHaveLength(3);
  });

  it('given a key, when it is revoked, then it is; and revoking it again changes nothing', () => {
    expect(decided([emitting('k1')], revoking('k1'))).toEqual([
      { type: 'ApiKeyRevoked', time: LATER, data: { actor: BY, subjects: [], keyId: 'k1' } },
    ]);
    expect(decided([emitting('k1'), revoking('k1')], revoking('k1'))).toEqual([]);
  });

  it('given the key of a person, when it is revoked, then the fact names the key alone: the person may be erased by then', () => {
    expect(decided([asking('k1')], revoking('k1'))).toEqual([
      { type: 'ApiKeyRevoked', time: LATER, data: { actor: BY, subjects: [], keyId: 'k1' } },
    ]);
  });

  it('given nothing, when an unknown key is revoked, then ApiKeyUnknown', () => {
    expect(() => decided([], revoking('k9'))).toThrow(expect.objectContaining<Partial<ApiKeyUnknown>>({ name: 'ApiKeyUnknown' }));
  });

  it('given one admin key, when it is revoked, then nobody would be left: LastAdminKey, unless another one is held elsewhere', () => {
    const admin = asking('k1', { scope: 'admin' });
    expect(() => decided([admin, asking('k2')], revoking('k1'))).toThrow(expect.objectContaining({ name: 'LastAdminKey' }));
    expect(decided([admin], revoking('k1', false))).toHaveLength(1);
    expect(decided([admin, asking('k2', { scope: 'admin' })], revoking('k1'))).toHaveLength(1);
  });

  it('given as many active keys as there may be, when another is wanted, then TooManyApiKeys', () => {
    const keys = apiKeys.initial();
    for (let i = 0; i < MAX_ACTIVE_KEYS; i++)
      for (const fact of apiKeys.decide(emitting(`k${i}`), keys.size ? new Map() : keys)) apiKeys.evolve(keys, fact);
    expect(() => apiKeys.decide(emitting('one-more'), keys)).toThrow(expect.objectContaining({ name: 'TooManyApiKeys' }));
  });
});

describe('scopes and permissions', () => {
  it.each([
    ['emit', ['record', 'receipts', 'suppression', 'decide']],
    ['ask', ['ask', 'sources', 'receipts', 'prove', 'findings', 'decide']],
    [
      'case',
      [
        ...(['ask', 'sources', 'receipts', 'prove', 'openSubject', 'quarantine', 'release', 'link', 'erase', 'suppression'] as const),
        ...(['findings', 'explain', 'decide'] as const),
      ],
    ],
    [
      'investigate',
      [
        ...(['ask', 'sources', 'receipts', 'prove', 'openSubject', 'openAll', 'nameActors', 'othersOnEvent', 'quarantine'] as const),
        ...(['findings', 'explain', 'decide'] as const),
      ],
    ],
    ['audit', ['sources', 'receipts', 'prove', 'entries', 'metrics', 'findings']],
    ['admin', Object.keys(PERMISSIONS)],
  ] as const)('%s may %s', (scope, permissions) => {
    expect([...permissionsOf(scope)].sort()).toEqual([...permissions].sort());
  });

  const holder = { id: 'k', name: 'n', sources: ['urn:a:b'], groups: ['rights'] };

  it('an emitting key writes for its sources and groups alone, and the groups open to all', () => {
    const caller = callerOf({ ...holder, scope: 'emit' });
    expect([caller.maySource('urn:a:b'), caller.maySource('urn:a:c'), caller.maySource('urn:a:b:c')]).toEqual([true, false, false]);
    const groups = ['processing', 'restriction', 'consent', 'source', 'rights', 'breach', 'governance', 'legal-hold', 'ledger'];
    expect(groups.filter((group) => caller.mayGroup(group))).toEqual(['processing', 'restriction', 'consent', 'source', 'rights']);
  });

  it('an admin key writes for every source and group but the ledger’s own', () => {
    const caller = callerOf({ ...holder, sources: [], groups: [], scope: 'admin' });
    expect([caller.maySource('urn:any:thing'), caller.maySource('urn:liggare:keys'), caller.maySource('urn:liggare')]).toEqual([
      true,
      false,
      false,
    ]);
    expect([caller.mayGroup('breach'), caller.mayGroup('ledger'), caller.mayGroup('toString')]).toEqual([true, false, false]);
  });

  it.each(SCOPES.filter((scope) => scope !== 'emit' && scope !== 'admin'))('%s writes nothing', (scope) => {
    const caller = callerOf({ ...holder, scope });
    expect([caller.maySource('urn:a:b'), caller.mayGroup('processing')]).toEqual([false, false]);
  });
});

describe('the text of a key', () => {
  it('names the key and holds 256 random bits', () => {
    const { id, text, digest } = newSecret();
    expect(text).toMatch(/^lig_[a-z2-7]{12}_[A-Za-z0-9_-]{43}$/);
    expect(idOf(text)).toBe(id);
    expect(digest).toBe(digestOfKey(text));
    expect(newSecret().text).not.toBe(text);
  });

  it('has no id when it is anything else', () => {
    fc.assert(fc.property(fc.string(), (text) => idOf(text) === undefined));
    expect(idOf(`${newSecret().text}x`)).toBeUndefined();
  });

  it('is compared by digests of one length, and one character makes the difference', () => {
    const { text, digest } = newSecret();
    expect(sameDigest(digestOfKey(text), digest)).toBe(true);
    expect(sameDigest(digestOfKey(`${text.slice(0, -1)}${text.endsWith('A') ? 'B' : 'A'}`), digest)).toBe(false);
    expect(sameDigest('', digest)).toBe(false);
  });
});
