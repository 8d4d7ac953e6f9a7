/** The data set of `--dataset builtin`: drawn on the spot, cached, in the reference's list layout. */
import { mkdir, mkdtemp, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { attempt } from '../../io/files.js';
import { type Clip, FRAMES_PER_CLIP, type Label, labelOf, planClips, type Split, Studio } from './clips.js';
import { encodePng } from './image.js';

/** Part of the cache folder's name: raise it whenever the pictures change. */
const VERSION = 2;

export interface BuiltinOptions {
  readonly cacheDir: string;
  /** Side of the pictures in pixels, default 64. */
  readonly size?: number;
  readonly seed?: number;
  readonly progress?: (done: number, total: number) => void;
}

/**
 * Makes the set unless the cache has it. It appears whole or not at all: it is drawn into a temporary folder that is then renamed,
 * so a killed run leaves nothing that looks complete and two runs at once do not disturb each other.
 * @throws UserError that names the folder and the way out
 * @returns the folder for `--datasets` and the name for `--dataset`
 */
export async function ensureBuiltin(
  options: BuiltinOptions,
): Promise<{ datasetsDir: string; name: 'builtin' }> {
  const { size = 64, seed = 0 } = options;
  const home = resolve(options.cacheDir, `builtin-${VERSION}-${size}px-seed${seed}`);
  const found = { datasetsDir: join(home, 'datasets'), name: 'builtin' } as const;
  if (await exists(home)) return found;
  await attempt('write', home, async () => {
    await mkdir(options.cacheDir, { recursive: true });
    const draft = await mkdtemp(`${home}.`);
    try {
      await drawAll(draft, home, size, seed, options.progress);
      await rename(draft, home);
    } catch (error) {
      await rm(draft, { recursive: true, force: true });
      const overtaken = await exists(home);
      if (!overtaken) throw error;
    }
  });
  return found;
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

async function drawAll(
  draft: string,
  home: string,
  size: number,
  seed: number,
  progress?: BuiltinOptions['progress'],
) {
  const clips = planClips(seed);
  const studio = new Studio(size, seed);
  for (const [done, clip] of clips.entries()) {
    const folder = join(draft, folderOf(clip));
    await mkdir(folder, { recursive: true });
    const pngs = await Promise.all((await studio.film(clip)).map(encodePng));
    for (const [t, png] of pngs.entries()) await writeFile(join(folder, `00${t}.png`), png);
    progress?.(done + 1, clips.length);
  }
  const lists = join(draft, 'datasets', 'builtin');
  await mkdir(lists, { recursive: true });
  for (const split of ['train', 'val', 'test'] as const)
    for (const label of ['real', 'fake'] as const)
      await writeFile(join(lists, `${split}_${label}.txt`), listOf(clips, split, label, home));
}

const folderOf = (clip: Clip): string => join('frames', clip.split, labelOf(clip), clip.name);

const listOf = (clips: readonly Clip[], split: Split, label: Label, home: string): string =>
  clips
    .filter((clip) => clip.split === split && labelOf(clip) === label)
    .map((clip) => `${label === 'real' ? 0 : 1},${join(home, folderOf(clip))},${FRAMES_PER_CLIP}\n`)
    .join('');
