import { Command, CommandBus, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { EventStore, type RecordedEvent } from '../../eventstore/event-store.ts';
import { recordKey } from '../../eventstore/record-key.ts';
import { KeyVault } from '../../privacy/key-vault.ts';
import { CannotOpen, open } from '../../privacy/seal.ts';
import { isLedgersOwn } from '../../vocabulary/source.ts';
import { type Author, actorOf } from '../author.ts';
import type { Entry } from '../entry.ts';
import { COMMON_GROUPS } from '../events.ts';
import { appendOwn, ownEvent } from '../own-event.ts';
import { sealAbout } from '../periods.ts';
import { LedgerSettings } from '../settings.ts';
import { QUARANTINE_SOURCE } from './quarantine.ts';
import { type RecordAnswer, RecordEvents } from './record-events.ts';

export class NotInQuarantine extends Error {
  override name = 'NotInQuarantine';
  constructor() {
    super('no item of this id was ever in quarantine');
  }
}

/** The item's content is gone: its month's key or its own was destroyed. */
export class QuarantineEnded extends Error {
  override name = 'QuarantineEnded';
  constructor() {
    super('the content of this item was destroyed; what remains is that it was received and why it was kept');
  }
}

/** The corrected event is still not recordable; nothing was recorded. */
export class NotReleasable extends Error {
  override name = 'NotReleasable';
  constructor(readonly problems: { path: string; rule: string; message: string }[]) {
    super('the corrected event was not recorded');
  }
}

/** The content of a quarantined item, as it came. The opening itself has to be recorded before (`RecordQuestion`). */
export class OpenQuarantined extends Command<{ quarantineId: string; receivedAt: string; event: unknown }> {
  constructor(readonly quarantineId: string) {
    super();
  }
}

/** Records the corrected form of a quarantined item and closes it. Doing it twice with the same content changes nothing. */
export class ReleaseQuarantined extends Command<RecordAnswer> {
  constructor(
    readonly quarantineId: string,
    readonly event: unknown,
    /** In words, or as a purpose and a case. */
    readonly reason: string | { purpose: string; caseRef?: string },
    readonly author: Author,
    readonly now: number,
  ) {
    super();
  }
}

/** @throws NotInQuarantine */
async function itemOf(store: EventStore, quarantineId: string): Promise<{ item: RecordedEvent; entry: Entry }> {
  const [position] = await store.find([recordKey(QUARANTINE_SOURCE, quarantineId)]);
  const item = position === undefined ? undefined : await store.at(position);
  if (item?.type !== 'RecordQuarantined') throw new NotInQuarantine();
  return { item, entry: JSON.parse(item.data) as Entry };
}

@CommandHandler(OpenQuarantined)
export class OpenQuarantinedHandler implements ICommandHandler<OpenQuarantined> {
  constructor(
    private readonly store: EventStore,
    private readonly vault: KeyVault,
  ) {}

  async execute({ quarantineId }: OpenQuarantined) {
    const { item, entry } = await itemOf(this.store, quarantineId);
    const key = (await this.vault.itemKeys([quarantineId])).get(quarantineId);
    if (!key || !entry.sealed) throw new QuarantineEnded();
    const pair = { source: entry.source, id: entry.id };
    try {
      const event = JSON.parse(open(key, entry.sealed.part, { ...pair, reference: '', part: 'event' }).toString());
      return { quarantineId, receivedAt: item.recordedAt, event };
    } catch (error) {
      if (error instanceof CannotOpen) throw new QuarantineEnded();
      throw error;
    }
  }
}

@CommandHandler(ReleaseQuarantined)
export class ReleaseQuarantinedHandler implements ICommandHandler<ReleaseQuarantined> {
  constructor(
    private readonly store: EventStore,
    private readonly vault: KeyVault,
    private readonly commands: CommandBus,
    private readonly settings: LedgerSettings,
  ) {}

  async execute(command: ReleaseQuarantined): Promise<RecordAnswer> {
    const { entry } = await itemOf(this.store, command.quarantineId);
    const problem = mismatch(entry, command.event);
    if (problem) throw new NotReleasable([problem]);
    const { now } = command;
    const author = releaser(command.author, entry);
    const rehearsal = await this.commands.execute(new RecordEvents([command.event], author, { now, dryRun: true }));
    const [first] = rehearsal.items;
    if (first?.outcome !== 'recorded' && first?.outcome !== 'duplicate') throw new NotReleasable(first?.problems ?? []);
    const answer = await this.commands.execute(new RecordEvents([command.event], author, { now }));
    await this.confirm(command, answer);
    return answer;
  }

  private clearOf(reason: ReleaseQuarantined['reason']): { purpose?: string; caseRef?: string } {
    if (typeof reason === 'string') return {};
    const { purpose, caseRef } = reason;
    return { purpose, ...(caseRef !== undefined && { caseRef: this.vault.digest('caseRef', caseRef) }) };
  }

  /** The record first, then that the item is released: what stopped between is completed by releasing again. */
  private async confirm({ quarantineId, reason, author, now }: ReleaseQuarantined, answer: RecordAnswer): Promise<void> {
    const [record] = answer.items;
    if (record?.outcome !== 'recorded' && record?.outcome !== 'duplicate') throw new NotReleasable(record?.problems ?? []);
    const pair = { source: 'urn:liggare:releases', id: quarantineId };
    const event = ownEvent({
      ...pair,
      type: 'RecordReleased',
      now,
      actor: await actorOf(author, this.vault),
      data: { quarantineId, target: { source: record?.source, id: record?.id }, ...this.clearOf(reason) },
      ...(await this.seal(pair, record.position as number, sealedOf(reason), now)),
    });
    await appendOwn(this.store, 'ledger-releases', [event]);
  }

  /** The reason may speak of those whom the record is about: it is sealed with their keys, and ends with the first of them. */
  private async seal(pair: Pick<Entry, 'source' | 'id'>, position: number, values: Record<string, unknown>, now: number) {
    const record = await this.store.at(position);
    const references = record ? (JSON.parse(record.data) as Entry).data.subjects.map(({ reference }) => reference) : [];
    return sealAbout(this.vault, pair, references, values, now, this.settings);
  }
}

/** What of the reason has to be sealed. */
function sealedOf(reason: ReleaseQuarantined['reason']): Record<string, unknown> {
  if (typeof reason === 'string') return { reason };
  return reason.caseRef === undefined ? {} : { caseRef: reason.caseRef };
}

/**
 * In whose name a corrected event is recorded: whoever releases it writes for the source that it came from. A type that was
 * well-formed was permitted to the key that sent it and stays; where it was not, the groups that every source may report.
 */
function releaser(author: Author, { data }: Entry): Author {
  const typeWasKnown = data['recordType'] !== undefined;
  return {
    ...author,
    maySource: (source) => !isLedgersOwn(source),
    mayGroup: (group) => group !== 'ledger' && (typeWasKnown || COMMON_GROUPS.has(group)),
  };
}

/** A corrected event keeps what was well-formed, or somebody could release one record's item as another's. */
function mismatch({ data }: Entry, event: unknown) {
  const { source, id, type } = (event ?? {}) as Record<string, unknown>;
  for (const [field, kept, given] of [
    ['source', data['recordSource'], source],
    ['id', data['recordId'], id],
    ['type', data['recordType'], type],
  ]) {
    if (kept !== undefined && kept !== given) {
      return { path: `/event/${field}`, rule: 'other-record', message: `the corrected event keeps the ${field} of the quarantined one` };
    }
  }
  return undefined;
}
