import { UsageError } from '../errors.js';
import type { Call, ConfigOf } from './config.js';
import { either } from './values.js';

type Subcommand = (config: ConfigOf<'data'>) => Promise<number>;

/** `clew data WORD`, each in a file of its own. */
const subcommands: Readonly<Record<string, () => Promise<{ run: Subcommand }>>> = {
  check: () => import('./data-check.js'),
  'demo-real': () => import('./data-demo-real.js'),
  show: () => import('./data-show.js'),
};

export async function run(config: ConfigOf<'data'>, call: Call): Promise<number> {
  const load = subcommands[call.words[0] ?? ''];
  if (!load)
    throw new UsageError(
      `${['data', ...call.words].join(' ')}: wants \`clew data\` with ${either(Object.keys(subcommands))}`,
    );
  return (await load()).run(config);
}
