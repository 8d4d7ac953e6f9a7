import type { Tensor } from '../engine/tensor.js';
import { efficientnet, efficientnetFeatures } from './backbones/efficientnet.js';
import type { EfficientNetName } from './backbones/efficientnet-sizes.js';
import { MOBILENET_FEATURES, mobilenet } from './backbones/mobilenet.js';
import { type ResNetName, resnet, resnetFeatures } from './backbones/resnet.js';
import { TINY_FEATURES, tiny } from './backbones/tiny.js';
import { dropout, linear, norm } from './layers.js';
import type { ModelName } from './names.js';
import { type Build, Scope } from './scope.js';

/** A backbone: images [B,S,S,3] -> features of all LIBs [B,n*d]; and d. */
interface Backbone {
  readonly features: number;
  readonly forward: (images: Tensor, scope: Scope) => Tensor;
}

const resnetBackbone = (name: ResNetName): Backbone => ({
  features: resnetFeatures(name),
  forward: (images, scope) => resnet(images, scope, name),
});

const efficientnetBackbone = (name: EfficientNetName): Backbone => ({
  features: efficientnetFeatures(name),
  forward: (images, scope) => efficientnet(images, scope, name),
});

const BACKBONES: Record<ModelName, Backbone> = {
  resnet18: resnetBackbone('resnet18'),
  resnet34: resnetBackbone('resnet34'),
  resnet50: resnetBackbone('resnet50'),
  mobilenet: { features: MOBILENET_FEATURES, forward: mobilenet },
  'efficientnet-b0': efficientnetBackbone('efficientnet-b0'),
  'efficientnet-b1': efficientnetBackbone('efficientnet-b1'),
  'efficientnet-b2': efficientnetBackbone('efficientnet-b2'),
  'efficientnet-b3': efficientnetBackbone('efficientnet-b3'),
  'efficientnet-b4': efficientnetBackbone('efficientnet-b4'),
  'efficientnet-b5': efficientnetBackbone('efficientnet-b5'),
  'efficientnet-b6': efficientnetBackbone('efficientnet-b6'),
  'efficientnet-b7': efficientnetBackbone('efficientnet-b7'),
  tiny: { features: TINY_FEATURES, forward: tiny },
};

export interface NetConfig {
  readonly model: ModelName;
  /** Number of Local Information Blocks, n. */
  readonly libs: number;
  /** Whether baseline_linear has a path to the loss. */
  readonly gil: boolean;
  /** Whether the local_linear{i} have one; without it they are kept but not computed. */
  readonly lil: boolean;
}

/** Logits of the class posteriors: z of p(y | G), f of p(y | Z), l[i] of p(y | Z \ z_i). */
export interface Heads {
  readonly z: Tensor;
  readonly f: Tensor;
  readonly l: readonly Tensor[];
}

export const featureSize = (model: ModelName): number => BACKBONES[model].features;

/** The n Local Information Blocks as one grouped network: images [B,S,S,3] -> Z [B,n*d]. */
export const libBank = (images: Tensor, config: NetConfig, build: Build): Tensor =>
  BACKBONES[config.model].forward(images, new Scope(build, '', config.libs));

/** The paper's figure from Z on: Z [B,n*d] -> logits [B,2] each. */
export function heads(Z: Tensor, config: NetConfig, build: Build): Heads {
  const top = new Scope(build, '');
  const d = featureSize(config.model);
  const blocks = Array.from({ length: config.libs }, (_, i) => i);
  const without = (i: number) => [i * d, d] as const;
  const local = config.lil ? top : top.frozen();
  const l = blocks.map((i) => linear(Z, local.at(`local_linear${i + 1}`), 2, without(i)));
  const f = linear(Z, (config.gil ? top : top.frozen()).at('baseline_linear'), 2);
  const G = fusion(Z, top.at('bottleneck.model'), d);
  const z = linear(dropout(G, top.at('linear.0')), top.at('linear.1'), 2);
  return { z, f, l };
}

/** Aggregates the LIBs into one global feature G [B,d]. Indices are those of the reference's nn.Sequential. */
function fusion(Z: Tensor, scope: Scope, d: number): Tensor {
  let x = norm(linear(Z, scope.at('0'), 1000), scope.at('1'), { activation: 'relu' });
  x = norm(linear(dropout(x, scope.at('3')), scope.at('4'), 500), scope.at('5'), { activation: 'relu' });
  return linear(dropout(x, scope.at('7')), scope.at('8'), d);
}

export const libNet = (images: Tensor, config: NetConfig, build: Build): Heads =>
  heads(libBank(images, config, build), config, build);
