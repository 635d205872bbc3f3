import type { Cpu } from '../../../cpu/cpu.js';
import { Vector, type GuestException } from '../../../cpu/state/exceptions.js';
import { outside, schema } from '../../../state/schema.js';
import type { AddressSpace } from '../../memory/address-space.js';
import { fromLinear, type LinearAddress } from '../../memory/linear-address.js';
import type { Mapping } from '../../memory/mapping.js';
import type { UserMemory } from '../../memory/user-memory.js';
import { OutOfFramesError } from '../../../vmo/errors.js';
import { accessOf } from '../../reports/trap-report.js';
import type { Process } from '../../tasks/process.js';
import type { Thread } from '../../tasks/thread.js';
import { signalOf, type FaultPlace } from './faults.js';
import { enterHandler, leaveHandler } from './frame.js';
import { reportedFeatures } from '../../../cpu/state/model.js';
import { SA_NODEFER, SA_RESETHAND, SA_RESTART } from './signal-actions.js';
import { fromKernel, type SignalInfo } from './signal-info.js';
import { NO_STACK, SS_AUTODISARM } from './signal-stack.js';
import { Signal, isIn, setOf } from './signal.js';
import type { Signals } from './signals.js';
import type { Tracing } from '../tracing/tracing.js';

const { SIGSEGV } = Signal;

/** What ends a process that a signal ended: 128 and the signal. */
const EXIT_OF_SIGNAL = 128;
/** Bit 0 of the error code of a page fault: the page is present. */
const FAULT_PRESENT = 1;
/** Bit 2 of the error code of a page fault, at CPL 3. SDM Vol. 3A 4.7. */
const FAULT_USER = 4;

/** What the delivery of signals needs of the kernel. */
export interface DeliveryHost {
  readonly cpu: Cpu;
  readonly space: AddressSpace;
  readonly signals: Signals;
  readonly tracing: Tracing;
  /** Memory as the threads of a process find it. */
  memoryOf(process: Process): UserMemory;
  /** A handler interrupts the call of the thread in the CPU: it answers, or is made again when the handler has returned. */
  interrupt(thread: Thread, restarts: readonly ('restart' | 'no restart')[]): void;
  end(process: Process, exitCode: number): void;
  /** Ends the process of the thread in the CPU: a page of a frame finds no memory. */
  outOfMemory(thread: Thread): void;
}

/** Delivers signals to threads whose registers are in the CPU. */
export class SignalDelivery {
  /** @internal */
  static readonly state = schema(
    'signal delivery',
    SignalDelivery,
    { host: outside('parts of the kernel') },
    {
      isPart: true,
    },
  );

  constructor(private readonly host: DeliveryHost) {}

  /**
   * Delivers what is due to a thread that is about to run: begins handlers, each above the one before, stops its process or
   * ends it. Returns false where there was nothing that changed the thread.
   */
  deliver(thread: Thread): boolean {
    const { process } = thread;
    const { trace } = thread.linux!;
    const { stoppedBy, endedBy } = process.linux!.signals;
    if (endedBy !== 0) {
      this.endBy(thread, endedBy);
      return true;
    }
    if (stoppedBy !== 0 && !trace?.tracer && !trace?.next) {
      this.host.signals.hold(thread);
      return true;
    }
    if (!trace && !thread.pending?.isInterrupted && !this.host.signals.isDue(thread)) return false;
    try {
      if (this.deliverDue(thread)) return true;
      if (thread.pending && this.deliverUnblocked(thread)) return true;
      if (trace) this.host.tracing.goesOnWithoutHandler(thread, trace);
      return false;
    } catch (error) {
      if (!(error instanceof OutOfFramesError)) throw error;
      this.host.outOfMemory(thread);
      return true;
    }
  }

