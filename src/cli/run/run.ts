import type { Logger } from 'pino';
import {
  Computer,
  type ComputerOptions,
  DamagedRecordError,
  Errno,
  KernelError,
  type MakeNameSpace,
  MemoryNames,
  MissingRecordError,
  type Process,
  type VmoHandle,
} from '../../index.js';
import type { RunStore } from '../../host/names/durable-names.js';
import { EXIT_FAILED, EXIT_LIMIT, EXIT_NOT_RUNNABLE, Failure } from '../failure.js';
import { HostInput } from '../../host/console/host-input.js';
import { KEYS_HELP } from '../../host/console/host-keys.js';
import { HostOutput, writeToStderr } from '../../host/console/host-output.js';
import { GuestNames } from '../../host/names/guest-names.js';
import { processName, rootDirectory } from '../../host/toolchain/image-file.js';
import { openLog } from './log.js';
import { RunLoop, type End } from './run-loop.js';
import { DEFAULT_LIMIT, DEFAULT_MEMORY, type RunOptions, type RunRequest, type Trace } from './run-options.js';
import { describeStatistics, resultAsJson } from './run-result.js';
import { RootFiles } from '../../host/names/root-files.js';
import { sha256 } from '../../host/sha256.js';
import { terminalArguments, terminalSource } from './shell.js';
import { Bell, Signals } from '../../host/signals.js';
import { parseSize } from '../size.js';
import { findSource, openImage } from './stored-image.js';
import type { Tracing } from './tracing.js';
import { SpuriousWrites } from './spurious-writes.js';
import { TrapReports } from './trap-reports.js';

/** `bd0 run`: answers the exit code. Throws Failure for what the user can do something about. */
export async function run(request: RunRequest): Promise<number> {
  const log = await openLog(request.options);
  let durable: DurableStore | undefined;
  try {
    durable = await openStore(request.options.store);
    return await runImage(request, log, durable);
  } catch (error) {
    log?.debug({ err: error }, 'failed');
    const isOfStore = error instanceof DamagedRecordError || error instanceof MissingRecordError;
    if (!isOfStore) throw error;
    throw new Failure(`${error.message}; bd0 vmo verify tells what it reaches`);
  } finally {
    durable?.runStore.close();
  }
}

/** The store of `--store`, and what was loaded to use it. */
interface DurableStore {
  readonly runStore: RunStore;
  readonly makeNames: MakeNameSpace;
}

async function openStore(directory: string | undefined): Promise<DurableStore | undefined> {
  if (directory === undefined) return undefined;
  const { DurableNames, RunStore } = await import('../../host/names/durable-names.js');
  const runStore = RunStore.open(directory, (line) => writeToStderr(`bd0: ${line}`));
  return { runStore, makeNames: (store) => new DurableNames(store, runStore) };
}

async function runImage(
  { image, guestArguments, options }: RunRequest,
  log: Logger | undefined,
  durable: DurableStore | undefined,
): Promise<number> {
  const disk = durable?.runStore.disk;
  const source = image === undefined ? terminalSource() : findSource(image, options.root, disk);
  const { path } = source;
  const machine = await makeMachine(options, log, durable);
  const { computer } = machine;
  const file = openImage(computer.store, source, disk);
  const argv = image === undefined ? terminalArguments(machine.input) : [image, ...guestArguments];
  const program = start(computer, file, path, argv, options);
  machine.tracing?.started(file, program);
  log?.info({ image: path, id: file.id, pid: program.pid, arguments: argv.slice(1) }, 'started');
  const before = performance.now();
  const end = await runToEnd(machine, program, options);
  const seconds = (performance.now() - before) / 1000;
  const exitCode = exitCodeOf(end);
  log?.info({ end: end.kind, exitCode }, 'ended');
  const { statistics } = computer;
  if (options.json) writeToStderr(resultAsJson({ image: path, id: file.id, end, exitCode, statistics, seconds }));
  else {
    machine.spuriousWrites.tellRepeated();
    tellEnd(end, program);
    if (options.stats) writeToStderr(...describeStatistics(statistics, seconds));
  }
  return exitCode;
}

/** A computer, and what the host has put at its console. */
interface Machine {
  readonly computer: Computer;
  readonly input: HostInput;
  readonly output: HostOutput;
  readonly signals: Signals;
  readonly bell: Bell;
  readonly tracing: Tracing | undefined;
  readonly traps: TrapReports;
  readonly spuriousWrites: SpuriousWrites;
}

