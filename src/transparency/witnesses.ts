/**
 * Sends tree heads to witnesses (C2SP tlog-witness, add-checkpoint) and keeps what they answer. A witness remembers the last head
 * that it cosigned, so it also notices what a ledger cannot notice by itself: that the whole of it was rolled back to an old copy.
 *
 * | the witness | what follows |
 * | --- | --- |
 * | cosigns | its signature is verified, kept and published with the head |
 * | stands at another size that this tree has, too | it is sent a proof from there |
 * | stands at more leaves than the newest head has, or at another root of the same size | it has seen another tree: no head is signed any more |
 * | refuses a proof from a size that it cosigned, and of which there is no cosignature here | the same: this ledger was rolled back and has grown past it |
 * | refuses a proof from what it is known to have cosigned, does not know log or key, redirects, fails, is late, long or wrong | told in its status; tried again after 1 s, twice as long each time, up to 5 min |
 *
 * So whoever runs a witness, or speaks in its place where it is named with http, can stop the signing of heads, and nothing else. At every start
 * the newest head is shown to each witness once more, cosigned or not: a ledger that was rolled back is told before it signs for long.
 *
 * Runs in the sealer's thread and beside it: a witness that is down, slow, wrong or rude delays nothing and breaks nothing.
 */
import {
  NoteRefused,
  type NoteSignature,
  parseNote,
  parseSignatures,
  parseVkey,
  signatureLine,
  type VerifierKey,
  verifyNote,
} from '../integrity/signed-note.ts';
import type { WitnessStatus } from './transparency-log.ts';
import type { Refusal, StoredCosignature, StoredHead, TreeStore } from './tree.ts';

export interface WitnessAddress {
  /** Of kind 0x04. */
  vkey: string;
  /** Prefix of its interface for submissions, http or https. */
  url: string;
}

export interface WitnessOptions {
  witnesses: readonly WitnessAddress[];
  store: Pick<TreeStore, 'cosignedSizes' | 'cosignatures' | 'addCosignatures'>;
  proofs: { consistency(first: number, size: number): Promise<Buffer[]> };
  /** Milliseconds since 1970. */
  now: () => number;
  /** All of them, at each change. */
  onStatus(status: WitnessStatus[]): void;
  /** A witness has cosigned a tree that this one does not go on from. Told once, until that witness agrees again. */
  onAhead(refusal: Refusal): void;
  /** Every witness has cosigned a head of this process, and there was one that had not: none knows of another tree. */
  onCleared(): void;
  /** For an exchange with a witness, its answer included; 10 s. */
  timeoutMs?: number;
  /** Before the second attempt; each further one waits twice as long, up to `longestWaitMs`. 1 s and 5 min. */
  firstWaitMs?: number;
  longestWaitMs?: number;
}

const TIMEOUT_MS = 10_000;
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 5 * 60_000;
const MAX_ANSWER_BYTES = 64 * 1024;
/** A witness's size may change between two attempts, because somebody else sent it our head; not often. */
const MAX_SIZES_TRIED = 4;
/** How far the clocks of a witness and this machine may be apart. */
const CLOCK_TOLERANCE_MS = 60 * 60_000;
const SIZE_TYPE = 'text/x.tlog.size';

/** What went wrong, in words without an address or a body: it is shown to everybody who may see the ledger's state. */
class WitnessFault extends Error {
  override name = 'WitnessFault';
}

/** The witness has cosigned what is none of this ledger's past. */
class WitnessAhead extends Error {
  override name = 'WitnessAhead';
}

export class Witnesses {
  readonly #witnesses: Witness[];
  readonly #options: WitnessOptions;
  #isClear = false;

  /** @throws NoteRefused for a key that is none of a witness */
  constructor(options: WitnessOptions) {
    this.#options = options;
    const changed = (): void => this.#changed();
    this.#witnesses = options.witnesses.map((address) => new Witness(address, options, changed));
  }

