/** Performs the command of a command line. */
import { visibleText } from '../host/console/visible-text.js';
import { packageVersion } from '../host/package-root.js';
import { describeError, EXIT_FAILED, Failure, failureAsJson } from './failure.js';
import { isOption, readOption, readOptions, shownBy, type Shown } from './options.js';
import { signalOfLostOutput, writeToStderr, writeToStdout } from '../host/console/host-output.js';
import { asksForJson, readRunRequest, type RunRequest } from './run/run-options.js';
import { readShellRequest } from './run/shell.js';

/** The first word when the completion script asks for candidates; the words of the command line follow. */
const COMPLETE = '--get-yargs-completions';

/**
 * Performs a command. Returns the exit code; throws Failure. Whatever a command needs is loaded once it is known, since loading
 * takes most of the time of a short run: yargs alone, which lays out the help, takes 65 ms.
 */
export async function dispatch(given: readonly string[]): Promise<number> {
  const [command, ...words] = given;
  switch (command) {
    case 'run':
      return run(readRunRequest(words), 'run');
    case 'boot':
      return boot(words);
    case 'shell':
      return run(readShellRequest(words), 'shell');
    case 'debug':
      return debug(words);
    case 'web':
      return serveWeb(words);
    case 'new':
      return makeProject(words);
    case 'resume':
      return resume(words);
    case 'replay':
      return replay(words);
    case 'diff-trace':
      return diffTrace(words);
    case 'cc':
      return compile(words);
    case 'vmo':
      return performVmo(words);
    case 'bench':
      return bench(words);
    case 'help':
      return help(words);
    case 'completion':
      return printCompletion(words);
    case COMPLETE:
      return printCandidates(words.slice(1));
    default:
      return performNone(command);
  }
}

/** Without a command: the help, the version, or a Failure. */
async function performNone(word: string | undefined): Promise<number> {
  if (word === undefined) return show('help', []);
  if (!word.startsWith('-')) (await import('./help.js')).requireCommand(word);
  const { shown } = readOptions([word], { command: 'bd0', options: {} });
  if (shown === undefined) throw new Failure(`there is no command '${word}'; bd0 --help lists the commands`);
  return show(shown, []);
}

/** Every option of `bd0 help` shows something: its own help is that of bd0. */
async function help(given: readonly string[]): Promise<number> {
  const { shown = 'help', words } = readOptions(given, { command: 'bd0', options: {} });
  return show(shown, words);
}

async function run(request: RunRequest, command: 'run' | 'shell'): Promise<number> {
  if (request.shown !== undefined) return show(request.shown, [command]);
  return (await import('./run/run.js')).run(request);
}

async function boot(words: readonly string[]): Promise<number> {
  const { readBootRequest } = await import('./boot/boot-options.js');
  const request = readBootRequest(words);
  if (request.shown !== undefined) return show(request.shown, ['boot']);
  return (await import('./boot/boot.js')).bootKernel(request);
}

async function debug(words: readonly string[]): Promise<number> {
  const { readDebugRequest, readKernelDebugRequest } = await import('./debug/debug-options.js');
  const kernel = readKernelDebugRequest(words);
  if (kernel?.boot.shown !== undefined) return show(kernel.boot.shown, ['debug']);
  if (kernel) return (await import('./debug/debug.js')).debugKernel(kernel);
  const request = readDebugRequest(words);
  if (request.shown !== undefined) return show(request.shown, ['debug']);
  return (await import('./debug/debug.js')).debug(request);
}

async function serveWeb(given: readonly string[]): Promise<number> {
  const { readWebRequest } = await import('./web/web-options.js');
  const { port, shown } = readWebRequest(given);
  if (shown !== undefined) return show(shown, ['web']);
  return (await import('./web/web.js')).web(port);
}

async function makeProject(given: readonly string[]): Promise<number> {
  const { shown, words } = readOptions(given, { command: 'bd0 new', options: {} });
  if (shown !== undefined) return show(shown, ['new']);
  return print((await import('./new/new.js')).newProject(words));
}

async function resume(words: readonly string[]): Promise<number> {
  const { readResumeRequest } = await import('./run/resume-options.js');
  const { name, options, shown } = readResumeRequest(words);
  if (shown !== undefined) return show(shown, ['resume']);
  return (await import('./run/run.js')).resume(name, options);
}

