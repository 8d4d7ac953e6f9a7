// Files and lines per folder, and the engine's budget: an engine that needs more than 2,000 lines is not small any more.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const BUDGET = { folder: 'src/engine', lines: 2000, without: /tuner|profiler/ };
const files = execFileSync('git', ['ls-files', '*.ts', '*.mjs', '*.wgsl'], { encoding: 'utf8' })
  .trim()
  .split('\n');
const folders = new Map();
let engine = 0;
for (const file of files) {
  const folder = file
    .split('/')
    .slice(0, file.startsWith('src/') ? 2 : 1)
    .join('/');
  const lines = readFileSync(file, 'utf8').split('\n').length - 1;
  const entry = folders.get(folder) ?? { files: 0, lines: 0 };
  folders.set(folder, { files: entry.files + 1, lines: entry.lines + lines });
  if (file.startsWith(`${BUDGET.folder}/`) && !BUDGET.without.test(file)) engine += lines;
}
for (const [folder, { files: count, lines }] of folders)
  console.log(`${folder.padEnd(16)} ${String(count).padStart(4)} files ${String(lines).padStart(6)} lines`);
console.log(`${BUDGET.folder} has ${engine} of at most ${BUDGET.lines} lines`);
if (engine > BUDGET.lines) process.exitCode = 1;
