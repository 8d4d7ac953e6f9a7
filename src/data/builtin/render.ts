/**
 * A software renderer for faces: every pixel is cast onto a head-shaped squircle, turned into the head's own frame, painted
 * there feature by feature, and lit. Edges are anti-aliased by coverage (a smooth step one pixel wide), not by supersampling.
 */
import type { Identity, Scene } from './identity.js';
import { blank, type Image, type Rgb, squircle, tint } from './image.js';

/** A face's fixed points in pixels (0 is the outer edge of the first pixel). */
export interface Landmarks {
  readonly leftEye: Point;
  readonly rightEye: Point;
  readonly mouth: Point;
}
export type Point = readonly [x: number, y: number];

const WHITE: Rgb = [0.93, 0.92, 0.9];
const BLACK: Rgb = [0.04, 0.03, 0.03];
const MOUTH: Rgb = [0.22, 0.05, 0.06];

/** 1 inside (d < 0), 0 outside, a ramp of width `soft` around d = 0. */
const inside = (d: number, soft: number): number => {
  const t = Math.min(1, Math.max(0, 0.5 - d / soft));
  return t * t * (3 - 2 * t);
};
const bump = (x: number, sigma: number): number => Math.exp(-0.5 * (x / sigma) ** 2);
/** Math.hypot guards against overflow and costs ten times as much. */
const length2 = (x: number, y: number): number => Math.sqrt(x * x + y * y);
const ellipse = (x: number, y: number, a: number, b: number): number =>
  (length2(x / a, y / b) - 1) * Math.min(a, b);

/** The picture of a person, size x size, and where the features are. */
export function renderFace(
  who: Identity,
  scene: Scene,
  size: number,
): { image: Image; landmarks: Landmarks } {
  const image = blank(size);
  const pixel = new Painter(who, scene, 2 / size);
  for (let row = 0, at = 0; row < size; row++) {
    for (let column = 0; column < size; column++, at += 3) {
      pixel.paint((2 * column + 1) / size - 1, (2 * row + 1) / size - 1);
      image.data.set(pixel.colour, at);
    }
  }
  return { image, landmarks: pixel.landmarks(size) };
}

class Painter {
  readonly colour = new Float32Array(3);
  private readonly sin: Record<'yaw' | 'pitch' | 'roll', number>;
  private readonly cos: Record<'yaw' | 'pitch' | 'roll', number>;
  /** One pixel, in head half-widths. */
  private readonly soft: number;

  constructor(
    private readonly who: Identity,
    private readonly scene: Scene,
    pixel: number,
  ) {
    const { yaw, pitch, roll } = scene;
    this.sin = { yaw: Math.sin(yaw), pitch: Math.sin(pitch), roll: Math.sin(roll) };
    this.cos = { yaw: Math.cos(yaw), pitch: Math.cos(pitch), roll: Math.cos(roll) };
    this.soft = (1.5 * pixel) / who.head.width;
  }

  /** Leaves the colour of the image point (u, v), each in -1..1, in `colour`. */
  paint(u: number, v: number): void {
    const { who, scene, sin, cos } = this;
    const { width, height, square, jaw } = who.head;
    const du = u - scene.shift[0];
    const dv = v - scene.shift[1];
    const x = (du * cos.roll + dv * sin.roll) / width;
    const y = (dv * cos.roll - du * sin.roll) / height;

    const chin = Math.max(0, y);
    const radius = squircle(x / (1 - jaw * chin * chin), y, square);
    const cover = inside(radius - 1, this.soft);
    if (cover < 1) {
      this.background(u, v);
      this.behind(x, y);
    }
    if (cover > 0) {
      const under = [this.colour[0]!, this.colour[1]!, this.colour[2]!] as const;
      const z = Math.sqrt(Math.max(0, 1 - radius * radius));
      const back = z * cos.pitch + y * sin.pitch;
      this.skin(x * cos.yaw - back * sin.yaw, y * cos.pitch - z * sin.pitch, x, y, z);
      this.over(under, 1 - cover);
    }
    tint(this.colour, 0, scene.spill[0] * u + scene.spill[1] * v);
  }

  /** The same mapping forwards: a point on the front of the head to image pixels. */
  landmarks(size: number): Landmarks {
    const { who, scene, sin, cos } = this;
    const project = (hx: number, hy: number): Point => {
      const hz = Math.sqrt(Math.max(0, 1 - hx * hx - hy * hy));
      const x = hx * cos.yaw + hz * sin.yaw;
      const back = hz * cos.yaw - hx * sin.yaw;
      const y = hy * cos.pitch + back * sin.pitch;
      const dx = x * who.head.width;
      const dy = y * who.head.height;
      const u = dx * cos.roll - dy * sin.roll + scene.shift[0];
      const v = dx * sin.roll + dy * cos.roll + scene.shift[1];
      return [((u + 1) * size) / 2, ((v + 1) * size) / 2];
    };
    const { eye, mouth } = who;
    return {
      leftEye: project(-eye.x, eye.y),
      rightEye: project(eye.x, eye.y),
      mouth: project(0, mouth.y),
    };
  }

