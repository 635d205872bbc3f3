/** A seeded source of random numbers (xorshift32), so that a failing case can be made again from its seed. */
export class Random {
  private state: number;

  constructor(seed: number) {
    this.state = (Math.imul(seed, 0x9e37_79b9) ^ 0x5bd1_e995) | 0 || 1;
  }

  /** 32 random bits, unsigned. */
  next(): number {
    let x = this.state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.state = x | 0;
    return x >>> 0;
  }

  /** 0 to n - 1. */
  below(n: number): number {
    return this.next() % n;
  }

  chance(oneIn: number): boolean {
    return this.below(oneIn) === 0;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }

  bits64(): bigint {
    return (BigInt(this.next()) << 32n) | BigInt(this.next());
  }

  /** 64 bits in which the edges of every width are likely. */
  edgy64(): bigint {
    switch (this.below(6)) {
      case 0:
        return this.bits64();
      case 1:
        return BigInt(this.below(130));
      case 2:
        return BigInt.asUintN(64, this.pick(EDGES) + BigInt(this.below(3)) - 1n);
      case 3:
        return BigInt.asUintN(64, -BigInt(this.below(130)));
      case 4:
        return this.bits64() >> BigInt(this.below(64));
      default:
        return BigInt.asUintN(64, this.bits64() << BigInt(this.below(64)));
    }
  }
}

const EDGES = [0n, 1n << 7n, 1n << 8n, 1n << 15n, 1n << 16n, 1n << 31n, 1n << 32n, 1n << 63n, 0x8000_8000_8000_8080n];
