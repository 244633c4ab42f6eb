import { Command, CommandHandler, type ICommandHandler, type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import { EventStore } from '../../eventstore/event-store.ts';
import { KeyVault, type KeyVaultStatus } from '../../privacy/key-vault.ts';
import { MasterKeyFiles } from '../../privacy/master-key-files.ts';
import { type Author, actorOf } from '../author.ts';
import { appendOwn, ownEvent } from '../own-event.ts';
import { KEY_STORE } from './stream.ts';

/** How far the change to another master key is. */
export interface RotationShown {
  state: 'running' | 'completed' | 'failed';
  /** People whose keys are wrapped anew, and all of them. */
  done: number;
  total: number;
  startedAt: string;
  endedAt?: string;
  /** Name of the error that stopped it; begun again, it goes on. */
  cause?: string;
  /** What is left to whoever runs the ledger, once it is completed. */
  advice?: string;
  /** False where another process still reads what the old key wrapped; it is overwritten later. */
  overwritten?: boolean;
}

/** The master key as it stands; `rotation` is the last one of this process. */
export interface MasterKeyShown {
  state: KeyVaultStatus['masterKey'];
  generation: number;
  rotation?: RotationShown;
}

/** Begins to wrap every key anew under the next master key, or tells how far that is; it goes on beside everything else. */
export class RotateMasterKey extends Command<MasterKeyShown> {
  constructor(
    readonly author: Author,
    /** The ledger's clock, milliseconds since 1970. */
    readonly now: number,
  ) {
    super();
  }
}

/** The master key, and how far it is being replaced. */
export class MasterKeyState extends Query<MasterKeyShown> {}

/**
 * Replaces the master key while the ledger serves. The next key is durable in its file first, then every key is wrapped anew, then
 * it is recorded (`MasterKeyRotated`), then the file takes the other's place: whatever stops it, beginning again completes it.
 */
export class MasterKeyRotation {
  private shown: RotationShown | undefined;

  constructor(
    private readonly store: EventStore,
    private readonly vault: KeyVault,
    private readonly files: MasterKeyFiles,
  ) {}

  state(): MasterKeyShown {
    const { masterKey: state, masterKeyGeneration: generation } = this.vault.status();
    return { state, generation, ...(this.shown && { rotation: { ...this.shown } }) };
  }

  /** @throws MasterKeyRefused where there is no next key to change to, or it cannot be written; then nothing was begun. */
  begin(author: Author, now: number): MasterKeyShown {
    if (this.shown?.state === 'running') return this.state();
    const next = this.files.prepare();
    const shown: RotationShown = { state: 'running', done: 0, total: 0, startedAt: new Date(now).toISOString() };
    this.shown = shown;
    const end = (how: Partial<RotationShown>) => void Object.assign(shown, { endedAt: new Date().toISOString(), ...how });
    this.carryOut(next, author, shown).then(
      (overwritten) => end({ state: 'completed', advice: this.files.advice, overwritten }),
      (error: Error) => end({ state: 'failed', cause: error.name }),
    );
    return this.state();
  }

  /** What was begun before this process started is completed, in the ledger's own name. */
  resume(author: Author, now: number): void {
    if (this.files.isBegun || this.vault.status().masterKey === 'rotating') this.begin(author, now);
  }

  /** Whether the next key is in force and what came from outside still names the other one first. */
  get isAdvised(): boolean {
    return !this.files.isBegun && this.files.next !== undefined && this.vault.isUnder(this.files.next);
  }

  get advice(): string {
    return this.files.advice;
  }

  private async carryOut(next: Parameters<KeyVault['rotateMaster']>[0], author: Author, shown: RotationShown): Promise<boolean> {
    const { overwritten } = await this.vault.rotateMaster(next, (done, total) => void Object.assign(shown, { done, total }));
    await this.record(author);
    this.files.complete();
    return overwritten;
  }

  /** Once a generation, however often it is begun. */
  private async record(author: Author): Promise<void> {
    const { masterKeyGeneration: generation } = this.vault.status();
    const event = ownEvent({
      source: KEY_STORE.source,
      id: `master-key-${generation}`,
      type: 'MasterKeyRotated',
      now: Date.now(),
      actor: await actorOf(author, this.vault),
      data: { generation },
    });
    await appendOwn(this.store, KEY_STORE.stream, [event]);
  }
}

@CommandHandler(RotateMasterKey)
export class RotateMasterKeyHandler implements ICommandHandler<RotateMasterKey> {
  constructor(private readonly rotation: MasterKeyRotation) {}

  async execute({ author, now }: RotateMasterKey): Promise<MasterKeyShown> {
    return this.rotation.begin(author, now);
  }
}

@QueryHandler(MasterKeyState)
export class MasterKeyStateHandler implements IQueryHandler<MasterKeyState> {
  constructor(private readonly rotation: MasterKeyRotation) {}

  async execute(): Promise<MasterKeyShown> {
    return this.rotation.state();
  }
}
