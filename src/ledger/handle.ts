/** Read, fold, decide, append at the revision read: the one way in which the ledger's own cases are written. */
import type { EventStore, NewEvent } from '../eventstore/event-store.ts';
import type { Entry, StoredData } from './entry.ts';
import { ownEvent } from './own-event.ts';

/** An event as deciders see it. */
export interface Fact<Type extends string = string, Data extends StoredData = StoredData> {
  type: Type;
  /** When it happened: UTC ISO 8601 with milliseconds, taken from the command. */
  time: string;
  data: Data;
  /** Of the entry; taken from the command where something is sealed to it, drawn where it is absent. */
  id?: string;
  /** What of the event belongs to nobody alone. */
  sealed?: Entry['sealed'];
}

/** Pure: no clock, no randomness, no store. What a decision needs of them comes in the command. */
export interface Decider<Command, F extends Fact, State> {
  initial(): State;
  /** The events that the command causes; none where it changes nothing. Throws a named error where it is not permitted. */
  decide(command: Command, state: State): F[];
  /** May change the state that it was given and return it: a fold holds the only one. */
  evolve(state: State, fact: F): State;
}

/** A stream of the ledger's own. */
export interface OwnStream<F extends Fact> {
  /** For example `ledger-keys`. */
  name: string;
  /** `urn:liggare:…` */
  source: string;
  /**
   * The fact in the shape that the decider knows, from any version ever stored.
   * @param recordedAt the log's own clock at its commit
   * @param position where it stands in the log
   */
  read(type: string, entry: Entry, recordedAt: string, position: number): F;
}

export interface Handled<F extends Fact, State> {
  facts: F[];
  /** After the command. */
  state: State;
  /** Of the stream after the command; -1 where it does not exist. */
  revision: number;
  /** Of the last event appended; absent where there was none. */
  position?: number;
}

/** A person whom the command names was erased meanwhile: whoever sent it looks the person up again, or gives up. */
export class PersonErased extends Error {
  override name = 'PersonErased';
  constructor(readonly references: readonly string[]) {
    super('a person named by the command was erased meanwhile');
  }
}

/** Others kept writing to the stream; nothing was recorded, trying again later is safe. */
export class TooMuchContention extends Error {
  override name = 'TooMuchContention';
  readonly retryAfterSeconds = 1;
}

const PAGE = 500;
const MAX_ATTEMPTS = 8;

/** A stream folded up to `revision`; -1 where it does not exist. */
export interface Folded<State> {
  state: State;
  revision: number;
}

/** Folds what stands in the stream after `from`, page by page. */
export async function fold<C, F extends Fact, State>(
  store: EventStore,
  stream: OwnStream<F>,
  decider: Decider<C, F, State>,
  from: Folded<State> = { state: decider.initial(), revision: -1 },
): Promise<Folded<State>> {
  let { state, revision } = from;
  for (;;) {
    const page = await store.readStream(stream.name, revision + 1, PAGE);
    if (page.length === 0) return { state, revision };
    for (const event of page) {
      const fact = stream.read(event.type, JSON.parse(event.data) as Entry, event.recordedAt, event.position);
      state = decider.evolve(state, fact);
      revision = event.revision;
    }
  }
}

/**
 * Lets the decider decide on the stream as it stands, and appends what it decided at the revision read; where somebody
 * else was faster, on the stream as it stands then. Durable when it resolves.
 * @throws whatever `decide` throws; PersonErased; TooMuchContention; StoreUnavailable.
 */
export async function handle<C, F extends Fact, State>(
  store: EventStore,
  stream: OwnStream<F>,
  decider: Decider<C, F, State>,
  command: C,
): Promise<Handled<F, State>> {
  let folded: Folded<State> | undefined;
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
    folded = await fold(store, stream, decider, folded);
    const facts = decider.decide(command, folded.state);
    if (facts.length === 0) return { facts, ...folded };
    const written = await appendAt(
      store,
      stream.name,
      folded.revision,
      facts.map((fact) => toEvent(stream, fact)),
    );
    if (written) return { facts, state: facts.reduce(decider.evolve, folded.state), ...written };
  }
  throw new TooMuchContention(`stream ${stream.name} was written by others ${MAX_ATTEMPTS} times in a row`);
}

/** Where the events stand now; undefined where the stream was not at that revision any more. */
async function appendAt(
  store: EventStore,
  stream: string,
  revision: number,
  events: NewEvent[],
): Promise<{ revision: number; position: number } | undefined> {
  try {
    const [answers = []] = await store.append([{ stream, expectedRevision: revision < 0 ? 'no-stream' : revision, events }]);
    const fenced = answers.flatMap((answer) => (answer.outcome === 'fenced' ? answer.references : []));
    if (fenced.length > 0) throw new PersonErased(fenced);
    const last = answers.at(-1);
    if (last?.outcome !== 'appended') throw new Error(`stream ${stream}: an event with a new id was not appended`);
    return { revision: last.revision, position: last.position };
  } catch (error) {
    if ((error as Error).name === 'WrongExpectedRevision') return undefined;
    throw error;
  }
}

function toEvent<F extends Fact>(stream: OwnStream<F>, { type, time, id, sealed, data: { actor, subjects, ...data } }: F): NewEvent {
  return ownEvent({
    source: stream.source,
    ...(id !== undefined && { id }),
    type,
    now: Date.parse(time),
    actor,
    subjects,
    data,
    ...(sealed && { sealed }),
  });
}
