import { PAGE_SIZE } from '../../../src/bits.js';
import { Cpu, type Engine } from '../../../src/cpu/cpu.js';
import type { CpuEvent, RefusedStore } from '../../../src/cpu/state/events.js';
import type { FenceVerdict } from '../../../src/cpu/evaluator/fenced-execution.js';
import { CS, FS, GPR, GS, SELECTORS, SS, XMM, YMM_HIGH } from '../../../src/cpu/state/layout.js';
import type { TranslatorOptions } from '../../../src/cpu/translator/options.js';
import { sha256 } from '../../../src/host/sha256.js';
import { GuestMemory, WATCH_TABLE } from '../../../src/memory.js';
import type { WriteFence } from '../../../src/mmu/fence.js';
import { CR0_WP, EFER_NXE, USER, WRITABLE } from '../../../src/mmu/entry.js';
import { VECTOR_BYTES, type OracleCase, type OracleState } from '../../oracle/case.js';
import {
  ARENAS,
  CODE,
  CODE_BYTES,
  CODE_PAGES,
  DATA_PAGES,
  INT3,
  READ_ONLY_PAGE,
  READ_ONLY_PAGES,
} from '../../oracle/layout.js';
import type { MeaningCase } from './generate.js';
import { EXECUTE_DISABLE, PageTables } from './page-tables.js';

/** The state of a bd0 CPU after a case: the oracle's state, and the parts that only our engines have. */
export interface GuestState extends OracleState {
  /** `ticks`, `vmcall`, `fault` or `trap`. */
  event: string;
  ticks: number;
  /** ES CS SS DS FS GS. */
  selectors: Uint16Array;
  /** Low words of the page-table entries, for their A and D bits. */
  entries: Uint32Array;
  /** How many instructions the evaluator did: none where a compiled handler did it all. */
  evaluated: number;
}

/** What an engine needs of a case. */
export type GuestCase = Pick<MeaningCase, 'number' | 'oracle' | 'contents' | 'ticks' | 'cold'>;

/** A case under a write fence. */
export interface FencedRun {
  readonly refused: GuestState;
  readonly stores: readonly RefusedStore[];
  readonly after: GuestState;
}

/** Memory of the guest, in bytes: tables, then the pages of the oracle. */
const MEMORY_BYTES = 0x4_0000;
const TABLES_START = 0;
const PAGES_START = 0x1_0000;
const CODE_START = PAGES_START + ARENAS.length * DATA_PAGES * PAGE_SIZE;

const CR0_AM = 1 << 18;
/** More than any case takes. */
const TICKS_PER_CASE = 16;
/** Of engine `auto`: nothing is left to the interpreter that can be translated. */
const TRANSLATE_AT_ONCE = 0;
/** Linux's selectors of a 64-bit process. */
const USER_CODE = 0x33;
const USER_DATA = 0x2b;

/**
 * Stands behind the instruction and decodes to nothing, so that the instruction is a block of its own: with one tick to go
 * the interpreter then runs its compiled handler. (The oracle has INT3 there, like the rest of the code pages.)
 */
const BLOCK_END = 0x06;

/** A bd0 CPU in the surroundings of the native oracle: the same pages at the same linear addresses, at CPL 3. */
export class Guest {
  readonly cpu: Cpu;
  private readonly memory = new GuestMemory(MEMORY_BYTES);
  private readonly tables: PageTables;
  private readonly initialEntries: Uint32Array;
  private evaluated = 0;
  /** Physical address of the last case's instruction, and how long it is. */
  private codeStart = CODE_START;
  private codeLength = 0;
  private event: CpuEvent = { kind: 'ticks' };

  constructor(engine: Engine, translator: TranslatorOptions = {}) {
    this.cpu = new Cpu(this.memory, engine, { threshold: TRANSLATE_AT_ONCE, sha256, ...translator });
    this.tables = new PageTables(this.memory, TABLES_START);
    mapArenas(this.tables);
    this.initialEntries = this.entries();
    this.memory.ram.fill(INT3, CODE_START, CODE_START + CODE_BYTES);
    const { mmu } = this.cpu;
    mmu.setCr3(this.tables.root);
    mmu.setCr0(CR0_WP | CR0_AM);
    mmu.setEfer(EFER_NXE);
    mmu.setCpl(3);
    // Nobody writes to the code but this class; a reason to watch that stays saves a search of the TLB for each case.
    for (let page = 0; page < CODE_PAGES; page++) mmu.watch(CODE_START / PAGE_SIZE + page, WATCH_TABLE);
    this.countEvaluated();
  }

