import { IsCode, IsDayOrMoment, IsNested, IsText, IsTextOrTexts } from '../rules.ts';
import { EventData, Field, Requires } from '../shape.ts';
import { LIST_LIMIT, OtherFacts, RecordPointer } from './common.ts';

@EventData('ProcessingRestricted', 1)
@Requires('ground', 'scope')
export class ProcessingRestricted extends OtherFacts {
  @Field('clear', 'Ground of the restriction (Art. 18(1)).', '18(1)(a)')
  @IsCode('restrictionGround')
  ground!: string;

  @Field('clear', 'What may no longer be used: purposes, categories, or all.', 'all')
  @IsTextOrTexts('clear', LIST_LIMIT)
  scope!: string | string[];
}

/** The notice (`noticeRef`) told the data subject before it was lifted (Art. 18(3)). */
@EventData('RestrictionLifted', 1)
@Requires('noticeRef')
export class RestrictionLifted extends OtherFacts {
  @Field('clear', 'The restriction that was lifted.')
  @IsNested(() => RecordPointer)
  target?: RecordPointer;

  @Field('clear', 'What may be used again.', 'all')
  @IsTextOrTexts('clear', LIST_LIMIT)
  scope?: string | string[];

  @Field('sealed', 'Why it was lifted.', 'The address was checked and is right.')
  @IsText('free')
  reason?: string;
}

@EventData('LegalHoldPlaced', 1)
@Requires('ground', 'reviewBy')
export class LegalHoldPlaced extends OtherFacts {
  @Field('clear', 'Why the data must be kept though erasure is due (Art. 17(3)).', 'legal-claims')
  @IsCode('legalHoldGround')
  ground!: string;

  @Field('clear', 'When the hold must be looked at again.', '2026-12-31')
  @IsDayOrMoment()
  reviewBy!: string;

  @Field('clear', 'What is held: purposes, categories, or all.', 'all')
  @IsTextOrTexts('clear', LIST_LIMIT)
  scope?: string | string[];

  @Field('sealed', 'Why it was placed.', 'A dispute about invoice 88121.')
  @IsText('free')
  reason?: string;
}

@EventData('LegalHoldReleased', 1)
@Requires('target')
export class LegalHoldReleased extends OtherFacts {
  @Field('clear', 'The hold that was released.')
  @IsNested(() => RecordPointer)
  target!: RecordPointer;

  @Field('sealed', 'Why it was released.', 'The dispute is settled.')
  @IsText('free')
  reason?: string;
}