  private over(paint: Rgb | Float32Array, alpha: number): void {
    for (let c = 0; c < 3; c++) this.colour[c]! += alpha * (paint[c]! - this.colour[c]!);
  }

  private background(u: number, v: number): void {
    const { wall, pattern } = this.scene;
    const noise = pattern.tile.at(pattern.scale * u, pattern.scale * v);
    const along = u * Math.cos(pattern.angle) + v * Math.sin(pattern.angle);
    const wave = pattern.stripes > 0 ? Math.sin(pattern.stripes * along) : noise + 0.5 * along;
    this.colour.set(wall[0]);
    this.over(wall[1], 0.5 + 0.5 * Math.tanh((0.7 + pattern.hard) * wave));
    const grain = 1 + 0.2 * noise;
    for (let c = 0; c < 3; c++) this.colour[c]! *= grain;
  }

  /** Shoulders, neck, ears and the hair that the face hides. */
  private behind(x: number, y: number): void {
    const { who, scene, soft } = this;
    const { volume, length } = who.mane;
    const shade = scene.ambient + 0.35;
    const dim = (c: Rgb, k: number): Rgb => [c[0] * k, c[1] * k, c[2] * k];
    const outside = length > 0 ? Math.max(Math.abs(x) - 1 - volume * 0.8, y - length, -y - 0.2) : 1;
    const crown = ellipse(x, y + 0.1, 1 + volume, 1.02 + volume);
    this.over(dim(who.skin, 0.75 * shade), inside(Math.max(Math.abs(x) - 0.55, -y), soft));
    this.over(dim(scene.clothes, shade), inside(1.22 - y - 0.12 * Math.abs(x) ** 0.5 + 0.1 * x * x, soft));
    const strand = 0.75 + 0.3 * who.strands.at(x, 0.12 * y);
    this.over(dim(who.hair, strand), inside(Math.min(Math.max(crown, y - 0.25), outside), soft));
    const ear = ellipse(Math.abs(x) - 1, y, 0.09, 0.2);
    if (length < 0) this.over(dim(who.skin, 0.9 * shade), inside(ear, soft));
  }

  /** Paints the head at (hx, hy) of its own frame, then lights it with the normal of the view point (x, y, z). */
  private skin(hx: number, hy: number, x: number, y: number, z: number): void {
    const { who, soft } = this;
    const side = Math.abs(hx);
    this.colour.set(who.skin);
    const pore = who.pores.at(0.9 * hx, 1.1 * hy);
    for (let c = 0; c < 3; c++) this.colour[c]! *= 1 + 0.07 * who.roughness * pore;
    this.over([0.8, 0.35, 0.33], 0.25 * who.blush * bump(side - 0.5, 0.2) * bump(hy - 0.25, 0.17));
    this.over([0.25, 0.14, 0.12], 0.3 * bump(side - who.eye.x, 0.2) * bump(hy - who.eye.y + 0.03, 0.1));
    if (who.freckles > 0 && pore > 0.55)
      this.over([0.5, 0.3, 0.2], 0.35 * who.freckles * bump(hy - 0.1, 0.25));
    if (who.beard > 0) {
      const chin =
        inside(0.42 - hy - 0.5 * (side - 0.5), 0.3) * inside(ellipse(hx, hy - 0.55, 0.2, 0.05), 0.05);
      const jaw = inside(0.3 - hy - 0.35 * side, 0.25);
      this.over(who.hair, who.beard * (jaw - 0.3 * chin) * (0.75 + 0.25 * who.strands.at(2 * hx, 2 * hy)));
    }
    this.nose(hx, hy);
    this.mouth(hx, hy);
    this.eyes(hx, hy);
    this.light(hx, hy, x, y, z);
    const { fringe } = who;
    const hairline =
      fringe.y - fringe.curve * 0.5 * (hx - fringe.part) ** 2 + 0.5 * Math.max(0, side - 0.72) * 4;
    const strand = 0.8 + 0.3 * who.strands.at(1.2 * hx + 0.2 * hy, 0.14 * hy) + 0.25 * bump(hy + 0.85, 0.1);
    const [r, g, b] = who.hair;
    this.over([r * strand, g * strand, b * strand], inside(hy - hairline, 2 * soft));
  }

