import { setImmediate as othersTurn, setTimeout as sleep } from 'node:timers/promises';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { EventStore, StoreUnavailable, type StreamWrite, type Written } from '../../eventstore/event-store.ts';
import { recordKey } from '../../eventstore/record-key.ts';
import { KeyVault } from '../../privacy/key-vault.ts';
import { type Author, actorOf } from '../author.ts';
import type { Entry } from '../entry.ts';
import { type Group, groupOf } from '../events.ts';
import { newId } from '../new-id.ts';
import { unboundKey } from '../periods.ts';
import { Refusals } from '../refusals.ts';
import { digestOfRecord } from '../sealing.ts';
import { LedgerSettings } from '../settings.ts';
import type { Draft, Outcome, Prepared } from './draft.ts';
import { correctedBy, forbidTarget, Inspector } from './inspect.ts';
import { isAgainstMarketing, Objections } from './objections.ts';
import { Preparer, requestOf } from './prepare.ts';
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

/** Events, or people on them, that are dealt with before other requests get their turn. */
const TURN = 64;
const TURN_PEOPLE = 512;
/** Stored bytes of one append: what a legal batch becomes may be more than the store takes at once. */
const APPEND_BYTES = 8 * 1024 * 1024;

/**
 * A reference may be erased between preparing and commit, and is known for some milliseconds more after the log was closed to
 * it: tried again after pauses that grow, for two seconds in all.
 */
const MAX_PREPARATIONS = 12;
const pauseMs = (attempt: number): number => Math.min(250, 5 * 2 ** (attempt - 2));

const REVISIONS: ReadonlySet<string> = new Set(['RecordCorrected', 'RecordRetracted']);
/** Revisions of revisions that are followed, as far as the read side follows them. */
const MAX_CHAIN = 16;

@CommandHandler(RecordEvents)
export class RecordEventsHandler implements ICommandHandler<RecordEvents> {
  constructor(
    private readonly store: EventStore,
    private readonly vault: KeyVault,
    private readonly inspector: Inspector,
    private readonly preparer: Preparer,
    private readonly quarantine: Quarantine,
    private readonly objections: Objections,
    private readonly refusals: Refusals,
    private readonly settings: LedgerSettings,
  ) {}

  async execute({ events, author, options }: RecordEvents): Promise<RecordAnswer> {
    const drafts = await this.inspect(events, author, options.now);
    await this.forbidTargets(drafts, author);
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
    const turn = new Turn();
    for (const event of events) {
      drafts.push(this.inspector.inspect(event, drafts.length, author, now));
      if (turn.endsWith(event)) await othersTurn();
    }
    return drafts;
  }

  /** A record that is not known yet is of no group: what points at it is kept, and shown with it once it comes. */
  private async forbidTargets(drafts: Draft[], author: Author): Promise<void> {
    const pointing = drafts.flatMap((draft) => {
      const target = correctedBy(draft);
      return target ? [{ draft, target }] : [];
    });
    if (pointing.length === 0) return;
    const positions = await this.store.find(pointing.map(({ target }) => target));
    for (const [i, { draft }] of pointing.entries()) {
      const group = await this.groupBehind(positions[i]);
      if (group !== undefined && !author.mayGroup(group)) forbidTarget(draft, group);
    }
  }

  /** To take back a retraction is to say again what it had taken away: the group is that of the record at the end of the chain. */
  private async groupBehind(position: number | undefined): Promise<Group | undefined> {
    let known = position === undefined ? undefined : await this.store.at(position);
    for (let step = 0; step < MAX_CHAIN && known && REVISIONS.has(known.type); step++) {
      const { source, id } = (JSON.parse(known.data) as Entry).data['target'] as { source: string; id: string };
      const [next] = await this.store.find([recordKey(source, id)]);
      known = next === undefined ? undefined : await this.store.at(next);
    }
    return known && groupOf(known.type);
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
    // What was erased by another process is no longer opened by this one.
    await this.vault.epoch();
    const positions = await this.store.find(paired.map((draft) => draft.key as Buffer));
    const turn = new Turn();
    for (const [i, draft] of paired.entries()) {
      if (positions[i] === undefined) continue;
      await this.compare(draft, positions[i]);
      if (turn.endsWith(draft.event)) await othersTurn();
    }
  }

  private async compare(draft: Draft, position: number): Promise<void> {
    const known = await this.store.at(position);
    if (!known) return;
    draft.knownDigest = await digestOfRecord(known, this.vault);
    compareWith(draft, draft.knownDigest, position);
  }

  private async rehearse(drafts: Draft[]): Promise<void> {
    await this.settleKnown(drafts);
    for (const draft of drafts) if (!draft.twin) draft.outcome ??= draft.problems.length > 0 ? 'quarantined' : 'recorded';
  }

