// Fills the tables of speed in README.md and docs/PERFORMANCE.md from docs/peers.json, which `npm run bench:peers -- --json docs/peers.json
// --svg docs/peers.svg` wrote, and from docs/peers-swiftshader.json. With --check, only says which are out of date.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const file = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const read = (path) => JSON.parse(readFileSync(file(path), 'utf8'));

const table = (rows) =>
  rows
    .toSpliced(
      1,
      0,
      rows[0].map(() => '---'),
    )
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
const digits = (ms) => (ms === null ? '-' : ms.toFixed(ms < 10 ? 2 : ms < 100 ? 1 : 0));
const times = (theirs, ours) => (theirs === null ? '-' : `${(theirs / ours).toFixed(1)}x`);
const peers = (row) => ['tfjs_ms', 'jaxjs_ms', 'torch_ms'].map((key) => row[key]);
const source = ({ adapter, fma_gflops, copy_gbps }) =>
  `Measured by \`npm run bench:peers\` on ${adapter}, two cores: ${fma_gflops.toFixed(0)} GFLOP/s multiply-add, ${copy_gbps.toFixed(1)} GB/s copy (medians of the run).`;

const stepTable = ({ steps }) =>
  table([
    ['a training step', 'Clew', 'TensorFlow.js', 'jax-js', 'PyTorch (CPU)'],
    ...steps.map((step) => [
      `LIB-${step.model}, ${step.libs} LIBs, ${step.size} px, batch ${step.batch}`,
      `${digits(step.clew_ms)} ms`,
      ...peers(step).map((ms) => `${digits(ms)} ms (${times(ms, step.clew_ms)})`),
    ]),
  ]);
const caseTable = ({ cases }) =>
  table([
    ['operation', 'shape', 'Clew ms', 'GFLOP/s', 'of the limit', '/ TensorFlow.js', '/ jax-js', '/ PyTorch'],
    ...cases.map((row) => [
      row.op,
      row.shape,
      digits(row.clew_ms),
      row.gflops.toFixed(1),
      `${Math.round(100 * row.share_of_peak)} %`,
      ...peers(row).map((ms) => times(ms, row.clew_ms)),
    ]),
  ]);

const [fast, bundled] = [read('docs/peers.json'), read('docs/peers-swiftshader.json')];
fill('README.md', 'peers', `${source(fast)}\n\n${stepTable(fast)}`);
fill('docs/PERFORMANCE.md', 'peers', `${source(fast)}\n\n${stepTable(fast)}\n\n${caseTable(fast)}`);
fill('docs/PERFORMANCE.md', 'peers-swiftshader', `${source(bundled)}\n\n${caseTable(bundled)}`);

/** Puts the text between the comments `<!-- NAME -->` and `<!-- /NAME -->`. */
function fill(path, name, text) {
  const old = readFileSync(file(path), 'utf8');
  const [head, tail] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const filled = old.replace(new RegExp(`${head}[\\s\\S]*?${tail}`), () => `${head}\n${text}\n${tail}`);
  if (filled === old) return;
  if (!process.argv.includes('--check')) return writeFileSync(file(path), filled);
  console.error(`${path} is out of date: npm run docs`);
  process.exitCode = 1;
}
