import { truncate } from '../../bits.js';
import { Decoder } from '../decode/decoder.js';
import type { CodeSize } from '../decode/row.js';
import type { DeviceMemory } from '../access/linear-memory.js';
import type { Instruction } from '../decode/instruction.js';
import { DEVICE, HALTED, TICKS, type CpuEvent } from '../state/events.js';
import { GuestException, Vector } from '../state/exceptions.js';
import { CS } from '../state/layout.js';
import type { CpuModel } from '../state/model.js';
import type { FloatRules } from './float-rules.js';
import { System, type PortBus, type SystemHost } from './system.js';

/** DR6.BS. */
const DR6_SINGLE_STEP = 1n << 14n;

const decoders = new Map<string, Decoder>();

/** Decoders keep nothing between two instructions, so that machines share them. */
function decoderOf(model: CpuModel, size: CodeSize): Decoder {
  const key = `${model} ${size}`;
  const known = decoders.get(key) ?? new Decoder(model, size);
  decoders.set(key, known);
  return known;
}

export type { BareModel } from './bare-cpuid.js';

/** Notified when code of another kind may run on a bare machine. */
export interface CodeListener {
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
    this.system = new System(host);
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
    return this.hasInterrupt && this.system.acceptsInterrupts;
  }

  /** Whether a pending interrupt can be delivered after the next instruction, but not before it. */
  get holdsInterrupt(): boolean {
    return this.hasInterrupt && this.system.allowsInterrupts && !this.system.acceptsInterrupts;
  }

  /** The linear address of the next instruction; #GP(0) if it lies beyond the limit of its segment. */
  fetchAddress(): bigint {
    const { registers } = this.host;
    if (this.codeSize === 64) return registers.rip;
    this.system.segments.checkCode(registers.rip, 1);
    return truncate(32, registers.rip + registers.segmentBase(CS));
  }

  /**
   * Raises what forbids an instruction that has been fetched: #GP(0) if it ends beyond the limit of its segment, #UD and #NM by the
   * control registers, #UD for VMCALL, since there is no hypervisor.
   */
  requireUsable({ form, length }: Instruction): void {
    if (form.mode !== 64) this.system.segments.checkCode(this.host.registers.rip, length);
    const vector = form.row.mnemonic === 'VMCALL' ? Vector.UD : this.rules.faultOf(form);
    if (vector !== undefined) throw new GuestException(vector);
  }

  /** Returns the event that an instruction has caused; TICKS if it has caused none. */
  takeEvent(): CpuEvent {
    const { state } = this.system;
    state.hasCalledHandler = false;
    if (state.isHalted) return HALTED;
    if (!state.hasUsedDevice) return TICKS;
    state.hasUsedDevice = false;
    return DEVICE;
  }

  /** Whether a device was accessed, so that devices may have changed. */
  get hasDeviceAccess(): boolean {
    return this.system.state.hasUsedDevice;
  }

  /**
   * After an instruction under TF: true if it has called a handler or the kernel, which runs without TF. Otherwise notes the
   * single step in DR6. SDM Vol. 3A 17.3.1.4 "Single-Step Exception Condition".
   */
  skipsStepTrap(): boolean {
    const { state } = this.system;
    const skips = state.hasCalledHandler;
    state.hasCalledHandler = false;
    if (!skips) state.debug[6]! |= DR6_SINGLE_STEP;
    return skips;
  }

  /** Delivers an exception of an instruction; false if the processor shuts down. */
  deliver(exception: GuestException, isTrap: boolean): boolean {
    this.exceptions++;
    this.onException?.(exception);
    return this.system.deliver(exception, isTrap ? 'trap' : 'fault');
  }
}
