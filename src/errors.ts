/**
 * A mistake of the user's, or of the world around the program (a full disk, a missing list). The command line prints its
 * message on one line, without a stack trace, and exits with `exitCode`: 1 for what went wrong while running, 2 for wrong usage.
 * The message names the thing (file, line, flag, limit) and says what to do.
 */
export class UserError extends Error {
  override readonly name: string = 'UserError';
  constructor(
    message: string,
    readonly exitCode: 1 | 2 = 1,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** A wrong flag, value or combination of flags: exit code 2. */
export class UsageError extends UserError {
  override readonly name = 'UsageError';
  constructor(message: string) {
    super(message, 2);
  }
}

/** A shader that does not compile, or asks for what its operation does not have. */
export class ShaderError extends UserError {
  override readonly name = 'ShaderError';
  constructor(message: string, options?: ErrorOptions) {
    super(message, 1, options);
  }
}

/** The message of anything that was thrown. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
