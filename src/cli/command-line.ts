/** From the words of a command line to flags with texts, and the help: all that yargs is used for. */
import yargs from 'yargs';
import type { Command } from './commands.js';
import { type FlagName, flagNames, flags, groups } from './flags.js';
import { isBoolean } from './values.js';

/** What stands on a command line: words that are no flags, and the texts of each flag ('' where a value is missing). */
export interface CommandLine {
  readonly words: readonly string[];
  readonly texts: ReadonlyMap<string, readonly string[]>;
}

const switches = new Set(['help', 'version', ...flagNames.filter((name) => flags[name].isSwitch)]);
const booleans = new Set<string>(flagNames.filter((name) => flags[name].isBoolean));

const parser = () =>
  yargs().scriptName('clew').locale('en').help(false).version(false).exitProcess(false).parserConfiguration({
    'boolean-negation': false,
    'camel-case-expansion': false,
    'dot-notation': false,
    'parse-numbers': false,
    'parse-positional-numbers': false,
    'short-option-groups': false,
  });

/** Splits `--name value` and `--name=value`. Every flag is a text to yargs: its own booleans and numbers misread True and 1e. */
export function readCommandLine(argv: readonly string[]): CommandLine {
  const { _, $0, ...rest } = parser()
    .string(['help', 'version', ...flagNames])
    .parseSync(completeValues(argv));
  const texts = Object.entries(rest).map(([name, value]) => [name, [value].flat().map(String)] as const);
  return { words: _.map(String), texts: new Map(texts) };
}

/**
 * Joins the list that a shell has split (`[1, 2, 10]`), writes out the True that a switch leaves unsaid, and ties a negative
 * number to its flag (yargs takes `-1e-6` for a flag).
 */
function completeValues(argv: readonly string[]): string[] {
  const words: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    let word = argv[i]!;
    while (continues(word) && i + 1 < argv.length && !argv[i + 1]!.startsWith('--')) word += ` ${argv[++i]}`;
    if (saysTrue(word, argv[i + 1])) word += '=True';
    if (/^--\w+$/.test(word) && /^-[.\d]/.test(argv[i + 1] ?? '')) word += `=${argv[++i]}`;
    words.push(word);
  }
  return words;
}

const continues = (word: string) => /^(--\w+=)?\[[^\]]*$/.test(word) || word.endsWith(',');

function saysTrue(word: string, next: string | undefined): boolean {
  const name = word.startsWith('--') ? word.slice(2) : '';
  if (switches.has(name)) return next === undefined || !isBoolean(next);
  return booleans.has(name) && (next === undefined || next.startsWith('-'));
}

/** Help of one command: its flags by group with their defaults, then examples. */
export function commandHelp({ usage, summary, flags: own, defaults, examples }: Command): Promise<string> {
  const help = parser().usage(`clew ${usage}\n\n${summary}`).wrap(width()).epilogue(exampleLines(examples));
  for (const [group, members] of Object.entries(groups))
    for (const name of (Object.keys(members) as FlagName[]).filter((member) => own.includes(member)))
      help.option(name, { group: `${group}:`, describe: describe(name, defaults?.[name]) });
  return help.getHelp();
}

function describe(name: FlagName, standard = flags[name].standard): string {
  const { help, isSwitch } = flags[name];
  return standard === undefined || isSwitch ? help : `${help} (default ${standard})`;
}

/** Help of the program: its commands, then examples. */
export function programHelp(commands: readonly Command[]): Promise<string> {
  const help = parser()
    .usage('clew COMMAND [--flag value ...]\n\nTrains deepfake detectors on any GPU, or without one.')
    .wrap(width())
    .epilogue(
      exampleLines([
        ['demo', 'train a small detector on built-in faces'],
        ['train --help', 'the flags of a command'],
        ['--name my_run --dataset FF++ --bs 64', 'without a command: train'],
        ['--test True --resume_model output/my_run/model_best.safetensors', 'without a command: test'],
      ]),
    )
    .epilogue('CLEW_ADAPTER=TEXT chooses the adapter as --adapter does; CLEW_DEBUG=1 prints stack traces.');
  for (const command of commands) help.command(command.usage, command.summary, () => {});
  return help.getHelp();
}

const exampleLines = (examples: Command['examples']) =>
  ['Examples:', ...examples.map(([line, says]) => `  # ${says}\n  clew ${line}`)].join('\n');

const width = () => Math.min(process.stdout.columns || 100, 120);

/** "; did you mean X?" for a mistyped word, or nothing if none of the known ones is near. */
export function suggestion(word: string, known: readonly string[], prefix = ''): string {
  const typed = word.toLowerCase();
  const ranked = known
    .map((name) => ({ name, edits: name.startsWith(typed) ? 0 : distance(typed, name.toLowerCase()) }))
    .sort((a, b) => a.edits - b.edits);
  const best = ranked[0];
  return best && best.edits <= Math.ceil(typed.length / 3) ? `; did you mean ${prefix}${best.name}?` : '';
}

/** Levenshtein distance: the fewest insertions, deletions and substitutions that turn `a` into `b`. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    row = next;
  }
  return row[b.length]!;
}
