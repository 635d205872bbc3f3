/** The same machine once for each engine; their states are compared at every stop. */
import { PAGE_SIZE, hex } from '../../../src/bits.js';
import { Cpu, type CpuEvent, type Engine, type TranslationThreshold } from '../../../src/cpu/cpu.js';
import { vectorName } from '../../../src/cpu/state/exceptions.js';
import {
  CS,
  FLAGS_KIND,
  FS,
  GPR,
  GS,
  MXCSR,
  SEGMENT_BASE,
  SELECTORS,
  SS,
  X87,
  X87_BYTES,
  XMM,
  YMM_HIGH,
} from '../../../src/cpu/state/layout.js';
import { sha256 } from '../../../src/host/sha256.js';
import { GuestMemory } from '../../../src/memory.js';
import { CR0_WP, EFER_NXE, USER, WRITABLE } from '../../../src/mmu/entry.js';
import { SOME_IN_LOCALS, randomThreshold } from '../../support/random-threshold.js';
import { EXECUTE_DISABLE, PageTables } from '../meanings/page-tables.js';
import { hotCodeOf } from '../translator/small-machine.js';

/** Linear addresses. Code pages may be written. */
export const CODE = 0x40_0000n;
export const CODE_PAGES = 3;
/** The third data page is read-only; nothing is mapped after the last one. */
export const DATA = 0x48_0000n;
export const DATA_PAGES = 4;
const READ_ONLY_DATA_PAGE = 2;
/** Distance at which the frames of code and data are mapped a second time, using the same TLB entries. */
export const ALIAS_DISTANCE = 0x7f00_0000_0000n;
/** The page table that maps CODE and DATA, as data. */
export const PAGE_TABLE = 0x80_0000n;

const MEMORY_BYTES = 0x2_0000;
/** Frames that are unused at the start: for tables, and for code. */
export const SPARE_TABLE_FRAMES = [0x18, 0x19];
export const SPARE_CODE_FRAMES = [0x1a, 0x1b];
/** The first frame of the code; those of the data follow. */
export const CODE_FRAME = 0x10;
const CODE_FRAMES = CODE_FRAME * PAGE_SIZE;
const DATA_FRAMES = CODE_FRAMES + CODE_PAGES * PAGE_SIZE;
const CR0_AM = 1 << 18;
const USER_CODE = 0x33;
const USER_DATA = 0x2b;

/**
 * An engine, and the number of samples after which it translates a block: 0 leaves nothing to the interpreter. With
 * 'crosses', regions make all accesses across pages themselves, as where checks have missed often.
 */
export type EngineChoice = readonly [engine: Engine, translationThreshold: TranslationThreshold, checks?: 'crosses'];
export const ENGINES: readonly EngineChoice[] = [
  ['evaluator', 0],
  ['interpreter', 0],
  ['auto', 0],
  ['auto', randomThreshold(1)],
];

/** The initial state of a program. */
export interface Start {
  readonly rip: bigint;
  readonly gpr: BigUint64Array;
  readonly xmm: Uint8Array;
  readonly rflags: number;
  readonly mxcsr: number;
}

/** Machines that all get the same operations; the first is the reference. */
export class Machines {
  private readonly guests: readonly Guest[];

  constructor(engines: readonly EngineChoice[] = ENGINES) {
    this.guests = engines.map((choice) => new Guest(choice));
  }

  /** Resets page tables and registers, and fills code and data, on each machine. */
  load(code: Uint8Array, data: Uint8Array, start: Start): void {
    for (const guest of this.guests) guest.load(code, data, start);
  }

  /** Sets the registers of each machine. */
  restart(start: Start): void {
    for (const guest of this.guests) guest.restart(start);
  }

  /** Runs each machine for a number of ticks. Throws, showing both states, if two of them differ. */
  run(maxTicks: number): CpuEvent {
    const [first, ...others] = this.guests;
    const event = first!.cpu.run(maxTicks);
    for (const guest of others) compare(first!, event, guest, guest.cpu.run(maxTicks));
    return event;
  }

  /** Moves each machine to another address. */
  goTo(rip: bigint): void {
    for (const guest of this.guests) guest.cpu.state.rip = rip;
  }

