import { Computer } from '../../computer.js';
import { DebugSession } from '../../debug/commands/session.js';
import { attachDebugger } from '../../debug/debugger/debugger.js';
import { attachTimeline } from '../../debug/timeline/timeline.js';
import { abiOf } from '../../kernel/program/elf.js';
import { VmoStore } from '../../vmo/store.js';
import type { ResumeOptions } from '../../computer-options.js';
import type { TranslationHook } from '../../cpu/translator/events.js';
import type { DebugSessionOptions } from '../../debug/commands/session.js';
import type { Process } from '../../kernel/tasks/process.js';
import type { Console } from '../../kernel/terminal/console.js';
import { LINUX_ENVIRONMENT } from '../../kernel/calls/process.js';
import type { Content, StartOptions } from '../protocol.js';
import { SiteNames, type Download } from './site-names.js';

/** A machine that is ready to run, and its debugger. */
export interface LoadedMachine {
  readonly computer: Computer;
  readonly names: SiteNames;
  readonly program: Process;
  readonly session: DebugSession;
}

/** What a machine needs from the worker. */
export interface MachineHost {
  readonly download: Download;
  readonly console: Console;
  readonly onTranslated: TranslationHook;
  readonly session: Pick<DebugSessionOptions, 'print' | 'onStop' | 'typeInput'>;
}

/** Makes a machine, and starts its program. Throws an Error whose message says what is wrong with the image or the options. */
export function loadMachine(options: StartOptions, host: MachineHost): LoadedMachine {
  const image = bytesOf(options.image, host.download);
  let names: SiteNames | undefined;
  const common: ResumeOptions = {
    ...{ console: host.console, onTranslated: host.onTranslated, now: () => performance.now() },
    names: (store) => (names = new SiteNames(store, options.files, host.download)),
  };
  const computer = options.isSnapshot
    ? Computer.resume(new VmoStore().importStream([image]), common)
    : new Computer({ memoryBytes: options.memoryBytes, clock: 'real', ...common });
  const program = options.isSnapshot ? computer.programs[0] : startProgram(computer, image, options);
  if (!program) throw new Error('the program in this snapshot has ended');
  const timeline =
    options.historyBytes > 0
      ? attachTimeline(computer, { historyBytes: options.historyBytes, now: () => performance.now() })
      : undefined;
  const session = new DebugSession(attachDebugger(computer, timeline), { programPid: program.pid, ...host.session });
  return { computer, names: names!, program, session };
}

/** Starts an image as a Linux program, unless it is marked as one of BD0, like `bd0 run`. */
function startProgram(computer: Computer, image: Uint8Array, options: StartOptions): Process {
  const { name, limitBytes, argv, terminalSize } = options;
  const vmo = computer.store.fromBytes(image);
  try {
    const size = terminalSize && { terminalSize };
    const linux = abiOf(vmo) === 'bd0' ? {} : { linux: { environment: LINUX_ENVIRONMENT, ...size } };
    return computer.start(vmo, { name, limitBytes, argv, ...linux });
  } finally {
    vmo.close();
  }
}

/** The bytes of content. Throws an Error if they cannot be loaded. */
export function bytesOf(content: Content, download: Download): Uint8Array {
  return 'bytes' in content ? content.bytes : download(content.url);
}
