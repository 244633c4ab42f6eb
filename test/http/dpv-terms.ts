/**
 * Terms of DPV 2.3 that may be written, one by one: those that the domain names for codes, and those that a register is made of. All
 * stand in DPV 2.3's own tables (dpv, pd, eu-gdpr, legal-se; of `loc` every country of ISO 3166-1).
 */
const CODES = {
  dpv: [
    ...['Collect', 'Access', 'Use', 'Derive', 'Store', 'Disclose', 'Transfer', 'Modify'],
    ...['FulfilmentOfContractualObligation', 'CommunicationManagement', 'VendorManagement', 'DirectMarketing', 'Marketing'],
    ...['RecruitmentManagement', 'LegalCompliance', 'PaymentManagement', 'RightsFulfilment', 'EnforceSecurity', 'DisputeManagement'],
    ...['DataProcessor', 'DataSubProcessor', 'DataController', 'JointDataControllers', 'NationalAuthority', 'DataSubject'],
    ...['DataProtectionAuthority', 'Customer', 'Employee', 'JobApplicant', 'Subscriber', 'User', 'PersonalData'],
  ],
  pd: [
    ...['Name', 'PhysicalAddress', 'Job', 'UID', 'Password', 'EmailAddressWork', 'OfficialID', 'Communication', 'SocialMediaCommunication'],
    ...['TelephoneNumber', 'ServiceConsumptionBehaviour', 'AuthenticationHistory', 'IPAddress', 'Education', 'WorkHistory', 'Reference'],
    ...['BankAccount', 'Tax'],
  ],
  'legal/eu/gdpr': [...['A6-1-a', 'A6-1-b', 'A6-1-c', 'A6-1-d', 'A6-1-e', 'A6-1-f', 'A16', 'A45-3', 'A46-2-b', 'A46-2-c', 'A49-1-a']],
  'legal/se': ['DPA-SE'],
};

const REGISTER = [
  ...[
    'DataProcessingRecord',
    'Process',
    'DataProtectionOfficer',
    'TechnicalOrganisationalMeasure',
    'StorageDuration',
    'TemporalDuration',
    'Law',
  ],
  ...['Recipient', 'hasDataController', 'hasDataProcessor', 'hasPolicy', 'hasProcess', 'hasPurpose', 'hasLegalBasis', 'hasDataSubject'],
  ...['hasPersonalData', 'hasProcessing', 'hasRecipient', 'hasThirdCountry', 'hasCountry', 'hasStorageCondition', 'hasDuration'],
  ...['hasApplicableLaw', 'hasTechnicalOrganisationalMeasure', 'hasName', 'hasContact', 'hasIdentifier', 'hasAddress'],
  ...['hasDataProtectionOfficer', 'hasAuthority'],
];

const COUNTRIES = [
  ...'AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK'.split(' '),
  ...['US', 'GB', 'IN', 'CH'],
];

const of = (space: string, terms: readonly string[]): string[] => terms.map((term) => `https://w3id.org/${space}#${term}`);

export const DPV_TERMS: ReadonlySet<string> = new Set([
  ...of('dpv', [...CODES.dpv, ...REGISTER]),
  ...of('dpv/pd', CODES.pd),
  ...of('dpv/legal/eu/gdpr', CODES['legal/eu/gdpr']),
  ...of('dpv/legal/se', CODES['legal/se']),
  ...of('dpv/loc', COUNTRIES),
]);
