import { IsInt, Max, Min } from 'class-validator';
import {
  ARTICLE,
  EACH,
  FIELD_NAME,
  IsCode,
  IsDayOrMoment,
  IsList,
  IsName,
  IsNested,
  IsText,
  IsTextOrTexts,
  IsWritten,
  type Notation,
} from '../rules.ts';
import { EventData, Field, Requires } from '../shape.ts';
import { Facts, LIST_LIMIT, ProcessingActor, Recipient, TransferRecipient } from './common.ts';

const DECISION_ID: Notation = {
  pattern: /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\.(?:0|[1-9][0-9]?)$/u,
  expected: 'the id of a decision, as its answer had it',
  harmless: true,
};

/** Personal data was processed (Art. 4(2)): who, whose, what, why and where are needed. */
@Requires('actor', 'subjects', 'categories', 'purpose', 'legalBasis', 'system', 'country')
abstract class Processing extends Facts {
  @Field('parts', 'Who did it.')
  @IsNested(() => ProcessingActor)
  actor!: ProcessingActor;

  @Field('clear', 'The answer that was had beforehand to whether it may be done.', '019cadf0-8a3e-7c11-b2aa-0d7f1c9e5b10.0')
  @IsWritten(DECISION_ID)
  decisionId?: string;
}

@EventData('PersonalDataCollected', 1)
@Requires('origin', 'channel')
export class PersonalDataCollected extends Processing {
  @Field('clear', 'From whom the data came (Art. 13, 14).', 'subject')
  @IsCode('origin')
  origin!: string;

  @Field('clear', 'How it came.', 'web-form')
  @IsCode('channel')
  channel!: string;
}

@EventData('PersonalDataAccessed', 1)
@Requires('mode', 'outcome')
export class PersonalDataAccessed extends Processing {
  @Field('clear', 'How it was accessed.', 'view')
  @IsCode('accessMode')
  mode!: string;

  @Field('clear', 'How many records were shown; 0 for a search without a hit.', 1)
  @Max(Number.MAX_SAFE_INTEGER)
  @Min(0)
  @IsInt()
  resultCount?: number;

  @Field('clear', 'Whether it was allowed: denied attempts are recorded too.', 'ok')
  @IsCode('accessOutcome')
  outcome!: string;
}

@EventData('PersonalDataUsed', 1)
export class PersonalDataUsed extends Processing {}

@EventData('PersonalDataDerived', 1)
export class PersonalDataDerived extends Processing {}

@EventData('PersonalDataStored', 1)
export class PersonalDataStored extends Processing {}

/** What is handed to somebody outside, who may be an authority. */
class HandedOver extends Processing {
  @Field('person', 'Who released it, where an authority asked for it.', 'maria.ek')
  @IsText('identifier')
  releasedBy?: string;

  @Field('clear', 'How far the decision or agreement behind it reaches.', 'invoices-2026-q1')
  @IsTextOrTexts('clear', LIST_LIMIT)
  scope?: string | string[];
}

@EventData('PersonalDataDisclosed', 1)
@Requires('recipient', 'method', 'consideration')
export class PersonalDataDisclosed extends HandedOver {
  @Field('clear', 'To whom the data went (Art. 4(9)).')
  @IsNested(() => Recipient)
  recipient!: Recipient;

  @Field('clear', 'How it was handed over.', 'api')
  @IsName()
  method!: string;

  @Field('clear', 'What was given for it (anything but none is a finding).', 'none')
  @IsCode('consideration')
  consideration!: string;
}

@EventData('PersonalDataTransferred', 1)
@Requires('recipient', 'transferTool')
export class PersonalDataTransferred extends HandedOver {
  @Field('clear', 'To whom, and to which country, the data went (Art. 44).')
  @IsNested(() => TransferRecipient)
  recipient!: TransferRecipient;

  @Field('clear', 'What makes the transfer lawful (Art. 45, 46, 49).', 'standard-clauses')
  @IsCode('transferTool')
  transferTool!: string;

  @Field('clear', 'How it was handed over.', 'api')
  @IsName()
  method?: string;

  @Field('clear', 'What was given for it (anything but none is a finding).', 'none')
  @IsCode('consideration')
  consideration?: string;
}

@EventData('PersonalDataRectified', 1)
@Requires('fields')
export class PersonalDataRectified extends Processing {
  @Field('clear', 'Names of the fields that were changed (Art. 16); old and new values stand sealed on the subject.', ['lastName'])
  @IsWritten(FIELD_NAME, EACH)
  @IsList(1, LIST_LIMIT)
  fields!: string[];
}

@EventData('PersonalDataErased', 1)
@Requires('ground', 'scope', 'systems')
export class PersonalDataErased extends Processing {
  @Field('clear', 'Ground of the erasure (Art. 17(1)).', '17(1)(b)')
  @IsCode('erasureGround')
  ground!: string;

  @Field('clear', 'What was erased: purposes, categories, or all.', 'newsletter')
  @IsTextOrTexts('clear', LIST_LIMIT)
  scope!: string | string[];

  @Field('clear', 'Systems in which it was erased.', ['crm', 'mailer'])
  @IsName(EACH)
  @IsList(1, LIST_LIMIT)
  systems!: string[];

  @Field('clear', 'When the last backup that still holds it is gone.', '2026-06-30')
  @IsDayOrMoment()
  backupExpiry?: string;
}

@EventData('PersonalDataErasureFailed', 1)
@Requires('reason')
export class PersonalDataErasureFailed extends Processing {
  @Field('sealed', 'Why it failed.', 'The archive was not reachable.')
  @IsText('free')
  reason!: string;

  @Field('clear', 'Ground of the erasure that was tried (Art. 17(1)).', '17(1)(b)')
  @IsCode('erasureGround')
  ground?: string;

  @Field('clear', 'What was to be erased.', 'newsletter')
  @IsTextOrTexts('clear', LIST_LIMIT)
  scope?: string | string[];

  @Field('clear', 'The exception on which it was refused (Art. 17(3)).', '17(3)(e)')
  @IsWritten(ARTICLE)
  exception?: string;

  @Field('clear', 'Systems in which it failed.', ['archive'])
  @IsName(EACH)
  @IsList(1, LIST_LIMIT)
  systems?: string[];
}
