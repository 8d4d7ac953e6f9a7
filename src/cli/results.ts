import type { Clip } from '../data/lists.js';
import { METHODS } from '../data/lists.js';
import type { SampleList } from '../data/samples.js';
import { writeFileAtomic } from '../io/files.js';
import type { Evaluation } from '../train/evaluation.js';
import { type Metrics, perClip, type ScoreMetrics, summarise } from '../train/metrics.js';
import { table } from './table.js';

/** A tested data set, or the part of it that one forgery method made. */
export interface TestResult {
  readonly name: string;
  readonly metrics: Metrics;
}

/** The result of a data set; of one with forgery methods (FF++) also each method's fakes with all reals. */
export function testResults(
  name: string,
  samples: SampleList,
  { scores, samples: seen, metrics }: Evaluation,
): TestResult[] {
  const clips = samples.folders as readonly Clip[];
  const methods = METHODS.filter((method) => clips.some((clip) => clip.method === method));
  const frames = seen.map((index, row) => ({ clip: clips[samples.at(index).clip]!, score: scores[row]! }));
  const parts = methods.length < 2 ? [] : methods;
  return [
    { name, metrics },
    ...parts.map((method) => {
      const part = frames.filter(({ clip }) => clip.label === 0 || clip.method === method);
      const of = <T>(value: (frame: (typeof part)[number]) => T): T[] => part.map(value);
      return {
        name: `${name} ${method}`,
        metrics: summarise(
          of((f) => f.score),
          of((f) => f.clip.label),
          of((f) => f.clip.key),
        ),
      };
    }),
  ];
}

const share = (value: number | null): string => (value === null ? '-' : value.toFixed(4));

/** Frame metrics, then video metrics, a row for each result. */
export function resultsTable(results: readonly TestResult[]): string {
  const cells = ({ accuracy, auc, eer, ap, logLoss }: ScoreMetrics): string[] => [
    accuracy.toFixed(2),
    share(auc),
    share(eer),
    share(ap),
    logLoss.toFixed(4),
  ];
  const heading = ['accuracy %', 'AUC', 'EER', 'AP', 'log loss'];
  return table([
    ['data set', 'frames', ...heading, 'videos', ...heading.map((name) => `video ${name}`)],
    ...results.map(({ name, metrics }) => [
      name,
      `${metrics.frames}`,
      ...cells(metrics),
      `${metrics.video.clips}`,
      ...cells(metrics.video),
    ]),
  ]);
}

const quoted = (text: string): string => (/[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

/** Per frame and per video: score (probability of fake), decision, and the label where there is one. */
export function scoresCsv(
  dataset: string,
  samples: SampleList,
  { scores, samples: seen }: Pick<Evaluation, 'scores' | 'samples'>,
): string {
  const line = (kind: string, item: string, label: 0 | 1 | undefined, score: number): string =>
    [dataset, kind, item, label ?? '', score.toFixed(6), score > 0.5 ? 'fake' : 'real']
      .map((cell) => quoted(String(cell)))
      .join(',');
  const frames = seen.map((index, row) => {
    const { file, clip } = samples.at(index);
    return { file, folder: samples.folders[clip]!, score: scores[row]! };
  });
  const videos = perClip(
    scores,
    frames.map(({ folder }) => folder.label ?? 0),
    frames.map(({ folder }) => folder.key),
  );
  const labels = new Map(samples.folders.map(({ key, label }) => [key, label]));
  return [
    ...frames.map(({ file, folder, score }) => line('frame', file, folder.label, score)),
    ...videos.names.map((key, i) => line('video', key, labels.get(key), videos.scores[i]!)),
  ].join('\n');
}

export const CSV_HEADING = 'dataset,kind,item,label,score,decision';

export const writeCsv = (path: string, parts: readonly string[]): Promise<void> =>
  writeFileAtomic(path, new TextEncoder().encode(`${[CSV_HEADING, ...parts].join('\n')}\n`));
