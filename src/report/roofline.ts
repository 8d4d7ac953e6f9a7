import type { KernelTiming } from '../../bench/kernels.js';

export interface KernelReport {
  readonly adapter: string;
  readonly fmaGflops: number;
  readonly copyGBps: number;
  readonly kernels: readonly KernelTiming[];
}

const [WIDTH, HEIGHT, LEFT, BOTTOM] = [900, 520, 70, 50];

/**
 * A page of its own, without scripts or anything from elsewhere: each kernel under the roofs that were measured beside it (Williams,
 * Waterman, Patterson 2009), and the same as a table. The intensity is that of the least traffic possible: each tensor moved once.
 */
export function rooflinePage(report: KernelReport): string {
  const { adapter, kernels } = report;
  const rows = kernels.map((kernel, i) => {
    const { op, shape, variant, ms, gflops, gbps } = kernel;
    const cells = [
      `${i + 1}`,
      op,
      shape,
      variant,
      ms.toFixed(3),
      gflops.toFixed(2),
      gbps.toFixed(2),
      percentOfRoof(kernel),
    ];
    return `<tr>${cells.map((cell) => `<td>${escaped(cell)}</td>`).join('')}</tr>`;
  });
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Kernels under the roofline</title>
<style>
body { font: 14px/1.4 system-ui, sans-serif; margin: 2rem auto; max-width: ${WIDTH}px; color: #222; background: #fff; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
td, th { padding: 2px 8px; border-bottom: 1px solid #ddd; text-align: left; }
text { font: 11px system-ui, sans-serif; fill: #444; }
</style>
<h1>Kernels under the roofline</h1>
<p>${escaped(adapter)}: ${report.fmaGflops.toFixed(1)} GFLOP/s multiply-add, ${report.copyGBps.toFixed(2)} GB/s copy, the medians over the run; shares are of what was measured between a kernel's own rounds.</p>
${chart(report)}
<table><tr><th>#</th><th>operation</th><th>shape</th><th>variant</th><th>ms</th><th>GFLOP/s</th><th>GB/s</th><th>of its roof</th></tr>
${rows.join('\n')}
</table></html>
`;
}

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

const intensityOf = ({ gflops, gbps }: KernelTiming): number => gflops / gbps;

/** What the roofline grants an intensity, in GFLOP/s. */
export const roofAt = (
  intensity: number,
  { fmaGflops, copyGBps }: Pick<KernelReport, 'fmaGflops' | 'copyGBps'>,
): number => Math.min(fmaGflops, intensity * copyGBps);

const percentOfRoof = (kernel: KernelTiming): string =>
  `${Math.round((100 * kernel.gflops) / roofAt(intensityOf(kernel), kernel.limits))} %`;

function chart(report: KernelReport): string {
  const shown = report.kernels.filter(({ gflops, gbps }) => gflops > 0 && gbps > 0);
  const x = logScale([...shown.map(intensityOf), report.fmaGflops / report.copyGBps], LEFT, WIDTH - 10);
  const y = logScale([...shown.map(({ gflops }) => gflops), report.fmaGflops], HEIGHT - BOTTOM, 10);
  const roof = [x.low, report.fmaGflops / report.copyGBps, x.high].map(
    (intensity) => `${x.at(intensity).toFixed(1)},${y.at(roofAt(intensity, report)).toFixed(1)}`,
  );
  const points = shown.map((kernel) => {
    const number = report.kernels.indexOf(kernel) + 1;
    const [cx, cy] = [x.at(intensityOf(kernel)), y.at(kernel.gflops)];
    const title = `${kernel.op} ${kernel.shape}, ${kernel.variant}: ${kernel.ms.toFixed(3)} ms, ${percentOfRoof(kernel)} of its roof`;
    return `<circle cx="${cx.toFixed(1)}" cy="${cy.toFixed(1)}" r="4" fill="#2b6cb0"><title>${escaped(title)}</title></circle><text x="${(cx + 6).toFixed(1)}" y="${(cy + 4).toFixed(1)}">${number}</text>`;
  });
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="Roofline">
${x.decades.map((v) => `<line x1="${x.at(v)}" x2="${x.at(v)}" y1="10" y2="${HEIGHT - BOTTOM}" stroke="#eee"/><text x="${x.at(v)}" y="${HEIGHT - BOTTOM + 16}" text-anchor="middle">${v}</text>`).join('\n')}
${y.decades.map((v) => `<line x1="${LEFT}" x2="${WIDTH - 10}" y1="${y.at(v)}" y2="${y.at(v)}" stroke="#eee"/><text x="${LEFT - 8}" y="${y.at(v) + 4}" text-anchor="end">${v}</text>`).join('\n')}
<polyline points="${roof.join(' ')}" fill="none" stroke="#c53030" stroke-width="2"/>
${points.join('\n')}
<text x="${WIDTH / 2}" y="${HEIGHT - 8}" text-anchor="middle">FLOP per byte, each tensor moved once</text>
<text x="14" y="${HEIGHT / 2}" text-anchor="middle" transform="rotate(-90 14 ${HEIGHT / 2})">GFLOP/s</text>
</svg>`;
}

/** Whole decades around the values, laid between two coordinates. */
function logScale(values: readonly number[], first: number, last: number) {
  const low = Math.floor(Math.log10(Math.min(...values)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values))));
  const at = (value: number): number => first + ((last - first) * (Math.log10(value) - low)) / (high - low);
  const decades = Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i)).map((v) =>
    Number(v.toPrecision(1)),
  );
  return { at, decades, low: 10 ** low, high: 10 ** high };
}
