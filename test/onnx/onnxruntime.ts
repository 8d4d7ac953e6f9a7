/** ONNX Runtime, from a package that is installed beside this file the first time it is needed. */
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

/** As much of onnxruntime-node's interface as the test uses: its types come with the package, which may not be there yet. */
interface Ort {
  readonly Tensor: new (type: 'float32', data: Float32Array, dims: readonly number[]) => OrtTensor;
  readonly InferenceSession: { create(model: Uint8Array): Promise<OrtSession> };
}

interface OrtTensor {
  readonly data: Float32Array;
  readonly dims: readonly number[];
}

interface OrtSession {
  run(feeds: Readonly<Record<string, OrtTensor>>): Promise<Readonly<Record<string, OrtTensor>>>;
  release(): Promise<void>;
}

const here = dirname(fileURLToPath(import.meta.url));
const require = createRequire(import.meta.url);

export function onnxRuntime(): Ort {
  if (!isInstalled()) install();
  return require('onnxruntime-node') as Ort;
}

function isInstalled(): boolean {
  try {
    require.resolve('onnxruntime-node');
    return true;
  } catch {
    return false;
  }
}

/** Without its script, which would fetch a CUDA provider of many times its size. */
function install(): void {
  const words = ['ci', '--ignore-scripts', '--no-audit', '--no-fund'];
  try {
    execFileSync('npm', words, { cwd: here, stdio: 'pipe', shell: process.platform === 'win32' });
  } catch (cause) {
    throw new Error(`no ONNX Runtime: with a network, run npm ci --ignore-scripts --prefix ${here}`, {
      cause,
    });
  }
}
