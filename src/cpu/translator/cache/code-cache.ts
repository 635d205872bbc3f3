import type { CompiledCode } from './region-table.js';

/**
 * What a module takes whatever is in it, told as bytes of Wasm, of which each becomes several in the host's memory. A module
 * of 1.5 KB was measured to take 27 KB with Node 20.
 */
export const MODULE_COST_BYTES = 8192;

/** What compiled code counts for against the budget. */
export function costOf(code: CompiledCode): number {
  return code.wasmBytes + MODULE_COST_BYTES;
}

/** Compiled code by content, whether or not it is in use somewhere; what was asked for last is last. */
export class CodeCache {
  private readonly byKey = new Map<string, CompiledCode>();
  private cost = 0;
  private bytes = 0;

  get size(): number {
    return this.byKey.size;
  }
  /** Bytes of all modules. */
  get wasmBytes(): number {
    return this.bytes;
  }
  /** What all of it counts for. */
  get costBytes(): number {
    return this.cost;
  }

  find(key: string): CompiledCode | undefined {
    const code = this.byKey.get(key);
    if (!code) return undefined;
    this.byKey.delete(key);
    this.byKey.set(key, code);
    return code;
  }

  /** Takes code in; answers what is there of the same content, if that has come first. */
  add(code: CompiledCode): CompiledCode {
    const known = this.find(code.key);
    if (known) return known;
    this.byKey.set(code.key, code);
    this.cost += costOf(code);
    this.bytes += code.wasmBytes;
    return code;
  }

  delete(code: CompiledCode): void {
    if (!this.byKey.delete(code.key)) throw new Error('code is taken out twice');
    this.cost -= costOf(code);
    this.bytes -= code.wasmBytes;
  }

  /** Of what is not in use, that which was asked for the longest ago. */
  oldestUnused(isUsed: (code: CompiledCode) => boolean): CompiledCode | undefined {
    for (const code of this.byKey.values()) if (!isUsed(code)) return code;
    return undefined;
  }
}
