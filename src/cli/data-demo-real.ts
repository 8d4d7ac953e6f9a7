import { makePhotographs } from '../data/photographs/index.js';
import { quoted } from '../quoted.js';
import type { ConfigOf } from './config.js';
import { ProgressDisplay } from './progress.js';

/** `clew data demo-real [-o DIR]`: writes clips and lists, and says how to train on them. */
export async function run(config: ConfigOf<'data'>): Promise<number> {
  const { o = 'photographs', size, seed } = config;
  const display = new ProgressDisplay();
  const { datasetsDir, name } = await makePhotographs(o, size, seed, (done, total) =>
    display.show(`${done}/${total} takes`, done / total),
  );
  display.stop();
  const flags = `--dataset ${name} --datasets ${quoted(datasetsDir)}`;
  if (config.json) process.stdout.write(`${JSON.stringify({ dataset: name, datasets: datasetsDir })}\n`);
  else
    process.stdout.write(
      `clew train ${flags} --model tiny --size ${size} --bs 16 --lr 3e-3 --mixup False --epoch 4\n`,
    );
  return 0;
}
