import { ByteWriter, ValueType, type Code, type ValueTypeName } from './code.js';

export interface FunctionType {
  readonly parameters: readonly ValueTypeName[];
  readonly results: readonly ValueTypeName[];
}

interface WasmFunction {
  readonly type: number;
  readonly code: Code;
  readonly exportName: string | undefined;
  readonly prologue: Code | undefined;
}

/** A Wasm module that imports one memory, and a table if need be, and defines functions. WebAssembly Core Specification 5.5. */
export class WasmModule {
  private readonly types: FunctionType[] = [];
  private readonly functions: WasmFunction[] = [];
  private readonly imports: { readonly name: string; readonly type: number }[] = [];
  private table: { readonly name: string; readonly size: number } | undefined;
  private importedTable: { readonly name: string; readonly size: number } | undefined;
  /** Functions in the module's table, by index. */
  private readonly elements: number[] = [];

  type(parameters: readonly ValueTypeName[], results: readonly ValueTypeName[]): number {
    const same = (a: readonly string[], b: readonly string[]): boolean => a.join() === b.join();
    const found = this.types.findIndex((type) => same(type.parameters, parameters) && same(type.results, results));
    return found >= 0 ? found : this.types.push({ parameters, results }) - 1;
  }

  /**
   * Imports the function `bd0.name` unless it has been, and returns its index; imports come before the module's own functions.
   * A type is declared only for what is imported: V8 never frees the types of a module.
   */
  importFunction(name: string, type: number): number {
    const known = this.imports.findIndex((imported) => imported.name === name);
    if (known >= 0) return known;
    if (this.functions.length > 0) throw new Error('imports come before functions');
    return this.imports.push({ name, type }) - 1;
  }

  /** Adds a function and returns its index. `prologue` uses the function's locals and runs before its code. */
  add(type: number, code: Code, exportName?: string, prologue?: Code): number {
    return this.imports.length + this.functions.push({ type, code, exportName, prologue }) - 1;
  }

  /** Exports a table of `size` entries, to be filled by other modules. */
  exportTable(name: string, size: number): void {
    this.table = { name, size };
  }

  /** Imports the table `bd0.name` with at least `size` entries: table 0, in a module without one of its own. */
  importTable(name: string, size: number): void {
    this.importedTable = { name, size };
  }

  /** Adds a function to the table and returns its index there. */
  addToTable(functionIndex: number): number {
    return this.elements.push(functionIndex) - 1;
  }

  /** The module's bytes; the memory is imported as `bd0.memory` with at least `memoryPages` pages of 64 KiB. */
  encode(memoryPages: number): Uint8Array {
    const out = new ByteWriter();
    out.bytes([0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);
    section(out, 1, (s) => {
      s.unsigned(this.types.length);
      for (const type of this.types) {
        s.byte(0x60);
        for (const values of [type.parameters, type.results]) {
          s.unsigned(values.length);
          for (const value of values) s.byte(ValueType[value]);
        }
      }
    });
    section(out, 2, (s) => {
      const { importedTable } = this;
      s.unsigned(1 + this.imports.length + (importedTable ? 1 : 0));
      s.name('bd0');
      s.name('memory');
      s.bytes([0x02, 0x00]);
      s.unsigned(memoryPages);
      for (const { name, type } of this.imports) {
        s.name('bd0');
        s.name(name);
        s.byte(0x00);
        s.unsigned(type);
      }
      if (!importedTable) return;
      s.name('bd0');
      s.name(importedTable.name);
      s.bytes([0x01, 0x70, 0]);
      s.unsigned(importedTable.size);
    });
    section(out, 3, (s) => {
      s.unsigned(this.functions.length);
      for (const { type } of this.functions) s.unsigned(type);
    });
    const tableSize = this.table?.size ?? this.elements.length;
    if (tableSize > 0)
      section(out, 4, (s) => {
        s.bytes([1, 0x70, 0]);
        s.unsigned(tableSize);
      });
    section(out, 7, (s) => this.encodeExports(s));
    if (this.elements.length > 0)
      section(out, 9, (s) => {
        s.bytes([1, 0, 0x41, 0, 0x0b]);
        s.unsigned(this.elements.length);
        for (const element of this.elements) s.unsigned(element);
      });
    section(out, 10, (s) => {
      s.unsigned(this.functions.length);
      for (const { code, prologue } of this.functions) {
        const body = code.finish(prologue);
        s.unsigned(body.length);
        s.bytes(body);
      }
    });
    return out.view();
  }

  private encodeExports(s: ByteWriter): void {
    const exported = this.functions.flatMap(({ exportName }, index) =>
      exportName ? [{ exportName, index: this.imports.length + index }] : [],
    );
    s.unsigned(exported.length + (this.table ? 1 : 0));
    for (const { exportName, index } of exported) {
      s.name(exportName);
      s.byte(0x00);
      s.unsigned(index);
    }
    if (!this.table) return;
    s.name(this.table.name);
    s.bytes([0x01, 0]);
  }
}

/** A section that means nothing to engines, to be put after a module. */
export function customSection(name: string, bytes: Uint8Array): Uint8Array {
  const out = new ByteWriter();
  section(out, 0, (s) => {
    s.name(name);
    s.bytes(bytes);
  });
  return out.view();
}

function section(out: ByteWriter, id: number, write: (contents: ByteWriter) => void): void {
  const contents = new ByteWriter();
  write(contents);
  out.byte(id);
  out.unsigned(contents.length);
  out.bytes(contents.view());
}
