import { readFileSync } from 'node:fs';
import { parseSteps } from '../data/augment/steps.js';
import type { Augmentation } from '../data/augment.js';
import { messageOf, UsageError } from '../errors.js';

/**
 * `--augment reference|none|FILE.json`; what has been read already stays as it is.
 * @throws UsageError that names the file and the field
 */
export function readAugmentation(given: string | Augmentation): Augmentation {
  if (typeof given !== 'string' || given === 'none' || given === 'reference') return given;
  try {
    return parseSteps(JSON.parse(readFileSync(given, 'utf8')));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const cause = code === 'ENOENT' ? 'no such file; wants reference, none or a JSON file' : messageOf(error);
    throw new UsageError(`--augment ${given}: ${cause}`);
  }
}
