import { afterEach, expect, test, vi } from 'vitest';
import { disturbance, doctor } from '../../src/cli/doctor.js';
import { driverAdvice, listAdapters } from '../../src/platform/node/adapters.js';

afterEach(() => vi.unstubAllEnvs());

test('advice on a faster driver fits the system and what it has', () => {
  expect(driverAdvice('bundled', { id: 'debian', version: '12' })[0]).toContain(
    'apt-get install -t bookworm-backports mesa-vulkan-drivers libvulkan1',
  );
  expect(driverAdvice(undefined, { id: 'ubuntu', version: '24.04' })[0]).toMatch(
    /apt-get install mesa-vulkan-drivers/,
  );
  expect(driverAdvice('bundled', { id: 'fedora', version: '41' })[0]).toContain('Mesa 23 or newer');
  expect(driverAdvice('system', { id: 'debian', version: '12' })).toHaveLength(1);
  expect(driverAdvice('gpu')).toEqual([]);
});

test('figures too low for an idle machine are called disturbed', () => {
  const name = 'llvmpipe (LLVM 19)';
  expect(disturbance(name, { fmaGflops: 89, copyGBps: 9 }, 2)).toMatch(/^disturbed: /);
  expect(disturbance(name, { fmaGflops: 105, copyGBps: 3.9 }, 2)).toMatch(/^disturbed: /);
  expect(disturbance(name, { fmaGflops: 105, copyGBps: 9 }, 2)).toBe('');
  expect(disturbance('SwiftShader', { fmaGflops: 10, copyGBps: 1 }, 2)).toBe('');
});

test('drivers without a device are refused by name, the bundled one comes last', async () => {
  vi.stubEnv('VK_DRIVER_FILES', '/nonexistent/first.json:/nonexistent/second.json');
  const reports = await listAdapters();
  expect(reports.map(({ driver }) => driver)).toEqual(['first.json', 'second.json', 'bundled']);
  expect(reports[0]).toMatchObject({ adapters: [] });
  expect(reports[0]!.refused).toMatch(/first\.json|libvulkan\.so\.1/); // without a loader nobody reads manifests
  expect(reports[2]!.adapters.map(({ kind }) => kind)).toEqual(['bundled']);
});

test('doctor measures the chosen adapter and reports it as one JSON object', async () => {
  const log = vi.spyOn(console, 'log').mockImplementation(() => {});
  expect(await doctor({ json: true, adapter: 'bundled' })).toBe(0);
  const report = JSON.parse(log.mock.calls[0]![0]);
  log.mockRestore();
  expect(report).toMatchObject({ problem: '', adapter: { kind: 'bundled', subgroupSize: 4 } });
  expect(report.measured.fmaGflops).toBeGreaterThan(0.5);
  expect(report.measured.copyGBps).toBeGreaterThan(0.1);
});

test('doctor says what is wrong and exits 1 when the wanted adapter is missing', async () => {
  const log = vi.spyOn(console, 'log').mockImplementation(() => {});
  expect(await doctor({ json: false, adapter: 'no such thing' })).toBe(1);
  const [text] = log.mock.calls[0]!;
  log.mockRestore();
  expect(text).toContain('cannot compute: --adapter no such thing: no such adapter; found ');
});
