import { PAGE_SIZE, bytesToHex, isCanonical } from '../../bits.js';
import type { Board, BoardEvent } from '../../board.js';
import type { Cpu } from '../../cpu/cpu.js';
import { Decoder } from '../../cpu/decode/decoder.js';
import type { CpuState } from '../../cpu/state/cpu-state.js';
import { MSR } from '../../cpu/system/model-specific.js';
import { Inputs } from '../../kernel/inputs.js';
import type { LinearAddress } from '../../kernel/memory/linear-address.js';
import { KernelStops } from '../../kernel/stops.js';
import type { GuestMemory } from '../../memory.js';
import type { NetworkNews } from '../../network/network-host.js';
import type { AddressRange } from '../../mmu/fence.js';
import type { Snapshot } from '../../snapshot.js';
import type { VmoStore } from '../../vmo/store.js';
import type { DebugProcess, DebugThread, MappedRange, RegisterFile } from '../target.js';
import { boardMemoryMap } from './board-memory-map.js';
import { boardEnd, type FinalEvent } from './board-end.js';
import type {
  AddressSpaceName,
  DebuggedMachine,
  DebugStop,
  MachineEvent,
  MachineProcess,
  MachineThread,
} from './debugged-machine.js';
import { PhysicalBytes } from './physical-bytes.js';

/** Bits of RFLAGS that exist, but for VM. SDM Vol. 1 3.4.3. */
const WRITABLE_FLAGS = 0x3d_7fd5n;
const ID = 1;

/** What runs on a board, for debuggers. */
export interface BoardProgram {
  readonly name: string;
  /** An ELF file with the symbols of the kernel, at the addresses that it is linked at; undefined without one. */
  readonly symbols?: Uint8Array | undefined;
}

/** What a board knows besides its state. */
interface Aside {
  /** The end of the machine that was reported, before it is gone. */
  held: FinalEvent | undefined;
}

/** A board as the debugger sees it: one process with one thread, which is the processor. */
export class BoardMachine implements DebuggedMachine {
  readonly writableFlags = WRITABLE_FLAGS;
  readonly hooks: DebuggedMachine['hooks'] = {};
  readonly inputs: Inputs;
  readonly stops: KernelStops<MachineThread>;
  /** Whether the host lets time pass while the processor waits; else it passes at once. */
  readonly realTime: boolean;
  private readonly process: { readonly pid: number; readonly name: string; end: { exitCode: number } | undefined };
  private readonly thread: MachineThread;
  private readonly aside: Aside = { held: undefined };
  private readonly entry: bigint;

  constructor(
    readonly board: Board,
    private readonly program: BoardProgram,
    { realTime = false }: { readonly realTime?: boolean } = {},
  ) {
    this.realTime = realTime;
    this.process = { pid: ID, name: program.name, end: undefined };
    const { process } = this;
    this.thread = { tid: ID, process, pending: undefined };
    this.entry = board.cpu.state.rip;
    this.inputs = new Inputs(() => board.ticks);
    this.stops = new KernelStops<MachineThread>(board.cpu, (tid) => this.findThread(tid));
    board.cpu.codeStops.switchTo(this.thread);
  }

  get cpu(): Cpu {
    return this.board.cpu;
  }
  get memory(): GuestMemory {
    return this.board.memory;
  }
  get store(): VmoStore {
    return this.board.store;
  }
  get ticks(): number {
    return this.board.ticks;
  }
  get instructions(): number {
    return this.board.ticks - this.board.idleTicks;
  }
  /** What a board does between two ticks takes no time. */
  get effort(): number {
    return 0;
  }
  get idleUntil(): number {
    return this.board.idleUntil;
  }

