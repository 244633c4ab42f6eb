/**
 * The policy document: what a controller promises, in a form that machines read. Defined here once; types, reading, errors and the JSON
 * Schema for editors all follow from it. What it means to somebody who writes one stands in README.md.
 */
import { DECLARED_CODES_SCHEMA } from '../vocabulary/declared-codes.ts';
import { DECLARABLE, type DeclaredCodes } from '../vocabulary/vocabulary.ts';
import {
  COUNTRY,
  code,
  DAY,
  DAY_OR_MOMENT,
  eventTypeOr,
  type Form,
  mapping,
  NAME,
  oneOf,
  optional,
  PERIOD,
  pattern,
  prose,
  type Read,
  record,
  required,
  setOf,
  URL_TEXT,
  whole,
} from './form.ts';

const TEXT = prose(2_000);
const TITLE = prose(200);
const PURPOSES = setOf(code('purpose'), { most: 200 });
const SUBJECTS = setOf(code('subjectCategory'), { most: 100 });
const CATEGORIES = setOf(code('dataCategory'), { most: 200 });
const COUNTRIES = setOf(COUNTRY, { most: 250 });
const ALIASES = setOf(NAME, { most: 20 });
const REFERENCE = pattern(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,79}$/, '1 to 80 letters, digits and . _ : -');
const ID = pattern(/^[a-z0-9][a-z0-9-]{0,39}$/, '1 to 40 of a-z, 0-9 and -');
const CLAUSES = setOf(whole(1, 999), { most: 50 });

const cited = required(CLAUSES, 'Numbers of the clauses that say so.');
const about = optional(TEXT, 'In words.');

const CLAUSE = record({
  title: required(TITLE, 'What the clause is about.'),
  nothingFollows: optional(TEXT, 'Why no entry cites it; only where none does.'),
});