  /** Runs a case for exactly so many ticks, or until an event. */
  run(c: GuestCase, ticks: number): GuestState {
    this.load(c);
    const before = this.cpu.ticks;
    this.event = this.cpu.run(ticks);
    return this.finish(c.oracle, this.cpu.ticks - before);
  }

  /** Runs a case tick by tick, until rip has left the instruction, an event, or the case's ticks are used up. */
  step(c: GuestCase): GuestState {
    this.load(c);
    const { state } = this.cpu;
    const before = this.cpu.ticks;
    const { rip } = state;
    do this.event = this.cpu.run(1);
    while (this.event.kind === 'ticks' && state.rip === rip && this.cpu.ticks - before < c.ticks);
    return this.finish(c.oracle, this.cpu.ticks - before);
  }

  /**
   * Runs the first tick of a case under a write fence, which refuses a store of it; then, with a verdict, the next one.
   * Answers the state after each of them. The TLB is empty before, and the fence is taken away again.
   */
  runFenced(c: GuestCase, fence: WriteFence, verdict?: FenceVerdict): FencedRun {
    const { cpu } = this;
    this.load({ ...c, cold: true });
    cpu.mmu.derived.setWriteFence(fence);
    const before = cpu.ticks;
    this.event = cpu.run(1);
    const stores = this.event.kind === 'refused' ? this.event.stores : [];
    const refused = this.state(c.oracle, cpu.ticks - before);
    if (verdict !== undefined) this.event = cpu.step(verdict);
    const after = this.finish(c.oracle, cpu.ticks - before);
    cpu.mmu.derived.setWriteFence(undefined);
    return { refused, stores, after };
  }

  /** The linear address of the first byte outside all windows that is not zero, which is zeroed; undefined if there is none. */
  takeStray(): bigint | undefined {
    const arenas = this.memory.ram.subarray(PAGES_START, CODE_START);
    if (Buffer.compare(arenas, ZEROS) === 0) return undefined;
    const at = arenas.findIndex((byte) => byte !== 0);
    arenas.fill(0);
    return ARENAS[Math.floor(at / (DATA_PAGES * PAGE_SIZE))]! + BigInt(at % (DATA_PAGES * PAGE_SIZE));
  }

  private load({ number, oracle, contents, cold }: GuestCase): void {
    // RDTSC tells the ticks, which are thus the same in every guest, whichever cases it has run.
    this.cpu.ticks = number * TICKS_PER_CASE;
    if (cold) this.forgetTranslations();
    this.loadRegisters(oracle);
    oracle.memory.windows.forEach(({ address }, i) => this.memory.ram.set(contents[i]!, physicalOf(address)));
    this.storeCode(oracle.codeOffset, oracle.bytes);
    this.evaluated = 0;
  }

  /** The state after a case, whose windows are zeroed for the next one. */
  private finish(c: OracleCase, ticks: number): GuestState {
    const state = this.state(c, ticks);
    for (const { address, length } of c.memory.windows) {
      const start = physicalOf(address);
      this.memory.ram.fill(0, start, start + length);
    }
    return state;
  }

  private countEvaluated(): void {
    const { cpu } = this;
    const step = cpu.step.bind(cpu);
    cpu.step = (verdict) => {
      this.evaluated++;
      return step(verdict);
    };
  }

  private loadRegisters(c: OracleCase): void {
    const { host } = this.memory;
    const { state } = this.cpu;
    host.set(bytesOf(c.gpr), GPR);
    host.set(c.xmm.subarray(0, 256), XMM);
    host.set(c.xmm.subarray(256), YMM_HIGH);
    state.rip = CODE + BigInt(c.codeOffset);
    state.rflags = BigInt(c.rflags);
    state.mxcsr = c.mxcsr;
    state.x87 = c.x87;
    host.fill(0, SELECTORS, SELECTORS + 12);
    state.setSelector(CS, USER_CODE);
    state.setSelector(SS, USER_DATA);
    state.setSegmentBase(FS, c.fsBase);
    state.setSegmentBase(GS, c.gsBase);
  }

