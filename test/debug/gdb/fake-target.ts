/** A target without a machine: threads that walk in a circle and store at one place of it. */
import type {
  DebugProcess,
  DebugTarget,
  DebugThread,
  MappedRange,
  RegisterFile,
  RegisterName,
  ResumeRequest,
  ScalarRegister,
  Stop,
  StopReason,
  StopRequest,
} from '../../../src/debug/target.js';

export const CODE = 0x10000n;
export const CIRCLE = 0x40n;
/** The instruction here stores the low byte of rax, which it increments, to `STORED`. */
export const STORE = CODE + 0x10n;
export const DATA = 0x20000n;
export const STORED = DATA + 0x100n;

const PAGE = 0x1000;
const TEXT_ADDRESS = 0x1000n;
const HEADER_BYTES = 64;

/** An ELF header and one PT_LOAD at 0x1000. */
function image(): Uint8Array {
  const view = new DataView(new ArrayBuffer(HEADER_BYTES + 56));
  view.setUint32(0, 0x464c457f, true);
  view.setBigUint64(32, BigInt(HEADER_BYTES), true);
  view.setUint16(54, 56, true);
  view.setUint16(56, 1, true);
  view.setUint32(HEADER_BYTES, 1, true);
  view.setBigUint64(HEADER_BYTES + 16, TEXT_ADDRESS, true);
  return new Uint8Array(view.buffer);
}

interface FakeThread extends DebugThread {
  registers: Record<string, bigint>;
  xmm: Uint8Array[];
}

export class FakeTarget implements DebugTarget {
  ticks = 0;
  readonly memory = new Map<bigint, Uint8Array>([
    [CODE, new Uint8Array(PAGE).fill(0x90)],
    [DATA, new Uint8Array(PAGE)],
  ]);
  readonly stops: Stop[] = [];
  readonly killed: number[] = [];
  /** What `resume` is to return next, instead of running. */
  readonly coming: StopReason[] = [];
  private readonly all: FakeThread[] = [];
  private live: DebugProcess[] = [];

  constructor() {
    this.startProcess(1, 'main', [1, 2]);
    this.startProcess(7, 'a & b', [0x1f]);
  }

  startProcess(pid: number, name: string, tids: readonly number[]): void {
    const own = tids.map((tid, i) => this.makeThread(pid, i === 0 ? name : `${name}/${i + 1}`, tid));
    this.all.push(...own);
    const base = CODE - TEXT_ADDRESS + BigInt(pid - 1) * 0x100000n;
    const entry = CODE;
    this.live.push({
      pid,
      parent: pid === 1 ? 0 : 1,
      name,
      base,
      entry,
      imageId: '0'.repeat(64),
      threads: own,
      image,
      libraries: () => [],
      linuxPid: undefined,
    });
  }

  endProcess(pid: number): void {
    this.live = this.live.filter((process) => process.pid !== pid);
  }

  private makeThread(pid: number, name: string, tid: number): FakeThread {
    const registers = Object.fromEntries([['rip', CODE]]);
    const stack = { start: DATA, end: DATA + BigInt(PAGE) };
    const xmm = Array.from({ length: 16 }, () => new Uint8Array(16));
    return { tid, pid, name, state: tid === 1 ? 'running' : 'ready', call: undefined, stack, registers, xmm };
  }

  get processes(): readonly DebugProcess[] {
    return this.live;
  }

  get threads(): readonly FakeThread[] {
    return this.all.filter(({ pid }) => this.live.some((process) => process.pid === pid));
  }

  findThread(tid: number): FakeThread | undefined {
    return this.threads.find((thread) => thread.tid === tid);
  }

  readRegisters(tid: number): RegisterFile {
    const thread = this.findThread(tid);
    if (!thread) throw new RangeError(`there is no thread ${tid}`);
    const scalars = new Proxy(thread.registers, {
      get: (registers, name) => registers[name as string] ?? 0n,
    }) as unknown as RegisterFile;
    const control = { cr0: 0x80000001n, cr2: 0n, cr3: 0x5000n, cr4: 0n, cr8: 0n, efer: 0x500n, kernelGsBase: 0n };
    const ymmHigh = Array.from({ length: 16 }, () => new Uint8Array(16));
    const fields = { xmm: thread.xmm, ymmHigh, x87: new Uint8Array(160), control };
    return new Proxy(scalars, { get: (file, name) => Reflect.get(fields, name) ?? Reflect.get(file, name) });
  }