  private deliverDue(thread: Thread): boolean {
    const { process } = thread;
    const { actions } = process.linux!.signals;
    let hasBegun = false;
    const take = (): SignalInfo | 'stopped' | undefined => this.takeSeen(thread);
    for (let info = take(); info; info = take()) {
      if (info === 'stopped') return true;
      const outcome = actions.outcome(info.signal);
      if (outcome === 'ignore' || (outcome === 'stop' && !this.stops(thread, info.signal))) continue;
      if (outcome === 'handle') this.handle(thread, info);
      else if (outcome === 'stop') this.host.signals.stop(process, info.signal);
      else this.endBy(thread, info.signal);
      if (outcome !== 'handle' || process.end || this.host.tracing.stopsInHandler(thread)) return true;
      hasBegun = true;
    }
    return hasBegun;
  }

  /**
   * The process has stopped and goes on, or signals came that nothing is done about: a call that has another mask is made again, and
   * until then those come that it blocks alone. arch/x86/kernel/signal.c "arch_do_signal_or_restart"
   */
  private deliverUnblocked(thread: Thread): boolean {
    thread.linux!.signals.restoreMask();
    if (!this.host.signals.isDue(thread)) return false;
    this.host.interrupt(thread, ['restart', 'no restart']);
    return this.deliverDue(thread);
  }

  /** Whether a signal that stops processes stops that of a thread. */
  private stops({ process, linux }: Thread, signal: number): boolean {
    return !linux!.trace?.takeContinue() && !this.host.signals.isUnstoppable(process, signal);
  }

  /** An instruction of a thread has raised an exception. Returns whether a handler has begun for it. */
  takeFault(thread: Thread, exception: GuestException): boolean {
    const { state } = this.host.cpu;
    const { signals } = thread.linux!;
    const { vector, errorCode } = exception;
    const isFault = !isTrap(vector);
    const isPageFault = vector === Vector.PF;
    signals.fault = {
      vector,
      errorCode: isPageFault ? this.codeOf(thread, exception) : errorCode,
      cr2: isPageFault ? exception.linear : signals.fault.cr2,
    };
    if (vector === Vector.DB) thread.linux!.noteDebug(exception.causes);
    const info = signalOf(exception, state, isPageFault ? this.placeOf(thread, exception) : 'not mapped');
    if (thread.linux!.trace?.tracer) {
      thread.linux!.trace.registers.isAtFault = isFault;
      if (isFault) state.resumeFlag = true;
      this.host.signals.force(thread, info);
      return true;
    }
    if (!this.isCaught(thread, info.signal)) return false;
    try {
      return this.begin(thread, info, isFault) || this.force(thread, fromKernel(SIGSEGV), isFault);
    } catch (error) {
      if (error instanceof OutOfFramesError) return false;
      throw error;
    }
  }

  /** rt_sigreturn of a thread. The process ends where its frame is not valid and SIGSEGV has no handler. */
  returnFromHandler(thread: Thread): void {
    const { state } = this.host.cpu;
    const { process } = thread;
    const { signals } = thread.linux!;
    if (leaveHandler(state, this.host.memoryOf(process), signals, this.hasXsave)) return;
    if (!this.force(thread, fromKernel(SIGSEGV), false)) this.endBy(thread, SIGSEGV);
  }

  /** Whether the processor has XSAVE; saved registers have its format then. */
  get hasXsave(): boolean {
    return reportedFeatures(this.host.cpu.model).has('XSAVE');
  }

  /** Begins the handler of a signal that cannot wait. Returns false where there is none, or the signal is blocked. */
  private force(thread: Thread, info: SignalInfo, isFault: boolean): boolean {
    return this.isCaught(thread, info.signal) && this.begin(thread, info, isFault);
  }

  private isCaught({ linux, process }: Thread, signal: number): boolean {
    return !isIn(linux!.signals.mask, signal) && process.linux!.signals.actions.outcome(signal) === 'handle';
  }

  private handle(thread: Thread, info: SignalInfo): void {
    if (this.begin(thread, info, thread.linux!.trace?.registers.isAtFault ?? false)) return;
    // The frame had no place. arch/x86/kernel/signal.c "signal_setup_done"
    if (info.signal === SIGSEGV || !this.force(thread, fromKernel(SIGSEGV), false)) this.endBy(thread, SIGSEGV);
  }

