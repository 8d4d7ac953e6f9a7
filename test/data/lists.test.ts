import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { imagesIn } from '../../src/data/folders.js';
import {
  evaluationSamples,
  type ListOptions,
  missingNote,
  readSplit,
  trainingSamples,
} from '../../src/data/lists.js';
import { temporaryFolder, write } from './files.js';

/** A data set whose lists hold these lines; the folders named in `videos` have this many images each. */
function dataset(
  lists: Record<string, string>,
  videos: Record<string, number> = {},
  name = 'Set',
): ListOptions {
  const root = temporaryFolder();
  for (const [list, text] of Object.entries(lists)) write(join(root, 'lists', name, `${list}.txt`), text);
  for (const [folder, count] of Object.entries(videos))
    for (let i = 0; i < count; i++) write(join(root, folder, `${i}.png`), '');
  return { datasets: join(root, 'lists'), dataRoot: root };
}

const lists = (real: string, fake: string, split = 'train') => ({
  [`${split}_real`]: real,
  [`${split}_fake`]: fake,
});

describe('lists', () => {
  it('reads labels, folders and frames, whatever the white space, line ends and byte order mark', () => {
    const options = dataset(lists('\uFEFF 0 , a.mp4 ,\t2\r\n\r\n0,b, 9 \r\n   \r\n', '1,c,1'), {
      'a.mp4': 2,
      b: 1,
      c: 3,
    });
    const split = readSplit('Set', 'train', options);
    const real = join(options.datasets, 'Set', 'train_real.txt');
    const fake = join(options.datasets, 'Set', 'train_fake.txt');
    expect(split.clips.map(({ label, list, line, key }) => ({ label, list, line, key }))).toEqual([
      { label: 0, list: real, line: 1, key: `${real}:a.mp4` },
      { label: 0, list: real, line: 3, key: `${real}:b` },
      { label: 1, list: fake, line: 1, key: `${fake}:c` },
    ]);
    expect(split.clips.map(({ frames }) => frames.length)).toEqual([2, 1, 3]);
    expect(missingNote(split)).toBeUndefined();
  });

  it('sorts frames by bytes and takes .png, .jpg and .jpeg alone', () => {
    const options = dataset(lists('0,v,3', ''));
    for (const name of [
      '10.png',
      '9.jpg',
      'B.JPEG',
      'a.png',
      '\u{1F600}.png',
      '\uFF21.png',
      'x.txt',
      '._a.png',
    ])
      write(join(options.dataRoot!, 'v', name), '');
    expect(readSplit('Set', 'train', options).clips[0]!.frames).toEqual([
      '10.png',
      '9.jpg',
      'B.JPEG',
      'a.png',
      '\uFF21.png',
      '\u{1F600}.png',
    ]);
  });

  it('keeps commas in paths', () => {
    const options = dataset(lists('0,a, b/c,1', ''), { 'a, b/c': 1 });
    expect(readSplit('Set', 'train', options).clips[0]!.dir).toBe(join(options.dataRoot!, 'a, b/c'));
  });

  it('tries the path as written, then without white space', () => {
    const options = dataset(lists('0,with space,1\n0,spa ced /out,1', ''), {
      'with space': 1,
      withspace: 2,
      'spaced/out': 3,
    });
    const { clips } = readSplit('Set', 'train', options);
    expect(clips.map(({ frames }) => frames.length)).toEqual([1, 3]);
  });

  it('maps the first prefix that fits, then starts relative paths at --data_root', () => {
    const options = dataset(lists('0,/theirs/FF/a,1\n0,/theirs/b,1\n0,c,1', ''), {
      'ours/a': 1,
      'more/b': 1,
      c: 1,
    });
    const root = options.dataRoot!;
    const mapPrefix = [
      { from: '/theirs/FF/', to: 'ours/' },
      { from: '/theirs', to: join(root, 'more') },
    ];
    const { clips } = readSplit('Set', 'train', { ...options, mapPrefix });
    expect(clips.map(({ dir }) => dir)).toEqual(['ours/a', 'more/b', 'c'].map((dir) => join(root, dir)));
  });

  it('gives undefined for val without lists', () => {
    expect(readSplit('Set', 'val', dataset(lists('0,a,1', '')))).toBeUndefined();
  });
});

