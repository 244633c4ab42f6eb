import { Command, CommandHandler, type ICommandHandler, QueryBus } from '@nestjs/cqrs';
import type { NewEvent } from '../../eventstore/event-store.ts';
import { type Author, actorOf } from '../author.ts';
import type { Reference, StoredActor } from '../entry.ts';
import { newId } from '../new-id.ts';
import { appendOwn, ownEvent } from '../own-event.ts';
import { People } from '../people/people.ts';
import { caseKey } from '../periods.ts';
import { type PeriodKey, sealEntry } from '../sealing.ts';
import { LedgerSettings } from '../settings.ts';
import { carryOut, Reach } from './carrying-out.ts';
import { type Certificate, ErasureCertificate } from './certificate.ts';
import { ERASURES, erasuresFrom, type Intention, intentionOf, MAX_ITEMS_NAMED } from './facts.ts';
import { ErasureViews, type Hold } from './parts.ts';

/** Whom an erasure is about. */
export type ErasedSubject = { scheme: string; value: string } | { reference: Reference };

export interface Erased {
  certificate: Certificate;
  /** Not where the person had been erased before: then it is the certificate of that erasure. */
  isNew: boolean;
}

/**
 * Erases a data subject, or an actor, with everybody linked to them: when it resolves nothing in the ledger tells any more who
 * they were, and the log says so.
 * @throws UnknownSubject, OnLegalHold, NotThereYet, ErasureCopyUnavailable, LastAdminKey, ApiKeyHeld: nobody was erased.
 * @throws StoreUnavailable, KeyStoreUnavailable: nobody was erased, or it is completed when it is sent again, or at the next start.
 */
export class EraseSubject extends Command<Erased> {
  constructor(
    readonly wanted: {
      subject: ErasedSubject;
      /** Of Art. 17(1). */
      ground: string;
      /** In words; kept sealed in the file of the case. */
      reason: string;
      /** The request's number; the file of its case is sealed under one key. */
      requestRef?: string;
      /** Whether the person's identifiers go into the suppression list, so that nobody contacts them again. */
      suppress?: boolean;
      author: Author;
      /** The ledger's clock, milliseconds since 1970. */
      now: number;
    },
  ) {
    super();
  }
}

/** Nobody is known by what was named. Somebody who was erased is known by the reference alone. */
export class UnknownSubject extends Error {
  override name = 'UnknownSubject';
}

/** A legal hold covers the person; the refusal was recorded. */
export class OnLegalHold extends Error {
  override name = 'OnLegalHold';
  constructor(readonly holds: readonly Hold[]) {
    super('a legal hold covers the person');
  }
}

/** Events counted in the answer to an erasure: it takes as long for whoever has ten events as for who has a million. */
const COUNTED = 1_000;

/** Erasures whose carrying out failed in this process, so that sending one again goes on with it. */
type Unfinished = Map<Reference, Intention>;

@CommandHandler(EraseSubject)
export class EraseSubjectHandler implements ICommandHandler<EraseSubject> {
  private turn: Promise<unknown> = Promise.resolve();
  private readonly unfinished: Unfinished = new Map();

  constructor(
    private readonly reach: Reach,
    private readonly views: ErasureViews,
    private readonly people: People,
    private readonly settings: LedgerSettings,
    private readonly queries: QueryBus,
  ) {}

  /** One after the other: two requests about one person are one erasure. */
  async execute({ wanted }: EraseSubject): Promise<Erased> {
    const reference = await this.resolve(wanted);
    const mine = this.turn.then(() => this.erase(reference, wanted));
    this.turn = mine.catch(() => undefined);
    const { id, isNew } = await mine;
    return { certificate: await this.queries.execute(new ErasureCertificate(id, COUNTED)), isNew };
  }

  private async resolve({ subject, now }: EraseSubject['wanted']): Promise<Reference> {
    const { vault } = this.reach;
    await vault.epoch();
    if ('reference' in subject) return subject.reference;
    const [found] = await vault.resolve([{ ...subject, at: new Date(now).toISOString() }], { create: false });
    if (!found) throw new UnknownSubject('nobody is known by this identifier');
    return found.reference;
  }

  private async erase(reference: Reference, wanted: EraseSubject['wanted']): Promise<{ id: string; isNew: boolean }> {
    const { vault } = this.reach;
    const [group = [reference]] = await this.people.groupOf([reference]);
    const erased = await vault.erased(group);
    const references = group.filter((one) => !erased.has(one));
    const before = this.unfinished.get(reference) ?? (references.length === 0 ? await this.recorded(reference) : undefined);
    if (before) return { id: before.id, isNew: await this.finish(before, wanted.now) };
    if ((await vault.keys(references)).size === 0) throw new UnknownSubject('nobody is known by this reference');
    await this.reach.keys.mustBeDispensable(references);
    const actor = await actorOf(wanted.author, vault);
    const holds = await this.views.holdsOn(references);
    if (holds.length > 0) throw await this.refuse(references, holds, actor, wanted);
    await this.reach.file.check();
    const intention = await this.intend(references, actor, wanted);
    for (const one of references) this.unfinished.set(one, intention);
    await this.finish(intention, wanted.now);
    return { id: intention.id, isNew: true };
  }

