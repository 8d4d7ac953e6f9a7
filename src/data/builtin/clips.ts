/** The plan of the built-in set, and the frames of one clip. Every clip is a pure function of its description. */
import { keyOf, Rng } from '../../rng.js';
import { drawForgery, drawHistories, forge, withHistory } from './forge.js';
import { atFrame, drawIdentity, drawScene, type Identity, type Scene } from './identity.js';
import type { Image } from './image.js';
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

/** Draws clips, size x size pixels, with the cast that the seed gives. */
export class Studio {
  private readonly cast = new Map<number, Identity>();

  constructor(
    private readonly size: number,
    private readonly seed: number,
  ) {}

  async film(clip: Clip): Promise<Image[]> {
    const key = keyOf(this.seed, clip.person, clip.donor ?? -1, clip.take);
    const scene = drawScene(new Rng(key, 'scene'));
    const shoot =
      clip.donor === undefined ? this.genuine(clip.person, key) : this.forged(clip.person, clip.donor, key);
    return Promise.all(
      Array.from({ length: FRAMES_PER_CLIP }, (_, t) =>
        shoot(atFrame(scene, t, key), new Rng(key, 'noise', t)),
      ),
    );
  }

  private genuine(person: number, key: number): Shot {
    const who = this.person(person);
    const [history] = drawHistories(new Rng(key, 'history'));
    return (scene, rng) => withHistory(renderFace(who, scene, this.size).image, history, rng);
  }

  private forged(person: number, donor: number, key: number): Shot {
    const target = this.person(person);
    const mask = fitted(this.person(donor), target);
    const forgery = drawForgery(new Rng(key, 'forgery'));
    return (scene, rng) => {
      const { image, landmarks } = renderFace(target, scene, this.size);
      return forge(image, renderFace(mask, scene, this.size).image, landmarks, forgery, rng);
    };
  }

  private person(index: number): Identity {
    const known = this.cast.get(index) ?? drawIdentity(new Rng(this.seed, 'person', index));
    this.cast.set(index, known);
    return known;
  }
}

type Shot = (scene: Scene, rng: Rng) => Promise<Image>;

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
