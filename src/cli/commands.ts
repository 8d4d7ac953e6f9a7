/** The commands of the program. What a command does is loaded only when it runs, so help comes without a GPU driver. */
import type { Call, ConfigOf, Grammar } from './config.js';
import { type CommandName, flagsOf } from './flags.js';

/** A command's own file, `src/cli/<name>.ts`. */
export interface CommandModule<C extends CommandName> {
  /** @returns the exit code of the process */
  run(config: ConfigOf<C>, call: Call): Promise<number>;
}

export interface Command extends Grammar {
  /** Name and positional words, as the help shows them. */
  readonly usage: string;
  readonly summary: string;
  /** Command lines without `clew`, and what each does. */
  readonly examples: readonly (readonly [line: string, says: string])[];
  /** How many words may follow the name. */
  readonly words: number;
  load(): Promise<CommandModule<CommandName>>;
}

type Definition<C extends CommandName> = Pick<Command, 'summary' | 'examples' | 'defaults'> & {
  /** Positional words as the help shows them, and how many there may be; none if absent. */
  readonly positional?: readonly [usage: string, atMost: number];
  load(): Promise<CommandModule<C>>;
};

const command = <C extends CommandName>(name: C, { positional, ...rest }: Definition<C>): Command => ({
  name,
  flags: flagsOf[name],
  usage: positional ? `${name} ${positional[0]}` : name,
  words: positional?.[1] ?? 0,
  ...rest,
});

export const commands: readonly Command[] = [
  command('train', {
    summary: 'train a detector, then test its best epoch',
    examples: [
      ['train --dataset builtin --model tiny --bs 32 --epoch 5', 'small and quick, on built-in faces'],
      [
        'train --dataset FF++ --model resnet --pretrained resnet34-b627a593.pth',
        'as published; weights of download.pytorch.org/models or huggingface.co/timm',
      ],
      [
        'train --model mobilenet --pretrained mobilenetv1_100.ra4_e3600_r224_in1k.safetensors',
        'of huggingface.co/timm; EfficientNet: also github.com/lukemelas/EfficientNet-PyTorch',
      ],
      ['train --bs 64 --micro_bs 16', 'the same step in a quarter of the memory'],
      ['train --balance_loss_method hyper --scales ce=1,gil=2,lil=10', 'fixed loss weights'],
      ['train --resume_model output/train_model/model_last.safetensors', 'go on to --epoch'],
    ],
    load: () => import('./train.js'),
  }),
  command('test', {
    summary: 'test a checkpoint on data sets or score a folder of images',
    examples: [
      [
        'test --resume_model output/my_run/model_best.safetensors --dataset FF++,Celeb-DF-v2',
        'a table of metrics',
      ],
      ['test --resume_model model_best.safetensors --images faces --csv scores.csv', 'scores and decisions'],
      ['test --resume_model reference.pth --model resnet --num_LIBs 4', "the reference's checkpoint"],
    ],
    load: () => import('./test.js'),
  }),
  command('verify', {
    positional: ['[FILE...]', Number.POSITIVE_INFINITY],
    summary: 'compare every operation and whole networks with golden numbers',
    examples: [
      ['verify', 'all operations and the golden files of the package'],
      ['verify net-mine.json --adapter bundled --json', 'only this file, on the bundled software GPU'],
    ],
    load: () => import('./verify.js'),
  }),
  command('doctor', {
    summary: 'show GPUs, drivers, limits and speed, and how to get a faster driver',
    examples: [
      ['doctor', 'what was found, and what was refused and why'],
      ['doctor --adapter system --json', 'one adapter, as JSON'],
    ],
    load: async () => ({ run: (await import('./doctor.js')).doctor }),
  }),
  command('plan', {
    summary: 'show parameters, FLOPs and memory of a configuration, without a GPU',
    examples: [
      ['plan --model resnet --bs 256', 'by part, and the largest --micro_bs that fits'],
      ['plan --model mobilenet --num_LIBs 8 --json', 'as JSON'],
    ],
    load: () => import('./plan.js'),
  }),
  command('bench', {
    positional: ['kernels|step|data', 1],
    summary: 'time operations, a training step, or the loading of images',
    examples: [
      ['bench kernels', 'every operation'],
      ['bench kernels --op conv2d --variant all --json', 'every variant of one operation'],
      ['bench kernels --html roofline.html', 'and a page that shows them under the roofline'],
      ['bench kernels --op relu --kernels my-shaders', 'my-shaders/relu.wgsl beside our own'],
      ['bench data --num_workers 4 --opencv python3', 'loading and augmenting, compared with OpenCV'],
      ['bench step --model resnet --bs 8 --size 64 --trace step.json', 'a training step by operation'],
    ],
    load: () => import('./bench.js'),
  }),
  command('wgsl', {
    positional: ['OPERATION', 1],
    summary: 'print the shaders of an operation as the device gets them',
    examples: [
      ['wgsl conv2d', 'of its first case, as this adapter would run it'],
      ['wgsl conv2d --shape 7x7x512 --variant tile64', 'another shape and variant'],
    ],
    load: () => import('./wgsl.js'),
  }),
  command('prepare', {
    positional: ['VIDEO_DIR', 1],
    summary: 'crop the faces out of videos and write the lists',
    examples: [
      ['prepare /data/ffpp -o /data/crops --layout FF++', '32 frames of each video'],
      [
        'prepare videos -o crops --layout folders --frames all --every 10',
        'real/ and fake/, every tenth frame',
      ],
      [
        'prepare videos -o crops --layout DFDC --detector retinaface --detector_model r.onnx',
        'RetinaFace instead of the built-in detector',
      ],
    ],
    load: () => import('./prepare.js'),
  }),
  command('convert', {
    positional: ['IN OUT', 2],
    summary: 'convert weights among PyTorch (.pth), safetensors and ONNX files',
    examples: [
      ['convert output/my_run/model_best.safetensors model_best.pth', "the reference's {state_dict, epoch}"],
      ['convert resnet34-b627a593.pth resnet34.safetensors', 'for tools that read no pickles'],
      [
        'convert output/my_run/model_best.safetensors detector.onnx --fold',
        'the whole detector for ONNX tools',
      ],
    ],
    load: () => import('./convert.js'),
  }),
  command('augment', {
    summary: 'draw a sheet of what training makes of an image',
    examples: [
      ['augment --image face.png --n 16 -o sheet.png', 'the image and 16 draws, each with what hit it'],
      ['augment --image face.png --augment mine.json --size 128', 'by your own list (docs/AUGMENT.md)'],
    ],
    load: () => import('./augment.js'),
  }),
  command('data', {
    defaults: { size: '64' },
    positional: ['WHAT', 1],
    summary: 'check, show, or demo-real: make a small set of photographs',
    examples: [
      ['data check --dataset FF++ --datasets crops/datasets', 'what is missing, broken or leaking, by cause'],
      ['data show --dataset FF++ --datasets ./datasets -o faces.png', 'real and fake faces of each split'],
      ['data demo-real -o photographs', 'real faces from photographs, and forgeries of them'],
    ],
    load: () => import('./data.js'),
  }),
  command('demo', {
    summary: 'train a tiny detector on built-in faces and test it, in minutes',
    examples: [
      ['demo', 'writes to output/demo'],
      ['demo --seed 1 --adapter system', 'other draws, a chosen adapter'],
    ],
    defaults: { name: 'demo' },
    load: () => import('./demo.js'),
  }),
];
