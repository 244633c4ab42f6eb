import { IsBoolean, IsIn, IsInt, Max, Min } from 'class-validator';
import {
  COUNTRY,
  EACH,
  IsCode,
  IsIpAddress,
  IsJson,
  IsList,
  IsMoment,
  IsName,
  IsNested,
  IsText,
  IsTextOrTexts,
  IsWritten,
  SEQUENCE,
  SOURCE,
} from '../rules.ts';
import { Field, Requires } from '../shape.ts';

/** People one event may name; a larger set goes in several events with one `correlationId`. */
export const SUBJECTS_LIMIT = 1_000;
export const LIST_LIMIT = 100;
/** Characters of references, versions and ids of organisations. */
export const REFERENCE_LIMIT = 200;

/** Data of any type: the envelope says no more of it than that it is an object. */
export class AnyData {}

/** CloudEvents 1.0, structured mode, with the extension attributes that the ledger knows. Attributes stay in clear. */
@Requires('specversion', 'source', 'id', 'type', 'time', 'data')
export class Envelope {
  @Field('clear', 'Version of CloudEvents.', '1.0')
  @IsIn(['1.0'])
  specversion!: string;

  @Field('clear', 'The emitting system. With `id` it identifies the record.', 'urn:mailit:billing')
  @IsWritten(SOURCE)
  source!: string;

  @Field('clear', 'Unique within `source`: the same pair with the same content is a duplicate.', '2026-03-02-000412')
  @IsText('clear')
  id!: string;

  @Field('clear', 'The event type.')
  @IsText('clear', 100)
  type!: string;

  @Field('clear', "When it happened, by the source's clock; at most 24 hours ahead.", '2026-03-02T09:14:07.120Z')
  @IsMoment()
  time!: string;

  @Field('clear', 'Media type of `data`; absent means the same.', 'application/json')
  @IsIn(['application/json'])
  datacontenttype?: string;

  @Field('clear', 'Version of the schema: ends in /schemas/<type>/<version>. Absent means version 1.')
  @IsText('clear')
  dataschema?: string;

  @Field('clear', "The source's gapless count of its records, from which missing ones are found.", '412')
  @IsWritten(SEQUENCE)
  sequence?: string;

  @Field('clear', 'W3C Trace Context; no part of the record.', '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01')
  @IsText('clear', 128)
  traceparent?: string;

  @Field('clear', 'W3C Trace Context; no part of the record.', 'rojo=1')
  @IsText('clear', 512)
  tracestate?: string;

  @Field('parts', 'Who, what, whom, when and why.')
  @IsNested(() => AnyData)
  data!: AnyData;
}

/** Who did it. */
@Requires('id', 'kind')
export class Actor {
  @Field('person', 'Who did it, by the id that the emitting system knows.', 'anna.berg')
  @IsText('identifier')
  id!: string;

  @Field('clear', 'What the actor is.', 'human')
  @IsCode('actorKind')
  kind!: string;

  @Field('clear', 'The role in which it was done.', 'accountant')
  @IsName()
  role?: string;

  @Field('clear', 'For whom the data is processed: as controller, or as processor of another one (Art. 4(7), 4(8)).', 'controller')
  @IsCode('capacity')
  capacity?: string;

  @Field('person', 'Whom the actor acted for.', 'maria.ek')
  @IsText('identifier')
  onBehalfOf?: string;

  @Field('person', 'The credential that was used: its id, never the credential.', 'badge-4711')
  @IsText('identifier')
  credentialRef?: string;

  @Field('person', 'The session in which it was done.', 'session-8c1f')
  @IsText('identifier')
  sessionRef?: string;
}

/** Who did it, where personal data was processed. */
@Requires('role', 'capacity')
export class ProcessingActor extends Actor {}

/** One more identifier of the same person. */
@Requires('scheme', 'value')
export class Identifier {
  @Field('identity', 'What kind of identifier it is.', 'email')
  @IsName()
  scheme!: string;

  @Field('identity', 'The identifier. It is sealed.', 'kim.lind@example.com')
  @IsText('identifier')
  value!: string;
}

/** A data subject. The identifiers become a random reference; what else is said of the person is sealed under their key. */
@Requires('scheme', 'value')
export class Subject {
  @Field('identity', 'What kind of identifier it is.', 'customer-number')
  @IsName()
  scheme!: string;

  @Field('identity', 'The identifier. It is sealed.', '10027')
  @IsText('identifier')
  value!: string;

  @Field('clear', 'What the person is to the controller.', 'customer')
  @IsCode('subjectCategory')
  category?: string;

  @Field('identity', 'Other identifiers of the same person.')
  @IsNested(() => Identifier, EACH)
  @IsList(1, 20)
  also?: Identifier[];

  @Field('sealed', 'Which records about the person were concerned, by the ids of the system.', ['invoice-88121'])
  @IsText('identifier', undefined, EACH)
  @IsList(1, LIST_LIMIT)
  recordRefs?: string[];

  @Field('sealed', 'Values before the change.', { name: 'Kim Lindh' })
  @IsJson(5)
  before?: unknown;

  @Field('sealed', 'Values after the change.', { name: 'Kim Lind' })
  @IsJson(5)
  after?: unknown;
}

/** Somebody outside to whom personal data went (Art. 4(9)). An organisation; a data subject has no id. */
@Requires('role')
export class Recipient {
  @Field('clear', 'The organisation. Absent for a data subject, whose reference is used.', 'skatteverket')
  @IsText('clear', REFERENCE_LIMIT)
  id?: string;

