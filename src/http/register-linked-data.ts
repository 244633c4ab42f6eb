/**
 * The records of processing activities as JSON-LD, in terms of the Data Privacy Vocabulary 2.3. A code that DPV has a term for is that
 * term; of any other a concept of its own says which broader term there is, or that there is none. What DPV does not speak of (what was
 * only declared, or only observed) stands under `urn:liggare:term:`. The context is in the document: nothing has to be loaded.
 */
import type {
  Activity,
  Declared,
  DeclaredAgreement,
  DeclaredOnBehalf,
  DeclaredProcessor,
  DeclaredRecipient,
  DeclaredRetention,
  Difference,
  Observed,
} from '../../projections/registers/processing/activities.ts';
import type { RegisterHead } from '../../projections/registers/processing/query.ts';
import { type CodeList, PREFIXES, type Vocabulary } from '../vocabulary/vocabulary.ts';

/** What is told of a register: one page of its activities, and what holds for all of them. */
export interface ToldRegister {
  head: RegisterHead;
  items: readonly Activity[];
  position: number;
  /** UTC. */
  asOf: string;
  /** Whether activities follow on another page. */
  hasMore: boolean;
}

type Node = Record<string, unknown>;

const CONTEXT: Readonly<Record<string, string>> = {
  ...PREFIXES,
  dct: 'http://purl.org/dc/terms/',
  rdf: 'http://www.w3.org/1999/02/22-rdf-syntax-ns#',
  skos: 'http://www.w3.org/2004/02/skos/core#',
  xsd: 'http://www.w3.org/2001/XMLSchema#',
  liggare: 'urn:liggare:term:',
};

/** Countries that `loc` has (ISO 3166-1 alpha-2). */
const COUNTRIES = new Set(
  (
    'AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD CF CG CH ' +
    'CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP ' +
    'GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR ' +
    'LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF ' +
    'PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ ' +
    'TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW'
  ).split(' '),
);

/** One page of a register. */
export function linkedDataOf(told: ToldRegister, vocabulary: Vocabulary): Node {
  return new LinkedData(told, vocabulary).document();
}

class LinkedData {
  readonly #told: ToldRegister;
  readonly #vocabulary: Vocabulary;

  constructor(told: ToldRegister, vocabulary: Vocabulary) {
    this.#told = told;
    this.#vocabulary = vocabulary;
  }

