import { IsBoolean, IsInt, Max, Min } from 'class-validator';
import { MAX_DOCUMENT_BYTES } from '../../policy/decider.ts';
import {
  DIGEST,
  EACH,
  IsDayOrMoment,
  IsDocument,
  IsList,
  IsMoment,
  IsName,
  IsNested,
  IsText,
  IsWritten,
  REFERENCE,
  SOURCE,
} from '../rules.ts';
import { EventData, Field, Requires } from '../shape.ts';
import { LIST_LIMIT, OtherFacts, REFERENCE_LIMIT, RecordPointer, SUBJECTS_LIMIT } from './common.ts';

/** What the ledger says of itself. Never accepted from outside; described so that it can be read. */

@EventData('LedgerQueried', 1)
@Requires('question', 'axes', 'purpose', 'correlationId', 'subjects')
export class LedgerQueried extends OtherFacts {
  @Field('clear', 'The question that was asked.', 'timeline')
  @IsName()
  question!: string;

  @Field('clear', 'What it was asked about: names of axes, never a value.', ['subject', 'from'])
  @IsText('clear', 40, EACH)
  @IsList(0, LIST_LIMIT)
  axes!: string[];

  @Field('clear', 'The item in quarantine that was opened.', 'mK3nq0aZx5Yt1RbLw8PdVg')
  @IsText('clear', REFERENCE_LIMIT)
  quarantineId?: string;

  @Field('clear', 'What was answered to each of several things asked, as codes in their order.', ['allowed', 'denied'])
  @IsName(EACH)
  @IsList(1, LIST_LIMIT)
  answers?: string[];
}

/**
 * What a controller promises from some moment on. The whole document stands in the log: whoever judges by it later, or makes a read
 * model anew, needs no file.
 */
@EventData('PolicyPublished', 1)
@Requires('policy', 'policyVersion', 'effectiveFrom', 'documentDigest', 'document', 'url')
export class PolicyPublished extends OtherFacts {
  @Field('clear', 'Which policy it is; the same in all its versions.', 'mailit')
  @IsName()
  policy!: string;

  @Field('clear', 'Version of the policy; findings name it.', '1')
  @IsText('clear', REFERENCE_LIMIT)
  policyVersion!: string;

  @Field(
    'clear',
    'From when it is in force; a day means its beginning in UTC. The first version of all may name the earlier day from which its text applied.',
    '2018-05-25',
  )
  @IsDayOrMoment()
  effectiveFrom!: string;

  @Field(
    'clear',
    'SHA-256 of the document in RFC 8785 form, in hexadecimal.',
    '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  )
  @IsWritten(DIGEST)
  documentDigest!: string;

  @Field('clear', 'The policy in normal form, as src/policy/README.md describes it.')
  @IsDocument(MAX_DOCUMENT_BYTES)
  document!: Record<string, unknown>;

  @Field('clear', 'Where the text that people read is found.', 'https://www.mailit.se/')
  @IsText('clear')
  url!: string;

  @Field('clear', 'SHA-256 of that text, in hexadecimal.', '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08')
  @IsWritten(DIGEST)
  textDigest?: string;

  @Field('sealed', 'Why it was published.', 'A distributor was added.')
  @IsText('free')
  reason?: string;
}

/** Somebody went through the policy that is in force (Art. 24(1)). */
@EventData('PolicyReviewed', 1)
@Requires('policyVersion')
export class PolicyReviewed extends OtherFacts {
  @Field('clear', 'Version of the policy.', '1')
  @IsText('clear', REFERENCE_LIMIT)
  policyVersion!: string;

  @Field(
    'clear',
    'SHA-256 of the text that was found where people read it, in hexadecimal; absent where nobody looked.',
    '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  )
  @IsWritten(DIGEST)
  textDigest?: string;

  @Field('sealed', 'What was found.', 'The list of distributors is complete.')
  @IsText('free')
  reason?: string;
}

const RULE = { pattern: /^R[1-9]\d{0,2}$/u, expected: 'the name of a rule: R and a number', harmless: true };

/** What is said of a finding names it, wherever it stands: its name is made of what was found, and survives that it is looked for anew. */
class OfFinding extends OtherFacts {
  @Field('clear', 'The finding.', 'mK3nq0aZx5Yt1RbLw8PdVg')
  @IsWritten(REFERENCE)
  finding!: string;

