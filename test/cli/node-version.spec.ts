import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';

const MODULE = new URL('../../src/node-version.ts', import.meta.url);

/** Evaluates the module in a process that says that it is of this version. */
function evaluateOn(version: string): Promise<{ code: number; stderr: string }> {
  const script = `
    Object.defineProperty(process.versions, 'node', { value: ${JSON.stringify(version)} });
    await import(${JSON.stringify(MODULE.href)});
    process.exit(7);`;
  return new Promise((resolve) => {
    const child = execFile(process.execPath, ['--input-type=module', '--eval', script], (_, __, stderr) => {
      resolve({ code: child.exitCode ?? -1, stderr });
    });
  });
}

test.each(['18.20.4', '20.20.2', '24.14.9'])('Node %s is told in one line what is needed', async (version) => {
  const { code, stderr } = await evaluateOn(version);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^Liggare needs Node 24\.15 or later, this is [\d.]+: .*npm start, npm run liggare.*\n$/);
  expect(stderr).toContain(version);
});

test.each(['24.15.0', '24.21.0', '25.0.0'])('Node %s goes on', async (version) => {
  expect(await evaluateOn(version)).toEqual({ code: 7, stderr: '' });
});

test.each(['src/main.ts', 'src/cli/main.ts'])('%s looks at the version before it imports anything else', (path) => {
  const source = readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
  expect(/^import .*$/m.exec(source)?.[0]).toMatch(/'\.{1,2}\/node-version\.ts'/);
});
