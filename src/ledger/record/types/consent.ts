import { EACH, IsCode, IsList, IsNested, IsText, IsTextOrObject } from '../rules.ts';
import { EventData, Field, Requires } from '../shape.ts';
import { LIST_LIMIT, OtherFacts, REFERENCE_LIMIT, RecordPointer } from './common.ts';

/** The state of a consent, purpose by purpose (Art. 4(11), 7). */
@Requires('purposes', 'textVersion', 'method')
abstract class Consent extends OtherFacts {
  @Field('clear', 'Purposes that the consent is about.', ['newsletter'])
  @IsCode('purpose', EACH)
  @IsList(1, LIST_LIMIT)
  purposes!: string[];

  @Field('clear', 'Version of the text that the data subject saw.', 'newsletter-4')
  @IsText('clear', REFERENCE_LIMIT)
  textVersion!: string;

  @Field('sealed', 'What proves it (Art. 7(1)).', { confirmedBy: 'double opt-in' })
  @IsTextOrObject(3)
  proof?: string | object;
}

@EventData('ConsentGiven', 1)
export class ConsentGiven extends Consent {}

@EventData('ConsentRefused', 1)
export class ConsentRefused extends Consent {}

@EventData('ConsentWithdrawn', 1)
export class ConsentWithdrawn extends Consent {}

@EventData('ConsentExpired', 1)
export class ConsentExpired extends Consent {}

@EventData('ObjectionRaised', 1)
@Requires('kind', 'purposes')
export class ObjectionRaised extends OtherFacts {
  @Field('clear', 'On grounds of their situation, Art. 21(1), or to direct marketing, Art. 21(2).', '21(1)')
  @IsCode('objectionKind')
  kind!: string;

  @Field('clear', 'Purposes that the data subject objects to.', ['customer-communication'])
  @IsCode('purpose', EACH)
  @IsList(1, LIST_LIMIT)
  purposes!: string[];

  @Field('sealed', 'What the data subject says.', 'I have changed employer.')
  @IsText('free')
  reasons?: string;
}

@EventData('ObjectionDecided', 1)
@Requires('target', 'outcome')
export class ObjectionDecided extends OtherFacts {
  @Field('clear', 'The objection that was decided.')
  @IsNested(() => RecordPointer)
  target!: RecordPointer;

  @Field('clear', 'Whether the processing stops.', 'upheld')
  @IsCode('objectionOutcome')
  outcome!: string;

  @Field('clear', 'The kind of the objection. One to direct marketing is absolute: it has no grounds.', '21(1)')
  @IsCode('objectionKind')
  kind?: string;

  @Field('sealed', 'Compelling legitimate grounds that override it (Art. 21(1)).', 'A claim against the person is pending.')
  @IsText('free')
  grounds?: string;
}
