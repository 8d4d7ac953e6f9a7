import { availableParallelism } from 'node:os';
import { UsageError } from '../errors.js';
import { openDetector } from '../faces/detector.js';
import { prepare, type Summary, type Trouble } from '../prepare/prepare.js';
import { quoted } from '../quoted.js';
import { findFfmpeg } from '../video/ffmpeg.js';
import type { Call, ConfigOf } from './config.js';
import { ProgressDisplay, pace, Rate } from './progress.js';
import { watchInterrupt } from './signals.js';

/** `clew prepare VIDEO_DIR -o DIR --layout NAME`: exit code 1 when a video could not be read. */
export async function run(config: ConfigOf<'prepare'>, call: Call): Promise<number> {
  const [videos] = call.words;
  if (videos === undefined)
    throw new UsageError('prepare: wants the folder of the videos: clew prepare VIDEO_DIR -o DIR');
  if (config.o === undefined) throw new UsageError('-o: wants the folder to write to');
  if (config.layout === undefined)
    throw new UsageError('--layout: wants the layout of the videos; clew prepare --help lists them');
  const ffmpeg = findFfmpeg();
  const display = new ProgressDisplay();
  const rate = new Rate();
  const end = new AbortController();
  const interruption = watchInterrupt(() => {
    display.log('stopping; the same command goes on from here');
    end.abort();
  });
  const detector = await openDetector(config.detector, {
    model: config.detector_model,
    adapter: config.adapter,
  });
  try {
    display.log(`faces by ${detector.name}`);
    const summary = await prepare(
      {
        videos,
        out: config.o,
        layout: config.layout,
        compression: config.compression,
        sampling: { count: config.frames, every: config.every },
        margin: config.margin,
        seed: config.seed,
        detector: config.detector,
        detectorModel: config.detector_model,
        workers: Math.max(1, Math.min(config.num_workers, availableParallelism())),
      },
      {
        ffmpeg,
        detector,
        signal: end.signal,
        progress({ done, total, withoutFace, failed }) {
          rate.add(performance.now() / 1000, done);
          const speed = pace(total - done, rate.perSecond, 'videos');
          const trouble = `${withoutFace ? `  ${withoutFace} without a face` : ''}${failed ? `  ${failed} unreadable` : ''}`;
          display.show(`${done}/${total} videos${speed}${trouble}`, done / total);
        },
      },
    );
    display.stop();
    if (!summary) return interruption.exitCode;
    process.stdout.write(config.json ? `${JSON.stringify(summary)}\n` : asText(summary));
    return summary.failed.length > 0 ? 1 : 0;
  } finally {
    interruption.dispose();
    await detector.close();
  }
}

const SHOWN = 5;

function asText({ dataset, datasets, clips, crops, bySplit, notes, ...skipped }: Summary): string {
  const { withoutFace, failed, damaged, crossing } = skipped;
  return [
    ...notes.map((note) => `note: ${note}`),
    ...group('videos without a face', withoutFace),
    ...group('videos that cannot be used', failed.map(named)),
    ...group('damaged videos, used as far as they go', damaged.map(named)),
    ...group('forgeries of people of two splits, left out', crossing),
    `${clips} clips, ${crops} crops: ${Object.entries(bySplit)
      .map(([list, n]) => `${list} ${n}`)
      .join(', ')}`,
    `clew data check --datasets ${quoted(datasets)} --dataset ${quoted(dataset)}`,
    '',
  ].join('\n');
}

const named = ({ id, cause }: Trouble): string => `${id}: ${cause}`;

function group(title: string, lines: readonly string[]): string[] {
  if (lines.length === 0) return [];
  const rest = lines.length > SHOWN ? [`  and ${lines.length - SHOWN} more, all in skipped.txt`] : [];
  return [`${lines.length} ${title}:`, ...lines.slice(0, SHOWN).map((line) => `  ${line}`), ...rest];
}