  readRegister(tid: number, name: ScalarRegister): bigint {
    return this.readRegisters(tid)[name];
  }

  writeRegister(tid: number, name: RegisterName, value: bigint): boolean {
    const thread = this.findThread(tid);
    if (!thread || name === 'cs') return false;
    const vector = /^xmm(\d+)$/.exec(name);
    if (vector) new DataView(thread.xmm[Number(vector[1])]!.buffer).setBigUint64(0, value & ((1n << 64n) - 1n), true);
    else thread.registers[name] = value;
    return true;
  }

  readMemory(address: bigint, lengthBytes: number): Uint8Array {
    const bytes: number[] = [];
    for (let at = address; bytes.length < lengthBytes; at++) {
      const page = this.memory.get(at & ~0xfffn);
      if (!page) break;
      bytes.push(page[Number(at & 0xfffn)]!);
    }
    return Uint8Array.from(bytes);
  }

  writeMemory(address: bigint, bytes: Uint8Array): number {
    for (const [i, byte] of bytes.entries()) {
      const at = address + BigInt(i);
      const page = this.memory.get(at & ~0xfffn);
      if (!page) return i;
      page[Number(at & 0xfffn)] = byte;
    }
    return bytes.length;
  }

  get memoryMap(): readonly MappedRange[] {
    const lengthBytes = BigInt(PAGE);
    const text = { readable: true, writable: false, executable: true, pid: 1, what: 'image' };
    const data = { readable: true, writable: true, executable: false, pid: 1, what: 'VMO 0123456789abcdef' };
    return [
      { start: CODE, seen: CODE, lengthBytes, ...text },
      { start: DATA, seen: DATA, lengthBytes, ...data },
    ];
  }

  memoryMapOf(): readonly MappedRange[] {
    return this.memoryMap;
  }

  addStop(request: StopRequest): Stop {
    if (request.address >= 1n << 47n) throw new RangeError(`${request.address} is not canonical`);
    const stop = { lengthBytes: 1, ...request };
    this.stops.push(stop);
    return stop;
  }

  removeStop(stop: Stop): void {
    this.stops.splice(this.stops.indexOf(stop), 1);
  }

  resume({ direction, step, range, maxTicks }: ResumeRequest): StopReason | undefined {
    const coming = this.coming.shift();
    if (coming?.kind === 'exited') this.endProcess(coming.pid);
    if (coming) return coming;
    if (direction === 'backward') return { kind: 'history-begin' };
    const thread = (step === undefined ? undefined : this.findThread(step)) ?? this.threads[0];
    if (!thread) return undefined;
    for (let tick = 0; tick < Math.min(maxTicks, 1000); tick++) {
      const reason = this.tick(thread);
      if (reason) return reason;
      const { rip } = thread.registers;
      const isInRange = range && rip! >= range.start && rip! < range.end;
      if (step !== undefined && !isInRange) return { kind: 'stepped', tid: thread.tid };
    }
    return undefined;
  }

  private tick({ tid, registers }: FakeThread): StopReason | undefined {
    this.ticks++;
    const rip = registers['rip']!;
    registers['rip'] = rip >= CODE && rip < CODE + CIRCLE - 1n ? rip + 1n : CODE;
    if (rip === STORE) {
      registers['rax'] = ((registers['rax'] ?? 0n) + 1n) & 0xffn;
      this.writeMemory(STORED, Uint8Array.of(Number(registers['rax'])));
      const watch = this.stops.find(
        ({ kind, address, lengthBytes }) =>
          (kind === 'write' || kind === 'access') && address <= STORED && STORED < address + BigInt(lengthBytes),
      );
      if (watch) return { kind: 'watchpoint', tid, stop: watch, address: STORED, access: 'write' };
    }
    const stop = this.stops.find(({ kind, address }) => kind === 'code' && address === registers['rip']);
    return stop && { kind: 'breakpoint', tid, stop };
  }

  cancel(): void {}

  passTime(tick: number): void {
    this.ticks = tick;
  }

  resizeTerminal(): void {}

  kill(pid: number): void {
    this.killed.push(pid);
    this.endProcess(pid);
  }
}
