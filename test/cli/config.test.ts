import { expect, test } from 'vitest';
import { readCommandLine } from '../../src/cli/command-line.js';
import { commands } from '../../src/cli/commands.js';
import { type Config, parseConfig } from '../../src/cli/config.js';
import { parseInvocation } from '../../src/cli/program.js';

/** A command line as a shell hands it over: split at blanks. */
const invoke = (line: string) => parseInvocation(readCommandLine(line.split(' ').filter(Boolean)));
const config = (line: string): Partial<Config> => invoke(line).config;
const warnings = (line: string) => invoke(line).call.warnings;

const referenceDefaults = {
  name: 'train_model',
  gpu_num: [0, 1, 2, 3],
  model: 'resnet34',
  epoch: 10,
  weight_decay: 1e-6,
  lr: 1e-3,
  bs: 256,
  test_bs: 1000,
  num_workers: 12,
  size: 224,
  dataset: ['FF++'],
  mixup: true,
  alpha: 0.5,
  lil_loss: true,
  gil_loss: true,
  temperature: 1.5,
  mi_calculator: 'kl',
  balance_loss_method: 'auto',
  scales: [1, 2, 10],
  num_LIBs: 4,
  resume_model: undefined,
  test: false,
  save_model: true,
  save_path: 'output',
};

const referenceLine =
  '--name train_model --gpu_num 0,1,2,3 --model resnet --epoch 10 --weight_decay 1e-6 --lr 1e-3 --bs 256 ' +
  '--test_bs 1000 --num_workers 12 --size 224 --dataset FF++ --mixup True --alpha 0.5 --lil_loss True ' +
  '--gil_loss True --temperature 1.5 --mi_calculator kl --balance_loss_method auto --scales [1,2,10] --num_LIBs 4 ' +
  '--test False --save_model True --save_path output';

test("the reference's defaults hold without flags, and its flags parse as written", () => {
  expect(config('train')).toMatchObject(referenceDefaults);
  expect(config(referenceLine)).toEqual(config('train'));
  expect(config(referenceLine.replaceAll(/(--\w+) /g, '$1='))).toEqual(config('train'));
  expect(invoke(referenceLine).command.name).toBe('train');
  expect(invoke(referenceLine).call.given.size).toBe(23);
});

test('other values of every reference flag arrive typed', () => {
  const line =
    'train --name run_2 --gpu_num 2 --model mobilenet --epoch 3 --weight_decay 0 --lr .01 --bs 8 --test_bs 16 ' +
    '--num_workers 0 --size 64 --dataset Celeb-DF-v2 --mixup False --alpha 1 --lil_loss no --gil_loss 0 ' +
    '--temperature 2 --mi_calculator w --balance_loss_method hyper --scales 3,4,5 --num_LIBs 16 ' +
    '--resume_model a/b.tar --save_model false --save_path /tmp/out';
  expect(config(line)).toMatchObject({
    name: 'run_2',
    gpu_num: [2],
    model: 'mobilenet',
    epoch: 3,
    weight_decay: 0,
    lr: 0.01,
    bs: 8,
    test_bs: 16,
    num_workers: 0,
    size: 64,
    dataset: ['Celeb-DF-v2'],
    mixup: false,
    alpha: 1,
    lil_loss: false,
    gil_loss: false,
    temperature: 2,
    mi_calculator: 'w',
    balance_loss_method: 'hyper',
    scales: [3],
    num_LIBs: 16,
    resume_model: 'a/b.tar',
    save_model: false,
    save_path: '/tmp/out',
  });
});

test("defaults of the program's own flags", () => {
  expect(config('train')).toMatchObject({
    optimizer: 'adam',
    momentum: 0.9,
    nesterov: false,
    seed: 0,
    micro_bs: undefined,
    select: 'val',
    save_every: 0,
    overwrite: false,
    adapter: undefined,
    datasets: './datasets',
    data_root: undefined,
    map_prefix: [],
    channel_order: 'bgr',
    pretrained: undefined,
  });
});

test.each([
  ['True', true],
  ['true', true],
  ['1', true],
  ['yes', true],
  ['False', false],
  ['FALSE', false],
  ['0', false],
  ['no', false],
])('--mixup %s', (text, value) => {
  expect(config(`--mixup ${text}`).mixup).toBe(value);
  expect(config(`--mixup=${text}`).mixup).toBe(value);
});

test('a boolean flag without a value is true, and a switch leaves the word behind it alone', () => {
  expect(config('--nesterov --optimizer sgd')).toMatchObject({ nesterov: true, optimizer: 'sgd' });
  expect(config('--overwrite --lr 1')).toMatchObject({ overwrite: true, lr: 1 });
  expect(invoke('verify --json a.json b.json')).toMatchObject({
    config: { json: true },
    call: { words: ['a.json', 'b.json'] },
  });
  expect(config('verify --json False').json).toBe(false);
});

