/**
 * Ctrl-C, and SIGTERM as batch systems and containers send it: the first one asks for an orderly end (save, then exit 130 or 143), a second
 * one kills. It kills by the default action of the system, so it works even while native code keeps the event loop busy.
 */

/** Exit code of a process that a signal ended: 128 and its number. */
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;
type Signal = keyof typeof EXIT_CODES;
const SIGNALS = Object.keys(EXIT_CODES) as Signal[];

/** npm passes a terminal's Ctrl-C on to a child that has had it already: a signal so soon after the first is the same one. */
const echoMs = 300;

export interface Interruption {
  /** Whether a signal has come. */
  readonly requested: boolean;
  /** What the process exits with when it has ended in order. */
  readonly exitCode: number;
  /** Back to the system's default: the next signal kills. */
  dispose(): void;
}

/** Watches for signals until disposed of. @param onFirst called once, at the first one, for instance to say what happens now */
export function watchInterrupt(onFirst: () => void = () => {}): Interruption {
  let received: Signal | undefined;
  const hear = (signal: Signal): void => {
    if (received) return;
    received = signal;
    setTimeout(dispose, echoMs).unref();
    onFirst();
  };
  const listeners = SIGNALS.map((signal) => [signal, () => hear(signal)] as const);
  const dispose = (): void => {
    for (const [signal, listener] of listeners) process.off(signal, listener);
  };
  for (const [signal, listener] of listeners) process.on(signal, listener);
  return {
    get requested() {
      return received !== undefined;
    },
    get exitCode() {
      return EXIT_CODES[received ?? 'SIGINT'];
    },
    dispose,
  };
}
