import type { Computer } from '../../computer.js';
import type { MachineInput } from '../../kernel/inputs.js';
import { ReplayError } from '../../kernel/inputs.js';
import {
  MemoryNames,
  type NameList,
  type NameProgress,
  type NameSpace,
  type PublishOutcome,
} from '../../kernel/names.js';
import { LinuxErrno } from '../../kernel/linux/errno.js';
import type { LinuxRoot } from '../../kernel/linux/files/tree/linux-root.js';
import type { SpuriousWriteVerdict } from '../../kernel/reports/spurious-write.js';
import type { Console } from '../../kernel/terminal/console.js';
import type { Steps } from '../../vmo/steps.js';
import type { VmoHandle } from '../../vmo/handle.js';
import type { VmoStore } from '../../vmo/store.js';
import type { Cursor } from './cursor.js';
import type { RecordedInput } from './entries.js';
import type { Recording } from './recording.js';

/**
 * The host of a machine in a replay: all that the machine gets from outside comes from a recording. What it writes is
 * discarded, and what it publishes is only kept where the machine itself keeps it.
 */
export class RecordedHost {
  /** Set once the machine has been made. */
  computer: Computer | undefined;
  /**
   * Called if the machine asks for something that was not recorded; from then on it gets no input. Without it, a ReplayError is
   * thrown.
   */
  onLeft: (() => void) | undefined;
  /** Whether the machine has done something else than was recorded. */
  hasLeft = false;

  constructor(
    readonly recording: Recording,
    readonly cursor: Cursor,
  ) {}

  readonly console: Console = recordedConsole(this);

  /** Undefined if the machine keeps all names itself. */
  get makeNames(): ((store: VmoStore) => NameSpace) | undefined {
    const { namesKept } = this.recording.start;
    if (namesKept === 'all') return undefined;
    return (store) => new RecordedNames(this, store, namesKept === 'some' ? new MemoryNames(store) : undefined);
  }

  /** The files of programs of Linux. */
  readonly makeLinuxRoot = (store: VmoStore): LinuxRoot => ({
    status: () => this.take('root status')?.answer ?? LinuxErrno.EIO,
    list: () => this.take('root list')?.answer ?? LinuxErrno.EIO,
    read: () => {
      const { vmo, errno } = this.take('root part') ?? {};
      const content = vmo === undefined || vmo === 'own' ? undefined : this.recording.content.vmoIn(store, vmo);
      return content ?? errno ?? LinuxErrno.EIO;
    },
  });

  readonly onSpuriousWrite = (): SpuriousWriteVerdict | 'later' => this.take('verdict')?.verdict ?? 'kill';

  /** Input for the console, if there is some now. */
  takeConsole(): Extract<MachineInput, { kind: 'console' | 'console end' }> | undefined {
    const { inputs } = this.computer!.parts;
    return this.hasLeft ? undefined : this.cursor.takeConsole(inputs.tick, inputs.misses);
  }

  /** The next input, which must be of a kind. Undefined only once the machine has left the recording. */
  take<Kind extends 'lookup' | 'open' | 'publish' | 'names' | 'verdict' | 'root status' | 'root list' | 'root part'>(
    kind: Kind,
  ): Extract<RecordedInput, { kind: Kind }> | undefined {
    const tick = this.computer!.ticks;
    const input = this.hasLeft ? undefined : this.cursor.take(tick, kind);
    if (!input) this.leave(`the replay asks for a ${kind} at tick ${tick}, and the recorded machine did not`);
    return input;
  }

  /** The next input if it is a step of a lookup or a publication. */
  takeStep(): number | undefined {
    return this.hasLeft ? undefined : this.cursor.take(this.computer!.ticks, 'name step')?.bytes;
  }

  /** Does work in which the machine may finish what it had begun when it asked for something that was not recorded. */
  ignoring(work: () => void): void {
    const { onLeft, hasLeft } = this;
    this.onLeft = () => {};
    try {
      work();
    } finally {
      this.onLeft = onLeft;
      this.hasLeft = hasLeft;
    }
  }

  /** The machine does something else than was recorded. */
  leave(message: string): void {
    if (!this.onLeft) throw new ReplayError(message);
    if (!this.hasLeft) this.onLeft();
    this.hasLeft = true;
  }
}

function recordedConsole(host: RecordedHost): Console {
  return {
    write: () => {},
    read: () => {
      const input = host.takeConsole();
      return input?.kind === 'console end' ? 'end' : input?.bytes;
    },
    get isTerminal() {
      return host.recording.start.isTerminal;
    },
  };
}

/** Names as a recording has them. */
class RecordedNames implements NameSpace {
  constructor(
    private readonly host: RecordedHost,
    private readonly store: VmoStore,
    /** Those that the machine itself keeps. */
    readonly own: MemoryNames | undefined,
  ) {}

  get heldNames(): number {
    return this.own?.heldNames ?? 0;
  }

  lookup(name: string): VmoHandle | undefined {
    const found = this.host.take('lookup')?.vmo;
    return found === 'own' ? this.own?.lookup(name) : found && this.host.recording.content.vmoIn(this.store, found);
  }

  publish(name: string, vmo: VmoHandle | undefined): PublishOutcome {
    const outcome = this.host.take('publish')?.outcome ?? 'changed';
    if (outcome === 'done') this.own?.publish(name, vmo, 'anything');
    return outcome;
  }

  *lookupInSteps(name: string, progress?: NameProgress): Steps<VmoHandle | undefined, number> {
    yield* this.steps(progress);
    return this.lookup(name);
  }

  *publishInSteps(
    name: string,
    vmo: VmoHandle | undefined,
    _expected: unknown,
    progress?: NameProgress,
  ): Steps<PublishOutcome, number> {
    yield* this.steps(progress);
    return this.publish(name, vmo);
  }

  names(): string[] {
    return [...this.list().names];
  }

  list(): NameList {
    return this.host.take('names')?.list ?? { names: [], total: 0 };
  }

  open(): VmoHandle | undefined {
    const found = this.host.take('open')?.vmo;
    return typeof found === 'object' ? this.host.recording.content.vmoIn(this.store, found) : undefined;
  }

  /** Steps that were taken before, and those that were recorded. */
  private *steps(progress: NameProgress | undefined): Steps<void, number> {
    for (let known = progress?.steps ?? 0; known > 0; known--) yield 1;
    for (let bytes; (bytes = this.host.takeStep()) !== undefined;) yield bytes;
  }
}
