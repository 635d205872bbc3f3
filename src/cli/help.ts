/** `--help` of all commands, and `bd0 help`. */
import { COMMANDS, BD0, type CommandHelp } from './commands.js';
import { Failure } from './failure.js';
import { suggestion } from '../host/nearest.js';

/** Columns of the help. */
const WIDTH = 80;

/** The help of a command, such as `vmo ls`, or of bd0 itself for no words. Throws Failure for an unknown command. */
export async function helpText(words: readonly string[]): Promise<string> {
  let help = BD0;
  const path = ['bd0'];
  for (const word of words) {
    const { commands } = help;
    if (commands === undefined) throw new Failure(`'${path.slice(1).join(' ')}' has no command '${word}'`);
    help = requireCommand(word, commands, path.slice(1));
    path.push(word);
  }
  return render(path.join(' '), help);
}

/** The command of a name. Throws Failure with a suggestion. */
export function requireCommand(
  word: string,
  commands: Readonly<Record<string, CommandHelp>> = COMMANDS,
  path: readonly string[] = [],
): CommandHelp {
  if (Object.hasOwn(commands, word)) return commands[word]!;
  const names = Object.keys(commands);
  const all = (): string => `: the commands are ${names.join(', ')}`;
  throw new Failure(`unknown command '${[...path, word].join(' ')}'${suggestion(word, names, all)}`);
}

/** Laid out by yargs. */
async function render(name: string, help: CommandHelp): Promise<string> {
  const { default: yargs } = await import('yargs');
  const parser = yargs([])
    .scriptName(name)
    .usage(`${name} ${help.usage}`.trim() + `\n\n${help.about}`)
    .option('help', { alias: 'h', boolean: true, describe: 'show this help' })
    .version(false)
    .option('version', { alias: 'V', boolean: true, describe: 'show the version of bd0' })
    .options(help.options)
    .detectLocale(false)
    .wrap(WIDTH)
    .exitProcess(false);
  for (const [command, { summary }] of Object.entries(help.commands ?? {})) parser.command(command, summary);
  for (const [line, meaning = ''] of help.examples) parser.example(line, meaning);
  if (help.notes !== undefined) parser.epilogue(help.notes);
  return parser.getHelp();
}
