import {
  WASM_LANE_OPCODES,
  WASM_MEMORY_OPCODES,
  WASM_OPCODES,
  WASM_VECTOR_OPCODES,
  type WasmInstruction,
  type WasmLaneInstruction,
  type WasmMemoryInstruction,
  type WasmVectorInstruction,
} from './opcodes.js';

/** Value types. WebAssembly Core Specification 5.3.1 to 5.3.4. */
export const ValueType = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, v128: 0x7b } as const;
export type ValueTypeName = keyof typeof ValueType;

/** An append-only byte buffer. */
export class ByteWriter {
  private buffer = new Uint8Array(1024);
  length = 0;

  byte(value: number): void {
    if (this.length === this.buffer.length) this.grow(1);
    this.buffer[this.length++] = value;
  }
  bytes(values: Uint8Array | readonly number[]): void {
    this.grow(values.length);
    this.buffer.set(values, this.length);
    this.length += values.length;
  }
  /** Unsigned LEB128 of a 32-bit number. */
  unsigned(value: number): void {
    let rest = value >>> 0;
    while (rest >= 0x80) {
      this.byte((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    this.byte(rest);
  }
  /** Signed LEB128 of a 32-bit number. */
  signed(value: number): void {
    let rest = value | 0;
    while (rest < -64 || rest > 63) {
      this.byte((rest & 0x7f) | 0x80);
      rest >>= 7;
    }
    this.byte(rest & 0x7f);
  }
  /** Signed LEB128 of a 64-bit number. */
  signed64(value: bigint): void {
    let rest = BigInt.asIntN(64, value);
    while (rest < -64n || rest > 63n) {
      this.byte(Number(rest & 0x7fn) | 0x80);
      rest >>= 7n;
    }
    this.byte(Number(rest & 0x7fn));
  }
  name(text: string): void {
    const encoded = new TextEncoder().encode(text);
    this.unsigned(encoded.length);
    this.bytes(encoded);
  }
  /** Overwrites one byte that was written before. */
  patch(position: number, value: number): void {
    this.buffer[position] = value;
  }
  /** A view of the bytes written so far. */
  view(): Uint8Array {
    return this.buffer.subarray(0, this.length);
  }

  private grow(by: number): void {
    if (this.length + by <= this.buffer.length) return;
    const larger = new Uint8Array(Math.max(this.buffer.length * 2, this.length + by));
    larger.set(this.view());
    this.buffer = larger;
  }
}

/** A target of `br`: the end of a block, or the start of a loop. */
export interface Label {
  readonly depth: number;
}

/** The body of one Wasm function, written front to back. */
export class Code {
  readonly writer = new ByteWriter();
  private depth = 0;
  private readonly locals: number[] = [];
  private lastSetStart = -1;
  private lastSetEnd = -1;
  private lastSetLocal = -1;

  /** `parameters` are the first locals. */
  constructor(private readonly parameters: readonly ValueTypeName[]) {}

  newLocal(type: ValueTypeName): number {
    this.locals.push(ValueType[type]);
    return this.parameters.length + this.locals.length - 1;
  }

  op(name: WasmInstruction): this {
    this.writer.byte(WASM_OPCODES[name]);
    return this;
  }
  vectorOp(name: WasmVectorInstruction): this {
    this.writer.byte(0xfd);
    this.writer.unsigned(WASM_VECTOR_OPCODES[name]);
    return this;
  }
  laneOp(name: WasmLaneInstruction, lane: number): this {
    this.writer.byte(0xfd);
    this.writer.unsigned(WASM_LANE_OPCODES[name]);
    this.writer.byte(lane);
    return this;
  }
  shuffle(lanes: readonly number[]): this {
    this.writer.bytes([0xfd, 13, ...lanes]);
    return this;
  }
  v128Const(value: bigint): this {
    this.writer.bytes([0xfd, 12]);
    for (let i = 0n; i < 128n; i += 8n) this.writer.byte(Number((value >> i) & 0xffn));
    return this;
  }
  /** Memory access at the address on the stack plus `offset`; guest data may have any alignment. */
  memory(name: WasmMemoryInstruction, offset: number): this {
    this.writer.byte(WASM_MEMORY_OPCODES[name][0]);
    this.writer.byte(0);
    this.writer.unsigned(offset);
    return this;
  }
  v128Load(offset: number): this {
    this.writer.bytes([0xfd, 0, 0]);
    this.writer.unsigned(offset);
    return this;
  }
  v128Store(offset: number): this {
    this.writer.bytes([0xfd, 11, 0]);
    this.writer.unsigned(offset);
    return this;
  }
  i32(value: number): this {
    this.writer.byte(0x41);
    this.writer.signed(value);
    return this;
  }
  i64(value: bigint): this {
    this.writer.byte(0x42);
    this.writer.signed64(value);
    return this;
  }
  /** Reads a local; directly after `local.set` of the same local, emits `local.tee` instead. */
  get(local: number): this {
    if (this.lastSetLocal === local && this.lastSetEnd === this.writer.length) {
      this.writer.patch(this.lastSetStart, 0x22);
      this.lastSetLocal = -1;
      return this;
    }
    this.writer.byte(0x20);
    this.writer.unsigned(local);
    return this;
  }
  set(local: number): this {
    this.lastSetStart = this.writer.length;
    this.writer.byte(0x21);
    this.writer.unsigned(local);
    this.lastSetEnd = this.writer.length;
    this.lastSetLocal = local;
    return this;
  }
  /** Copies within the memory: target, source and length are on the stack. */
  memoryCopy(): this {
    this.writer.bytes([0xfc, 10, 0, 0]);
    return this;
  }
  /** Fills memory: target, byte and length are on the stack. */
  memoryFill(): this {
    this.writer.bytes([0xfc, 11, 0]);
    return this;
  }
  call(functionIndex: number): this {
    this.writer.byte(0x10);
    this.writer.unsigned(functionIndex);
    return this;
  }
  callIndirect(typeIndex: number, table: number): this {
    this.writer.byte(0x11);
    this.writer.unsigned(typeIndex);
    this.writer.unsigned(table);
    return this;
  }
  /** Calls a function of a table in place of this one, which need not return: see `hasTailCalls`. */
  returnCallIndirect(typeIndex: number, table: number): this {
    this.writer.byte(0x13);
    this.writer.unsigned(typeIndex);
    this.writer.unsigned(table);
    return this;
  }

  block(): Label {
    return this.open(0x02);
  }
  loop(): Label {
    return this.open(0x03);
  }
  if(): Label {
    return this.open(0x04);
  }
  else(): this {
    this.writer.byte(0x05);
    return this;
  }
  end(): this {
    this.depth--;
    this.writer.byte(0x0b);
    return this;
  }
  br(label: Label): this {
    this.writer.byte(0x0c);
    this.writer.unsigned(this.depth - label.depth);
    return this;
  }
  brIf(label: Label): this {
    this.writer.byte(0x0d);
    this.writer.unsigned(this.depth - label.depth);
    return this;
  }
  brTable(labels: readonly Label[], otherwise: Label): this {
    this.writer.byte(0x0e);
    this.writer.unsigned(labels.length);
    for (const label of labels) this.writer.unsigned(this.depth - label.depth);
    this.writer.unsigned(this.depth - otherwise.depth);
    return this;
  }

  /** The function in the format of the code section: locals, prologue, body, end; without its size. */
  finish(prologue?: Code): Uint8Array {
    const out = new ByteWriter();
    const runs: [number, number][] = [];
    for (const type of this.locals) {
      const last = runs.at(-1);
      if (last?.[1] === type) last[0]++;
      else runs.push([1, type]);
    }
    out.unsigned(runs.length);
    for (const [count, type] of runs) {
      out.unsigned(count);
      out.byte(type);
    }
    if (prologue) out.bytes(prologue.writer.view());
    out.bytes(this.writer.view());
    out.byte(0x0b);
    return out.view();
  }

  private open(opcode: number): Label {
    this.writer.byte(opcode);
    this.writer.byte(0x40);
    this.depth++;
    return { depth: this.depth };
  }
}