  /** Stores a page-table entry as a kernel does; if `alone`, it is known to map only this page. */
  writeEntry(linear: bigint, change: (entry: bigint) => bigint, alone = false): void {
    for (const guest of this.guests) guest.writeEntry(linear, change, alone);
  }

  /** Stores bytes into the code as a kernel does. */
  writeCode(offset: number, bytes: Uint8Array): void {
    for (const guest of this.guests) guest.writeCode(offset, bytes);
  }

  /** Does the same to each. */
  each(act: (guest: Guest) => void): void {
    for (const guest of this.guests) act(guest);
  }

  /** Number of instructions that the interpreter and the translator left to the evaluator. */
  get evaluated(): number[] {
    return this.guests.slice(1).map((guest) => guest.evaluated);
  }

  /** The reference machine. */
  get reference(): Guest {
    return this.guests[0]!;
  }
}

/** A map with the same value for every key. */
class EverywhereMap<T> extends Map<bigint, T> {
  constructor(private readonly value: T) {
    super();
  }
  override get size(): number {
    return 1;
  }
  override get(): T {
    return this.value;
  }
}

export class Guest {
  readonly cpu: Cpu;
  readonly memory = new GuestMemory(MEMORY_BYTES);
  evaluated = 0;
  readonly tables: PageTables;
  private readonly initialTables: Uint8Array;

  constructor([engine, translationThreshold, checks]: EngineChoice) {
    // With odd thresholds regions return to the dispatcher, as where the host has no tail calls.
    const tailCalls = !(typeof translationThreshold === 'number' && translationThreshold % 2 === 1);
    const translator = { threshold: translationThreshold, mostInLocals: SOME_IN_LOCALS, tailCalls };
    this.cpu = new Cpu(this.memory, engine, { ...translator, sha256 });
    if (checks) Object.assign(hotCodeOf(this.cpu).hot['missPlaces'], { checks: new EverywhereMap(checks) });
    this.tables = new PageTables(this.memory, 0);
    mapAll(this.tables);
    this.initialTables = this.memory.ram.slice(0, CODE_FRAMES);
    const { cpu } = this;
    cpu.mmu.setCr3(this.tables.root);
    cpu.mmu.setCr0(CR0_WP | CR0_AM);
    cpu.mmu.setEfer(EFER_NXE);
    cpu.mmu.setCpl(3);
    const step = cpu.step.bind(cpu);
    cpu.step = () => {
      this.evaluated++;
      return step();
    };
  }

  load(code: Uint8Array, data: Uint8Array, start: Start): void {
    const { ram } = this.memory;
    ram.set(this.initialTables);
    ram.set(code, CODE_FRAMES);
    ram.set(data, DATA_FRAMES);
    this.cpu.mmu.flush();
    for (let at = 0; at < ram.length; at += PAGE_SIZE) this.cpu.codeStored(at, PAGE_SIZE);
    this.restart(start);
  }

  restart(start: Start): void {
    const { state } = this.cpu;
    const { host } = this.memory;
    host.fill(0, GPR, X87 + X87_BYTES);
    host.set(new Uint8Array(start.gpr.buffer, start.gpr.byteOffset, 128), GPR);
    host.set(start.xmm.subarray(0, 256), XMM);
    host.set(start.xmm.subarray(256), YMM_HIGH);
    state.rip = start.rip;
    state.rflags = BigInt(start.rflags);
    state.mxcsr = start.mxcsr;
    state.setSelector(CS, USER_CODE);
    state.setSelector(SS, USER_DATA);
    state.setSegmentBase(FS, DATA);
    state.setSegmentBase(GS, DATA + BigInt(PAGE_SIZE));
  }

  writeEntry(linear: bigint, change: (entry: bigint) => bigint, alone = false): void {
    const { linearMemory } = this.cpu;
    const address = this.tables.entryAddress(linear);
    this.memory.write64(address, change(this.memory.read64(address)));
    if (alone) linearMemory.pteStored(address, Number(linear >> 32n), Number(BigInt.asIntN(32, linear)));
    else linearMemory.stored(address, 8);
  }

  writeCode(offset: number, bytes: Uint8Array): void {
    this.memory.ram.set(bytes, CODE_FRAMES + offset);
    this.cpu.linearMemory.stored(CODE_FRAMES + offset, bytes.length);
  }

