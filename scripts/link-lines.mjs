// Keeps links to code honest: [`symbol`](../src/file.ts#L12) in docs/*.md points to the line that declares the symbol. With --check,
// only says which ones do not.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const docs = fileURLToPath(new URL('../docs', import.meta.url));
const wrong = [];
for (const name of readdirSync(docs).filter((file) => file.endsWith('.md'))) {
  const path = join(docs, name);
  const text = readFileSync(path, 'utf8');
  const linked = text.replace(/\[`(\w+)`\]\(([^)#\s]+)(?:#L\d+)?\)/g, (link, symbol, target) => {
    const file = join(dirname(path), target);
    if (!existsSync(file)) return note(name, `${target}: no such file`, link);
    const lines = readFileSync(file, 'utf8').split('\n');
    const declares = new RegExp(
      `\\b(?:function\\*?|const|class|interface|type|private|async|fn)\\s+(?:async\\s+)?${symbol}\\b|^\\s+(?:async )?${symbol}\\(`,
    );
    const line = lines.findIndex((code) => declares.test(code)) + 1;
    return line > 0
      ? `[\`${symbol}\`](${target}#L${line})`
      : note(name, `${target} declares no ${symbol}`, link);
  });
  if (linked !== text) {
    if (process.argv.includes('--check')) wrong.push(`${name}: links to lines that moved: npm run docs`);
    else writeFileSync(path, linked);
  }
}
for (const line of wrong) console.error(line);
if (wrong.length > 0) process.exitCode = 1;

function note(name, message, link) {
  wrong.push(`${name}: ${message}`);
  return link;
}
