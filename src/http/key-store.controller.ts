import { Controller, Get, HttpCode, Post, Query } from '@nestjs/common';
import { CommandBus, QueryBus } from '@nestjs/cqrs';
import {
  ApiAcceptedResponse,
  ApiBearerAuth,
  ApiOkResponse,
  ApiOperation,
  ApiProperty,
  ApiPropertyOptional,
  ApiTags,
} from '@nestjs/swagger';
import { IsIn, IsOptional } from 'class-validator';
import { type EndedPeriod, ExpirePeriods } from '../ledger/key-store/expire.ts';
import { type MasterKeyShown, MasterKeyState, RotateMasterKey, type RotationShown } from '../ledger/key-store/rotate.ts';
import type { MasterKeyRefused } from '../privacy/master-key.ts';
import { Caller, Needs } from './auth.ts';
import { answerError } from './problem.ts';
import { TakesNothing } from './route.ts';

answerError<MasterKeyRefused>('MasterKeyRefused', {
  type: 'conflict',
  detail: ({ reason }) => `${REFUSED[reason]} Nothing was changed.`,
});

const REFUSED: Readonly<Record<MasterKeyRefused['reason'], string>> = {
  missing:
    'The master key came from outside, and so must the next one: start with LIGGARE_MASTER_KEY_NEXT or LIGGARE_MASTER_KEY_NEXT_FILE set.',
  malformed: 'LIGGARE_MASTER_KEY_NEXT is the key in force: start without it, or with another one.',
  wrong: 'Another key is replacing the master key already.',
  rotating: 'The master key is being replaced already.',
  unwritable:
    'The file for the next master key cannot be written beside the present one: start with LIGGARE_MASTER_KEY_NEXT or LIGGARE_MASTER_KEY_NEXT_FILE set.',
};

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

class RotationDto implements RotationShown {
  @ApiProperty({ description: 'How it stands.', enum: ['running', 'completed', 'failed'], example: 'running' })
  state!: RotationShown['state'];

  @ApiProperty({ description: 'People whose keys are wrapped anew.', example: 200 })
  done!: number;

  @ApiProperty({ description: 'All of them.', example: 1200 })
  total!: number;

  @ApiProperty({ description: 'When it was begun, or went on, UTC.', example: '2026-03-02T09:14:07.120Z' })
  startedAt!: string;

  @ApiPropertyOptional({ description: 'When it ended, UTC.', example: '2026-03-02T09:14:09.480Z' })
  endedAt?: string;

  @ApiPropertyOptional({ description: 'What stopped it; begun again, it goes on.', example: 'KeyStoreUnavailable' })
  cause?: string;

  @ApiPropertyOptional({
    description: 'What is left to whoever runs the ledger, once it is completed.',
    example: 'Keep a copy of master.key apart from the data. The old key opens nothing but older copies of keys.db.',
  })
  advice?: string;

  @ApiPropertyOptional({
    description: 'False where another process still reads what the old key wrapped: it is overwritten later.',
    example: true,
  })
  overwritten?: boolean;
}

class MasterKeyDto implements MasterKeyShown {
  @ApiProperty({
    description: '`outdated`: another process replaced it, and this one has to be started again.',
    enum: ['in-force', 'rotating', 'outdated'],
    example: 'rotating',
  })
  state!: MasterKeyShown['state'];

  @ApiProperty({ description: 'Counts the master keys of this ledger: each has one more than the one before.', example: 2 })
  generation!: number;

  @ApiPropertyOptional({ description: 'How far its replacement is, where this process has begun one.', type: RotationDto })
  rotation?: RotationDto;
}

@ApiTags('keys')
@ApiBearerAuth()
@Controller('v1/key-store')
export class KeyStoreController {
  constructor(
    private readonly commands: CommandBus,
    private readonly queries: QueryBus,
  ) {}

  @Post('expire')
  @HttpCode(200)
  @Needs('keyStore')
  @TakesNothing()
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

  @Get()
  @Needs('keyStore')
  @ApiOperation({ summary: 'The master key as it stands, and how far its replacement is; never a key' })
  @ApiOkResponse({ type: MasterKeyDto })
  state(): Promise<MasterKeyShown> {
    return this.queries.execute(new MasterKeyState());
  }

  @Post('rotate-master')
  @HttpCode(202)
  @Needs('keyStore')
  @TakesNothing()
  @ApiOperation({
    summary: 'Replace the master key',
    description:
      'Begins to wrap every key anew, beside everything else; `GET /v1/key-store` tells how far it is. Interrupted, it goes on at the next start. Recorded.',
  })
  @ApiAcceptedResponse({ type: MasterKeyDto })
  rotate(@Caller() caller: Caller): Promise<MasterKeyShown> {
    return this.commands.execute(new RotateMasterKey(caller, Date.now()));
  }
}