test.each([
  '[1,2,10]',
  '[1, 2, 10]',
  '1,2,10',
  '1, 2, 10',
  '[1 2 10]',
  'ce=1,gil=2,lil=10',
  'lil=10, ce=1, gil=2',
])('--scales %s', (text) => {
  const parsed = invoke(`--balance_loss_method hyper --scales ${text} --name after`);
  expect(parsed.config).toMatchObject({ scales: [1, 2, 10], name: 'after' });
  expect(parsed.call.words).toEqual([]);
  expect(config(`--scales=${text}`).scales).toEqual([1, 2, 10]);
});

test('scales go to the terms that are on: by place as the reference, by name as meant', () => {
  const hyper = '--balance_loss_method hyper';
  expect(config(`${hyper} --gil_loss False --scales 1,2,10`).scales).toEqual([1, 2]);
  expect(config(`${hyper} --gil_loss False --scales ce=1,gil=2,lil=10`).scales).toEqual([1, 10]);
  expect(() => config(`${hyper} --scales 1,2`)).toThrow(
    '--scales: lacks a weight for lil; wants ce, gil, lil',
  );
  expect(() => config(`${hyper} --scales lil=3`)).toThrow('--scales: lacks a weight for ce and gil; wants');
});

test('models by name; resnet is ResNet-34', () => {
  for (const name of ['resnet18', 'resnet34', 'resnet50', 'mobilenet', 'tiny'])
    expect(config(`--model ${name}`).model).toBe(name);
  expect(config('--model resnet').model).toBe('resnet34');
});

test('tiny has its own sizes', () => {
  expect(config('--model tiny').size).toBe(64);
  expect(config('--model tiny --size 96').size).toBe(96);
  expect(() => config('--model tiny --size 224')).toThrow(
    '--size 224: --model tiny wants a size from 32 to 96',
  );
});

test('--map_prefix is repeatable and splits at the first =', () => {
  expect(config('--map_prefix /a=/b --map_prefix=x=y=z --map_prefix old=').map_prefix).toEqual([
    { from: '/a', to: '/b' },
    { from: 'x', to: 'y=z' },
    { from: 'old', to: '' },
  ]);
});