  private async record(drafts: Draft[], author: Author, now: number): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const open = drafts.filter((draft) => !draft.outcome && !draft.twin);
      if (open.length === 0) return;
      if (attempt > MAX_PREPARATIONS) throw new StoreUnavailable('people were erased while events about them were recorded');
      // Whoever was erased meanwhile, by this process or another, is no longer known from here on.
      if (attempt > 1) {
        await sleep(pauseMs(attempt));
        await this.vault.epoch();
      }
      const writes = await this.prepare(open, author, now);
      await this.append(writes);
    }
  }

  /** New people are durable before this resolves; pairs are looked up before anybody new is admitted, suppressed, or given a file. */
  private async prepare(open: Draft[], author: Author, now: number): Promise<Prepared[]> {
    const valid = open.filter((draft) => draft.problems.length === 0);
    const strangers = await this.preparer.identify(valid, { create: false });
    // What reaches beyond the log, and cannot be taken back there, does so for new records alone.
    const reaching = valid.filter((draft) => isAgainstMarketing(draft) || requestOf(draft) !== undefined);
    await this.settleKnown([...new Set([...strangers, ...reaching])]);
    const admitted = strangers.filter((draft) => !draft.outcome);
    if (admitted.length > 0) await this.preparer.identify(admitted, { create: true });
    const left = valid.filter((draft) => !draft.outcome);
    await this.objections.heed(left);
    await this.preparer.openFiles(left, now);
    const period = left.some(isAboutNobody) ? await unboundKey(this.vault, now, this.settings.unboundDays) : undefined;
    const broken = open.filter((draft) => !draft.outcome && draft.problems.length > 0);
    // First: a corrected copy later in the same request closes the item.
    const prepared = broken.length > 0 ? await this.quarantine.prepare(broken, author, await actorOf(author, this.vault), now) : [];
    const turn = new Turn();
    for (const draft of left) {
      prepared.push(this.preparer.prepare(draft, author, period));
      if (turn.endsWith(draft.event)) await othersTurn();
    }
    return prepared;
  }

  private async append(prepared: Prepared[]): Promise<void> {
    for (const part of partsOf(prepared)) {
      const streams = [...Map.groupBy(part, ({ stream }) => stream)];
      const writes = streams.map(
        ([stream, group]): StreamWrite => ({
          stream,
          expectedRevision: 'any',
          events: group.map(({ event }) => ({ ...event, id: newId() })),
        }),
      );
      const answers = await this.store.append(writes);
      for (const [w, [, group]] of streams.entries()) {
        for (let e = 0; e < group.length; e++) {
          const { draft } = group[e] as Prepared;
          const written = answers[w]?.[e] as Written;
          if (!settle(draft, written)) await this.compare(draft, (written as { position: number }).position);
        }
      }
    }
  }
}

/** Notes what became of an event in the log. @returns false where its pair stood there already, and has to be compared. */
function settle(draft: Draft, written: Written): boolean {
  if (written.outcome === 'fenced') return true;
  const broken = draft.problems.length > 0;
  if (!broken && written.outcome !== 'appended') return false;
  // Known or new: a quarantined item is kept, once.
  draft.outcome = broken ? 'quarantined' : 'recorded';
  draft.position = written.position;
  return true;
}

/** Counts what one request may do before others get their turn. */
class Turn {
  private events = 0;
  private people = 0;

  /** Whether this event was the last one of the turn; the next one begins another. */
  endsWith(event: unknown): boolean {
    this.events++;
    this.people += peopleOn(event);
    if (this.events < TURN && this.people < TURN_PEOPLE) return false;
    this.events = 0;
    this.people = 0;
    return true;
  }
}

function peopleOn(event: unknown): number {
  const subjects = (event as { data?: { subjects?: unknown } } | null)?.data?.subjects;
  return Array.isArray(subjects) ? subjects.length : 0;
}

function isAboutNobody({ event }: Draft): boolean {
  return peopleOn(event) === 0;
}

/** In the order given, each part within what the store takes at once. */
function partsOf(prepared: readonly Prepared[]): Prepared[][] {
  const parts: Prepared[][] = [];
  let bytes = APPEND_BYTES;
  for (const one of prepared) {
    bytes += one.event.data.length;
    if (bytes > APPEND_BYTES) {
      parts.push([]);
      bytes = one.event.data.length;
    }
    parts.at(-1)?.push(one);
  }
  return parts;
}

const CONFLICT: Problem = {
  path: '/id',
  rule: 'conflict',
  message: 'a record with this source and id but other content stands in the ledger; report a RecordCorrected, or use a new id',
};

/** Without its keys a record's content can no longer be compared: then the pair alone decides. */
function compareWith(draft: Draft, digest: string | undefined, position: number | undefined): void {
  draft.position = position;
  draft.outcome = digest === undefined || digest === draft.digest ? 'duplicate' : 'conflict';
  draft.problems = draft.outcome === 'conflict' ? [CONFLICT] : [];
}

/** A repetition within the request is compared with what stands in the log: the first of its pair, or what that was compared with. */
function settleTwin(draft: Draft): void {
  const { twin } = draft;
  if (!twin || draft.outcome) return;
  compareWith(draft, twin.outcome === 'recorded' ? twin.digest : twin.knownDigest, twin.position);
}

function answerOf(drafts: Draft[]): RecordAnswer {
  const counts: Record<Outcome, number> = { recorded: 0, duplicate: 0, conflict: 0, quarantined: 0, refused: 0 };
  let highest = 0;
  for (const { outcome, position = 0 } of drafts) {
    counts[outcome as Outcome]++;
    if (outcome === 'recorded' || outcome === 'duplicate') highest = Math.max(highest, position);
  }
  const { recorded, duplicate: duplicates, conflict: conflicts, quarantined, refused } = counts;
  return { recorded, duplicates, conflicts, quarantined, refused, position: highest, items: drafts.map(itemOf) };
}

/** What is undefined is left out of the JSON. */
function itemOf({ index, source, id, outcome, position, problems }: Draft): RecordedItem {
  return { index, source, id, outcome: outcome as Outcome, position, problems: problems.length > 0 ? problems : undefined };
}
