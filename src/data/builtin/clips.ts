/** The plan of the built-in set, and the frames of one clip. Every clip is a pure function of its description. */
import { keyOf, Rng } from '../../rng.js';
import { drawForgery, drawHistories, forge, withHistory } from './forge.js';
import { atFrame, drawIdentity, drawScene, type Identity } from './identity.js';
import { addNoise, type Image } from './image.js';
import { renderFace } from './render.js';

export type Split = 'train' | 'val' | 'test';
export type Label = 'real' | 'fake';

/** `donor` is the person whose face was put onto `person`'s; absent in a real clip. */
export interface Clip {
  readonly split: Split;
  readonly name: string;
  readonly person: number;
  readonly donor?: number;
  readonly take: number;
}

export const FRAMES_PER_CLIP = 4;
/** People of each split and clips of each person, real and forged alike. No person is in two splits, neither as a donor. */
const SPLITS = {
  train: { people: 48, takes: 4 },
  val: { people: 12, takes: 2 },
  test: { people: 20, takes: 3 },
} as const;

/** All clips, real and forged in turn. */
export function planClips(seed: number): Clip[] {
  const clips: Clip[] = [];
  let first = 0;
  for (const [split, { people, takes }] of Object.entries(SPLITS) as [Split, (typeof SPLITS)[Split]][]) {
    for (let i = 0; i < people; i++) {
      for (let take = 0; take < takes; take++) {
        const person = first + i;
        const other = 1 + new Rng(seed, 'donor', person, take).below(people - 1);
        const donor = first + ((i + other) % people);
        clips.push({ split, name: `${pad(person)}_${take}`, person, take });
        clips.push({ split, name: `${pad(person)}_${pad(donor)}_${take}`, person, donor, take });
      }
    }
    first += people;
  }
  return clips;
}

const pad = (n: number) => String(n).padStart(3, '0');
export const labelOf = (clip: Clip): Label => (clip.donor === undefined ? 'real' : 'fake');

/** The frames of a clip, size x size pixels. */
export async function renderClip(clip: Clip, size: number, seed: number): Promise<Image[]> {
  const key = keyOf(seed, clip.person, clip.donor ?? -1, clip.take);
  const person = drawIdentity(new Rng(seed, 'person', clip.person));
  const scene = drawScene(new Rng(key, 'scene'));
  const shoot = async (t: number): Promise<Image> => {
    const moment = atFrame(scene, t, key);
    const noise = new Rng(key, 'noise', t);
    const { image, landmarks } = renderFace(person, moment, size);
    if (clip.donor === undefined) return withHistory(image, drawHistories(new Rng(key, 'history'))[0], noise);
    const donor = fitted(drawIdentity(new Rng(seed, 'person', clip.donor)), person);
    const forgery = drawForgery(new Rng(key, 'forgery'));
    return forge(image, renderFace(donor, moment, size).image, landmarks, forgery, noise);
  };
  const grain = (image: Image, t: number) => addNoise(image, 0.006, new Rng(key, 'grain', t));
  return Promise.all(Array.from({ length: FRAMES_PER_CLIP }, async (_, t) => grain(await shoot(t), t)));
}

/** The donor's features on the target's head, as face-swapping tools warp them. */
const fitted = (donor: Identity, target: Identity): Identity => ({
  ...donor,
  head: target.head,
  fringe: target.fringe,
  hair: target.hair,
  eye: { ...donor.eye, x: target.eye.x, y: target.eye.y },
  nose: { ...donor.nose, y: target.nose.y },
  mouth: { ...donor.mouth, y: target.mouth.y },
});
