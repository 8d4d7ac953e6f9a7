import { UserError } from '../errors.js';

export async function doctor(_config: { json: boolean; adapter: string | undefined }): Promise<number> {
  throw new UserError('clew doctor: not built yet');
}
