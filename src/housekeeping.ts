import type { INestApplicationContext } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import type { Logger } from 'pino';
import { Config } from './config.ts';
import { LEDGER } from './ledger/author.ts';
import { UnfinishedErasures } from './ledger/erasure/unfinished.ts';
import { ExpirePeriods } from './ledger/key-store/expire.ts';
import { EraseDue } from './retention.ts';

/** What the ledger does once a day by itself, in its own name. Ends after a page of people when the signal is given. */
export async function keepHouse(app: INestApplicationContext, log: Logger, signal: AbortSignal): Promise<void> {
  const commands = app.get(CommandBus);
  const unfinished = app.get(UnfinishedErasures);
  const failed = await unfinished.inTurn(() => unfinished.finishAll(Date.now()));
  if (failed.size > 0) log.warn({ erasures: failed.size }, 'erasures are recorded and could not be completed yet');
  const periods = await commands.execute(new ExpirePeriods(LEDGER, Date.now(), false));
  if (periods.length > 0) log.info({ periods: periods.length }, 'keys of periods and cases whose end has passed were destroyed');
  if (app.get(Config).subjectKeyKeep === undefined) return;
  const erased = await eraseDue(commands, Date.now(), signal);
  if (erased > 0) log.info({ erased }, 'data subjects about whom nothing was recorded for long enough were erased');
}

async function eraseDue(commands: CommandBus, now: number, signal: AbortSignal): Promise<number> {
  let erased = 0;
  for (let after: number | undefined; ; ) {
    const page = await commands.execute(new EraseDue({ now, dryRun: false, ...(after !== undefined && { after }) }));
    erased += page.items.filter(({ erasure }) => erasure !== undefined).length;
    if (page.next === undefined || signal.aborted) return erased;
    after = page.next;
  }
}
