import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { QueryBus } from '@nestjs/cqrs';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiProperty, ApiPropertyOptional, ApiTags } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { ArrayMaxSize, ArrayMinSize, IsArray, IsBoolean, IsObject, IsOptional, ValidateNested } from 'class-validator';
import { Receipts, type Wanted } from '../../projections/proofs/receipts.ts';
import { Config } from '../config.ts';
import { Caller, Needs } from './auth.ts';
import { type FieldProblem, HttpProblem } from './problem.ts';
import { PROOF_EXAMPLE, RecordDto } from './proofs.controller.ts';
import { ReasonDto } from './question.dto.ts';
import { Questions } from './questions.ts';

const MAX_ITEMS = 1000;

class ReceiptsDto {
  @ApiProperty({ description: `Records of which receipts are wanted, up to ${MAX_ITEMS}.`, type: [RecordDto], maxItems: MAX_ITEMS })
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(MAX_ITEMS)
  @IsObject({ each: true })
  @ValidateNested({ each: true })
  @Type(() => RecordDto)
  items!: RecordDto[];

  @ApiPropertyOptional({
    description: 'Whether to wait, at most `LIGGARE_AFTER_MS`, until a tree head covers all of it.',
    default: false,
    example: true,
  })
  @IsOptional()
  @IsBoolean()
  wait?: boolean;

  @ApiPropertyOptional({
    description: 'Why it is asked: needed of everybody but the systems that report (scope `emit`), and recorded.',
    type: ReasonDto,
  })
  @IsOptional()
  @IsObject()
  @ValidateNested()
  @Type(() => ReasonDto)
  reason?: ReasonDto;
}

class NamedDto {
  @ApiProperty({ description: 'Place in the request, from 0.', example: 0 })
  index!: number;

  @ApiProperty({ description: 'Who reported it.', example: 'urn:mailit:billing' })
  source!: string;

  @ApiProperty({ description: 'Its id within the source.', example: '2026-03-02-000412' })
  id!: string;
}

/** A receipt, and where the record stood in what was asked. */
export class ReceiptDto extends NamedDto {
  @ApiProperty({ description: 'Type of the event, as its leaf says.', example: 'PersonalDataDisclosed' })
  type!: string;

  @ApiProperty({ description: 'Where the record stands in the log.', example: 412 })
  position!: number;

  @ApiProperty({ description: 'Place of its leaf in the tree, from 0.', example: 411 })
  leafIndex!: number;

  @ApiProperty({ description: "The leaf's bytes, base64: no identities.", example: 'AQAAABJ1cm46bWFpbGl0OmJpbGxpbmc=' })
  leaf!: string;

  @ApiProperty({ description: 'That the leaf stands in the signed tree (C2SP tlog-proof): checked offline.', example: PROOF_EXAMPLE })
  proof!: string;
}

class WithoutReceiptDto extends NamedDto {
  @ApiProperty({ description: 'Why there is no receipt.', example: 'no tree head covers it yet: ask again in some seconds' })
  why!: string;
}

class ReceiptsAnswerDto {
  @ApiProperty({ description: 'One for each record that a tree head covers.', type: [ReceiptDto] })
  receipts!: ReceiptDto[];

  @ApiProperty({ description: 'Records of which there is no receipt yet.', type: [WithoutReceiptDto] })
  pending!: WithoutReceiptDto[];

  @ApiProperty({ description: 'What is no record of the log; also what is in quarantine.', type: [WithoutReceiptDto] })
  unknown!: WithoutReceiptDto[];
}

@ApiTags('record')
@ApiBearerAuth()
@Controller('v1/receipts')
export class ReceiptsController {
  constructor(
    private readonly queries: QueryBus,
    private readonly questions: Questions,
    private readonly config: Config,
  ) {}

  @Post()
  @HttpCode(200)
  @Needs('receipts')
  @ApiOperation({
    summary: 'Exchange what was recorded for signed receipts',
    description:
      'A receipt proves offline that the ledger recorded it: it is checked with the public key of the log (`liggare verify receipts.json`). A key that reports gets ' +
      'receipts of the sources that it may report for; whoever may prove, of any record, and that is recorded as a question.',
  })
  @ApiOkResponse({ type: ReceiptsAnswerDto })
  async exchange(@Body() { items, wait, reason }: ReceiptsDto, @Caller() caller: Caller): Promise<ReceiptsAnswerDto> {
    const wanted = items.map(({ source, id }, index): Wanted => ({ index, source, id }));
    const question = new Receipts(wanted, wait === true ? this.config.afterMs : 0);
    const { receipts, pending, unknown } = caller.may('prove')
      ? await this.questions.recorded('receipts', () => question, { axes: ['record'], reason: given(reason) }, caller)
      : await this.ofOwn(question, caller);
    return { receipts, pending, unknown };
  }

  /** Who reported it is told nothing new by its receipt. */
  private ofOwn(question: Receipts, caller: Caller) {
    const errors = question.wanted.flatMap(({ index, source }): FieldProblem[] =>
      caller.maySource(source) ? [] : [{ path: `/items/${index}/source`, rule: 'source-not-permitted', message: NOT_PERMITTED, index }],
    );
    if (errors.length === 0) return this.queries.execute(question);
    throw new HttpProblem('forbidden', { detail: 'This key may not have receipts of some of these records. See errors.', errors });
  }
}

const NOT_PERMITTED =
  'this key may not report for this source, and has no receipts of it; ask for a key that names it, or one that may prove';

/** @throws HttpProblem */
function given(reason: ReasonDto | null | undefined): ReasonDto {
  if (reason != null) return reason;
  const error = { path: '/reason', rule: 'required', message: 'is needed of a key that may see records of any source: why it is asked' };
  throw new HttpProblem('invalid', { detail: 'See errors for each field and its rule.', errors: [error] });
}
