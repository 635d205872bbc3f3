import { PAGE_SIZE } from '../../../bits.js';
import type { AddressSpace } from '../../memory/address-space.js';
import { fromLinear } from '../../memory/linear-address.js';
import { PROTECTION_WRITE } from '../../memory/mapping.js';
import type { UserMemory } from '../../memory/user-memory.js';
import type { Process } from '../../tasks/process.js';

/** The memory of another process, at the addresses that it sees. */
export class TracedMemory {
  private readonly memory: UserMemory;

  constructor(
    private readonly space: AddressSpace,
    memory: UserMemory,
    private readonly process: Process,
  ) {
    this.memory = memory.seenIn(process.view);
  }

  /** Bytes that are mapped, whether or not the process may read them: as many as asked for, or fewer. */
  peek(address: bigint, lengthBytes: number): Uint8Array {
    const seen = fromLinear(address);
    return seen === undefined ? new Uint8Array(0) : this.memory.peekSeen(seen, lengthBytes);
  }

  /** Stores bytes, even where the process may only read, except in memory that it shares. Returns the count. */
  poke(address: bigint, bytes: Uint8Array): number {
    const seen = fromLinear(address);
    if (seen === undefined) return 0;
    for (let at = 0; at < bytes.length;) {
      const length = Math.min(bytes.length - at, PAGE_SIZE - ((seen + at) % PAGE_SIZE));
      if (!this.mayPoke(seen + at) || this.memory.pokeSeen(seen + at, bytes.subarray(at, at + length)) < length)
        return at;
      at += length;
    }
    return bytes.length;
  }

  private mayPoke(seen: number): boolean {
    const home = this.process.view?.home(seen) ?? seen;
    const mapping = this.space.regionAt(home)?.mappingAt(home);
    if (!mapping) return false;
    return !mapping.shared?.memory.region || (mapping.protection & PROTECTION_WRITE) !== 0;
  }

  /** Bytes up to the first page that the process may not read: as many as asked for, or fewer. */
  read(address: bigint, lengthBytes: number): Uint8Array {
    const bytes = new Uint8Array(lengthBytes);
    let known = 0;
    for (const { at, length } of partsOf(address, lengthBytes)) {
      const start = this.memory.locate(at, BigInt(length), 'read');
      if (start === undefined) break;
      bytes.set(this.memory.read(start, length), known);
      known += length;
    }
    return bytes.subarray(0, known);
  }

  /** Stores bytes up to the first page that the process may not write. Returns the count. */
  write(address: bigint, bytes: Uint8Array): number {
    let stored = 0;
    for (const { at, length } of partsOf(address, bytes.length)) {
      const start = this.memory.locate(at, BigInt(length), 'write');
      if (start === undefined) break;
      this.memory.write(start, bytes.subarray(stored, stored + length));
      stored += length;
    }
    return stored;
  }
}

/** The parts of a range in each page. */
function* partsOf(address: bigint, lengthBytes: number): Generator<{ readonly at: bigint; readonly length: number }> {
  for (let done = 0; done < lengthBytes;) {
    const at = BigInt.asUintN(64, address + BigInt(done));
    const length = Math.min(lengthBytes - done, PAGE_SIZE - Number(at % BigInt(PAGE_SIZE)));
    yield { at, length };
    done += length;
  }
}