  /** The newest head: it takes the place of one that is still to be sent. Answers at once, and never fails. */
  submit(head: StoredHead): void {
    for (const witness of this.#witnesses) witness.offer(head);
  }

  status(): WitnessStatus[] {
    return this.#witnesses.map((witness) => witness.status());
  }

  /** Breaks off what is under way. What was not cosigned is sent again by the next process. */
  async close(): Promise<void> {
    await Promise.all(this.#witnesses.map((witness) => witness.close()));
  }

  #changed(): void {
    this.#options.onStatus(this.status());
    const isClear = this.#witnesses.every(({ agrees }) => agrees);
    if (isClear && !this.#isClear) this.#options.onCleared();
    this.#isClear = isClear;
  }
}

/** One witness: one exchange at a time, always about the newest head. */
class Witness {
  readonly #key: VerifierKey;
  readonly #url: string;
  readonly #options: WitnessOptions;
  readonly #changed: () => void;
  #isClosing = false;
  /** The newest head; undefined before the first. */
  #newest: StoredHead | undefined;
  /** The head that was cosigned last in this process: the first one is sent even where it was cosigned before, to hear whether the witness still agrees. */
  #done: StoredHead | undefined;
  /** Largest size that it cosigned, as far as is known. */
  #cosigned = 0;
  #at: string | undefined;
  #failing: string | undefined;
  #isAhead = false;
  #failures = 0;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #exchange: AbortController | undefined;
  readonly #loaded: Promise<void>;

  constructor({ vkey, url }: WitnessAddress, options: WitnessOptions, changed: () => void) {
    this.#key = parseVkey(vkey);
    this.#url = `${url.replace(/\/+$/, '')}/add-checkpoint`;
    this.#options = options;
    this.#changed = changed;
    // What cannot be read is asked of the witness.
    this.#loaded = this.#load().catch(() => undefined);
  }

  get agrees(): boolean {
    return this.#done !== undefined && !this.#isAhead;
  }

  status(): WitnessStatus {
    return {
      name: this.#key.name,
      size: this.#cosigned,
      ...(this.#at !== undefined && { at: this.#at }),
      ...(this.#failing !== undefined && { failing: this.#failing }),
    };
  }

  offer(head: StoredHead): void {
    this.#newest = head;
    this.#start();
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    clearTimeout(this.#timer);
    this.#exchange?.abort();
    await this.#running;
  }

  async #load(): Promise<void> {
    const { store } = this.#options;
    this.#cosigned = (await store.cosignedSizes()).get(this.#key.name) ?? 0;
    const last = (await store.cosignatures(this.#cosigned)).find(({ witness }) => witness === this.#key.name);
    if (last) this.#at = isoOf(last.at);
    this.#changed();
  }

  get #hasWork(): boolean {
    return this.#newest !== undefined && this.#newest !== this.#done && !this.#isClosing;
  }

  /** Unless it runs already, or waits before the next attempt. */
  #start(): void {
    if (!this.#hasWork || this.#running !== undefined || this.#timer !== undefined) return;
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
      // What came as it ended.
      this.#start();
    });
  }

  async #run(): Promise<void> {
    await this.#loaded;
    while (this.#hasWork) {
      const head = this.#newest as StoredHead;
      try {
        await this.#cosign(head);
        this.#succeeded(head);
      } catch (error) {
        if (!this.#isClosing) this.#failed(error, head);
        return;
      }
    }
  }

  #succeeded(head: StoredHead): void {
    this.#done = head;
    this.#failures = 0;
    this.#failing = undefined;
    this.#isAhead = false;
    this.#changed();
  }

  #failed(error: unknown, head: StoredHead): void {
    const isNews = error instanceof WitnessAhead && !this.#isAhead;
    if (error instanceof WitnessAhead) this.#isAhead = true;
    this.#failing = error instanceof WitnessFault || error instanceof WitnessAhead ? error.message : `failed here (${nameOf(error)})`;
    this.#wait();
    this.#changed();
    if (!isNews) return;
    const noticedAt = new Date(this.#options.now()).toISOString();
    this.#options.onAhead({ reason: 'witness-ahead', noticedAt, detail: `${this.#key.name} ${this.#failing}`, head: head.note });
  }

  /** With jitter, so that many ledgers do not come back at once to a witness that was away. */
  #wait(): void {
    const { firstWaitMs = FIRST_WAIT_MS, longestWaitMs = LONGEST_WAIT_MS } = this.#options;
    const ms = Math.min(longestWaitMs, firstWaitMs * 2 ** this.#failures++) * (0.75 + Math.random() / 4);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#start();
    }, ms);
    // Waiting for a witness keeps no process alive.
    this.#timer.unref();
  }

  /** @throws WitnessFault, WitnessAhead */
  async #cosign(head: StoredHead): Promise<void> {
    const tried = new Set<number>();
    for (let old = Math.min(this.#cosigned, head.size); !tried.has(old) && tried.size < MAX_SIZES_TRIED; ) {
      tried.add(old);
      const answer = await this.#post(old, head);
      if (answer.status === 200) return this.#keep(head, answer.body);
      old = await this.#sizeAfter(answer, old, head);
    }
    throw new WitnessFault('names one size after another, and takes none');
  }

