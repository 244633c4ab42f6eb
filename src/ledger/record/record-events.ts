import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { EventStore, type NewEvent, type StreamWrite, type Written } from '../../eventstore/event-store.ts';
import { KeyVault } from '../../privacy/key-vault.ts';
import { type Author, actorOf } from '../author.ts';
import { monthOf } from '../month.ts';
import { Refusals } from '../refusals.ts';
import { digestOfRecord, type PeriodKey } from '../sealing.ts';
import { LedgerSettings } from '../settings.ts';
import type { Draft, Outcome } from './draft.ts';
import { Inspector } from './inspect.ts';
import { Preparer } from './prepare.ts';
import { Quarantine } from './quarantine.ts';
import type { Problem } from './validate.ts';

/** What became of one event of a request. */
export interface RecordedItem {
  /** Its place in the request, from 0. */
  index: number;
  source?: string;
  id?: string;
  outcome: Outcome;
  /** Of the record (recorded, duplicate, conflict) or of the quarantined item. */
  position?: number;
  problems?: Problem[];
}

export interface RecordAnswer {
  recorded: number;
  duplicates: number;
  conflicts: number;
  quarantined: number;
  refused: number;
  /** The highest among recorded and duplicates; 0 where there are none. */
  position: number;
  /** Every event, in the order of the request. */
  items: RecordedItem[];
}

/** Somebody reported what he may not report. Nothing of the request was recorded but this attempt. */
export class NotPermittedToRecord extends Error {
  override name = 'NotPermittedToRecord';
  constructor(readonly problems: (Problem & { index: number })[]) {
    super('this key may not record some of these events');
  }
}

/**
 * Records what systems report (CloudEvents as parsed JSON).
 * When it resolves, everything answered `recorded`, `duplicate` or `quarantined` is durable.
 * @throws NotPermittedToRecord where `forbidden` is `throw` and a source or type is not the author's.
 * @throws StoreUnavailable, KeyStoreUnavailable: nothing is acknowledged, sending the same again is safe.
 */
export class RecordEvents extends Command<RecordAnswer> {
  constructor(
    readonly events: readonly unknown[],
    readonly author: Author,
    readonly options: {
      /** The ledger's clock, milliseconds since 1970. */
      now: number;
      /** Answer as if, and record nothing. */
      dryRun?: boolean;
      /** Whether one event that the author may not write stops the whole request or is refused alone (a line of a stream). */
      forbidden?: 'throw' | 'refuse';
    },
  ) {
    super();
  }
}

interface Prepared {
  stream: string;
  event: NewEvent;
}

type Writes = Map<Draft, Prepared>;

/** Events of one request that are dealt with before others get their turn. */
const YIELD_AFTER = 64;

/** A reference may be erased between preparing and commit; more than this many times in a row is no coincidence. */
const MAX_PREPARATIONS = 4;

@CommandHandler(RecordEvents)
export class RecordEventsHandler implements ICommandHandler<RecordEvents> {
  constructor(
    private readonly store: EventStore,
    private readonly vault: KeyVault,
    private readonly inspector: Inspector,
    private readonly preparer: Preparer,
    private readonly quarantine: Quarantine,
    private readonly refusals: Refusals,
    private readonly settings: LedgerSettings,
  ) {}

  async execute({ events, author, options }: RecordEvents): Promise<RecordAnswer> {
    // Whoever another process erased is no longer known to this one from here on.
    await this.vault.epoch();
    const drafts = await this.inspect(events, author, options.now);
    await this.refuseForbidden(drafts, author, options);
    this.pairWithin(drafts);
    // What breaks the schema may still be a known record sent again, or in conflict with one.
    await this.settleKnown(drafts.filter((draft) => draft.problems.length > 0));
    if (options.dryRun) await this.rehearse(drafts);
    else await this.record(drafts, author, options.now);
    for (const draft of drafts) settleTwin(draft);
    return answerOf(drafts);
  }

  /** Wording what is wrong takes ten times as long as passing what is right: others get their turn in between. */
  private async inspect(events: readonly unknown[], author: Author, now: number): Promise<Draft[]> {
    const drafts: Draft[] = [];
    for (const [index, event] of events.entries()) {
      if (index % YIELD_AFTER === YIELD_AFTER - 1) await new Promise(setImmediate);
      drafts.push(this.inspector.inspect(event, index, author, now));
    }
    return drafts;
  }

  private async refuseForbidden(drafts: Draft[], author: Author, options: RecordEvents['options']): Promise<void> {
    const forbidden = drafts.filter((draft) => draft.forbidden);
    if (forbidden.length === 0) return;
    if (!options.dryRun) await this.refusals.record(author, forbidden, options.now);
    if (options.forbidden !== 'refuse') {
      throw new NotPermittedToRecord(forbidden.flatMap((draft) => draft.problems.map((problem) => ({ index: draft.index, ...problem }))));
    }
  }

  /** The same pair twice in one request: the first is the record, the others are compared with it. */
  private pairWithin(drafts: Draft[]): void {
    const first = new Map<string, Draft>();
    for (const draft of drafts) {
      if (draft.outcome || !draft.key || draft.problems.length > 0) continue;
      const pair = draft.key.toString('latin1');
      draft.twin = first.get(pair);
      if (!draft.twin) first.set(pair, draft);
    }
  }

  /** Looks pairs up in the log and answers those that stand there already. */
  private async settleKnown(drafts: Draft[]): Promise<void> {
    const paired = drafts.filter((draft) => draft.key && !draft.outcome && !draft.twin);
    if (paired.length === 0) return;
    const positions = await this.store.find(paired.map((draft) => draft.key as Buffer));
    await Promise.all(paired.map((draft, i) => this.compare(draft, positions[i])));
  }