  @Field('clear', 'The rule that was found broken, or could not be judged.', 'R7')
  @IsWritten(RULE)
  rule!: string;
}

/** Somebody has seen it and sees to it. Of the people whom it is about, each is named by reference. */
@EventData('FindingAcknowledged', 1)
@Requires('finding', 'rule', 'reason')
export class FindingAcknowledged extends OfFinding {
  @Field('sealed', 'What is done about it.', 'Billing is asked why.')
  @IsText('free')
  reason!: string;
}

/** Somebody says how it came about. It stays a finding. */
@EventData('FindingExplained', 1)
@Requires('finding', 'rule', 'reason')
export class FindingExplained extends OfFinding {
  @Field('sealed', 'How it came about.', 'The bank had changed its name; the policy follows on Monday.')
  @IsText('free')
  reason!: string;
}

/** How many of something. */
function IsCounted(): PropertyDecorator {
  return (target, property) => {
    Max(Number.MAX_SAFE_INTEGER)(target, property);
    Min(0)(target, property);
    IsInt()(target, property);
  };
}

/** Of one subject: identifiers became theirs, and nobody is merged. */
@EventData('SubjectsMerged', 1)
@Requires('subjects', 'reason')
export class SubjectsMerged extends OtherFacts {
  @Field('clear', 'How many identifiers nobody had before; they are the first subject’s from here on.', 1)
  @Max(SUBJECTS_LIMIT)
  @Min(1)
  @IsInt()
  identifiersAdded?: number;

  @Field('sealed', 'Why the subjects are one person.', 'Both numbers belong to one customer.')
  @IsText('free')
  reason!: string;
}

@EventData('SubjectKeyDestroyed', 1)
@Requires('reference', 'intention')
export class SubjectKeyDestroyed extends OtherFacts {
  @Field('clear', 'The reference whose key is destroyed.', 'mK3nq0aZx5Yt1RbLw8PdVg')
  @IsWritten(REFERENCE)
  reference!: string;

  @Field('clear', 'The event that said that it would be.')
  @IsNested(() => RecordPointer)
  intention!: RecordPointer;

  @Field('clear', 'Keys destroyed, of all references of the intention together; they stand with its first.', 1)
  @IsCounted()
  keys?: number;

  @Field('clear', 'Identifiers destroyed.', 3)
  @IsCounted()
  identifiers?: number;

  @Field('clear', 'Sessions and credentials of the person destroyed.', 0)
  @IsCounted()
  sessions?: number;

  @Field('clear', 'Items in quarantine that named the person, and whose content was ended.', 0)
  @IsCounted()
  quarantined?: number;

  @Field('clear', 'Whether the bytes were overwritten in every file at once.', true)
  @IsBoolean()
  overwritten?: boolean;
}

@Requires('path', 'rule')
class QuarantinedProblem {
  @Field('clear', 'Where: a JSON pointer (RFC 6901) into the event.', '/data/purpose')
  @IsText('clear')
  path!: string;

  @Field('clear', 'Which rule is broken.', 'unknown-code')
  @IsName()
  rule!: string;
}

@EventData('RecordQuarantined', 1)
@Requires('quarantineId', 'problems', 'keyId', 'sealedUnder')
export class RecordQuarantined extends OtherFacts {
  @Field('clear', 'The item in quarantine.', 'mK3nq0aZx5Yt1RbLw8PdVg')
  @IsText('clear', REFERENCE_LIMIT)
  quarantineId!: string;

  @Field('clear', "The event's `source`, where that is well-formed.", 'urn:mailit:billing')
  @IsWritten(SOURCE)
  recordSource?: string;

  @Field('clear', "The event's `id`, where that is well-formed.", '2026-03-02-000412')
  @IsText('clear')
  recordId?: string;

  @Field('clear', "The event's `type`, where that is known.", 'PersonalDataDisclosed')
  @IsText('clear', 100)
  recordType?: string;

  @Field('clear', "The event's `time`, where that can be read.", '2026-03-02T09:14:07.120Z')
  @IsMoment()
  recordTime?: string;

  @Field('clear', "The event's `sequence`, where that is well-formed: it counts as received.", 412)
  @Max(Number.MAX_SAFE_INTEGER)
  @Min(0)
  @IsInt()
  recordSequence?: number;

  @Field('clear', 'What is wrong.')
  @IsNested(() => QuarantinedProblem, EACH)
  @IsList(1, LIST_LIMIT)
  problems!: QuarantinedProblem[];

  @Field('clear', 'The API key that sent it.', 'key-7f3a')
  @IsText('clear', REFERENCE_LIMIT)
  keyId!: string;

  @Field('clear', 'The period key under which the event is sealed.', 'quarantine-2026-03')
  @IsText('clear', REFERENCE_LIMIT)
  sealedUnder!: string;
}

@EventData('RecordReleased', 1)
@Requires('quarantineId', 'target', 'reason')
export class RecordReleased extends OtherFacts {
  @Field('clear', 'The item in quarantine.', 'mK3nq0aZx5Yt1RbLw8PdVg')
  @IsText('clear', REFERENCE_LIMIT)
  quarantineId!: string;

