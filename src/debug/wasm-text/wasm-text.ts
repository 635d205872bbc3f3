import type { FunctionType } from '../../cpu/wasm/encoding/module.js';
import { WasmCodeText, resultsText, type WasmLine } from './wasm-code-text.js';
import { WasmFormatError, WasmReader } from './wasm-reader.js';

export type { WasmLine };
export { WasmFormatError };

/** Names a local of a function, both by their numbers: `$rax`. */
export type LocalNamer = (functionIndex: number, local: number) => string;

const MAGIC_AND_VERSION = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0];

const FUNCTION_EXTERNAL = 0x00;
const EXTERNAL_KINDS = ['func', 'table', 'memory', 'global'];
const FUNCREF = 0x70;
const HAS_MAXIMUM = 1;
const IS_SHARED = 2;

/**
 * The text of a Wasm module that bd0 has made, an instruction a line, as an assembler of the text format would take it.
 * Each byte of the module belongs to exactly one line, in their order. Throws WasmFormatError for what bd0 does not emit.
 */
export function wasmText(bytes: Uint8Array, localName: LocalNamer = (_, local) => `$l${local}`): WasmLine[] {
  return new ModuleText(bytes, localName).read();
}

class ModuleText {
  private readonly reader: WasmReader;
  private readonly lines: WasmLine[] = [];
  /** Where the next line begins. */
  private start = 0;
  private readonly types: FunctionType[] = [];
  /** Types of the functions by their numbers, imported ones first. */
  private readonly functionTypes: number[] = [];
  private importedFunctions = 0;
  /** Names of functions, by their numbers: under which they are imported, or else exported. */
  private readonly names = new Map<number, string>();

  constructor(
    bytes: Uint8Array,
    private readonly localName: LocalNamer,
  ) {
    this.reader = new WasmReader(bytes);
  }

  read(): WasmLine[] {
    const { reader } = this;
    for (const byte of MAGIC_AND_VERSION) reader.expect(byte, 'a byte of magic number and version');
    this.line(reader, '(module');
    while (!reader.isAtEnd) this.section();
    // The parenthesis stands for no byte.
    this.line(reader, ')');
    return this.lines;
  }

  private line(reader: WasmReader, text: string): void {
    this.lines.push({ offset: this.start, end: reader.position, text });
    this.start = reader.position;
  }

  private section(): void {
    const { reader, start } = this;
    const id = reader.byte();
    const length = reader.unsigned();
    const contents = reader.part(length);
    const entry = this.entryReader(id, contents);
    if (!entry) throw new WasmFormatError(`a section ${id} is not known`, start);
    const count = contents.unsigned();
    this.line(contents, `  ;; section ${id}: ${length} bytes, ${count} entries`);
    for (let index = 0; index < count; index++) entry(index);
    if (!contents.isAtEnd) throw new WasmFormatError(`section ${id} goes on behind its entries`, contents.position);
  }

  /** What reads an entry of a section, by its number in the section. */
  private entryReader(id: number, r: WasmReader): ((index: number) => void) | undefined {
    const told = (text: (index: number) => string) => (index: number) => this.line(r, `  ${text(index)}`);
    switch (id) {
      case 1:
        return told((index) => this.type(r, index));
      case 2:
        return told(() => this.import(r));
      case 3:
        return told((index) => `;; func ${this.importedFunctions + index}: type ${this.declare(r)}`);
      case 4:
        return told(() => `(table ${tableText(r)})`);
      case 7:
        return told(() => this.export(r));
      case 9:
        return told(() => this.elements(r));
      case 10:
        return (index) => this.code(r, this.importedFunctions + index);
      default:
        return undefined;
    }
  }

  private type(r: WasmReader, index: number): string {
    r.expect(0x60, 'the form of a type');
    const type = { parameters: r.list(() => r.valueType()), results: r.list(() => r.valueType()) };
    this.types.push(type);
    const parameters = type.parameters.length === 0 ? '' : ` (param ${type.parameters.join(' ')})`;
    return `(type (;${index};) (func${parameters}${resultsText(type)}))`;
  }

  private import(r: WasmReader): string {
    const module = r.name();
    const name = r.name();
    const from = `(import "${module}" "${name}"`;
    const start = r.position;
    const kind = EXTERNAL_KINDS[r.byte()];
    switch (kind) {
      case 'func': {
        const index = this.importedFunctions++;
        this.nameFunction(index, name);
        return `${from} (func ${this.functionName(index)} (type ${this.declare(r)})))`;
      }
      case 'table':
        return `${from} (table ${tableText(r)}))`;
      case 'memory':
        return `${from} (memory ${limitsText(r)}))`;
      case 'global': {
        const type = r.valueType();
        return `${from} (global ${r.byte() === 1 ? `(mut ${type})` : type}))`;
      }
      default:
        throw new WasmFormatError('an import of a kind that is not known', start);
    }
  }

  /** Reads the type of the next function. */
  private declare(r: WasmReader): number {
    const type = r.unsigned();
    this.functionTypes.push(type);
    return type;
  }

  private export(r: WasmReader): string {
    const name = r.name();
    const kind = r.byte();
    const index = r.unsigned();
    if (kind !== FUNCTION_EXTERNAL) return `(export "${name}" (${EXTERNAL_KINDS[kind]} ${index}))`;
    if (index >= this.importedFunctions) this.nameFunction(index, name);
    return `(export "${name}" (func ${this.functionName(index)}))`;
  }

  /** Functions that stand in the table from a constant place on. */
  private elements(r: WasmReader): string {
    r.expect(0, 'the kind of an element segment');
    r.expect(0x41, 'what tells the place of elements');
    const place = r.signed(32);
    r.expect(0x0b, 'what ends the place of elements');
    const functions = r.list(() => r.unsigned()).map((index) => this.functionName(index));
    return `(elem (i32.const ${place}) func${functions.map((name) => ` ${name}`).join('')})`;
  }

  private code(r: WasmReader, index: number): void {
    const typeIndex = this.functionTypes[index];
    const type = this.types[typeIndex ?? -1];
    if (typeIndex === undefined || !type) throw new WasmFormatError(`function ${index} has no type`, r.position);
    const body = r.part(r.unsigned());
    const context = {
      ...{ type, typeIndex, name: this.functionName(index) },
      functionName: (other: number) => this.functionName(other),
      localName: (local: number) => this.localName(index, local),
    };
    this.lines.push(...new WasmCodeText(body, context, this.start).read());
    this.start = r.position;
  }

  /** Names a function that has no name yet, by its number where another one has the name, or it is no identifier. */
  private nameFunction(index: number, name: string): void {
    if (this.names.has(index)) return;
    const isTaken = [...this.names.values()].includes(name) || /^f\d+$/.test(name);
    this.names.set(index, isTaken || !/^\w+$/.test(name) ? `f${index}` : name);
  }

  private functionName(index: number): string {
    return `$${this.names.get(index) ?? `f${index}`}`;
  }
}

function tableText(r: WasmReader): string {
  r.expect(FUNCREF, 'the type of a table');
  return `${limitsText(r)} funcref`;
}

/** `1 16 shared`: the least, the most, and whether threads share it. */
function limitsText(r: WasmReader): string {
  const flags = r.byte();
  const least = r.unsigned();
  const most = flags & HAS_MAXIMUM ? ` ${r.unsigned()}` : '';
  return `${least}${most}${flags & IS_SHARED ? ' shared' : ''}`;
}
