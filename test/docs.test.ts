import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { packagePath } from '../src/platform/node/package-path.js';

const pages = [
  'README.md',
  ...readdirSync(packagePath('docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

test.each(pages)('every relative link of %s leads somewhere', (page) => {
  const text = readFileSync(packagePath(page), 'utf8');
  const targets = [...text.matchAll(/\]\((?!https?:)([^)#\s]+)/g)].map(([, target]) => target!);
  expect(targets.length).toBeGreaterThan(page.endsWith('OPS.md') ? -1 : 0);
  expect(targets.filter((target) => !existsSync(join(dirname(packagePath(page)), target)))).toEqual([]);
});

test.each(['ops-doc', 'peers-doc', 'link-lines'])('what %s makes is up to date', (script) => {
  execFileSync(process.execPath, [packagePath(`scripts/${script}.mjs`), '--check'], { stdio: 'pipe' });
});
