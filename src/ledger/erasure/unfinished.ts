import { Injectable } from '@nestjs/common';
import type { Identifier } from '../../privacy/key-vault.ts';
import { normaliseIdentifier } from '../../vocabulary/identifiers.ts';
import type { Reference } from '../entry.ts';
import { appendOwn } from '../own-event.ts';
import { carryOut, Reach } from './carrying-out.ts';
import { ERASURES, type Intention, withdrawal } from './facts.ts';
import { ErasureUnfinished, ErasureViews, type Hold } from './parts.ts';

/** A legal hold covers the person; the refusal was recorded. */
export class OnLegalHold extends Error {
  override name = 'OnLegalHold';
  constructor(readonly holds: readonly Hold[]) {
    super('a legal hold covers the person');
  }
}

/** The exceptions of Art. 17(3) that these holds rest on, sorted. */
export const exceptionsOf = (holds: readonly Hold[]): string[] => [...new Set(holds.flatMap(({ exception }) => exception ?? []))].sort();

/** An intention that stands in the log and was not carried out to its end. */
interface Begun {
  intention: Intention;
  /** Of the intention. */
  position: number;
  /** Keyed digests of the person's identifiers, by which they are found once the identifiers are gone. */
  names: ReadonlySet<string>;
}

/** What is away for a while: it is completed later. Anything else is a fault that somebody must look at. */
const PASSING = new Set(['ErasureCopyUnavailable', 'StoreUnavailable', 'KeyStoreUnavailable', 'NotThereYet']);

/**
 * The erasures that this process began and has not ended. Whatever stopped one, it is gone on with at the next erasure, when
 * somebody sends it again, once a day, and at the next start.
 */
@Injectable()
export class UnfinishedErasures {
  private turn: Promise<unknown> = Promise.resolve();
  private readonly begun = new Map<string, Begun>();

  constructor(
    private readonly reach: Reach,
    private readonly views: ErasureViews,
  ) {}

  get count(): number {
    return this.begun.size;
  }

  /** One after the other: two requests about one person are one erasure. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.turn.then(work);
    this.turn = mine.catch(() => undefined);
    return mine;
  }

  /** Somebody whose erasure was begun, by an identifier that may be gone with their key. */
  named(identifier: Identifier, now: number): Reference | undefined {
    const name = this.nameOf(identifier, now);
    return [...this.begun.values()].find(({ names }) => names.has(name))?.intention.references[0];
  }

  /** The erasure of this person, where it was begun. */
  of(reference: Reference): Intention | undefined {
    return [...this.begun.values()].find(({ intention }) => intention.references.includes(reference))?.intention;
  }

  /**
   * Carries out what has just been recorded.
   * @throws OnLegalHold where one had been recorded before: then it is withdrawn. ErasureUnfinished where it is completed later.
   */
  async begin(intention: Intention, position: number, identifiers: readonly Identifier[], now: number): Promise<void> {
    const begun = { intention, position, names: new Set(identifiers.map((one) => this.nameOf(one, now))) };
    this.begun.set(intention.id, begun);
    await this.finish(begun, now);
  }

  /** Goes on with all of them. @returns why, of those that could not be ended. */
  async finishAll(now: number): Promise<Map<string, unknown>> {
    const failed = new Map<string, unknown>();
    for (const begun of [...this.begun.values()]) {
      try {
        await this.finish(begun, now);
      } catch (error) {
        failed.set(begun.intention.id, error);
      }
    }
    return failed;
  }

  private async finish({ intention, position }: Begun, now: number): Promise<void> {
    try {
      await this.heedHolds(intention, position, now);
      await carryOut(this.reach, intention, now);
      this.begun.delete(intention.id);
    } catch (error) {
      throw PASSING.has((error as Error).name) ? new ErasureUnfinished(intention.id, error) : error;
    }
  }

  /** Between the look at the holds and the intention one may have been acknowledged. While there is a key, it still counts. */
  private async heedHolds(intention: Intention, position: number, now: number): Promise<void> {
    const { references, heldTo } = intention;
    // Nothing at all stands between.
    if (heldTo !== undefined && position === heldTo + 1) return;
    if ((await this.reach.vault.keys(references)).size === 0) return;
    const holds = await this.views.holdsOn(references, position);
    if (holds.length === 0) return;
    await appendOwn(this.reach.store, ERASURES.stream, [withdrawal(intention, exceptionsOf(holds), now)]);
    this.begun.delete(intention.id);
    throw new OnLegalHold(holds);
  }

  private nameOf({ scheme, value }: Identifier, now: number): string {
    return this.reach.vault.digest('erasing', `${scheme}\n${normaliseIdentifier(scheme, value, new Date(now).toISOString())}`);
  }
}
