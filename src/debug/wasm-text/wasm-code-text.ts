import type { ValueTypeName } from '../../cpu/wasm/encoding/code.js';
import type { FunctionType } from '../../cpu/wasm/encoding/module.js';
import { readOperation, type WasmOperation } from './wasm-operations.js';
import { WasmFormatError, type WasmReader } from './wasm-reader.js';

/** A line of text and the bytes that it represents. */
export interface WasmLine {
  /** Offset of its first byte in the module. */
  readonly offset: number;
  /** Offset one past its last byte. */
  readonly end: number;
  readonly text: string;
}

/** What formatting a function needs from its module. */
export interface FunctionContext {
  readonly type: FunctionType;
  readonly typeIndex: number;
  readonly name: string;
  readonly functionName: (index: number) => string;
  readonly localName: (local: number) => string;
}

const INDENT = '  ';
/** Nesting depth of functions in a module. */
const OUTER_DEPTH = 1;

/** Maximum number of locals that engines allow. */
const MOST_LOCALS = 50_000;

/**
 * Formats one function, from its locals to its end: a line for the header, one for each run of locals, and one for each
 * instruction. `start` is the offset of its bytes, which begin with their size.
 */
export class WasmCodeText {
  readonly lines: WasmLine[] = [];
  /** Names of the open blocks, the innermost last. */
  private readonly labels: string[] = [];
  private labelCount = 0;

  constructor(
    private readonly reader: WasmReader,
    private readonly context: FunctionContext,
    private start: number,
  ) {}

  read(): WasmLine[] {
    const { context, reader } = this;
    const runs = reader.unsigned();
    this.line(OUTER_DEPTH, headText(context));
    let local = context.type.parameters.length;
    for (let run = 0; run < runs; run++) {
      const count = reader.unsigned();
      if (local + count > MOST_LOCALS) throw new WasmFormatError(`${local + count} locals`, this.start);
      const type = reader.valueType();
      this.line(OUTER_DEPTH + 1, localsText(context, local, count, type));
      local += count;
    }
    while (!reader.isAtEnd) this.instruction();
    return this.lines;
  }

  private line(depth: number, text: string): void {
    const { position } = this.reader;
    this.lines.push({ offset: this.start, end: position, text: INDENT.repeat(depth) + text });
    this.start = position;
  }

  private instruction(): void {
    const operation = readOperation(this.reader);
    const { name } = operation;
    const isEnd = name === 'end';
    if (isEnd) this.labels.pop();
    const depth = OUTER_DEPTH + 1 + this.labels.length;
    if (isEnd && this.reader.isAtEnd) return this.line(OUTER_DEPTH, ')');
    const text = `${name}${this.immediates(operation)}`;
    if (operation.immediates === 'block type') this.labels.push(`$${name}${this.labelCount}`);
    this.line(name === 'else' ? depth - 1 : depth, text);
  }

  /** The immediates in the text format, each preceded by a space. */
  private immediates(operation: WasmOperation): string {
    const { reader, context } = this;
    switch (operation.immediates) {
      case 'none':
        return '';
      case 'block type':
        return ` $${operation.name}${++this.labelCount}${this.blockType()}`;
      case 'label':
        return ` ${this.label()}`;
      case 'label table':
        return ` ${[...reader.list(() => this.label()), this.label()].join(' ')}`;
      case 'local':
        return ` ${context.localName(reader.unsigned())}`;
      case 'function':
        return ` ${context.functionName(reader.unsigned())}`;
      case 'type and table': {
        const type = reader.unsigned();
        return ` ${reader.unsigned()} (type ${type})`;
      }
      case 'global':
      case 'lane':
        return ` ${reader.unsigned()}`;
      case 'i32':
        return ` ${reader.signed(32)}`;
      case 'i64':
        return ` ${reader.signed(64)}`;
      case 'v128':
        return ` i32x4 ${doublewords(reader.take(16)).join(' ')}`;
      case 'lanes':
        return ` ${[...reader.take(16)].join(' ')}`;
      case 'memory argument':
        return this.memoryArgument(operation.naturalAlignment);
    }
  }

  /** A block type: one result, a type of the module, or nothing. */
  private blockType(): string {
    const { reader } = this;
    const isEmpty = reader.bytes[reader.position] === 0x40;
    if (isEmpty) reader.byte();
    const isType = !isEmpty && reader.bytes[reader.position]! < 0x40;
    return isEmpty ? '' : isType ? ` (type ${reader.unsigned()})` : ` (result ${reader.valueType()})`;
  }

  /** A branch target by relative depth; the function itself is the outermost. */
  private label(): string {
    const outward = this.reader.unsigned();
    return this.labels.at(-1 - outward) ?? String(outward);
  }

  private memoryArgument(naturalAlignment: number | undefined): string {
    const alignment = this.reader.unsigned();
    const offset = this.reader.unsigned();
    const aligned = alignment === naturalAlignment ? '' : ` align=${2 ** alignment}`;
    return (offset === 0 ? '' : ` offset=${offset}`) + aligned;
  }
}

function headText({ name, typeIndex, type, localName }: FunctionContext): string {
  const parameters = type.parameters.map((parameter, i) => ` (param ${localName(i)} ${parameter})`);
  return `(func ${name} (type ${typeIndex})${parameters.join('')}${resultsText(type)}`;
}

/** ` (result i32)`, or nothing. */
export function resultsText({ results }: FunctionType): string {
  return results.length === 0 ? '' : ` (result ${results.join(' ')})`;
}

function localsText({ localName }: FunctionContext, first: number, count: number, type: ValueTypeName): string {
  return Array.from({ length: count }, (_, i) => `(local ${localName(first + i)} ${type})`).join(' ');
}

function doublewords(bytes: Uint8Array): string[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return [0, 4, 8, 12].map((at) => `0x${view.getUint32(at, true).toString(16).padStart(8, '0')}`);
}
