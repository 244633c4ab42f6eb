import { Controller, Get, HttpCode, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiProperty, ApiPropertyOptional, ApiTags } from '@nestjs/swagger';
import { EventStore } from '../eventstore/event-store.ts';
import { NotSealedYet, SealingRefused, TransparencyLog } from '../transparency/transparency-log.ts';
import type { RingKey } from '../transparency/tree.ts';
import { Caller, Needs, Public } from './auth.ts';
import { answerError } from './problem.ts';
import { TakesNothing } from './route.ts';
import { EXAMPLE } from './tree-head.dto.ts';

for (const name of ['SealerEnded', 'SealerReplaced']) {
  answerError(name, { type: 'unavailable', detail: 'What signs tree heads has ended in this process: start the ledger again.' });
}

/** How long who replaces the key waits for a head that both sign. */
const SIGN_MS = 5000;

class RingKeyDto implements RingKey {
  @ApiProperty({ description: 'Generation of the tree whose heads it signs.', example: 1 })
  generation!: number;

  @ApiProperty({ description: 'The public key (C2SP signed-note): `<origin>+<id>+<base64>`.', example: EXAMPLE.vkey })
  vkey!: string;

  @ApiProperty({ description: 'Since when it signs, UTC.', example: '2026-01-02T08:00:00.000Z' })
  createdAt!: string;

  @ApiPropertyOptional({
    description: 'Since when it signs no more, UTC; what it signed still verifies. Absent: it is in force.',
    example: '2026-03-02T09:14:07.120Z',
  })
  retiredAt?: string;
}

class RingDto {
  @ApiProperty({ description: 'The key in force.', type: RingKeyDto })
  inForce!: RingKeyDto;

  @ApiProperty({ description: 'Every key there was, the oldest first.', type: [RingKeyDto] })
  keys!: RingKeyDto[];
}

@ApiTags('transparency log')
@Controller('v1/sealer-key')
export class SealerKeyController {
  constructor(
    private readonly log: TransparencyLog,
    private readonly store: EventStore,
  ) {}

  @Get()
  @Public()
  @ApiOperation({
    summary: 'The public keys that sign tree heads',
    description: 'In force and retired. The same as `/tlog/vkeys`, with times. Never a private key.',
  })
  @ApiOkResponse({ type: RingDto })
  ring(): Promise<RingDto> {
    return this.shown();
  }

  @Post('rotate')
  @HttpCode(200)
  @Needs('keyStore')
  @TakesNothing()
  @ApiBearerAuth()
  @ApiOperation({
    summary: 'Replace the key that signs tree heads',
    description:
      'The next head is signed by both, so that whoever trusts the old key learns the new one; what the old one signed still verifies. ' +
      'Whoever keeps the key of this log (witnesses, auditors) has to be given the new one. Recorded.',
  })
  @ApiOkResponse({ type: RingDto })
  async rotate(@Caller() caller: Caller): Promise<RingDto> {
    await this.log.rotateKey(caller, Date.now());
    await this.introduce();
    return this.shown();
  }

  /** A head that both keys signed, before anybody is told of the new one; where it takes longer, it is the next head. */
  private async introduce(): Promise<void> {
    try {
      await this.log.covering(await this.store.head(), SIGN_MS);
    } catch (error) {
      if (!(error instanceof NotSealedYet || error instanceof SealingRefused)) throw error;
    }
  }

  private async shown(): Promise<RingDto> {
    const keys = (await this.log.keys()).map(({ generation, vkey, createdAt, retiredAt }) => ({
      ...{ generation, vkey, createdAt },
      ...(retiredAt !== undefined && { retiredAt }),
    }));
    return { inForce: keys.at(-1) as RingKeyDto, keys };
  }
}
