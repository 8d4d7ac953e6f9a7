/** What a run writes into SAVE_PATH/NAME. */
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { UserError } from '../errors.js';
import { appendLine, attempt, listFolder, removeFile, writeFileAtomic } from '../io/files.js';
import { quoted } from '../quoted.js';

/** One epoch of metrics.jsonl. */
export type EpochLine = Readonly<Record<string, unknown>> & { readonly epoch: number };

export interface RunOptions {
  /** --save_path */
  readonly savePath: string;
  /** --name */
  readonly name: string;
  /**
   * The checkpoint of ours that the run goes on from. In its own folder all files stay, whatever `overwrite` says; another folder must
   * be free as a new run's, and takes over what came before.
   */
  readonly resume?: string | undefined;
  readonly overwrite: boolean;
}

const checkpoints = /^model_(best|last|\d+)\.safetensors$/;

/** Whether a file in a run's folder is ours, or what a killed write of ours left: overwriting a run may remove it. */
function isOurs(name: string): boolean {
  const whole = name.replace(/^\.(.*)\.tmp-\d+$/, '$1');
  return (
    ['config.json', 'metrics.jsonl', 'train.log', 'test_faces.png'].includes(whole) ||
    checkpoints.test(whole.replace(/\.json$/, '.safetensors'))
  );
}

/** What a run that goes on in another folder takes along: its epochs so far, and the best of them. */
const TAKEN_ALONG = ['metrics.jsonl', 'model_best.safetensors', 'model_best.json'];

/** The folder of one run. */
export class RunFiles {
  /** Lines for train.log that wait for begin(). */
  private early: string[] | undefined;

  private constructor(
    readonly folder: string,
    /** Files of the run that this one replaces. */
    private readonly old: readonly string[],
    /** The folder that this run goes on from, if it is another one. */
    private readonly before: string | undefined,
    isNew: boolean,
  ) {
    this.early = isNew ? [] : undefined;
  }

  /**
   * What a start that failed has left, a log without results, is no run.
   * @throws UserError when the name is in use and the run neither goes on nor may be overwritten
   */
  static async open({ savePath, name, resume, overwrite }: RunOptions): Promise<RunFiles> {
    const folder = join(savePath, name);
    const before = resume === undefined ? undefined : dirname(resume);
    if (before !== undefined && resolve(before) === resolve(folder))
      return new RunFiles(folder, [], undefined, false);
    const old = (await listFolder(folder)).filter(isOurs);
    const results = old.filter((file) => file === 'metrics.jsonl' || checkpoints.test(file));
    const last = old.find((file) => file === 'model_last.safetensors');
    if (results.length > 0 && !overwrite)
      throw new UserError(
        `${folder}: holds a run already; choose another --name, or replace it with --overwrite${last ? `, or go on with --resume_model ${quoted(join(folder, last))}` : ''}`,
      );
    return new RunFiles(folder, old, before, true);
  }

  /** Removes what the run replaces, and takes along what it goes on from. Until then a run that fails has cost nothing. */
  async begin(): Promise<void> {
    for (const file of this.old) await removeFile(join(this.folder, file));
    const lines = this.early ?? [];
    this.early = undefined;
    for (const line of lines) await this.log(line);
    if (this.before === undefined) return;
    const there = await listFolder(this.before);
    for (const file of TAKEN_ALONG.filter((name) => there.includes(name)))
      await writeFileAtomic(join(this.folder, file), createReadStream(join(this.before, file)));
  }

  /** Whether there is a best epoch to test. */
  async hasBest(): Promise<boolean> {
    return (await listFolder(this.folder)).includes(basename(this.checkpoint('best')));
  }

  /** Path of model_best, model_last or model_{epoch}. */
  checkpoint(which: 'best' | 'last' | number): string {
    return join(this.folder, `model_${which}.safetensors`);
  }

  /** All flags, version, adapter, tuner choices. */
  async writeConfig(config: object): Promise<void> {
    await this.writeText('config.json', `${JSON.stringify(config, null, 2)}\n`);
  }

  /** A line of train.log. */
  async log(text: string): Promise<void> {
    if (this.early) this.early.push(text);
    else await appendLine(join(this.folder, 'train.log'), text);
  }

  /**
   * Adds an epoch to metrics.jsonl. Call it before writing the checkpoint that counts the epoch as done: a run killed in between does
   * the epoch again and drops this line, while the other order would lose it.
   */
  async addEpoch(line: EpochLine): Promise<void> {
    await appendLine(this.metricsPath, JSON.stringify(line));
  }

  /** The epochs in metrics.jsonl; a last line that was cut off by a kill is left out. */
  async epochs(): Promise<EpochLine[]> {
    if (!(await listFolder(this.folder)).includes('metrics.jsonl')) return [];
    const text = await attempt('read', this.metricsPath, () => readFile(this.metricsPath, 'utf8'));
    const lines = text.split('\n').slice(0, -1);
    return lines.map((line, i) => {
      try {
        return JSON.parse(line) as EpochLine;
      } catch {
        throw new UserError(`${this.metricsPath}:${i + 1}: not JSON; remove the line`);
      }
    });
  }

  /** Before a resumed run does epoch `first` again: forgets it and the later ones, so that each epoch stays there once. */
  async dropEpochsFrom(first: number): Promise<void> {
    const kept = (await this.epochs()).filter(({ epoch }) => epoch < first);
    await this.writeText('metrics.jsonl', kept.map((line) => `${JSON.stringify(line)}\n`).join(''));
  }

  private get metricsPath(): string {
    return join(this.folder, 'metrics.jsonl');
  }

  private async writeText(name: string, text: string): Promise<void> {
    await writeFileAtomic(join(this.folder, name), new TextEncoder().encode(text));
  }
}
