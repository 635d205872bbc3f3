import { truncate } from '../../bits.js';
import type { Mmu } from '../../mmu/mmu.js';
import { CR0_TS } from './control-registers.js';
import { NT, VM } from '../meaning/flags.js';
import type { CpuState } from '../state/cpu-state.js';
import { GuestException, Vector } from '../state/exceptions.js';
import { CS, DS, ES, FS, GS, RSP, SS } from '../state/layout.js';
import type { ControlRegisters } from './control-registers.js';
import {
  IS_32,
  SYSTEM_TYPE,
  dplOf,
  isCodeSegment,
  isConforming,
  isNullSelector,
  isPresent,
  isReadableSegment,
  isSegment,
  rplOf,
  systemTypeOf,
  type Descriptor,
} from './descriptor.js';
import { refuse, type Segments } from './segments.js';
import type { Stacks } from './stacks.js';
import type { SystemMemory } from './system-memory.js';
import { LDTR, TR } from './system-state.js';

/** What an interrupt through a task gate leaves for the task. */
export interface TaskInterrupt {
  readonly next: bigint;
  readonly errorCode: number | undefined;
  readonly external: number;
  readonly flags: bigint;
}

/** How a task is entered: nested ones know their caller, and IRET goes back to it. SDM Vol. 3A table 7-2. */
type Switch = 'jump' | 'nested' | 'return';

/** Offsets in a TSS of 32 bits (SDM Vol. 3A figure 7-2) and of 16 bits (figure 7-10). Words have `bytes` bytes, selectors 2. */
interface TaskLayout {
  readonly bytes: 2 | 4;
  readonly cr3: number | undefined;
  readonly ip: number;
  readonly flags: number;
  /** EAX, ECX, EDX, EBX, ESP, EBP, ESI, EDI. */
  readonly registers: number;
  /** ES, CS, SS, DS, and in 32 bits FS and GS. */
  readonly segments: number;
  readonly segmentCount: number;
  readonly ldt: number;
  /** The least limit of the segment. */
  readonly limit: number;
}

const LAYOUT_32: TaskLayout = {
  ...{ bytes: 4, cr3: 28, ip: 32, flags: 36, registers: 40, segments: 72, segmentCount: 6, ldt: 96, limit: 0x67 },
};
const LAYOUT_16: TaskLayout = {
  ...{
    bytes: 2,
    cr3: undefined,
    ip: 14,
    flags: 16,
    registers: 18,
    segments: 34,
    segmentCount: 4,
    ldt: 42,
    limit: 0x2b,
  },
};
const SEGMENTS = [ES, CS, SS, DS, FS, GS];
/** The bit T of a TSS of 32 bits: a debug exception when the task is entered. */
const DEBUG_TRAP = 100;
/** The bits L0 to L3 of DR7, which a task switch clears: SDM Vol. 3A 17.2.4. */
const LOCAL_BREAKPOINTS = 0x55n;
/** DR6.BT. */
const DR6_TASK_SWITCH = 1 << 15;
const BUSY = 2n << 40n;

/** Task switches, which long mode does not have. SDM Vol. 3A 7.3 "Task Switching". */
export class Tasks {
  constructor(
    private readonly segments: Segments,
    private readonly registers: CpuState,
    private readonly mmu: Mmu,
    private readonly memory: SystemMemory,
    private readonly stacks: Stacks,
    private readonly controls: Pick<ControlRegisters, 'setCr3'>,
  ) {}

  jump(selector: number, found: Descriptor, next: bigint): void {
    this.enterNamed(selector, found, next, 'jump');
  }

  call(selector: number, found: Descriptor, next: bigint): void {
    this.enterNamed(selector, found, next, 'nested');
  }

  /** An interrupt or exception through a task gate, whose TSS selector this is. */
  interrupt(selector: number, { next, errorCode, external, flags }: TaskInterrupt): void {
    const task = this.taskOf(selector, external);
    this.enter(selector, task, { next, flags, how: 'nested', external });
    if (errorCode === undefined) return;
    const is32 = (systemTypeOf(task.rights) & IS_32) !== 0;
    const frame = this.stacks.pushed(this.stacks.current(external), is32 ? 4 : 2, 1, this.mmu.cpl === 3);
    frame.store(0, BigInt(errorCode));
    this.registers.setGpr(RSP, frame.top);
  }

