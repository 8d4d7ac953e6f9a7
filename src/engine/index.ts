/** The engine as a library: `import { ... } from 'clew/engine'`. Browser-safe. */
export { backward } from './autograd.js';
export { type Device, GpuRuntime } from './gpu-runtime.js';
export { type Capabilities, type Case, type Op, type OpSpec, op } from './op.js';
export { type Plan, plan } from './plan.js';
export { ReferenceRuntime } from './reference-runtime.js';
export type { Program, Runtime, Step } from './runtime.js';
export { type DType, Graph, type NumberArray, type Shape, ShapeError, Tensor } from './tensor.js';
