/** Line number programs and images, byte by byte. */

export interface LineProgramOptions {
  readonly version?: number;
  readonly instructionBytes?: number;
  readonly operationsMax?: number;
  readonly lineRange?: number;
  readonly files?: readonly string[];
  /** Numbers of arguments of standard opcodes behind those that DWARF knows. */
  readonly extraArguments?: readonly number[];
  /** Of version 5: the bytes that describe an entry, and how many there are said to be. */
  readonly directoryFormat?: readonly number[];
  readonly directoryCount?: number;
  readonly program: readonly number[];
}

const ARGUMENTS = [0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1];
const LINE_BASE = -3;
const LINE_RANGE = 14;

const DW_LNCT_PATH = 1;
const DW_FORM_STRING = 8;

/** A unit of .debug_line: its length, header and program. */
export function lineProgram(options: LineProgramOptions): number[] {
  const { version = 5, instructionBytes = 1, operationsMax = 1, lineRange = LINE_RANGE, program } = options;
  const counts = [...ARGUMENTS, ...(options.extraArguments ?? [])];
  const header = [
    ...[instructionBytes, ...(version >= 4 ? [operationsMax] : []), 1, LINE_BASE & 255, lineRange, counts.length + 1],
    ...counts,
    ...(version >= 5 ? tables(options) : oldTables(options)),
  ];
  const unit = [...little(version, 2), ...(version >= 5 ? [8, 0] : []), ...little(header.length, 4), ...header];
  return [...little(unit.length + program.length, 4), ...unit, ...program];
}

function tables({ files = [], directoryFormat, directoryCount = 0 }: LineProgramOptions): number[] {
  const format = [1, DW_LNCT_PATH, DW_FORM_STRING];
  const directories = [...(directoryFormat ?? format), ...unsigned(directoryCount)];
  // Files are numbered from 0; programs begin with number 1.
  return [...directories, ...format, ...unsigned(files.length + 1), ...['first.c', ...files].flatMap(text)];
}

function oldTables({ files = [] }: LineProgramOptions): number[] {
  return [0, ...files.flatMap((file) => [...text(file), 0, 0, 0]), 0];
}

lineProgram.copy = [0x01];
lineProgram.endSequence = [0, 1, 1];
lineProgram.extended = (opcode: number, bytes: readonly number[]): number[] => [
  ...[0, ...unsigned(bytes.length + 1)],
  ...[opcode, ...bytes],
];
lineProgram.setAddress = (address: number): number[] => lineProgram.extended(2, little(address, 8));
lineProgram.advancePc = (operations: number): number[] => [0x02, ...unsigned(operations)];
lineProgram.setFile = (file: number): number[] => [0x04, ...unsigned(file)];
/** From -64 to 63 lines. */
lineProgram.advanceLine = (lines: number): number[] => [0x03, lines & 0x7f];

function text(string: string): number[] {
  return [...Buffer.from(`${string}\0`)];
}

function little(value: number, bytes: number): number[] {
  return Array.from({ length: bytes }, (_, i) => Number((BigInt(value) >> BigInt(8 * i)) & 0xffn));
}

/** LEB128. */
function unsigned(value: number): number[] {
  return value < 0x80 ? [value] : [(value % 0x80) + 0x80, ...unsigned(Math.floor(value / 0x80))];
}

const ELF_HEADER_BYTES = 64;
const SECTION_HEADER_BYTES = 64;
const SHT_PROGBITS = 1;

/** An ELF64 file of nothing but sections. */
export function imageOfSections(sections: Readonly<Record<string, ArrayLike<number>>>): Uint8Array {
  const names = ['', ...Object.keys(sections), '.shstrtab'];
  const nameBytes = Buffer.from(names.map((name) => `${name}\0`).join(''));
  const contents = [new Uint8Array(0), ...Object.values(sections).map((bytes) => Uint8Array.from(bytes)), nameBytes];
  const bodyBytes = contents.reduce((sum, { length }) => sum + length, 0);
  const tableOffset = ELF_HEADER_BYTES + bodyBytes;
  const image = new Uint8Array(tableOffset + names.length * SECTION_HEADER_BYTES);
  const view = new DataView(image.buffer);
  view.setBigUint64(40, BigInt(tableOffset), true);
  view.setUint16(58, SECTION_HEADER_BYTES, true);
  view.setUint16(60, names.length, true);
  view.setUint16(62, names.length - 1, true);
  let offset = ELF_HEADER_BYTES;
  contents.forEach((bytes, index) => {
    const at = tableOffset + index * SECTION_HEADER_BYTES;
    view.setUint32(at, nameBytes.indexOf(`${names[index]}\0`), true);
    view.setUint32(at + 4, index === 0 ? 0 : SHT_PROGBITS, true);
    view.setBigUint64(at + 24, BigInt(offset), true);
    view.setBigUint64(at + 32, BigInt(bytes.length), true);
    image.set(bytes, offset);
    offset += bytes.length;
  });
  return image;
}
