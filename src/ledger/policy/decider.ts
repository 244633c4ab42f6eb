/**
 * Versions of a controller's policy: published, reviewed, never changed. The stream holds the documents themselves, so that whoever
 * judges by them, at any time and on any copy of the log, needs nothing else.
 */
import type { Policy } from '../../policy/document.ts';
import { inForceAt, type PublicationProblem, publicationProblem } from '../../policy/in-force.ts';
import { normalForm } from '../../policy/normal-form.ts';
import { Promises } from '../../policy/promises.ts';
import { type DeclaredCodes, Vocabulary } from '../../vocabulary/vocabulary.ts';
import type { Entry, Reference, StoredActor, StoredData } from '../entry.ts';
import { upcast } from '../events.ts';
import type { Decider, Fact, OwnStream } from '../handle.ts';

export interface PublishedData extends StoredData {
  policy: string;
  policyVersion: string;
  effectiveFrom: string;
  /** SHA-256 of the document in RFC 8785 form, hexadecimal. */
  documentDigest: string;
  document: Policy;
  url: string;
  textDigest?: string;
}

interface ReviewedData extends StoredData {
  policyVersion: string;
  /** Of the text that was found where people read it. */
  textDigest?: string;
}

export type PolicyFact = (Fact<'PolicyPublished', PublishedData> | Fact<'PolicyReviewed', ReviewedData>) & {
  id: string;
  /** Absent, as the position is, where the fact was decided and is not recorded yet. */
  recordedAt?: string;
  position?: number;
};

/** Somebody went through a version. */
export interface Review {
  /** Of the entry. */
  id: string;
  /** UTC ISO 8601, by the log's clock. */
  reviewedAt: string;
  position: number;
  reviewer: Reference;
  /** Of the text that was found where people read it; absent where nobody looked. */
  textDigest?: string;
}

/** A version as it was published. */
export interface Published {
  policy: string;
  version: string;
  /** A day, which means its beginning in UTC, or a moment. */
  effectiveFrom: string;
  /** SHA-256 of the document in RFC 8785 form, hexadecimal. */
  digest: string;
  /** The document, as it is asked; `promises.policy` is the document itself. */
  promises: Promises;
  /** Where the text that people read is found, and SHA-256 of it. */
  url: string;
  textDigest?: string;
  /** Of the entry. */
  id: string;
  /** UTC ISO 8601, by the log's clock. */
  publishedAt: string;
  position: number;
  publisher: Reference;
  /** In the order in which they were recorded. */
  reviews: readonly Review[];
}

/** In the order of publication. */
export type Versions = readonly Published[];

interface Given {
  at: string;
  by: StoredActor;
  /** Of the entry: what is sealed is sealed to it. */
  id: string;
  sealed?: Entry['sealed'];
  /** Names of what is sealed. */
  sealedFields?: string[];
}

export type PolicyCommand =
  /** `first`: where nothing was published yet; else it changes nothing. */
  | ({ do: 'publish'; document: Policy; digest: string; first?: true } & Given)
  | ({ do: 'review'; version: string; textDigest?: string } & Given);

/** A version that cannot be published: which rule of publication it breaks, and what to do. */
export class PolicyRefused extends Error {
  override name = 'PolicyRefused';
  constructor(
    readonly rule: PublicationProblem['rule'] | 'code-means-otherwise' | 'too-many-versions',
    message: string,
  ) {
    super(message);
  }
}

/** More than the log can hold of one. */
export class PolicyTooLarge extends Error {
  override name = 'PolicyTooLarge';
}

/** There is no such version. */
export class PolicyUnknown extends Error {
  override name = 'PolicyUnknown';
}

/** A version that does not hold any more, or not yet, is not reviewed in place of the one that does. */
export class PolicyNotInForce extends Error {
  override name = 'PolicyNotInForce';
}

/** Bytes of a document in RFC 8785 form: with what stands beside it in the event it has to fit in a leaf of the tree. */
export const MAX_DOCUMENT_BYTES = 48 * 1024;
/** All of them are held in memory, by whoever judges. */
export const MAX_VERSIONS = 1_000;

export const POLICIES: OwnStream<PolicyFact> = {
  name: 'ledger-policies',
  source: 'urn:liggare:policies',
  read: (type, { id, time, version, data }, recordedAt, position) =>
    ({ type, id, time, recordedAt, position, data: upcast(type, version, data) }) as unknown as PolicyFact,
};