  private begin(thread: Thread, info: SignalInfo, isFault: boolean): boolean {
    const { process } = thread;
    const { signals } = thread.linux!;
    const { actions } = process.linux!.signals;
    const { signal } = info;
    const action = actions.of(signal);
    if ((action.flags & SA_RESETHAND) !== 0n) actions.reset(signal);
    if (thread.pending) this.host.interrupt(thread, (action.flags & SA_RESTART) !== 0n ? ['restart'] : []);
    this.host.tracing.beginsHandler(thread, action);
    const memory = this.host.memoryOf(process);
    const fence = thread.guard.fence(process);
    const permits = (start: number, length: number): boolean =>
      !fence || fence.refused({ start, end: start + length }).length === 0;
    const call = { action, info, isFault, hasXsave: this.hasXsave };
    if (!enterHandler(this.host.cpu.state, { memory, permits }, signals, call)) return false;
    signals.savedMask = undefined;
    signals.setMask(signals.mask | action.mask | ((action.flags & SA_NODEFER) === 0n ? setOf(signal) : 0n));
    if ((signals.stack.flags & SS_AUTODISARM) !== 0) signals.stack = NO_STACK;
    return true;
  }

  /** What lies at the address of a page fault. */
  private placeOf(thread: Thread, { linear, errorCode }: GuestException): FaultPlace {
    const address = homeOf(thread, linear);
    if (address === undefined) return 'not mapped';
    if (this.host.space.isBeyondEnd(address, accessOf(errorCode))) return 'beyond end';
    return this.mappingAt(address) ? 'mapped' : 'not mapped';
  }

  /** The error code of a page fault, as a program sees it: Linux keeps pages that allow nothing not present. */
  private codeOf(thread: Thread, { linear, errorCode }: GuestException): number {
    const address = homeOf(thread, linear);
    const mapping = address === undefined ? undefined : this.mappingAt(address);
    return (errorCode | FAULT_USER) & ~(mapping?.protection === 0 ? FAULT_PRESENT : 0);
  }

  private mappingAt(address: LinearAddress): Mapping | undefined {
    return this.host.space.regionAt(address)?.mappingAt(address);
  }

  /** As `take`; the tracer of a thread sees each signal first, and the thread stops for that or for another reason. */
  private takeSeen(thread: Thread): SignalInfo | 'stopped' | undefined {
    for (;;) {
      const { trace, signals } = thread.linux!;
      if (trace?.next) {
        const { info } = trace.next;
        trace.next = undefined;
        if (info && !isIn(signals.mask, info.signal)) return info;
        if (info) signals.pending.add(info.signal, info);
        continue;
      }
      if (!trace?.tracer) return this.take(thread);
      this.host.signals.tellOfContinue(trace.process);
      if (this.host.tracing.stopsFirst(thread, trace)) return 'stopped';
      const info = this.take(thread);
      if (!info || info.signal === Signal.SIGKILL) return info;
      this.host.tracing.stopForSignal(thread, info);
      return 'stopped';
    }
  }

  /** Takes the next signal that a thread does not block: one that it caused, one of its own, one of its process. */
  private take({ linux, process }: Thread): SignalInfo | undefined {
    const { mask, pending } = linux!.signals;
    const { signals } = this.host;
    return (
      pending.takeFault(~mask) ?? signals.take(pending, ~mask) ?? signals.take(process.linux!.signals.pending, ~mask)
    );
  }

  private endBy(thread: Thread, signal: number): void {
    const { process } = thread;
    const status = { kind: 'killed', signal } as const;
    process.linux!.signals.endedBy = signal;
    if (this.host.tracing.stopsBeforeEnd(thread, status)) return;
    process.linux!.family.status = status;
    this.host.end(process, EXIT_OF_SIGNAL + signal);
  }
}

function isTrap(vector: number): boolean {
  return vector === Vector.BP || vector === Vector.OF || vector === Vector.DB;
}

/** Where what a thread sees at an address lies; undefined for an address that is not canonical. */
function homeOf({ process }: Thread, linear: bigint): LinearAddress | undefined {
  const seen = fromLinear(linear);
  return seen === undefined ? undefined : (process.view?.home(seen) ?? seen);
}
