import { IsBoolean } from 'class-validator';
import { ARTICLE, DIGEST, IsCode, IsDayOrMoment, IsText, IsWritten } from '../rules.ts';
import { EventData, Field, Requires } from '../shape.ts';
import { OtherFacts } from './common.ts';

/** A step in the handling of a right (Art. 12 to 22, 77, 82). `requestRef` joins the steps of one request. */
abstract class Rights extends OtherFacts {
  @Field('clear', 'The right.', 'access')
  @IsCode('right')
  right?: string;

  @Field('clear', 'How it came, or how it was answered.', 'email')
  @IsCode('channel')
  channel?: string;

  @Field('clear', 'When the answer is due (Art. 12(3)).', '2026-04-02')
  @IsDayOrMoment()
  dueAt?: string;

  @Field('sealed', 'Why.', 'Eleven systems have to be searched.')
  @IsText('free')
  reason?: string;

  @Field('clear', 'Digest of what was sent.', '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08')
  @IsWritten(DIGEST)
  responseDigest?: string;

  @Field('clear', 'The article that allows to refuse, in whole or in part.', '17(3)(e)')
  @IsWritten(ARTICLE)
  exception?: string;
}

@EventData('RightsRequestReceived', 1)
@Requires('right')
export class RightsRequestReceived extends Rights {}

@EventData('IdentityVerificationRequested', 1)
export class IdentityVerificationRequested extends Rights {
  @Field('clear', 'Whether reasonable doubts were recorded (Art. 12(6)); the doubts themselves stand in `reason`.', true)
  @IsBoolean()
  doubt?: boolean;
}

@EventData('IdentityVerified', 1)
export class IdentityVerified extends Rights {
  @Field('clear', 'What came of it.', 'confirmed')
  @IsCode('verificationResult')
  result?: string;
}

@EventData('RightsRequestExtended', 1)
export class RightsRequestExtended extends Rights {}

@EventData('RightsRequestFulfilled', 1)
export class RightsRequestFulfilled extends Rights {
  @Field('clear', 'Whether in full.', 'complete')
  @IsCode('fulfilmentResult')
  result?: string;
}

@EventData('RightsRequestRefused', 1)
export class RightsRequestRefused extends Rights {}

@EventData('RecipientNotified', 1)
export class RecipientNotified extends Rights {
  @Field('clear', 'Whether the recipient was told (Art. 19).', 'told')
  @IsCode('notificationResult')
  result?: string;
}

@EventData('InformationProvided', 1)
export class InformationProvided extends Rights {}

@EventData('ComplaintReceived', 1)
export class ComplaintReceived extends Rights {}

@EventData('DamagesClaimReceived', 1)
export class DamagesClaimReceived extends Rights {}

@EventData('DamagesClaimSettled', 1)
export class DamagesClaimSettled extends Rights {
  @Field('clear', 'How it ended (Art. 82).', 'paid')
  @IsCode('settlementResult')
  result?: string;
}