  private async compare(draft: Draft, position: number | undefined): Promise<void> {
    if (position === undefined) return;
    const known = await this.store.at(position);
    if (!known) return;
    const digest = await digestOfRecord(known, this.vault);
    draft.position = position;
    // Without its key a record's content can no longer be compared: the pair alone decides.
    draft.outcome = digest === undefined || digest === draft.digest ? 'duplicate' : 'conflict';
    if (draft.outcome === 'conflict') draft.problems = [CONFLICT];
    else draft.problems = [];
  }

  private async rehearse(drafts: Draft[]): Promise<void> {
    await this.settleKnown(drafts);
    for (const draft of drafts) if (!draft.twin) draft.outcome ??= draft.problems.length > 0 ? 'quarantined' : 'recorded';
  }

  private async record(drafts: Draft[], author: Author, now: number): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const open = drafts.filter((draft) => !draft.outcome && !draft.twin);
      if (open.length === 0) return;
      if (attempt > MAX_PREPARATIONS) throw new Error('references kept being erased while their events were recorded');
      const writes = await this.prepare(open, author, now);
      await this.append(writes);
    }
  }

  /** New people are durable before this resolves; pairs are looked up before anybody new is admitted. */
  private async prepare(open: Draft[], author: Author, now: number): Promise<Writes> {
    const writes: Writes = new Map();
    const valid = open.filter((draft) => draft.problems.length === 0);
    const strangers = await this.preparer.identify(valid, { create: false });
    if (strangers.length > 0) {
      await this.settleKnown(strangers);
      await this.preparer.identify(
        strangers.filter((draft) => !draft.outcome),
        { create: true },
      );
    }
    const period = await this.periodFor(valid, now);
    let prepared = 0;
    for (const draft of valid) {
      if (draft.outcome) continue;
      writes.set(draft, this.preparer.prepare(draft, author, period));
      // A large batch must not hold up every other request.
      if (++prepared % YIELD_AFTER === 0) await new Promise(setImmediate);
    }
    await this.prepareQuarantine(
      open.filter((draft) => draft.problems.length > 0),
      author,
      now,
      writes,
    );
    return writes;
  }

  /** What is sealed of events about nobody stands under the month's key. */
  private async periodFor(drafts: Draft[], now: number): Promise<PeriodKey | undefined> {
    const aboutNobody = drafts.some(({ event }) => ((event['data'] as { subjects?: unknown[] }).subjects ?? []).length === 0);
    if (!aboutNobody) return undefined;
    const { month, endsAt } = monthOf(now, this.settings.unboundDays);
    const name = `unbound-${month}`;
    return { name, key: await this.vault.periodKey(name, endsAt) };
  }

  private async prepareQuarantine(broken: Draft[], author: Author, now: number, writes: Writes): Promise<void> {
    if (broken.length === 0) return;
    const actor = await actorOf(author, this.vault);
    const items = await this.quarantine.prepare(broken, author, actor, now);
    for (const [i, draft] of broken.entries()) writes.set(draft, items[i] as Prepared);
  }

  private async append(writes: Writes): Promise<void> {
    const byStream = Map.groupBy(writes, ([, { stream }]) => stream);
    const requests: StreamWrite[] = [...byStream].map(([stream, group]) => ({
      stream,
      expectedRevision: 'any',
      events: group.map(([, { event }]) => event),
    }));
    if (requests.length === 0) return;
    const answers = await this.store.append(requests);
    const settled: Promise<void>[] = [];
    for (const [w, group] of [...byStream.values()].entries()) {
      for (const [e, [draft]] of group.entries()) settled.push(this.settle(draft, answers[w]?.[e] as Written));
    }
    await Promise.all(settled);
  }

  private async settle(draft: Draft, written: Written): Promise<void> {
    if (written.outcome === 'fenced') return;
    if (draft.problems.length > 0) {
      // Known or new: the item is kept, once.
      draft.outcome = 'quarantined';
      draft.position = written.position;
    } else if (written.outcome === 'appended') {
      draft.outcome = 'recorded';
      draft.position = written.position;
    } else {
      await this.compare(draft, written.position);
    }
  }
}

const CONFLICT: Problem = {
  path: '/id',
  rule: 'conflict',
  message: 'a record with this source and id but other content stands in the ledger; report a RecordCorrected, or use a new id',
};

/** A repetition within the request is answered by comparison with the first of its pair. */
function settleTwin(draft: Draft): void {
  if (!draft.twin || draft.outcome) return;
  draft.outcome = draft.digest === draft.twin.digest && draft.twin.outcome !== 'conflict' ? 'duplicate' : 'conflict';
  draft.position = draft.twin.position;
  if (draft.outcome === 'conflict') draft.problems = [CONFLICT];
}

function answerOf(drafts: Draft[]): RecordAnswer {
  const count = (outcome: Outcome) => drafts.filter((draft) => draft.outcome === outcome).length;
  const acknowledged = drafts.filter((draft) => draft.outcome === 'recorded' || draft.outcome === 'duplicate');
  return {
    recorded: count('recorded'),
    duplicates: count('duplicate'),
    conflicts: count('conflict'),
    quarantined: count('quarantined'),
    refused: count('refused'),
    position: acknowledged.reduce((highest, draft) => Math.max(highest, draft.position ?? 0), 0),
    items: drafts.map(itemOf),
  };
}

function itemOf({ index, source, id, outcome, position, problems }: Draft): RecordedItem {
  return {
    index,
    ...(source !== undefined && { source }),
    ...(id !== undefined && { id }),
    outcome: outcome as Outcome,
    ...(position !== undefined && { position }),
    ...(problems.length > 0 && { problems }),
  };
}
