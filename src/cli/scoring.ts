import type { Decoder } from '../data/decoder.js';
import type { SampleList } from '../data/samples.js';
import { type Evaluation, evaluate } from '../train/evaluation.js';
import type { Session } from '../train/session.js';
import { imagesLine, type ProgressDisplay, Rate } from './progress.js';
import { type TestResult, testResults } from './results.js';

export interface Tested {
  readonly results: TestResult[];
  readonly evaluation: Evaluation;
}

/** Tests the current weights on a split. @returns undefined when it was interrupted */
export async function testSplit(
  session: Session,
  name: string,
  samples: SampleList,
  decoder: Decoder,
  bs: number,
  display: ProgressDisplay,
  interrupted: () => boolean = () => false,
): Promise<Tested | undefined> {
  const rate = new Rate();
  let done = 0;
  const progress = (images: number): void => {
    done += images;
    rate.add(performance.now() / 1000, done);
    display.show(imagesLine(`test ${name}`, done, samples.length, rate), done / samples.length);
  };
  const evaluation = await evaluate(session, samples, decoder, bs, { interrupted, progress });
  return evaluation && { results: testResults(name, samples, evaluation), evaluation };
}
