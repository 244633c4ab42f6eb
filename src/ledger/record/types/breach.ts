import { DIGEST, EACH, IsCode, IsCodeOrCodes, IsList, IsMoment, IsName, IsNested, IsText, IsWritten } from '../rules.ts';
import { EventData, Field, Requires } from '../shape.ts';
import { Count, LIST_LIMIT, OtherFacts } from './common.ts';

/** A step in the handling of a personal data breach (Art. 4(12), 33, 34). `caseRef` joins the steps of one breach. */
@Requires('awareAt')
abstract class Breach extends OtherFacts {
  @Field('clear', 'When the controller, or its processor, became aware: the 72 hours run from here (Art. 33(1)).', '2026-05-11T06:40:00Z')
  @IsMoment()
  awareAt?: string;

  @Field('clear', 'What was broken: one kind or several.', ['confidentiality'])
  @IsCodeOrCodes('breachKind', 3)
  kind?: string | string[];

  @Field('clear', 'Risk to the rights and freedoms of the people concerned (Art. 33(1), 34(1)).', 'high')
  @IsCode('breachRisk')
  risk?: string;

  @Field('clear', 'How many people are concerned (Art. 33(3)(a)).')
  @IsNested(() => Count)
  affectedSubjects?: Count;

  @Field('clear', 'How many records are concerned (Art. 33(3)(a)).')
  @IsNested(() => Count)
  affectedRecords?: Count;

  @Field('clear', 'Since when it went on.', '2026-05-09T22:00:00Z')
  @IsMoment()
  beganAt?: string;

  @Field('clear', 'Until when it went on.', '2026-05-11T07:15:00Z')
  @IsMoment()
  endedAt?: string;

  @Field('clear', 'Systems that are concerned.', ['crm'])
  @IsName(EACH)
  @IsList(1, LIST_LIMIT)
  systems?: string[];

  @Field('sealed', 'What happened.', 'A list of customers was sent to the wrong distributor.')
  @IsText('free')
  description?: string;

  @Field('sealed', 'Likely consequences (Art. 33(3)(c)).', 'Unwanted contact.')
  @IsText('free')
  consequences?: string;

  @Field('sealed', 'Measures taken or proposed (Art. 33(3)(d)).', 'The receiver has deleted the file.')
  @IsText('free')
  measures?: string;

  @Field('sealed', 'Why, where a step is late or left out (Art. 33(1), 33(4)).', 'The log had to be restored first.')
  @IsText('free')
  reasons?: string;

  @Field('clear', 'The article that makes a notification unnecessary.', '34(3)(a)')
  @IsCode('breachExemption')
  exemption?: string;

  @Field('clear', 'Digest of the document concerned.', '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08')
  @IsWritten(DIGEST)
  documentDigest?: string;
}

@EventData('BreachSuspected', 1)
export class BreachSuspected extends Breach {}

@EventData('BreachConfirmed', 1)
export class BreachConfirmed extends Breach {}

@EventData('ProcessorReportedBreach', 1)
export class ProcessorReportedBreach extends Breach {}

@EventData('BreachAssessed', 1)
export class BreachAssessed extends Breach {}

@EventData('BreachNotifiedToAuthority', 1)
export class BreachNotifiedToAuthority extends Breach {
  @Field('clear', 'Whether it is the first notification or further information (Art. 33(4)).', 'initial')
  @IsCode('breachNotificationPhase')
  phase?: string;
}

@EventData('BreachCommunicatedToSubjects', 1)
export class BreachCommunicatedToSubjects extends Breach {}

@EventData('BreachNotificationWaived', 1)
export class BreachNotificationWaived extends Breach {}

@EventData('BreachMeasureTaken', 1)
export class BreachMeasureTaken extends Breach {}

@EventData('BreachClosed', 1)
export class BreachClosed extends Breach {}
