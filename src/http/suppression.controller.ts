import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiProperty, ApiTags } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { ArrayMaxSize, ArrayMinSize, IsArray, IsObject, IsString, Matches, ValidateNested } from 'class-validator';
import { IsText } from '../ledger/record/rules.ts';
import { CheckSuppression } from '../ledger/suppression/check.ts';
import { Caller, Needs } from './auth.ts';
import { Questions } from './questions.ts';

const MAX_IDENTIFIERS = 1000;

class IdentifierDto {
  @ApiProperty({ description: 'What kind of identifier it is.', example: 'email' })
  @IsString()
  @Matches(/^[a-z0-9-]{1,40}$/)
  scheme!: string;

  @ApiProperty({
    description: 'The identifier. It is compared in its normalised form and stored nowhere.',
    example: 'kim.lind@example.com',
  })
  @IsText('identifier')
  value!: string;
}

class CheckDto {
  @ApiProperty({
    description: 'Who is to be contacted.',
    type: [IdentifierDto],
    minItems: 1,
    maxItems: MAX_IDENTIFIERS,
    example: [{ scheme: 'email', value: 'kim.lind@example.com' }],
  })
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(MAX_IDENTIFIERS)
  @IsObject({ each: true })
  @ValidateNested({ each: true })
  @Type(() => IdentifierDto)
  identifiers!: IdentifierDto[];
}

class CheckedDto {
  @ApiProperty({ description: 'Place in the request, from 0.', example: 0 })
  index!: number;

  @ApiProperty({ description: 'True: no direct marketing under this identifier, for good.', example: true })
  suppressed!: boolean;
}

class SuppressionDto {
  @ApiProperty({ description: 'One for each identifier, in their order.', type: [CheckedDto] })
  items!: CheckedDto[];
}

@ApiTags('people')
@ApiBearerAuth()
@Controller('v1/suppression')
export class SuppressionController {
  constructor(
    private readonly commands: CommandBus,
    private readonly questions: Questions,
  ) {}

  @Post('check')
  @HttpCode(200)
  @Needs('suppression')
  @ApiOperation({
    summary: 'Who must not be contacted for direct marketing',
    description:
      'Says of each identifier whether it, or another one of the same person, is on the suppression list, onto which objections to direct marketing ' +
      '(Art. 21(2)) and erasures that ask for it put it, and nothing else: not whether anybody of it is known. One check of a batch is one entry of the log, without the identifiers.',
  })
  @ApiOkResponse({ type: SuppressionDto })
  async check(@Body() { identifiers }: CheckDto, @Caller() caller: Caller): Promise<SuppressionDto> {
    await this.questions.recordCheck(caller);
    const answers = await this.commands.execute(new CheckSuppression(identifiers, Date.now()));
    return { items: answers.map((suppressed, index) => ({ index, suppressed })) };
  }
}