  /**
   * The size that the witness wants a proof from.
   * @param old the size that it was offered one from
   * @throws WitnessFault, WitnessAhead
   */
  async #sizeAfter(answer: Answer, old: number, head: StoredHead): Promise<number> {
    if (answer.status === 422 && (await this.#knowsAnother(old))) {
      throw new WitnessAhead(`has cosigned a tree of ${old} leaves that this ledger's ${head.size} do not go on from`);
    }
    if (answer.status !== 409) throw new WitnessFault(inWords(answer.status));
    const size = sizeIn(answer);
    const newest = Math.max(head.size, this.#newest?.size ?? 0);
    if (size > newest) throw new WitnessAhead(`has cosigned a tree of ${size} leaves, and the last head of this ledger has ${newest}`);
    if (size > head.size) throw new WitnessFault('has seen a later head of this ledger already');
    if (size === old && size === head.size) throw new WitnessAhead(`has cosigned another tree of ${size} leaves`);
    return size;
  }

  /**
   * Whether a proof from `old` that the witness refuses tells of another tree: its own cosignature of that size is not among ours. If
   * it is, the witness has forgotten what it signed, and that is its own trouble.
   */
  async #knowsAnother(old: number): Promise<boolean> {
    return old > 0 && !(await this.#options.store.cosignatures(old)).some(({ witness }) => witness === this.#key.name);
  }

  async #post(old: number, head: StoredHead): Promise<Answer> {
    if (this.#isClosing) throw new WitnessFault('was not asked');
    const proof = old === 0 || old === head.size ? [] : await this.#options.proofs.consistency(old, head.size);
    const body = `old ${old}\n${proof.map((hash) => `${hash.toString('base64')}\n`).join('')}\n${head.note}`;
    const exchange = new AbortController();
    this.#exchange = exchange;
    const timer = setTimeout(() => exchange.abort(), this.#options.timeoutMs ?? TIMEOUT_MS);
    try {
      const response = await fetch(this.#url, {
        method: 'POST',
        body,
        headers: { 'content-type': 'text/plain; charset=utf-8', 'accept-encoding': 'identity' },
        // A witness is where its operator said.
        redirect: 'manual',
        signal: exchange.signal,
      });
      const type = response.headers.get('content-type')?.split(';', 1)[0]?.trim().toLowerCase() ?? '';
      return { status: response.status, type, body: await textOf(response) };
    } catch (error) {
      if (error instanceof WitnessFault) throw error;
      throw new WitnessFault(exchange.signal.aborted ? 'did not answer in time' : `could not be reached (${codeOf(error)})`);
    } finally {
      clearTimeout(timer);
    }
  }

  async #keep(head: StoredHead, lines: string): Promise<void> {
    const cosignature = this.#verified(head, lines);
    await this.#options.store.addCosignatures([cosignature]);
    this.#cosigned = head.size;
    this.#at = isoOf(cosignature.at);
  }

  /** @throws WitnessFault unless the answer has a cosignature of this witness's key that holds, and was made at a time that can be. */
  #verified({ note, size, signedAt }: StoredHead, lines: string): StoredCosignature {
    const { name, id } = this.#key;
    const signature = signaturesIn(lines).find((one) => one.name === name && one.id.equals(id));
    if (signature === undefined) throw new WitnessFault('answered without a signature of the key that it is known by');
    const at = this.#timeOf(parseNote(note).text, signature);
    const [earliest, latest] = [Date.parse(signedAt) - CLOCK_TOLERANCE_MS, this.#options.now() + CLOCK_TOLERANCE_MS];
    if (at * 1000 < earliest || at * 1000 > latest) throw new WitnessFault('signed with a time that is far from the one here');
    return { witness: name, size, at, line: signatureLine(signature) };
  }

  #timeOf(text: string, signature: NoteSignature): number {
    try {
      const [verified] = verifyNote({ text, signatures: [signature] }, [this.#key]);
      if (verified?.at !== undefined) return verified.at;
    } catch (error) {
      if (!(error instanceof NoteRefused)) throw error;
    }
    throw new WitnessFault('answered with a signature that does not hold');
  }
}

interface Answer {
  status: number;
  type: string;
  body: string;
}

/** The size in a 409. @throws WitnessFault */
function sizeIn({ type, body }: Answer): number {
  const size = Number(/^(0|[1-9]\d{0,15})\n?$/.exec(body)?.[1]);
  if (type !== SIZE_TYPE || !Number.isSafeInteger(size)) throw new WitnessFault('answered 409 without a size');
  return size;
}

/** What a status other than 200 and 409 means (C2SP tlog-witness). */
function inWords(status: number): string {
  if (status === 404) return 'does not know this log (404)';
  if (status === 403) return 'does not trust the key of this log (403)';
  if (status === 422) return 'does not accept the proof (422)';
  if (status === 0 || (status >= 300 && status < 400)) return 'answers with a redirect, which is not followed';
  return `answers ${status}`;
}

function signaturesIn(lines: string): NoteSignature[] {
  try {
    return parseSignatures(lines);
  } catch (error) {
    if (error instanceof NoteRefused) throw new WitnessFault('answered with what is no signature');
    throw error;
  }
}

/** The body, up to its limit. @throws WitnessFault beyond it */
async function textOf(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    // Leaving the loop cancels the rest.
    if (bytes > MAX_ANSWER_BYTES) throw new WitnessFault(`answered with more than ${MAX_ANSWER_BYTES / 1024} KiB`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

const isoOf = (seconds: number): string => new Date(seconds * 1000).toISOString();
const nameOf = (error: unknown): string => (error instanceof Error ? error.name : 'Error');

/** The system's code of what stopped a request, or a name; never a message, which may have the address in it. */
function codeOf(error: unknown): string {
  const { cause } = (error ?? {}) as { cause?: { code?: unknown; name?: unknown } };
  return String(cause?.code ?? cause?.name ?? nameOf(error)).slice(0, 60);
}
