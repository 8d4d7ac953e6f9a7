import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';

/** CPU milliseconds of the calling thread; where the system does not tell (not Linux), those its event loop was busy. */
export function threadBusyMs(): number {
  try {
    return Number.parseInt(readFileSync('/proc/thread-self/schedstat', 'utf8'), 10) / 1e6;
  } catch {
    return performance.eventLoopUtilization().active;
  }
}
