/** From a command line to an exit code. */
import { createRequire } from 'node:module';
import { messageOf, UsageError, UserError } from '../errors.js';
import { type CommandLine, commandHelp, programHelp, readCommandLine, suggestion } from './command-line.js';
import { type Command, commands } from './commands.js';
import { type Call, type Config, parseConfig } from './config.js';
import { flagsOf } from './flags.js';
import { boolean, isBoolean } from './values.js';

/** The version in package.json, which the package exports, so that it is found from the sources and from the build. */
export const version = (): string => createRequire(import.meta.url)('clew/package.json').version;

/** Runs a command line; errors become one line on stderr. @returns the exit code: 0, 1 (failed), 2 (wrong usage) ... */
export async function runProgram(argv: readonly string[]): Promise<number> {
  try {
    const line = readCommandLine(argv);
    if (line.texts.has('version')) return say(version());
    const isBare = line.words.length === 0 && [...line.texts.keys()].every((name) => name === 'help');
    if (isBare) return say(await programHelp(commands));
    if (line.texts.has('help')) return say(await commandHelp(commandOf(line)));
    const { command, config, call } = parseInvocation(line);
    for (const warning of call.warnings) console.error(`clew: note: ${warning}`);
    const { run } = await command.load();
    return await run(config as Config, call);
  } catch (error) {
    return report(error);
  }
}

export interface Invocation {
  readonly command: Command;
  readonly config: Partial<Config>;
  readonly call: Call;
}

/** Which command a line calls and with what; the reference's flags alone train, or test with `--test True`. */
export function parseInvocation(line: CommandLine): Invocation {
  const named = commandOf(line);
  const words = line.words.slice(1);
  if (words.length > named.words)
    throw new UsageError(
      `${words[named.words]}: unexpected word after clew ${named.name}; flags start with --`,
    );
  const asTest =
    named.name === 'train' && line.texts.get('test')?.some((text) => isBoolean(text) && boolean(text));
  const command = asTest ? commandOf({ words: ['test'] }) : named;
  const { config, given, warnings } = parseConfig(command, line, asTest ? flagsOf.train : []);
  return { command, config, call: { words, given, warnings } };
}

function commandOf({ words }: Pick<CommandLine, 'words'>): Command {
  const name = words[0] ?? 'train';
  const command = commands.find((known) => known.name === name);
  if (command) return command;
  const names = commands.map((known) => known.name);
  const hint = suggestion(name, names) || `; the commands are ${names.join(', ')}`;
  throw new UsageError(`${name}: not a command of clew${hint}`);
}

function say(text: string): number {
  console.log(text);
  return 0;
}

/** Prints what went wrong, on one line without a stack trace. @returns the exit code */
export function report(error: unknown): number {
  const isExpected = error instanceof UserError;
  const hint = isExpected ? '' : ' (this is a bug; rerun with CLEW_DEBUG=1 for the stack)';
  console.error(`clew: ${messageOf(error).replace(/\s*\n\s*/g, ' ')}${hint}`);
  if (process.env.CLEW_DEBUG === '1' && error instanceof Error) console.error(error.stack);
  return isExpected ? error.exitCode : 1;
}
