import { REGION_BASE } from '../../state/layout.js';
import type { Code } from '../../wasm/encoding/code.js';

/**
 * The base of a region in its code: addresses of the guest's code are sums of it and constants. Where the code has a local
 * for it, that is used. Otherwise it is loaded each time: of a local that never changes, V8 takes all sums out of the loop around
 * the region's code, and would make hundreds of them on every entry to a large region, most of them for nothing.
 */
export class CodeBase {
  constructor(
    private readonly code: Code,
    /** What the base is where the code is now; only differences to it go into the code. */
    private readonly base: bigint,
    private readonly local: number | undefined,
  ) {}

  /** Emits what makes the base, which is in a local, one that can be loaded. */
  static store(code: Code, local: number): void {
    code.i32(0).get(local).memory('i64.store', REGION_BASE);
  }

  /** Pushes an address of the guest's code, and returns its distance from the base. */
  pushAddress(address: bigint): bigint {
    const { code, local } = this;
    const distance = BigInt.asIntN(64, address - this.base);
    if (local === undefined) code.i32(0).memory('i64.load', REGION_BASE);
    else code.get(local);
    if (distance !== 0n) code.i64(distance).op('i64.add');
    return distance;
  }
}
