import { Board } from '../../../src/board.js';
import { GuestException } from '../../../src/cpu/state/exceptions.js';
import { RCX } from '../../../src/cpu/state/layout.js';
import { MODEL_SPECIFIC } from '../../../src/cpu/system/model-specific.js';
import type { LoggedState } from './log.js';

/** Instructions that bring something in from outside the processor and memory: bd0 goes on with what QEMU got. */
const INPUTS = new Set(['RDTSC', 'RDTSCP', 'IN', 'INS', 'CPUID', 'RDMSR', 'RDRAND', 'RDSEED', 'SIDT', 'SGDT']);

/** A kind of difference, and where it was seen first. */
export interface Difference {
  readonly what: string;
  count: number;
  readonly first: { readonly number: number; readonly rip: string; readonly qemu: string; readonly bd0: string };
}

/** Steps a board along the states that QEMU logs, and notes where they differ. Its devices are silent: interrupts come as logged. */
export class Lockstep {
  /** Instructions compared. */
  compared = 0;
  /** How often a difference that is due to what QEMU got from outside was taken over. */
  readonly inputs = new Map<string, number>();
  readonly differences = new Map<string, Difference>();
  /** Reads and writes of model-specific registers that bd0's processor lacks, by what they are: QEMU reads 0 and ignores what is written. */
  readonly missing = new Map<string, number>();
  /** Why comparing has ended. */
  end: string | undefined;
  private before: LoggedState | undefined;
  private mnemonic = '';
  private length = 0;
  private isRepeated = false;

  constructor(private readonly board: Board) {
    const { chipset } = board as unknown as { chipset: object };
    Object.defineProperty(chipset, 'hasInterrupt', { get: () => false });
  }

  /** QEMU delivers an interrupt before its next state. */
  interrupt(vector: number): void {
    this.board.cpu.bare!.system.deliver(new GuestException(vector), 'external');
    this.mnemonic = `interrupt ${vector}`;
    this.before = undefined;
  }

  /** The next state that QEMU logs. */
  state(expected: LoggedState): void {
    const { before } = this;
    // QEMU logs an instruction again that it could not begin or complete, since it had to look at its timers.
    const isSame = (name: string): boolean => name === 'cr2' || valueOf(before!, name) === valueOf(expected, name);
    if (before && before.rip === expected.rip && NAMES.every(isSame)) return;
    // QEMU looks at REP once more when RCX has become 0.
    const isLast = before?.gpr[RCX] === 1n && expected.gpr[RCX] === 0n;
    if (this.isRepeated && isLast && before.rip === expected.rip) return;
    if (before && this.isMissing(before, expected)) this.mnemonic = '';
    else if (this.mnemonic !== '' && before) this.step();
    if (this.mnemonic === '') this.take(expected);
    else this.compare(expected);
    this.before = expected;
    this.look();
  }

  private step(): void {
    const { board } = this;
    const event = board.run(board.ticks + 1);
    if (event.kind !== 'limit' && event.kind !== 'idle') this.end = `bd0 stopped: ${event.kind}`;
  }

  /** Whether QEMU has read or written a model-specific register that bd0's processor lacks, and had no fault. */
  private isMissing(before: LoggedState, expected: LoggedState): boolean {
    const { mnemonic, length, missing } = this;
    const register = Number(before.gpr[RCX]! & 0xffff_ffffn);
    if ((mnemonic !== 'RDMSR' && mnemonic !== 'WRMSR') || MODEL_SPECIFIC.has(register)) return false;
    if (expected.rip !== before.rip + BigInt(length)) return false;
    const what = `${mnemonic} ${register.toString(16)}`;
    missing.set(what, (missing.get(what) ?? 0) + 1);
    return true;
  }

  /** Looks at the instruction that runs next. */
  private look(): void {
    const { cpu } = this.board;
    [this.mnemonic, this.isRepeated] = ['a fetch that faults', false];
    try {
      const { form, length } = cpu.fetcher.fetch(cpu.bare!.fetchAddress());
      [this.mnemonic, this.isRepeated, this.length] = [form.row.mnemonic, form.repeat !== 'none', length];
    } catch (error) {
      if (!(error instanceof GuestException)) throw error;
    }
  }

  private compare(expected: LoggedState): void {
    this.compared++;
    const { cpu } = this.board;
    const found = readState(this.board);
    const differing = NAMES.filter((name) => valueOf(found, name) !== valueOf(expected, name));
    if (differing.length === 0) return;
    if (INPUTS.has(this.mnemonic)) this.inputs.set(this.mnemonic, (this.inputs.get(this.mnemonic) ?? 0) + 1);
    else this.note(differing, found, expected);
    if (found.rip !== expected.rip)
      this.end = `after ${this.mnemonic}, QEMU is at ${hex(expected.rip)}, bd0 at ${hex(found.rip)}`;
    expected.gpr.forEach((value, register) => cpu.state.setGpr(register, value));
    cpu.state.rflags = expected.rflags;
    if (found.cr2 !== expected.cr2) cpu.cr2 = expected.cr2;
  }

  private note(differing: readonly string[], found: LoggedState, expected: LoggedState): void {
    const flags = found.rflags ^ expected.rflags;
    const names = differing.map((name) => (name === 'rflags' ? `flags ${flags.toString(16)}` : name));
    const what = `${this.mnemonic}: ${names.join(', ')}`;
    const known = this.differences.get(what);
    if (known) return void known.count++;
    const shown = (state: LoggedState): string =>
      differing.map((name) => `${name} ${hex(valueOf(state, name))}`).join(' ');
    this.differences.set(what, {
      ...{ what, count: 1 },
      first: { number: this.compared, rip: hex(this.before?.rip ?? 0n), qemu: shown(expected), bd0: shown(found) },
    });
  }

  /** Takes over the registers: of the state in which QEMU enters the kernel, or after what bd0 cannot execute. */
  private take(expected: LoggedState): void {
    const { state } = this.board.cpu;
    state.rip = expected.rip;
    expected.gpr.forEach((value, register) => state.setGpr(register, value));
    state.rflags = expected.rflags;
  }
}

const REGISTERS = [
  'rax',
  'rcx',
  'rdx',
  'rbx',
  'rsp',
  'rbp',
  'rsi',
  'rdi',
  'r8',
  'r9',
  'r10',
  'r11',
  'r12',
  'r13',
  'r14',
  'r15',
];
const NAMES = ['rip', ...REGISTERS, 'rflags', 'cpl', 'cr0', 'cr2', 'cr3', 'cr4'] as const;

/** By name, the number of a general-purpose register; others have none. */
const NUMBERS = new Map(REGISTERS.map((name, number) => [name, number]));

function valueOf(state: LoggedState, name: string): bigint {
  const register = NUMBERS.get(name);
  return register !== undefined ? state.gpr[register]! : BigInt(state[name as 'rip']);
}

function readState({ cpu }: Board): LoggedState {
  const { state, mmu, cr2 } = cpu;
  return {
    gpr: BigUint64Array.from({ length: 16 }, (_, register) => state.gpr(register)),
    ...{ rip: state.rip, rflags: state.rflags, cpl: mmu.cpl, cr0: BigInt(mmu.cr0 >>> 0), cr2 },
    ...{ cr3: BigInt(mmu.cr3), cr4: BigInt(mmu.cr4 >>> 0) },
  };
}

const hex = (value: bigint): string => value.toString(16);