  run(maxTicks: number): MachineEvent {
    const { board, stops, thread } = this;
    if (this.process.end) return { kind: 'ended' };
    this.takeInput();
    const known = stops.take(thread);
    if (known) return { kind: 'stopped', stop: known };
    const end = board.ticks + maxTicks;
    // What is waited for comes before the next instruction.
    const isAwaited = stops.turnOf !== undefined && this.isHalted;
    if (!isAwaited && stops.stopsAtTurn(thread)) return { kind: 'stopped', stop: stops.take(thread)! };
    const until = isAwaited ? Math.min(end, Math.max(board.idleUntil, board.ticks + 1)) : end;
    return this.eventOf(board.run(until, !this.realTime));
  }

  /** The end that the machine has come to, once a debugger has seen it; undefined if something else ended it. */
  get finalEvent(): FinalEvent | undefined {
    return this.isOver ? this.aside.held : undefined;
  }

  /** Whether the machine has ended, or was killed by a debugger. */
  get isOver(): boolean {
    return this.process.end !== undefined;
  }

  private eventOf(event: BoardEvent): MachineEvent {
    const { stops, thread } = this;
    switch (event.kind) {
      case 'limit':
        return { kind: 'ticks' };
      case 'idle':
        return { kind: 'waiting', until: event.until, forInput: event.until === Infinity };
      case 'stopped': {
        stops.cpuStopped(thread);
        const stop = stops.take(thread);
        return stop ? { kind: 'stopped', stop } : { kind: 'ticks' };
      }
      default:
        return this.ended(event);
    }
  }

  /** A debugger sees the machine before it is gone. */
  private ended(event: FinalEvent): MachineEvent {
    const { aside, stops, thread } = this;
    const end = boardEnd(event);
    if (stops.stopsAtTraps && !aside.held) {
      aside.held = event;
      const stop: DebugStop = { kind: 'ending', thread, why: end.why };
      return { kind: 'stopped', stop };
    }
    aside.held = event;
    this.process.end = { exitCode: end.exitCode };
    return { kind: 'ended' };
  }

  /** The number of its only process. */
  get pid(): number {
    return this.process.pid;
  }

  private get isHalted(): boolean {
    return this.cpu.bare!.system.state.isHalted;
  }

  /** Bytes of input arrive, for which the machine has room. */
  receive(bytes: Uint8Array): void {
    this.inputs.note({ tick: this.ticks, kind: 'console', bytes, misses: 0 });
    for (const byte of bytes) this.board.receive(byte);
  }

  /** The host has news for the machine's network. */
  deliver(news: NetworkNews): void {
    this.inputs.note({ tick: this.ticks, kind: 'network', news });
    this.board.network?.deliver(news);
  }

  /** In a replay: what arrived at this tick. */
  private takeInput(): void {
    const { inputs, board, ticks } = this;
    for (let input; (input = inputs.source?.take(ticks, 'console', 'network'));)
      if (input.kind === 'network') board.network?.deliver(input.news);
      else for (const byte of input.bytes) board.receive(byte);
  }

  passTime(tick: number): void {
    this.inputs.note({ tick: this.ticks, kind: 'time', until: tick });
    this.board.passTime(tick);
  }

  machineHash(): string {
    return this.board.machineHash();
  }

  snapshot(): Snapshot {
    return this.board.snapshot();
  }

  restore(snapshot: Snapshot): void {
    this.stops.forgetPending();
    this.board.restore(snapshot);
  }

  keepAside(): () => void {
    const { held } = this.aside;
    const { end } = this.process;
    return () => {
      this.aside.held = held;
      this.process.end = end;
    };
  }

  tellHost(isTold: boolean): void {
    this.board.hooks.isSilent = !isTold;
  }

  get liveProcesses(): readonly MachineProcess[] {
    return this.process.end ? [] : [this.process];
  }

  get liveThreads(): readonly MachineThread[] {
    return this.process.end ? [] : [this.thread];
  }

  findThread(tid: number): MachineThread | undefined {
    return tid === ID && !this.process.end ? this.thread : undefined;
  }

  get currentThread(): MachineThread | undefined {
    return this.findThread(ID);
  }

