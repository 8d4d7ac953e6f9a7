import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { peopleOf } from '../../src/data/people.js';
import { type LayoutName, survey } from '../../src/prepare/layouts.js';
import { assignSplits, type Video } from '../../src/prepare/splits.js';
import { temporaryFolder, write } from '../data/files.js';

function root(files: Readonly<Record<string, string>>): string {
  const dir = temporaryFolder();
  for (const [path, text] of Object.entries(files)) write(join(dir, path), text);
  return dir;
}
const videos = (...ids: string[]) => Object.fromEntries(ids.map((id) => [id, '']));
const rows = (layout: LayoutName, dir: string) =>
  survey(layout, dir, 'c23').videos.map(({ id, label, people, split }) => [
    id,
    label,
    people.join(),
    split ?? '-',
  ]);

describe('FF++', () => {
  const files = videos(
    'original_sequences/youtube/c23/videos/071.mp4',
    'original_sequences/youtube/c40/videos/071.mp4',
    'manipulated_sequences/Deepfakes/c23/videos/071_054.mp4',
    'manipulated_sequences/FaceShifter/c23/videos/071_054.mp4',
  );
  test('takes one compression and the four published methods, and the official splits', () => {
    const dir = root({
      ...files,
      'splits/train.json': '[["001","002"]]',
      'splits/val.json': '[["071","054"]]',
      'splits/test.json': '[]',
    });
    expect(rows('FF++', dir)).toEqual([
      ['manipulated_sequences/Deepfakes/c23/videos/071_054.mp4', 1, '071,054', 'val'],
      ['original_sequences/youtube/c23/videos/071.mp4', 0, '071', 'val'],
    ]);
    expect(survey('FF++', dir, 'c23').notes).toEqual([expect.stringContaining('FaceShifter')]);
  });
  test('says so when there are no split files, and when there is nothing of this layout', () => {
    expect(survey('FF++', root(files), 'c23').notes.join()).toContain('no train.json');
    expect(() => survey('FF++', root(files), 'raw')).toThrow(/no videos in the layout FF\+\+.*youtube\/raw/);
    expect(() => survey('FF++', '/nowhere', 'c23')).toThrow('/nowhere');
  });
});

test('Celeb-DF: the folder is the label; the official list, in which 1 is real, says what is tested', () => {
  const dir = root({
    ...videos(
      'Celeb-real/id0_0000.mp4',
      'Celeb-synthesis/id0_id16_0003.mp4',
      'YouTube-real/00170.mp4',
      'other/x.mp4',
    ),
    'List_of_testing_videos.txt': '1 YouTube-real/00170.mp4\r\n0 Celeb-synthesis/id0_id16_0003.mp4\r\n',
  });
  expect(rows('Celeb-DF-v2', dir)).toEqual([
    ['Celeb-real/id0_0000.mp4', 0, 'id0', '-'],
    ['Celeb-synthesis/id0_id16_0003.mp4', 1, 'id0,id16', 'test'],
    ['YouTube-real/00170.mp4', 0, '00170', 'test'],
  ]);
});

test('DFDC-Preview: dataset.json has labels, actors and the test set; what it does not list is refused', () => {
  const dir = root({
    ...videos(
      'method_A/10/10_20_A_001.mp4',
      'original_videos/10/10_A_001.mp4',
      'original_videos/30/30_A_001.mp4',
    ),
    'dataset.json': JSON.stringify({
      'method_A/10/10_20_A_001.mp4': { label: 'fake', set: 'test', target_id: 10, swapped_id: 20 },
      'original_videos/10/10_A_001.mp4': { label: 'real', set: 'train', target_id: 10, swapped_id: null },
      '../../etc/passwd.mp4': { label: 'real', set: 'train' },
    }),
  });
  expect(rows('DFDC-Preview', dir)).toEqual([
    ['method_A/10/10_20_A_001.mp4', 1, '10,20', 'test'],
    ['original_videos/10/10_A_001.mp4', 0, '10', '-'],
  ]);
  expect(survey('DFDC-Preview', dir, '').refused).toEqual([
    { id: 'original_videos/30/30_A_001.mp4', cause: 'not in dataset.json' },
    { id: '../../etc/passwd.mp4', cause: 'in dataset.json, but there is no such file' },
  ]);
});

test('DFDC: metadata.json of each part, labels.csv of the validation set, originals as people', () => {
  const dir = root({
    ...videos('dfdc_train_part_0/a.mp4', 'dfdc_train_part_0/b.mp4', 'validation/c.mp4', 'stray/d.mp4'),
    'dfdc_train_part_0/metadata.json': JSON.stringify({
      'a.mp4': { label: 'FAKE', split: 'train', original: 'b.mp4' },
      'b.mp4': { label: 'REAL', split: 'train', original: null },
    }),
    'validation/labels.csv': 'filename,label\nc.mp4,1\n',
  });
  expect(rows('DFDC', dir)).toEqual([
    ['dfdc_train_part_0/a.mp4', 1, 'b', '-'],
    ['dfdc_train_part_0/b.mp4', 0, 'b', '-'],
    ['validation/c.mp4', 1, 'c', 'val'],
  ]);
  expect(survey('DFDC', dir, '').refused).toEqual([
    { id: 'stray/d.mp4', cause: expect.stringContaining('no metadata.json') },
  ]);
});

