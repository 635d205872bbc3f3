import type { Logger } from 'pino';
import {
  Computer,
  type ComputerOptions,
  type KernelHooks,
  type MakeNameSpace,
  MemoryNames,
  type VmoHandle,
} from '../../index.js';
import type { HostInput } from '../../host/console/host-input.js';
import { KEYS_HELP } from '../../host/console/host-keys.js';
import { HostOutput } from '../../host/console/host-output.js';
import { BoundWrites } from '../../host/linux/bound-writes.js';
import type { RunStore } from '../../host/names/durable-names.js';
import { GuestNames } from '../../host/names/guest-names.js';
import { RootFiles } from '../../host/names/root-files.js';
import { sha256 } from '../../host/sha256.js';
import { rootDirectory } from '../../host/toolchain/image-file.js';
import { codeKeeper } from '../code-cache.js';
import { Failure } from '../failure.js';
import { parseSize } from '../size.js';
import { linuxRoot } from '../linux/linux-options.js';
import type { Host } from './run-host.js';
import { DEFAULT_MEMORY, type RunOptions, type Trace } from './run-options.js';
import { SpuriousWrites } from './spurious-writes.js';
import type { Tracing } from './tracing.js';
import { TrapReports } from './trap-reports.js';

/** The store of `--store`, and what was loaded to use it. */
export interface DurableStore {
  readonly runStore: RunStore;
  readonly makeNames: MakeNameSpace;
}

/** `onWarning` gets a line about damage to the names of the store, if there is any. */
export async function openStore(
  directory: string | undefined,
  onWarning: (line: string) => void,
): Promise<DurableStore | undefined> {
  if (directory === undefined) return undefined;
  const { DurableNames, RunStore } = await import('../../host/names/durable-names.js');
  const runStore = RunStore.open(directory, onWarning);
  return { runStore, makeNames: (store) => new DurableNames(store, runStore) };
}

/** A computer, and what is connected to its console. */
export interface Machine extends Host {
  readonly computer: Computer;
  readonly output: HostOutput;
  readonly tracing: Tracing | undefined;
  readonly traps: TrapReports;
  readonly spuriousWrites: SpuriousWrites;
  /** On their way to files of the host that are bound. */
  readonly writes: BoundWrites;
}

/** The console of a machine that a debugger runs. */
export interface DebugConsole {
  read(max: number): Uint8Array | 'end' | undefined;
  write(bytes: Uint8Array): void;
  readonly isTerminal: boolean;
}

/**
 * With `consoleOf`, a debugger in this process runs the machine: it has the console, and reports traps. With `saved`, the machine
 * is resumed. What becomes hot is kept for later runs of `program`, a path.
 */
export async function makeMachine(
  options: RunOptions,
  host: Host,
  durable: DurableStore | undefined,
  consoleOf?: (output: HostOutput) => DebugConsole,
  saved?: VmoHandle,
  program?: string,
): Promise<Machine> {
  const keeper = program === undefined ? undefined : codeKeeper(program, options);
  const codeStore = durable?.runStore.disk.code;
  const { bell, input, interruption, errors, log } = host;
  const output = new HostOutput(() => bell.ring());
  input.onHelp = () => {
    errors.tell('', `bd0: ${KEYS_HELP}`);
    output.repeatLine();
  };
  const tracing = log && options.trace && (await makeTracing(log, options.trace, () => computer));
  const traps = new TrapReports({
    machine: () => computer,
    onUntold: () => output.cut(),
    lines: errors,
    interruption,
  });
  const debugConsole = consoleOf?.(output);
  const isDebugged = debugConsole !== undefined || options.gdb !== undefined;
  const spuriousWrites = makeSpuriousWrites(options, isDebugged, { traps, input });
  const writes = new BoundWrites(options.changes !== undefined, (line) => errors.tell(`bd0: --bind: ${line}`));
  const computer: Computer = makeComputer(saved, {
    memoryBytes: options.memory ?? parseSize(DEFAULT_MEMORY, '--memory'),
    ...(options['write-back'] !== undefined && { writeBackBytes: options['write-back'] }),
    ...(options['host-memory'] !== undefined && { hostBytes: options['host-memory'] }),
    ...(options.cpu !== undefined && { cpu: options.cpu }),
    engine: options.engine ?? 'auto',
    ...(options['jit-threshold'] !== undefined && { translationThreshold: options['jit-threshold'] }),
    sha256,
    now: () => performance.now(),
    console: debugConsole ?? {
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
    linuxRoot: linuxRoot(options, writes),
    ...(codeStore && { codeStore }),
    ...(keeper && { codeKeeper: keeper }),
    hooks: {
      ...tracing?.hooks,
      ...(!options.json && !debugConsole && { onTrap: bothTraps(tracing?.hooks.onTrap, traps.onTrap) }),
      onSpuriousWrite: spuriousWrites.onSpuriousWrite,
    },
    ...(tracing?.onTranslated && { onTranslated: tracing.onTranslated }),
  });
  return { ...host, computer, output, tracing, traps, spuriousWrites, writes };
}

function bothTraps(traced: KernelHooks['onTrap'], told: NonNullable<KernelHooks['onTrap']>): typeof told {
  if (!traced) return told;
  return (report) => {
    traced(report);
    told(report);
  };
}

/** Without a policy, the person at the terminal decides; without a terminal, the process is killed. */
function makeSpuriousWrites(
  options: RunOptions,
  isDebugged: boolean,
  host: Pick<Machine, 'traps' | 'input'>,
): SpuriousWrites {
  const isAsked = host.input.isTerminal && !isDebugged;
  const policy = options['debug-mode'] ?? (isAsked ? 'ask' : 'kill');
  if (policy === 'ask' && isDebugged) {
    const what = options.gdb === undefined ? 'bd0 debug' : '--gdb';
    throw new Failure(`--debug-mode=ask cannot be combined with ${what}: the debugger stops at spurious writes`);
  }
  if (policy === 'ask' && !host.input.isTerminal)
    throw new Failure('--debug-mode=ask needs a terminal as standard input');
  return new SpuriousWrites({ ...host, policy, tells: !options.json });
}

async function makeTracing(log: Logger, traces: readonly Trace[], machine: () => Computer): Promise<Tracing> {
  const { Tracing } = await import('./tracing.js');
  return new Tracing(log, traces, machine);
}

function makeComputer(saved: VmoHandle | undefined, options: ComputerOptions): Computer {
  if (saved) return Computer.resume(saved, options);
  try {
    return new Computer(options);
  } catch (error) {
    if (error instanceof RangeError) throw new Failure(`--memory does not do: ${error.message}`);
    throw error;
  }
}

/** Whether idle time is waited out on the clock of the host. */
export function clockOf({ clock }: RunOptions, input: HostInput): 'free' | 'real' {
  return clock ?? (input.isTerminal ? 'real' : 'free');
}