const models = 'resnet, resnet18, resnet34, resnet50, mobilenet or tiny';
test.each([
  ['--bs abc', '--bs abc: wants a whole number of at least 1'],
  ['--bs 0', '--bs 0: wants a whole number of at least 1'],
  ['--bs 2.5', '--bs 2.5: wants a whole number of at least 1'],
  ['--bs 1', '--bs 1: training wants at least 2, batch norm has no variance over one image'],
  ['--bs --lr 1', '--bs: wants a whole number of at least 1'],
  ['--bs', '--bs: wants a whole number of at least 1'],
  ['--epoch 1e3', '--epoch 1e3: wants a whole number of at least 1'],
  ['--test_bs -1', '--test_bs -1: wants a whole number of at least 1'],
  ['--num_workers x', '--num_workers x: wants a whole number of at least 0'],
  ['--size 16', '--size 16: wants a whole number from 32 to 1024'],
  ['--num_LIBs 1', '--num_LIBs 1: wants a whole number from 2 to 16'],
  ['--num_LIBs 17', '--num_LIBs 17: wants a whole number from 2 to 16'],
  ['--seed -1', '--seed -1: wants a whole number from 0 to 4294967295'],
  ['--lr 0', '--lr 0: wants a number above 0'],
  ['--lr 0x10', '--lr 0x10: wants a number above 0'],
  ['--lr 1e999', '--lr 1e999: wants a number above 0'],
  ['--weight_decay -1e-6', '--weight_decay -1e-6: wants a number of at least 0'],
  ['--alpha nan', '--alpha nan: wants a number above 0'],
  ['--temperature 0', '--temperature 0: wants a number above 0'],
  ['--momentum 1', '--momentum 1: wants a number from 0 to below 1'],
  ['--mixup maybe', '--mixup maybe: wants True or False'],
  ['--model vgg', `--model vgg: wants ${models}`],
  ['--model efficientnet', `--model efficientnet: not in this version yet; use ${models}`],
  ['--model efficientnet-b7', `--model efficientnet-b7: not in this version yet; use ${models}`],
  ['--model efficientnet-b8', `--model efficientnet-b8: wants ${models}`],
  ['--mi_calculator js', '--mi_calculator js: wants kl, w or wp'],
  ['--balance_loss_method none', '--balance_loss_method none: wants auto, hyper or sum'],
  ['--select train', '--select train: wants val or test'],
  ['--optimizer sdg', '--optimizer sdg: wants adam or sgd'],
  ['--channel_order rbg', '--channel_order rbg: wants bgr or rgb'],
  ['--gpu_num cuda', '--gpu_num cuda: wants GPU numbers such as 0 or 0,1,2,3'],
  ['--name a/b', '--name a/b: wants a name without slashes, it becomes a folder'],
  ['--name ..', '--name ..: wants a name without slashes, it becomes a folder'],
  ['--save_path=', '--save_path: wants a folder'],
  ['--resume_model', '--resume_model: wants a file'],
  ['--map_prefix x', '--map_prefix x: wants OLD=NEW'],
  [
    '--scales a,b',
    '--scales a,b: wants numbers of at least 0 as [1,2,10] (ce, gil, lil) or as ce=1,gil=2,lil=10',
  ],
  [
    '--scales [1,2 --lr 1',
    '--scales [1,2: wants numbers of at least 0 as [1,2,10] (ce, gil, lil) or as ce=1,gil=2,lil=10',
  ],
  ['--micro_bs 300', '--micro_bs 300: wants at most --bs 256'],
  ['--bs 8192 --mi_calculator w', '--bs 8192: --mi_calculator w wants at most 4096'],
  ['--test_bs 5000 --mi_calculator wp', '--test_bs 5000: --mi_calculator wp wants at most 4096'],
  ['--optimizer sgd --nesterov --momentum 0', '--nesterov True: wants --momentum above 0'],
  [
    '--pretrained a.safetensors --model tiny',
    '--pretrained a.safetensors: holds ResNet weights; --model tiny cannot use them',
  ],
  ['--dataset A,B', '--dataset A,B: training takes one data set; clew test takes several'],
  ['test', '--resume_model: testing wants the checkpoint to test'],
  [
    'test --resume_model m --images d --dataset A',
    '--images and --dataset: give one of them, a folder of images or a data set',
  ],
  ['--lr 1 --lr 2', '--lr: given 2 times (1, 2); give it once'],
  ['--lrr 1', '--lrr: unknown flag; did you mean --lr?'],
  ['--num-workers 2', '--num-workers: unknown flag; did you mean --num_workers?'],
  ['--num_libs 2', '--num_libs: unknown flag; did you mean --num_LIBs?'],
  ['--resume x', '--resume: unknown flag; did you mean --resume_model?'],
  ['--no-mixup', '--no-mixup: unknown flag; did you mean --mixup?'],
  ['--something_else 1', '--something_else: unknown flag; clew train --help lists the flags'],
  ['-x', '-x: unknown flag; clew train --help lists the flags'],
  ['--csv a', '--csv: not a flag of clew train, but of test'],
  ['doctor --bs 1', '--bs: not a flag of clew doctor, but of train, plan, bench'],
  ['train extra', 'extra: unexpected word after clew train; flags start with --'],
  ['trian --lr 1', 'trian: not a command of clew; did you mean train?'],
  [
    'frobnicate',
    'frobnicate: not a command of clew; the commands are train, test, verify, doctor, plan, bench, wgsl, augment, data, demo',
  ],
])('%s', (line, message) => {
  let thrown: unknown;
  try {
    invoke(line);
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toMatchObject({ name: 'UsageError', exitCode: 2, message });
});

test('--test True tests with the same flags, those of training included', () => {
  const { command, config: parsed } = invoke(
    `${referenceLine.replace('--test False', '--test True')} --resume_model m.tar`,
  );
  expect(command.name).toBe('test');
  expect(parsed).toMatchObject({ resume_model: 'm.tar', dataset: ['FF++'], test_bs: 1000 });
  expect(parsed).not.toHaveProperty('lr');
  expect(invoke('train --test 1 --resume_model m --dataset A,B').config.dataset).toEqual(['A', 'B']);
});

test('a command sees its own flags and defaults only', () => {
  expect(config('demo')).toEqual({ name: 'demo', save_path: 'output', seed: 0, adapter: undefined });
  expect(config('wgsl conv2d --shape 7x7')).toEqual({
    fast_math: false,
    precision: 'f32',
    shape: '7x7',
    variant: undefined,
    kernels: undefined,
    adapter: undefined,
  });
});

test('the defaults of every command pass its own checks', () => {
  for (const command of commands.filter(({ name }) => name !== 'test'))
    expect(() => parseConfig(command, { words: [], texts: new Map() }), command.name).not.toThrow();
});

test('what runs but may not be meant is a warning', () => {
  const usual = [
    '--gpu_num 0,1,2,3: this version uses one GPU, the first adapter',
    '--model resnet34 starts from scratch; published results start from ImageNet weights (--pretrained FILE)',
  ];
  expect(warnings('train')).toEqual(usual);
  expect(warnings('--gpu_num 0 --model tiny')).toEqual([]);
  expect(warnings('--gpu_num 0 --pretrained a.safetensors')).toEqual([]);
  const quiet = '--gpu_num 0 --model tiny';
  expect(warnings(`${quiet} --gil_loss False`)).toEqual([
    '--lil_loss without --gil_loss: its teacher, baseline_linear, is never trained',
  ]);
  expect(warnings(`${quiet} --save_model False --save_every 5`)).toEqual([
    '--save_model False: no weights are written, so Ctrl-C loses the run',
    '--save_every has no effect with --save_model False',
  ]);
  expect(warnings(`${quiet} --momentum 0.5 --alpha 1 --mixup False --scales 1,2,3`)).toEqual([
    '--momentum has no effect with --optimizer adam',
    '--alpha has no effect with --mixup False',
    '--scales has no effect with --balance_loss_method auto',
  ]);
});