  @Field('clear', 'What it is to the controller.', 'independent-controller')
  @IsCode('recipientRole')
  role!: string;

  @Field('clear', 'Where it receives the data.', 'SE')
  @IsWritten(COUNTRY)
  country?: string;
}

/** Somebody outside the European Economic Area may receive it: the country is needed. */
@Requires('country')
export class TransferRecipient extends Recipient {}

/** Another record. */
@Requires('source', 'id')
export class RecordPointer {
  @Field('clear', 'Its `source`.', 'urn:mailit:billing')
  @IsWritten(SOURCE)
  source!: string;

  @Field('clear', 'Its `id`.', '2026-03-02-000412')
  @IsText('clear')
  id!: string;
}

/** How many, and how well that is known. Unknown is never zero. */
@Requires('accuracy')
export class Count {
  @Field('clear', 'How many; absent where it is unknown.', 1200)
  @Max(Number.MAX_SAFE_INTEGER)
  @Min(0)
  @IsInt()
  value?: number;

  @Field('clear', 'How well it is known.', 'approximate')
  @IsCode('accuracy')
  accuracy!: string;
}

/** What every event may say, whatever its type. */
@Requires('actor')
export abstract class Facts {
  @Field('clear', 'The controller (Art. 4(7)). Absent: the one whose policy is loaded. Needed where the actor is a processor.', 'mailit')
  @IsText('clear', REFERENCE_LIMIT)
  controller?: string;

  @Field('parts', `Whose data it is: at most ${SUBJECTS_LIMIT}.`)
  @IsNested(() => Subject, EACH)
  @IsList(0, SUBJECTS_LIMIT)
  subjects?: Subject[];

  @Field('clear', 'Categories of personal data.', ['name', 'organisation-number'])
  @IsCode('dataCategory', EACH)
  @IsList(0, LIST_LIMIT)
  categories?: string[];

  @Field('clear', 'Why (Art. 5(1)(b)).', 'tax-reporting')
  @IsCode('purpose')
  purpose?: string;

  @Field('clear', 'Legal basis (Art. 6(1)).', '6(1)(c)')
  @IsCode('legalBasis')
  legalBasis?: string;

  @Field('clear', 'The system in which it was done.', 'billing')
  @IsName()
  system?: string;

  @Field('clear', 'The country in which it was done (ISO 3166-1 alpha-2).', 'SE')
  @IsWritten(COUNTRY)
  country?: string;

  @Field('clear', 'Whether nobody took part (Art. 22).', false)
  @IsBoolean()
  automated?: boolean;

  @Field('sealed', 'What somebody wrote beside it.', 'Asked for by phone.')
  @IsText('free')
  note?: string;

  @Field('sealed', 'What was searched for.', ['lind', 'norsborg'])
  @IsTextOrTexts('free', LIST_LIMIT)
  searchTerms?: string | string[];

  @Field('sealed', 'The IP address from which it was done.', '192.0.2.17')
  @IsIpAddress()
  clientAddress?: string;

  @Field('digested', 'The case or matter. It is found again by its digest.', 'VAT-2026-02')
  @IsText('identifier')
  caseRef?: string;

  @Field('digested', 'The consent that it rests on (Art. 6(1)(a)).', 'consent-1187')
  @IsText('identifier')
  consentRef?: string;

  @Field('digested', 'The contract that it rests on (Art. 6(1)(b)).', 'contract-556')
  @IsText('identifier')
  contractRef?: string;

  @Field('digested', "The data subject's or authority's request.", 'request-31')
  @IsText('identifier')
  requestRef?: string;

  @Field('digested', 'The decision behind it, such as an authority’s.', 'dnr-2026-114')
  @IsText('identifier')
  decisionRef?: string;

  @Field('digested', 'The agreement with a processor (Art. 28(3)).', 'dpa-7')
  @IsText('identifier')
  agreementRef?: string;

  @Field('clear', 'The statute that it rests on (Art. 6(1)(c), 6(3)).', 'SFS 2011:1244')
  @IsText('clear', REFERENCE_LIMIT)
  statuteRef?: string;

  @Field('clear', 'The assessment of legitimate interests (Art. 6(1)(f)).', 'lia-marketing-2026')
  @IsText('clear', REFERENCE_LIMIT)
  assessmentRef?: string;

  @Field('clear', 'The notice that informs about it (Art. 13, 14, 18(3)).', 'notice-customers-3')
  @IsText('clear', REFERENCE_LIMIT)
  noticeRef?: string;

  @Field('clear', 'Joins events that belong together.', 'run-2026-03-02')
  @IsText('clear', REFERENCE_LIMIT)
  correlationId?: string;
}

/** Facts that are no processing themselves: anything may be said of them, only the actor must. */
export abstract class OtherFacts extends Facts {
  @Field('parts', 'Who did it.')
  @IsNested(() => Actor)
  actor!: Actor;

  @Field('clear', 'Somebody outside who takes part.')
  @IsNested(() => Recipient)
  recipient?: Recipient;

  @Field('clear', 'How it was done.', 'email')
  @IsName()
  method?: string;

  @Field('clear', 'What was given for it (anything but none is a finding).', 'none')
  @IsCode('consideration')
  consideration?: string;
}
