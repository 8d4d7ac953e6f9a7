import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { Loader, type Loading, timeOpenCv, withCrops } from '../../bench/data.js';
import { stepsOf } from '../data/augment.js';
import { imagesIn } from '../data/folders.js';
import { UsageError } from '../errors.js';
import { packagePath } from '../platform/node/package-path.js';
import { readAugmentation } from './augmentation.js';
import type { ConfigOf } from './config.js';
import { table } from './table.js';

type BenchConfig = ConfigOf<'bench'>;

const SECONDS = 3;
/** Interleaved, so that a busy moment hits both sides; the fastest counts. */
const ROUNDS = 3;

interface Row extends Loading {
  readonly name: string;
  readonly workers: number;
}

/** `clew bench data`: pictures per second from files to augmented bytes, and the same by OpenCV if asked for. */
export async function benchData(config: BenchConfig): Promise<void> {
  const rows =
    config.images === undefined
      ? await withCrops((files, folder) => time(config, files, folder))
      : await ownImages(config, config.images);
  process.stdout.write(
    config.json ? `${JSON.stringify({ size: config.size, rows })}\n` : asText(config, rows),
  );
}

function ownImages(config: BenchConfig, images: string): Promise<Row[]> {
  const [first, ...others] = imagesIn(images);
  if (config.opencv !== undefined && others.length > 0)
    throw new UsageError(`--images ${images}: --opencv wants all images in one folder`);
  const files = [first!, ...others].flatMap(({ dir, frames }) => frames.map((frame) => join(dir, frame)));
  return time(config, files, dirname(files[0]!));
}

async function time(config: BenchConfig, files: string[], folder: string): Promise<Row[]> {
  const { size, num_workers, opencv } = config;
  const augmentation = stepsOf(readAugmentation(config.augment));
  const threads = Math.max(1, Math.min(num_workers, availableParallelism()));
  const best = new Map<string, Row>();
  const keep = (row: Row): void => {
    const before = best.get(row.name);
    if (!before || rate(row) > rate(before)) best.set(row.name, row);
  };
  const loaders = [...new Set([1, threads])].map((workers) => ({
    workers,
    loader: new Loader(files, { size, workers, augmentation }),
  }));
  try {
    for (const { loader } of loaders) await loader.time(SECONDS); // warm
    for (let round = 0; round < ROUNDS; round++) {
      for (const { workers, loader } of loaders)
        keep({
          name: `${workers} worker${workers > 1 ? 's' : ''}`,
          workers,
          ...(await loader.time(SECONDS)),
        });
      if (opencv === undefined) continue;
      const script = packagePath('bench/data-opencv.py');
      const { version, ...loading } = await timeOpenCv(opencv, script, folder, { size, seconds: SECONDS });
      keep({ name: `OpenCV ${version}`, workers: 1, ...loading });
    }
  } finally {
    await Promise.all(loaders.map(({ loader }) => loader.close()));
  }
  return [...best.values()];
}

const rate = ({ images, cpuSeconds }: Loading): number => images / cpuSeconds;

function asText({ size, images, augment }: BenchConfig, rows: readonly Row[]): string {
  const what = images === undefined ? '300x300 PNG crops' : `images in ${images}`;
  const cells = rows.map((row) => [
    row.name,
    (row.images / row.seconds).toFixed(0),
    (row.images / row.seconds / row.workers).toFixed(0),
    rate(row).toFixed(0),
  ]);
  const heading = ['loader', 'images/s', 'per worker', 'per core second'];
  const [one] = rows;
  const peer = rows.find(({ name }) => name.startsWith('OpenCV'));
  const versus = peer ? `per core, ${(rate(one!) / rate(peer)).toFixed(2)} times ${peer.name}\n` : '';
  return `${what} to ${size}x${size}, --augment ${augment}\n\n${table([heading, ...cells])}\n${versus}`;
}
