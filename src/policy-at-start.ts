/** A ledger begins with a policy: published at its first start, and compared with what was published at every other. */
import { type Config, InvalidConfig } from './config.ts';
import { LEDGER } from './ledger/author.ts';
import { eventTypes } from './ledger/events.ts';
import { learnCodes, type PublishParts, publishPolicy } from './ledger/policy/publish.ts';
import type { Policy } from './policy/document.ts';
import { inForceAt } from './policy/in-force.ts';
import { digestOf } from './policy/normal-form.ts';
import { InvalidPolicy, parsePolicy } from './policy/parse.ts';
import { PolicyFileUnreadable, readPolicyText } from './policy-file.ts';
import { loadDeclaredCodes } from './vocabulary/declared-codes.ts';
import { type DeclaredCodes, Vocabulary } from './vocabulary/vocabulary.ts';

/** Told at most of a file that is wrong; `liggare policy check` tells all. */
const MISTAKES_TOLD = 20;

/**
 * The policy that LIGGARE_POLICY names: read before anything is opened, so that one that is wrong stops the start. Undefined where it
 * names none.
 * @throws InvalidConfig with what is wrong with it, line by line
 */
export async function readNamedPolicy(config: Config): Promise<Policy | undefined> {
  return config.isPolicyNamed ? readPolicyFile(config) : undefined;
}

/**
 * The policy of the first start; undefined where there is to be none.
 * @throws InvalidConfig with what is wrong with it, line by line
 */
async function readPolicyFile({ policyFile, policiesFolder }: Config): Promise<Policy | undefined> {
  if (policyFile === undefined) return undefined;
  const vocabulary = Vocabulary.builtIn().with(loadDeclaredCodes(policiesFolder));
  try {
    return parsePolicy(await readPolicyText(policyFile), { vocabulary, eventTypes: new Set(eventTypes().map(({ type }) => type)) });
  } catch (error) {
    throw new InvalidConfig([{ name: 'LIGGARE_POLICY', reason: reasonOf(error, policyFile) }]);
  }
}

function reasonOf(error: unknown, file: string): string {
  if (error instanceof PolicyFileUnreadable) return `names ${file}, which cannot be read: ${error.message}`;
  if (!(error instanceof InvalidPolicy)) throw error;
  const told = error.mistakes.slice(0, MISTAKES_TOLD).map(({ line, column, message }) => `    line ${line}, column ${column}: ${message}`);
  const more = error.mistakes.length - told.length;
  const lines = more > 0 ? [...told, `    … and ${more} more: liggare policy check tells all`] : told;
  return [`names ${file}, which is not a policy that can be used:`, ...lines].join('\n');
}

/** What is told at a start. */
interface Told {
  /** For whoever started it. */
  lines: string[];
  /** For the log. */
  warnings: string[];
}

/**
 * Publishes the policy where nothing was published yet, in the ledger's own name, and makes the codes of all that was published known.
 * Nothing else is ever published by itself.
 * @param declared codes of the folder of policies; what was published says what a code means
 * @param named the policy that LIGGARE_POLICY names
 * @throws PolicyRefused, StoreUnavailable, KeyStoreUnavailable
 */
export async function beginWithPolicy(
  parts: PublishParts,
  { config, declared, named }: { config: Config; declared: DeclaredCodes; named: Policy | undefined },
  now: number,
): Promise<Told> {
  const { policies, vocabulary } = parts;
  const before = await policies.versions();
  learnCodes(vocabulary, before);
  const warnings = vocabulary
    .contradictions(declared)
    .map((code) => `codes.${code} in LIGGARE_POLICIES is known with another term of DPV, by a published policy: that one holds`);
  vocabulary.learn(declared);
  const { policyFile = '' } = config;
  const shipped = before.length > 0 || named !== undefined ? undefined : await readPolicyFile(config);
  // Another's policy would judge everything for ever: versions of one policy follow each other, and the first stays.
  const isAnothers = shipped !== undefined && shipped.controller.id !== config.controller;
  if (isAnothers) warnings.push(anothers(shipped, config));
  const first = before.length > 0 || isAnothers ? undefined : (named ?? shipped);
  if (first !== undefined) {
    await publishPolicy(parts, { document: first, author: LEDGER, now, first: true });
    return { lines: [`${nameOf(first)}, was published from ${policyFile}`], warnings };
  }
  if (named !== undefined) warnings.push(...differsIn(named, policyFile, before));
  const current = inForceAt(await policies.versions(), now)?.promises.policy;
  return { lines: [current === undefined ? NONE : `${nameOf(current)}, is in force`], warnings };
}

const NONE = 'No policy is in force, and nothing is judged: liggare policy publish <file> publishes one';

const nameOf = ({ policy, version, effectiveFrom }: Policy): string => `Policy ${policy}, version ${version} from ${effectiveFrom}`;

const anothers = ({ controller }: Policy, config: Config): string =>
  `LIGGARE_CONTROLLER is ${config.controller}, and the policy that ships is that of ${controller.id}: it was not published. Name your own with LIGGARE_POLICY, or none`;

/** The file may have been changed since, or never have been the policy of this ledger. */
function differsIn(document: Policy, file: string, published: readonly { version: string; digest: string }[]): string[] {
  const digest = digestOf(document);
  const last = published.at(-1);
  if (last === undefined || last.digest === digest) return [];
  const isOlder = published.some((each) => each.digest === digest);
  if (isOlder) return [`LIGGARE_POLICY names version ${document.version} of the policy, and version ${last.version} was published since`];
  return [
    `LIGGARE_POLICY names a policy that differs from version ${last.version}, which was published, and is not itself: liggare policy diff ${file} says in what, liggare policy publish ${file} publishes it`,
  ];
}
