/**
 * Every flag of the program, once: its parser, its default as a user would type it, its line of help, by group. The type of
 * `Config` follows from this table. Flags of the reference keep its spelling and defaults.
 */
import type { Augmentation } from '../data/augment.js';
import { DETECTORS } from '../faces/detector.js';
import { LAYOUTS } from '../prepare/layouts.js';
import {
  boolean,
  countOrAll,
  either,
  folderName,
  list,
  model,
  nonNegative,
  oneOf,
  type Parser,
  positive,
  prefixPair,
  real,
  scales,
  switchOrFolder,
  text,
  whole,
} from './values.js';

export interface Flag<T> {
  readonly parse: Parser<T>;
  /** Text of the default; without one the flag's value is `undefined`, or `[]` if it is repeatable. */
  readonly standard?: string;
  readonly help: string;
  /** May be given several times; its value is the list. */
  readonly repeatable?: true;
  /** `True` may be left out even when another word follows (`--json FILE`). */
  readonly isSwitch?: true;
  /** `True` may be left out at the end or before another flag. */
  readonly isBoolean?: true;
}

const flag = <T>(parse: Parser<T>, standard: string, help: string) => ({ parse, standard, help });
const optional = <T>(parse: Parser<T>, help: string) => ({ parse, help });
const repeatable = <T>(parse: Parser<T>, help: string) => ({ parse, help, repeatable: true as const });
const yesNo = (standard: string, help: string) => ({
  ...flag(boolean, standard, help),
  isBoolean: true as const,
});
const option = (help: string) => ({ ...flag(boolean, 'False', help), isSwitch: true as const });

const file = text('a file');
const folder = text('a folder');

