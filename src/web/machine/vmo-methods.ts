import { PICTURED_BYTES_MAX, vmoPicture, type VmoPicture } from '../../debug/inspect/vmo-picture.js';
import { pidText } from '../../kernel/tasks/process-table.js';
import type { VmoHandle } from '../../vmo/handle.js';
import { VmoStore } from '../../vmo/store.js';
import type { MethodContext } from './methods.js';

/** A VMO of the machine, or a file of the page. */
export interface ListedVmo {
  /** Names it in `vmoPicture`. */
  readonly key: string;
  readonly title: string;
  readonly length: number;
}

const LISTED_MAX = 500;

/** VMOs that the user made of files; the machine does not know them. */
const files = new Map<string, VmoHandle>();

/** What there is to be drawn: files, images of processes, what is mapped, and what programs have published. */
export function vmoList({ computer, names }: MethodContext): ListedVmo[] {
  const list: ListedVmo[] = [];
  const add = (key: string, title: string, { length }: VmoHandle): void => void list.push({ key, title, length });
  for (const [name, vmo] of files) add(`file ${name}`, `file ${name}`, vmo);
  const { processes, space } = computer.parts.kernel;
  for (const { pid, name, image } of processes.live())
    add(`image ${pid}`, `image of process ${pidText(pid)} (${name})`, image);
  for (const { start, backing } of space.regions.flatMap(({ mappings }) => mappings)) {
    if (!backing || processes.live().some(({ image }) => image.content === backing.vmo.content)) continue;
    add(`map ${start}`, `mapped at 0x${start.toString(16)}`, backing.vmo);
  }
  for (const [name, vmo] of names.publishedVmos()) add(`name ${name}`, name, vmo);
  return list.filter(({ length }) => length <= PICTURED_BYTES_MAX).slice(0, LISTED_MAX);
}

/** A picture of one VMO, or of two that are compared. */
export function pictureOfVmos(context: MethodContext, keys: readonly string[]): VmoPicture {
  return vmoPicture(keys.map((key) => vmoOf(context, key)));
}

/** Makes a VMO of a file, apart from the machine. Returns its key. */
export function addVmo(
  _: MethodContext,
  { name, bytes }: { readonly name: string; readonly bytes: Uint8Array },
): string {
  files.get(name)?.close();
  files.set(name, new VmoStore().fromBytes(bytes));
  return `file ${name}`;
}

function vmoOf({ computer, names }: MethodContext, key: string): VmoHandle {
  const [, kind, what] = /^(\w+) (.*)$/s.exec(key) ?? [];
  const { processes, space } = computer.parts.kernel;
  const found =
    kind === 'file'
      ? files.get(what!)
      : kind === 'image'
        ? processes.find(Number(what))?.image
        : kind === 'map'
          ? space.regionAt(Number(what))?.mappingAt(Number(what))?.backing?.vmo
          : new Map(names.publishedVmos()).get(what!);
  if (!found) throw new Error(`${key}: this VMO no longer exists`);
  return found;
}
