import { HASH_BYTES } from '../integrity/merkle.ts';
import { TILE_WIDTH } from '../integrity/tiles.ts';
import type { Settled } from './arbitrate.ts';
import { continues } from './beginning.ts';
import type { Context } from './context.ts';
import { checkCosignatures } from './cosignatures.ts';
import { HEADS, type HeadsChecked, type HeadsTask, keysOf, readOf, rootAt, type Turn } from './heads.ts';
import type { HeadFound } from './result.ts';
import { checkRing, checkTurns, whyNotVouched } from './ring.ts';
import type { KeptHead } from './since.ts';
import type { StoredGeneration } from './tree-file.ts';

/**
 * Checks every head of every generation, and of that in force, where what came before a head is believed, those from it on.
 * @param settled the tree that their roots are compared with
 */
export async function checkPublished(context: Context, settled: Settled, kept: KeptHead | undefined): Promise<void> {
  const { snapshot, generation, findings, gathered } = context;
  const checkedRing = checkRing(context.tree, snapshot, context.recorded);
  findings.addAll(checkedRing.findings);
  gathered.notes.push(...checkedRing.notes);
  gathered.heads = 0;
  let turns: Turn[] = [];
  for (const [i, each] of snapshot.generations.entries()) {
    const last = snapshot.lastHeads[i] as number;
    const first = each === generation ? firstOf(context, kept) : 1;
    turns = await checkGeneration(context, settled, each, first, last);
    gathered.heads += Math.max(0, last - first + 1);
  }
  mustBeVouched(context, turns);
  tellNewest(context);
  await checkCosignatures(context);
  tellRefusals(context);
}

/** Whoever trusts one key alone is shown how it came to the one in force, whatever is believed. */
function firstOf({ options, tree, generation, lastHead, gathered }: Context, kept: KeptHead | undefined): number {
  if (kept === undefined || (options.vkeys ?? []).length > 0 || gathered.from === 0) return 1;
  return tree.numberCovering(generation.number, kept.size, lastHead) ?? lastHead + 1;
}

async function checkGeneration(
  context: Context,
  settled: Settled,
  { number, origin }: StoredGeneration,
  first: number,
  last: number,
): Promise<Turn[]> {
  const { threads, snapshot, findings, generation } = context;
  const keys = snapshot.keys.filter((key) => key.generation === number);
  const isInForce = number === generation.number;
  const tasks: HeadsTask[] = [];
  for (let at = first; at <= last; at += HEADS) {
    tasks.push({
      ...{ generation: number, origin, keys, isInForce, doubtful: settled.doubtful },
      ...{ first: at, last: Math.min(last, at + HEADS - 1) },
    });
  }
  const answers = await Promise.all(tasks.map((task) => threads.run('heads', { task, levels: settled.levels.shared })));
  for (const { findings: found } of answers) findings.addAll(found);
  if (isInForce) tellRewritten(context, settled, answers);
  const turns = rising(answers.flatMap(({ turns: of }) => of));
  findings.addAll(checkTurns(number, turns, keys, settled.areEventsWrong ? undefined : context.recorded));
  return turns;
}

/** Without the heads from which on no newer key signs than before: each piece of work tells of its first. */
function rising(turns: readonly Turn[]): Turn[] {
  let newest = -1;
  return turns.filter(({ signers }) => {
    const last = signers.at(-1) as number;
    if (last <= newest) return false;
    newest = last;
    return true;
  });
}

