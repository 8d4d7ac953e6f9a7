/** Short clips of talking heads, real and crudely forged, in the official layouts. */
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { write } from '../data/files.js';
import { ffmpeg, TALKING_HEADS, talkingHead } from '../videos/index.js';

/** Half a second of one of three people; another `take` is another moment. A forged one is noisy. */
export function film(path: string, take: number, forged = false): void {
  mkdirSync(dirname(path), { recursive: true });
  const head = talkingHead(TALKING_HEADS[take % TALKING_HEADS.length]!);
  const filter = `scale=240:-2${forged ? ',noise=alls=12:all_seed=1' : ''}`;
  const from = String(1 + 1.5 * Math.floor(take / TALKING_HEADS.length));
  ffmpeg('-ss', from, '-i', head, '-t', '0.4', '-an', '-vf', filter, '-pix_fmt', 'yuv420p', path);
}

/** Six people, each also with the face of a neighbour, and the official splits. */
export function faceForensics(root: string): void {
  for (let i = 0; i < 6; i++) {
    const [own, other] = [`00${i}`, `00${i ^ 1}`];
    film(join(root, 'original_sequences/youtube/c23/videos', `${own}.mp4`), i);
    film(join(root, 'manipulated_sequences/Deepfakes/c23/videos', `${own}_${other}.mp4`), i, true);
  }
  for (const [k, split] of ['train', 'val', 'test'].entries())
    write(join(root, 'splits', `${split}.json`), JSON.stringify([[`00${2 * k}`, `00${2 * k + 1}`]]));
}

/** Four people and a video from YouTube, and the official list of what is tested. */
export function celebDf(root: string): void {
  for (let i = 0; i < 4; i++) {
    film(join(root, 'Celeb-real', `id${i}_0000.mp4`), i);
    film(join(root, 'Celeb-synthesis', `id${i}_id${i ^ 1}_0000.mp4`), i, true);
  }
  film(join(root, 'YouTube-real', '00000.mp4'), 4);
  write(
    join(root, 'List_of_testing_videos.txt'),
    '1 YouTube-real/00000.mp4\n0 Celeb-synthesis/id3_id2_0000.mp4\n',
  );
}