  private forgetTranslations(): void {
    this.tables.entryAddresses.forEach((address, i) => this.memory.write32(address, this.initialEntries[i]!));
    this.cpu.mmu.flush();
  }

  /** Puts an instruction into the code pages, in the place of the last one. */
  private storeCode(codeOffset: number, instruction: Uint8Array): void {
    const { ram } = this.memory;
    ram.fill(INT3, this.codeStart, this.codeStart + this.codeLength);
    this.codeStart = CODE_START + codeOffset;
    this.codeLength = Math.min(instruction.length + 1, CODE_BYTES - codeOffset);
    ram.set(instruction.subarray(0, this.codeLength), this.codeStart);
    if (this.codeLength > instruction.length) ram[this.codeStart + instruction.length] = BLOCK_END;
    for (let page = 0; page < CODE_PAGES; page++) this.cpu.codeStored(CODE_START + page * PAGE_SIZE, PAGE_SIZE);
  }

  private entries(): Uint32Array {
    const { entryAddresses } = this.tables;
    const entries = new Uint32Array(entryAddresses.length);
    for (let i = 0; i < entries.length; i++) entries[i] = this.memory.read32(entryAddresses[i]!);
    return entries;
  }

  /** XMM0 to XMM15, and the upper halves of YMM. */
  private vectors(): Uint8Array {
    const { host } = this.memory;
    const vectors = new Uint8Array(VECTOR_BYTES);
    vectors.set(host.subarray(XMM, XMM + VECTOR_BYTES / 2));
    vectors.set(host.subarray(YMM_HIGH, YMM_HIGH + VECTOR_BYTES / 2), VECTOR_BYTES / 2);
    return vectors;
  }

  private state(c: OracleCase, ticks: number): GuestState {
    const { state } = this.cpu;
    const { host, ram } = this.memory;
    const { event } = this;
    return {
      gpr: new BigUint64Array(host.slice(GPR, GPR + 128).buffer),
      rip: state.rip,
      rflags: Number(state.rflags),
      xmm: this.vectors(),
      mxcsr: state.mxcsr,
      x87: state.x87,
      fsBase: state.segmentBase(FS),
      gsBase: state.segmentBase(GS),
      fault: faultOf(event),
      windows: c.memory.windows.map(({ address, length }) => {
        const start = physicalOf(address);
        return ram.slice(start, start + length);
      }),
      event: event.kind === 'exception' ? (event.trap ? 'trap' : 'fault') : event.kind,
      ticks,
      selectors: new Uint16Array(host.slice(SELECTORS, SELECTORS + 12).buffer),
      entries: this.entries(),
      evaluated: this.evaluated,
    };
  }
}

const ZEROS = new Uint8Array(CODE_START - PAGES_START);

function mapArenas(tables: PageTables): void {
  const readOnlyEnd = READ_ONLY_PAGE + READ_ONLY_PAGES;
  for (const arena of ARENAS)
    for (let page = 0; page < DATA_PAGES; page++) {
      const linear = arena + BigInt(page * PAGE_SIZE);
      const rights = page >= READ_ONLY_PAGE && page < readOnlyEnd ? USER : USER | WRITABLE;
      tables.map(linear, physicalOf(linear), BigInt(rights) | EXECUTE_DISABLE);
    }
  for (let page = 0; page < CODE_PAGES; page++)
    tables.map(CODE + BigInt(page * PAGE_SIZE), CODE_START + page * PAGE_SIZE, BigInt(USER));
}

/** Where a byte of an arena lies in guest memory. */
function physicalOf(linear: bigint): number {
  const arena = linear >= ARENAS[0] ? 0 : 1;
  return PAGES_START + arena * DATA_PAGES * PAGE_SIZE + Number(linear - ARENAS[arena]!);
}

function faultOf(event: CpuEvent): OracleState['fault'] {
  if (event.kind !== 'exception') return undefined;
  const { vector, errorCode, linear } = event.exception;
  return { vector, errorCode, cr2: linear };
}

function bytesOf(words: BigUint64Array): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
}