  private nose(hx: number, hy: number): void {
    const { nose } = this.who;
    const nostril = ellipse(Math.abs(hx) - 0.55 * nose.width, hy - nose.y - 0.02, 0.28 * nose.width, 0.025);
    this.over(BLACK, 0.6 * inside(nostril, this.soft));
    this.over(BLACK, 0.18 * bump(hy - nose.y - 0.05, 0.025) * inside(Math.abs(hx) - nose.width, 0.1));
    this.over(BLACK, 0.12 * bump(Math.abs(hx) - 1.05 * nose.width, 0.03) * bump(hy - nose.y + 0.02, 0.06));
  }

  private mouth(hx: number, hy: number): void {
    const { who, scene, soft } = this;
    const { y, width, lip, bow } = who.mouth;
    const t = hx / (width * (1 + 0.3 * scene.smile));
    if (Math.abs(t) > 1.1) return;
    const arc = hy - y + scene.smile * 0.35 * (t * t - 0.4);
    const taper = Math.max(0, 1 - t * t);
    const gap = scene.open * taper;
    const upper = lip * taper * (1 - bow * bump(hx, 0.05)) + gap;
    const lower = 1.25 * lip * Math.sqrt(taper) + gap;
    this.over(
      who.lips,
      0.9 * inside(arc < 0 ? -arc - upper : arc - lower, soft) * inside(Math.abs(t) - 1, soft / width),
    );
    this.over(
      MOUTH,
      inside(Math.abs(arc) - Math.max(gap, 0.012), soft) * inside(Math.abs(t) - 0.95, soft / width),
    );
    if (gap > 0.02) this.over(WHITE, 0.85 * inside(Math.abs(arc + 0.4 * gap) - 0.4 * gap, soft));
  }

  private eyes(hx: number, hy: number): void {
    const { who, scene, soft } = this;
    const { eye, brow } = who;
    const hand = Math.sign(hx) || 1;
    const ex = Math.abs(hx) - eye.x;
    const ey = hy - eye.y + eye.tilt * ex;
    const t = ex / eye.width;
    const lid = eye.height * scene.lids * Math.max(0, 1 - t * t);
    const opening = Math.abs(ey) - lid;
    if (Math.abs(t) < 1.3 && Math.abs(ey) < 0.3) {
      const open = inside(opening, soft) * inside(Math.abs(t) - 1, soft / eye.width);
      const gx = ex * hand - scene.gaze[0] * 0.4 * eye.width;
      const gy = ey - scene.gaze[1] * eye.height;
      const r = length2(gx, gy * (who.head.height / who.head.width));
      this.over(WHITE, open);
      this.over(who.iris, open * inside(r - eye.iris, soft));
      this.over(BLACK, open * inside(r - 0.45 * eye.iris, soft));
      this.over([1, 1, 1], open * inside(length2(gx + 0.035, gy + 0.03) - 0.022, soft));
      this.over(BLACK, 0.75 * bump(ey + lid, 0.018 + 0.3 * soft) * inside(Math.abs(t) - 1.05, 0.2));
    }
    const by = hy - eye.y + brow.rise - brow.slope * ex - 0.6 * brow.arch * (ex - 0.05) ** 2;
    const thick = brow.thick * Math.max(0.25, 1 - 0.6 * Math.max(0, t));
    this.over(who.hair, 0.85 * inside(Math.abs(by) - thick, soft) * inside(Math.abs(t) - 1.25, 0.25));
    if (who.glasses) {
      const rim = Math.abs(ellipse(ex, ey - 0.02, 0.27, 0.2)) - 0.018;
      const bridge = Math.max(Math.abs(hy - eye.y) - 0.018, Math.abs(hx) - eye.x + 0.27);
      this.over(BLACK, 0.9 * inside(Math.min(rim, bridge), soft));
    }
  }

  /** Lambert's law with a wrapped terminator (light scatters in skin), a relief for the nose, and a weak highlight. */
  private light(hx: number, hy: number, x: number, y: number, z: number): void {
    const { scene, who } = this;
    const [lx, ly, lz] = scene.light;
    const { nose } = who;
    const ridge = inside(hy - nose.y - 0.03, 0.12) * inside(who.eye.y - 0.1 - hy, 0.3) * nose.bridge;
    const slope = ridge * 0.8 * (hx / nose.width) * bump(hx, 0.6 * nose.width);
    const [nx, ny, nz] = [x + slope, y * 0.8, z + 0.15];
    const length = Math.sqrt(nx * nx + ny * ny + nz * nz);
    const lambert = (nx * lx + ny * ly + nz * lz) / length;
    const diffuse = Math.max(0, (lambert + 0.25) / 1.25);
    const shine = Math.max(0, (2 * lambert * nz) / length - lz) ** 12;
    for (let c = 0; c < 3; c++) {
      const lit = scene.ambient * (0.9 + 0.1 * z) + (1 - 0.6 * scene.ambient) * diffuse * scene.lamp[c]!;
      this.colour[c] = this.colour[c]! * lit + 0.14 * shine * scene.lamp[c]!;
    }
  }
}
