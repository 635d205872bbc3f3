import { toLinear } from '../../kernel/memory/linear-address.js';
import { PROTECTION_EXECUTE } from '../../kernel/memory/mapping.js';
import { windowOf } from '../../kernel/memory/view.js';
import type { Process } from '../../kernel/tasks/process.js';
import type { VmoHandle } from '../../vmo/handle.js';
import { LibraryFile } from '../reports/library-file.js';
import type { DebugLibrary } from '../target.js';

/** Finds the ELF files that processes of Linux run code of: their dynamic linker and their libraries. */
export class MappedImages {
  /** By content id; undefined for a file of another kind. */
  private readonly known = new Map<string, LibraryFile | undefined>();

  /** Those of a process besides its own image, in ascending order of their addresses. */
  of({ linux, view, description }: Process): DebugLibrary[] {
    const found = new Map<string, DebugLibrary>();
    for (const { start, protection, backing } of linux?.memory.region.mappings ?? []) {
      if (!backing || (protection & PROTECTION_EXECUTE) === 0) continue;
      const { vmo, offset } = backing;
      const imageId = vmo.contentId;
      const file = imageId === description.imageId ? undefined : this.read(vmo, imageId);
      const linked = file?.codePageAddress(offset);
      if (!file || linked === undefined) continue;
      const base = BigInt.asUintN(64, toLinear(windowOf(view, start)) - linked);
      const image = (): Uint8Array => vmo.read(0, vmo.length);
      found.set(`${imageId} ${base}`, { base, ...file.extentAt(base), imageId, soname: file.soname, image });
    }
    return [...found.values()];
  }

  private read(vmo: VmoHandle, imageId: string): LibraryFile | undefined {
    if (!this.known.has(imageId)) this.known.set(imageId, LibraryFile.read(vmo));
    return this.known.get(imageId);
  }
}
