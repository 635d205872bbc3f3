/** The debug registers of threads as tracers see them. arch/x86/kernel/ptrace.c, arch/x86/kernel/hw_breakpoint.c */
import { PAGE_SIZE } from '../../../bits.js';
import { ACCESSES, Breakpoints, EXECUTION, LENGTHS, WRITES } from '../../../cpu/system/breakpoints.js';
import { derived, schema, value } from '../../../state/schema.js';
import { LinuxErrno, LinuxError } from '../errno.js';

const DR6 = 6;
const DR7 = 7;
const SLOTS = [0, 1, 2, 3] as const;
/** Bits of DR6 that the processor sets unless something has happened. */
const DR6_RESERVED = 0xffff_0ff0n;
/** The bits of DR7 that name breakpoints: enabled, what for, and the length of each. */
const DR7_USED = 0xffff_03ffn;
const TASK_SIZE_MAX = 2n ** 47n - BigInt(PAGE_SIZE);

/** A breakpoint, perhaps one that is not enabled. */
interface Slot {
  readonly address: bigint;
  /** R/W and LEN: the low and the high two bits of its part of DR7. */
  readonly control: number;
  readonly isEnabled: boolean;
}

/** The debug registers of a thread. */
export class DebugRegisters {
  /** @internal */
  static readonly state = schema('debug registers', DebugRegisters, {
    ...{ slots: value, status: value, control: value },
    made: derived('follows from the others', () => undefined),
  });

  /** By the number of the register with their addresses; undefined until one of them was written. */
  private slots: readonly (Slot | undefined)[] = SLOTS.map(() => undefined);
  /** DR6, with the bits inverted that the processor sets. */
  status = 0n;
  /** DR7 as it was written. */
  private control = 0n;
  private made: { readonly slots: DebugRegisters['slots']; readonly breakpoints: Breakpoints | undefined } | undefined;

  /** Those that are enabled, for the processor; undefined if none is. The same object until they change. */
  get breakpoints(): Breakpoints | undefined {
    if (this.made?.slots !== this.slots) this.made = { slots: this.slots, breakpoints: enabledOf(this.slots) };
    return this.made.breakpoints;
  }

  /** The value of a register by its number, from 0 to 7. */
  read(number: number): bigint {
    if (number === DR6) return this.status ^ DR6_RESERVED;
    if (number === DR7) return this.control;
    return this.slots[number]?.address ?? 0n;
  }

  /** Throws LinuxError EINVAL for a breakpoint that cannot be, and EIO for the registers 4 and 5, which are none. */
  write(number: number, value: bigint): void {
    if (number === DR6) this.status = value ^ DR6_RESERVED;
    else if (number === DR7) this.setControl(value);
    else if (number < SLOTS.length) {
      const before = this.slots[number] ?? { control: WRITES, isEnabled: false };
      this.setSlot(number, checked({ ...before, address: value }));
    } else throw new LinuxError(LinuxErrno.EIO);
  }

  /** What the child of a thread begins with: no breakpoints, but the same in DR6 and DR7. */
  forChild(): DebugRegisters {
    const child = new DebugRegisters();
    child.status = this.status;
    child.control = this.control;
    return child;
  }

  /** On an error, the breakpoints that were enabled are as before, and of the others only the addresses are kept. */
  private setControl(value: bigint): void {
    const before = controlOf(this.slots);
    try {
      this.setSlots(Number(value & DR7_USED));
    } catch (error) {
      this.setSlots(before);
      throw error;
    }
    this.control = value;
  }

  private setSlots(control: number): void {
    for (const number of SLOTS) {
      const slot = this.slots[number];
      const isEnabled = ((control >>> (2 * number)) & 3) !== 0;
      if (!slot && !isEnabled) continue;
      const own = (control >>> (16 + 4 * number)) & 0xf;
      this.setSlot(number, checked({ address: slot?.address ?? 0n, control: own, isEnabled }));
    }
  }

  private setSlot(number: number, slot: Slot): void {
    this.slots = this.slots.map((each, index) => (index === number ? slot : each));
  }
}

/** The slot, if there can be such a breakpoint: not on ports, and on the execution of one byte only. Throws LinuxError EINVAL. */
function checked(slot: Slot): Slot {
  const { address, control } = slot;
  const kind = control & 3;
  const length = BigInt(LENGTHS[control >>> 2]!);
  const isKind = kind === EXECUTION ? length === 1n : kind === WRITES || kind === ACCESSES;
  const isPlace = address % length === 0n && address + length <= TASK_SIZE_MAX;
  if (!isKind || !isPlace) throw new LinuxError(LinuxErrno.EINVAL);
  return slot;
}

/** DR7 for the slots that are enabled. */
function controlOf(slots: readonly (Slot | undefined)[]): number {
  let bits = 0;
  slots.forEach((slot, number) => {
    if (slot?.isEnabled) bits |= (2 << (2 * number)) | (slot.control << (16 + 4 * number));
  });
  return bits >>> 0;
}

function enabledOf(slots: readonly (Slot | undefined)[]): Breakpoints | undefined {
  const control = controlOf(slots);
  if (control === 0) return undefined;
  const debug = new BigUint64Array(DR7 + 1);
  slots.forEach((slot, number) => (debug[number] = slot?.address ?? 0n));
  debug[DR7] = BigInt(control);
  return new Breakpoints({ debug });
}
