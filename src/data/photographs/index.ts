/**
 * A small data set of real photographs in the reference's layout: aligned crops of people in snapshots, and forgeries that blend one
 * person's face onto another's with the code that forges the built-in set. Whoever shares a photograph shares a split.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import sharp, { type OutputInfo } from 'sharp';
import { UserError } from '../../errors.js';
import { attempt } from '../../io/files.js';
import { optionalPackage } from '../../platform/node/optional.js';
import { Rng } from '../../rng.js';
import { drawForgery, drawHistories, forge, withHistory } from '../builtin/forge.js';
import { blank, encodePng, type Image } from '../builtin/image.js';
import type { Landmarks, Point } from '../builtin/render.js';
import { BOXES, type PhotographBox as Box } from './boxes.js';

/** Six snapshots of 21 people among its demo pictures (MIT). */
const PACKAGE = '@vladmandic/face-api';

/** Where the boxes put eyes and mouth, in sides from the centre of the crop. */
const FACE: Landmarks = { leftEye: [-0.14, -0.1], rightEye: [0.14, -0.1], mouth: [0, 0.2] };

const SPLITS = {
  train: { photos: ['sample3.jpg', 'sample4.jpg', 'sample5.jpg'], takes: 8 },
  val: { photos: ['sample1.jpg'], takes: 6 },
  test: { photos: ['sample2.jpg', 'sample6.jpg'], takes: 6 },
} as const;
const FRAMES = 4;

/** How a frame is taken: the crop moved (in sides), scaled and turned, and perhaps mirrored. */
interface View {
  readonly dx: number;
  readonly dy: number;
  readonly scale: number;
  /** Radians, clockwise. */
  readonly turn: number;
  readonly mirror: boolean;
}

/** @throws UserError when npm has left the optional package out */
function photographFolder(): string {
  const root = optionalPackage(PACKAGE);
  if (root) return join(root, 'demo');
  throw new UserError(
    `the photographs are in the optional package ${PACKAGE}, which is not installed: npm install ${PACKAGE}@1.7.15`,
  );
}

/**
 * Writes clips and lists below `dir`.
 * @param size side of the frames in pixels
 * @param progress told of clips done and their number
 * @returns the folder for `--datasets` and the name for `--dataset`
 */
export async function makePhotographs(
  dir: string,
  size = 64,
  seed = 0,
  progress: (done: number, total: number) => void = () => {},
): Promise<{ datasetsDir: string; name: 'photographs' }> {
  const photos = new PhotoAlbum(size);
  const lists = join(resolve(dir), 'datasets', 'photographs');
  const clips = planClips(seed);
  await attempt('write', lists, () => mkdir(lists, { recursive: true }));
  for (const [done, clip] of clips.entries()) {
    await save(join(resolve(dir), clip.real), await genuine(photos, clip));
    await save(join(resolve(dir), clip.fake), await forged(photos, clip));
    progress(done + 1, clips.length);
  }
  for (const split of Object.keys(SPLITS))
    for (const [label, kind] of (['real', 'fake'] as const).entries()) {
      const own = clips.filter((clip) => clip.split === split);
      const lines = own.map((clip) => `${label},${join(resolve(dir), clip[kind])},${FRAMES}\n`);
      const list = join(lists, `${split}_${kind}.txt`);
      await attempt('write', list, () => writeFile(list, lines.join('')));
    }
  return { datasetsDir: dirname(lists), name: 'photographs' };
}

/** A take of a person and a forgery of them, and where their frames go. */
interface PlannedClip extends Take {
  readonly split: string;
  readonly real: string;
  readonly fake: string;
}

function planClips(seed: number): PlannedClip[] {
  return Object.entries(SPLITS).flatMap(([split, { photos: from, takes }]) => {
    const cast = [...BOXES.keys()].filter((i) => (from as readonly string[]).includes(BOXES[i]!.photo));
    return cast.flatMap((person, i) =>
      Array.from({ length: takes }, (_, take) => {
        const rng = new Rng(seed, 'photographs', person, take);
        const donor = cast[(i + 1 + rng.below(cast.length - 1)) % cast.length]!;
        const real = join('frames', split, 'real', `${person}_${take}`);
        const fake = join('frames', split, 'fake', `${person}_${donor}_${take}`);
        return { split, target: BOXES[person]!, donor: BOXES[donor]!, rng, real, fake };
      }),
    );
  });
}

interface Take {
  readonly target: Box;
  readonly donor: Box;
  readonly rng: Rng;
}

async function genuine(photos: PhotoAlbum, { target, rng }: Take): Promise<Image[]> {
  const [history] = drawHistories(rng);
  const views = drawViews(rng);
  return inTurn(views, async (view) => withHistory(await photos.crop(target, view), history, rng));
}

