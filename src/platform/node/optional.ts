/** Packages that Clew does not install: found in Clew's own tree, in extras/ beside it, or where the command is run. */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { packagePath } from './package-path.js';

/** Path of a package's folder, or of a module of it; undefined when it is not installed. */
export function optionalPackage(name: string): string | undefined {
  for (const from of [packagePath('.'), packagePath('extras'), process.cwd()]) {
    try {
      return dirname(createRequire(join(from, 'from.js')).resolve(`${name}/package.json`));
    } catch {
      // not there; the next place
    }
  }
  return undefined;
}