describe('lists that are wrong', () => {
  const error = (options: ListOptions, name = 'Set', split: 'train' | 'val' | 'test' = 'train') => {
    try {
      readSplit(name, split, options);
    } catch (caught) {
      const { message } = caught as Error;
      return message.replaceAll(options.dataRoot!, 'ROOT');
    }
    return 'no error';
  };

  it('names the missing list, the flags and what there is', () => {
    const options = dataset(lists('0,a,1', ''), {}, 'FF++');
    mkdirSync(join(options.datasets, 'Celeb-DF-v1'));
    expect(error(options, 'FF+')).toBe(
      'no list ROOT/lists/FF+/train_real.txt: --datasets says where data sets are (now ROOT/lists, which holds Celeb-DF-v1, FF++), --dataset which to take',
    );
    const nowhere = { ...options, datasets: join(options.dataRoot!, 'nowhere') };
    expect(error(nowhere, 'FF++')).toBe(
      'no list ROOT/nowhere/FF++/train_real.txt: --datasets says where data sets are (now ROOT/nowhere, which holds none: no such folder), --dataset which to take',
    );
  });

  it('wants both lists of a split, of val too', () => {
    expect(error(dataset({ val_real: '0,a,1' }), 'Set', 'val')).toMatch(
      /^no list ROOT\/lists\/Set\/val_fake.txt: /,
    );
  });

  it('says so when a list is no file', () => {
    const options = dataset({ train_fake: '' });
    mkdirSync(join(options.datasets, 'Set', 'train_real.txt'));
    expect(error(options)).toMatch(/^cannot read the list \(EISDIR\) ROOT\/lists\/Set\/train_real.txt: /);
  });

  it.each(['0,a', 'a,1', '2,a,1', '00,a,1', '0,,1', '0', '0;a;1'])('names file and line of "%s"', (row) => {
    expect(error(dataset(lists(`0,a,1\n\n${row}\n`, ''), { a: 1 }))).toBe(
      `ROOT/lists/Set/train_real.txt:3: expected "label,path,frame_count" with label 0 (real) or 1 (fake), got "${row}"`,
    );
  });

  it('refuses a label that contradicts its list', () => {
    expect(error(dataset(lists('0,a,1\n1,b,1', ''), { a: 1, b: 1 }))).toBe(
      'ROOT/lists/Set/train_real.txt:2: label 1 (fake) in a list of real videos',
    );
    expect(error(dataset(lists('0,a,1', '0,b,1'), { a: 1, b: 1 }))).toBe(
      'ROOT/lists/Set/train_fake.txt:1: label 0 (real) in a list of fake videos',
    );
  });

  it('lists missing folders by cause', () => {
    const options = dataset(lists('0,gone,1\n0,there,1\n0,file,1\n0,empty,1\n0,gone2,1', ''), { there: 1 });
    write(join(options.dataRoot!, 'file'), '');
    mkdirSync(join(options.dataRoot!, 'empty'));
    const split = readSplit('Set', 'train', options);
    expect(split.clips).toHaveLength(1);
    expect(missingNote(split)!.replaceAll(options.dataRoot!, 'ROOT')).toBe(
      'train split of Set: 4 of 5 videos are missing: ' +
        'ROOT/lists/Set/train_real.txt:1 gone (no such folder: ROOT/gone); ' +
        'ROOT/lists/Set/train_real.txt:3 file (not a folder: ROOT/file); ' +
        'ROOT/lists/Set/train_real.txt:4 empty (no .png, .jpg or .jpeg in ROOT/empty); and 1 more',
    );
  });

  it('stops when a split has no image', () => {
    expect(error(dataset(lists('0,a b,1', '1,c,1', 'test')), 'Set', 'test')).toBe(
      'test split of Set has no images: all 2 videos are missing, ' +
        'the first ROOT/lists/Set/test_real.txt:1 a b (no such folder: ROOT/a b). ' +
        'If the folders are elsewhere, --data_root DIR is where relative paths start and --map_prefix OLD=NEW moves absolute ones',
    );
    expect(error(dataset(lists('\n', '')))).toBe(
      'train split of Set names no videos: ROOT/lists/Set/train_real.txt and ROOT/lists/Set/train_fake.txt are empty',
    );
  });
});

