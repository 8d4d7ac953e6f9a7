import koffi from 'koffi';
import { captureStderr } from './stderr.js';
import { unpackSwiftShader } from './swiftshader.js';
import { sleepWhileWaiting } from './wait.js';

/** Where the Vulkan loader looks for drivers: `env` holds while an instance is made, then the environment is as before. */
export interface Source {
  kind: 'system' | 'bundled';
  env: Record<string, string>;
}

/** An adapter by the name its driver gives it. */
export interface Name {
  backend: string;
  name: string;
}

/** The object of create() must live as long as anything made from it: Dawn dies when it is collected with work under way. */
export interface Instance {
  gpu: GPU;
  adapter: GPUAdapter;
}

export const systemSource: Source = { kind: 'system', env: {} };

/** Old loaders know the second name alone. */
export const onlyDriver = (manifest: string) => ({ VK_DRIVER_FILES: manifest, VK_ICD_FILENAMES: manifest });

const TOGGLES = [
  'enable-dawn-features=vulkan_enable_f16_on_nvidia', // else Dawn hides shader-f16 there
  'disable-dawn-features=timestamp_quantization', // else times are multiples of 65 us
];

/**
 * SwiftShader from the cache folder. Where the machine has no Vulkan loader, the one that comes with it is loaded first, by path:
 * from then on its SONAME, libvulkan.so.1, satisfies Dawn's dlopen. (process.dlopen would keep such names private.) A loader of
 * the machine's own serves SwiftShader as well, and, unlike the bundled one, finds the system's drivers afterwards.
 */
export async function bundledSource(): Promise<Source> {
  const { loader, icd } = await unpackSwiftShader();
  try {
    koffi.load('libvulkan.so.1');
  } catch {
    koffi.load(loader);
  }
  return { kind: 'bundled', env: onlyDriver(icd) };
}

function withEnv<T>(env: Record<string, string>, run: () => T): T {
  const before = Object.keys(env).map((key) => [key, process.env[key]] as const);
  Object.assign(process.env, env);
  try {
    return run();
  } finally {
    for (const [key, value] of before)
      if (value === undefined) delete process.env[key];
      else process.env[key] = value;
  }
}

/** One Dawn instance and its first adapter under these options. Dawn reads drivers and prints within the call, not later. */
async function instance(source: Source, options: string[]) {
  const { create, globals } = await import('webgpu');
  if (!('GPUBufferUsage' in globalThis)) Object.assign(globalThis, globals);
  sleepWhileWaiting();
  const { value, text } = withEnv(source.env, () =>
    captureStderr(() => {
      const gpu = create([...TOGGLES, ...options]);
      const adapter = gpu.requestAdapter({ powerPreference: 'high-performance' });
      adapter.catch(() => {}); // awaited by the caller
      return { gpu, adapter };
    }),
  );
  return { ...value, text };
}

/** The lines that say why a driver was refused, of what Dawn and the Vulkan loader printed. */
const complaints = (text: string): string[] => [
  ...new Set(
    text
      .split('\n')
      .filter((line) => /^(Warning|Error): /.test(line) && !line.includes('artificially reduced'))
      .map((line) => line.replace(/^\w+: /, '').trim()),
  ),
];

/** The names of all adapters, best first, and why drivers were refused. Dawn tells them to those who ask for a name it lacks. */
export async function adapterNames(source: Source): Promise<{ names: Name[]; refused: string[] }> {
  const { adapter, text } = await instance(source, ['adapter=(none: list them)']);
  const message = await adapter.then(
    () => '',
    (error: Error) => error.message,
  );
  const listed = [...message.matchAll(/\* backend: '(.*)', name: '(.*)'/g)];
  return {
    names: listed.map(([, backend, name]) => ({ backend: backend!, name: name! })),
    refused: complaints(text),
  };
}

/** The adapter of that name, or null. */
export async function requestByName(source: Source, { backend, name }: Name): Promise<Instance | null> {
  const { gpu, adapter } = await instance(source, [`backend=${backend}`, `adapter=${name}`]);
  const found = await adapter;
  return found && { gpu, adapter: found };
}
