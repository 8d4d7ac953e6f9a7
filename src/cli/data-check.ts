import { checkDataset, type Finding, type Report } from '../data/check.js';
import { quoted } from '../quoted.js';
import type { ConfigOf } from './config.js';
import { builtinFolder } from './datasets.js';
import { imagesLine, ProgressDisplay, Rate } from './progress.js';
import { table } from './table.js';

/** `clew data check`: exit code 1 when there are errors. */
export async function run(config: ConfigOf<'data'>): Promise<number> {
  const display = new ProgressDisplay();
  const reports: Report[] = [];
  for (const dataset of config.dataset) {
    const rate = new Rate();
    const datasets =
      dataset === 'builtin' ? await builtinFolder((line) => display.log(line)) : config.datasets;
    const lists = { datasets, dataRoot: config.data_root, mapPrefix: config.map_prefix };
    const report = await checkDataset(dataset, lists, (done, total) => {
      rate.add(performance.now() / 1000, done);
      display.show(imagesLine(dataset, done, total, rate), done / total);
    });
    reports.push(report);
  }
  display.stop();
  if (config.json) process.stdout.write(`${JSON.stringify({ datasets: reports })}\n`);
  else process.stdout.write(`${reports.map(asText).join('\n')}\n`);
  return reports.some(({ findings }) => findings.some(({ severity }) => severity === 'error')) ? 1 : 0;
}

function asText({ dataset, splits, images, findings, mappings }: Report): string {
  const rows = splits.map(({ split, clips, frames }) => [
    split,
    `${clips.real}`,
    `${clips.fake}`,
    `${frames.real}`,
    `${frames.fake}`,
  ]);
  const { read, smallest, median, largest } = images;
  const errors = count(findings, 'error');
  return [
    dataset,
    table([['split', 'real clips', 'fake clips', 'real images', 'fake images'], ...rows]),
    ...(read > 0
      ? [`${read} images can be read; their sides: ${smallest} to ${largest}, median ${median} pixels`]
      : []),
    ...findings.map(paragraph),
    ...mappings.map(
      ({ from, to, finds }) =>
        `to find ${finds} of the missing folders: --map_prefix ${quoted(`${from}=${to}`)}`,
    ),
    errors + count(findings, 'warning') === 0
      ? 'nothing is wrong'
      : `${errors} errors, ${count(findings, 'warning')} warnings`,
    '',
  ].join('\n');
}

const count = (findings: readonly Finding[], severity: string): number =>
  findings
    .filter((finding) => finding.severity === severity)
    .reduce((sum, finding) => sum + finding.count, 0);

function paragraph({ cause, severity, count: n, examples }: Finding): string {
  const rest = n > examples.length ? [`  and ${n - examples.length} more`] : [];
  return [`${severity}: ${cause}: ${n}`, ...examples.map((example) => `  ${example}`), ...rest].join('\n');
}
