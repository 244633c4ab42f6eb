/** Publishing a version: decided, recorded, and known to this process from then on. The command does it, and so does the first start. */
import type { EventStore } from '../../eventstore/event-store.ts';
import { type Difference, differences } from '../../policy/differences.ts';
import type { Policy } from '../../policy/document.ts';
import { effectiveAt, inForceAt } from '../../policy/in-force.ts';
import { digestOf } from '../../policy/normal-form.ts';
import type { KeyVault } from '../../privacy/key-vault.ts';
import { hasEmailAddress, hasPersonalIdentityNumber } from '../../vocabulary/identifiers.ts';
import type { Vocabulary } from '../../vocabulary/vocabulary.ts';
import { type Author, actorOf } from '../author.ts';
import type { StoredActor } from '../entry.ts';
import { handle } from '../handle.ts';
import { newId } from '../new-id.ts';
import { caseKey } from '../periods.ts';
import { sealEntry } from '../sealing.ts';
import type { LedgerSettings } from '../settings.ts';
import { POLICIES, type PolicyCommand, type Published, policies, refuseOtherMeanings, type Versions } from './decider.ts';
import type { Policies } from './policies.ts';

export interface PublishParts {
  store: EventStore;
  vault: KeyVault;
  policies: Policies;
  /** Learns the codes of what is published. */
  vocabulary: Vocabulary;
  settings: Pick<LedgerSettings, 'caseDays'>;
}

export interface Publishing {
  document: Policy;
  /** In words; kept sealed. */
  reason?: string;
  author: Author;
  /** The ledger's clock, milliseconds since 1970. */
  now: number;
  /** Says what would be, and records nothing. */
  dryRun?: boolean;
  /** Only where nothing was published yet. */
  first?: true;
}

/** Something about a version that nothing forbids, and that somebody may regret: it stands in the log for ever. */
export interface PublicationWarning {
  /** The key of the document, as in `controller.contact`. */
  path: string;
  rule: 'address-of-a-person' | 'email-in-clear' | 'personal-identity-number-in-clear';
  message: string;
}

/** What came of it. */
export interface Publication {
  outcome: 'published' | 'unchanged' | 'would-publish';
  document: Policy;
  digest: string;
  /** As it stands in the log; absent with `would-publish`. */
  published?: Published;
  /** The version whose place it takes, when it begins; absent for the first of all, and where nothing changed. */
  replaces?: Published;
  /** From that version to this one, in words. */
  differences: readonly Difference[];
  warnings: readonly PublicationWarning[];
}

/**
 * Publishes a version. What was published before with the same content stays as it is. Durable when it resolves.
 * @throws PolicyRefused, StoreUnavailable, KeyStoreUnavailable
 */
export async function publishPolicy(parts: PublishParts, publishing: Publishing): Promise<Publication> {
  const { document, now, dryRun, first } = publishing;
  const digest = digestOf(document);
  refuseOtherMeanings(document.codes ?? {}, parts.vocabulary);
  const command = { do: 'publish', document, digest, ...(first && { first }) } as const;
  const at = new Date(now).toISOString();
  const before = await parts.policies.versions();
  const isNew = policies.decide({ ...command, at, by: NOBODY, id: '' }, before).length > 0;
  if (dryRun || !isNew) return told(document, digest, before, dryRun && isNew ? 'would-publish' : 'unchanged');
  const { facts } = await handle(parts.store, POLICIES, policies, { ...command, at, ...(await given(parts, publishing)) });
  const versions = await parts.policies.versions();
  learnCodes(parts.vocabulary, versions);
  return told(document, digest, versions, facts.length > 0 ? 'published' : 'unchanged');
}

/** Codes of all that was published, whether it is in force or not: what was recorded with them stays valid. */
export function learnCodes(vocabulary: Vocabulary, versions: Versions): void {
  for (const { promises } of versions) vocabulary.learn(promises.policy.codes ?? {});
}

/** For a decision that is only looked at. */
const NOBODY: StoredActor = { reference: '', kind: 'human' };

type Given = Pick<PolicyCommand, 'by' | 'id' | 'sealed' | 'sealedFields'>;

async function given({ vault, settings }: PublishParts, { author, reason, now }: Publishing): Promise<Given> {
  const id = newId();
  return { by: await actorOf(author, vault), id, ...(await sealedReason(vault, id, reason, now, settings)) };
}

/** What somebody wrote about a policy is about nobody, and has a file of its own: it opens for as long as a case's does. */
export async function sealedReason(
  vault: KeyVault,
  id: string,
  reason: string | undefined,
  now: number,
  settings: Pick<LedgerSettings, 'caseDays'>,
): Promise<Pick<Given, 'sealed' | 'sealedFields'>> {
  if (reason === undefined) return {};
  const { sealed } = sealEntry({ source: POLICIES.source, id }, [], { values: { reason } }, await caseKey(vault, now, { id }, settings));
  return { ...(sealed && { sealed }), sealedFields: ['reason'] };
}

function told(document: Policy, digest: string, versions: Versions, outcome: Publication['outcome']): Publication {
  const published = versions.find((each) => each.digest === digest);
  const others = versions.slice(0, published === undefined ? undefined : versions.indexOf(published));
  const replaces = outcome === 'unchanged' ? undefined : inForceAt(others, effectiveAt(document));
  return {
    outcome,
    document,
    digest,
    ...(published && { published }),
    ...(replaces && { replaces }),
    differences: replaces === undefined ? [] : differences(replaces.promises.policy, document),
    warnings: warningsOf(document),
  };
}

/** Addresses of functions, by words that names of people do not have. */
const FUNCTIONS =
  /(?:^|[._+-])(?:info|privacy|dpo|dso|gdpr|data|dataskydd\w*|data-?protection|integritet\w*|personuppgift\w*|contact|kontakt|office|support|help|hello|hej|legal|compliance|kundservice|kundtjanst|customer\w*|service|registrator|mail|post|reception|team|admin)(?:$|[._+-])/i;

/** @returns what may name a person, in a document that is never forgotten */
export function warningsOf(document: Policy): PublicationWarning[] {
  const warnings: PublicationWarning[] = [];
  for (const [path, text] of textsOf(document, [])) {
    const isContact = path === 'controller.contact' || path === 'controller.dataProtectionOfficer';
    if (hasPersonalIdentityNumber(text)) warnings.push({ path, rule: 'personal-identity-number-in-clear', message: NUMBER });
    else if (!hasEmailAddress(text)) continue;
    else if (!isContact) warnings.push({ path, rule: 'email-in-clear', message: ELSEWHERE });
    else if (!FUNCTIONS.test(text.slice(0, text.indexOf('@')))) warnings.push({ path, rule: 'address-of-a-person', message: PERSON });
  }
  return warnings;
}

const FOR_EVER = 'a published policy stands in the log in clear, for ever';
const PERSON = `does not look like the address of a function, such as privacy@…; ${FOR_EVER}, and an erasure does not reach it`;
const ELSEWHERE = `holds an e-mail address; ${FOR_EVER}: only contact and dataProtectionOfficer need one, of a function`;
const NUMBER = `looks like a personal identity number; ${FOR_EVER}: leave it out, unless it is an organisation's`;

function* textsOf(value: unknown, path: readonly string[]): Generator<[path: string, text: string]> {
  if (typeof value === 'string') yield [path.join('.'), value];
  else if (value !== null && typeof value === 'object') {
    for (const [name, each] of Object.entries(value)) yield* textsOf(each, [...path, name]);
  }
}
