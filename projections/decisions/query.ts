import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import { v7 as uuidv7 } from 'uuid';
import type { Reference } from '../../src/ledger/entry.ts';
import { People } from '../../src/ledger/people/people.ts';
import { Policies, type Published } from '../../src/ledger/policy/policies.ts';
import type { Identifier } from '../../src/privacy/key-vault.ts';
import { iso } from '../moment.ts';
import { loadState } from '../state/state.ts';
import { Views } from '../views.ts';
import { type Decision, decisionOf, type Intention, isDirectMarketing, type Verdict } from './decision.ts';
import { Together } from './together.ts';

/** Something that somebody is about to do, and how its people were named. */
export interface AskedBeforehand extends Intention {
  /** Of the subjects, who is known. */
  known: ReadonlySet<Reference>;
  /** For each subject of the request every identifier that it was named by. */
  identifiers: readonly (readonly Identifier[])[];
}

export interface DecisionsAnswer {
  /** One for each of what was asked, in its order. */
  items: (Decision & { id: string; time: string })[];
  /** Everything recorded up to here was considered; perhaps also what came meanwhile. */
  position: number;
  /** When that was recorded, UTC; when it was asked, where nothing was. */
  asOf: string;
  /** What was answered, as codes, in that order. */
  answers: Verdict[];
  /** References of the people asked about, as far as they are known. */
  people: string[];
  correlationId: string;
}

/** *May I?*: whether each of these may be done, by the version in force then and everything that is known now. */
export class Decide extends Query<DecisionsAnswer> {
  constructor(
    readonly question: {
      asked: readonly AskedBeforehand[];
      /** Whether each of these must not be contacted for direct marketing, by the list that outlives everybody. */
      suppressed(identifiers: readonly Identifier[]): Promise<boolean[]>;
      /** Wait until the read side has reached this position. */
      after?: number;
    },
  ) {
    super();
  }
}

/** What tells what was so. */
const PROJECTION = 'findings';

@QueryHandler(Decide)
export class DecideHandler implements IQueryHandler<Decide> {
  readonly #together: Together<AskedBeforehand, Known>;

  constructor(
    private readonly views: Views,
    private readonly policies: Policies,
    private readonly people: People,
  ) {
    this.#together = new Together(
      (asked) => this.read(asked),
      ({ event }) => 1 + event.data.subjects.length,
    );
  }

  /** @throws NotThereYet, StoreUnavailable, KeyStoreUnavailable, QuestionTooLong, TooManyQuestions */
  async execute({ question: { asked, suppressed, after = 0 } }: Decide): Promise<DecisionsAnswer> {
    await this.views.reached(PROJECTION, after);
    const known = await this.#together.read(asked);
    const { published, stateAround, groups, position, asOf } = known;
    const listed = await suppressedOf(asked, published, suppressed);
    const correlationId = uuidv7();
    const items = asked.map((intention, index) => ({
      ...{ id: `${correlationId}.${index}`, time: iso(intention.event.time) },
      ...decisionOf(intention, { published, state: stateAround(intention.event), suppressed: listed[index] ?? [] }),
    }));
    const people = new Set(asked.flatMap((one) => [...one.known].flatMap((reference) => groups.get(reference) ?? reference)));
    return { items, position, asOf, answers: items.map(({ decision }) => decision), people: [...people], correlationId };
  }

  /** Everything that is known of what is asked about: the same few statements for one person and for thousands. */
  private async read(asked: readonly AskedBeforehand[]): Promise<Known> {
    const position = this.views.position(PROJECTION);
    const asOf = this.views.recordedAt(PROJECTION) ?? iso(Date.now());
    const references = [...new Set(asked.flatMap(({ known }) => [...known]))];
    const published = await this.policies.versions();
    const policies = published.map(({ promises }) => promises);
    const [stateAround, groups] = await Promise.all([
      loadState(this.views.db, { events: asked.map(({ event }) => event), policies }),
      this.people.groupOf(references),
    ]);
    return { stateAround, published, groups: new Map(references.map((reference, i) => [reference, groups[i] ?? []])), position, asOf };
  }
}

interface Known extends Pick<DecisionsAnswer, 'position' | 'asOf'> {
  stateAround: Awaited<ReturnType<typeof loadState>>;
  published: readonly Published[];
  /** By reference all that are the same person. */
  groups: ReadonlyMap<Reference, readonly Reference[]>;
}

/** For each that is direct marketing the places of those who are on the suppression list; all identifiers in one look. */
async function suppressedOf(
  asked: readonly AskedBeforehand[],
  published: readonly Published[],
  suppressed: Decide['question']['suppressed'],
): Promise<number[][]> {
  const meant = asked.map((intention) => (isDirectMarketing(intention, published) ? [...intention.identifiers] : []));
  const identifiers = meant.flat(2) as Identifier[];
  const listed = identifiers.length > 0 ? await suppressed(identifiers) : [];
  let next = 0;
  return meant.map((subjects) => {
    const isListed = subjects.map((own) => own.map(() => listed[next++]).includes(true));
    return subjects.flatMap((_, place) => (isListed[place] ? [place] : []));
  });
}
