/** Judges what was recorded once more, under a draft: page by page, so that whoever else is served waits for no more than one. */
import { setImmediate as turn } from 'node:timers/promises';
import { type Kysely, sql } from 'kysely';
import { inForceAt } from '../../src/policy/in-force.ts';
import type { Promises } from '../../src/policy/promises.ts';
import { judge, type Published } from '../findings/judge.ts';
import type { Schema } from '../schema.ts';
import { ProcessorNames } from '../state/names.ts';
import { isFallen } from '../state/standing.ts';
import { keysOf, Recorded, recordedEvents, stateAround } from '../state/state.ts';
import type { Tally } from './tally.ts';

/** Events whose surroundings are read at once. */
const PAGE = 200;
/** Events judged before others have their turn: some milliseconds. */
const AT_ONCE = 25;

/** It took longer than it may: the window has to be narrower. */
export class SimulationTooLong extends Error {
  override name = 'SimulationTooLong';
  constructor(
    /** Events that were judged until then. */
    readonly events: number,
  ) {
    super('the simulation took too long');
  }
}

export interface Simulated {
  /** In the order of publication. */
  published: readonly Published[];
  /** Judged by as if it had been in force all the time. */
  draft: Published;
  /** When the events happened, milliseconds since 1970: inclusive, exclusive. */
  from: number;
  to: number;
  /** Nothing recorded after it counts. */
  position: number;
  /** When it has to be done, by `clock`. */
  deadline: number;
  /** Milliseconds of a clock that does not run backwards. */
  clock(): number;
}

/** Counts every event of the window that stands. @throws SimulationTooLong, QuestionTooLong */
export async function simulate(db: Kysely<Schema>, simulated: Simulated, tally: Tally): Promise<void> {
  for (let last = 0; ; ) {
    const positions = await positionsAfter(db, last, simulated);
    if (positions.length > 0) await judgePage(db, positions, simulated, tally);
    if (positions.length < PAGE) return;
    last = positions.at(-1) as number;
  }
}

/** Along the log: nothing is read twice, whatever the window. */
async function positionsAfter(db: Kysely<Schema>, last: number, { from, to, position }: Simulated): Promise<number[]> {
  const of = { position: sql.ref('e.position'), source: sql.ref('p.source'), id: sql.ref('e.id') };
  const { rows } = await sql<{ position: number }>`select e.position from findings_events as e
    join findings_profiles as p on p.id = e.profile
    where e.position > ${last} and e.position <= ${position} and e.time >= ${from} and e.time < ${to} and not ${isFallen(of, position)}
    order by e.position limit ${sql.lit(PAGE)}`.execute(db);
  return rows.map((row) => row.position);
}

async function judgePage(
  db: Kysely<Schema>,
  positions: readonly number[],
  { published, draft, position: asOf, deadline, clock }: Simulated,
  tally: Tally,
): Promise<void> {
  const recorded = await recordedEvents(db, positions);
  const events = recorded.map(({ event }) => event);
  const controllers = published.map(({ effectiveFrom, promises }) => ({ effectiveFrom, id: controllerOf(promises) }));
  const whose = [...controllers.map(({ id }) => id), controllerOf(draft.promises)];
  const names = new ProcessorNames([...published, draft].map(({ promises }) => promises));
  const known = await Recorded.load(db, names.with(events.flatMap(keysOf)), { controllers: whose, position: asOf });
  await known.lookAround(events);
  for (const [i, { position, event }] of recorded.entries()) {
    if (i % AT_ONCE === 0) {
      await turn();
      if (clock() > deadline) throw new SimulationTooLong(tally.events);
    }
    const before = judge(event, published, stateAround(known, event, inForceAt(controllers, event.time)?.id));
    const after = judge(event, [draft], stateAround(known, event, controllerOf(draft.promises)));
    tally.add({ event, position, before, after });
  }
}

const controllerOf = ({ policy }: Promises): string => policy.controller.id;
