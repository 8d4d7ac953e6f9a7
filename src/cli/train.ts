import { UserError } from '../errors.js';

export async function run(): Promise<number> {
  throw new UserError('clew train: not built yet');
}
