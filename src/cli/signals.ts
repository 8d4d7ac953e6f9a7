/**
 * Ctrl-C: the first SIGINT asks for an orderly end (save, then exit 130), a second one kills. It kills by the default action
 * of the system, so it works even while native code keeps the event loop busy.
 */

/** npm passes a terminal's Ctrl-C on to a child that has had it already: a SIGINT so soon after the first is the same one. */
const echoMs = 300;

/** Exit code of a process that SIGINT ended: 128 + 2. */
export const interruptedExitCode = 130;

export interface Interruption {
  /** Whether SIGINT has come. */
  readonly requested: boolean;
  /** Back to the system's default: the next SIGINT kills. */
  dispose(): void;
}

/** Watches for SIGINT until disposed of. @param onFirst called once, at the first SIGINT, for instance to say what happens now */
export function watchInterrupt(onFirst: () => void = () => {}): Interruption {
  let requested = false;
  const listener = () => {
    if (requested) return;
    requested = true;
    setTimeout(dispose, echoMs).unref();
    onFirst();
  };
  const dispose = () => void process.off('SIGINT', listener);
  process.on('SIGINT', listener);
  return {
    get requested() {
      return requested;
    },
    dispose,
  };
}
