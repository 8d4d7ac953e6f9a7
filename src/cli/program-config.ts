import type { Capabilities } from '../engine/op.js';
import type { ProgramConfig } from '../train/programs.js';
import type { Config } from './config.js';

type Needed = Pick<
  Config,
  | 'model'
  | 'num_LIBs'
  | 'size'
  | 'gil_loss'
  | 'lil_loss'
  | 'mi_calculator'
  | 'temperature'
  | 'balance_loss_method'
  | 'scales'
> &
  Partial<Pick<Config, 'optimizer' | 'weight_decay' | 'momentum' | 'nesterov' | 'recompute'>>;

/** The flags that decide what is computed, as the training programs want them. */
export function programConfig(config: Needed): ProgramConfig {
  const {
    gil_loss: gil,
    lil_loss: lil,
    optimizer = 'adam',
    weight_decay = 0,
    momentum = 0,
    nesterov = false,
    recompute = false,
  } = config;
  return {
    net: { model: config.model, libs: config.num_LIBs, gil, lil },
    loss: {
      gil,
      lil,
      calculator: config.mi_calculator,
      temperature: config.temperature,
      method: config.balance_loss_method,
      scales: config.scales,
    },
    optimizer: { kind: optimizer, weightDecay: weight_decay, momentum, nesterov },
    size: config.size,
    dropout: 0.5,
    recompute,
  };
}

export type Arithmetic = Pick<Capabilities, 'fastMath' | 'halves'>;

/** What --fast_math and --precision allow beyond plain float32. */
export const arithmeticOf = ({
  fast_math,
  precision,
}: Pick<Config, 'fast_math' | 'precision'>): Arithmetic => ({
  fastMath: fast_math,
  halves: precision === 'f16',
});
