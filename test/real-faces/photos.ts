/** Where the photographs are: in a package that is installed beside this file the first time, or already with the project. */
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));

/** The folder of sample1.jpg to sample6.jpg. */
export function photoFolder(): string {
  if (!installed()) install();
  return installed()!;
}

function installed(): string | undefined {
  try {
    const manifest = createRequire(import.meta.url).resolve('@vladmandic/face-api/package.json');
    return join(dirname(manifest), 'demo');
  } catch {
    return undefined;
  }
}

function install(): void {
  const words = ['ci', '--ignore-scripts', '--no-audit', '--no-fund'];
  try {
    execFileSync('npm', words, { cwd: here, stdio: 'pipe', shell: process.platform === 'win32' });
  } catch (cause) {
    throw new Error(`no test photographs: with a network, run npm ci --prefix ${here}`, { cause });
  }
}
