import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { RunFiles } from '../../src/train/run-files.js';

/** Above any process id. */
const NO_PROCESS = 99_999_999;

let savePath: string;
let folder: string;
beforeEach(() => {
  savePath = mkdtempSync(join(tmpdir(), 'clew-run-'));
  folder = join(savePath, 'my_run');
});
afterEach(() => rmSync(savePath, { recursive: true }));

const open = (mode: 'new' | 'resume' | 'overwrite' | 'both' = 'new') =>
  RunFiles.open({
    savePath,
    name: 'my_run',
    resume: mode === 'resume' || mode === 'both' ? join(folder, 'model_last.safetensors') : undefined,
    overwrite: mode === 'overwrite' || mode === 'both',
  });

test('writes config, log and one line an epoch, and names the checkpoints', async () => {
  const run = await open();
  await run.begin();
  await run.writeConfig({ lr: 1e-3 });
  await run.log('epoch 1: AUC 0.9');
  await run.log('epoch 2: AUC 0.95');
  await run.addEpoch({ epoch: 1, auc: 0.9 });
  await run.addEpoch({ epoch: 2, auc: null });
  expect(readFileSync(join(folder, 'config.json'), 'utf8')).toBe('{\n  "lr": 0.001\n}\n');
  expect(readFileSync(join(folder, 'train.log'), 'utf8')).toBe('epoch 1: AUC 0.9\nepoch 2: AUC 0.95\n');
  expect(readFileSync(join(folder, 'metrics.jsonl'), 'utf8')).toBe(
    '{"epoch":1,"auc":0.9}\n{"epoch":2,"auc":null}\n',
  );
  expect(run.checkpoint('best')).toBe(join(folder, 'model_best.safetensors'));
  expect(run.checkpoint(10)).toBe(join(folder, 'model_10.safetensors'));
});

test('a name in use is refused, with the ways out', async () => {
  await (await open()).addEpoch({ epoch: 1 });
  const refused = `${folder}: holds a run already; choose another --name, or replace it with --overwrite`;
  await expect(open()).rejects.toThrow(new RegExp(`^${refused}$`));
  writeFileSync(join(folder, 'model_last.safetensors'), '');
  await expect(open()).rejects.toThrow(
    `${refused}, or go on with --resume_model ${folder}/model_last.safetensors`,
  );
  expect((await open('resume')).folder).toBe(folder);
});

test('a start that failed is no run: it leaves no log, and what an earlier one left is replaced', async () => {
  await (await open()).log('about to fail');
  expect(existsSync(folder)).toBe(false);
  const killed = await open();
  await killed.begin();
  await killed.log('killed before its first checkpoint');
  await killed.writeConfig({});
  const next = await open();
  await next.begin();
  await next.log('x');
  expect(readdirSync(folder)).toEqual(['train.log']);
  expect(readFileSync(join(folder, 'train.log'), 'utf8')).toBe('x\n');
});

test('a folder that holds nothing of a run is no run; what a killed write left is swept', async () => {
  const run = await open();
  await run.begin();
  await run.log('x');
  rmSync(join(folder, 'train.log'));
  for (const name of ['notes.txt', `.config.json.tmp-${NO_PROCESS}`]) writeFileSync(join(folder, name), '');
  await (await open()).begin();
  expect(readdirSync(folder)).toEqual(['notes.txt']);
});

test('overwriting removes what a run wrote and nothing else', async () => {
  const run = await open();
  await run.begin();
  await run.writeConfig({});
  await run.log('x');
  await run.addEpoch({ epoch: 1 });
  const written = [
    'model_best.safetensors',
    'model_best.json',
    'model_10.safetensors',
    `.model_10.safetensors.tmp-${NO_PROCESS}`,
  ];
  const others = [
    'model_best.pth',
    'my_model_1.safetensors',
    'model_1.5.safetensors',
    'config.json.bak',
    'notes',
  ];
  for (const name of [...written, ...others]) writeFileSync(join(folder, name), '');
  await (await open('both')).begin();
  expect(readdirSync(folder)).toHaveLength(12); // going on wins
  await (await open('overwrite')).begin();
  expect(readdirSync(folder)).toEqual(others.sort());
});

test('a run that is to be overwritten stays until the new one begins, and so do lines for the log', async () => {
  const old = await open();
  await old.begin();
  await old.addEpoch({ epoch: 1 });
  await old.log('old');
  const before = await open('overwrite');
  await before.log('starting');
  expect(readFileSync(join(folder, 'train.log'), 'utf8')).toBe('old\n');
  expect(await old.epochs()).toEqual([{ epoch: 1 }]);
  await before.begin();
  await before.log('epoch 1');
  expect(readdirSync(folder)).toEqual(['train.log']);
  expect(readFileSync(join(folder, 'train.log'), 'utf8')).toBe('starting\nepoch 1\n');
});

test('a run that goes on in another folder takes its epochs and the best of them along', async () => {
  const first = await open();
  await first.begin();
  await first.addEpoch({ epoch: 1 });
  await first.log('x');
  for (const name of ['model_best.safetensors', 'model_best.json', 'model_last.safetensors'])
    writeFileSync(join(folder, name), name);
  const resume = join(folder, 'model_last.safetensors');
  const second = await RunFiles.open({ savePath, name: 'second', resume, overwrite: false });
  expect(await second.hasBest()).toBe(false);
  await second.begin();
  expect(readdirSync(second.folder)).toEqual(['metrics.jsonl', 'model_best.json', 'model_best.safetensors']);
  expect(readFileSync(second.checkpoint('best'), 'utf8')).toBe('model_best.safetensors');
  expect(await second.epochs()).toEqual([{ epoch: 1 }]);
  expect(await second.hasBest()).toBe(true);
  const third = RunFiles.open({ savePath, name: 'second', resume, overwrite: false });
  await expect(third).rejects.toThrow(/second: holds a run already; choose another --name/);
});

test('a resumed run keeps each epoch once and drops a line that was cut off', async () => {
  const run = await open();
  for (let epoch = 1; epoch <= 4; epoch++) await run.addEpoch({ epoch, run: 1 });
  appendFileSync(join(folder, 'metrics.jsonl'), '{"epoch":5,"ru');
  const resumed = await open('resume');
  await resumed.dropEpochsFrom(4);
  for (let epoch = 4; epoch <= 6; epoch++) await resumed.addEpoch({ epoch, run: 2 });
  expect((await resumed.epochs()).map(({ epoch, run: by }) => [epoch, by])).toEqual([
    [1, 1],
    [2, 1],
    [3, 1],
    [4, 2],
    [5, 2],
    [6, 2],
  ]);
});

test('a damaged line is named; a run without metrics has no epochs', async () => {
  const run = await open();
  expect(await run.epochs()).toEqual([]);
  await run.addEpoch({ epoch: 1 });
  appendFileSync(join(folder, 'metrics.jsonl'), 'oops\n');
  await expect(run.epochs()).rejects.toThrow(`${folder}/metrics.jsonl:2: not JSON; remove the line`);
});

test('a save path below a regular file', async () => {
  writeFileSync(folder, '');
  const run = RunFiles.open({ savePath: folder, name: 'x', overwrite: false });
  await expect(run).rejects.toThrow(
    `cannot read ${join(folder, 'x')}: a part of the path is a file, not a folder; choose another path (ENOTDIR)`,
  );
});