  describeProcess({ pid, name }: MachineProcess): DebugProcess {
    const { symbols } = this.program;
    return {
      ...{ pid, name, parent: 0, base: 0n, entry: this.entry, linuxPid: undefined },
      imageId: symbols ? bytesToHex(this.store.parts.shared.hasher.leaf(symbols.subarray(0, PAGE_SIZE))) : '',
      threads: this.liveThreads.map((thread) => this.describeThread(thread)),
      image: () => symbols ?? new Uint8Array(),
      libraries: () => [],
    };
  }

  describeThread({ tid, process }: MachineThread): DebugThread {
    const state = this.isHalted ? 'waiting' : 'running';
    return { tid, pid: process.pid, name: process.name, state, call: undefined, stack: { start: 0n, end: 0n } };
  }

  callOf(): never {
    throw new Error('a board has no kernel calls');
  }

  withRegisters<T>(_thread: MachineThread, _isWrite: boolean, use: (state: CpuState) => T): T {
    return use(this.cpu.state);
  }

  control(): RegisterFile['control'] {
    const { system } = this.cpu.bare!;
    const [cr0, cr2, cr3, cr4, cr8] = [0, 2, 3, 4, 8].map((number) => system.control(number)) as [
      ...[bigint, bigint, bigint, bigint, bigint],
    ];
    const efer = system.modelSpecific(BigInt(MSR.efer));
    return { cr0, cr2, cr3, cr4, cr8, efer, kernelGsBase: system.modelSpecific(BigInt(MSR.kernelGsBase)) };
  }

  get decoder(): Decoder {
    return new Decoder(this.cpu.model, this.cpu.bare!.codeSize);
  }

  readMemory(linear: bigint, lengthBytes: number): Uint8Array {
    const { memory } = this;
    const parts = this.placesOf(linear, lengthBytes).map(({ start, end }) => memory.ram.subarray(start, end));
    const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      bytes.set(part, at);
      at += part.length;
    }
    return bytes;
  }

  writeMemory(linear: bigint, bytes: Uint8Array): number {
    let done = 0;
    for (const { start, end } of this.placesOf(linear, bytes.length)) {
      this.memory.ram.set(bytes.subarray(done, done + end - start), start);
      this.cpu.linearMemory.stored(start, end - start);
      done += end - start;
    }
    return done;
  }

  homeOf(address: LinearAddress): LinearAddress {
    return address;
  }

  get memoryMap(): readonly MappedRange[] {
    return boardMemoryMap(this.cpu, this.process.pid);
  }

  memoryMapOf(): readonly MappedRange[] {
    return this.memoryMap;
  }

  /** Its end is not part of its past, as with `kill` of a process. */
  kill(_pid: number, exitCode: number): boolean {
    if (this.process.end) return false;
    this.process.end = { exitCode };
    return true;
  }

  /** A serial line does not know how large its terminal is. */
  resizeTerminal(): boolean {
    return false;
  }

  bytesAt(address: bigint, lengthBytes: number, space: AddressSpaceName): readonly PhysicalBytes[] {
    const { size } = this.memory;
    const start = Number(address);
    const physical = start < size ? [{ start, end: Math.min(start + lengthBytes, size) }] : [];
    const ranges = space === 'physical' ? physical : this.placesOf(address, lengthBytes);
    return ranges.length > 0 ? [new PhysicalBytes(this.cpu, ranges)] : [];
  }

  /** Where bytes lie in RAM, page by page, up to the first one that is not mapped or lies elsewhere. */
  private placesOf(linear: bigint, lengthBytes: number): AddressRange[] {
    const { mmu } = this.cpu;
    const places: AddressRange[] = [];
    for (let done = 0; done < lengthBytes;) {
      const at = BigInt.asUintN(64, linear + BigInt(done));
      if (!isCanonical(at)) break;
      const start = mmu.locate(Number(BigInt.asIntN(32, at >> 32n)), Number(BigInt.asIntN(32, at)));
      const part = Math.min(lengthBytes - done, PAGE_SIZE - (start % PAGE_SIZE));
      if (start < 0 || start + part > this.memory.size) break;
      places.push({ start, end: start + part });
      done += part;
    }
    return places;
  }
}
