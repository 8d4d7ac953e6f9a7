import { readdir, readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { messageOf, UserError } from '../errors.js';
import { attempt } from '../io/files.js';
import { packagePath } from '../platform/node/package-path.js';
import { openRuntime } from '../platform/node/runtime.js';
import type { VerifyRow } from '../verify/rows.js';
import { canVerify, verifyGolden, verifyOperations } from '../verify/verify.js';
import type { Call, ConfigOf } from './config.js';
import { operationsWith } from './own-kernels.js';
import { arithmeticOf } from './program-config.js';
import { table } from './table.js';

/** `clew verify [FILE...]`: exit code 1 when any quantity exceeds its tolerance. */
export async function run(config: ConfigOf<'verify'>, call: Call): Promise<number> {
  const files = await Promise.all(call.words.map(readGolden));
  const { runtime, name } = await openRuntime(config.adapter, arithmeticOf(config));
  const rows: VerifyRow[] = [];
  try {
    if (files.length === 0) {
      const operations = await operationsWith(config.kernels);
      for await (const checked of verifyOperations(runtime, operations)) rows.push(checked);
      files.push(...(await shippedGolden()));
    }
    for (const { file, golden } of files) {
      if (!config.json) process.stderr.write(`${file} ...\n`);
      for await (const checked of verifyGolden(runtime, file, golden)) rows.push(checked);
    }
  } finally {
    await runtime.close();
  }
  const failed = rows.filter(({ ok }) => !ok).length;
  const passed = rows.length - failed;
  process.stdout.write(
    config.json
      ? `${JSON.stringify(asJson(name, rows, passed, failed))}\n`
      : asText(name, rows, passed, failed),
  );
  return failed > 0 ? 1 : 0;
}

interface Golden {
  readonly file: string;
  readonly golden: unknown;
}

async function readGolden(path: string): Promise<Golden> {
  const bytes = await attempt('read', path, () => readFile(path));
  try {
    return { file: basename(path), golden: JSON.parse(bytes.toString()) };
  } catch (cause) {
    throw new UserError(`${path}: cannot be read as a golden file: ${messageOf(cause)}`, 1, { cause });
  }
}

/** The golden files of the package that this version computes. */
async function shippedGolden(): Promise<Golden[]> {
  const folder = packagePath('test/golden');
  const names = (await readdir(folder)).filter((name) => name.endsWith('.json')).sort();
  const all = await Promise.all(names.map((name) => readGolden(`${folder}/${name}`)));
  return all.filter(({ golden }) => canVerify(golden));
}

/** JSON has no infinity: a quantity that could not be compared at all shows as the largest number there is. */
const asJson = (adapter: string, rows: readonly VerifyRow[], passed: number, failed: number) => ({
  adapter,
  cases: rows.map((checked) => ({ ...checked, error: Math.min(checked.error, Number.MAX_VALUE) })),
  passed,
  failed,
});

function asText(adapter: string, rows: readonly VerifyRow[], passed: number, failed: number): string {
  const cells = rows.map(({ file, name, quantity, error, tolerance, ok, freeRunning }) => [
    ok ? 'ok' : 'FAIL',
    file,
    name,
    quantity,
    error.toExponential(1),
    tolerance.toExponential(1),
    freeRunning?.toExponential(1) ?? '',
  ]);
  const heading = ['', 'file', 'case', 'quantity', 'error', 'tolerance', 'free-running'];
  return `${table([heading, ...cells])}\n\n${adapter}\n${passed} passed, ${failed} failed\n`;
}
