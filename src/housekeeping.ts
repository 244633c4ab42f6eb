import type { INestApplicationContext } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import type { Logger } from 'pino';
import { LEDGER } from './ledger/author.ts';
import { ExpirePeriods } from './ledger/key-store/expire.ts';

/** What the ledger does once a day by itself, in its own name. */
export async function keepHouse(app: INestApplicationContext, log: Logger): Promise<void> {
  const commands = app.get(CommandBus);
  const periods = await commands.execute(new ExpirePeriods(LEDGER, Date.now(), false));
  if (periods.length > 0) log.info({ periods: periods.length }, 'keys of periods and cases whose end has passed were destroyed');
}
