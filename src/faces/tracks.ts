/** Follows faces from frame to frame. */
import { type Box, type Face, intersectionOverUnion } from './box.js';

/** One person's faces in a clip, as far as position tells people apart. */
export interface Track {
  readonly id: number;
  last: Box;
  frames: number;
  /** Sum over the frames of score times side: who is in the picture long, large and clearly. */
  weight: number;
}

const OVERLAP = 0.2;
/** In sides of the larger face, and as a ratio of sides: frames may lie a second apart. */
const NEAR = 0.75;
const ALIKE = 1.8;

const sideOf = ({ width, height }: Box): number => Math.max(width, height);

/** How well a face goes on where a track ended: above 1 by overlap, up to 1 by closeness, 0 not at all. */
function fit(track: Box, face: Box): number {
  const overlap = intersectionOverUnion(track, face);
  if (overlap >= OVERLAP) return 1 + overlap;
  const [small, large] = [sideOf(track), sideOf(face)].sort((a, b) => a - b) as [number, number];
  const dx = track.x + track.width / 2 - face.x - face.width / 2;
  const dy = track.y + track.height / 2 - face.y - face.height / 2;
  const distance = Math.hypot(dx, dy) / large;
  return distance < NEAR && large < ALIKE * small ? 1 - distance : 0;
}

/** Online: each frame's faces are given to the tracks they fit best, the best pair first; the others begin tracks of their own. */
export class Tracker {
  readonly tracks: Track[] = [];

  /** @returns the track of each face */
  add(faces: readonly Face[]): Track[] {
    const pairs = this.tracks
      .flatMap((track) => faces.map((face) => ({ track, face, fit: fit(track.last, face) })))
      .filter((pair) => pair.fit > 0)
      .sort((a, b) => b.fit - a.fit);
    const trackOf = new Map<Face, Track>();
    const taken = new Set<Track>();
    for (const { track, face } of pairs) {
      if (trackOf.has(face) || taken.has(track)) continue;
      trackOf.set(face, track);
      taken.add(track);
    }
    return faces.map((face) => {
      const track = trackOf.get(face) ?? this.begin(face);
      track.last = face;
      track.frames++;
      track.weight += face.score * sideOf(face);
      return track;
    });
  }

  /** The one that matters; undefined when there was no face. */
  main(): Track | undefined {
    return this.tracks.reduce<Track | undefined>(
      (best, track) => (best && best.weight >= track.weight ? best : track),
      undefined,
    );
  }

  private begin(face: Face): Track {
    const track = { id: this.tracks.length, last: face, frames: 0, weight: 0 };
    this.tracks.push(track);
    return track;
  }
}
