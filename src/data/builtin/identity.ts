/** Who is in front of the camera, and what changes from clip to clip and from frame to frame. */
import { Rng } from '../../rng.js';
import type { Rgb } from './image.js';
import { NoiseTile } from './noise.js';

/** A person: fixed over all clips. Lengths are in half-widths of the head, x to the right, y down, eyes at y < 0. */
export interface Identity {
  readonly skin: Rgb;
  readonly lips: Rgb;
  readonly hair: Rgb;
  readonly iris: Rgb;
  readonly pores: NoiseTile;
  readonly strands: NoiseTile;
  /** Half-width and half-height in half image sides, squareness of the outline, narrowing towards the chin. */
  readonly head: { width: number; height: number; square: number; jaw: number };
  readonly eye: { x: number; y: number; width: number; height: number; tilt: number; iris: number };
  readonly brow: { rise: number; thick: number; arch: number; slope: number };
  readonly nose: { y: number; width: number; bridge: number };
  readonly mouth: { y: number; width: number; lip: number; bow: number };
  readonly fringe: { y: number; part: number; curve: number };
  readonly mane: { volume: number; length: number };
  /** 0..1 each. */
  readonly roughness: number;
  readonly blush: number;
  readonly beard: number;
  readonly freckles: number;
  readonly glasses: boolean;
}

/** What one picture shows besides the person. Angles in radians; light points from the face to the lamp. */
export interface Scene {
  readonly yaw: number;
  readonly pitch: number;
  readonly roll: number;
  readonly shift: readonly [number, number];
  readonly light: readonly [number, number, number];
  readonly lamp: Rgb;
  readonly ambient: number;
  /** Mixed lighting: how the light turns from green to magenta per half image side, to the right and down. */
  readonly spill: readonly [number, number];
  readonly gaze: readonly [number, number];
  readonly lids: number;
  readonly open: number;
  readonly smile: number;
  readonly clothes: Rgb;
  readonly wall: readonly [Rgb, Rgb];
  /** Stripes or patches of the two wall colours; `hard` is how sharply they meet. */
  readonly pattern: { tile: NoiseTile; scale: number; stripes: number; angle: number; hard: number };
}

const mix = (a: Rgb, b: Rgb, t: number): Rgb => [
  a[0] + t * (b[0] - a[0]),
  a[1] + t * (b[1] - a[1]),
  a[2] + t * (b[2] - a[2]),
];

/** A point on a line of colours, `t` in 0..1. */
function along(palette: readonly Rgb[], t: number): Rgb {
  const at = Math.min(t, 0.9999) * (palette.length - 1);
  return mix(palette[Math.floor(at)]!, palette[Math.floor(at) + 1]!, at % 1);
}

const SKINS: readonly Rgb[] = [
  [0.97, 0.84, 0.77],
  [0.92, 0.74, 0.62],
  [0.82, 0.62, 0.48],
  [0.64, 0.45, 0.33],
  [0.42, 0.28, 0.21],
];
const HAIRS: readonly Rgb[] = [
  [0.07, 0.06, 0.06],
  [0.2, 0.13, 0.09],
  [0.38, 0.24, 0.14],
  [0.55, 0.27, 0.13],
  [0.8, 0.66, 0.42],
  [0.68, 0.66, 0.64],
];
const IRISES: readonly Rgb[] = [
  [0.16, 0.09, 0.05],
  [0.36, 0.22, 0.1],
  [0.3, 0.38, 0.22],
  [0.32, 0.48, 0.62],
];