export const groups = {
  Model: {
    model: flag(
      model,
      'resnet',
      'backbone of every LIB: resnet (34), resnet18, resnet50, mobilenet, efficientnet (b4), efficientnet-b0 ... b7, tiny',
    ),
    num_LIBs: flag(whole(2, 16), '4', 'local information blocks, 2 to 16'),
    size: flag(
      whole(32, 1024),
      '224',
      'side of the face images in pixels; for tiny 32 to 96, 64 unless given',
    ),
    channel_order: flag(
      oneOf('bgr', 'rgb'),
      'bgr',
      'bgr as the reference; rgb for weights trained elsewhere',
    ),
  },
  Losses: {
    lil_loss: yesNo('True', 'local information loss'),
    gil_loss: yesNo('True', 'global information loss'),
    temperature: flag(positive, '1.5', 'temperature of the softmax in both'),
    mi_calculator: flag(
      oneOf('kl', 'w', 'wp'),
      'kl',
      'divergence in both: kl, w (Wasserstein as the reference), wp (Wasserstein between probabilities)',
    ),
    balance_loss_method: flag(
      oneOf('auto', 'hyper', 'sum'),
      'auto',
      'auto (learned weights), hyper (--scales) or sum (no weights)',
    ),
    scales: flag(scales, '[1,2,10]', 'weights of ce, gil, lil for hyper; also ce=1,gil=2,lil=10'),
  },
  Training: {
    epoch: flag(whole(1), '10', 'epochs in all, those before a resume included'),
    bs: flag(whole(1), '256', 'images in a training batch'),
    micro_bs: optional(
      whole(1),
      'images that go through the backbone at once; --bs unless given. Bounds the memory',
    ),
    recompute: option(
      'compute batch norms once more in the backward pass instead of keeping them: less memory, more time, same bits',
    ),
    lr: flag(positive, '1e-3', 'learning rate'),
    weight_decay: flag(nonNegative, '1e-6', 'L2 weight decay, added to the gradient'),
    optimizer: flag(oneOf('adam', 'sgd'), 'adam', 'adam or sgd'),
    momentum: flag(
      real('a number from 0 to below 1', (value) => value >= 0 && value < 1),
      '0.9',
      'momentum of sgd',
    ),
    nesterov: yesNo('False', "Nesterov's momentum in sgd"),
    mixup: yesNo('True', 'mix pairs of images'),
    alpha: flag(positive, '0.5', 'mixup draws its share from Beta(alpha, alpha)'),
    select: flag(
      oneOf('val', 'test'),
      'val',
      'split that picks the best epoch and halves the rate; test as the reference',
    ),
    seed: flag(whole(0, 2 ** 32 - 1), '0', 'same seed, same run on the same adapter'),
    augment: flag(
      text('reference, none or a JSON file') as Parser<string | Augmentation>,
      'reference',
      'what happens to training images: reference (as published), none, or FILE.json (docs/AUGMENT.md)',
    ),
    pretrained: optional(
      file,
      'ImageNet weights for every LIB, .pth or .safetensors; examples below, all files in docs/WEIGHTS.md',
    ),
    allow_partial: option('load the tensors of --pretrained that fit, list the others, and go on'),
  },
  Data: {
    dataset: flag(
      list(text('a name'), 'names such as FF++ or FF++,Celeb-DF-v2'),
      'FF++',
      'folder below --datasets, or builtin; several for testing: A,B',
    ),
    datasets: flag(folder, './datasets', 'folder of the lists: DIR/NAME/{train,val,test}_{real,fake}.txt'),
    data_root: optional(folder, 'folder that relative paths in the lists start from'),
    map_prefix: repeatable(
      prefixPair,
      'OLD=NEW: paths in the lists that start with OLD start with NEW; repeatable',
    ),
    test_bs: flag(whole(1), '1000', 'images in an evaluation batch'),
    num_workers: flag(whole(0), '12', 'threads that decode and augment images'),
    cache: {
      ...flag(
        switchOrFolder,
        'False',
        'keep decoded, resized images in files below this folder, 3 SIZE^2 bytes each; True: below the cache folder',
      ),
      isBoolean: true as const,
    },
  },
  Run: {
    name: flag(folderName, 'train_model', 'name of the run; it writes to SAVE_PATH/NAME'),
    save_path: flag(folder, 'output', 'folder of the runs'),
    save_model: yesNo('True', 'write checkpoints'),
    save_every: flag(whole(0), '0', 'also write model_last every STEPS steps; 0: only after each epoch'),
    overwrite: option('replace a run, or a converted file, of the same name'),
    resume_model: optional(file, "checkpoint to go on from, or to test: ours, or the reference's .pth"),
    test: yesNo('False', 'test --resume_model instead of training'),
  },
  Scoring: {
    images: optional(folder, 'score the images below this folder instead of a data set'),
    csv: optional(file, 'write scores and decisions per frame and per video'),
  },
  Preparation: {
    layout: optional(oneOf(...LAYOUTS), `layout of the videos: ${either(LAYOUTS)} (real/ and fake/)`),
    frames: flag(countOrAll, '32', 'frames of each video, evenly over its length; or all'),
    every: flag(whole(1), '1', 'look at every Nth frame of a video only'),
    margin: flag(
      real('a number from 1 to 4', (value) => value >= 1 && value <= 4),
      '1.3',
      'side of a crop over the side of the face',
    ),
    compression: flag(oneOf('raw', 'c0', 'c23', 'c40'), 'c23', 'which videos of FF++: raw, c0, c23 or c40'),
    detector: flag(
      oneOf(...DETECTORS),
      'tiny',
      'face detector: tiny (TinyFaceDetector, comes with Clew) or retinaface (--detector_model)',
    ),
    detector_model: optional(file, 'weights of the detector: an .onnx file for retinaface'),
  },
  Kernels: {
    op: optional(text('the name of an operation'), 'only this operation'),
    shape: optional(text('a shape such as 8x56x56x64'), 'only cases of this shape'),
    variant: optional(
      text('the name of a variant, or all'),
      'this variant, or all; else the default one of each case',
    ),
    kernels: optional(
      folder,
      'folder of your own .wgsl files, named as those in shaders/: tried beside them as variants `own NAME`',
    ),
  },
  Reports: {
    html: optional(
      file,
      'bench kernels: also write a page that shows each kernel under the measured roofline',
    ),
    opencv: optional(
      text('a Python program such as python3'),
      "bench data: also time the same operations with this Python's cv2",
    ),
    trace: optional(file, 'bench step: also write a trace of one step, for ui.perfetto.dev'),
  },
  Device: {
    adapter: optional(
      text('gpu, system, bundled, reference or part of an adapter name'),
      'gpu, system, bundled, reference (CPU, float64, slow) or part of the name; else CLEW_ADAPTER, else the best there is',
    ),
    gpu_num: flag(
      list(whole(0), 'GPU numbers such as 0 or 0,1,2,3'),
      '0,1,2,3',
      'GPUs; this version uses one',
    ),
    precision: flag(
      oneOf('f32', 'f16'),
      'f32',
      'f16: GPUs with shader-f16 round the operands of forward products to 16 bits; sums stay f32',
    ),
    fast_math: option(
      'forward convolutions by Winograd, too, as their gradients are: faster, at four times the rounding',
    ),
    tune: flag(
      oneOf('off', 'cached', 'full'),
      process.env.CLEW_TUNE ?? 'cached',
      'choose kernels by measuring: full measures what is not known yet, cached uses what is known, off neither; else CLEW_TUNE',
    ),
  },
  Pictures: {
    image: optional(file, 'the image to augment'),
    n: optional(
      whole(1, 1000),
      'pictures: draws of augment (16 unless given), or faces in each row of data show (8)',
    ),
  },
  Planning: {
    memory: flag(positive, '8', 'GiB of device memory that a step may take'),
  },
  Output: {
    fold: option('convert to .onnx: batch norms become part of the layers before them'),
    o: optional(file, 'file or folder to write'),
    json: option('print one JSON object instead of text'),
  },
} as const;

