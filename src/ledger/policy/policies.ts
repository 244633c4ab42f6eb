import { EventStore } from '../../eventstore/event-store.ts';
import { dueAfter } from '../../policy/due.ts';
import { effectiveAt, inForceAt } from '../../policy/in-force.ts';
import { type Folded, fold } from '../handle.ts';
import { POLICIES, type Published, policies, type Review, type Versions } from './decider.ts';

export type { Published, Review } from './decider.ts';

/** What was promised when: folded from the log, kept in memory and caught up at each call. */
export class Policies {
  private folded: Folded<Versions> = { state: policies.initial(), revision: -1 };
  private reading: Promise<void> | undefined;
  private next: Promise<void> | undefined;
  /** Asked for with every record, and answered anew only once something else was published or begins. */
  private answered: Controller = { of: this.folded.state, controller: undefined, until: 0 };

  constructor(
    private readonly store: EventStore,
    /** The ledger's clock, milliseconds since 1970. */
    private readonly now: () => number = Date.now,
  ) {}

  /**
   * Every version, in the order of publication.
   * @param asOf what was recorded by then, milliseconds since 1970 by the log's clock, inclusive; absent: all of it
   * @throws StoreUnavailable
   */
  async versions(asOf = Number.POSITIVE_INFINITY): Promise<readonly Published[]> {
    return recordedBy(await this.caughtUp(), asOf);
  }

  /**
   * The version that is in force at a time, milliseconds since 1970; absent: now. Undefined before the first began.
   * @param asOf as in `versions`
   * @throws StoreUnavailable
   */
  async current(at = this.now(), asOf?: number): Promise<Published | undefined> {
    return inForceAt(await this.versions(asOf), at);
  }

  /** A version by its name. @throws StoreUnavailable */
  async version(version: string): Promise<Published | undefined> {
    return (await this.caughtUp()).find((each) => each.version === version);
  }

  /**
   * What was known when somebody last asked: of this process, that is everything but what is being appended. For whoever cannot wait.
   */
  get known(): readonly Published[] {
    return this.folded.state;
  }

  /** The controller of the version that is in force, of all that is known; of the first one, before it began. Undefined without any. */
  get controller(): string | undefined {
    const now = this.now();
    const { of, until } = this.answered;
    if (of !== this.known || now >= until) this.answered = controllerAt(this.known, now);
    return this.answered.controller;
  }

  /** A reading under way may have begun before what the caller knows of was appended: then the next one counts, for all who wait. */
  private async caughtUp(): Promise<Versions> {
    if (this.reading === undefined) await this.read();
    else {
      this.next ??= this.reading.catch(() => undefined).then(() => this.read());
      await this.next;
    }
    return this.folded.state;
  }

  private read(): Promise<void> {
    this.next = undefined;
    this.reading = this.readTail().finally(() => {
      this.reading = undefined;
    });
    return this.reading;
  }

  private async readTail(): Promise<void> {
    this.folded = await fold(this.store, POLICIES, policies, this.folded);
  }
}

interface Controller {
  of: Versions;
  controller: string | undefined;
  /** When another version begins, milliseconds since 1970. */
  until: number;
}

function controllerAt(versions: Versions, now: number): Controller {
  const version = inForceAt(versions, now) ?? versions[0];
  const begins = versions.map(effectiveAt).filter((moment) => moment > now);
  return { of: versions, controller: version?.promises.policy.controller.id, until: Math.min(...begins, Number.POSITIVE_INFINITY) };
}

function recordedBy(versions: Versions, asOf: number): Versions {
  if (asOf === Number.POSITIVE_INFINITY) return versions;
  const isBy = (moment: string) => Date.parse(moment) <= asOf;
  return versions
    .filter(({ publishedAt }) => isBy(publishedAt))
    .map((version) => ({ ...version, reviews: version.reviews.filter(({ reviewedAt }) => isBy(reviewedAt)) }));
}

/** When a version has to be gone through next, milliseconds since 1970: its period of review after the last review, or its publication. */
export function reviewDue({ promises, publishedAt, reviews }: Published): number {
  const last = Math.max(...[publishedAt, ...reviews.map(({ reviewedAt }) => reviewedAt)].map((moment) => Date.parse(moment)));
  return dueAfter(last, promises.policy.review.every);
}

/** Whether the text that a review found where people read it is the one that was published; undefined where either is not known. */
export function isPublishedText({ textDigest: published }: Published, { textDigest: found }: Review): boolean | undefined {
  return published === undefined || found === undefined ? undefined : published === found;
}
