// Gives the peers the adapter that Clew uses, as a browser would: on navigator.gpu.
import { bundledSource, requestByName, systemSource } from '../../dist/src/platform/node/dawn.js';

export async function gpuFor({ kind, backend, description }) {
  const source = kind === 'bundled' ? await bundledSource() : systemSource;
  const instance = await requestByName(source, { backend, name: description });
  const gpu = {
    requestAdapter: () => instance.gpu.requestAdapter({ powerPreference: 'high-performance' }),
    getPreferredCanvasFormat: () => 'rgba8unorm',
    wgslLanguageFeatures: instance.gpu.wgslLanguageFeatures,
  };
  Object.defineProperty(globalThis, 'navigator', {
    value: { gpu, userAgent: 'node', hardwareConcurrency: 2 },
    configurable: true,
  });
}
