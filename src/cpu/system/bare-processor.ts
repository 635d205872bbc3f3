import { truncate } from '../../bits.js';
import { Decoder } from '../decode/decoder.js';
import type { CodeSize } from '../decode/row.js';
import type { DeviceMemory } from '../access/linear-memory.js';
import type { Instruction } from '../decode/instruction.js';
import { RF } from '../meaning/flags.js';
import { DEVICE, HALTED, TICKS, type CpuEvent } from '../state/events.js';
import { DR6_SINGLE_STEP, GuestException, Vector } from '../state/exceptions.js';
import { CS } from '../state/layout.js';
import type { CpuModel } from '../state/model.js';
import type { FloatRules } from './float-rules.js';
import { QuickSteps, type QuickHost } from './quick/quick-steps.js';
import { System, type PortBus, type SystemHost } from './system.js';

/** DR7.GD. */
const DR7_GENERAL_DETECT = 1n << 13n;

const decoders: { [M in CpuModel]?: { [S in CodeSize]?: Decoder } } = {};

/** Decoders keep nothing between two instructions, so that machines share them. */
function decoderOf(model: CpuModel, size: CodeSize): Decoder {
  return ((decoders[model] ??= {})[size] ??= new Decoder(model, size));
}

export type { BareModel } from './bare-cpuid.js';

/** Notified when code of another kind may run on a bare machine. */
export interface CodeListener extends Pick<QuickHost, 'fetcher' | 'codeStops'> {
  /** The size of code or the privilege level may have changed. */
  codeChanged(decoder: Decoder, isUser: boolean): void;
  /** Other instructions than before may be forbidden. */
  rulesChanged(): void;
}

/** Makes what only the processor of a bare machine has. */
export type MakeBareProcessor = (
  host: Omit<SystemHost, 'ports'>,
  model: CpuModel,
  listener: CodeListener,
) => BareProcessor;

/** For the constructor of Cpu: given to it, since other machines are loaded without it in a page. */
export function bareProcessor(ports: PortBus): MakeBareProcessor {
  return (host, model, listener) => new BareProcessor({ ...host, ports }, model, listener);
}

/** The part of a processor that only bare machines have: it delivers exceptions and interrupts itself. */
export class BareProcessor {
  readonly system: System;
  /** Executes common system instructions without the evaluator. */
  readonly quick: QuickSteps;
  /** The size of the code that runs. */
  codeSize: CodeSize = 64;
  /** Set while an interrupt waits for the processor. */
  hasInterrupt = false;
  /** Number of exceptions delivered. */
  exceptions = 0;
  /** Called before an exception is delivered. */
  onException: ((exception: GuestException) => void) | undefined;

  constructor(
    private readonly host: SystemHost,
    model: CpuModel,
    listener: CodeListener,
  ) {
    this.system = new System(host, model);
    this.quick = new QuickSteps(this.system, host, {
      needsEvaluator: () => this.needsEvaluator,
      takeEvent: () => this.takeEvent(),
      fetcher: listener.fetcher,
      codeStops: listener.codeStops,
    });
    const { segments, controls, floatRules } = this.system;
    segments.onCodeSize = (size) => {
      this.codeSize = size;
      listener.codeChanged(decoderOf(model, size), host.mmu.cpl === 3);
    };
    controls.onFloatRules = () => {
      if (floatRules.update()) listener.rulesChanged();
    };
    floatRules.update();
  }

  /** Connects the devices that lie beyond RAM. */
  connect(devices: DeviceMemory): void {
    const { state } = this.system;
    this.host.linearMemory.devices = {
      read: (physical, bytes) => {
        state.hasUsedDevice = true;
        return devices.read(physical, bytes);
      },
      write: (physical, bytes, value) => {
        state.hasUsedDevice = true;
        devices.write(physical, bytes, value);
      },
    };
  }

  get rules(): FloatRules {
    return this.system.floatRules;
  }

  /** Whether a pending interrupt can be delivered before the next instruction. */
  get isInterruptible(): boolean {
    return (this.hasInterrupt && this.system.acceptsInterrupts) || this.system.acceptsNmi;
  }

  /**
   * Whether instructions must be executed one by one: those outside 64-bit mode, where an interrupt that is held back is due after
   * the next, and while RF or a breakpoint of the debug registers is set.
   */
  get needsEvaluator(): boolean {
    return this.needsEvaluatorWithoutRf || this.host.registers.resumeFlag;
  }

