import { Command, CommandHandler, type ICommandHandler, QueryBus } from '@nestjs/cqrs';
import type { NewEvent } from '../../eventstore/event-store.ts';
import type { Identifier } from '../../privacy/key-vault.ts';
import { type Author, actorOf } from '../author.ts';
import type { Reference, StoredActor } from '../entry.ts';
import { newId } from '../new-id.ts';
import { appendOwn, ownEvent } from '../own-event.ts';
import { People } from '../people/people.ts';
import { caseKey } from '../periods.ts';
import { type PeriodKey, sealEntry } from '../sealing.ts';
import { LedgerSettings } from '../settings.ts';
import { Reach } from './carrying-out.ts';
import { type Certificate, ErasureCertificate } from './certificate.ts';
import { ERASURES, erasureOf, type Intention, intentionFor, MAX_ITEMS_NAMED } from './facts.ts';
import { ErasureViews, type Hold } from './parts.ts';
import { exceptionsOf, OnLegalHold, UnfinishedErasures } from './unfinished.ts';

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
 * @throws UnknownSubject, OnLegalHold, NotThereYet, ErasureCopyUnavailable, OwnErasure, AdminNeeded, LastAdminKey, ApiKeyHeld: nobody
 *   was erased.
 * @throws ErasureUnfinished: it is recorded, and completed at the next erasure, when it is sent again, once a day, or at the next start.
 * @throws StoreUnavailable, KeyStoreUnavailable: nothing was acknowledged; what was recorded all the same is completed at the next start.
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

/** Events counted in the answer to an erasure: it takes as long for whoever has ten events as for who has a million. */
const COUNTED = 1_000;

/** The file of the case, with the id that the entry in it has. */
interface CaseFile {
  id: string;
  key: PeriodKey & { endsAt: string };
}

/** What an intention is made of. */
interface Found {
  identifiers: Identifier[];
  quarantined: string[];
  seenTo: number;
  suppress: boolean;
  file: CaseFile;
}

/** Why somebody is not erased, though they could be looked up. */
const KEPT: ReadonlySet<string> = new Set(['OnLegalHold', 'LastAdminKey', 'ApiKeyHeld', 'OwnErasure', 'AdminNeeded']);

@CommandHandler(EraseSubject)
export class EraseSubjectHandler implements ICommandHandler<EraseSubject> {
  constructor(
    private readonly reach: Reach,
    private readonly views: ErasureViews,
    private readonly people: People,
    private readonly settings: LedgerSettings,
    private readonly queries: QueryBus,
    private readonly unfinished: UnfinishedErasures,
  ) {}

  async execute({ wanted }: EraseSubject): Promise<Erased> {
    const reference = await this.resolve(wanted);
    const made = await this.unfinished.inTurn(() => this.erase(reference, wanted));
    const id = made ?? (await this.recorded(reference));
    return { certificate: await this.queries.execute(new ErasureCertificate(id, COUNTED)), isNew: made !== undefined };
  }

  private async resolve({ subject, now }: EraseSubject['wanted']): Promise<Reference> {
    const { vault } = this.reach;
    await vault.epoch();
    if ('reference' in subject) return subject.reference;
    const [found] = await vault.resolve([{ ...subject, at: new Date(now).toISOString() }], { create: false });
    const reference = found?.reference ?? this.unfinished.named(subject, now);
    if (reference === undefined) throw new UnknownSubject('nobody is known by this identifier');
    return reference;
  }

  /** @returns the id of the erasure that was carried out; undefined where the person had been erased before. */
  private async erase(reference: Reference, wanted: EraseSubject['wanted']): Promise<string | undefined> {
    const { vault, keys, file } = this.reach;
    const { author, now } = wanted;
    const begun = this.unfinished.of(reference);
    const failed = await this.unfinished.finishAll(now);
    if (begun && failed.has(begun.id)) throw failed.get(begun.id);
    if (begun) return begun.id;
    const references = await this.unerasedOf(reference);
    if (references.length === 0) return undefined;
    await this.mustBeKnown(references);
    await keys.mustBeErasable(references, author);
    await file.check();
    const actor = await actorOf(author, vault);
    // Before the look through quarantine, which takes long, and after it, because it does.
    await this.heedHolds(references, actor, wanted);
    const found = await this.lookThrough(references, wanted);
    // Who was linked while this looked is the same person, with identifiers of their own to look for.
    if ((await this.unerasedOf(reference)).length > references.length) return this.erase(reference, wanted);
    const heldTo = await this.heedHolds(references, actor, wanted);
    const { intention, position } = await this.intend(references, actor, wanted, { ...found, heldTo });
    await this.unfinished.begin(intention, position, found.identifiers, now);
    await this.eraseLinkedSince(reference, wanted);
    return intention.id;
  }

