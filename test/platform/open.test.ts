import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { UserError } from '../../src/errors.js';
import { openDevice } from '../../src/platform/node/open.js';

// The one adapter that is there on every Linux machine is the bundled one; with it alone, tests are the same everywhere.
const NO_DRIVER = { VK_DRIVER_FILES: '/nonexistent.json', VK_ICD_FILENAMES: '/nonexistent.json' };
const withoutSystemDrivers = (files = NO_DRIVER.VK_DRIVER_FILES) => {
  vi.stubEnv('VK_DRIVER_FILES', files);
  vi.stubEnv('VK_ICD_FILENAMES', files);
  vi.stubEnv('CLEW_ADAPTER', undefined);
};
afterEach(() => vi.unstubAllEnvs());

const kindOf = async (choice?: string): Promise<string> => {
  const opened = await openDevice(choice);
  await opened.close();
  return opened.adapter.kind;
};

test('without any driver the bundled one is opened, with the limits of the adapter and its features', async () => {
  withoutSystemDrivers();
  const { device, adapter, close } = await openDevice();
  expect(adapter).toMatchObject({
    kind: 'bundled',
    software: true,
    subgroupSize: 4,
    backend: 'vulkan',
    vendor: 'google',
  });
  expect(adapter.description).toMatch(/^SwiftShader Device/);
  expect(adapter.driver).toMatch(/^SwiftShader driver/);
  expect(device.limits.maxStorageBufferBindingSize).toBe(2 ** 30);
  expect(device.limits.maxStorageBuffersPerShaderStage).toBe(adapter.limits.maxStorageBuffersPerShaderStage);
  expect([...device.features]).toEqual(expect.arrayContaining(['subgroups', 'timestamp-query']));
  await close();
});

test('a manifest that is not JSON, or whose library is missing, does not stop the bundled driver', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'clew-icd-'));
  const bad = join(folder, 'bad.json');
  const gone = join(folder, 'gone.json');
  writeFileSync(bad, 'no JSON');
  writeFileSync(
    gone,
    JSON.stringify({
      file_format_version: '1.0.0',
      ICD: { library_path: '/nonexistent.so', api_version: '1.3.0' },
    }),
  );
  for (const file of [bad, gone]) {
    withoutSystemDrivers(file);
    expect(await kindOf()).toBe('bundled');
    expect(process.env.VK_DRIVER_FILES).toBe(file);
  }
  rmSync(folder, { recursive: true });
});

test('a kind, a part of the name or of the driver in any case, and CLEW_ADAPTER choose', async () => {
  withoutSystemDrivers();
  expect(await kindOf('bundled')).toBe('bundled');
  expect(await kindOf('sWiFt')).toBe('bundled');
  expect(await kindOf('driver 5.0')).toBe('bundled');
  vi.stubEnv('CLEW_ADAPTER', 'no such thing');
  expect(await kindOf('bundled')).toBe('bundled');
  await expect(openDevice()).rejects.toThrow(UserError);
  vi.stubEnv('CLEW_ADAPTER', 'swiftshader');
  expect(await kindOf()).toBe('bundled');
});

test('what is not there is named, with what is', async () => {
  withoutSystemDrivers();
  await expect(openDevice('H100')).rejects.toThrow(
    '--adapter H100: no such adapter; found SwiftShader Device (Subzero) (bundled); `clew doctor` says more',
  );
  await expect(openDevice('gpu')).rejects.toThrow(
    /^--adapter gpu: no adapter found; .*`clew doctor` says more$/,
  );
});

test('a device error outside any call is thrown by the next check', async () => {
  withoutSystemDrivers();
  const { device, check, close } = await openDevice();
  check();
  device.createBuffer({
    label: 'impossible',
    size: 16,
    usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.STORAGE,
  });
  await device.queue.onSubmittedWorkDone();
  expect(check).toThrow(/^the GPU reported: .*usage/);
  await close();
});

test('a lost device is told, a closed one is not', async () => {
  withoutSystemDrivers();
  const closed = await openDevice();
  await closed.close();
  await closed.close();
  closed.check();
  const destroyed = await openDevice();
  destroyed.device.destroy();
  await destroyed.lost;
  expect(destroyed.check).toThrow(/^the GPU device was lost \(destroyed\)/);
  await destroyed.close();
});

/** Runs a program that has `openDevice`, in a process of its own. */
const run = (program: string): Promise<{ code: number | null; stdout: string; stderr: string }> => {
  const module = new URL('../../dist/src/platform/node/open.js', import.meta.url);
  const text = `import { openDevice } from '${module}';\n${program}`;
  return new Promise((resolve) => {
    const env = { ...process.env, ...NO_DRIVER, CLEW_ADAPTER: '' };
    const child = execFile(
      process.execPath,
      ['--input-type=module', '-e', text],
      { env },
      (_, stdout, stderr) => resolve({ code: child.exitCode, stdout, stderr }),
    );
  });
};

const WORK = `
  const buffer = opened.device.createBuffer({ size: 1 << 20, usage: 12 });
  opened.device.queue.writeBuffer(buffer, 0, new Uint8Array(1 << 20));`;

test.each([
  ['after close', 'await opened.close(); console.log("end")', 0],
  ['without close', 'console.log("end")', 0],
  ['with work under way', 'opened.device.queue.onSubmittedWorkDone().then(() => console.log("end"))', 0],
  ['on an error', 'console.log("end"); throw new Error("x")', 1],
])('the process ends by itself: %s', async (_, last, code) => {
  const result = await run(`const opened = await openDevice();${WORK}\n${last}`);
  expect(result).toMatchObject({ code, stdout: 'end\n' });
  // Dawn's and the Vulkan loader's remarks on drivers stay off the screen.
  expect(result.stderr).not.toMatch(/Warning|vkCreateInstance/);
});