async function forged(photos: PhotoAlbum, { target, donor, rng }: Take): Promise<Image[]> {
  const forgery = drawForgery(rng);
  const views = drawViews(rng);
  return inTurn(views, async (view) => {
    const [under, over] = [await photos.crop(target, view), await photos.crop(donor, view)];
    return forge(under, over, landmarksIn(view, under.size), forgery, rng);
  });
}

/** One after the other: the frames share a stream of random numbers. */
async function inTurn<T>(views: readonly View[], take: (view: View) => Promise<T>): Promise<T[]> {
  const taken: T[] = [];
  for (const view of views) taken.push(await take(view));
  return taken;
}

function drawViews(rng: Rng): View[] {
  const mirror = rng.uniform() < 0.5;
  return Array.from({ length: FRAMES }, () => ({
    dx: rng.range(-0.06, 0.06),
    dy: rng.range(-0.06, 0.06),
    scale: rng.range(0.9, 1.1),
    turn: rng.range(-0.1, 0.1),
    mirror,
  }));
}

async function save(folder: string, frames: readonly Image[]): Promise<void> {
  await attempt('write', folder, () => mkdir(folder, { recursive: true }));
  for (const [t, frame] of frames.entries()) {
    const png = await encodePng(frame);
    await attempt('write', folder, () => writeFile(join(folder, `00${t}.png`), png));
  }
}

/** From a point of a frame to one of the face's box, both in sides from the centre. */
function toBox([u, v]: Point, { dx, dy, scale, turn, mirror }: View): Point {
  const x = mirror ? -u : u;
  const [sin, cos] = [Math.sin(turn), Math.cos(turn)];
  return [scale * (x * cos - v * sin) + dx, scale * (x * sin + v * cos) + dy];
}

/** Where eyes and mouth are in a frame, in pixels: the inverse of `toBox`. */
function landmarksIn({ dx, dy, scale, turn, mirror }: View, size: number): Landmarks {
  const [sin, cos] = [Math.sin(turn), Math.cos(turn)];
  const project = ([x, y]: Point): Point => {
    const u = ((x - dx) * cos + (y - dy) * sin) / scale;
    const v = ((y - dy) * cos - (x - dx) * sin) / scale;
    return [((mirror ? -u : u) + 0.5) * size, (v + 0.5) * size];
  };
  const [left, right] = mirror ? [FACE.rightEye, FACE.leftEye] : [FACE.leftEye, FACE.rightEye];
  return { leftEye: project(left), rightEye: project(right), mouth: project(FACE.mouth) };
}

/** Decodes each photograph once and cuts frames out of it. */
class PhotoAlbum {
  private readonly folder = photographFolder();
  private readonly decoded = new Map<string, Promise<{ data: Buffer; info: OutputInfo }>>();

  constructor(private readonly size: number) {}

  async crop(box: Box, view: View): Promise<Image> {
    const { data, info } = await this.decode(box.photo);
    const angle = (box.angle * Math.PI) / 180;
    const [sin, cos] = [Math.sin(angle), Math.cos(angle)];
    const toPhoto = (point: Point): Point => {
      const [x, y] = toBox(point, view);
      return [box.x + box.side * (x * cos - y * sin), box.y + box.side * (x * sin + y * cos)];
    };
    // All of it is affine: a corner of the frame and its two edges say everything.
    const [x0, y0] = toPhoto([-0.5, -0.5]);
    const [right, down] = [toPhoto([0.5, -0.5]), toPhoto([-0.5, 0.5])];
    const image = blank(this.size);
    // The photographs are several times finer than the frames: a pixel is the mean of n x n samples, about one a source pixel.
    const n = Math.ceil(box.side / this.size);
    const fine = this.size * n;
    for (let row = 0; row < fine; row++)
      for (let column = 0; column < fine; column++) {
        const [u, v] = [(column + 0.5) / fine, (row + 0.5) / fine];
        const x = clamp(Math.floor(x0 + u * (right[0] - x0) + v * (down[0] - x0)), info.width);
        const y = clamp(Math.floor(y0 + u * (right[1] - y0) + v * (down[1] - y0)), info.height);
        const to = 3 * (Math.floor(row / n) * this.size + Math.floor(column / n));
        for (let c = 0; c < 3; c++)
          image.data[to + c]! += data[3 * (y * info.width + x) + c]! / (255 * n * n);
      }
    return image;
  }

  private decode(photo: string) {
    const known =
      this.decoded.get(photo) ??
      sharp(join(this.folder, photo)).removeAlpha().raw().toBuffer({ resolveWithObject: true });
    this.decoded.set(photo, known);
    return known;
  }
}

const clamp = (i: number, length: number): number => Math.min(length - 1, Math.max(0, i));
