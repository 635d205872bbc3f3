import { SECTION, SYMBOL, type ImageSections, type Section } from '../dwarf/image-sections.js';

/** A word that holds the address of a function once the program or its dynamic linker has chosen it. */
export interface FunctionSlot {
  /** Its address in the file. */
  readonly address: number;
  /** What the file has there. */
  readonly initial: bigint;
}

/** An entry of a symbol table. */
interface NamedSymbol {
  readonly table: Section;
  readonly index: number;
  readonly value: bigint;
  readonly isIndirect: boolean;
}

const RELOCATION_BYTES = 24;
/** STT_GNU_IFUNC: the value is the address of a function that returns the address of the function. */
const STT_GNU_IFUNC = 10;
const R_X86_64_IRELATIVE = 37;
/** R_X86_64_64, R_X86_64_GLOB_DAT and R_X86_64_JUMP_SLOT: the address of a symbol. */
const ADDRESSES = [1, 6, 7];

/** Larger tables are not read, since images are not trusted. */
const MAX_TABLE_BYTES = 2 ** 25;

/**
 * Functions of which a program has several, for different processors, such as `strlen` of glibc. Which of them it runs is known from
 * the words through which it calls them. System V ABI for x86-64, 4.4.1 "Relocation Types".
 */
export class IndirectFunctions {
  private readonly symbols = new Map<string, readonly NamedSymbol[]>();

  constructor(private readonly sections: ImageSections) {}

  /** Whether the image has such a function. */
  has(name: string): boolean {
    return this.named(name).some(({ isIndirect }) => isIndirect);
  }

  /** The words through which the image calls a function of that name, which it or another image has. */
  slots(name: string): FunctionSlot[] {
    const { sections } = this;
    const found: FunctionSlot[] = [];
    const named = this.named(name);
    const resolvers = named.filter(({ isIndirect }) => isIndirect).map(({ value }) => value);
    for (const section of sections.all.filter(({ type }) => type === SECTION.rela)) {
      const symbols = sections.all[section.link];
      for (const [view, at] of entries(sections, section, RELOCATION_BYTES)) {
        const [type, symbol] = [view.getUint32(at + 8, true), view.getUint32(at + 12, true)];
        const isOwn = type === R_X86_64_IRELATIVE && resolvers.includes(view.getBigUint64(at + 16, true));
        const isNamed =
          ADDRESSES.includes(type) && named.some(({ table, index }) => table === symbols && index === symbol);
        if (!isOwn && !isNamed) continue;
        const address = Number(view.getBigUint64(at, true));
        found.push({ address, initial: this.wordAt(address) });
      }
    }
    return found;
  }

  private named(name: string): readonly NamedSymbol[] {
    const known = this.symbols.get(name) ?? [...this.find(name)];
    this.symbols.set(name, known);
    return known;
  }

  private *find(name: string): Generator<NamedSymbol> {
    const { sections } = this;
    for (const table of sections.all.filter(({ type }) => type === SECTION.symtab || type === SECTION.dynsym)) {
      const names = sections.all[table.link];
      const wanted = names && placesOf(sections.bytesOf(names, MAX_TABLE_BYTES), name);
      if (!wanted || wanted.size === 0) continue;
      for (const [view, at, index] of entries(sections, table, SYMBOL.bytes)) {
        if (!wanted.has(view.getUint32(at + SYMBOL.name, true))) continue;
        const isIndirect =
          (view.getUint8(at + SYMBOL.info) & 0xf) === STT_GNU_IFUNC && view.getUint16(at + SYMBOL.section, true) !== 0;
        yield { table, index, value: view.getBigUint64(at + SYMBOL.value, true), isIndirect };
      }
    }
  }

  /** The word at an address of the file; 0 where the file has none. */
  private wordAt(address: number): bigint {
    const section = this.sections.all.find(
      ({ address: start, size, type }) =>
        type !== SECTION.nobits && start > 0 && address >= start && address < start + size,
    );
    const offset = section && section.offset + address - section.address;
    const bytes = section && this.sections.bytesOf({ ...section, offset: offset!, size: 8 }, 8);
    return bytes?.length === 8 ? new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true) : 0n;
  }
}

/** The entries of a table. */
function* entries(
  sections: ImageSections,
  section: Section,
  entryBytes: number,
): Generator<[view: DataView, at: number, index: number]> {
  const view = sections.viewOf(section, MAX_TABLE_BYTES);
  for (let at = 0; at + entryBytes <= view.byteLength; at += entryBytes) yield [view, at, at / entryBytes];
}

/** Where a name, with its terminating zero byte, ends a string of a string table: symbols share the ends of names. */
function placesOf(strings: Uint8Array | undefined, name: string): Set<number> {
  const wanted = new TextEncoder().encode(`${name}\0`);
  const places = new Set<number>();
  for (let at = strings?.indexOf(wanted[0]!) ?? -1; at >= 0; at = strings!.indexOf(wanted[0]!, at + 1))
    if (wanted.every((byte, i) => strings![at + i] === byte)) places.add(at);
  return places;
}
