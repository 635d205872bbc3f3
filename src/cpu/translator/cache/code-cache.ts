import type { CompiledCode } from './region-table.js';

/**
 * The fixed cost of a module, in bytes of Wasm, each of which takes several bytes of the host's memory. A module
 * of 1.5 KB was measured to take 27 KB with Node 20.
 */
export const MODULE_COST_BYTES = 8192;

/** The cost of compiled code, for the budget. */
export function costOf(code: CompiledCode): number {
  return code.wasmBytes + MODULE_COST_BYTES;
}

/** Compiled code by content, in use or not; the most recently used is last. */
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
  /** The cost of all modules. */
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

  /** Adds code. Returns the code with the same content that is already there, if there is any. */
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

  /** The least recently used code that is not in use. */
  oldestUnused(isUsed: (code: CompiledCode) => boolean): CompiledCode | undefined {
    for (const code of this.byKey.values()) if (!isUsed(code)) return code;
    return undefined;
  }
}