describe('FF++', () => {
  const fakes = [
    '1,/x/Deepfakes/FaceSwap/000_003,1',
    '1,/x/Deepfakes/000_003,1',
    '1,/x/NeuralTextures/000_003,1',
    '1,/x/other/000_003,1',
  ];
  const videos = Object.fromEntries(
    ['r', 'Deepfakes/FaceSwap/000_003', 'Deepfakes/000_003', 'NeuralTextures/000_003', 'other/000_003'].map(
      (folder) => [`x/${folder}`, 1],
    ),
  );
  const ff = (name: string): ListOptions => {
    const options = dataset(lists('0,/x/r,1', fakes.join('\n')), videos, name);
    return { ...options, mapPrefix: [{ from: '/x', to: join(options.dataRoot!, 'x') }] };
  };

  it('knows the method of a fake by the last one in its path', () => {
    const { clips } = readSplit('FF++', 'train', ff('FF++'));
    expect(clips.map(({ method }) => method)).toEqual([
      undefined,
      'FaceSwap',
      'Deepfakes',
      'NeuralTextures',
      undefined,
    ]);
    expect(new Set(clips.map(({ key }) => key)).size).toBe(5);
  });

  it('goes by FF++ and FF++_c23', () => {
    expect(readSplit('FF++', 'train', ff('FF++_c23')).clips).toHaveLength(5);
    expect(readSplit('FF++_c23', 'train', ff('FF++')).clips).toHaveLength(5);
  });

  it('is a data set by method: its fakes and all reals, none repeated', () => {
    const split = readSplit('Deepfakes', 'train', ff('FF++_c23'));
    expect(split.clips.map(({ label, line }) => [label, line])).toEqual([
      [0, 1],
      [1, 2],
    ]);
    expect(trainingSamples(split).length).toBe(2);
    expect(() => readSplit('Face2Face', 'train', ff('FF++'))).toThrow(
      /FF\+\+\/train_fake.txt: no path in it names Face2Face$/,
    );
  });

  it('gives way to a folder of the same name', () => {
    expect(readSplit('Deepfakes', 'train', ff('Deepfakes')).clips).toHaveLength(5);
  });
});

describe('samples', () => {
  it.each([
    ['FF++', 4],
    ['FF++_c23', 4],
    ['DFDC-Preview', 4],
    ['Celeb-DF-v2', 6],
    ['DFDC', 5],
    ['Celeb-DF-v1', 1],
  ])('training repeats the reals of %s %i times', (name, factor) => {
    const options = dataset(lists('0,a,1\n0,b,1', '1,c,1'), { a: 2, b: 3, c: 7 }, name);
    const split = readSplit(name, 'train', options);
    const training = trainingSamples(split);
    const labels = Array.from({ length: training.length }, (_, i) => training.at(i).label);
    expect(labels.filter((label) => label === 0)).toHaveLength(5 * factor);
    expect(labels.filter((label) => label === 1)).toHaveLength(7);
    expect(evaluationSamples(split).length).toBe(12);
  });

  it('are numbered clip after clip, frame after frame', () => {
    const options = dataset(lists('0,a,1', '1,c,1'), { a: 2, c: 1 });
    const samples = evaluationSamples(readSplit('Set', 'train', options));
    expect([0, 1, 2].map((i) => samples.at(i))).toEqual([
      { clip: 0, frame: 0, file: join(options.dataRoot!, 'a/0.png'), label: 0 },
      { clip: 0, frame: 1, file: join(options.dataRoot!, 'a/1.png'), label: 0 },
      { clip: 1, frame: 0, file: join(options.dataRoot!, 'c/0.png'), label: 1 },
    ]);
  });
});

describe('--images', () => {
  it('takes the folder itself and each folder in it as videos', () => {
    const dir = temporaryFolder();
    for (const name of ['z.png', 'b/2.jpg', 'b/1.png', 'a/1.png', 'a/deeper/1.png', 'none/x.txt'])
      write(join(dir, name), '');
    expect(imagesIn(dir)).toEqual([
      { key: '.', dir, frames: ['z.png'] },
      { key: 'a', dir: join(dir, 'a'), frames: ['1.png'] },
      { key: 'b', dir: join(dir, 'b'), frames: ['1.png', '2.jpg'] },
    ]);
  });

  it('says what is wrong', () => {
    const dir = temporaryFolder();
    const file = write(join(dir, 'x.txt'), '');
    expect(() => imagesIn(dir)).toThrow(`--images ${dir}: no .png, .jpg or .jpeg in it or in a folder in it`);
    expect(() => imagesIn(join(dir, 'gone'))).toThrow(`--images ${join(dir, 'gone')}: no such folder`);
    expect(() => imagesIn(file)).toThrow(`--images ${file}: not a folder`);
  });
});
