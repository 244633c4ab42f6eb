import { COUNTRY, DIGEST, EACH, IsCode, IsDay, IsDayOrMoment, IsList, IsName, IsText, IsTextOrTexts, IsWritten } from '../rules.ts';
import { EventData, Field } from '../shape.ts';
import { LIST_LIMIT, OtherFacts, REFERENCE_LIMIT } from './common.ts';

/** How the controller runs its house: facts that processing is judged against. */
abstract class Governance extends OtherFacts {
  @Field('clear', 'From when it holds.', '2026-01-01')
  @IsDayOrMoment()
  validFrom?: string;

  @Field('clear', 'Until when it holds.', '2026-12-31')
  @IsDayOrMoment()
  validUntil?: string;

  @Field('clear', 'Systems that it is about.', ['crm'])
  @IsName(EACH)
  @IsList(1, LIST_LIMIT)
  systems?: string[];

  @Field('clear', 'How far it reaches.', 'hosting')
  @IsTextOrTexts('clear', LIST_LIMIT)
  scope?: string | string[];

  @Field('sealed', 'Why.', 'The contract was not renewed.')
  @IsText('free')
  reason?: string;
}

/** An agreement with a processor (Art. 28): `recipient` names it, `agreementRef` the agreement. */
abstract class Processorship extends Governance {
  @Field('clear', 'Countries in which the processor may process.', ['SE', 'FI'])
  @IsWritten(COUNTRY, EACH)
  @IsList(1, LIST_LIMIT)
  countries?: string[];

  @Field('clear', 'Purposes that it may serve.', ['customer-communication'])
  @IsCode('purpose', EACH)
  @IsList(1, LIST_LIMIT)
  purposes?: string[];
}

@EventData('ProcessorEngaged', 1)
export class ProcessorEngaged extends Processorship {}

@EventData('ProcessorTerminated', 1)
export class ProcessorTerminated extends Processorship {}

/** Who may see what, and why (Art. 29, 32(4)). */
abstract class Access extends Governance {
  @Field('person', 'Who may, or may no longer.', 'anna.berg')
  @IsText('identifier')
  grantee?: string;

  @Field('clear', 'For which purposes.', ['tax-reporting'])
  @IsCode('purpose', EACH)
  @IsList(1, LIST_LIMIT)
  purposes?: string[];
}

@EventData('AccessGranted', 1)
export class AccessGranted extends Access {}

@EventData('AccessRevoked', 1)
export class AccessRevoked extends Access {}

@EventData('InstructionIssued', 1)
export class InstructionIssued extends Governance {
  @Field('clear', 'The written instruction and its version (Art. 29).', 'instruction-privacy-7')
  @IsText('clear', REFERENCE_LIMIT)
  textVersion?: string;

  @Field('clear', 'Digest of its text.', '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08')
  @IsWritten(DIGEST)
  documentDigest?: string;
}

@EventData('StaffInstructed', 1)
export class StaffInstructed extends Governance {
  @Field('person', 'Who was instructed.', 'anna.berg')
  @IsText('identifier')
  staff?: string;

  @Field('clear', 'The written instruction and its version (Art. 29).', 'instruction-privacy-7')
  @IsText('clear', REFERENCE_LIMIT)
  textVersion?: string;
}

@EventData('SecurityMeasureImplemented', 1)
export class SecurityMeasureImplemented extends Governance {
  @Field('clear', 'The measure by name (Art. 32).', 'disk-encryption')
  @IsName()
  measure?: string;

  @Field('sealed', 'What was done.', 'All laptops are encrypted.')
  @IsText('free')
  description?: string;
}

@EventData('RecruitmentProcessOpened', 1)
export class RecruitmentProcessOpened extends Governance {}

@EventData('RecruitmentProcessClosed', 1)
export class RecruitmentProcessClosed extends Governance {}

@EventData('SubjectDeceased', 1)
export class SubjectDeceased extends Governance {
  @Field('clear', 'The day of death. The GDPR does not cover the dead (recital 27).', '2026-02-14')
  @IsDay()
  deceasedOn?: string;
}