  document(): Node {
    const { head, items, position, asOf, hasMore } = this.#told;
    const { controller, policy, window, security } = head;
    return {
      '@context': CONTEXT,
      '@id': urn('register', controller?.id ?? 'unknown', String(position)),
      '@type': 'dpv:DataProcessingRecord',
      'dct:issued': moment(asOf),
      'liggare:position': position,
      ...given('liggare:from', window.from && moment(window.from)),
      ...given('liggare:to', window.to && moment(window.to)),
      ...(hasMore && { 'liggare:hasMore': true }),
      ...(controller && { 'dpv:hasDataController': this.#controller(controller) }),
      ...(policy && {
        'dpv:hasPolicy': {
          '@id': urn('policy', policy.policy, policy.version),
          ...{ 'dct:title': policy.title, 'dct:source': policy.url, 'dct:identifier': policy.digest },
          ...{ 'liggare:version': policy.version, 'liggare:effectiveFrom': policy.effectiveFrom },
        },
      }),
      ...list('dpv:hasTechnicalOrganisationalMeasure', [
        ...security.declared.map((title) => measure('declared', title)),
        ...security.recorded.map(({ measure: title, ...seen }) => ({ ...measure('observed', title), ...seenNode(seen) })),
      ]),
      ...list(
        'dpv:hasProcess',
        items.map((activity) => this.#activity(activity)),
      ),
    };
  }

  #controller({ id, name, registrationNumber, address, country, contact, dataProtectionOfficer, supervisoryAuthority }: Controller): Node {
    return {
      ...organisation(id, 'dpv:DataController'),
      ...{ 'dpv:hasName': name, 'dpv:hasContact': contact },
      ...given('dpv:hasIdentifier', registrationNumber),
      ...given('dpv:hasAddress', address),
      ...this.#country(country),
      ...(dataProtectionOfficer !== undefined && {
        'dpv:hasDataProtectionOfficer': { '@type': 'dpv:DataProtectionOfficer', 'dpv:hasContact': dataProtectionOfficer },
      }),
      'dpv:hasAuthority': {
        ...(this.#exact('organisation', supervisoryAuthority.id) ?? organisation(supervisoryAuthority.id)),
        ...{ '@type': 'dpv:DataProtectionAuthority', 'dpv:hasName': supervisoryAuthority.name },
      },
    };
  }

  #activity(activity: Activity): Node {
    const { capacity, controller, purpose, observed, differences, differencesLeftOut } = activity;
    const ours = this.#told.head.controller?.id;
    const responsible = controller ?? (capacity === 'controller' ? ours : undefined);
    return {
      '@id': urn('process', capacity, controller ?? ours ?? 'unknown', purpose ?? 'unknown'),
      '@type': 'dpv:Process',
      ...(responsible !== undefined && { 'dpv:hasDataController': organisation(responsible, 'dpv:DataController') }),
      ...(capacity === 'processor' && ours !== undefined && { 'dpv:hasDataProcessor': organisation(ours, 'dpv:DataProcessor') }),
      ...(purpose !== undefined && { 'dpv:hasPurpose': this.#code('purpose', purpose) }),
      ...(activity.declared && {
        'liggare:declared': activity.capacity === 'controller' ? this.#declared(activity.declared) : this.#onBehalf(activity.declared),
      }),
      ...(observed && { 'liggare:observed': this.#observed(observed) }),
      ...list('liggare:difference', differences.map(differenceNode)),
      ...given('liggare:differencesLeftOut', differencesLeftOut),
    };
  }

  #onBehalf({ agreements, thirdCountries }: DeclaredOnBehalf): Node {
    return {
      '@type': 'dpv:Process',
      ...list('liggare:agreement', agreements.map(this.#agreement)),
      ...list('dpv:hasThirdCountry', thirdCountries.map(this.#place)),
    };
  }

  #declared(declared: Declared): Node {
    const { about, legalBases, data, recipients, processors, thirdCountries, retention } = declared;
    return {
      ...{ '@type': 'dpv:Process', 'dct:description': about },
      ...list(
        'dpv:hasLegalBasis',
        legalBases.map(({ basis }) => this.#code('legalBasis', basis)),
      ),
      ...list('dpv:hasApplicableLaw', [...new Set(legalBases.flatMap(({ statutes = [] }) => statutes))].map(this.#law)),
      ...list(
        'dpv:hasProcess',
        data.map(({ subjectCategory, categories }) => this.#row(subjectCategory, categories)),
      ),
      ...list('dpv:hasRecipient', recipients.map(this.#recipient)),
      ...list('dpv:hasDataProcessor', processors.map(this.#processor)),
      ...list('dpv:hasThirdCountry', thirdCountries.map(this.#place)),
      ...list('dpv:hasStorageCondition', retention.map(this.#retention)),
    };
  }

  #observed(observed: Observed): Node {
    const rows = Map.groupBy(observed.data, ({ subjectCategory }) => subjectCategory);
    const codes = (name: CodeList, counted: readonly { code: string }[]) => counted.map(({ code }) => this.#code(name, code));
    return {
      '@type': 'dpv:Process',
      ...seenNode(observed),
      ...list('dpv:hasProcessing', codes('operation', observed.operations)),
      ...list('dpv:hasLegalBasis', codes('legalBasis', observed.legalBases)),
      ...list('dpv:hasProcess', [
        ...[...rows].map(([whose, categories]) =>
          this.#row(
            whose,
            categories.map(({ category }) => category),
          ),
        ),
        ...observed.thirdCountries.map(({ country, transferTools, recipients, ...seen }) => ({
          '@type': 'dpv:Process',
          ...seenNode(seen),
          'dpv:hasThirdCountry': this.#place(country),
          ...list(
            'dpv:hasLegalBasis',
            transferTools.map((tool) => this.#code('transferTool', tool)),
          ),
          ...list(
            'dpv:hasRecipient',
            recipients.map((id) => organisation(id)),
          ),
        })),
      ]),
      ...list('dpv:hasRecipient', observed.recipients.map(this.#recipient)),
      ...list(
        'dpv:hasCountry',
        observed.countries.map(({ code }) => this.#place(code)),
      ),
    };
  }

  /** Whose data, and which. */
  #row(subjectCategory: string | undefined, categories: readonly string[]): Node {
    return {
      '@type': 'dpv:Process',
      ...(subjectCategory !== undefined && { 'dpv:hasDataSubject': this.#code('subjectCategory', subjectCategory) }),
      ...list(
        'dpv:hasPersonalData',
        categories.map((category) => this.#code('dataCategory', category)),
      ),
    };
  }

  readonly #recipient = ({ id, role, country, ...more }: Observed['recipients'][number] | DeclaredRecipient): Node => {
    // The data subject is not an organisation, though it stands where others do.
    const who = role === 'data-subject' ? {} : organisation(id);
    return {
      ...who,
      ...(role !== undefined && { '@type': this.#exact('recipientRole', role)?.['@id'] ?? 'dpv:Recipient' }),
      ...('name' in more && { 'dpv:hasName': more.name }),
      ...(country !== undefined && this.#country(country)),
    };
  };

  readonly #processor = ({ id, name, role, service, agreements }: DeclaredProcessor): Node => ({
    ...organisation(id, role === 'sub-processor' ? 'dpv:DataSubProcessor' : 'dpv:DataProcessor'),
    'dpv:hasName': name,
    ...given('dct:description', service),
    ...list('liggare:agreement', agreements.map(this.#agreement)),
  });

  readonly #agreement = ({ reference, from, until, purposes = [], categories = [], countries = [] }: DeclaredAgreement): Node => ({
    ...given('dct:identifier', reference),
    'liggare:effectiveFrom': from,
    ...given('liggare:until', until),
    ...list(
      'dpv:hasPurpose',
      purposes.map((each) => this.#code('purpose', each)),
    ),
    ...list(
      'dpv:hasPersonalData',
      categories.map((each) => this.#code('dataCategory', each)),
    ),
    ...list('dpv:hasCountry', countries.map(this.#place)),
  });

  readonly #retention = ({ rule, about, subjects, trigger, countedFrom, period, statute }: DeclaredRetention): Node => ({
    ...{ '@type': 'dpv:StorageDuration', 'dct:identifier': rule },
    ...given('dct:description', about),
    ...list(
      'dpv:hasDataSubject',
      (subjects ?? []).map((each) => this.#code('subjectCategory', each)),
    ),
    'dpv:hasDuration': { '@type': 'dpv:TemporalDuration', 'rdf:value': duration(period) },
    'liggare:trigger': trigger,
    ...given('liggare:countedFrom', countedFrom),
    ...(statute !== undefined && { 'dpv:hasApplicableLaw': this.#law(statute) }),
  });

  readonly #law = (statute: string): Node => ({
    ...{ '@id': urn('statute', statute), '@type': 'dpv:Law', 'dct:identifier': statute },
    ...given('dct:title', this.#told.head.statutes[statute]),
  });

  readonly #place = (country: string): Node =>
    COUNTRIES.has(country) ? { '@id': `loc:${country}` } : { '@id': urn('country', country), 'skos:notation': country };

  #country(country: string): Node {
    return { 'dpv:hasCountry': this.#place(country) };
  }

  /** The term that means the same; undefined where there is none. */
  #exact(name: CodeList, code: string): { '@id': string } | undefined {
    const term = this.#vocabulary.iri(name, code);
    return term?.exact ? { '@id': compact(term.iri) } : undefined;
  }

  #code(name: CodeList, code: string): Node {
    const exact = this.#exact(name, code);
    if (exact !== undefined) return exact;
    const term = this.#vocabulary.iri(name, code);
    const meaning = this.#vocabulary.meaning(name, code);
    return {
      ...{ '@id': urn('code', name, code), '@type': 'skos:Concept', 'skos:notation': code },
      ...given('skos:prefLabel', meaning?.label),
      ...(term && { 'skos:broader': { '@id': compact(term.iri) } }),
      ...given('skos:note', meaning?.note),
    };
  }
}

type Controller = NonNullable<RegisterHead['controller']>;

/** `https://w3id.org/dpv#Collect` → `dpv:Collect`; anything else in full. */
function compact(iri: string): string {
  const prefix = Object.entries(PREFIXES).find(([, space]) => iri.startsWith(space));
  return prefix === undefined ? iri : `${prefix[0]}:${iri.slice(prefix[1].length)}`;
}

/** Names are texts that somebody wrote: what has no place in an IRI is encoded. */
const urn = (...parts: readonly string[]): string =>
  `urn:liggare:${parts.map((part) => encodeURIComponent(part.toWellFormed())).join(':')}`;

const organisation = (id: string, type?: string): Node => ({
  '@id': urn('organisation', id),
  ...(type !== undefined && { '@type': type }),
});

const measure = (is: 'declared' | 'observed', title: string): Node => ({
  ...{ '@type': 'dpv:TechnicalOrganisationalMeasure', 'dct:title': title, 'liggare:basis': is },
});

const moment = (text: string): Node => ({ '@type': 'xsd:dateTime', '@value': text });

/** XML Schema has no weeks. */
const duration = (period: string): unknown => (period.includes('W') ? period : { '@type': 'xsd:duration', '@value': period });

const given = (name: string, value: unknown): Node => (value === undefined || value === '' ? {} : { [name]: value });

/** A list; nothing where it is empty. */
const list = (name: string, nodes: readonly unknown[]): Node => (nodes.length === 0 ? {} : { [name]: nodes });

const seenNode = ({ events, firstAt, lastAt }: Pick<Observed, 'events' | 'firstAt' | 'lastAt'>): Node => ({
  ...{ 'liggare:events': events, 'liggare:firstAt': moment(firstAt), 'liggare:lastAt': moment(lastAt) },
});

const differenceNode = ({ direction, of, value, subjectCategory, events, clauses }: Difference): Node => ({
  ...{ 'liggare:direction': direction, 'liggare:of': of, 'liggare:value': value },
  ...given('liggare:subjectCategory', subjectCategory),
  ...given('liggare:events', events),
  ...list('liggare:clause', clauses ?? []),
});
