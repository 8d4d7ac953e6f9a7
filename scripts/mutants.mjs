// Plants faults one at a time in a copy of the tree; each must turn the check that it names red. `npm run mutants [PART OF A NAME]`.
// Ends with `N caught, N survived`; exit code 1 if any fault survives.
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { mutants } from './mutants-list.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const copy = mkdtempSync(join(tmpdir(), 'clew-mutants-'));
const wanted = mutants.filter(({ name }) => name.includes(process.argv[2] ?? ''));

try {
  const files = execFileSync('git', ['ls-files'], { cwd: root, encoding: 'utf8' }).trim().split('\n');
  for (const file of files) cpSync(join(root, file), join(copy, file));
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  refuseRedChecks();
  const red = wanted.filter(isCaught).length;
  console.log(`${red} caught, ${wanted.length - red} survived`);
  if (red < wanted.length) process.exitCode = 1;
} finally {
  rmSync(copy, { recursive: true, force: true });
}

/** A check that is red without any fault would catch everything. */
function refuseRedChecks() {
  const checks = new Map(wanted.map(({ check }) => [check.join(' -t '), check]));
  for (const [name, check] of checks) {
    const { status, stdout } = runCheck(check);
    if (status !== 0) throw new Error(`${name} is red without a fault:\n${stdout.slice(-2000)}`);
  }
  console.log(`${checks.size} checks are green without a fault`);
}

function isCaught({ name, file, find, replace, check }) {
  const path = join(copy, file);
  const original = readFileSync(path, 'utf8');
  if (original.split(find).length !== 2)
    throw new Error(`${name}: '${find}' stands ${original.split(find).length - 1} times in ${file}`);
  writeFileSync(
    path,
    original.replace(find, () => replace),
  );
  const start = performance.now();
  const { status } = runCheck(check);
  writeFileSync(path, original);
  const caught = status !== 0;
  console.log(
    `${caught ? 'caught  ' : 'SURVIVED'} ${name} (${((performance.now() - start) / 1000).toFixed(1)} s)`,
  );
  return caught;
}

/** A test file with a name filter, or `verify FILE`. */
function runCheck([what, filter]) {
  const run = (command, words) => spawnSync(command, words, { cwd: copy, encoding: 'utf8' });
  run('npm', ['run', '-s', 'build']);
  if (what.startsWith('verify ')) {
    return run(process.execPath, ['dist/src/cli/main.js', 'verify', `test/golden/${what.slice(7)}`]);
  }
  const result = run('npx', ['vitest', 'run', what, ...(filter ? ['-t', filter] : [])]);
  if (!/passed|failed/.test(result.stdout)) throw new Error(`${what} -t '${filter}' ran no test`);
  return result;
}
