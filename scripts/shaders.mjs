// Turns shaders/**/*.wgsl into one typed module, so that a browser bundle and Node read the same text from the same place.
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = join(root, 'shaders');
const target = join(root, 'src/kernels/shaders.generated.ts');

const entries = readdirSync(folder, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith('.wgsl'))
  .map((entry) => join(entry.parentPath, entry.name))
  .map((file) => ({ name: relative(folder, file).split(sep).join('/').slice(0, -5), file }))
  .sort((a, b) => (a.name < b.name ? -1 : 1))
  .map(({ name, file }) => `  ${JSON.stringify(name)}: ${JSON.stringify(readFileSync(file, 'utf8'))},\n`);

mkdirSync(dirname(target), { recursive: true });
const temporary = `${target}.${process.pid}`; // renamed when complete: two builds at once never read half a module
writeFileSync(
  temporary,
  `export const shaders = {\n${entries.join('')}} as const;\n\nexport type ShaderName = keyof typeof shaders;\n`,
);
renameSync(temporary, target);