test('folders: real and fake anywhere, a fake shows the people whose names it bears', () => {
  const dir = root(
    videos(
      'train/real/anna.mp4',
      'train/fake/anna_bob_2.mp4',
      'train/real/bob.mp4',
      'test/fake/eve.avi',
      'readme/x.mp4',
    ),
  );
  expect(rows('folders', dir)).toEqual([
    ['test/fake/eve.avi', 1, 'eve', 'test'],
    ['train/fake/anna_bob_2.mp4', 1, 'anna,bob', 'train'],
    ['train/real/anna.mp4', 0, 'anna', 'train'],
    ['train/real/bob.mp4', 0, 'bob', 'train'],
  ]);
});

test('a name that is not UTF-8 is refused by name, and its neighbour is found', () => {
  const dir = root(videos('real/a.mp4'));
  mkdirSync(join(dir, 'fake'));
  writeFileSync(
    Buffer.concat([Buffer.from(`${dir}/fake/`), Buffer.from([0xff, 0xfe]), Buffer.from('.mp4')]),
    '',
  );
  const { videos: found, refused } = survey('folders', dir, '');
  expect(found.map(({ id }) => id)).toEqual(['real/a.mp4']);
  expect(refused).toEqual([{ id: 'fake/\uFFFD\uFFFD.mp4', cause: 'its name is not UTF-8; rename it' }]);
});

test('a folder that is not there is named, with what to do', () => {
  const gone = join(root({}), 'gone');
  expect(() => survey('folders', gone, '')).toThrow(
    `cannot read ${gone}: there is no such file; check the path (ENOENT)`,
  );
});

describe('splits', () => {
  const video = (id: string, label: 0 | 1, people: string[], split?: Video['split']): Video => ({
    id,
    file: id,
    label,
    people,
    split,
  });
  const number = (i: number) => String(i).padStart(3, '0');
  const peopleIn = (assigned: ReturnType<typeof assignSplits>) => {
    const splits = new Map<string, Set<string>>();
    for (const [{ people }, split] of assigned.splitOf)
      for (const person of people) splits.set(person, (splits.get(person) ?? new Set()).add(split));
    return splits;
  };

  test('pairs as in FF++ stay together, in its proportions, the same for the same seed', () => {
    const all = Array.from({ length: 100 }, (_, i) => [
      video(`${i}`, 0, [number(i)]),
      video(`${i}f`, 1, [number(i), number(i ^ 1)]),
    ]).flat();
    const assigned = assignSplits(all, 3);
    expect(assigned.crossing).toEqual([]);
    expect([...peopleIn(assigned).values()].every((splits) => splits.size === 1)).toBe(true);
    const sizes = ['train', 'val', 'test'].map(
      (split) => [...assigned.splitOf.values()].filter((of) => of === split).length,
    );
    expect(sizes).toEqual([144, 28, 28]);
    expect([...assignSplits([...all].reverse(), 3).splitOf].length).toBe(200);
    expect(assignSplits([...all].reverse(), 3).splitOf.get(all[7]!)).toBe(assigned.splitOf.get(all[7]!));
    expect([...assignSplits(all, 4).splitOf.values()]).not.toEqual([...assigned.splitOf.values()]);
  });

  test('where everybody was swapped with everybody, forgeries between splits are left out and nobody leaks', () => {
    const ids = Array.from({ length: 20 }, (_, i) => `id${i}`);
    const all = ids.flatMap((a) => [
      video(`${a}_0`, 0, [a]),
      ...ids.filter((b) => b !== a).map((b) => video(`${a}_${b}_0`, 1, [a, b])),
    ]);
    const assigned = assignSplits(all, 0);
    expect(assigned.crossing.length + assigned.splitOf.size).toBe(all.length);
    expect(assigned.crossing.length).toBeGreaterThan(0);
    expect([...peopleIn(assigned).values()].every((splits) => splits.size === 1)).toBe(true);
  });

  test('an official test set stays, and the others become train and val', () => {
    const all = Array.from({ length: 50 }, (_, i) =>
      video(`${i}`, 0, [`p${i}`], i < 10 ? 'test' : undefined),
    );
    const of = [...assignSplits(all, 0).splitOf].map(([{ id }, split]) => [Number(id) < 10, split]);
    expect(of.filter(([, split]) => split === 'test').every(([official]) => official)).toBe(true);
    expect(of.filter(([, split]) => split === 'train').length).toBe(33);
    expect(of.filter(([, split]) => split === 'val').length).toBe(7);
  });
});

test.each([
  ['/x/Deepfakes/c23/000_003.mp4', ['000', '003']],
  ['Celeb-synthesis/id3_id16_0005', ['id3', 'id16']],
  ['Celeb-real/id3_0005', ['id3']],
  ['YouTube-real/00170.mp4', ['00170']],
  ['original_videos/1003254/1003254_A_001.mp4', ['1003254']],
  ['C:\\faces\\aagfhgtpmv', ['aagfhgtpmv']],
])('people of %s', (path, people) => expect(peopleOf(path)).toEqual(people));
