import { Controller, HttpCode, Post, Query } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiProperty, ApiPropertyOptional, ApiTags } from '@nestjs/swagger';
import { IsIn, IsOptional } from 'class-validator';
import { type EndedPeriod, ExpirePeriods } from '../ledger/key-store/expire.ts';
import { Caller, Needs } from './auth.ts';

/** Periods that an answer lists. */
const MAX_LISTED = 1000;

class ExpireQuery {
  @ApiPropertyOptional({ description: 'Only say what would go.', enum: ['true', 'false'], default: 'false', example: 'true' })
  @IsOptional()
  @IsIn(['true', 'false'])
  dryRun?: 'true' | 'false';
}

class EndedPeriodDto implements EndedPeriod {
  @ApiProperty({ description: 'A month of quarantine or of entries about nobody, or a case.', example: 'quarantine-2025-01' })
  name!: string;

  @ApiProperty({ description: 'Until when what is sealed under its key may be opened, UTC.', example: '2026-02-01T00:00:00.000Z' })
  endsAt!: string;

  @ApiProperty({ description: 'Items in quarantine that end with it.', example: 12 })
  items!: number;
}

class ExpiredDto {
  @ApiProperty({ description: 'Whether nothing was destroyed.', example: false })
  dryRun!: boolean;

  @ApiProperty({ description: 'How many periods’ keys went, or would go.', example: 1 })
  count!: number;

  @ApiProperty({ description: `The first ${MAX_LISTED} of them.`, type: [EndedPeriodDto] })
  periods!: EndedPeriodDto[];
}

@ApiTags('keys')
@ApiBearerAuth()
@Controller('v1/key-store')
export class KeyStoreController {
  constructor(private readonly commands: CommandBus) {}

  @Post('expire')
  @HttpCode(200)
  @Needs('keyStore')
  @ApiOperation({
    summary: 'Destroy the keys of periods and cases whose end has passed',
    description: 'What was sealed under them can be opened no more. The service does the same once a day. Recorded.',
  })
  @ApiOkResponse({ type: ExpiredDto })
  async expire(@Query() { dryRun }: ExpireQuery, @Caller() caller: Caller): Promise<ExpiredDto> {
    const isDry = dryRun === 'true';
    const periods = await this.commands.execute(new ExpirePeriods(caller, Date.now(), isDry));
    return { dryRun: isDry, count: periods.length, periods: periods.slice(0, MAX_LISTED) };
  }
}
