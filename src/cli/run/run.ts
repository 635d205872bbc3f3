import {
  abiOf,
  type About,
  type Computer,
  DamagedRecordError,
  Errno,
  isSavedSnapshot,
  KernelError,
  MissingRecordError,
  type Process,
  SavedSnapshotError,
  type VmoHandle,
} from '../../index.js';
import { EXIT_FAILED, EXIT_LIMIT, EXIT_NOT_RUNNABLE, Failure } from '../failure.js';
import type { HostInput } from '../../host/console/host-input.js';
import type { HostOutput } from '../../host/console/host-output.js';
import { processName } from '../../host/toolchain/image-file.js';
import { completing, recordedEnd, RunRecording } from '../recording/run-recording.js';
import { findSnapshot, pauseToSave, type Pause } from './machine-snapshots.js';
import { Interrupted } from './interruption.js';
import { clockOf, makeMachine, openStore, type DebugConsole, type DurableStore, type Machine } from './machine.js';
import type { Debugging } from './debugging.js';
import { openHost, type Host } from './run-host.js';
import { argumentBytes } from './argument-bytes.js';
import { checkChangeOptions, settleChanges } from '../linux/file-changes.js';
import { RunLoop, type End } from './run-loop.js';
import { linuxOptions } from '../linux/linux-options.js';
import { DEFAULT_LIMIT, LINUX_LIMIT, type RunOptions, type RunRequest } from './run-options.js';
import { describeStatistics, resultAsJson, type RunResult } from './run-result.js';
import { terminalArguments, terminalSource } from './shell.js';
import { parseSize } from '../size.js';
import { findSource, openImage } from './stored-image.js';

/** A debugger in this process, which runs the machine and has the console. */
export interface DebugFront {
  /** The console of the guest. */
  consoleOf(output: HostOutput, input: HostInput): DebugConsole;
  runToEnd(machine: Machine, program: Process, options: RunOptions, watch: Watch): Promise<End>;
}

/**
 * `bd0 run`, or with `front` `bd0 debug`: returns the exit code. Throws Failure or HostError for what the user can do something
 * about.
 */
export async function run(request: RunRequest, front?: DebugFront): Promise<number> {
  return withHost(request.options, (host, durable) => runImage(request, host, durable, front));
}

/** `bd0 resume`: returns the exit code. Throws Failure or HostError. */
export async function resume(name: string, options: RunOptions): Promise<number> {
  return withHost(options, (host, durable) => resumeSaved(name, options, host, durable));
}

async function withHost(
  options: RunOptions,
  perform: (host: Host, durable: DurableStore | undefined) => Promise<number>,
): Promise<number> {
  const host = await openHost(options);
  const { log, interruption, bell, lines } = host;
  let durable: DurableStore | undefined;
  try {
    durable = await openStore(options.store, (line) => host.errors.tell(`bd0: ${line}`));
    return await perform(host, durable);
  } catch (error) {
    log?.debug({ err: error }, 'failed');
    const isOfStore = error instanceof DamagedRecordError || error instanceof MissingRecordError;
    if (!isOfStore) throw error;
    throw new Failure(`${error.message}; bd0 vmo verify shows what is affected`);
  } finally {
    durable?.runStore.close();
    await interruption.bringOutLast(lines, bell);
  }
}

async function runImage(
  { image, guestArguments, options }: RunRequest,
  host: Host,
  durable: DurableStore | undefined,
  front: DebugFront | undefined,
): Promise<number> {
  const { log, interruption } = host;
  const disk = durable?.runStore.disk;
  checkChangeOptions(options);
  const source = image === undefined ? terminalSource() : findSource(image, options.root, disk);
  const path = source.inRoot ?? source.path;
  const consoleOf = front && ((output: HostOutput): DebugConsole => front.consoleOf(output, host.input));
  const machine = await makeMachine(options, host, durable, consoleOf, undefined, front ? undefined : path);
  const { computer } = machine;
  const before = performance.now();
  let id: string | undefined;
  let end: End;
  try {
    const file = await openImage(computer.store, source, disk, interruption);
    id = await interruption.finish(computer.store.identifyInSteps(file));
    const argv = image === undefined ? terminalArguments(host.input) : [image, ...argumentBytes(guestArguments)];
    const program = start(computer, file, path, argv, options, host.input.isInteractive);
    if (machine.tracing) await interruption.finish(machine.tracing.started(program));
    // The machine has a handle of its own: what the host holds would count in the machine hash.
    file.close();
    log?.info({ image: path, id, pid: program.pid, arguments: argv.slice(1) }, 'started');
    const about = { image: path, id, arguments: shownArguments(argv.slice(1)) };
    const watch = watchOf(machine, options, durable, about);
    end = await completing(
      watch.recording,
      () => (front ?? { runToEnd }).runToEnd(machine, program, options, watch),
      recordedEnd,
    );
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    ({ end } = error);
  }
  return ended({ end, image: path, id }, machine, options, durable, before);
}

async function resumeSaved(
  name: string,
  options: RunOptions,
  host: Host,
  durable: DurableStore | undefined,
): Promise<number> {
  checkChangeOptions(options);
  const saved = findSnapshot(name, durable?.runStore);
  const before = performance.now();
  const machine = await makeMachine(options, host, durable, undefined, saved).catch((error: unknown) => {
    throw error instanceof SavedSnapshotError ? new Failure(`'${name}' cannot be resumed: ${error.message}`) : error;
  });
  const { computer, log } = machine;
  const [program] = computer.programs;
  if (!program) throw new Failure(`'${name}' cannot be resumed: its program has ended`);
  log?.info({ snapshot: name, id: saved.id, pid: program.pid, tick: computer.ticks }, 'resumed');
  const { name: path, imageId } = program.description;
  const watch = watchOf(machine, options, durable, { image: path, id: imageId, snapshot: name });
  const end = await completing(watch.recording, () => runToEnd(machine, program, options, watch), recordedEnd);
  return ended({ end, image: path, id: imageId }, machine, options, durable, before);
}

