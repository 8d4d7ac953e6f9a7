import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Op, op, type Pass, type Variant } from '../engine/op.js';
import { isValid } from '../engine/plan.js';
import { addShader } from '../engine/shader.js';
import { UserError } from '../errors.js';
import { attempt } from '../io/files.js';
import { operations } from '../kernels/index.js';
import { shaders } from '../kernels/shaders.generated.js';

/**
 * All operations; with `folder` (--kernels) also with the reader's own shaders: `relu.wgsl` there replaces shaders/relu.wgsl in a
 * variant called `own NAME` beside each variant NAME that uses it.
 * @throws UserError when the folder cannot be read or holds what no operation uses
 */
export async function operationsWith(folder: string | undefined): Promise<readonly Op[]> {
  if (folder === undefined) return operations;
  const names = await readOwn(folder);
  return operations.map((spec) => {
    const own = Object.entries(spec.variants).map(([name, variant]) => [
      `own ${name}`,
      ownVariant(variant, names),
    ]);
    return op({ ...spec, variants: { ...spec.variants, ...Object.fromEntries(own) } });
  });
}

async function readOwn(folder: string): Promise<Set<string>> {
  const files = await attempt('read', folder, () => readdir(folder));
  const names = files.filter((file) => file.endsWith('.wgsl')).map((file) => file.slice(0, -'.wgsl'.length));
  if (names.length === 0) throw new UserError(`--kernels ${folder}: holds no .wgsl file`);
  for (const name of names) {
    if (!(name in shaders))
      throw new UserError(
        `--kernels ${join(folder, name)}.wgsl: replaces nothing, there is no shader ${name}; \`clew wgsl OPERATION\` names an operation's shaders`,
      );
    const path = join(folder, `${name}.wgsl`);
    addShader(ownName(name), await attempt('read', path, () => readFile(path, 'utf8')), path);
  }
  return new Set(names);
}

const ownName = (name: string): string => `own/${name}`;

function ownVariant(variant: Variant, names: ReadonlySet<string>): Variant {
  const replaced = (pass: Pass): Pass =>
    names.has(pass.shader) ? { ...pass, shader: ownName(pass.shader) as Pass['shader'] } : pass;
  return {
    ...variant,
    valid: (call) => isValid(variant, call) && variant.passes(call).some(({ shader }) => names.has(shader)),
    passes: (call) => variant.passes(call).map(replaced),
  };
}
