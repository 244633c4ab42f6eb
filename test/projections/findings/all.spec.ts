import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { LAW, RULES } from '../../../projections/findings/rules/all.ts';

const FOLDER = resolve(import.meta.dirname, '../../../projections/findings/rules');
/** `r05-notice.ts` is half of R5; R1 is asked first, and by itself. */
const NO_RULES = new Set(['r01-policy.ts', 'r05-notice.ts']);
const files = readdirSync(FOLDER).filter((name) => /^r\d\d-/.test(name) && !NO_RULES.has(name));

describe('the rules', () => {
  it('are all asked: whoever adds a file adds a line', async () => {
    const found = await Promise.all(files.map(async (name) => Object.values(await import(resolve(FOLDER, name)))));
    expect(new Set(RULES)).toEqual(new Set(found.flat()));
  });

  it('have ids of their own, in order', () => {
    const numbers = RULES.map(({ id }) => Number(id.slice(1)));
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
  });

  it('stand in files of their number, each with a table of its own', () => {
    const tables = readdirSync(import.meta.dirname);
    const fileOf = (id: string) => `r${id.slice(1).padStart(2, '0')}-`;
    for (const { id } of RULES) {
      expect([id, files.filter((name) => name.startsWith(fileOf(id))).length]).toEqual([id, 1]);
      expect([id, tables.some((name) => name.startsWith(fileOf(id)))]).toEqual([id, true]);
    }
  });

  it('have a row each in which something is missing', () => {
    const tables = readdirSync(import.meta.dirname).filter((name) => /^r\d\d-.*\.spec\.ts$/.test(name));
    const saysWhatIsMissing = (name: string) =>
      /(['"`])\? \w|verdict: 'undeterminable'/.test(readFileSync(resolve(import.meta.dirname, name), 'utf8'));
    expect(tables.filter((name) => !saysWhatIsMissing(name))).toEqual([]);
  });

  it('that need no policy are among them', () => {
    expect(RULES.filter((rule) => LAW.includes(rule)).map(({ id }) => id)).toEqual(['R29', 'R30', 'R32']);
  });
});
