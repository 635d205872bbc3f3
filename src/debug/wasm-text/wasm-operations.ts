import {
  WASM_LANE_OPCODES,
  WASM_MEMORY_OPCODES,
  WASM_OPCODES,
  WASM_VECTOR_OPCODES,
} from '../../cpu/wasm/encoding/opcodes.js';
import { WasmFormatError, type WasmReader } from './wasm-reader.js';

/** Immediates that follow an opcode: WebAssembly Core Specification 5.4. */
export type Immediates =
  | 'none'
  | 'block type'
  | 'label'
  | 'label table'
  | 'local'
  | 'global'
  | 'function'
  | 'type and table'
  | 'i32'
  | 'i64'
  | 'v128'
  | 'memory argument'
  | 'lane'
  | 'lanes';

export interface WasmOperation {
  readonly name: string;
  readonly immediates: Immediates;
  /** For memory accesses: log2 of the default alignment of the text format. */
  readonly naturalAlignment?: number;
}

type Entry = readonly [opcode: number, operation: WasmOperation];

const BULK_PREFIX = 0xfc;
const VECTOR_PREFIX = 0xfd;

/** Instructions that are not emitted by name, but by dedicated methods or directly. */
const STRUCTURE: readonly (readonly [opcode: number, name: string, immediates: Immediates])[] = [
  [0x02, 'block', 'block type'],
  [0x03, 'loop', 'block type'],
  [0x04, 'if', 'block type'],
  [0x05, 'else', 'none'],
  [0x0b, 'end', 'none'],
  [0x0c, 'br', 'label'],
  [0x0d, 'br_if', 'label'],
  [0x0e, 'br_table', 'label table'],
  [0x10, 'call', 'function'],
  [0x11, 'call_indirect', 'type and table'],
  [0x12, 'return_call', 'function'],
  [0x13, 'return_call_indirect', 'type and table'],
  [0x1a, 'drop', 'none'],
  [0x20, 'local.get', 'local'],
  [0x21, 'local.set', 'local'],
  [0x22, 'local.tee', 'local'],
  [0x23, 'global.get', 'global'],
  [0x24, 'global.set', 'global'],
  [0x41, 'i32.const', 'i32'],
  [0x42, 'i64.const', 'i64'],
];

function named(opcodes: Readonly<Record<string, number>>, immediates: Immediates): Entry[] {
  return Object.entries(opcodes).map(([name, opcode]) => [opcode, { name, immediates }]);
}

const OPERATIONS = new Map<number, WasmOperation>([
  ...named(WASM_OPCODES, 'none'),
  ...STRUCTURE.map(([opcode, name, immediates]): Entry => [opcode, { name, immediates }]),
  ...Object.entries(WASM_MEMORY_OPCODES).map(([name, [opcode, naturalAlignment]]): Entry => [
    opcode,
    { name, immediates: 'memory argument', naturalAlignment },
  ]),
]);

/** By the number after the prefix FD. */
const VECTOR_OPERATIONS = new Map<number, WasmOperation>([
  [0, { name: 'v128.load', immediates: 'memory argument', naturalAlignment: 4 }],
  [11, { name: 'v128.store', immediates: 'memory argument', naturalAlignment: 4 }],
  [12, { name: 'v128.const', immediates: 'v128' }],
  [13, { name: 'i8x16.shuffle', immediates: 'lanes' }],
  ...named(WASM_VECTOR_OPCODES, 'none'),
  ...named(WASM_LANE_OPCODES, 'lane'),
]);

/** By the number after the prefix FC, with the number of memory indexes that follow; there is only one memory. */
const BULK_OPERATIONS = new Map<number, { readonly operation: WasmOperation; readonly memories: number }>([
  [10, { operation: { name: 'memory.copy', immediates: 'none' }, memories: 2 }],
  [11, { operation: { name: 'memory.fill', immediates: 'none' }, memories: 1 }],
]);

function readBulkOperation(reader: WasmReader, start: number): WasmOperation {
  const number = reader.unsigned();
  const found = BULK_OPERATIONS.get(number);
  if (!found) throw new WasmFormatError(`the opcode 0xfc ${number} is not known`, start);
  for (let i = 0; i < found.memories; i++)
    if (reader.byte() !== 0) throw new WasmFormatError(`${found.operation.name} is of another memory`, start);
  return found.operation;
}

/** Reads an opcode. Throws WasmFormatError for opcodes that bd0 does not emit. */
export function readOperation(reader: WasmReader): WasmOperation {
  const start = reader.position;
  const opcode = reader.byte();
  if (opcode === BULK_PREFIX) return readBulkOperation(reader, start);
  const number = opcode === VECTOR_PREFIX ? reader.unsigned() : undefined;
  const operation = number === undefined ? OPERATIONS.get(opcode) : VECTOR_OPERATIONS.get(number);
  if (operation) return operation;
  const text = `0x${opcode.toString(16)}${number === undefined ? '' : ` ${number}`}`;
  throw new WasmFormatError(`the opcode ${text} is not known`, start);
}