export function drawIdentity(rng: Rng): Identity {
  const tone = rng.uniform();
  const skin = along(SKINS, tone);
  const red = mix(skin, [0.72, 0.25, 0.27], rng.range(0.3, 0.75));
  return {
    skin,
    lips: [red[0] * rng.range(0.8, 1), red[1] * 0.85, red[2] * 0.9],
    hair: along(HAIRS, rng.uniform() * (tone > 0.6 ? 0.4 : 1)),
    iris: along(IRISES, rng.uniform() * (tone > 0.6 ? 0.4 : 1)),
    pores: new NoiseTile(rng, 8),
    strands: new NoiseTile(rng, 4),
    head: {
      width: rng.range(0.56, 0.68),
      height: rng.range(0.74, 0.86),
      square: rng.range(0, 0.5),
      jaw: rng.range(0.08, 0.3),
    },
    eye: {
      x: rng.range(0.38, 0.46),
      y: rng.range(-0.2, -0.08),
      width: rng.range(0.17, 0.23),
      height: rng.range(0.07, 0.12),
      tilt: rng.range(-0.12, 0.2),
      iris: rng.range(0.075, 0.1),
    },
    brow: {
      rise: rng.range(0.16, 0.25),
      thick: rng.range(0.025, 0.065),
      arch: rng.range(0.1, 0.9),
      slope: rng.range(-0.15, 0.15),
    },
    nose: { y: rng.range(0.22, 0.34), width: rng.range(0.13, 0.22), bridge: rng.range(0.5, 1) },
    mouth: {
      y: rng.range(0.52, 0.62),
      width: rng.range(0.25, 0.38),
      lip: rng.range(0.045, 0.085),
      bow: rng.range(0.1, 0.5),
    },
    fringe: { y: rng.range(-0.75, -0.42), part: rng.range(-0.5, 0.5), curve: rng.range(-0.1, 0.5) },
    mane: { volume: rng.range(0.04, 0.22), length: rng.uniform() < 0.45 ? rng.range(0.4, 1.2) : -0.2 },
    roughness: rng.range(0.2, 1),
    blush: rng.uniform(),
    beard: rng.uniform() < 0.3 ? rng.range(0.3, 0.9) : 0,
    freckles: rng.uniform() < 0.25 ? rng.range(0.3, 1) : 0,
    glasses: rng.uniform() < 0.15,
  };
}

/** The opening pose, light and place of a clip. */
export function drawScene(rng: Rng): Scene {
  const direction = [rng.range(-0.9, 0.9), rng.range(-0.9, 0.1), rng.range(0.6, 1.2)] as const;
  const length = Math.hypot(...direction);
  const warmth = rng.range(-0.08, 0.08);
  const power = rng.range(0.75, 1.05);
  const anyColour = (): Rgb => {
    const grey = rng.range(0.1, 0.85);
    const tint = () => grey + rng.range(-0.25, 0.25);
    return [tint(), tint(), tint()];
  };
  return {
    yaw: rng.range(-0.4, 0.4),
    pitch: rng.range(-0.15, 0.15),
    roll: rng.range(-0.1, 0.1),
    shift: [rng.range(-0.05, 0.05), rng.range(-0.03, 0.06)],
    light: [direction[0] / length, direction[1] / length, direction[2] / length],
    lamp: [power * (1 + warmth), power, power * (1 - warmth)],
    ambient: rng.range(0.3, 0.55),
    spill: [rng.range(-0.07, 0.07), rng.range(-0.07, 0.07)],
    gaze: [rng.range(-0.4, 0.4), rng.range(-0.2, 0.2)],
    lids: rng.range(0.75, 1),
    open: rng.uniform() < 0.4 ? rng.range(0.02, 0.1) : 0,
    smile: rng.range(-0.05, 0.3),
    clothes: anyColour(),
    wall: [anyColour(), anyColour()],
    pattern: {
      tile: new NoiseTile(rng, 16),
      scale: rng.range(0.4, 1.2),
      stripes: rng.uniform() < 0.5 ? rng.range(2, 9) : 0,
      hard: 8 * rng.uniform() ** 2,
      angle: rng.range(0, Math.PI),
    },
  };
}

/** The same scene a moment later: a smooth path through frame number `t`, fixed by the clip's `key`. */
export function atFrame(scene: Scene, t: number, key: number): Scene {
  const phases = new Rng(key, 'motion');
  const sway = () => Math.sin(0.9 * t + 2 * Math.PI * phases.uniform());
  const [x, y] = scene.shift;
  const glow = 1 + 0.02 * sway();
  return {
    ...scene,
    yaw: scene.yaw + 0.08 * sway(),
    pitch: scene.pitch + 0.04 * sway(),
    roll: scene.roll + 0.03 * sway(),
    shift: [x + 0.015 * sway(), y + 0.015 * sway()],
    lamp: [scene.lamp[0] * glow, scene.lamp[1] * glow, scene.lamp[2] * glow],
    gaze: [scene.gaze[0] + 0.15 * sway(), scene.gaze[1] + 0.05 * sway()],
    lids: scene.lids * (sway() > 0.97 ? 0.2 : 1),
    open: Math.max(0, scene.open * (1 + sway())),
    smile: scene.smile + 0.05 * sway(),
  };
}
