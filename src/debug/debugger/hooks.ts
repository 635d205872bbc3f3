import type { FaultEvent, KernelCallEvent } from '../../kernel/hooks.js';
import { fromLinear, toLinear } from '../../kernel/memory/linear-address.js';
import type { DebuggedMachine, MachineThread as Thread } from '../machine/debugged-machine.js';
import type { CodeFlow } from './code-flow.js';
import type { CallHook, HookAnswer, MachineRun, TrapHook } from './machine-run.js';

/** A range of addresses for hooks. */
export interface HookRange {
  readonly address: bigint;
  /** Default: 1. */
  readonly lengthBytes?: number;
  /** The process that the address is one of: see StopRequest. */
  readonly pid?: number;
}

/** An instruction, or a block of instructions, that a thread is about to execute. */
export interface CodeEvent {
  readonly thread: Thread;
  readonly address: bigint;
  /** Bytes of the instruction, or of the block: up to its first branch. 0 if it cannot be read. */
  readonly lengthBytes: number;
}

/** An access that touches a range, after the instruction or kernel call that made it. */
export interface MemoryEvent {
  readonly thread: Thread;
  readonly access: 'read' | 'write';
  readonly address: bigint;
  readonly lengthBytes: number;
  /** Whether a kernel call made it on behalf of the thread. */
  readonly isByKernel: boolean;
}

/** Removes a hook. */
export type RemoveHook = () => void;

/** Blocks longer than this are reported with this length. */
const MOST_BLOCK_BYTES = 4096;

/** Functions that are called when something happens in a machine, and can stop it. */
export class DebugHooks {
  private readonly calls = new Set<(event: KernelCallEvent) => HookAnswer>();
  private readonly faults = new Set<(event: FaultEvent) => HookAnswer>();

  constructor(
    private readonly machine: DebuggedMachine,
    private readonly run: MachineRun,
    private readonly flow: CodeFlow,
  ) {}

  /** Called before each instruction that begins in a range. */
  onCode(range: HookRange, hook: (event: CodeEvent) => HookAnswer): RemoveHook {
    return this.armCode(range, (thread, address) =>
      hook({ thread, address, lengthBytes: this.lengthAt(address, thread) }),
    );
  }

  /**
   * Called before each block whose instructions begin in a range. A block begins after a branch, whether it was taken or
   * not, and where a thread continues after a kernel call or comes from outside of the range.
   */
  onBlock(range: HookRange, hook: (event: CodeEvent) => HookAnswer): RemoveHook {
    const expected = new WeakMap<Thread, bigint>();
    return this.armCode(range, (thread, address) => {
      const place = this.flow.at(address, thread.process.pid);
      const begins = expected.get(thread) !== address;
      if (place && !place.isBranch) expected.set(thread, place.next);
      else expected.delete(thread);
      return begins ? hook({ thread, address, lengthBytes: this.blockLengthAt(address, thread) }) : undefined;
    });
  }

  /** Called after each data access that touches a range. */
  onMemory(
    range: HookRange & { readonly kind: 'read' | 'write' | 'access' },
    hook: (event: MemoryEvent) => HookAnswer,
  ): RemoveHook {
    const armed = this.run.stops.arm(range, {
      kind: 'data hook',
      call: (thread, { start: address, access: { access, start, end, tid } }) =>
        hook({ thread, access, address, lengthBytes: end - start, isByKernel: tid !== undefined }),
    });
    return () => this.run.stops.disarm(armed);
  }

  /**
   * Called before each kernel call, while the machine stands before VMCALL or SYSCALL: what the hook writes to registers and
   * memory, the call gets. It is not made if the hook sets rip to `next`; rax is then its result. A hook that returns 'stop'
   * leaves the machine there.
   */
  onKernelCallStart(hook: CallHook): RemoveHook {
    const { stops } = this.machine;
    const { callHooks } = this.run;
    callHooks.add(hook);
    stops.stopsAtCalls = true;
    return () => {
      callHooks.delete(hook);
      stops.stopsAtCalls = callHooks.size > 0;
    };
  }

  /** Called after each kernel call, and each time that a waiting one is tried again. */
  onKernelCall(hook: (event: KernelCallEvent) => HookAnswer): RemoveHook {
    const { hooks } = this.machine;
    const before = (Object.getPrototypeOf(hooks) as typeof hooks | null)?.onKernelCall;
    return this.add(this.calls, hook, 'onKernelCall', (event: KernelCallEvent) => {
      before?.call(hooks, event);
      if (this.run.stops.isSuspended) return;
      for (const call of this.calls) if (call(event) === 'stop') this.machine.stops.request(event.thread);
    });
  }

  /** Called after each page fault. */
  onFault(hook: (event: FaultEvent) => HookAnswer): RemoveHook {
    const { hooks } = this.machine;
    const before = (Object.getPrototypeOf(hooks) as typeof hooks | null)?.onFault;
    return this.add(this.faults, hook, 'onFault', (event: FaultEvent) => {
      before?.call(hooks, event);
      if (this.run.stops.isSuspended) return;
      for (const call of this.faults) if (call(event) === 'stop') this.machine.stops.request(event.thread);
    });
  }

  /**
   * Called before a process is ended by an exception, an invalid access or the lack of memory; registers and memory are as
   * at the fault. 'retry' executes the instruction again, after the hook has mended its cause.
   */
  onTrap(hook: TrapHook): RemoveHook {
    this.run.trapHooks.add(hook);
    return () => this.run.trapHooks.delete(hook);
  }

  /** Installs a hook of the machine while there are any of the debugger. */
  private add<Name extends 'onKernelCall' | 'onFault', Hook>(
    set: Set<Hook>,
    hook: Hook,
    name: Name,
    callAll: NonNullable<DebuggedMachine['hooks'][Name]>,
  ): RemoveHook {
    const { hooks } = this.machine;
    set.add(hook);
    hooks[name] = callAll;
    return () => {
      set.delete(hook);
      if (set.size === 0) delete hooks[name];
    };
  }

  private armCode(range: HookRange, call: (thread: Thread, address: bigint) => HookAnswer): RemoveHook {
    const armed = this.run.stops.arm(
      { ...range, kind: 'code' },
      { kind: 'code hook', call: (thread, address) => call(thread, toLinear(address)) },
    );
    return () => this.run.stops.disarm(armed);
  }

  private lengthAt(address: bigint, { process }: Thread): number {
    const place = this.flow.at(address, process.pid);
    return place ? Number(place.next - address) : 0;
  }

  private blockLengthAt(address: bigint, { process: { pid } }: Thread): number {
    let end = address;
    for (let place = this.flow.at(end, pid); place; place = this.flow.at(end, pid)) {
      end = place.next;
      if (place.isBranch || fromLinear(end) === undefined || end - address >= MOST_BLOCK_BYTES) break;
    }
    return Number(end - address);
  }
}
