import type { Op } from '../engine/op.js';
import { addOp } from './add.js';
import { copyOp } from './copy.js';
import { fillOp } from './fill.js';
import { reluGradientOp, reluOp } from './relu.js';

/** The registry: tests, `clew verify`, `clew bench kernels` and docs/OPS.md follow from it. */
export const operations: readonly Op[] = [copyOp, fillOp, addOp, reluOp, reluGradientOp];