  /** The state visible to programs, except memory, as lines of name and value. */
  describe(event: CpuEvent): string[] {
    const { cpu, memory } = this;
    const { state } = cpu;
    const bytes = (at: number, length: number): string =>
      Buffer.from(memory.host.subarray(at, at + length)).toString('hex');
    return [
      `event ${describeEvent(event)}`,
      `ticks ${cpu.ticks}`,
      `rip ${hex(state.rip, 16)}`,
      `rflags ${hex(state.rflags)}`,
      ...Array.from({ length: 16 }, (_, i) => `gpr${i} ${hex(state.gpr(i), 16)}`),
      ...Array.from({ length: 16 }, (_, i) => `ymm${i} ${hex(state.ymmHigh(i), 32)} ${hex(state.xmm(i), 32)}`),
      `mxcsr ${bytes(MXCSR, 4)}`,
      `segments ${bytes(SELECTORS, 12)} ${bytes(SEGMENT_BASE, 48)}`,
      `x87 ${bytes(X87, X87_BYTES)}`,
    ];
  }
}

function mapAll(tables: PageTables): void {
  const map = (linear: bigint, physical: number, rights: bigint): void => {
    tables.map(linear, physical, rights);
    tables.map(linear + ALIAS_DISTANCE, physical, rights);
  };
  for (let page = 0; page < CODE_PAGES; page++)
    map(CODE + BigInt(page * PAGE_SIZE), CODE_FRAMES + page * PAGE_SIZE, BigInt(USER | WRITABLE));
  for (let page = 0; page < DATA_PAGES; page++) {
    const rights = BigInt(page === READ_ONLY_DATA_PAGE ? USER : USER | WRITABLE) | EXECUTE_DISABLE;
    map(DATA + BigInt(page * PAGE_SIZE), DATA_FRAMES + page * PAGE_SIZE, rights);
  }
  const table = tables.entryAddress(CODE);
  tables.map(PAGE_TABLE, table - (table % PAGE_SIZE), BigInt(USER | WRITABLE) | EXECUTE_DISABLE);
}

export function describeEvent(event: CpuEvent): string {
  if (event.kind !== 'exception') return event.kind;
  const { vector, errorCode, linear } = event.exception;
  return `${event.trap ? 'trap' : 'fault'} ${vectorName(vector)} ${hex(errorCode)} ${hex(linear)}`;
}

const ROW_BYTES = 16;

/** Fields of the CPU state visible to programs, except the status flags, which engines store differently. */
const SEEN: readonly (readonly [number, number])[] = [
  [GPR, FLAGS_KIND],
  [MXCSR, MXCSR + 4],
  [XMM, X87 + X87_BYTES],
];

function compare(expected: Guest, expectedEvent: CpuEvent, actual: Guest, actualEvent: CpuEvent): void {
  const [x, y] = [expected.memory, actual.memory];
  const same =
    expected.cpu.ticks === actual.cpu.ticks &&
    expected.cpu.state.statusFlags === actual.cpu.state.statusFlags &&
    describeEvent(expectedEvent) === describeEvent(actualEvent) &&
    SEEN.every(([start, end]) => Buffer.compare(x.host.subarray(start, end), y.host.subarray(start, end)) === 0) &&
    Buffer.compare(x.ram, y.ram) === 0;
  if (same) return;
  const others = actual.describe(actualEvent);
  const rows = expected
    .describe(expectedEvent)
    .map((line, i) => (line === others[i] ? `  ${line}` : `* ${line} | ${others[i]}`));
  throw new Error(`evaluator | ${actual.cpu.engine}\n${[...rows, ...memoryDifferences(x.ram, y.ram)].join('\n')}`);
}

function memoryDifferences(expected: Uint8Array, actual: Uint8Array): string[] {
  const rows: string[] = [];
  for (let at = 0; at < expected.length; at += ROW_BYTES) {
    const part = (bytes: Uint8Array): string => Buffer.from(bytes.subarray(at, at + ROW_BYTES)).toString('hex');
    if (part(expected) !== part(actual)) rows.push(`* physical ${hex(at, 5)} ${part(expected)} | ${part(actual)}`);
  }
  return rows;
}
