import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/** Where unpacked drivers, tuner results and made data live: $CLEW_CACHE, else $XDG_CACHE_HOME/clew, else ~/.cache/clew. */
export function cacheDir(): string {
  const { CLEW_CACHE, XDG_CACHE_HOME } = process.env;
  if (CLEW_CACHE) return resolve(CLEW_CACHE);
  return XDG_CACHE_HOME ? resolve(XDG_CACHE_HOME, 'clew') : join(homedir(), '.cache', 'clew');
}
