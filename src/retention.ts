import { Command, CommandBus, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { lastEventOf, peopleIdleSince } from '../projections/entries/people.ts';
import { Views } from '../projections/views.ts';
import { Config } from './config.ts';
import { EventStore } from './eventstore/event-store.ts';
import { LEDGER } from './ledger/author.ts';
import type { Reference } from './ledger/entry.ts';
import { EraseSubject } from './ledger/erasure/erase-subject.ts';
import { ErasureViews } from './ledger/erasure/parts.ts';
import { People } from './ledger/people/people.ts';
import { KeyVault } from './privacy/key-vault.ts';
import { momentBefore } from './vocabulary/period.ts';

/** A data subject of whom nothing was recorded for as long as keys are kept. */
export interface DuePerson {
  /** All that is one person. */
  references: Reference[];
  /** When the last event about any of them happened, UTC. */
  lastAt: string;
  /** Why they are not erased: a legal hold covers them, or they hold an API key that works. */
  exception?: 'legal-hold' | 'api-key';
  /** Id of the erasure; absent on a dry run and with an exception. */
  erasure?: string;
}

export interface EndOfKeep {
  /** `LIGGARE_SUBJECT_KEY_KEEP`. */
  keep: string;
  /** Whose last event happened before this is due, UTC. */
  before: string;
  /** Somebody who is linked may stand on several pages of a dry run. */
  items: DuePerson[];
  /** Where the next page begins; absent after the last. A page may be empty and not the last. */
  next?: number;
}

/** No period was set: keys are kept without end. */
export class NoKeepSet extends Error {
  override name = 'NoKeepSet';
}

/**
 * Erases a page of the data subjects of whom nothing was recorded for as long as `LIGGARE_SUBJECT_KEY_KEEP` says, on ground
 * 17(1)(a) and in the ledger's own name, in the way in which everybody is erased. Legal holds are excepted.
 * @throws NoKeepSet; NotThereYet where the read models do not get to the log's end in time; what EraseSubject throws
 */
export class EraseDue extends Command<EndOfKeep> {
  constructor(
    readonly options: {
      /** The ledger's clock, milliseconds since 1970. */
      now: number;
      /** Only list who would be erased. */
      dryRun: boolean;
      /** `next` of the page before. */
      after?: number;
    },
  ) {
    super();
  }
}

/** Values of the index that a page looks at, and so people of one page at most: erasing them fits into the time of a request. */
const A_PAGE = 200;
const A_PAGE_LISTED = 1_000;

/** Errors of an erasure that say that this one person stays. */
const EXCEPTIONS: Readonly<Record<string, NonNullable<DuePerson['exception']>>> = {
  OnLegalHold: 'legal-hold',
  LastAdminKey: 'api-key',
  ApiKeyHeld: 'api-key',
  AdminNeeded: 'api-key',
};

@CommandHandler(EraseDue)
export class EraseDueHandler implements ICommandHandler<EraseDue> {
  constructor(
    private readonly config: Config,
    private readonly store: EventStore,
    private readonly vault: KeyVault,
    private readonly views: Views,
    private readonly erasureViews: ErasureViews,
    private readonly people: People,
    private readonly commands: CommandBus,
  ) {}

  async execute({ options: { now, dryRun, after } }: EraseDue): Promise<EndOfKeep> {
    const keep = this.config.subjectKeyKeep;
    if (keep === undefined) throw new NoKeepSet('LIGGARE_SUBJECT_KEY_KEEP is not set');
    const moment = momentBefore(now, keep);
    await this.views.reached('entries', await this.store.head());
    const limit = dryRun ? A_PAGE_LISTED : A_PAGE;
    const idle = await peopleIdleSince(this.views.db, moment, { limit, ...(after !== undefined && { after }) });
    const due = await this.dueAmong(idle.items, moment);
    const items: DuePerson[] = [];
    for (const person of due) items.push(await this.end(person, keep, now, dryRun));
    return { keep, before: new Date(moment).toISOString(), items, ...(idle.next !== null && { next: idle.next }) };
  }

  /** Who is linked is due when all of their references are; who has no key any more has nothing left to be destroyed. */
  private async dueAmong(idle: readonly { reference: Reference; lastAt: string }[], moment: number): Promise<DuePerson[]> {
    await this.vault.epoch();
    const groups = await this.people.groupOf(idle.map(({ reference }) => reference));
    const keys = await this.vault.keys(groups.flat());
    const due = new Map<Reference, DuePerson>();
    for (const [i, references] of groups.entries()) {
      const [first = ''] = references;
      if (due.has(first) || !references.some((reference) => keys.has(reference))) continue;
      const last = references.length === 1 ? idle[i]?.lastAt : await lastEventOf(this.views.db, references);
      if (last !== undefined && Date.parse(last) < moment) due.set(first, { references, lastAt: last });
    }
    return [...due.values()];
  }

  private async end(person: DuePerson, keep: string, now: number, dryRun: boolean): Promise<DuePerson> {
    const holds = await this.erasureViews.holdsOn(person.references);
    if (holds.length > 0) return { ...person, exception: 'legal-hold' };
    if (dryRun) return person;
    try {
      const reason = `Nothing was recorded about this person for ${keep}.`;
      const subject = { reference: person.references[0] as Reference };
      const { certificate } = await this.commands.execute(new EraseSubject({ subject, ground: '17(1)(a)', reason, author: LEDGER, now }));
      return { ...person, erasure: certificate.id };
    } catch (error) {
      const exception = EXCEPTIONS[(error as Error).name];
      if (exception === undefined) throw error;
      return { ...person, exception };
    }
  }
}
