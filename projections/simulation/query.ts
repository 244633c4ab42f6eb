import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import { v7 as uuidv7 } from 'uuid';
import { People } from '../../src/ledger/people/people.ts';
import { Policies } from '../../src/ledger/policy/policies.ts';
import type { Policy } from '../../src/policy/document.ts';
import { digestOf } from '../../src/policy/normal-form.ts';
import { Promises } from '../../src/policy/promises.ts';
import type { Published } from '../findings/judge.ts';
import { iso, momentOf } from '../moment.ts';
import { Views } from '../views.ts';
import { type RetentionChanges, retentionChanges } from './retention.ts';
import { simulate } from './simulate.ts';
import { type ChangeExample, type ChangesOfRule, Tally } from './tally.ts';

/** A simulation runs already: two would take each other's time. */
export class SimulationRunning extends Error {
  override name = 'SimulationRunning';
  readonly retryAfterSeconds = 5;
}

/** A window that ends before it begins, or is longer than may be asked about. */
export class InvalidWindow extends Error {
  override name = 'InvalidWindow';
}

/** Days of a window, at most: a year and a month, so that a year may be compared however it begins. */
export const MAX_DAYS = 397;
const DAY_MS = 86_400_000;

export interface SimulationQuestion {
  draft: Policy;
  /** When events happened, inclusive: a date-time, or a date meaning its start in UTC. */
  from: string;
  /** Exclusive. */
  to: string;
  /** Of each sort of finding that would appear, and that would go; 3 when absent. */
  examples?: number;
  /** Wait until the read side has reached this position. */
  after?: number;
  /** How long it may take, milliseconds. */
  limitMs: number;
}

export interface Simulation {
  draft: { policy: string; version: string; digest: string };
  /** UTC. */
  from: string;
  to: string;
  /** Everything recorded up to here was considered, and nothing after it. */
  position: number;
  /** What is due later is no finding: UTC. */
  asOf: string;
  /** Events that were judged. */
  events: number;
  total: Pick<ChangesOfRule, 'appear' | 'go' | 'stay' | 'subjects'>;
  items: ChangesOfRule[];
  examples: ChangeExample[];
  /** Rules of retention under which days would change, for what is kept now, whatever the window; null where that is not known yet. */
  retention: RetentionChanges[] | null;
  people: string[];
  correlationId: string;
}

/**
 * What would be found otherwise in a window of the past, had a draft been in force throughout: judged by the same rules, over what stands
 * recorded. Nothing is published or changed.
 */
export class Simulate extends Query<Simulation> {
  constructor(readonly question: SimulationQuestion) {
    super();
  }
}

const PROJECTION = 'findings';
const RETENTION = 'retention';
const DEFAULT_EXAMPLES = 3;

@QueryHandler(Simulate)
export class SimulateHandler implements IQueryHandler<Simulate> {
  #isRunning = false;

  constructor(
    private readonly views: Views,
    private readonly people: People,
    private readonly policies: Policies,
  ) {}

  /** @throws InvalidMoment, InvalidWindow, SimulationRunning, SimulationTooLong, NotThereYet, QuestionTooLong, TooManyQuestions */
  async execute({ question }: Simulate): Promise<Simulation> {
    const window = windowOf(question);
    if (this.#isRunning) throw new SimulationRunning('a simulation is running');
    this.#isRunning = true;
    try {
      return await this.run(question, window);
    } finally {
      this.#isRunning = false;
    }
  }

  private async run({ draft, examples = DEFAULT_EXAMPLES, after = 0, limitMs }: SimulationQuestion, window: Window): Promise<Simulation> {
    const clock = () => performance.now();
    const deadline = clock() + limitMs;
    await this.views.reached(PROJECTION, after);
    const position = this.views.position(PROJECTION);
    const published = (await this.policies.versions()).filter((version) => version.position <= position);
    const moment = Date.now();
    const tally = new Tally(moment, examples);
    await simulate(this.views.db, { ...window, published, draft: throughout(draft), position, deadline, clock }, tally);
    const personOf = await this.persons(tally.references());
    const { policy, version } = draft;
    return {
      draft: { policy, version, digest: digestOf(draft) },
      ...{ from: iso(window.from), to: iso(window.to), position, asOf: iso(moment), events: tally.events },
      ...{ total: tally.total(personOf), items: tally.rows(personOf), examples: tally.examples },
      retention: await this.retention(draft, published, moment),
      // Counts and records: nobody is named.
      people: [],
      correlationId: uuidv7(),
    };
  }

  /** Who is one person under several references counts once. */
  private async persons(references: readonly string[]): Promise<(reference: string) => string> {
    const groups = await this.people.groupOf(references);
    const first = new Map(references.map((reference, i) => [reference, groups[i]?.[0] ?? reference]));
    return (reference) => first.get(reference) ?? reference;
  }

  private async retention(draft: Policy, published: readonly Published[], moment: number): Promise<RetentionChanges[] | null> {
    if (!this.views.isReady(RETENTION)) return null;
    const versions = new Map(published.map(({ version, promises }) => [version, promises.policy]));
    return retentionChanges(this.views.db, draft, versions, moment);
  }
}

interface Window {
  from: number;
  to: number;
}

/** @throws InvalidMoment, InvalidWindow */
function windowOf({ from, to }: SimulationQuestion): Window {
  const window = { from: momentOf(from, 'start'), to: momentOf(to, 'start') };
  if (window.to <= window.from) throw new InvalidWindow('`to` lies after `from`');
  if (window.to - window.from > MAX_DAYS * DAY_MS) throw new InvalidWindow(`a window has at most ${MAX_DAYS} days`);
  return window;
}

/** A draft as if it had been in force at any time. */
function throughout(draft: Policy): Published {
  const { policy, version } = draft;
  return { policy, version, effectiveFrom: '1900-01-01', digest: '', promises: new Promises(draft) };
}
