import { outside, schema, value } from '../../state/schema.js';
import {
  RIGHTS_BIG,
  RIGHTS_CODE,
  RIGHTS_LONG,
  RIGHTS_PRESENT,
  RIGHTS_READ_WRITE,
  RIGHTS_SEGMENT,
} from './descriptor.js';

/** Places of LDTR and TR in the descriptor caches, after those of ES CS SS DS FS GS. */
export const LDTR = 6;
export const TR = 7;
const CACHES = 8;

const FLAT_LIMIT = 0xffff_ffff;
const FLAT_DATA = RIGHTS_SEGMENT | RIGHTS_PRESENT | RIGHTS_READ_WRITE | RIGHTS_BIG;

/** GDTR or IDTR. */
export interface TableRegister {
  base: bigint;
  limit: number;
}

/**
 * The registers of a bare machine that programs at CPL 3 do not see: descriptor tables, the hidden parts of segment
 * registers, debug registers and model-specific registers. Control registers that paging uses are kept by the MMU.
 */
export class SystemState {
  static readonly state = schema(
    'system registers',
    SystemState,
    {
      gdt: value,
      idt: value,
      bases: value,
      limits: value,
      rights: value,
      systemSelectors: value,
      debug: value,
      modelSpecific: value,
      directoryPointers: value,
      heldUntil: value,
      isHalted: value,
      extendedControl: value,
      nmi: value,
      stepping: outside('looked at between two ticks'),
      hasUsedDevice: outside('looked at between two ticks'),
    },
    { isPart: true },
  );

  readonly gdt: TableRegister = { base: 0n, limit: 0xffff };
  readonly idt: TableRegister = { base: 0n, limit: 0xffff };
  /** The descriptor caches of ES CS SS DS FS GS LDTR TR. Bases of FS and GS are in the CPU state, where programs change them. */
  readonly bases = new BigUint64Array(CACHES);
  readonly limits = new Uint32Array(CACHES).fill(FLAT_LIMIT);
  readonly rights = new Uint32Array(CACHES).fill(FLAT_DATA);
  /** LDTR and TR. */
  readonly systemSelectors = new Uint16Array(2);
  /** DR0 to DR7; DR4 and DR5 are not used. SDM Vol. 3A table 9-1: their values after a reset. */
  readonly debug = BigUint64Array.of(0n, 0n, 0n, 0n, 0n, 0n, 0xffff_0ff0n, 0x400n);
  /** Registers that differ from their reset value, by number. */
  readonly modelSpecific = new Map<number, bigint>();
  /** The PDPTE registers, which PAE paging uses. SDM Vol. 3A 4.4.1. */
  readonly directoryPointers = new BigUint64Array(4);
  /** Interrupts are held back while the ticks have not passed this: SDM Vol. 3A 6.8.3 "Masking Exceptions and Interrupts...". */
  heldUntil = -1;
  isHalted = false;
  /** XCR0. */
  extendedControl = 1n;
  /**
   * Whether a non-maskable interrupt waits, and whether it has to wait for an IRET, since another one is being handled. SDM Vol. 3A
   * 6.7.1 "Handling Multiple NMIs".
   */
  readonly nmi = { isPending: false, isBlocked: false };
  /**
   * Whether the current instruction has entered a handler, as INT n and SYSCALL do, which TF does not trap; and DR6.BT, if it has
   * switched to a task that wants a debug exception.
   */
  readonly stepping = { hasCalledHandler: false, taskTrap: 0 };
  /** Set by accesses to devices, which may have changed them. */
  hasUsedDevice = false;

  constructor() {
    this.rights[1] = FLAT_DATA | RIGHTS_CODE;
  }

  /** The size of the code segment, by the cache of CS. */
  codeSize(isLongMode: boolean): 16 | 32 | 64 {
    const rights = this.rights[1]!;
    if (isLongMode && rights & RIGHTS_LONG) return 64;
    return rights & RIGHTS_BIG ? 32 : 16;
  }
}