/** Reports how a run has ended, and what it has changed. Returns its exit code. */
async function ended(
  result: Pick<RunResult, 'end' | 'image' | 'id'>,
  machine: Machine,
  options: RunOptions,
  durable: DurableStore | undefined,
  before: number,
): Promise<number> {
  const { computer, log, errors } = machine;
  const { end } = result;
  const seconds = (performance.now() - before) / 1000;
  const tell = (...lines: string[]): void => errors.tell(...lines);
  const changes = await settleChanges(machine, options, durable?.runStore, tell);
  computer.keepCode();
  const exitCode = exitCodeOf(end);
  log?.info({ end: end.kind, exitCode }, 'ended');
  tellResult({ ...result, changes, exitCode, statistics: computer.statistics, seconds }, machine, options);
  return exitCode;
}

/** Arguments in one line, in quotes. */
function shownArguments(argv: readonly (string | Uint8Array)[]): string {
  return argv
    .map((word) => JSON.stringify(typeof word === 'string' ? word : Buffer.from(word).toString('latin1')))
    .join(' ');
}

function tellResult(result: RunResult, { errors, spuriousWrites }: Machine, options: RunOptions): void {
  if (options.json) return errors.tell(resultAsJson(result));
  spuriousWrites.tellRepeated(errors);
  errors.tell(...describeEnd(result.end, processName(result.image)));
  if (options.stats) errors.tell(...describeStatistics(result.statistics, result.seconds));
}

function start(
  computer: Computer,
  image: VmoHandle,
  path: string,
  argv: readonly (string | Uint8Array)[],
  options: RunOptions,
  isTerminal: boolean,
): Process {
  const { limit, 'debug-mode': policy } = options;
  try {
    const name = processName(path);
    const isOfBd0 = abiOf(image) === 'bd0';
    return computer.start(image, {
      name,
      limitBytes: limit ?? parseSize(isOfBd0 ? DEFAULT_LIMIT : LINUX_LIMIT, '--limit'),
      argv,
      debugMode: policy !== undefined,
      ...(!isOfBd0 && { linux: linuxOptions(path, options, isTerminal) }),
    });
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    const notRunnable = error.errno === Errno.ENOEXEC;
    if (notRunnable && isSavedSnapshot(image)) throw new Failure(snapshotText(path), EXIT_NOT_RUNNABLE);
    throw new Failure(
      notRunnable ? `'${path}' is not runnable: ${error.message}` : `cannot start '${path}': ${error.message}`,
      notRunnable ? EXIT_NOT_RUNNABLE : EXIT_FAILED,
    );
  }
}

function snapshotText(name: string): string {
  const command = `bd0 resume ${name} --store DIR`;
  return `'${name}' is not a program but a machine that was saved: ${command} lets it go on, and with --gdb PORT gdb can debug it`;
}

/** What accompanies a run. */
export interface Watch {
  readonly pause: Pause | undefined;
  readonly recording: RunRecording | undefined;
}

function watchOf(machine: Machine, options: RunOptions, durable: DurableStore | undefined, about: About): Watch {
  const pause = pauseToSave(options['snapshot-at'], machine.computer, durable?.runStore, machine.errors);
  return { pause, recording: RunRecording.begin(options.record, machine.computer, machine.errors, about) };
}

async function runToEnd(machine: Machine, program: Process, options: RunOptions, watch: Watch): Promise<End> {
  const debugging = await openDebugging(machine, program, options);
  const loop = new RunLoop({
    ...machine,
    program,
    debugging,
    ...watch,
    maxInstructions: options['max-instructions'] ?? Infinity,
    realTime: clockOf(options, machine.input) === 'real',
    tellAtCut: () => machine.traps.tellFirst(),
  });
  try {
    return await loop.run();
  } finally {
    await debugging?.close();
  }
}

/** Undefined without --gdb. */
async function openDebugging(
  machine: Machine,
  program: Process,
  { gdb: address, 'gdb-wait': given }: RunOptions,
): Promise<Debugging | undefined> {
  if (address === undefined && given !== undefined) throw new Failure('--gdb-wait needs --gdb PORT');
  if (address === undefined) return undefined;
  const { Debugging } = await import('./debugging.js');
  const { computer, errors, bell } = machine;
  return Debugging.open({
    ...{ machine: computer, programPid: program.pid, address, waits: given !== 'no', errors, bell },
    statistics: (seconds) => describeStatistics(computer.statistics, seconds),
  });
}

function exitCodeOf(end: End): number {
  if (end.kind === 'limit' || end.kind === 'deadlock') return EXIT_LIMIT;
  if (end.kind === 'quit' || end.kind === 'left') return 0;
  return end.kind === 'signal' ? 128 + end.signal : end.exitCode;
}

/** Why a program was stopped. Signals need no explanation, and traps have been reported. */
function describeEnd(end: End, name: string): string[] {
  if (end.kind === 'limit') return [`bd0: stopped '${name}' after ${end.what}`];
  // The line that was being typed is left as it stands.
  if (end.kind === 'quit') return ['', `bd0: stopped '${name}': Ctrl-A x`];
  return end.kind === 'deadlock' ? [`bd0: stopped '${name}': deadlock (every thread is waiting for another)`] : [];
}
