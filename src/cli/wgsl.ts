import type { Case, Op, Call as OpCall } from '../engine/op.js';
import { isValid } from '../engine/plan.js';
import { shaderPath, shaderText } from '../engine/shader.js';
import { UsageError } from '../errors.js';
import { openRuntime } from '../platform/node/runtime.js';
import type { Call, ConfigOf } from './config.js';
import { operationsWith } from './own-kernels.js';
import { arithmeticOf } from './program-config.js';

/** `clew wgsl OPERATION`: the shaders as the device gets them, with the dispatches that run them. */
export async function run(config: ConfigOf<'wgsl'>, call: Call): Promise<number> {
  const operations = await operationsWith(config.kernels);
  const [name] = call.words;
  const op = operations.find((candidate) => candidate.name === name);
  if (!op)
    throw new UsageError(
      `wgsl${name === undefined ? '' : ` ${name}`}: wants the name of an operation: ${operations.map((each) => each.name).join(', ')}`,
    );
  const sample = caseOf(op, config.shape);
  const { runtime } = await openRuntime(config.adapter, arithmeticOf(config));
  try {
    const inputs = sample.inputs.map(
      (input) => input && { shape: input.shape, dtype: input.dtype ?? ('f32' as const) },
    );
    const outputs = op.shape(inputs, sample.attrs);
    const accumulate = outputs.map(() => false);
    const { capabilities } = runtime;
    process.stdout.write(
      textOf(op, sample, { inputs, outputs, attrs: sample.attrs, accumulate, capabilities }, config.variant),
    );
  } finally {
    await runtime.close();
  }
  return 0;
}

/** The first benchmark or test case whose name holds the text. */
function caseOf({ name, benchmarks = [], cases }: Op, shape: string | undefined): Case {
  const all = [...benchmarks, ...cases];
  const found = shape === undefined ? all[0] : all.find((sample) => sample.name.includes(shape));
  if (!found)
    throw new UsageError(
      `--shape ${shape}: ${name} has no such case; there are ${all.map((sample) => sample.name).join(', ')}`,
    );
  return found;
}

function textOf(op: Op, sample: Case, call: OpCall, wanted: string | undefined): string {
  const valid = Object.entries(op.variants).filter(([, variant]) => isValid(variant, call));
  const [name, variant] = wanted === undefined ? valid[0]! : (valid.find(([each]) => each === wanted) ?? []);
  if (!name || !variant)
    throw new UsageError(
      `--variant ${wanted}: not for this shape on this adapter; there are ${valid.map(([each]) => each).join(', ')}`,
    );
  const passes = variant.passes(call);
  return passes
    .map(({ shader, constants, params, grid }, i) =>
      [
        `// ${op.name}, ${sample.name}: variant ${name} of ${valid.map(([each]) => each).join(', ')}`,
        `// dispatch ${i + 1} of ${passes.length}: ${shaderPath(shader)}, ${grid.join(' x ')} workgroups`,
        `// params ${JSON.stringify(params)}`,
        '',
        shaderText(shader, constants),
        '',
      ].join('\n'),
    )
    .join('\n');
}
