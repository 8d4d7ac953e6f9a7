import { UsageError } from '../errors.js';
import { benchData } from './bench-data.js';
import { benchKernels } from './bench-kernels.js';
import { benchStep } from './bench-step.js';
import type { Call, ConfigOf } from './config.js';
import type { FlagName } from './flags.js';

/** Flags of one kind of benchmark that another would ignore. */
const ONLY_FOR_OTHERS: Readonly<Record<string, readonly FlagName[]>> = {
  kernels: ['trace'],
  step: ['html', 'op', 'shape', 'variant', 'kernels'],
  data: ['trace', 'html', 'op', 'shape', 'variant', 'kernels'],
};

/** `clew bench kernels|step|data`. */
export async function run(config: ConfigOf<'bench'>, call: Call): Promise<number> {
  const [what = 'kernels'] = call.words;
  for (const flag of (ONLY_FOR_OTHERS[what] ?? []).filter((name) => call.given.has(name)))
    throw new UsageError(`--${flag}: not for bench ${what}; see \`clew bench --help\``);
  if (what === 'kernels') await benchKernels(config);
  else if (what === 'step') await benchStep(config);
  else if (what === 'data') await benchData(config);
  else throw new UsageError(`bench ${what}: wants \`clew bench\` with kernels, step or data`);
  return 0;
}