async function replay(given: readonly string[]): Promise<number> {
  const { readReplayRequest } = await import('./recording/replay-options.js');
  const { file, options, shown } = readReplayRequest(given);
  if (shown !== undefined) return show(shown, ['replay']);
  const { text, exitCode } = await (await import('./recording/replay.js')).replay(file, options);
  return print(text) || exitCode;
}

async function diffTrace(given: readonly string[]): Promise<number> {
  const { readDiffTraceRequest } = await import('./recording/replay-options.js');
  const { files, options, shown } = readDiffTraceRequest(given);
  if (shown !== undefined) return show(shown, ['diff-trace']);
  const { text, exitCode } = (await import('./recording/diff-trace.js')).diffTrace(files, options);
  return print(text) || exitCode;
}

/** The compiler gets all options, even --help= of a topic; but --help and --version alone are those of bd0. */
async function compile(words: readonly string[]): Promise<number> {
  const asked = words.find((word, at) => shownBy(word) !== undefined && (at === 0 || word.startsWith('--')));
  if (asked !== undefined) return show(shownBy(asked)!, ['cc']);
  return (await import('./cc.js')).cc(words);
}

async function performVmo(given: readonly string[]): Promise<number> {
  const { VMO_COMMANDS, VMO_OPTIONS } = await import('./vmo/commands.js');
  let at = 0;
  while (at < given.length && isOption(given[at]!)) {
    const shown = shownBy(given[at]!);
    if (shown !== undefined) return show(shown, ['vmo']);
    at = readOption(given, at, { command: 'bd0 vmo', options: VMO_OPTIONS }).next;
  }
  const name = given[at];
  const words = [...given.slice(0, at), ...given.slice(at + 1)];
  if (name === undefined && at > 0) throw new Failure('bd0 vmo needs a command: bd0 vmo --help lists them');
  if (name === undefined) return show('help', ['vmo']);
  if (name === 'help') return show('help', ['vmo', ...words]);
  if (!Object.hasOwn(VMO_COMMANDS, name)) (await import('./help.js')).requireCommand(name, VMO_COMMANDS, ['vmo']);
  const command = VMO_COMMANDS[name]!;
  const reading = readOptions(words, { command: `bd0 vmo ${name}`, options: command.options });
  if (reading.shown !== undefined) return show(reading.shown, ['vmo', name]);
  return command.perform(reading.words, reading.options);
}

async function bench(words: readonly string[]): Promise<number> {
  const { readBenchWords } = await import('./bench/bench-options.js');
  const { shown, request } = readBenchWords(words);
  if (shown !== undefined) return show(shown, ['bench']);
  return (await import('./bench/bench.js')).bench(request);
}

async function printCompletion(given: readonly string[]): Promise<number> {
  const { shown, words } = readOptions(given, { command: 'bd0 completion', options: {} });
  if (shown !== undefined) return show(shown, ['completion']);
  const { completionScript } = await import('./completion.js');
  return print(await completionScript(words));
}

async function printCandidates(words: readonly string[]): Promise<number> {
  const { candidates } = await import('./completion.js');
  const found = await candidates(words);
  return found.length === 0 ? 0 : print(found.join('\n'));
}

/** Prints the help of a command, or the version. */
async function show(shown: Shown, command: readonly string[]): Promise<number> {
  return print(shown === 'version' ? packageVersion() : await (await import('./help.js')).helpText(command));
}

/** Prints text. Returns the exit code: 0, or that of SIGPIPE if the reader has gone. */
function print(text: string): number {
  try {
    writeToStdout(text.trimEnd());
    return 0;
  } catch (error) {
    return 128 + signalOfLostOutput(error);
  }
}

/**
 * Reports the failure of a command, and returns its exit code: one line on stderr; with --json one object in the place of the
 * result.
 */
export function reportFailure(error: unknown, [command, ...words]: readonly string[]): number {
  const failure = describeError(error);
  const { line, exitCode } = failure;
  const json = (): string => JSON.stringify(failureAsJson(failure));
  if ((command === 'run' || command === 'shell') && asksForJson(words)) writeToStderr(json());
  else if (command === 'vmo' && beforeDashes(words).includes('--json'))
    return reportOnStdout(visibleText(json()), exitCode);
  else writeToStderr(line);
  return exitCode;
}

function reportOnStdout(text: string, exitCode: number): number {
  try {
    writeToStdout(text);
    return exitCode;
  } catch (error) {
    if (error instanceof Error) return EXIT_FAILED;
    throw error;
  }
}

function beforeDashes(words: readonly string[]): readonly string[] {
  const end = words.indexOf('--');
  return end < 0 ? words : words.slice(0, end);
}
