/**
 * Runs the workloads and prints one line each: the ratio against a baseline measured in the same run, beside its target.
 *
 *   npm run bench                      everything, at full size (2 million events; half an hour on two cores)
 *   npm run bench -- ingest append     only these
 *   npm run bench -- --quick           small sizes: shows that the workloads run, not what they are worth
 */
import { parseArgs } from 'node:util';
import type { Measured, Options } from './measure.ts';

const WORKLOADS = ['append', 'ingest', 'single', 'projections', 'erasure', 'sealing', 'verify', 'judging', 'decisions'] as const;

const { values, positionals } = parseArgs({ allowPositionals: true, options: { quick: { type: 'boolean', default: false } } });
const chosen = positionals.length > 0 ? positionals : WORKLOADS;
const options: Options = { quick: values.quick };
const rows: Measured[] = [];

for (const name of chosen) {
  if (!(WORKLOADS as readonly string[]).includes(name)) throw new Error(`no workload ${name}; there are ${WORKLOADS.join(', ')}`);
  const workload = (await import(`./${name}.ts`)) as { run(report: (row: Measured) => void, options: Options): Promise<void> };
  await workload.run((row) => {
    rows.push(row);
    console.log(line(row));
  }, options);
}

console.log(`\n${rows.map(line).join('\n')}`);

function line({ workload, ratio, target, runs, detail }: Measured): string {
  const verdict = target === undefined || ratio === undefined ? '' : meets(ratio, target) ? 'met' : 'NOT met';
  return [workload, ratio === undefined ? '' : `${ratio.toFixed(2)} ×`, target ?? '', verdict, runs ? `${runs} runs` : '', detail ?? '']
    .filter((part) => part !== '')
    .join(' · ');
}

/** A target is `≥ 0.5` or `≤ 3`. */
function meets(ratio: number, target: string): boolean {
  const limit = Number(target.slice(1));
  return target.startsWith('≥') ? ratio >= limit : ratio <= limit;
}