export const policies: Decider<PolicyCommand, PolicyFact, Versions> = {
  initial: () => [],
  decide: (command, versions) => (command.do === 'publish' ? publish(command, versions) : review(command, versions)),
  evolve,
};

/** Publishing what was published changes nothing: whoever got no answer sends it again. */
function publish(command: Extract<PolicyCommand, { do: 'publish' }>, versions: Versions): PolicyFact[] {
  const { at, by, id, document, digest, first, sealed, sealedFields } = command;
  if (first && versions.length > 0) return [];
  const { policy, version, effectiveFrom, publication } = document;
  const problem = publicationProblem(versions, { policy, version, effectiveFrom, digest }, Date.parse(at));
  if (problem?.rule === 'nothing-changed') return [];
  if (problem !== undefined) throw new PolicyRefused(problem.rule, problem.message);
  refuseOtherMeanings(document.codes ?? {}, vocabularyOf(versions));
  if (versions.length >= MAX_VERSIONS)
    throw new PolicyRefused('too-many-versions', `there are ${MAX_VERSIONS} versions, and no room for more`);
  const data: PublishedData = {
    actor: by,
    subjects: [],
    policy,
    policyVersion: version,
    effectiveFrom,
    documentDigest: digest,
    document: fitting(document),
    url: publication.url,
    ...(publication.textDigest !== undefined && { textDigest: publication.textDigest }),
    ...(sealedFields && { sealedFields }),
  };
  return [{ type: 'PolicyPublished', id, time: at, data, ...(sealed && { sealed }) } satisfies PolicyFact];
}

/** The built-in codes and those of all versions. */
function vocabularyOf(versions: Versions): Vocabulary {
  const vocabulary = Vocabulary.builtIn();
  for (const { promises } of versions) vocabulary.learn(promises.policy.codes ?? {});
  return vocabulary;
}

/** @throws PolicyRefused where a code is known with another term: what was recorded with it would change its meaning */
export function refuseOtherMeanings(codes: DeclaredCodes, vocabulary: Vocabulary): void {
  const [first] = vocabulary.contradictions(codes);
  if (first === undefined) return;
  throw new PolicyRefused('code-means-otherwise', `codes.${first} is known with another term of DPV: give it another name`);
}

function fitting(document: Policy): Policy {
  const text = normalForm(document);
  const bytes = Buffer.byteLength(text);
  if (bytes <= MAX_DOCUMENT_BYTES) return JSON.parse(text) as Policy;
  const message = `the policy has ${bytes} bytes in normal form, and the log holds ${MAX_DOCUMENT_BYTES}: shorten what it says in words`;
  throw new PolicyTooLarge(message);
}

function review(command: Extract<PolicyCommand, { do: 'review' }>, versions: Versions): PolicyFact[] {
  const { at, by, id, version, textDigest, sealed, sealedFields } = command;
  if (!versions.some((each) => each.version === version)) throw new PolicyUnknown('there is no such version of the policy');
  const inForce = inForceAt(versions, Date.parse(at));
  if (inForce?.version !== version) {
    const instead = inForce === undefined ? 'no version is in force yet' : `version ${inForce.version} is in force: review that one`;
    throw new PolicyNotInForce(instead);
  }
  const data: ReviewedData = {
    actor: by,
    subjects: [],
    policyVersion: version,
    ...(textDigest !== undefined && { textDigest }),
    ...(sealedFields && { sealedFields }),
  };
  return [{ type: 'PolicyReviewed', id, time: at, data, ...(sealed && { sealed }) } satisfies PolicyFact];
}

function evolve(versions: Versions, fact: PolicyFact): Versions {
  const recorded = { id: fact.id, position: fact.position ?? 0 };
  const at = fact.recordedAt ?? fact.time;
  if (fact.type === 'PolicyPublished') {
    const { policy, policyVersion, effectiveFrom, documentDigest, document, url, textDigest, actor } = fact.data;
    const published: Published = {
      ...{ policy, version: policyVersion, effectiveFrom, digest: documentDigest, promises: new Promises(document), url },
      ...(textDigest !== undefined && { textDigest }),
      ...{ ...recorded, publishedAt: at, publisher: actor.reference, reviews: [] },
    };
    return [...versions, published];
  }
  const { policyVersion, textDigest, actor } = fact.data;
  const made: Review = { ...recorded, reviewedAt: at, reviewer: actor.reference, ...(textDigest !== undefined && { textDigest }) };
  return versions.map((each) => (each.version === policyVersion ? { ...each, reviews: [...each.reviews, made] } : each));
}
