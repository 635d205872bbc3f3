import { PAGE_SIZE } from '../../bits.js';
import { toLinear } from '../../kernel/memory/linear-address.js';
import { PROTECTION_EXECUTE } from '../../kernel/memory/mapping.js';
import { windowOf } from '../../kernel/memory/view.js';
import { ElfError } from '../../kernel/program/elf-fields.js';
import { HEADER_BYTES, PF_X, PT_LOAD, readProgramHeaders } from '../../kernel/program/program-headers.js';
import type { Process } from '../../kernel/tasks/process.js';
import type { VmoHandle } from '../../vmo/handle.js';
import { ImageSections } from '../dwarf/image-sections.js';
import type { DebugLibrary } from '../target.js';

/** The first bytes of an ELF64 file: "\x7fELF" and ELFCLASS64. */
const MAGIC = [0x7f, 0x45, 0x4c, 0x46, 0x02];

const SHT_DYNAMIC = 6;
const DT_SONAME = 14n;
const DYNAMIC_ENTRY_BYTES = 16;
const MAX_DYNAMIC_BYTES = 2 ** 16;

/** What is known of an ELF file. */
interface ElfFile {
  /** Where the pages of its code lie in the file, and at which addresses they are linked. */
  readonly code: readonly { readonly offset: number; readonly end: number; readonly address: bigint }[];
  readonly soname: string | undefined;
}

/** Finds the ELF files that processes of Linux run code of: their dynamic linker and their libraries. */
export class MappedImages {
  /** By content id; undefined for a file of another kind. */
  private readonly known = new Map<string, ElfFile | undefined>();

  /** Those of a process besides its own image, in ascending order of their addresses. */
  of({ linux, view, description }: Process): DebugLibrary[] {
    const found = new Map<string, DebugLibrary>();
    for (const { start, protection, backing } of linux?.memory.region.mappings ?? []) {
      if (!backing || (protection & PROTECTION_EXECUTE) === 0) continue;
      const { vmo, offset } = backing;
      const imageId = vmo.contentId;
      const file = imageId === description.imageId ? undefined : this.read(vmo, imageId);
      const code = file?.code.find((one) => offset >= one.offset && offset < one.end);
      if (!code) continue;
      const base = BigInt.asUintN(64, toLinear(windowOf(view, start)) - BigInt(offset - code.offset) - code.address);
      const image = (): Uint8Array => vmo.read(0, vmo.length);
      found.set(`${imageId} ${base}`, { base, imageId, soname: file?.soname, image });
    }
    return [...found.values()];
  }

  private read(vmo: VmoHandle, imageId: string): ElfFile | undefined {
    if (!this.known.has(imageId)) this.known.set(imageId, readElf(vmo));
    return this.known.get(imageId);
  }
}

function readElf(vmo: VmoHandle): ElfFile | undefined {
  if (vmo.length < HEADER_BYTES) return undefined;
  const header = vmo.read(0, HEADER_BYTES);
  if (!MAGIC.every((byte, at) => header[at] === byte)) return undefined;
  try {
    const { headers } = readProgramHeaders(vmo, new DataView(header.buffer, header.byteOffset));
    const code = headers
      .filter(({ type, flags }) => type === PT_LOAD && (flags & PF_X) !== 0)
      .map(({ offset, filesz, vaddr }) => {
        const inPage = offset % BigInt(PAGE_SIZE);
        return { offset: Number(offset - inPage), end: Number(offset + filesz), address: vaddr - inPage };
      });
    return { code, soname: sonameOf(ImageSections.read(vmo)) };
  } catch (error) {
    if (error instanceof ElfError) return undefined;
    throw error;
  }
}

/** What a library calls itself. System V gABI chapter 5 "Dynamic Section". */
function sonameOf(sections: ImageSections): string | undefined {
  const dynamic = sections.all.find(({ type }) => type === SHT_DYNAMIC);
  const names = dynamic && sections.all[dynamic.link];
  const bytes = names && sections.bytesOf(dynamic, MAX_DYNAMIC_BYTES);
  if (!bytes) return undefined;
  const table = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + DYNAMIC_ENTRY_BYTES <= bytes.length; at += DYNAMIC_ENTRY_BYTES)
    if (table.getBigUint64(at, true) === DT_SONAME)
      return sections.stringAt(names, Number(table.getBigUint64(at + 8, true)));
  return undefined;
}
