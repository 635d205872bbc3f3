/** `bd0 completion`: the script for the shell, made by yargs, and the candidates that it asks for. */
import { BD0, type CommandHelp } from './commands.js';
import { Failure } from './failure.js';
import { isOption, listed, type Option, type OptionTable } from './options.js';
import { nearest } from '../host/nearest.js';

const SHELLS = ['bash', 'zsh'] as const;

/** Commands of `bd0 vmo` whose words are names in the store. The shell completes files if there is no such name. */
const TAKES_NAMES = ['ls', 'cat', 'explain', 'diff', 'export', 'checkout', 'name', 'mv', 'rm', 'pin', 'unpin'];

/** A word that may stand where the cursor is. */
interface Candidate {
  readonly word: string;
  readonly meaning?: string | undefined;
}

/** The script for the shell in `words`, or else in SHELL. Throws Failure for another shell. */
export async function completionScript(words: readonly string[]): Promise<string> {
  const [shell, ...others] = words;
  if (others.length > 0) throw new Failure(`bd0 completion takes only one argument: remove '${others[0]!}'`);
  if (shell !== undefined && !SHELLS.some((known) => known === shell)) {
    const meant = nearest(shell, SHELLS);
    throw new Failure(
      `bd0 completion has no script for '${shell}': ${meant === undefined ? `choose ${listed(SHELLS)}` : `did you mean '${meant}'?`}`,
    );
  }
  // yargs chooses by these when it is made, and knows fish as well, whose words come in another form.
  const isZsh = (shell ?? process.env['SHELL'] ?? '').includes('zsh');
  process.env['SHELL'] = isZsh ? 'zsh' : 'bash';
  delete process.env['ZSH_NAME'];
  const { default: yargs } = await import('yargs');
  let script = '';
  const { log } = console;
  console.log = (text: string) => (script = text);
  try {
    yargs([]).scriptName('bd0').completion('completion').showCompletionScript();
  } finally {
    console.log = log;
  }
  return script;
}

/**
 * The words that may stand in the place of the last one, given the command line from `bd0` on without that. In a form for
 * zsh, with what they mean, if its script asks. Never throws: a shell has no place for an error.
 */
export async function candidates(typed: readonly string[]): Promise<string[]> {
  // bash makes words of the = in --engine=auto.
  const words = typed.filter((word, at) => word !== '=' || at === typed.length - 1);
  const current = words.at(-1) ?? '';
  const isForZsh = process.env['COMP_LINE'] !== undefined;
  const found = await candidatesFor(words.slice(0, -1), current === '=' ? '' : current).catch(() => []);
  return found
    .filter(({ word }) => !/[\n\r]/.test(word))
    .map(({ word, meaning = '' }) => {
      if (!isForZsh) return word;
      return word.replaceAll(':', '\\:') + (meaning === '' ? '' : `:${meaning}`);
    });
}

async function candidatesFor(words: readonly string[], current: string): Promise<readonly Candidate[]> {
  const { help, path, rest } = commandOf(words);
  const [name] = path;
  if (help.commands !== undefined) return current.startsWith('-') ? optionsOf({}) : commandsOf(help.commands);
  if (name === 'completion') return SHELLS.map((word) => ({ word }));
  if (rest.includes('--')) return [];
  const option = optionBefore(rest, help.options);
  if (option !== undefined) return valuesOf(option, current);
  if (current.startsWith('-')) return optionsOf(help.options);
  if (name === 'run' || name === 'debug') return imagesIn(rest, help.options);
  if (name === 'bench') return workloadNames();
  const takesNames = name === 'vmo' && TAKES_NAMES.includes(path[1]!);
  return takesNames ? storeNames(valueIn('store', rest)) : [];
}

/** The command that words name, as far as they do; `help` stands for bd0 itself. */
function commandOf(words: readonly string[]): { help: CommandHelp; path: string[]; rest: readonly string[] } {
  let help = BD0;
  const path: string[] = [];
  let at = 0;
  for (; at < words.length && help.commands !== undefined; at++) {
    const word = words[at]!;
    if (word === 'help' && at === 0) continue;
    if (!Object.hasOwn(help.commands, word)) break;
    help = help.commands[word]!;
    path.push(word);
  }
  return { help, path, rest: words.slice(at) };
}

function commandsOf(commands: Readonly<Record<string, CommandHelp>>): Candidate[] {
  return Object.entries(commands).map(([word, { summary }]) => ({ word, meaning: summary }));
}

function optionsOf(options: OptionTable): Candidate[] {
  const own = Object.entries(options).map(([name, { describe, default: value }]) => ({
    word: value === true ? `--no-${name}` : `--${name}`,
    meaning: describe,
  }));
  return [
    ...own,
    { word: '--help', meaning: 'show the help' },
    { word: '--version', meaning: 'show the version of bd0' },
  ];
}

/** The option whose value comes next. */
function optionBefore(words: readonly string[], options: OptionTable): Option | undefined {
  const last = words.at(-1) ?? '';
  const found = Object.entries<Option>(options).find(
    ([name, { alias }]) => last === `--${name}` || (typeof alias === 'string' && last === `-${alias}`),
  );
  return found?.[1].requiresArg === true ? found[1] : undefined;
}

/** The values of an option, also after those that a comma ends. */
function valuesOf({ values }: Option, current: string): Candidate[] {
  const before = current.slice(0, current.lastIndexOf(',') + 1);
  return (values ?? []).map((value) => ({ word: before + value }));
}

/** Images under --root and in the store, unless IMAGE is there already. */
async function imagesIn(words: readonly string[], options: OptionTable): Promise<Candidate[]> {
  const hasImage = words.some((word, at) => !isOption(word) && optionBefore(words.slice(0, at), options) === undefined);
  if (hasImage) return [];
  const { imageNames } = await import('../host/toolchain/image-file.js');
  const named = imageNames(valueIn('root', words)).map((word) => ({ word, meaning: 'image' }));
  const store = valueIn('store', words);
  return store === undefined ? named : [...named, ...(await storeNames(store))];
}

async function workloadNames(): Promise<Candidate[]> {
  const { knownWorkloads } = await import('./bench/workloads.js');
  return knownWorkloads().map((word) => ({ word }));
}

/** The names in a store; none if it cannot be read. */
async function storeNames(directory: string | undefined): Promise<Candidate[]> {
  const { openStore } = await import('./vmo/content/store-view.js');
  try {
    const store = await openStore(directory, 'read');
    try {
      return store.names().map(({ name }) => ({ word: name, meaning: 'name in the store' }));
    } finally {
      store.disk.close();
    }
  } catch {
    return [];
  }
}

/** The value of an option among words. */
function valueIn(name: string, words: readonly string[]): string | undefined {
  const at = words.lastIndexOf(`--${name}`);
  if (at >= 0) return words[at + 1];
  return words.find((word) => word.startsWith(`--${name}=`))?.slice(name.length + 3);
}
