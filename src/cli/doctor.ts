import { availableParallelism } from 'node:os';
import { messageOf } from '../errors.js';
import { type AdapterReport, driverAdvice, listAdapters } from '../platform/node/adapters.js';
import { threadBusyMs } from '../platform/node/cpu.js';
import { type AdapterFacts, openDevice } from '../platform/node/open.js';
import { type Limits, measureLimits, waitingCost } from '../platform/probe.js';
import { table } from './table.js';

interface Diagnosis {
  drivers: AdapterReport[];
  /** What a run with these flags would compute on; null, with `problem`, where it could not start. */
  adapter: AdapterFacts | null;
  problem: string;
  measured: (Limits & { idleCpu: number; disturbed: string }) | null;
  advice: string[];
}

/** Why figures of this machine should be taken again, or nothing: an idle machine with lavapipe on two cores gives more. */
export function disturbance(description: string, { fmaGflops, copyGBps }: Limits, cores: number): string {
  const low = fmaGflops < 90 || copyGBps < 4;
  return /llvmpipe/i.test(description) && cores >= 2 && low
    ? 'disturbed: lavapipe on two idle cores reaches 90 GFLOP/s and 4 GB/s; close other programs and measure again'
    : '';
}

async function measure(choice: string | undefined): Promise<Pick<Diagnosis, 'adapter' | 'measured'>> {
  const opened = await openDevice(choice);
  try {
    const { software, description } = opened.adapter;
    const limits = await measureLimits(opened.device, software);
    const idleCpu = await waitingCost(opened.device, software, threadBusyMs);
    opened.check();
    const disturbed = disturbance(description, limits, availableParallelism());
    return { adapter: opened.adapter, measured: { ...limits, idleCpu, disturbed } };
  } finally {
    await opened.close();
  }
}

async function diagnose(choice: string | undefined): Promise<Diagnosis> {
  const drivers = await listAdapters();
  const result: Diagnosis = { drivers, adapter: null, problem: '', measured: null, advice: [] };
  try {
    Object.assign(result, await measure(choice));
  } catch (error) {
    result.problem = messageOf(error);
  }
  const kinds = drivers.flatMap(({ adapters }) => adapters.map(({ kind }) => kind));
  result.advice = driverAdvice((['gpu', 'system', 'bundled'] as const).find((kind) => kinds.includes(kind)));
  return result;
}

const mebibytes = (bytes = 0) => `${Math.floor(bytes / 2 ** 20)} MiB`;

function facts({ kind, description, driver, backend, subgroupSize, features, limits }: AdapterFacts): string {
  return [
    `computes on     ${description} (${kind}, ${backend})`,
    `driver          ${driver}`,
    `subgroup size   ${subgroupSize || 'varies'}`,
    `features        ${['subgroups', 'shader-f16', 'timestamp-query'].map((f) => `${f}: ${features.includes(f) ? 'yes' : 'no'}`).join(', ')}`,
    `buffer          ${mebibytes(limits.maxBufferSize)}, of which ${mebibytes(limits.maxStorageBufferBindingSize)} in one binding`,
    `workgroup       ${limits.maxComputeInvocationsPerWorkgroup} invocations, ${(limits.maxComputeWorkgroupStorageSize ?? 0) / 1024} KiB`,
    `kernel          ${limits.maxStorageBuffersPerShaderStage} storage buffers, ${limits.maxComputeWorkgroupsPerDimension} workgroups a dimension`,
  ].join('\n');
}

function text({ drivers, adapter, problem, measured, advice }: Diagnosis): string {
  const rows = drivers.flatMap(({ driver, adapters, refused }) =>
    refused ? [[driver, '', refused]] : adapters.map(({ description, kind }) => [driver, kind, description]),
  );
  const parts = [table([['driver', 'kind', 'adapter, or why there is none'], ...rows])];
  if (adapter) parts.push(facts(adapter));
  if (problem) parts.push(`cannot compute: ${problem}`);
  if (measured) {
    const { fmaGflops, copyGBps, idleCpu, disturbed } = measured;
    parts.push(
      [
        `multiply-add    ${fmaGflops.toFixed(1)} GFLOP/s`,
        `copy            ${copyGBps.toFixed(1)} GB/s (read plus written)`,
        `waiting         ${(100 * idleCpu).toFixed(1)}% of a core`,
        ...(disturbed ? [disturbed] : []),
      ].join('\n'),
    );
  }
  if (advice.length > 0) parts.push(advice.map((line) => `faster: ${line}`).join('\n'));
  return parts.join('\n\n');
}

/** `clew doctor`: what there is to compute on, how fast it is, and how to get something faster. Exit code 1 if there is nothing. */
export async function doctor(options: { json: boolean; adapter?: string | undefined }): Promise<number> {
  const diagnosis = await diagnose(options.adapter);
  console.log(options.json ? JSON.stringify(diagnosis, null, 2) : text(diagnosis));
  return diagnosis.adapter ? 0 : 1;
}