  /** Whether they must be executed so only because RF is set. */
  get onlyResumes(): boolean {
    return this.host.registers.resumeFlag && !this.needsEvaluatorWithoutRf;
  }

  private get needsEvaluatorWithoutRf(): boolean {
    return this.codeSize !== 64 || this.holdsInterrupt || this.system.breakpoints.isArmed;
  }

  /** An instruction that ran with RF is complete. */
  resumed(): void {
    this.host.registers.systemFlags &= ~BigInt(RF);
  }

  /** Whether a pending interrupt can be delivered after the next instruction, but not before it. */
  private get holdsInterrupt(): boolean {
    const { system } = this;
    if (!system.isHolding) return false;
    return (this.hasInterrupt && system.allowsInterrupts) || system.state.nmi.isPending;
  }

  /** STI has held interrupts back at a tick, in generated code. */
  heldInterrupts(tick: number): void {
    const { state } = this.system;
    state.heldUntil = Math.max(state.heldUntil, tick);
  }

  /** The linear address of the next instruction; #GP(0) if it lies beyond the limit of its segment. */
  fetchAddress(): bigint {
    const { registers } = this.host;
    if (this.codeSize === 64) return registers.rip;
    this.system.segments.checkCode(registers.rip, 1);
    return truncate(32, registers.rip + registers.segmentBase(CS));
  }

  /**
   * Raises what forbids an instruction that has been fetched: #DB for a breakpoint on it, #GP(0) if it ends beyond the limit of its segment, #UD and #NM by the
   * control registers, #UD for VMCALL, since there is no hypervisor.
   */
  begin({ form, length }: Instruction): void {
    const { breakpoints } = this.system;
    breakpoints.takeHits();
    if (breakpoints.isArmed && !this.host.registers.resumeFlag) this.requireNoBreakpoint();
    if (form.mode !== 64) this.system.segments.checkCode(this.host.registers.rip, length);
    const vector = form.row.mnemonic === 'VMCALL' ? Vector.UD : this.rules.faultOf(form);
    if (vector !== undefined) throw new GuestException(vector);
  }

  /** Returns the event that an instruction has caused; TICKS if it has caused none. */
  takeEvent(): CpuEvent {
    const { state } = this.system;
    state.stepping.hasCalledHandler = false;
    if (state.isHalted) return HALTED;
    if (!state.hasUsedDevice) return TICKS;
    state.hasUsedDevice = false;
    return DEVICE;
  }

  /** Whether a device was accessed, so that devices may have changed. */
  get hasDeviceAccess(): boolean {
    return this.system.state.hasUsedDevice;
  }

  private requireNoBreakpoint(): void {
    const { breakpoints } = this.system;
    const bits = breakpoints.onFetch(this.fetchAddress());
    if (bits === 0) return;
    this.noteInDr6(bits);
    throw new GuestException(Vector.DB);
  }

  /**
   * Whether an instruction that is complete, or at least an iteration of it, raises #DB: for breakpoints on data or ports that it has
   * hit, or because it ran under TF and has not called a handler or the kernel, which runs without TF. Notes what it is in DR6. MOV SS
   * and POP SS hold it back. SDM Vol. 3A 17.3.1.2, 17.3.1.4, 6.8.3.
   */
  takesDebugTrap({ form }: Instruction, wasStepped: boolean, isIncomplete: boolean): boolean {
    const { system, host } = this;
    const { state, breakpoints } = system;
    if (host.registers.resumeFlag && !isIncomplete && !form.row.mnemonic.startsWith('IRET'))
      host.registers.systemFlags &= ~BigInt(RF);
    if (system.isHolding && form.row.mnemonic !== 'STI') return false;
    const step = wasStepped && !state.stepping.hasCalledHandler ? DR6_SINGLE_STEP : 0;
    const bits = step | (breakpoints.isArmed ? breakpoints.takeHits() : 0) | state.stepping.taskTrap;
    state.stepping.hasCalledHandler = false;
    state.stepping.taskTrap = 0;
    this.noteInDr6(bits);
    return bits !== 0;
  }

  private noteInDr6(bits: number): void {
    if (bits !== 0) this.system.state.debug[6]! |= BigInt(bits);
  }

  /** Delivers an exception of an instruction; false if the processor shuts down. */
  deliver(exception: GuestException, isTrap: boolean): boolean {
    this.exceptions++;
    this.onException?.(exception);
    if (exception.vector === Vector.DB) this.system.state.debug[7]! &= ~DR7_GENERAL_DETECT;
    return this.system.deliver(exception, isTrap ? 'trap' : 'fault');
  }
}
