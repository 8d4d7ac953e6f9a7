import type { Decoder } from '../data/decoder.js';
import type { SampleList } from '../data/samples.js';
import { type Evaluation, evaluate } from '../train/evaluation.js';
import type { Session } from '../train/session.js';
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
  interrupted: () => boolean = () => false,
): Promise<Tested | undefined> {
  const evaluation = await evaluate(session, samples, decoder, bs, { interrupted });
  return evaluation && { results: testResults(name, samples, evaluation), evaluation };
}
