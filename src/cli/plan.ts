import { UserError } from '../errors.js';

export async function run(): Promise<number> {
  throw new UserError('clew plan: not built yet');
}
