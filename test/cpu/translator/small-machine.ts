/** A CPU at CPL 3 with page tables to fill as a test likes. */
import { Cpu, type Engine } from '../../../src/cpu/cpu.js';
import type { HotCode } from '../../../src/cpu/translator/hot-code.js';
import type { Profile } from '../../../src/cpu/translator/profile.js';
import type { TranslatorOptions } from '../../../src/cpu/translator/options.js';
import type { RegionTable } from '../../../src/cpu/translator/cache/region-table.js';
import { sha256 } from '../../../src/host/sha256.js';
import { GuestMemory } from '../../../src/memory.js';
import { CR0_WP, EFER_NXE, USER, WRITABLE } from '../../../src/mmu/entry.js';
import { PageTables } from '../meanings/page-tables.js';

export const READ_WRITE = BigInt(USER | WRITABLE);
export const READ_ONLY = BigInt(USER);

const MEMORY_BYTES = 0x4_0000;

export interface SmallMachine {
  readonly cpu: Cpu;
  readonly memory: GuestMemory;
  /** From physical address 0. */
  readonly tables: PageTables;
}

/** A threshold says how often code is found running before it is translated. */
export function smallMachine(engine: Engine, translator: number | TranslatorOptions = {}): SmallMachine {
  const memory = new GuestMemory(MEMORY_BYTES);
  const cpu = new Cpu(memory, engine, {
    sha256,
    ...(typeof translator === 'number' ? { threshold: translator } : translator),
  });
  const tables = new PageTables(memory, 0);
  cpu.mmu.setCr3(tables.root);
  cpu.mmu.setCr0(CR0_WP);
  cpu.mmu.setEfer(EFER_NXE);
  cpu.mmu.setCpl(3);
  cpu.state.rflags = 0x202n;
  return { cpu, memory, tables };
}

/** The hot tier of a CPU, the regions that it has, and its samples. */
export function hotCodeOf(cpu: Cpu): { hot: HotCode; regions: RegionTable; profile: Profile } {
  const hot = cpu['records']!['hot']!;
  return { hot, regions: hot['regions'], profile: hot['view'].profile };
}

/** Bytes of machine code in the making. */
export class Bytes {
  readonly bytes: number[] = [];

  put(...bytes: readonly number[]): this {
    this.bytes.push(...bytes);
    return this;
  }
  /** A little-endian number. */
  number(lengthBytes: number, value: bigint | number): this {
    for (let i = 0; i < lengthBytes; i++) this.bytes.push(Number((BigInt(value) >> BigInt(8 * i)) & 0xffn));
    return this;
  }
  /** MOV r64, imm64; registers 0 to 7. */
  load(register: number, value: bigint): this {
    return this.put(0x48, 0xb8 | register).number(8, value);
  }
  /** JMP rel32 to an offset in these bytes. */
  jump(target: number): this {
    return this.put(0xe9).number(4, target - this.bytes.length - 4);
  }
}