/** Heads that were signed over another history: the first of them says where it begins at the latest. */
function tellRewritten(context: Context, settled: Settled, answers: readonly HeadsChecked[]): void {
  const { findings, generation, tree, snapshot } = context;
  const keys = keysOf(snapshot.keys.filter((key) => key.generation === generation.number));
  const first = answers.flatMap(({ rewritten }) => rewritten ?? [])[0];
  const count = answers.reduce((sum, { rewritten }) => sum + (rewritten?.count ?? 0), 0);
  if (first !== undefined) {
    const position = tree.positionOf(generation.number, first.previousSize);
    findings.add({
      ...{ kind: 'history-rewritten', generation: generation.number, head: first.first, size: first.size },
      ...{
        index: first.previousSize,
        lastIndex: Math.min(first.size, generation.size) - 1,
        ...(Number.isNaN(position) ? {} : { position }),
      },
      what: `${count} signed heads from this one on have another root: an event under it is not as it was signed, and the tree was made anew to suit it`,
    });
  }
  for (const number of answers.flatMap(({ left }) => left)) {
    const [row] = tree.heads(generation.number, number, number);
    const head = row && readOf(row, generation.origin, keys);
    if (typeof head !== 'object' || !row) continue;
    const contents = settled.contents(Math.floor(row.size / TILE_WIDTH));
    const rest = row.size % TILE_WIDTH;
    // Where neither events nor tile are what was sealed, nothing tells what the head should have.
    if (contents === undefined || contents.length < rest * HASH_BYTES) continue;
    if (settled.levels.root(row.size, contents).equals(head.root)) continue;
    findings.add({
      kind: 'head',
      generation: generation.number,
      head: number,
      size: row.size,
      what: 'it has another root than the heads after it lead to',
    });
  }
}

function mustBeVouched({ options, snapshot, findings, generation }: Context, turns: readonly Turn[]): void {
  const why = whyNotVouched(options.vkeys ?? [], snapshot, turns);
  if (why?.isTooEarly) findings.hinder({ obstacle: 'no-head', what: why.what });
  else if (why) findings.add({ kind: 'key', generation: generation.number, what: why.what });
}

function tellNewest({ tree, generation, lastHead, findings, gathered }: Context): void {
  const [row] = tree.heads(generation.number, lastHead, lastHead);
  gathered.unsigned = Math.max(0, generation.size - (row?.size ?? 0));
  if (row) gathered.newestHead = { number: row.number, size: row.size, signedAt: row.signedAt } satisfies HeadFound;
  else findings.hinder({ obstacle: 'no-head', what: 'no head was signed yet: events and tree agree, and nobody vouches for either' });
}

/** What the sealer noticed is found here too, but for what a witness told it. */
function tellRefusals({ snapshot, findings, gathered }: Context): void {
  for (const { reason, noticedAt, detail } of snapshot.refusals) {
    if (reason === 'witness-ahead')
      findings.add({ kind: 'rolled-back', what: `a witness has seen more, or other, than this ledger has: ${detail}` });
    else gathered.notes.push(`Since ${noticedAt} no head is signed (${reason}): ${detail}.`);
  }
}

/** Whether the ledger goes on from the head that was kept. */
export function checkKept(context: Context, settled: Settled, kept: KeptHead): void {
  const { findings, generation, gathered } = context;
  const { size, root, isForeign, generation: old } = kept;
  if (isForeign) {
    findings.add({ kind: 'key', size, what: 'the head that was given is one of this ledger, and is signed by no key that the ring has' });
  }
  const isContinued = isGoingOn(context, settled, kept);
  gathered.since = { size, isContinued };
  if (isContinued) return;
  const given = old === undefined ? '' : ` It is of generation ${old}, which generation ${generation.number} took the place of.`;
  if (size > generation.size) {
    const what = `the head that was given covers ${size} leaves, and this ledger has ${generation.size}: it was rolled back.${given}`;
    findings.add({ kind: 'rolled-back', index: generation.size, size, what });
  } else if (root !== undefined) {
    findings.add({ kind: 'rolled-back', size, what: `the ledger had another history when the head that was given was signed.${given}` });
  }
}

/** By what was stored, or where that was changed, by what was signed. */
export function isGoingOn(context: Context, settled: Settled, kept: KeptHead): boolean {
  if (continues(context, kept)) return true;
  if (kept.root === undefined || kept.size > context.generation.size) return false;
  const rest = kept.size % TILE_WIDTH;
  const tile = Math.floor(kept.size / TILE_WIDTH);
  const contents = settled.contents(tile);
  if (contents !== undefined && contents.length >= rest * HASH_BYTES) return settled.levels.root(kept.size, contents).equals(kept.root);
  return rootAt(context.tree, context.generation.number, kept.size, settled.levels)?.equals(kept.root) === true;
}
