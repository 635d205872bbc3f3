import { roundUp } from '../../bits.js';
import { ElfError, bytesOf, type ImageBytes } from './elf-fields.js';
import { HEADER_BYTES, ET_DYN, ET_EXEC, PT_INTERP, PT_NOTE, type ProgramHeader } from './program-headers.js';

const MAGIC = 0x7f45_4c46;
const ELFCLASS32 = 1;
const ELFDATA2MSB = 2;
const ET_REL = 1;
const ET_CORE = 4;
const EM_X86_64 = 62;
/** ELF32's program headers, which an x32 program has. */
const PROGRAM_HEADER_BYTES_32 = 32;

/** Bytes of notes that are read at most, all together: notes are short. */
const MAX_NOTE_BYTES = 4096;
const NT_GNU_ABI_TAG = 1;
const GNU_ABI_LINUX = 0;

/** e_machine of other processors. System V gABI chapter 4 "e_machine" */
const MACHINES: ReadonlyMap<number, string> = new Map([
  [2, 'SPARC'],
  [3, 'x86'],
  [4, 'Motorola 68000'],
  [8, 'MIPS'],
  [20, 'PowerPC'],
  [21, 'PowerPC'],
  [22, 'IBM S/390'],
  [40, 'ARM'],
  [43, 'SPARC'],
  [50, 'Itanium'],
  [183, 'ARM (AArch64)'],
  [243, 'RISC-V'],
  [247, 'BPF'],
  [258, 'LoongArch'],
]);

/** The first bytes of well-known files that are not ELF files. */
const OTHER_FILES: readonly (readonly [start: string, what: string])[] = [
  ['!<arch>\n', 'an archive of object files: link it with bd0 cc'],
  ['MZ', 'a Windows or DOS program'],
  ['\0asm', 'a WebAssembly module'],
  ['\x7fCGC', 'a program of another format'],
  ['\xcf\xfa\xed\xfe', 'a macOS program'],
  ['\xca\xfe\xba\xbe', 'a macOS program or a Java class'],
  ['\x1f\x8b', 'a gzip file'],
  ['PK\x03\x04', 'a zip file'],
];

/** Throws ElfError for what is not an ELF program for x86-64 at all, and says what it is. Returns its ELF header. */
export function checkProgram(image: ImageBytes): DataView {
  const start = image.read(0, Math.min(image.length, HEADER_BYTES));
  const view = new DataView(start.buffer, start.byteOffset, start.byteLength);
  if (start.length < 4 || view.getUint32(0, false) !== MAGIC) throw new ElfError(describeOther(start, image.length));
  if (start.length < HEADER_BYTES)
    throw new ElfError(`the image has ${start.length} bytes, an ELF header has ${HEADER_BYTES}`);
  const [elfClass, data, machine] = [view.getUint8(4), view.getUint8(5), view.getUint16(18, true)];
  if (machine !== EM_X86_64) {
    const isBig = data === ELFDATA2MSB;
    const foreign = MACHINES.get(view.getUint16(18, !isBig));
    const bits = elfClass === ELFCLASS32 ? 32 : 64;
    const order = isBig ? ' (big-endian)' : '';
    const suffix = foreign === undefined ? ` for machine ${view.getUint16(18, !isBig)} (e_machine)` : ` for ${foreign}`;
    throw new ElfError(`it is a ${bits}-bit program${suffix}${order}, not a 64-bit one for x86`);
  }
  if (elfClass === ELFCLASS32 && view.getUint16(42, true) === PROGRAM_HEADER_BYTES_32)
    throw new ElfError('it is a 32-bit program for x86-64 (x32), not a 64-bit one');
  const type = view.getUint16(16, true);
  if (type === ET_REL) throw new ElfError('it is an object file: link it with bd0 cc FILE.o -o OUT');
  if (type === ET_CORE) throw new ElfError('it is a core dump');
  if (type !== ET_EXEC && type !== ET_DYN) throw new ElfError(`e_type is ${type}, not 2 (ET_EXEC) or 3 (ET_DYN)`);
  return view;
}

function describeOther(start: Uint8Array, length: number): string {
  if (length === 0) return 'it is empty';
  const text = Array.from(start, (byte) => String.fromCharCode(byte)).join('');
  const script = /^#![ \t]*([!-~]*)/.exec(text);
  if (script) return `it is a script (#!${script[1]}): BD0 runs ELF programs`;
  const other = OTHER_FILES.find(([magic]) => text.startsWith(magic));
  if (other) return `it is ${other[1]}`;
  const bytes = Array.from(start.subarray(0, 4), (byte) => byte.toString(16).padStart(2, '0')).join(' ');
  return `it is not an ELF file: it starts with ${bytes}, not 7f 45 4c 46`;
}

/**
 * Whether a program is one of Linux: it asks for a dynamic linker, or the C library of Linux starts it. The GNU C library marks
 * its start-up code with a note of the system that it calls (gABI "Note Section", LSB "ABI note tag"). A program of BD0 has a
 * note of its own (guest/lib/start.S). Undefined: it has neither, as programs of musl and Go. EI_OSABI does not tell: linkers
 * set it for symbols as well.
 */
export function isOfLinux(image: ImageBytes, headers: readonly ProgramHeader[]): boolean | undefined {
  const notes: Note[] = [];
  let left = MAX_NOTE_BYTES;
  for (const header of headers) {
    if (header.type !== PT_NOTE || header.filesz > BigInt(left)) continue;
    left -= Number(header.filesz);
    notes.push(...readNotes(image, header));
  }
  if (notes.some(({ name }) => name === 'BD0')) return false;
  if (headers.some(({ type }) => type === PT_INTERP)) return true;
  const isLinux = notes.some(
    ({ name, type, first }) => name === 'GNU' && type === NT_GNU_ABI_TAG && first === GNU_ABI_LINUX,
  );
  return isLinux || undefined;
}

interface Note {
  readonly name: string;
  readonly type: number;
  /** The first word of its descriptor. */
  readonly first: number | undefined;
}

/* 0 n_namesz:u32   4 n_descsz:u32   8 n_type:u32   12 the name, then the descriptor, each filled up to p_align: 4 or 8 bytes */
function readNotes(image: ImageBytes, { offset, filesz, align }: ProgramHeader): Note[] {
  const notes: Note[] = [];
  if (offset + filesz > BigInt(image.length)) return notes;
  const unit = align === 8n ? 8 : 4;
  const view = bytesOf(image, Number(offset), Number(filesz));
  for (let at = 0; at + 12 <= view.byteLength;) {
    const [nameSize, size, type] = [
      view.getUint32(at, true),
      view.getUint32(at + 4, true),
      view.getUint32(at + 8, true),
    ];
    if (nameSize > MAX_NOTE_BYTES || size > MAX_NOTE_BYTES) break;
    const start = at + 12;
    const descriptor = roundUp(start + nameSize, unit);
    at = roundUp(descriptor + size, unit);
    if (descriptor + size > view.byteLength) break;
    const bytes = new Uint8Array(view.buffer, view.byteOffset + start, nameSize);
    const name = Array.from(bytes, (byte) => String.fromCharCode(byte))
      .join('')
      .replace(/\0.*$/s, '');
    notes.push({ name, type, first: size >= 4 ? view.getUint32(descriptor, true) : undefined });
  }
  return notes;
}
