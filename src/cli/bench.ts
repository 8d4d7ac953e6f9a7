import { UsageError } from '../errors.js';
import { benchData } from './bench-data.js';
import { benchKernels } from './bench-kernels.js';
import { benchStep } from './bench-step.js';
import type { Call, ConfigOf } from './config.js';

/** `clew bench kernels|step|data`. */
export async function run(config: ConfigOf<'bench'>, call: Call): Promise<number> {
  const [what = 'kernels'] = call.words;
  if (what === 'kernels') await benchKernels(config);
  else if (what === 'step') await benchStep(config);
  else if (what === 'data') await benchData(config);
  else throw new UsageError(`bench ${what}: wants \`clew bench\` with kernels, step or data`);
  return 0;
}
