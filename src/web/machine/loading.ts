import { attachDebugger, attachTimeline, Computer, DebugSession, VmoStore } from '../../index.js';
import type { Console } from '../../index.js';
import type { DebugSessionOptions } from '../../index.js';
import type { Process } from '../../index.js';
import type { TranslationHook } from '../../index.js';
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
  const { computer, names } = options.isSnapshot ? resumed(image, options, host) : started(options, host);
  const program = options.isSnapshot
    ? computer.programs[0]
    : computer.start(image, { name: options.name, limitBytes: options.limitBytes, argv: options.argv });
  if (!program) throw new Error('the program in this snapshot has ended');
  const timeline =
    options.historyBytes > 0
      ? attachTimeline(computer, { historyBytes: options.historyBytes, now: () => performance.now() })
      : undefined;
  const session = new DebugSession(attachDebugger(computer, timeline), { programPid: program.pid, ...host.session });
  return { computer, names, program, session };
}

function started(options: StartOptions, host: MachineHost): { readonly computer: Computer; readonly names: SiteNames } {
  let names: SiteNames | undefined;
  const computer = new Computer({
    memoryBytes: options.memoryBytes,
    clock: 'real',
    ...common(host, (store) => (names = new SiteNames(store, options.files, host.download))),
  });
  return { computer, names: names! };
}

function resumed(
  image: Uint8Array,
  options: StartOptions,
  host: MachineHost,
): { readonly computer: Computer; readonly names: SiteNames } {
  let names: SiteNames | undefined;
  const saved = new VmoStore().importStream([image]);
  const computer = Computer.resume(
    saved,
    common(host, (store) => (names = new SiteNames(store, options.files, host.download))),
  );
  return { computer, names: names! };
}

function common(
  { console, onTranslated }: MachineHost,
  names: (store: VmoStore) => SiteNames,
): Pick<ConstructorParameters<typeof Computer>[0] & object, 'console' | 'names' | 'now' | 'onTranslated'> {
  return { console, names, onTranslated, now: () => performance.now() };
}

function bytesOf(content: Content, download: Download): Uint8Array {
  return 'bytes' in content ? content.bytes : download(content.url);
}
