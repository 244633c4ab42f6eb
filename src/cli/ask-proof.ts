import { answerTable } from './answer-table.ts';
import { withLedger } from './connect.ts';
import { CliError, count, EXIT, print, printable, type Terminal, tell } from './terminal.ts';

/** Options of `liggare ask proof`. */
export interface ProofOptions {
  purpose: string;
  case?: string;
  record?: string;
  position?: number;
  erasure?: string;
  head?: number;
  json?: boolean;
}

interface Proven {
  record: Record<string, unknown>;
  leaf: { index: number; bytes: string; hash: string };
  inclusion: { size: number; hashes: string[] };
  proof: string;
}

type Answer = { treeHead: { origin: string; size: number; signedAt: string; witnesses: string[] } } & (
  | Proven
  | { erasure: { id: string; state: string }; chain: Proven[] }
);

/** `urn:mailit:billing/2026-03-02-000412`: no source has a slash, ids may. @throws CliError */
export function pairOf(text: string, where: string): { source: string; id: string } {
  const slash = text.indexOf('/');
  if (slash > 0 && slash < text.length - 1) return { source: text.slice(0, slash), id: text.slice(slash + 1) };
  throw new CliError(EXIT.usage, `${where} is a source and an id, such as urn:mailit:billing/2026-03-02-000412.`);
}

/** Proves one record, or an erasure (Q12). */
export async function askProof(terminal: Terminal, options: ProofOptions): Promise<void> {
  const { purpose, record, position, erasure, head } = options;
  const of = { ...(record !== undefined && { record: pairOf(record, '--record') }), position, erasure };
  if (Object.values(of).filter((one) => one !== undefined).length !== 1) {
    throw new CliError(EXIT.usage, 'What is to be proven? One of --record, --position and --erasure is needed.');
  }
  const reason = { purpose, ...(options.case !== undefined && { caseRef: options.case }) };
  await withLedger(terminal, async (client) => {
    const body = JSON.stringify({ reason, ...of, head });
    const answer = await client.json<Answer>('/v1/queries/proof', { method: 'POST', body, repeatable: true });
    await print(terminal, options.json ? JSON.stringify(answer, null, 2) : readable(answer, terminal));
    tell(terminal, 'The question is recorded. What is checked offline is in --json; receipts of many records: liggare receipts.');
  });
}

function readable(answer: Answer, { stdout }: Terminal): string {
  const { origin, size, signedAt, witnesses } = answer.treeHead;
  const proven = 'chain' in answer ? answer.chain : [answer];
  const facts: [string, string][] = [
    ...('chain' in answer ? [['Erasure', `${answer.erasure.id} (${answer.erasure.state})`] as [string, string]] : []),
    ['Tree head', `${count(size)} leaves of ${origin}, signed ${signedAt}`],
    ['Witnesses', witnesses.length === 0 ? 'none so far' : witnesses.join(', ')],
    ...proven.map(({ record, leaf, inclusion }): [string, string] => [
      `Leaf ${count(leaf.index)}`,
      `${String(record['type'])} at position ${String(record['position'])}, SHA-256 ${leaf.hash}, ${inclusion.hashes.length} hashes up to the root`,
    ]),
  ];
  const width = Math.max(...facts.map(([name]) => name.length)) + 2;
  const items = answerTable(
    'timeline',
    proven.map(({ record }) => record),
    stdout.isTTY ? stdout.columns : undefined,
  );
  return `${items}\n${facts.map(([name, value]) => `${name.padEnd(width)}${printable(value)}`).join('\n')}`;
}