  /** IRET of a nested task. SDM Vol. 2A "IRET", TASK-RETURN. */
  returnToCaller(next: bigint): void {
    const selector = Number(this.memory.read(this.segments.state.bases[TR]!, 2));
    const found = isLocal(selector) ? undefined : this.segments.look(selector);
    const isBusy = found && !isSegment(found.rights) && (systemTypeOf(found.rights) | IS_32) === SYSTEM_TYPE.busyTask;
    if (!isBusy) return refuse(Vector.TS, selector);
    if (!isPresent(found.rights)) refuse(Vector.NP, selector);
    const flags = this.registers.rflags & ~BigInt(NT);
    this.enter(selector, found, { next, flags, how: 'return', external: 0 });
  }

  /** A far jump or call to a TSS, or to a task gate. */
  private enterNamed(selector: number, found: Descriptor, next: bigint, how: Switch): void {
    const { rights, raw } = found;
    if (this.segments.isLongMode) refuse(Vector.GP, selector);
    if (dplOf(rights) < Math.max(this.mmu.cpl, rplOf(selector))) refuse(Vector.GP, selector);
    const isGate = systemTypeOf(rights) === SYSTEM_TYPE.taskGate;
    if (isGate && !isPresent(rights)) refuse(Vector.NP, selector);
    const target = isGate ? Number((raw >> 16n) & 0xffffn) : selector;
    this.enter(target, this.taskOf(target, 0), { next, flags: this.registers.rflags, how, external: 0 });
  }

  /** The descriptor of a TSS that is available, in the GDT. */
  private taskOf(selector: number, external: number): Descriptor {
    const found = isLocal(selector) || isNullSelector(selector) ? undefined : this.segments.look(selector);
    const isAvailable =
      found && !isSegment(found.rights) && (systemTypeOf(found.rights) | IS_32) === SYSTEM_TYPE.availableTask;
    if (!isAvailable) return refuse(Vector.GP, selector, external);
    if (!isPresent(found.rights)) refuse(Vector.NP, selector, external);
    return found;
  }

  private enter(
    selector: number,
    task: Descriptor,
    { next, flags, how, external }: Pick<TaskInterrupt, 'next' | 'flags' | 'external'> & { readonly how: Switch },
  ): void {
    const { segments, registers, memory } = this;
    const { state } = segments;
    const layout = layoutOf(task.rights);
    if (task.limit < layout.limit) refuse(Vector.TS, selector, external);
    const before = state.systemSelectors[1]!;
    const words = this.wordsOf(layout, task.base);
    this.save(next, flags);
    if (how !== 'nested') this.setBusy(before, false);
    if (how === 'nested') memory.write(task.base, 2, BigInt(before));
    if (how !== 'return') memory.write(task.address, 8, task.raw | BUSY);
    state.systemSelectors[1] = selector;
    state.bases[TR] = task.base;
    state.limits[TR] = task.limit;
    state.rights[TR] = task.rights | Number(BUSY >> 32n);
    const { cr3, loaded, ip, selectors, ldt } = words;
    if (cr3 !== undefined && this.mmu.cr0 < 0) this.controls.setCr3(cr3);
    registers.rflags =
      (words.flags & ~BigInt(NT)) | BigInt(how === 'nested' ? NT : words.flags & BigInt(NT) ? NT : 0) | 2n;
    registers.rip = ip;
    loaded.forEach((value, register) => registers.setGpr(register, value));
    state.debug[7]! &= ~LOCAL_BREAKPOINTS;
    const { cr0 } = this.mmu;
    this.mmu.setCr0(cr0 | CR0_TS);
    const traps = layout.bytes === 4 && (Number(memory.read(task.base + BigInt(DEBUG_TRAP), 2)) & 1) !== 0;
    state.stepping.taskTrap = traps ? DR6_TASK_SWITCH : 0;
    this.loadSegments(selectors, ldt, external);
    if (Number(ip) > state.limits[CS]!) throw new GuestException(Vector.GP, external);
  }

  /** Writes the registers of the current task to its TSS. */
  private save(next: bigint, flags: bigint): void {
    const { registers, memory, segments } = this;
    const { bases, rights } = segments.state;
    const { bytes, ip, flags: flagsAt, registers: at, segments: segmentsAt, segmentCount } = layoutOf(rights[TR]!);
    const put = (offset: number, length: number, value: bigint): void =>
      memory.write(truncate(32, bases[TR]! + BigInt(offset)), length, truncate(8 * length, value));
    put(ip, bytes, next);
    put(flagsAt, bytes, flags);
    for (let register = 0; register < 8; register++) put(at + register * bytes, bytes, registers.gpr(register));
    for (let place = 0; place < segmentCount; place++)
      put(segmentsAt + place * bytes, 2, BigInt(registers.selector(SEGMENTS[place]!)));
  }

