/** The images of many folders, numbered. */
import { join } from 'node:path';

/** One video: a folder of images. */
export interface ImageFolder {
  /** Tells videos apart; the name of a folder alone does not (`000_003` occurs in four FF++ methods). */
  readonly key: string;
  readonly dir: string;
  /** File names, byte-sorted. */
  readonly frames: readonly string[];
  /** 0 real, 1 fake; absent when nobody has said. */
  readonly label?: 0 | 1;
}

export interface Sample {
  /** Index of the folder. */
  readonly clip: number;
  readonly frame: number;
  readonly file: string;
  /** 0 where the folder has no label. */
  readonly label: 0 | 1;
}

/** Folder after folder, frame after frame. FF++ has millions of samples, so each is two integers until it is asked for. */
export class SampleList {
  readonly length: number;
  private readonly clipOf: Uint32Array;
  private readonly frameOf: Uint32Array;

  /**
   * @param name what the samples are, for messages
   * @param repeats how often a folder's frames occur, one time after the other
   */
  constructor(
    readonly name: string,
    readonly folders: readonly ImageFolder[],
    repeats: (folder: ImageFolder) => number = () => 1,
  ) {
    this.length = folders.reduce((sum, folder) => sum + folder.frames.length * repeats(folder), 0);
    this.clipOf = new Uint32Array(this.length);
    this.frameOf = new Uint32Array(this.length);
    let i = 0;
    for (const [clip, folder] of folders.entries())
      for (let copy = 0; copy < repeats(folder); copy++)
        for (let frame = 0; frame < folder.frames.length; frame++, i++) {
          this.clipOf[i] = clip;
          this.frameOf[i] = frame;
        }
  }

  /** Every image file, folder after folder, without repeats of folders. */
  *files(): Generator<string> {
    for (const { dir, frames } of this.folders) for (const frame of frames) yield join(dir, frame);
  }

  at(index: number): Sample {
    const clip = this.clipOf[index]!;
    const frame = this.frameOf[index]!;
    const { dir, frames, label = 0 } = this.folders[clip]!;
    return { clip, frame, file: join(dir, frames[frame]!), label };
  }
}