  @Field('clear', 'The record that was made of it.')
  @IsNested(() => RecordPointer)
  target!: RecordPointer;

  @Field('sealed', 'Why it was released.', 'The purpose was misspelt.')
  @IsText('free')
  reason!: string;
}

@EventData('RecordRefused', 1)
@Requires('keyId', 'rule')
export class RecordRefused extends OtherFacts {
  @Field('clear', 'The API key that tried.', 'key-7f3a')
  @IsText('clear', REFERENCE_LIMIT)
  keyId!: string;

  @Field('clear', 'The source that it tried to write for, where that is well-formed.', 'urn:liggare:keys')
  @IsWritten(SOURCE)
  recordSource?: string;

  @Field('clear', 'The type that it tried to write, where that is known.', 'ApiKeyCreated')
  @IsText('clear', 100)
  recordType?: string;

  @Field('clear', 'Why it was refused.', 'type-of-the-ledger')
  @IsName()
  rule!: string;

  @Field('clear', 'How many events of the request were refused so; the first of them is the one described.', 1)
  @Max(Number.MAX_SAFE_INTEGER)
  @Min(1)
  @IsInt()
  attempts?: number;
}

const ORIGIN = { pattern: /^[^\s+\p{C}]{1,200}$/u, expected: 'an origin line: a name without spaces, `/` and a number', harmless: true };

/** Its files were put back from a backup: what the log says from here on was recorded after that. */
@EventData('LedgerRestored', 1)
@Requires('backupTakenAt', 'head', 'lostReferences')
export class LedgerRestored extends OtherFacts {
  @Field('clear', 'When the log was copied.', '2026-03-01T02:00:00.000Z')
  @IsMoment()
  backupTakenAt!: string;

  @Field('clear', 'When the keys were copied; absent where those of the ledger itself had stayed.', '2026-03-01T02:04:00.000Z')
  @IsMoment()
  keysTakenAt?: string;

  @Field('clear', 'Position of the last event that was put back.', 88_121)
  @IsCounted()
  head!: number;

  @Field('clear', 'How many references the log names that the key store knows nothing of.', 0)
  @IsCounted()
  lostReferences!: number;

  @Field('clear', 'Whether it was accepted that people erased after the backup may have come back.', false)
  @IsBoolean()
  acceptedMissingErasures?: boolean;

  @Field('clear', 'Whether it was accepted that people of the log have lost their keys.', false)
  @IsBoolean()
  acceptedLostKeys?: boolean;

  @Field('clear', 'Where the tree comes from: `backup`, `folder` (it had stayed there), or `nowhere`.', 'backup')
  @IsName()
  treeFrom?: string;

  @Field(
    'clear',
    'Origin line of the newest tree head that was known; absent where none was.',
    'liggare/6f1c2d3e4a5b60718293a4b5c6d7e8f9/1',
  )
  @IsWritten(ORIGIN)
  treeHeadOrigin?: string;

  @Field('clear', 'Leaves under that head. Unless `TreeGenerationStarted` follows, the log was found to lead to it.', 88_121)
  @IsCounted()
  treeHeadSize?: number;
}

@EventData('ApiKeyCreated', 1)
@Requires('keyId', 'name', 'scope', 'digest')
export class ApiKeyCreated extends OtherFacts {
  @Field('clear', 'The key.', 'key-7f3a')
  @IsText('clear', REFERENCE_LIMIT)
  keyId!: string;

  @Field('clear', 'What it is for.', 'billing')
  @IsText('clear', REFERENCE_LIMIT)
  name!: string;

  @Field('clear', 'What it may do.', 'emit')
  @IsName()
  scope!: string;

  @Field('clear', 'Sources that it may write for.', ['urn:mailit:billing'])
  @IsWritten(SOURCE, EACH)
  @IsList(0, LIST_LIMIT)
  sources?: string[];

  @Field('clear', 'Groups of types that it may write.', ['processing'])
  @IsName(EACH)
  @IsList(0, 20)
  groups?: string[];

  @Field('person', 'Whose key it is, where it may ask.', 'maria.ek')
  @IsText('identifier')
  person?: string;

  @Field('clear', 'Digest of the secret.', '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08')
  @IsWritten(DIGEST)
  digest!: string;
}

@EventData('ApiKeyRevoked', 1)
@Requires('keyId')
export class ApiKeyRevoked extends OtherFacts {
  @Field('clear', 'The key.', 'key-7f3a')
  @IsText('clear', REFERENCE_LIMIT)
  keyId!: string;