  /** Reads all that a TSS holds of a task, before anything changes. */
  private wordsOf(layout: TaskLayout, base: bigint) {
    const { bytes, segmentCount } = layout;
    const word = (offset: number, length: number = bytes): bigint =>
      this.memory.read(truncate(32, base + BigInt(offset)), length);
    return {
      cr3: layout.cr3 === undefined ? undefined : word(layout.cr3),
      ip: word(layout.ip),
      flags: word(layout.flags),
      loaded: Array.from({ length: 8 }, (_, register) => {
        const value = word(layout.registers + register * bytes);
        return bytes === 4 ? value : value | 0xffff_0000n;
      }),
      selectors: Array.from({ length: 6 }, (_, place) =>
        place < segmentCount ? Number(word(layout.segments + place * bytes, 2)) : 0,
      ),
      ldt: Number(word(layout.ldt, 2)),
    };
  }

  private setBusy(selector: number, isBusy: boolean): void {
    const found = this.segments.look(selector);
    if (found) this.memory.write(found.address, 8, isBusy ? found.raw | BUSY : found.raw & ~BUSY);
  }

  /** Loads LDTR and the segment registers of a task; what is wrong with them is raised in it. SDM Vol. 3A 7.3, table 7-1. */
  private loadSegments(selectors: readonly number[], ldt: number, external: number): void {
    const { segments, registers, mmu } = this;
    SEGMENTS.forEach((segment, place) => {
      registers.setSelector(segment, selectors[place]!);
      segments.clear(segment, selectors[place]!);
    });
    this.loadLdt(ldt, external);
    if (registers.systemFlags & BigInt(VM)) {
      mmu.setCpl(3);
      return SEGMENTS.forEach((segment, place) => segments.loadParagraph(segment, selectors[place]!));
    }
    const cs = selectors[SEGMENTS.indexOf(CS)]!;
    const cpl = rplOf(cs);
    const code = this.codeOf(cs, external);
    segments.enterCode(cs, code, cpl);
    const ss = selectors[SEGMENTS.indexOf(SS)]!;
    segments.enter(SS, ss, segments.requireStack(ss, cpl, Vector.TS, external));
    for (const segment of [ES, DS, FS, GS]) this.loadData(segment, selectors[SEGMENTS.indexOf(segment)]!, external);
  }

  private codeOf(selector: number, external: number): Descriptor {
    const found = isNullSelector(selector) ? undefined : this.segments.look(selector);
    if (!found || !isCodeSegment(found.rights)) return refuse(Vector.TS, selector, external);
    const dpl = dplOf(found.rights);
    const isAllowed = isConforming(found.rights) ? dpl <= rplOf(selector) : dpl === rplOf(selector);
    if (!isAllowed) refuse(Vector.TS, selector, external);
    if (!isPresent(found.rights)) refuse(Vector.NP, selector, external);
    return found;
  }

  private loadData(segment: number, selector: number, external: number): void {
    if (isNullSelector(selector)) return this.segments.clear(segment, selector);
    const found = this.segments.look(selector);
    if (!found || !isReadableSegment(found.rights)) return refuse(Vector.TS, selector, external);
    const isVisible = isConforming(found.rights) || dplOf(found.rights) >= Math.max(this.mmu.cpl, rplOf(selector));
    if (!isVisible) refuse(Vector.TS, selector, external);
    if (!isPresent(found.rights)) refuse(Vector.NP, selector, external);
    this.segments.enter(segment, selector, found);
  }

  private loadLdt(selector: number, external: number): void {
    const { state } = this.segments;
    state.systemSelectors[0] = selector;
    [state.bases[LDTR], state.limits[LDTR], state.rights[LDTR]] = [0n, 0, 0];
    if (isNullSelector(selector)) return;
    const found = isLocal(selector) ? undefined : this.segments.look(selector);
    const isTable = found && !isSegment(found.rights) && systemTypeOf(found.rights) === SYSTEM_TYPE.ldt;
    if (!isTable || !isPresent(found.rights)) return refuse(Vector.TS, selector, external);
    [state.bases[LDTR], state.limits[LDTR], state.rights[LDTR]] = [found.base, found.limit, found.rights];
  }
}

const isLocal = (selector: number): boolean => (selector & 4) !== 0;

function layoutOf(rights: number): TaskLayout {
  return systemTypeOf(rights) & IS_32 ? LAYOUT_32 : LAYOUT_16;
}
