// While any GPU promise is pending, Dawn asks for its next look at the GPU through globalThis.setImmediate, so the event loop
// spins: a whole core, of the very cores that a software driver computes on. Dawn looks the function up at every call, so
// replacing it is enough to make the polling sleep.

const FAST_MS = 0.2; // small jobs (a readback) end within this, and must not pay for a timer
const SHORT_MS = 20; // up to here a millisecond of delay matters, later two do not
const LONGEST_MS = 8;

/** How long to sleep after so long a wait: later looks at steps that take seconds may be late by a hundredth. */
const sleepAfter = (waited: number): number =>
  waited < SHORT_MS ? 1 : Math.min(LONGEST_MS, Math.max(2, waited / 100));

/**
 * Dawn's own callback: native, without a name, without parameters, and, unlike a promise's resolve or a bound function,
 * with a prototype of its own. All other callbacks keep Node's setImmediate.
 */
const isDawnTick = (callback: (...args: unknown[]) => void): boolean =>
  callback.name === '' &&
  callback.length === 0 &&
  Object.hasOwn(callback, 'prototype') &&
  Function.prototype.toString.call(callback) === 'function () { [native code] }';

let installed = false;

/** Makes waiting for the GPU sleep: fast polls for 0.2 ms, then every 1 ms, every 2 ms behind 20, and every 8 ms behind 800. */
export function sleepWhileWaiting(): void {
  if (installed) return;
  installed = true;
  const immediate = globalThis.setImmediate;
  let since = 0;
  let inTick = false;

  const poll = (tick: () => void): void => {
    const now = performance.now();
    if (!inTick) since = now; // not asked for by a poll that found work pending: a new wait begins
    const waited = now - since;
    const run = (): void => {
      inTick = true;
      try {
        tick();
      } finally {
        inTick = false;
      }
    };
    if (waited < FAST_MS) immediate(run);
    else setTimeout(run, sleepAfter(waited));
  };

  const patched = (callback: (...args: unknown[]) => void, ...args: unknown[]): unknown =>
    isDawnTick(callback) ? poll(callback) : immediate(callback, ...args);
  // Keeps what hangs on the function, such as the symbol by which util.promisify knows it.
  globalThis.setImmediate = Object.assign(patched, immediate) as typeof setImmediate;
}