  @Field('sealed', 'Why.', 'The system was replaced.')
  @IsText('free')
  reason?: string;
}

/** Periods of one event, at most. */
const PERIODS_LIMIT = 1_000;

@Requires('name', 'endsAt', 'items')
class DestroyedPeriod {
  @Field('clear', 'Name of the key, as `sealed.under` gives it.', 'quarantine-2025-01')
  @IsText('clear', REFERENCE_LIMIT)
  name!: string;

  @Field('clear', 'Until when what was sealed under it could be opened.', '2026-02-01T00:00:00.000Z')
  @IsMoment()
  endsAt!: string;

  @Field('clear', 'How many items had a key of their own that ended with it.', 12)
  @IsCounted()
  items!: number;
}

/** Whatever was sealed under these keys can be opened no more (Art. 5(1)(e)). */
@EventData('PeriodKeysDestroyed', 1)
@Requires('periods')
export class PeriodKeysDestroyed extends OtherFacts {
  @Field('clear', 'The keys whose end had passed.')
  @IsNested(() => DestroyedPeriod, EACH)
  @IsList(1, PERIODS_LIMIT)
  periods!: DestroyedPeriod[];
}

/** Every key of the key store is wrapped by another master key from here on. Of either key nothing is said. */
@EventData('MasterKeyRotated', 1)
@Requires('generation')
export class MasterKeyRotated extends OtherFacts {
  @Field('clear', 'Counts the master keys of this ledger: each has one more than the one before.', 2)
  @IsCounted()
  generation!: number;
}

const VKEY = {
  pattern: /^[^\s+\p{C}]{1,200}\+[0-9a-f]{8}\+[A-Za-z0-9+/]{44}$/u,
  expected: 'a verifier key in the form of C2SP signed-note',
  harmless: true,
};

/** Who checks tree heads needs the key; it stands in the log, and so under the heads themselves, before it signs the first of them. */
@EventData('SealerKeyCreated', 1)
@Requires('origin', 'vkey', 'generation')
export class SealerKeyCreated extends OtherFacts {
  @Field('clear', 'Origin line of the tree whose heads the key signs; the name of the key.', 'liggare/6f1c2d3e4a5b60718293a4b5c6d7e8f9/1')
  @IsWritten(ORIGIN)
  origin!: string;

  @Field(
    'clear',
    'The public key, as a verifier key of C2SP signed-note.',
    'liggare/6f1c2d3e4a5b60718293a4b5c6d7e8f9/1+1f8e3b6a+AR7BYnpWbh3Tnl3IX5wmMZHGCBMEQzEKyNDwBrJQq8wb',
  )
  @IsWritten(VKEY)
  vkey!: string;

  @Field('clear', 'Counts the trees of this ledger.', 1)
  @IsCounted()
  generation!: number;

  @Field(
    'clear',
    'The key whose place it takes.',
    'liggare/6f1c2d3e4a5b60718293a4b5c6d7e8f9/1+9a2b3c4d+AUcGYnpWbh3Tnl3IX5wmMZHGCBMEQzEKyNDwBrJQq8wb',
  )
  @IsWritten(VKEY)
  retires?: string;
}

/** From here on, heads are those of another tree under another origin: the ledger goes on from an older state than it had published. */
@EventData('TreeGenerationStarted', 1)
@Requires('generation', 'origin', 'previousOrigin', 'reason')
export class TreeGenerationStarted extends OtherFacts {
  @Field('clear', 'Counts the trees of this ledger.', 2)
  @IsCounted()
  generation!: number;

  @Field('clear', 'Origin line of the new tree.', 'liggare/6f1c2d3e4a5b60718293a4b5c6d7e8f9/2')
  @IsWritten(ORIGIN)
  origin!: string;

  @Field('clear', 'Origin line of the tree before.', 'liggare/6f1c2d3e4a5b60718293a4b5c6d7e8f9/1')
  @IsWritten(ORIGIN)
  previousOrigin!: string;

  @Field('clear', 'Leaves under the last head of the tree before; absent where none is known.', 88_640)
  @IsCounted()
  previousSize?: number;

  @Field('clear', 'Root of that head, in base64.', 'n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=')
  @IsWritten(DIGEST)
  previousRoot?: string;

  @Field('clear', 'SHA-256 of that head as it was signed, in base64.', 'XohImNooBHFR0OVvjcYpJ3NgPQ1qq73WKhHvch0VQtg=')
  @IsWritten(DIGEST)
  previousNoteDigest?: string;

  @Field('clear', 'Why, as a code.', 'restored')
  @IsName()
  reason!: string;
}
