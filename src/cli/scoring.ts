import type { Decoder } from '../data/decoder.js';
import type { SampleList } from '../data/samples.js';
import { type Evaluation, evaluate } from '../train/evaluation.js';
import type { Session } from '../train/session.js';
import { type TestResult, testResults } from './results.js';

export interface Tested {
  readonly results: TestResult[];
  readonly evaluation: Evaluation;
}

/** Tests the current weights on a split. */
export async function testSplit(
  session: Session,
  name: string,
  samples: SampleList,
  decoder: Decoder,
  bs: number,
): Promise<Tested> {
  const evaluation = (await evaluate(session, samples, decoder, bs))!;
  return { results: testResults(name, samples, evaluation), evaluation };
}
