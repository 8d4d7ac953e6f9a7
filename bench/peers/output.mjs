import { writeFileSync } from 'node:fs';

const ratio = (theirs, ours) => (theirs ? `${(theirs / ours).toFixed(1)}x` : '-');
const number = (ms) => (ms ? ms.toFixed(ms < 10 ? 2 : 1) : '-');

export function printTable({ adapter, fma_gflops, copy_gbps, cases, steps }, notes) {
  const rows = [
    ...cases.map((c) => [c.op, c.shape, c, c.gflops.toFixed(1), `${Math.round(100 * c.share_of_peak)} %`]),
    ...steps.map((s) => [
      'training step',
      `LIB-${s.model} n=${s.libs}, ${s.size} px, batch ${s.batch}`,
      s,
      '',
      '',
    ]),
  ];
  const line = (cells) =>
    cells.map((cell, i) => (i < 2 ? cell.padEnd([32, 44][i]) : cell.padStart(9))).join(' ');
  console.log(
    line([
      'operation',
      'shape',
      'Clew ms',
      'tfjs',
      'jax-js',
      'PyTorch',
      'GFLOP/s',
      'of peak',
      '/ tfjs',
      '/ jax-js',
      '/ PyTorch',
    ]),
  );
  for (const [op, shape, t, gflops, share] of rows)
    console.log(
      line([
        op,
        shape,
        ...[t.clew_ms, t.tfjs_ms, t.jaxjs_ms, t.torch_ms].map(number),
        gflops,
        share,
        ...[t.tfjs_ms, t.jaxjs_ms, t.torch_ms].map((theirs) => ratio(theirs, t.clew_ms)),
      ]),
    );
  console.log(
    `\n${adapter}: ${fma_gflops.toFixed(1)} GFLOP/s multiply-add, ${copy_gbps.toFixed(2)} GB/s copy`,
  );
  for (const note of notes) console.log(`- ${note}`);
}

/** How many times as fast Clew is, on a logarithmic axis. */
export async function writeSvg({ adapter, cases, steps }, path) {
  const [vega, vegaLite] = [await import('vega'), await import('vega-lite')];
  const rows = [
    ...cases.map((c) => ({ ...c, what: `${c.op}, ${c.shape}` })),
    ...steps.map((s) => ({ ...s, what: `training step, LIB-${s.model}` })),
  ];
  const values = rows.flatMap(({ what, clew_ms, tfjs_ms, jaxjs_ms, torch_ms }) =>
    Object.entries({ 'TensorFlow.js': tfjs_ms, 'jax-js': jaxjs_ms, PyTorch: torch_ms })
      .filter(([, ms]) => ms)
      .map(([peer, ms]) => ({ what, peer, times: ms / clew_ms })),
  );
  const spec = {
    title: { text: 'Times as fast as', subtitle: adapter },
    data: { values },
    width: 420,
    mark: { type: 'point', filled: true, size: 60 },
    encoding: {
      y: {
        field: 'what',
        type: 'nominal',
        sort: rows.map(({ what }) => what),
        title: null,
        axis: { grid: true, labelLimit: 340 },
      },
      x: {
        field: 'times',
        type: 'quantitative',
        scale: { type: 'log' },
        title: 'Clew is this many times as fast (1 = level)',
      },
      color: { field: 'peer', type: 'nominal', title: null },
    },
  };
  const view = new vega.View(vega.parse(vegaLite.compile(spec).spec), { renderer: 'none' });
  writeFileSync(path, await view.toSVG());
}
