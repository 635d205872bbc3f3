/** What the command `input` has typed, until the guest reads it. */
export class TypedInput {
  private readonly waiting: Uint8Array[] = [];

  get isEmpty(): boolean {
    return this.waiting.length === 0;
  }

  type(text: string): void {
    this.waiting.push(Buffer.from(text));
  }

  /** At most `max` bytes; undefined if there are none. */
  read(max: number): Uint8Array | undefined {
    const first = this.waiting.shift();
    if (first && first.length > max) this.waiting.unshift(first.subarray(max));
    return first?.subarray(0, max);
  }
}
