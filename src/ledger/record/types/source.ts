import { IsDayOrMoment, IsNested, IsText } from '../rules.ts';
import { EventData, Field, Requires } from '../shape.ts';
import { OtherFacts, RecordPointer } from './common.ts';

/** What a source says of a record of its own. The record stays as it is; both are shown. */
@Requires('target', 'reason', 'approver')
abstract class Revision extends OtherFacts {
  @Field('clear', 'The record that was wrong.')
  @IsNested(() => RecordPointer)
  target!: RecordPointer;

  @Field('sealed', 'What was wrong.', 'The purpose was chosen by mistake.')
  @IsText('free')
  reason!: string;

  @Field('person', 'Who approved it: somebody other than the actor.', 'maria.ek')
  @IsText('identifier')
  approver!: string;
}

@EventData('RecordCorrected', 1)
@Requires('replacement')
export class RecordCorrected extends Revision {
  @Field('clear', 'The record that stands in its place.')
  @IsNested(() => RecordPointer)
  replacement!: RecordPointer;
}

@EventData('RecordRetracted', 1)
export class RecordRetracted extends Revision {}

@EventData('SourceHeartbeat', 1)
export class SourceHeartbeat extends OtherFacts {
  @Field('clear', 'By when the source will be heard again.', '2026-03-02T10:14:07Z')
  @IsDayOrMoment()
  nextBy?: string;
}
