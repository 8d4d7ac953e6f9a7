import { UserError } from '../errors.js';

export async function run(): Promise<number> {
  throw new UserError('clew verify: not built yet');
}
