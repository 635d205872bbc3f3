import type { Computer, ComputerParts } from '../../computer.js';
import { Decoder } from '../../cpu/decode/decoder.js';
import { STATUS_FLAGS } from '../../cpu/meaning/flags.js';
import type { CpuState } from '../../cpu/state/cpu-state.js';
import type { LinearAddress } from '../../kernel/memory/linear-address.js';
import { homeOf, type View } from '../../kernel/memory/view.js';
import type { ProgramAbi } from '../../kernel/program/elf.js';
import type { KernelStops } from '../../kernel/stops.js';
import type { Process } from '../../kernel/tasks/process.js';
import type { Thread } from '../../kernel/tasks/thread.js';
import type { Snapshot } from '../../snapshot.js';
import type { VmoStore } from '../../vmo/store.js';
import { MappedImages } from '../debugger/mapped-images.js';
import { mapSeenIn, memoryMap } from '../debugger/memory-map.js';
import { debugProcess, debugThread } from '../debugger/processes.js';
import type { DebugProcess, DebugThread, MappedRange, RegisterFile } from '../target.js';
import type {
  AddressSpaceName,
  DebuggedMachine,
  MachineEvent,
  MachineProcess,
  MachineThread,
} from './debugged-machine.js';
import { linearBytes } from './linear-bytes.js';

/** DF, AC and ID: with the status flags, the bits of RFLAGS that programs can change. */
const CONTROL_FLAGS = (1 << 10) | (1 << 18) | (1 << 21);

/** A computer as the debugger sees it: BD0's kernel with its processes. */
export class ComputerMachine implements DebuggedMachine {
  readonly writableFlags = BigInt(STATUS_FLAGS | CONTROL_FLAGS);
  readonly decoder = new Decoder();
  private readonly parts: ComputerParts;
  private readonly mapped = new MappedImages();
  /** Those that the host may know, and that may be gone from the state. */
  private readonly processes: readonly Process[];
  private readonly hostHooks: object | null;

  constructor(private readonly computer: Computer) {
    this.parts = computer.parts;
    this.processes = this.parts.kernel.processes.live();
    this.hostHooks = Object.getPrototypeOf(this.parts.hooks) as object | null;
  }

  get cpu(): ComputerParts['cpu'] {
    return this.parts.cpu;
  }
  get memory(): ComputerParts['memory'] {
    return this.parts.memory;
  }
  get store(): VmoStore {
    return this.computer.store;
  }
  get inputs(): ComputerParts['inputs'] {
    return this.parts.inputs;
  }
  get stops(): KernelStops<MachineThread> {
    return this.parts.kernel.stops;
  }
  get hooks(): ComputerParts['hooks'] {
    return this.parts.hooks;
  }
  get ticks(): number {
    return this.parts.cpu.ticks;
  }
  get instructions(): number {
    return this.computer.instructions;
  }
  get effort(): number {
    return this.parts.kernel.effort;
  }
  get idleUntil(): number {
    return this.parts.kernel.idleUntil;
  }

  run(maxTicks: number, maxEffort?: number): MachineEvent {
    return this.parts.kernel.run(maxTicks, maxEffort);
  }

  passTime(tick: number): void {
    this.computer.passTime(tick);
  }

  snapshot(): Snapshot {
    return this.computer.snapshot();
  }

  restore(snapshot: Snapshot): void {
    this.computer.restore(snapshot);
  }

  keepAside(): () => void {
    const { stops } = this.parts.kernel;
    const { held } = stops;
    const ends = this.processes.map(({ end }) => end);
    return () => {
      stops.held = held;
      this.processes.forEach((process, index) => (process.end = ends[index]));
    };
  }

  /** What has been told once is not told again. */
  tellHost(isTold: boolean): void {
    Object.setPrototypeOf(this.parts.hooks, isTold ? this.hostHooks : null);
  }

  get liveProcesses(): Process[] {
    return this.parts.kernel.processes.live();
  }

  get liveThreads(): Thread[] {
    return this.liveProcesses.flatMap((process) => process.threads);
  }

  findThread(tid: number): Thread | undefined {
    return this.parts.kernel.findThread(tid);
  }

  get currentThread(): Thread | undefined {
    return this.parts.kernel.currentThread;
  }

  describeProcess(process: MachineProcess): DebugProcess {
    return debugProcess(this.parts.kernel, process as Process, this.mapped);
  }

  describeThread(thread: MachineThread): DebugThread {
    return debugThread(this.parts.kernel, thread as Thread);
  }

  callOf(thread: MachineThread, abi: ProgramAbi): ReturnType<DebuggedMachine['callOf']> {
    return this.parts.kernel.callOf(thread as Thread, abi);
  }

  /** Registers of the current thread are in the CPU, those of all others in memory of the kernel. */
  withRegisters<T>(thread: MachineThread, isWrite: boolean, use: (state: CpuState) => T): T {
    const { state } = this.parts.cpu;
    if (thread === this.currentThread) return use(state);
    const { context } = state;
    const before = context.slice();
    (thread as Thread).restore(state);
    try {
      const result = use(state);
      if (isWrite) (thread as Thread).save(state);
      return result;
    } finally {
      context.set(before);
    }
  }

  /** CR3 is what it is while the thread runs. */
  control({ process }: MachineThread): RegisterFile['control'] {
    const { cpu, kernel } = this.parts;
    const { cr0, cr4, efer } = cpu.mmu;
    const cr3 = BigInt((process as Process).view?.root ?? kernel.pager.pageTable.root);
    const [word0, word4] = [BigInt(cr0 >>> 0), BigInt(cr4 >>> 0)];
    return { cr0: word0, cr2: cpu.cr2, cr3, cr4: word4, cr8: 0n, efer: BigInt(efer >>> 0), kernelGsBase: 0n };
  }

  readMemory(linear: bigint, lengthBytes: number, pid: number | undefined): Uint8Array {
    return this.computer.readMemory(linear, lengthBytes, this.process(pid));
  }

  writeMemory(linear: bigint, bytes: Uint8Array, pid: number | undefined): number {
    return this.computer.writeMemory(linear, bytes, this.process(pid));
  }

  homeOf(address: LinearAddress, pid: number | undefined): LinearAddress {
    return homeOf(this.viewOf(pid), address);
  }

  get memoryMap(): readonly MappedRange[] {
    return memoryMap(this.parts.kernel);
  }

  memoryMapOf(pid: number | undefined): readonly MappedRange[] {
    const view = this.viewOf(pid);
    return view ? mapSeenIn(view, this.memoryMap) : this.memoryMap;
  }

  kill(pid: number, exitCode: number): boolean {
    const process = this.computer.findProcess(pid);
    if (process) this.computer.kill(process, exitCode);
    return process !== undefined;
  }

  resizeTerminal(rows: number, columns: number): boolean {
    return this.parts.kernel.linux.resizeTerminal(rows, columns);
  }

  /** Throws RangeError for physical addresses. */
  bytesAt(address: bigint, lengthBytes: number, space: AddressSpaceName): ReturnType<DebuggedMachine['bytesAt']> {
    if (space === 'physical') throw new RangeError('stores by physical address are known of a foreign kernel alone');
    return linearBytes(this.parts, address, lengthBytes, this.process(space));
  }

  private process(pid: number | undefined): Process | undefined {
    return pid === undefined ? undefined : this.parts.kernel.processes.find(pid);
  }

  private viewOf(pid: number | undefined): View | undefined {
    return this.process(pid)?.view;
  }
}