async function makeMachine(
  options: RunOptions,
  log: Logger | undefined,
  durable: DurableStore | undefined,
): Promise<Machine> {
  const codeStore = durable?.runStore.disk.code;
  const bell = new Bell();
  const input = await HostInput.open(() => bell.ring());
  const signals = new Signals(() => bell.ring());
  const output = new HostOutput(signals, () => bell.ring(), input.isInteractive);
  input.onHelp = () => {
    writeToStderr('', `bd0: ${KEYS_HELP}`);
    output.repeatLine();
  };
  const tracing = log && options.trace && (await makeTracing(log, options.trace, () => computer));
  const traps = new TrapReports(
    () => computer,
    () => output.cut(),
  );
  const spuriousWrites = await makeSpuriousWrites(options, { traps, input });
  const computer: Computer = makeComputer({
    memoryBytes: options.memory ?? parseSize(DEFAULT_MEMORY, '--memory'),
    ...(options['write-back'] !== undefined && { writeBackBytes: options['write-back'] }),
    engine: options.engine ?? 'auto',
    ...(options['jit-threshold'] !== undefined && { translationThreshold: options['jit-threshold'] }),
    sha256,
    now: () => performance.now(),
    console: {
      write: (bytes) => output.write(bytes),
      read: (max) => input.read(max),
      isTerminal: input.isInteractive,
    },
    clock: clockOf(options, input),
    names: (store) =>
      new GuestNames(
        durable?.makeNames(store) ?? new MemoryNames(store),
        new RootFiles(store, rootDirectory(options.root)),
      ),
    ...(codeStore && { codeStore }),
    hooks: {
      ...tracing?.hooks,
      ...(!options.json && { onTrap: traps.onTrap }),
      onSpuriousWrite: spuriousWrites.onSpuriousWrite,
    },
    ...(tracing?.onTranslated && { onTranslated: tracing.onTranslated }),
  });
  return { computer, input, output, signals, bell, tracing, traps, spuriousWrites };
}

/** Without a policy the person at the terminal is asked; where there is none, the process is killed. */
async function makeSpuriousWrites(
  options: RunOptions,
  host: Pick<Machine, 'traps' | 'input'>,
): Promise<SpuriousWrites> {
  const policy = options['debug-mode'] ?? (host.input.isTerminal ? 'ask' : 'kill');
  if (policy === 'ask' && !host.input.isTerminal)
    throw new Failure('--debug-mode=ask needs a terminal as standard input');
  if (policy === 'ask') {
    const loading = host.traps.load();
    if (options['debug-mode']) await loading;
  }
  return new SpuriousWrites({ ...host, policy, tells: !options.json });
}

async function makeTracing(log: Logger, traces: readonly Trace[], machine: () => Computer): Promise<Tracing> {
  const { Tracing } = await import('./tracing.js');
  return new Tracing(log, traces, machine);
}

function makeComputer(options: ComputerOptions): Computer {
  try {
    return new Computer(options);
  } catch (error) {
    if (error instanceof RangeError) throw new Failure(`--memory does not do: ${error.message}`);
    throw error;
  }
}

function start(
  computer: Computer,
  image: VmoHandle,
  path: string,
  argv: readonly string[],
  { limit = parseSize(DEFAULT_LIMIT, '--limit'), 'debug-mode': policy }: RunOptions,
): Process {
  try {
    const name = processName(path);
    return computer.start(image, { name, limitBytes: limit, argv, debugMode: policy !== undefined });
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    const notRunnable = error.errno === Errno.ENOEXEC;
    throw new Failure(
      notRunnable ? `'${path}' is not runnable: ${error.message}` : `cannot start '${path}': ${error.message}`,
      notRunnable ? EXIT_NOT_RUNNABLE : EXIT_FAILED,
    );
  }
}

function runToEnd(machine: Machine, program: Process, options: RunOptions): Promise<End> {
  const loop = new RunLoop({
    ...machine,
    program,
    maxInstructions: options['max-instructions'] ?? Infinity,
    timeoutSeconds: options.timeout ?? Infinity,
    realTime: clockOf(options, machine.input) === 'real',
    tellAtCut: () => machine.traps.tellFirst(),
  });
  return loop.run();
}

function clockOf({ clock }: RunOptions, input: HostInput): 'free' | 'real' {
  return clock ?? (input.isTerminal ? 'real' : 'free');
}

function exitCodeOf(end: End): number {
  if (end.kind === 'limit' || end.kind === 'deadlock') return EXIT_LIMIT;
  if (end.kind === 'quit') return 0;
  return end.kind === 'signal' ? 128 + end.signal : end.exitCode;
}

/** Says on stderr why a program was stopped that did not end itself. Signals speak for themselves, traps have been told. */
function tellEnd(end: End, program: Process): void {
  if (end.kind === 'limit') writeToStderr(`bd0: stopped '${program.name}' after ${end.what}`);
  // The line that was being typed is left as it stands.
  if (end.kind === 'quit') writeToStderr('', `bd0: stopped '${program.name}': Ctrl-A x`);
  if (end.kind === 'deadlock')
    writeToStderr(`bd0: stopped '${program.name}': every thread waits for another one, for ever`);
}