const keys = <T extends object>(group: T) => Object.keys(group) as (keyof T & string)[];

const table = {
  ...groups.Model,
  ...groups.Losses,
  ...groups.Training,
  ...groups.Data,
  ...groups.Run,
  ...groups.Scoring,
  ...groups.Pictures,
  ...groups.Planning,
  ...groups.Preparation,
  ...groups.Kernels,
  ...groups.Reports,
  ...groups.Device,
  ...groups.Output,
};

export type FlagTable = typeof table;
export type FlagName = keyof FlagTable;

export const flagNames: readonly FlagName[] = keys(table);
export const flags: { readonly [K in FlagName]: Flag<unknown> } = table;

/** The flags of each command that has its own. */
export const flagsOf = {
  train: [
    ...keys(groups.Model),
    ...keys(groups.Losses),
    ...keys(groups.Training),
    ...keys(groups.Data),
    ...keys(groups.Run),
    ...keys(groups.Device),
  ],
  test: [
    'resume_model',
    ...keys(groups.Scoring),
    ...keys(groups.Model),
    ...keys(groups.Losses),
    ...keys(groups.Data),
    ...keys(groups.Device),
    'json',
  ],
  plan: [
    ...keys(groups.Model),
    ...keys(groups.Losses),
    ...keys(groups.Training),
    'test_bs',
    ...keys(groups.Planning),
    'json',
  ],
  verify: ['kernels', 'fast_math', 'precision', 'adapter', 'json'],
  doctor: ['adapter', 'json'],
  bench: [
    ...keys(groups.Kernels),
    ...keys(groups.Model),
    ...keys(groups.Losses),
    ...keys(groups.Training),
    ...keys(groups.Reports),
    'fast_math',
    'precision',
    'images',
    'num_workers',
    'tune',
    'adapter',
    'json',
  ],
  wgsl: ['shape', 'variant', 'kernels', 'fast_math', 'precision', 'adapter'],
  prepare: [...keys(groups.Preparation), 'o', 'seed', 'num_workers', 'adapter', 'json'],
  data: ['dataset', 'datasets', 'data_root', 'map_prefix', 'n', 'o', 'size', 'seed', 'num_workers', 'json'],
  convert: ['fold', 'size', 'overwrite'],
  augment: [...keys(groups.Pictures), 'o', 'augment', 'size', 'channel_order', 'seed'],
  demo: ['name', 'save_path', 'seed', 'adapter'],
} as const satisfies Record<string, readonly FlagName[]>;

export type CommandName = keyof typeof flagsOf;