  /** @returns whether anything was left to do. */
  private async finish(intention: Intention, now: number): Promise<boolean> {
    if (!intention.references.some((one) => this.unfinished.has(one))) return false;
    await carryOut(this.reach, intention, now);
    for (const one of intention.references) this.unfinished.delete(one);
    return true;
  }

  /** The erasure of somebody whom the keys know as erased. */
  private async recorded(reference: Reference): Promise<Intention> {
    let found: Intention | undefined;
    for await (const page of erasuresFrom(this.reach.store, 0)) {
      for (const event of page) {
        const intention = intentionOf(event);
        if (intention?.references.includes(reference)) found = intention;
      }
    }
    // Known from the file of erasures alone: the log was put back from a copy older than the erasure.
    if (!found) throw new UnknownSubject('the person was erased, and this log was put back from before that');
    return found;
  }

  private async intend(references: Reference[], actor: StoredActor, wanted: EraseSubject['wanted']): Promise<Intention> {
    const { store, vault, quarantine } = this.reach;
    const identifiers = [...(await vault.identifiers(references)).values()].flat();
    const { items: quarantined, seenTo } = await quarantine.naming(identifiers, MAX_ITEMS_NAMED);
    const { ground, reason, now } = wanted;
    // Who had objected to direct marketing is not forgotten as an objector.
    const suppress = wanted.suppress === true || (await vault.suppressed(identifiers)).includes(true);
    const file = await this.openFile(wanted);
    const clear = { quarantined, seenTo, caseUntil: file.key.endsAt, ...(suppress && { suppress }) };
    await appendOwn(store, ERASURES.stream, [this.event(file, 'PersonalDataErased', references, actor, wanted, { reason }, clear)]);
    const at = new Date(now).toISOString();
    return { id: file.id, at, actor, references, ground, suppress, quarantined, seenTo, caseUntil: file.key.endsAt };
  }

  /** Records that it was refused, and on which exception. */
  private async refuse(references: Reference[], holds: readonly Hold[], actor: StoredActor, wanted: EraseSubject['wanted']) {
    const exceptions = [...new Set(holds.flatMap(({ exception }) => exception ?? []))].sort();
    const values = { reason: 'A legal hold covers the person.', note: wanted.reason };
    const clear = exceptions.length > 0 ? { exception: exceptions[0] } : {};
    const event = this.event(await this.openFile(wanted), 'PersonalDataErasureFailed', references, actor, wanted, values, clear);
    await appendOwn(this.reach.store, ERASURES.stream, [event]);
    return new OnLegalHold(holds);
  }

  /** The file of the case: what people wrote stands there, and not under the key that is about to go. */
  private async openFile({ requestRef, now }: EraseSubject['wanted']): Promise<{ id: string; key: PeriodKey & { endsAt: string } }> {
    const { vault } = this.reach;
    const id = newId();
    if (requestRef !== undefined) {
      try {
        return { id, key: await caseKey(vault, now, { requestRef }, this.settings) };
      } catch (error) {
        // The file of this request has ended: what is written now begins one of its own.
        if ((error as Error).name !== 'PeriodEnded') throw error;
      }
    }
    return { id, key: await caseKey(vault, now, { id }, this.settings) };
  }

  private event(
    { id, key }: { id: string; key: PeriodKey },
    type: string,
    references: readonly Reference[],
    actor: StoredActor,
    { ground, requestRef, now }: EraseSubject['wanted'],
    values: Record<string, unknown>,
    clear: Record<string, unknown>,
  ): NewEvent {
    const pair = { source: ERASURES.source, id };
    const isOfRequest = requestRef !== undefined;
    return ownEvent({
      ...{ ...pair, type, now, actor },
      ...sealEntry(pair, [], { values: { ...values, ...(isOfRequest && { requestRef }) } }, key),
      subjects: references.map((reference) => ({ reference })),
      data: {
        ...{ purpose: 'rights-fulfilment', legalBasis: '6(1)(c)', ground, scope: 'all', systems: ['liggare'] },
        ...(isOfRequest && { requestRef: this.reach.vault.digest('requestRef', requestRef) }),
        ...clear,
        sealedFields: Object.keys(values),
      },
    });
  }
}
