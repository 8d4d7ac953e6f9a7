/** What finds faces, and how one is opened by name. */
import type { Image } from '../data/image.js';
import type { Face } from './box.js';

export interface FaceDetector {
  /** One line: which network, on what. */
  readonly name: string;
  /** Faces in an R,G,B picture, the surest first. Calls may overlap; they run one after the other. */
  detect(image: Image): Promise<Face[]>;
  close(): Promise<void>;
}

export const DETECTORS = ['tiny', 'retinaface'] as const;
export type DetectorName = (typeof DETECTORS)[number];

export interface DetectorOptions {
  /** --detector_model: the weights; `tiny` has its own. */
  readonly model?: string | undefined;
  /** --adapter: where `tiny` runs. */
  readonly adapter?: string | undefined;
}

/** @throws UserError when its weights or the program that runs it are missing */
export async function openDetector(name: DetectorName, options: DetectorOptions): Promise<FaceDetector> {
  if (name === 'retinaface') return (await import('./retinaface.js')).openRetinaFace(options.model);
  return (await import('./tiny-face-detector.js')).openTinyFaceDetector(options);
}