const CONTROLLER = record({
  id: required(NAME, 'The id under which records name the controller.'),
  name: required(TITLE, 'Its name.'),
  registrationNumber: optional(TITLE, 'Its number in the register of companies.'),
  address: optional(TITLE, 'Its postal address.'),
  country: required(COUNTRY, 'Where it is established.'),
  contact: required(TITLE, 'Where data subjects turn to: an address of a function, never a person.'),
  dataProtectionOfficer: optional(TITLE, 'Where the data protection officer is reached: an address of a function (Art. 37(7)).'),
  supervisoryAuthority: required(NAME, 'The recipient that is its supervisory authority (Art. 55).'),
  financialYearEnds: optional(
    pattern(/^(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/, 'a month and a day, as in 12-31'),
    'The last day of its financial year; 12-31 unless told.',
  ),
  clauses: cited,
});

const PUBLICATION = record({
  url: required(URL_TEXT, 'Where the text that people read is found.'),
  textDigest: optional(pattern(/^[0-9a-f]{64}$/, 'SHA-256 in 64 hexadecimal digits'), 'SHA-256 of that text, in hexadecimal.'),
  clauses: cited,
});

const ASSESSMENT = record({
  about: required(TEXT, 'What was weighed, and with which result.'),
  from: required(DAY, 'From when it holds.'),
  until: optional(DAY, 'The last day on which it holds; open without it.'),
  clauses: cited,
});

const BASIS = record({
  assessments: optional(
    setOf(REFERENCE, { most: 20 }),
    'Assessments of legitimate interests, any of which will do; 6(1)(f) alone has them, and needs one.',
  ),
  statutes: optional(setOf(NAME, { most: 50 }), 'Statutes, any of which will do; 6(1)(c) and 6(1)(e) have them, and need one.'),
  subjects: optional(SUBJECTS, 'For whom it is a basis; for everybody of this purpose unless told.'),
  about,
});

const PURPOSE = record({
  about: required(TEXT, 'What is done for it.'),
  bases: required(mapping(code('legalBasis'), BASIS, { least: 1, most: 6 }), 'Legal bases that it may rest on (Art. 6(1)).'),
  data: required(
    mapping(code('subjectCategory'), CATEGORIES, { least: 1, most: 100 }),
    'Whose data, and which: the row of the matrix purpose × subject category × data category.',
  ),
  clauses: cited,
});

const COLLECTION = record({
  about,
  purposes: required(PURPOSES, 'For which purposes.'),
  subjects: optional(SUBJECTS, 'Whose data; of everybody of these purposes unless told.'),
  origins: required(setOf(code('origin'), { most: 10 }), 'From whom the data comes.'),
  channels: required(setOf(code('channel'), { most: 50 }), 'How it comes.'),
  clauses: cited,
});

const INFORMATION = record({
  within: required(
    PERIOD,
    'How long after a collection that was not from the data subject the notice is due at the latest (Art. 14(3)(a)).',
  ),
  atFirst: required(setOf(oneOf(['contact', 'disclosure']), { least: 0, most: 2 }), 'What makes it due at once (Art. 14(3)(b), (c)).'),
  clauses: cited,
});

const ORGANISATION = record({
  name: required(TITLE, 'Its name.'),
  country: optional(COUNTRY, 'Where it receives data, if elsewhere.'),
  aliases: optional(ALIASES, 'Other ids and earlier names under which records name it.'),
});

const RECIPIENT = record({
  name: required(TITLE, 'Its name, or that of the group.'),
  role: required(
    code('recipientRole', ['independent-controller', 'joint-controller', 'supervisory-authority']),
    'What it is to the controller.',
  ),
  country: required(COUNTRY, 'Where it receives data.'),
  purposes: required(PURPOSES, 'What it may get data for.'),
  categories: optional(CATEGORIES, 'Which data it may get; whatever the purpose allows unless told.'),
  aliases: optional(ALIASES, 'Other ids and earlier names under which records name it.'),
  organisations: optional(
    mapping(NAME, ORGANISATION, { least: 1, most: 500 }),
    'The members of a group, by the ids that records name them by.',
  ),
  about,
  clauses: cited,
});

const AGREEMENT = record({
  from: required(DAY, 'From when it holds.'),
  until: optional(DAY, 'The last day on which it holds; open without it.'),
  countries: required(COUNTRIES, 'Where the processor may process.'),
  purposes: required(PURPOSES, 'For which purposes.'),
  categories: required(CATEGORIES, 'Which data.'),
});

const PROCESSOR = record({
  name: required(TITLE, 'Its name.'),
  role: required(code('recipientRole', ['processor', 'sub-processor']), 'Whether the controller engaged it, or another processor.'),
  service: required(TEXT, 'What it does.'),
  aliases: optional(ALIASES, 'Other ids under which records name it.'),
  agreements: required(mapping(REFERENCE, AGREEMENT, { least: 1, most: 50 }), 'Agreements (Art. 28(3)), by reference.'),
  clauses: cited,
});

const RETENTION = record({
  about,
  purposes: required(PURPOSES, 'Data of which purposes.'),
  subjects: optional(SUBJECTS, 'Whose data; of everybody of these purposes unless told.'),
  trigger: required(
    eventTypeOr(['first-processing', 'last-processing']),
    'What the period runs from: the first or the last processing for the purpose, or a type of event.',
  ),
  same: optional(oneOf(['subject', 'case']), 'What joins the trigger with the data: the data subject (unless told), or the case.'),
  countedFrom: optional(
    oneOf(['trigger', 'end-of-financial-year']),
    'Whether the period runs from the trigger itself (unless told), or from the end of the calendar year in which the financial year ended.',
  ),
  period: required(PERIOD, 'How long data is kept after that.'),
  openAtMost: optional(PERIOD, 'After how long without a trigger somebody is told.'),
  statute: optional(NAME, 'The statute that demands it.'),
  clauses: cited,
});

const RIGHT = record({
  about,
  within: optional(PERIOD, 'When an answer is due, if other than for requests in general.'),
  bases: optional(setOf(code('legalBasis'), { most: 6 }), 'Legal bases under which there is the right.'),
  origins: optional(setOf(code('origin'), { most: 10 }), 'Origins of data that there is the right to.'),
  clauses: cited,
});

/** Sections that only say which clause promises something of everything. */
const PROMISE = record({ about, clauses: cited });

/** Read by the vocabulary beforehand, as in the files that hold nothing but codes. */
const CODES: Form<DeclaredCodes> = {
  read: (_node, _place, { declared }) => {
    const lists = Object.keys(DECLARABLE) as (keyof DeclaredCodes)[];
    return Object.fromEntries(lists.filter((list) => Object.keys(declared[list] ?? {}).length > 0).map((list) => [list, declared[list]]));
  },
  schema: () => DECLARED_CODES_SCHEMA,
};

/** The whole document. */
export const POLICY = record({
  format: required(whole(1, 1), 'Version of this format: 1.'),
  policy: required(ID, 'Which policy it is; the same in all its versions.'),
  version: required(REFERENCE, 'Which version; findings name it.'),
  effectiveFrom: required(DAY_OR_MOMENT, 'From when it is in force; a day means its beginning in UTC.'),
  title: required(TITLE, 'What the policy is called.'),
  language: required(
    pattern(/^[a-z]{2,3}$/, 'a language in two or three letters (ISO 639), as in sv'),
    'The language of the text that people read.',
  ),
  clauses: required(
    mapping(pattern(/^[1-9][0-9]{0,2}$/, 'a number from 1 to 999'), CLAUSE, { least: 1, most: 999 }),
    'Every clause of the text by number.',
  ),
  codes: optional(CODES, "The controller's own codes."),
  controller: required(CONTROLLER, 'Who is responsible (Art. 4(7)).'),
  publication: required(PUBLICATION, 'The text that people read.'),
  statutes: optional(
    mapping(NAME, record({ title: required(TITLE, 'What it is called.') }), { most: 200 }),
    'Statutes that others refer to.',
  ),
  subjectCategories: required(mapping(code('subjectCategory'), PROMISE, { least: 1, most: 100 }), 'Whose data is processed.'),
  dataCategories: required(mapping(code('dataCategory'), PROMISE, { least: 1, most: 200 }), 'Which data is processed.'),
  purposeLimitation: required(PROMISE, 'That purposes are fixed in advance (Art. 5(1)(b)).'),
  minimisation: required(PROMISE, 'That there is no more data than is necessary (Art. 5(1)(c)).'),
  assessments: optional(mapping(REFERENCE, ASSESSMENT, { most: 100 }), 'Assessments of legitimate interests (Art. 6(1)(f)), by reference.'),
  purposes: required(mapping(code('purpose'), PURPOSE, { least: 1, most: 200 }), 'What personal data is processed for.'),
  collection: required(mapping(ID, COLLECTION, { most: 200 }), 'Ways in which data is collected; there are no others.'),
  information: optional(INFORMATION, 'Notices where data was not obtained from the data subject (Art. 14).'),
  consent: optional(PROMISE, 'That nothing is done on a consent that was withdrawn (Art. 7(3)).'),
  directMarketing: optional(
    record({
      purposes: required(PURPOSES, 'Purposes that are direct marketing, which an objection ends (Art. 21(3)).'),
      about,
      clauses: cited,
    }),
    'Direct marketing.',
  ),
  access: optional(
    record({
      withoutCase: optional(PURPOSES, 'Purposes for which people may look data up without a case.'),
      about,
      clauses: cited,
    }),
    'That only authorised staff have access, and where they need it (Art. 29, 32(4)).',
  ),
  disclosure: required(PROMISE, 'That data goes to nobody but the recipients named here, and for nothing in return.'),
  recipients: required(mapping(NAME, RECIPIENT, { most: 500 }), 'To whom data goes (Art. 4(9)), by the id that records name them by.'),
  authorities: optional(
    record({
      needs: required(
        setOf(oneOf(['request', 'decision', 'statute', 'scope', 'release']), { most: 5 }),
        'What a disclosure to an authority has to name: its request, its decision, the legal ground, how far it reaches, and who released it.',
      ),
      purposes: required(PURPOSES, 'The purposes of such a disclosure.'),
      about,
      clauses: cited,
    }),
    'When data goes to authorities that demand it.',
  ),
  processorship: optional(PROMISE, 'That processors work under an agreement (Art. 28(3)).'),
  processors: optional(mapping(NAME, PROCESSOR, { most: 500 }), 'Processors, by the id that records name them by.'),
  territory: required(
    record({
      area: optional(oneOf(['EEA-30']), 'The thirty countries of the European Economic Area.'),
      countries: optional(COUNTRIES, 'Countries, in addition to the area.'),
      about,
      clauses: cited,
    }),
    'Where personal data is processed.',
  ),
  storage: required(PROMISE, 'That data is kept no longer than needed (Art. 5(1)(e)).'),
  retention: required(mapping(ID, RETENTION, { most: 200 }), 'How long data is kept.'),
  requests: required(
    record({
      within: required(PERIOD, 'When an answer is due (Art. 12(3)).'),
      extension: required(PERIOD, 'By how much it may be extended.'),
      about,
      clauses: cited,
    }),
    'Clocks of the requests of data subjects.',
  ),
  rights: required(mapping(code('right'), RIGHT, { most: 20 }), 'Rights of data subjects.'),
  breaches: optional(
    record({ authorityWithin: required(PERIOD, 'When the authority has to know (Art. 33(1)).'), about, clauses: cited }),
    'Personal data breaches.',
  ),
  security: optional(
    record({ measures: required(setOf(TITLE, { most: 100 }), 'What is protected, or how.'), clauses: cited }),
    'Security (Art. 32).',
  ),
  instruction: optional(
    record({ every: required(PERIOD, 'How often whoever works with the data is instructed.'), about, clauses: cited }),
    'Instruction of staff (Art. 29, 39(1)(b)).',
  ),
  review: required(
    record({ every: required(PERIOD, 'How often the policy is reviewed.'), about, clauses: cited }),
    'Review of the policy.',
  ),
});

/** A policy that was read: in normal form, its references resolved. */
export type Policy = Read<typeof POLICY>;
export type PurposeEntry = Policy['purposes'][string];
export type RecipientEntry = Policy['recipients'][string];
export type ProcessorEntry = NonNullable<Policy['processors']>[string];
export type Agreement = ProcessorEntry['agreements'][string];
export type RetentionEntry = Policy['retention'][string];