  /** Everybody who is one person with this one, and not erased yet. */
  private async unerasedOf(reference: Reference): Promise<Reference[]> {
    const [group = [reference]] = await this.people.groupOf([reference]);
    const erased = await this.reach.vault.erased(group);
    return group.filter((one) => !erased.has(one));
  }

  /** A link that was acknowledged in the last moment reaches as far as an earlier one; whatever keeps only the other keeps only them. */
  private async eraseLinkedSince(reference: Reference, wanted: EraseSubject['wanted']): Promise<void> {
    try {
      await this.erase(reference, wanted);
    } catch (error) {
      if (!KEPT.has((error as Error).name)) throw error;
    }
  }

  /** Whoever lost their key, because an older copy of the keys was put back, is still named by the log, and can be closed out of it. */
  private async mustBeKnown(references: readonly Reference[]): Promise<void> {
    if ((await this.reach.vault.keys(references)).size > 0) return;
    const { byType } = await this.views.remainingOf(references, 1);
    if (byType.length === 0) throw new UnknownSubject('nobody is known by this reference');
  }

  /** @returns the log's position as of which no hold stood. */
  private async heedHolds(references: Reference[], actor: StoredActor, wanted: EraseSubject['wanted']): Promise<number> {
    const head = await this.reach.store.head();
    const holds = await this.views.holdsOn(references);
    if (holds.length > 0) throw await this.refuse(references, holds, actor, wanted);
    return head;
  }

  /** The id of the erasure of somebody whom the keys know as erased. Others erase meanwhile. */
  private async recorded(reference: Reference): Promise<string> {
    const found = await intentionFor(this.reach.store, reference);
    // Known from the file of erasures alone: the log was put back from a copy older than the erasure.
    if (!found) throw new UnknownSubject('the person was erased, and this log was put back from before that');
    return found.id;
  }

  /** Everything that the intention must say, and that takes time to find out. */
  private async lookThrough(references: Reference[], wanted: EraseSubject['wanted']): Promise<Found> {
    const { vault, quarantine } = this.reach;
    const identifiers = [...(await vault.identifiers(references)).values()].flat();
    const { items: quarantined, seenTo } = await quarantine.naming(identifiers, MAX_ITEMS_NAMED);
    // Who had objected to direct marketing is not forgotten as an objector.
    const suppress = wanted.suppress === true || (await vault.suppressed(identifiers)).includes(true);
    return { identifiers, quarantined, seenTo, suppress, file: await this.openFile(wanted) };
  }

  private async intend(
    references: Reference[],
    actor: StoredActor,
    wanted: EraseSubject['wanted'],
    { file, quarantined, seenTo, suppress, heldTo }: Found & { heldTo: number },
  ): Promise<{ intention: Intention; position: number }> {
    const { ground, reason, now } = wanted;
    const clear = { quarantined, seenTo, heldTo, caseUntil: file.key.endsAt, ...(suppress && { suppress }) };
    const event = this.event(file, 'PersonalDataErased', references, actor, wanted, { reason }, clear);
    const position = await appendOwn(this.reach.store, ERASURES.stream, [event]);
    const at = new Date(now).toISOString();
    const intention = { id: file.id, at, actor, references, ground, suppress, quarantined, seenTo, heldTo, caseUntil: file.key.endsAt };
    return { intention, position };
  }

  /** Records that it was refused, and on which exception. */
  private async refuse(references: Reference[], holds: readonly Hold[], actor: StoredActor, wanted: EraseSubject['wanted']) {
    const exceptions = exceptionsOf(holds);
    const values = { reason: 'A legal hold covers the person.', note: wanted.reason };
    const clear = exceptions.length > 0 ? { exception: exceptions[0] } : {};
    const event = this.event(await this.openFile(wanted), 'PersonalDataErasureFailed', references, actor, wanted, values, clear);
    await appendOwn(this.reach.store, ERASURES.stream, [event]);
    return new OnLegalHold(holds);
  }

  /** The file of the case: what people wrote stands there, and not under the key that is about to go. */
  private async openFile({ requestRef, now }: EraseSubject['wanted']): Promise<CaseFile> {
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
        ...erasureOf(ground),
        ...(isOfRequest && { requestRef: this.reach.vault.digest('requestRef', requestRef) }),
        ...clear,
        sealedFields: Object.keys(values),
      },
    });
  }
}
