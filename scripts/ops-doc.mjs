// Writes docs/OPS.md from the registry of operations (after a build). With --check, only says whether it is up to date.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { operations } from '../dist/src/kernels/index.js';

const target = fileURLToPath(new URL('../docs/OPS.md', import.meta.url));
const escaped = (text) => text.replaceAll('|', '\\|').replaceAll('*', '\\*');
const rows = operations.map(
  ({ name, doc, inputs, outputs, mutates = [], accumulates = [], variants, gradient, cases }) => {
    const marked = inputs
      .map((input) => (mutates.includes(input) ? `${input} (in place)` : input))
      .join(', ');
    const results = outputs
      .map((output) => (accumulates.includes(output) ? `${output} (+=)` : output))
      .join(', ');
    const cells = [
      `\`${name}\``,
      escaped(doc),
      marked,
      results,
      Object.keys(variants).join(', '),
      gradient ? 'yes' : '',
      String(cases.length),
    ];
    return `| ${cells.join(' | ')} |`;
  },
);
const text = `# Operations

Made from the registry by \`npm run docs\`. "(in place)": the operation also writes that input; "(+=)": the result can be added to what
its place holds; variants in order of preference.

| operation | what it computes | inputs | outputs | variants | gradient | cases |
| --- | --- | --- | --- | --- | --- | --- |
${rows.join('\n')}
`;
if (process.argv.includes('--check')) {
  if (readFileSync(target, 'utf8') !== text) {
    console.error('docs/OPS.md is out of date: npm run docs');
    process.exitCode = 1;
  }
} else writeFileSync(target, text);
